//! What a commit of 20 problems costs the server: the inputs of the arithmetic in `docs/production.md`.

use serde_json::json;
use tower_monitor::Timestamp;
use tower_monitor::issue::{AffectedUser, Change};
use tower_monitor::store::Postgres;

use crate::sample::{Process, change, insist, opened};
use crate::support::postgres::Postgres as Server;

#[tokio::test]
async fn a_commit_of_twenty_problems_writes_few_rows() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database("load");
    let store = opened(Postgres::url(&url).pool_size(1));
    let process = Process::new();
    let batch = |round: u64, users: bool| {
        let changes = (0..20).map(|problem| {
            let mut change = change(problem, 50);
            if users {
                for user in 0..3 {
                    let person = person(&mut change, (round * 3 + user) % 100);
                    change.users.push(person);
                }
            }
            change
        });
        process.batch(changes.collect())
    };
    // Everything is at its bound: ten occurrences, a hundred users.
    for round in 0..40 {
        insist(&store, batch(round, true)).await;
    }
    for users in [false, true] {
        server.psql_in("load", "CHECKPOINT");
        let before = Figures::read(&server);
        for round in 0..COMMITS {
            insist(&store, batch(round, users)).await;
        }
        let after = Figures::read(&server);
        let rows = (after.rows - before.rows) as f64 / COMMITS as f64;
        let hot = (after.hot - before.hot) as f64 / (after.updated - before.updated) as f64;
        let wal = (after.wal - before.wal) as f64 / COMMITS as f64 / 1024.0;
        eprintln!(
            "users {users}: {rows:.1} rows, {wal:.1} KiB of WAL a commit; {:.0} % of the updates HOT",
            hot * 100.0
        );
        let bound = if users { 81.0 } else { 61.0 };
        assert!(rows <= bound, "{rows} rows");
    }
}

struct Figures {
    rows: i64,
    updated: i64,
    hot: i64,
    wal: i64,
}

impl Figures {
    /// The statistics of a session reach the table when it ends.
    fn read(server: &Server) -> Self {
        server.psql(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = 'load'",
        );
        let line = server.psql_in(
            "load",
            "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del), sum(n_tup_upd), sum(n_tup_hot_upd), \
             pg_current_wal_lsn() - '0/0' FROM pg_stat_user_tables",
        );
        let mut figures = line.split('|').map(|figure| figure.parse().unwrap());
        let mut next = || figures.next().unwrap();
        Self {
            rows: next(),
            updated: next(),
            hot: next(),
            wal: next(),
        }
    }
}

/// One of the shop's users, with name and address.
fn person(change: &mut Change, number: u64) -> AffectedUser {
    let now = Timestamp::now();
    let value = json!({
        "id": format!("user-{number}"),
        "name": format!("Uma Berg {number}"),
        "email": format!("uma{number}@example.org"),
        "count": 1,
        "first_seen": now,
        "last_seen": now,
        "request_id": uuid::Uuid::new_v4().to_string(),
    });
    change
        .sketch
        .add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    serde_json::from_value(value).unwrap()
}

const COMMITS: u64 = 100;
