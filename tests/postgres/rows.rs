//! Rows that others have written, locked, taken or forgotten: they harm nothing but themselves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tower_monitor::Timestamp;
use tower_monitor::issue::Retention;
use tower_monitor::store::{Joined, Lease, Plan, Planner, Postgres, Store};
use uuid::Uuid;

use crate::sample::{Process, change, fingerprint, insist, opened, tell_new};
use crate::support::LONG;
use crate::support::postgres::shared;

fn lease() -> Lease {
    Lease {
        notifier: "log".to_owned(),
        now: Timestamp::now(),
        duration: Duration::from_secs(60),
    }
}

fn take_first() -> Planner {
    Arc::new(|_, waiting| Plan {
        take: waiting.first().map(|entry| entry.id),
        ..Plan::default()
    })
}

#[tokio::test]
async fn an_unreadable_row_beside_good_ones_stops_nothing() {
    let Some(server) = shared() else { return };
    let store = opened(Postgres::url(server.database("unreadable")));
    let process = Process::new();
    insist(&store, process.batch(vec![change(1, 1), change(2, 1)])).await;
    server.psql_in(
        "unreadable",
        r#"SET search_path = tower_monitor;
           UPDATE issues SET record = '{"of":"a newer release"}' WHERE fingerprint = 1;
           UPDATE occurrences SET occurrence = '{"kind":"newer"}' WHERE fingerprint = 2;
           INSERT INTO affected VALUES (1, '{"newer":["u7"]}');
           UPDATE outbox SET user_id = 'u7', summary = '{}', alert = '{"reason":"newer"}'
           WHERE id = (SELECT min(id::text)::uuid FROM outbox);"#,
    );

    let more = process.batch(vec![change(1, 3), change(2, 4)]);
    let committed = store.commit(more, tell_new()).await.unwrap();
    assert_eq!(committed.unknown, [fingerprint(1)]);
    assert_eq!(committed.records.len(), 1);
    assert_eq!(committed.records[0].issue.count, 5);
    let record = "SELECT record FROM tower_monitor.issues WHERE fingerprint = 1";
    assert_eq!(
        server.psql_in("unreadable", record),
        r#"{"of":"a newer release"}"#
    );

    let issues = store.issues(10).await.unwrap();
    let problems: Vec<_> = issues.iter().map(|issue| issue.fingerprint).collect();
    assert_eq!(problems, [fingerprint(2)]);
    let kept = store.occurrences(fingerprint(2)).await.unwrap();
    assert_eq!(kept.len(), 1, "the one that came later");

    let claimed = store.claim(lease(), take_first()).await.unwrap();
    assert!(claimed.entry.is_some(), "the good one is delivered");
    let again = store.claim(lease(), take_first()).await.unwrap();
    assert_eq!((again.entry.is_some(), again.leased), (false, 1));

    assert_eq!(store.forget_user("u7").await, Ok(2));
    let affected = store.affected(fingerprint(1)).await.unwrap();
    assert!(affected.has_more && affected.users.is_empty());
    assert_eq!(store.notifiers().await.unwrap()[0].waiting, 1);
}

