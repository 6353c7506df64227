//! The first use: tables that fifty instances make at once, that a newer release has made, or that nobody may make.

use std::time::{Duration, Instant};

use tower_monitor::store::{Postgres, Store};

use crate::sample::{Process, change, insist, opened, tell_new};
use crate::support::LONG;
use crate::support::postgres::shared;

#[tokio::test]
async fn fifty_instances_make_the_tables_once() {
    let Some(server) = shared() else { return };
    let url = server.database("fifty");
    let stores: Vec<_> = (0..50)
        .map(|_| opened(Postgres::url(&url).pool_size(2).statement_limit(LONG)))
        .collect();
    let all: Vec<_> = stores
        .into_iter()
        .map(|store| tokio::spawn(async move { store.notifiers().await }))
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), Ok(Vec::new()));
    }
    let versions = "SELECT version FROM tower_monitor.migrations";
    assert_eq!(server.psql_in("fifty", versions), "1");
}

#[tokio::test]
async fn tables_of_a_newer_release_are_left_alone() {
    let Some(server) = shared() else { return };
    let url = server.database("newer");
    let make = "CREATE SCHEMA tower_monitor; \
                CREATE TABLE tower_monitor.migrations (version integer PRIMARY KEY); \
                INSERT INTO tower_monitor.migrations VALUES (1), (99)";
    server.psql_in("newer", make);
    let store = opened(Postgres::url(&url));
    let error = store.notifiers().await.unwrap_err();
    assert!(!error.is_temporary());
    let words = error.to_string();
    assert!(
        words.contains("version 99") && words.contains("newer release"),
        "{words}"
    );
    let tables =
        "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'tower_monitor'";
    assert_eq!(server.psql_in("newer", tables), "migrations");
}

#[tokio::test]
async fn who_may_not_make_tables_is_told_what_an_admin_has_to_run() {
    let Some(server) = shared() else { return };
    let url = server.database("rights");
    server.psql("DROP ROLE IF EXISTS shop");
    server.psql("CREATE ROLE shop LOGIN");
    let store = opened(Postgres::url(url.replace("postgres@", "shop@")));
    let error = store.notifiers().await.unwrap_err();
    assert!(error.is_temporary(), "it works when an admin has done it");
    let words = error.to_string();
    let (_, sql) = words.split_once("in this database: ").expect(&words);
    assert!(
        sql.starts_with("CREATE SCHEMA IF NOT EXISTS \"tower_monitor\""),
        "{words}"
    );
    server.psql_in("rights", &sql.replace("<the user in the URL>", "shop"));
    assert_eq!(store.notifiers().await, Ok(Vec::new()));
    server.psql("DROP DATABASE rights WITH (FORCE)");
    server.psql("DROP ROLE shop");
}

#[tokio::test]
async fn tables_that_were_dropped_are_made_anew() {
    let Some(server) = shared() else { return };
    let url = server.database("dropped");
    let store = opened(Postgres::url(&url));
    let process = Process::new();
    insist(&store, process.batch(vec![change(1, 1)])).await;
    server.psql_in("dropped", "DROP SCHEMA tower_monitor CASCADE");
    let second = store.commit(process.batch(vec![change(1, 4)]), tell_new());
    assert_eq!(second.await.unwrap().records[0].issue.count, 4);
}

#[tokio::test]
async fn it_opens_while_the_database_is_away_and_says_so_later() {
    for (url, words) in [
        ("postgres://uma:s3cret@127.0.0.1:1/app", "127.0.0.1:1/app"),
        (
            "postgres://uma:s3cret@db.invalid/app",
            "db.invalid:5432/app",
        ),
    ] {
        let store = opened(Postgres::url(url));
        let error = store.notifiers().await.unwrap_err();
        assert!(error.is_temporary());
        let said = error.to_string();
        assert!(said.contains(words) && !said.contains("s3cret"), "{said}");
    }
}

#[tokio::test]
async fn a_database_that_nobody_answers_for_is_given_up() {
    // It takes connections, and never says a word.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let store = opened(Postgres::url(format!("postgres://uma@{address}/app")));
    let begun = Instant::now();
    let error = store.notifiers().await.unwrap_err();
    assert!(error.to_string().contains("no connection"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_named() {
    let Some(server) = shared() else { return };
    let store = opened(Postgres::url(server.url_of("nowhere")));
    let error = store.notifiers().await.unwrap_err();
    assert!(error.is_temporary());
    assert!(
        error
            .to_string()
            .contains(r#"database "nowhere" does not exist"#),
        "{error}"
    );
}

#[test]
fn wrong_settings_are_told_when_it_is_opened() {
    let right = "postgres://uma:s3cret@127.0.0.1:1/app";
    for (store, words) in [
        (Postgres::url("shop"), "postgres://user:password@"),
        (Postgres::url(right).schema("Robert'); --"), "the schema is"),
        (Postgres::url(right).pool_size(0), "the pool size is 0"),
        (
            Postgres::url(right).statement_limit(Duration::ZERO),
            "the statement limit is 0ns",
        ),
        (
            Postgres::url(right).tls_ca("/nowhere/ca.pem"),
            "/nowhere/ca.pem",
        ),
    ] {
        let error = store.open().unwrap_err();
        assert!(!error.is_temporary());
        assert!(error.to_string().contains(words), "{error}");
        let debug = format!("{store:?} {error}");
        assert!(!debug.contains("s3cret"), "{debug}");
    }
}
