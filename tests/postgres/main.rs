//! The store on PostgreSQL: its promises, directly and behind PgBouncer, over TLS, with a server that goes away, hangs and comes
//! back, and with many processes at once.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod crowd;
mod faults;
mod load;
mod promises;
mod rows;
mod sample;
mod starting;
mod tls;
