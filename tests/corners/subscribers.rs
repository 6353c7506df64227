//! A `tracing` subscriber that panics wherever it is asked.

use axum::routing::get;
use tower_monitor::ServerError;
use tracing::instrument::WithSubscriber;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::failed;
use crate::support::watched;

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    NewSpan,
    Record,
    Enter,
    Exit,
    Event,
    Close,
}

struct Panics(At);

impl Panics {
    fn at(&self, at: At) {
        // A second panic while the thread unwinds would end the process, with us and without.
        assert!(
            self.0 != at || std::thread::panicking(),
            "expected in the subscriber, at {at:?}"
        );
    }
}

impl Subscriber for Panics {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tower_monitor")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.at(At::NewSpan);
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {
        self.at(At::Record);
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        self.at(At::Event);
    }
    fn enter(&self, _: &Id) {
        self.at(At::Enter);
    }
    fn exit(&self, _: &Id) {
        self.at(At::Exit);
    }
    fn try_close(&self, _: Id) -> bool {
        self.at(At::Close);
        true
    }
}

#[tokio::test]
async fn a_subscriber_that_panics_costs_no_request_its_answer() {
    for at in [
        At::NewSpan,
        At::Record,
        At::Enter,
        At::Exit,
        At::Event,
        At::Close,
    ] {
        let watched = watched(|builder| builder.audit(tower_monitor::Audit::tracing()));
        let handler = get(|| async { Err::<(), _>(ServerError::from("the handler's own error")) });
        let occurrence = failed(&watched, handler).with_subscriber(Panics(at)).await;
        assert_eq!(
            occurrence.exceptions[0].message, "the handler's own error",
            "{at:?}"
        );
        let panics = get(|| async { panic!("expected in the handler") as () });
        let occurrence = failed(&watched, panics).with_subscriber(Panics(at)).await;
        assert_eq!(
            occurrence.exceptions[0].message, "expected in the handler",
            "{at:?}"
        );
    }
}
