//! A server that goes away, hangs and comes back: errors come in time, and no count is lost or doubled.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tower_monitor::store::{Postgres, Store};

use crate::sample::{Process, change, count, insist, opened};
use crate::support::postgres::Postgres as Server;
use crate::support::programs::output;

#[tokio::test]
async fn counts_stay_exact_while_connections_are_cut() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database("cut");
    let store = opened(Postgres::url(&url));
    let done = Arc::new(AtomicBool::new(false));
    let cutter = std::thread::spawn({
        let done = Arc::clone(&done);
        move || {
            let cut =
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cut'";
            let mut cuts = 0;
            while !done.load(Ordering::Relaxed) {
                cuts += server.psql(cut).lines().count();
            }
            (server, cuts)
        }
    });
    let process = Process::new();
    let (mut committed, mut failed) = (0, 0);
    while failed < 40 || committed < 200 {
        failed += insist(&store, process.batch(vec![change(1, 7), change(2, 5)]))
            .await
            .1;
        committed += 1;
    }
    done.store(true, Ordering::Relaxed);
    let (_server, cuts) = cutter.join().unwrap();
    assert!(cuts >= 40, "{cuts}");
    let (one, two) = loop {
        if let (Ok(one), Ok(two)) = (count(&store, 1).await, count(&store, 2).await) {
            break (one, two);
        }
    };
    assert_eq!((one, two), (committed * 7, committed * 5));
    let waiting = store.notifiers().await.unwrap()[0].waiting;
    assert_eq!(waiting, 2, "each was told once");
}

#[tokio::test]
async fn counts_stay_exact_while_the_server_goes_and_comes() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database("restarts");
    let store = opened(Postgres::url(&url));
    let taken = Arc::new(AtomicU64::new(0));
    let restarter = std::thread::spawn({
        let taken = Arc::clone(&taken);
        move || {
            for _ in 0..10 {
                server.stop_server();
                server.start_server();
                let goal = taken.load(Ordering::Relaxed) + 5;
                while taken.load(Ordering::Relaxed) < goal {
                    std::thread::yield_now();
                }
            }
            server
        }
    });
    let process = Process::new();
    let mut failed = 0;
    while !restarter.is_finished() {
        failed += insist(&store, process.batch(vec![change(1, 3)])).await.1;
        taken.fetch_add(1, Ordering::Relaxed);
    }
    let _server = restarter.join().unwrap();
    assert!(failed > 0, "no restart was noticed");
    let taken = taken.load(Ordering::Relaxed);
    assert_eq!(count(&store, 1).await, Ok(taken * 3));
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_found_again() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database("hangs");
    let store = opened(Postgres::url(&url).statement_limit(Duration::from_secs(1)));
    let process = Process::new();
    insist(&store, process.batch(vec![change(1, 1)])).await;

    let sessions = "SELECT pid FROM pg_stat_activity WHERE datname = 'hangs'";
    let hung = server.psql(sessions);
    signal("STOP", hung.lines());
    let begun = Instant::now();
    // The session hangs, but the server takes new ones.
    insist(&store, process.batch(vec![change(1, 1)])).await;
    assert!(begun.elapsed() < Duration::from_secs(20));

    let postmaster = server.psql("SELECT pg_read_file('postmaster.pid')");
    let postmaster = postmaster.lines().next().unwrap();
    let hung_too = server.psql(sessions);
    signal("STOP", hung_too.lines().chain([postmaster]));
    let begun = Instant::now();
    let error = count(&store, 1).await.unwrap_err();
    assert!(error.is_temporary());
    assert!(begun.elapsed() < Duration::from_secs(20));
    signal(
        "CONT",
        hung.lines().chain(hung_too.lines()).chain([postmaster]),
    );
    insist(&store, process.batch(vec![change(1, 1)])).await;
    assert_eq!(count(&store, 1).await, Ok(3));
}

#[tokio::test]
async fn a_server_that_only_reads_is_away() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database("standby");
    let store = opened(Postgres::url(&url));
    let process = Process::new();
    insist(&store, process.batch(vec![change(1, 1)])).await;
    let set = |value: &str| {
        let set = format!("ALTER DATABASE standby SET default_transaction_read_only = {value}");
        server.psql(&set);
        server.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'standby'",
        );
    };
    set("on");
    let batch = process.batch(vec![change(1, 1)]);
    let error = store
        .commit(Arc::clone(&batch), crate::sample::tell_new())
        .await;
    assert!(error.unwrap_err().is_temporary());
    set("off");
    insist(&store, batch).await;
    assert_eq!(count(&store, 1).await, Ok(2));
}

#[tokio::test]
async fn who_waits_for_a_lock_too_long_is_told() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database("locked");
    let store = opened(Postgres::url(&url).statement_limit(Duration::from_millis(500)));
    let process = Process::new();
    insist(&store, process.batch(vec![change(1, 1)])).await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    client
        .batch_execute("BEGIN; LOCK TABLE tower_monitor.issues")
        .await
        .unwrap();
    let batch = process.batch(vec![change(1, 1)]);
    let refused = store.commit(Arc::clone(&batch), crate::sample::tell_new());
    assert!(refused.await.unwrap_err().is_temporary());
    client.batch_execute("COMMIT").await.unwrap();
    insist(&store, batch).await;
    assert_eq!(count(&store, 1).await, Ok(2));
    drop(client);
    connection.await.unwrap().unwrap();
}

fn signal<'p>(signal: &str, processes: impl Iterator<Item = &'p str>) {
    output(Command::new("kill").args(["-s", signal]).args(processes));
}