#[tokio::test]
async fn an_alert_that_cannot_be_read_does_not_keep_others_from_being_taken() {
    let Some(server) = shared() else { return };
    let store = opened(Postgres::url(server.database("unreadable_alert")));
    let both = Process::new().batch(vec![change(1, 1), change(2, 1)]);
    insist(&store, both).await;
    server.psql_in(
        "unreadable_alert",
        "UPDATE tower_monitor.outbox SET alert = '{}' WHERE id = (SELECT min(id::text)::uuid FROM tower_monitor.outbox)",
    );
    let mut taken = 0;
    for _ in 0..2 {
        let claimed = store.claim(lease(), take_first()).await.unwrap();
        taken += u32::from(claimed.entry.is_some());
    }
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn a_look_that_is_given_up_leaves_nobody_waiting() {
    let Some(server) = shared() else { return };
    let url = server.database("given_up");
    let store = opened(Postgres::url(&url).statement_limit(Duration::from_secs(3)));
    assert_eq!(store.notifiers().await, Ok(Vec::new()));
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    client
        .batch_execute("BEGIN; LOCK TABLE tower_monitor.notifiers")
        .await
        .unwrap();
    let until_waiting = |goal: &str| {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'given_up' AND wait_event_type = 'Lock'";
        let begun = Instant::now();
        while server.psql(waiting) != goal {
            assert!(begun.elapsed() < LONG, "not {goal}");
        }
    };
    let look = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.notifiers().await }
    });
    tokio::task::yield_now().await;
    until_waiting("1");
    look.abort();
    assert!(look.await.unwrap_err().is_cancelled());
    until_waiting("0");
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(store.notifiers().await, Ok(Vec::new()));
    drop(client);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_forgotten_before_its_batch_came_again_is_not_unknown() {
    let Some(server) = shared() else { return };
    let store = opened(Postgres::url(server.database("again")));
    let batch = Process::new().batch(vec![change(1, 1)]);
    insist(&store, Arc::clone(&batch)).await;
    server.psql_in("again", "DELETE FROM tower_monitor.issues");
    let again = store.commit(batch, tell_new()).await.unwrap();
    assert_eq!((again.records.len(), again.unknown.len()), (0, 0));
    assert_eq!(again.outgoing, 1);
}

#[tokio::test]
async fn alerts_that_have_nothing_to_go_into_stay() {
    let Some(server) = shared() else { return };
    let store = opened(Postgres::url(server.database("join")));
    let both = Process::new().batch(vec![change(1, 1), change(2, 1)]);
    insist(&store, both).await;
    let plan: Planner = Arc::new(|_, waiting| Plan {
        join: Some(Joined {
            keep: Uuid::nil(),
            id: Uuid::from_u128(1),
            created_at: Timestamp::now(),
            gone: waiting.iter().map(|entry| entry.id).collect(),
            also: Vec::new(),
            also_more: 0,
            lost: tower_monitor::Losses::default(),
        }),
        ..Plan::default()
    });
    let claimed = store.claim(lease(), plan).await.unwrap();
    assert_eq!((claimed.plan.join, claimed.waiting), (None, 2));
    assert_eq!(store.notifiers().await.unwrap()[0].waiting, 2);
}

#[tokio::test]
async fn a_lease_of_a_clock_that_was_set_back_does_not_hold() {
    let Some(server) = shared() else { return };
    let store = opened(Postgres::url(server.database("set_back")));
    insist(&store, Process::new().batch(vec![change(1, 1)])).await;
    let takes = async || {
        let claimed = store.claim(lease(), take_first()).await.unwrap();
        claimed.entry.map(|entry| entry.tries)
    };
    assert_eq!(takes().await, Some(1));
    let set_back = |by: &str| {
        let set = format!(
            "UPDATE tower_monitor.outbox SET leased_at = leased_at + interval '{by}', \
             leased_until = leased_until + interval '{by}'"
        );
        server.psql_in("set_back", &set);
    };
    set_back("1 minute");
    assert_eq!(takes().await, None);
    set_back("1 day");
    assert_eq!(takes().await, Some(2));
    assert_eq!(takes().await, None);
}

#[tokio::test]
async fn a_fleet_tidies_every_ten_minutes_and_not_more_often() {
    let Some(server) = shared() else { return };
    let url = server.database("tidied");
    let (one, other) = (opened(Postgres::url(&url)), opened(Postgres::url(&url)));
    let problems = Process::new().batch((1..=20).map(|n| change(n, 1)).collect());
    insist(&one, problems).await;
    let few = |issues| Retention::new().max_issues(issues);
    let now = Timestamp::now();
    let shift = |by: &str| {
        let shift = format!("UPDATE tower_monitor.tidied SET at = at + interval '{by}'");
        server.psql_in("tidied", &shift);
    };
    assert_eq!(one.tidy(now, few(15)).await, Ok(5));
    assert_eq!(other.tidy(now, few(10)).await, Ok(0), "too soon");
    shift("-11 minutes");
    assert_eq!(other.tidy(now, few(10)).await, Ok(5));
    shift("1 day");
    assert_eq!(one.tidy(now, few(8)).await, Ok(2), "a clock was set back");
}
