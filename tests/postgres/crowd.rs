//! Many instances at once: every problem is decided once, and no count is lost.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tower_monitor::store::{Postgres, Store};

use crate::sample::{Process, change, count, insist, opened, tell_new};
use crate::support::LONG;
use crate::support::postgres::shared;

#[tokio::test]
async fn a_problem_that_hits_fifty_instances_at_once_is_told_once() {
    let Some(server) = shared() else { return };
    let url = server.database("crowd");
    let stores: Vec<_> = (0..50)
        .map(|_| opened(Postgres::url(&url).pool_size(1).statement_limit(LONG)))
        .collect();
    let told = Arc::new(AtomicU64::new(0));
    let all: Vec<_> = stores
        .into_iter()
        .enumerate()
        .map(|(at, store)| {
            let told = Arc::clone(&told);
            tokio::spawn(async move {
                let process = Process::new();
                for _ in 0..4 {
                    // Each names the problems in another order.
                    let mut changes: Vec<_> = (0..5).map(|n| change(n, 3)).collect();
                    changes.rotate_left(at % 5);
                    let committed = store.commit(process.batch(changes), tell_new()).await;
                    told.fetch_add(committed.unwrap().outgoing, Ordering::Relaxed);
                }
                store
            })
        })
        .collect();
    let mut last = None;
    for one in all {
        last = Some(one.await.unwrap());
    }
    let store = last.unwrap();
    for problem in 0..5 {
        assert_eq!(count(&store, problem).await, Ok(50 * 4 * 3));
    }
    assert_eq!(told.load(Ordering::Relaxed), 5);
    assert_eq!(store.notifiers().await.unwrap()[0].waiting, 5);
}

/// Half of the next test, in a process of its own.
#[tokio::test]
#[ignore = "run by `two_processes_with_the_same_new_problem_tell_of_it_once`"]
async fn one_of_two_processes() {
    let url = std::env::var("TOWER_MONITOR_TEST_URL").unwrap();
    let store = opened(Postgres::url(&url));
    let process = Process::new();
    let mut told = 0;
    for problem in 0..ROUNDS {
        let batch = process.batch(vec![change(problem, 2)]);
        // Both are ready before either begins.
        wait_for_the_other(&url, problem).await;
        told += insist(&store, batch).await.0.outgoing;
    }
    eprintln!("told={told}");
}

#[tokio::test]
async fn two_processes_with_the_same_new_problem_tell_of_it_once() {
    let Some(server) = shared() else { return };
    let url = server.database("two");
    server.psql_in("two", "CREATE TABLE ready (round bigint)");
    let one = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crowd::one_of_two_processes"])
            .args(["--ignored", "--nocapture"])
            .env("TOWER_MONITOR_TEST_URL", &url)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let both = [one(), one()];
    let told = both.map(|child| {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{text}");
        let (_, told) = text.split_once("told=").expect(&text);
        let told: u64 = told.lines().next().unwrap().parse().unwrap();
        told
    });
    assert_eq!(told.iter().sum::<u64>(), ROUNDS, "{told:?}");
    assert!(told.iter().all(|told| *told > 0), "no race: {told:?}");
    let store = opened(Postgres::url(&url));
    assert_eq!(store.notifiers().await.unwrap()[0].waiting, ROUNDS);
    for problem in 0..ROUNDS {
        assert_eq!(count(&store, problem).await, Ok(4));
    }
}

async fn wait_for_the_other(url: &str, round: u64) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let round = format!("{round}");
    let here = format!("INSERT INTO ready VALUES ({round})");
    client.batch_execute(&here).await.unwrap();
    let both = format!("SELECT FROM ready WHERE round = {round} HAVING count(*) = 2");
    while client.query(&both, &[]).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

const ROUNDS: u64 = 200;
