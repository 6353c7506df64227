//! The promises that every store makes.

use std::sync::atomic::{AtomicU32, Ordering};

use tower_monitor::store::{Postgres, conformance};

use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::{Postgres as Server, shared};

/// Each time another schema.
fn schema() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("s{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn judge(url: &str) {
    conformance::all(async || Postgres::url(url).schema(schema())).await;
    conformance::durable(
        async || schema(),
        async |schema: &String| Postgres::url(url).schema(schema),
    )
    .await;
}

#[tokio::test]
async fn every_promise_is_kept() {
    let Some(server) = shared() else { return };
    judge(&server.database("promises")).await;
}

#[tokio::test]
async fn every_promise_is_kept_behind_a_pooler() {
    let Some(server) = Server::start() else {
        return;
    };
    server.database("promises");
    let Some(pooler) = PgBouncer::start(&server) else {
        return;
    };
    judge(&pooler.url("promises")).await;
}
