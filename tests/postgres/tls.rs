//! TLS: a server whose certificate is known, and one whose is not.

use tower_monitor::store::{Postgres, Store};

use crate::sample::{Process, change, insist, opened};
use crate::support::postgres::Postgres as Server;

#[tokio::test]
async fn the_servers_certificate_is_verified() {
    let Some(server) = Server::start_tls() else {
        return;
    };
    let url = server.url();
    for mode in ["require", "verify-full", "prefer"] {
        let store = Postgres::url(format!("{url}?sslmode={mode}")).tls_ca(server.authority());
        let store = opened(store);
        insist(&store, Process::new().batch(vec![change(1, 1)])).await;
    }
    let stranger = opened(Postgres::url(format!("{url}?sslmode=require")));
    let error = stranger.notifiers().await.unwrap_err().to_string();
    assert!(
        error.contains("UnknownIssuer") && error.contains("tls_ca"),
        "{error}"
    );
    let plain = opened(Postgres::url(format!("{url}?sslmode=disable")));
    let error = plain.notifiers().await.unwrap_err().to_string();
    assert!(error.contains("no encryption"), "{error}");
}

#[tokio::test]
async fn another_authority_is_refused() {
    let (Some(server), Some(other)) = (Server::start_tls(), Server::start_tls()) else {
        return;
    };
    let store = opened(Postgres::url(server.url()).tls_ca(other.authority()));
    let error = store.notifiers().await.unwrap_err().to_string();
    // Both authorities have the same name, and other keys.
    assert!(error.contains("invalid peer certificate"), "{error}");
}
