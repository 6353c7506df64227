//! What becomes of an alert: tried again, handed over, written to the log; and of a test.

use super::*;

use std::fmt::Write;

use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Keeps what is written to the log for people.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::registry().with(log.clone());
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl<S: tracing::Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                let _ = write!(self.0, "{field}={value:?} ");
            }
        }
        if event.metadata().target() == "tower_monitor::alert" {
            let mut fields = Fields(String::new());
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields.0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_a_while_is_tried_until_it_arrives_always_with_the_same_id() {
    let setup = setup([script([
        unavailable(),
        Mood::Hanging,
        Mood::Panicking,
        Mood::Fine,
    ])]);
    setup.decide(0, 0..1);
    setup.lane(0).flush().await;
    let waits = setup.seen(0).waits();
    assert_eq!(waits.len(), 3);
    assert!(waits[0] <= Duration::from_secs(1), "{waits:?}");
    assert!(waits[1] >= LIMIT, "the second hung until its time was over");
    assert_eq!(setup.seen(0).ids(), [alert(0, Severity::Error).id; 4]);
    assert_eq!(setup.lost(), []);
    let status = setup.lane(0).status();
    assert_eq!((status.waiting, status.state.delivered), (0, 1));
    let words = status.state.last_error.unwrap();
    assert!(words.contains("panicked"), "{words}");
    assert!(status.state.last_success > status.state.last_failure);
}

#[tokio::test(start_paused = true)]
async fn the_destination_is_given_the_time_it_asks_for_also_for_other_alerts() {
    let setup = setup([script([busy(120), Mood::Fine])]);
    setup.decide(0, 0..1);
    setup.seen(0).until(|seen| seen.tries().len() == 1).await;
    setup.decide(0, 1..2);
    setup.lane(0).flush().await;
    let waits = setup.seen(0).waits();
    assert!(waits[0] >= Duration::from_secs(120), "{waits:?}");
    assert_eq!(setup.seen(0).told(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_one_destination_refuses_goes_to_the_next_and_the_notifier_goes_on() {
    let setup = setup([script([refusing(), Mood::Fine]), script([Mood::Fine])]);
    setup.decide(0, 0..1);
    setup.lane(0).flush().await;
    setup.lane(1).flush().await;
    assert_eq!(setup.seen(1).ids(), setup.seen(0).ids());
    setup.decide(0, 1..2);
    setup.lane(0).flush().await;
    assert_eq!((setup.seen(0).told(), setup.seen(1).told()), (1, 1));
    assert_eq!(setup.lost(), []);
}

#[tokio::test(start_paused = true)]
async fn what_the_next_has_delivered_already_is_not_delivered_by_it_again() {
    let setup = setup([script([refusing()]), script([Mood::Fine])]);
    setup.decide(1, 0..1);
    setup.lane(1).flush().await;
    setup.decide(0, 0..1);
    setup.lane(0).flush().await;
    setup.lane(1).flush().await;
    assert_eq!(setup.seen(1).told(), 1);
    assert_eq!(setup.memory.undelivered(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_gone_stops_its_notifier_and_everything_goes_to_the_next() {
    let mut setup = setup([script([Mood::Fine, gone()]), script([Mood::Fine])]);
    setup.decide(0, 0..1);
    setup.lane(0).flush().await;
    setup.decide(0, 1..31);
    setup.lane(0).flush().await;
    setup.decide(0, 31..41);
    setup.lane(0).flush().await;
    setup.lane(1).flush().await;
    assert_eq!(setup.seen(0).tries().len(), 2, "nothing is tried any more");
    assert_eq!((setup.seen(0).told(), setup.seen(1).told()), (1, 40));
    assert!(setup.lane(0).is_stopped() && !setup.lane(1).is_stopped());
    let trouble = setup.troubles.try_recv().unwrap();
    assert_eq!(trouble.group(), "notifier scripted");
    assert!(trouble.to_string().contains("404"), "{trouble:?}");
    assert!(setup.troubles.try_recv().is_err(), "it is told once");
    assert_eq!(setup.lost(), []);
}

#[tokio::test(start_paused = true)]
async fn what_all_refuse_comes_into_the_log_and_is_counted() {
    let (log, _guard) = Log::begin();
    let setup = setup([script([refusing()]), script([gone()]), script([refusing()])]);
    setup.decide(0, 0..1);
    for _ in 0..2 {
        for place in 0..3 {
            setup.lane(place).flush().await;
        }
    }
    for place in 0..3 {
        assert_eq!(setup.seen(place).tries().len(), 1);
    }
    assert_eq!(setup.lost(), [(LossReason::AlertRefused, 1)]);
    let lines = log.lines();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("not delivered: "), "{lines:?}");
    assert!(lines[0].contains("notifier=\"scripted-3\""), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn when_nobody_works_any_more_every_alert_comes_into_the_log() {
    let (log, _guard) = Log::begin();
    let setup = setup([script([gone()])]);
    setup.decide(0, 0..5);
    setup.lane(0).flush().await;
    assert!(!setup.lane(0).is_stopped(), "it goes on taking alerts");
    assert_eq!(setup.seen(0).tries().len(), 1);
    assert_eq!(setup.lost(), [(LossReason::AlertRefused, 5)]);
    assert_eq!(log.lines().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_notifier_that_panics_at_every_try_of_an_alert_has_refused_it() {
    let setup = setup([script([Mood::Panicking])]);
    setup.decide(0, 0..1);
    setup.lane(0).flush().await;
    assert_eq!(setup.seen(0).tries().len(), 4);
    assert_eq!(setup.lost(), [(LossReason::NotifierPanicked, 1)]);
    assert!(!setup.lanes[0].2.is_finished(), "the lane goes on");
}

#[tokio::test(start_paused = true)]
async fn what_has_waited_too_long_comes_into_the_log_also_while_the_notifier_rests() {
    let (log, _guard) = Log::begin();
    let setup = setup([script([unavailable()])]);
    setup.decide(0, 0..3);
    setup.lane(0).flush().await;
    assert_eq!(setup.clock.now(), at(0).after(DEFAULT_ALERT_AGE));
    assert_eq!(setup.lost(), [(LossReason::AlertUndelivered, 3)]);
    let lines = log.lines();
    assert_eq!(lines.len(), 3);
    for part in ["problem", "why now", "it has waited too long", "how often"] {
        assert!(
            lines[0].contains(part) || part == "problem",
            "{part}: {lines:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_notifier_that_hangs_holds_up_nobody_else() {
    let setup = setup([script([Mood::Hanging]), script([Mood::Fine])]);
    setup.decide(0, 0..1);
    setup.seen(0).until(|seen| seen.tries().len() == 1).await;
    let begun = Instant::now();
    setup.decide(1, 1..2);
    setup.lane(1).flush().await;
    assert_eq!((setup.seen(1).told(), begun.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_test_does_not_wait_for_other_alerts_next_try() {
    let setup = setup([script([unavailable(), Mood::Fine])]);
    setup.decide(0, 0..1);
    setup.seen(0).until(|seen| seen.tries().len() == 1).await;
    let begun = Instant::now();
    let test = alert(9, Severity::Info);
    assert!(setup.lane(0).test(&test).await.result.is_ok());
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_test_says_what_went_wrong_and_when_it_arrives_a_stopped_notifier_goes_on() {
    let setup = setup([
        script([gone(), unavailable(), Mood::Panicking, Mood::Fine]),
        script([Mood::Fine]),
    ]);
    let test = alert(9, Severity::Info);
    setup.decide(0, 0..1);
    setup.lane(0).flush().await;
    assert!(setup.lane(0).is_stopped());
    let result = setup.lane(0).test(&test).await.result;
    assert_eq!(result, Err(NotifyError::temporary("503")));
    let result = setup.lane(0).test(&test).await.result;
    assert!(result.unwrap_err().to_string().contains("panicked"));
    assert!(setup.lane(0).is_stopped());
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(setup.lane(0).test(&test).await.result, Ok(()));
    setup.lane(0).flush().await;
    assert!(!setup.lane(0).is_stopped());
    assert_eq!(setup.lost(), [], "a test is not lost: its sender knows");
}

#[tokio::test(start_paused = true)]
async fn what_is_open_at_the_end_stays_in_the_store() {
    let setup = setup([script([Mood::Hanging])]);
    setup.decide(0, 0..3);
    setup.seen(0).until(|seen| seen.tries().len() == 1).await;
    setup.lane(0).abandon();
    let (lane, seen, driver) = setup.lanes.into_iter().next().unwrap();
    driver.await.unwrap();
    lane.flush().await;
    assert_eq!((seen.tries().len(), setup.memory.undelivered()), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn without_a_shutdown_what_waits_is_still_delivered() {
    let setup = setup([script([unavailable(), Mood::Fine])]);
    setup.decide(0, 0..3);
    let (lane, seen, driver) = setup.lanes.into_iter().next().unwrap();
    drop(lane);
    driver.await.unwrap();
    assert_eq!(seen.told(), 3);
}
