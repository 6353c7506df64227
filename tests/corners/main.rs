//! Safe in every corner: whatever the app's code does while it fails, the client gets its answer and somebody is told.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod errors;
mod huge;
mod panics;
mod processes;
mod subscribers;

use axum::Router;
use axum::routing::MethodRouter;
use support::{Watched, get, text};
use tower::ServiceExt;
use tower_monitor::Occurrence;

/// Visits the handler, which fails, and gives what was told.
async fn failed(watched: &Watched, handler: MethodRouter) -> Occurrence {
    let app = Router::new()
        .route("/", handler)
        .layer(watched.monitor.layer());
    let response = app.oneshot(get("/")).await.unwrap();
    assert_eq!(response.status(), 500);
    let id = support::id(&response);
    assert!(text(response).await.contains(&id));
    let occurrence = watched.occurrence().await;
    assert_eq!(
        occurrence
            .request
            .as_ref()
            .map_or(&*id, |request| request.id.as_str()),
        id
    );
    assert_eq!(watched.monitor.losses().total(), 0);
    occurrence
}
