//! One notifier in every mood. Time is tokio's and stands still until nothing else can be done.

use std::sync::Mutex;

use tokio::time::Instant;

use super::*;
use crate::notify::Notifier;
use crate::occurrence::{Evidence, Issue, Kind, Origin, Reason};
use crate::time::Timestamp;

/// Does at each try what it was told to do, and the last of it for ever.
struct Scripted {
    script: Vec<fn() -> Mood>,
    tries: Arc<Mutex<Vec<Instant>>>,
}

enum Mood {
    Fine,
    Hanging,
    Failing(NotifyError),
}

impl Notifier for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    async fn notify(&self, _: &Alert) -> Result<(), NotifyError> {
        let number = {
            let mut tries = self.tries.lock().unwrap();
            tries.push(Instant::now());
            tries.len()
        };
        match self.script[number.min(self.script.len()) - 1]() {
            Mood::Fine => Ok(()),
            Mood::Failing(error) => Err(error),
            Mood::Hanging => std::future::pending().await,
        }
    }
}

fn unavailable() -> Mood {
    Mood::Failing(NotifyError::temporary("503"))
}

fn panicking() -> Mood {
    std::panic::panic_any(7)
}

struct Setup {
    lane: Lane,
    tries: Arc<Mutex<Vec<Instant>>>,
    losses: Arc<LossCounter>,
    driver: tokio::task::JoinHandle<()>,
}

const RULES: RetryRules = RetryRules {
    time_limit: Duration::from_secs(10),
    tries: 4,
};

/// A lane whose driver runs on the test's own runtime.
fn lane(length: usize, script: Vec<fn() -> Mood>) -> Setup {
    let (tries, losses) = (
        Arc::new(Mutex::new(Vec::new())),
        Arc::new(LossCounter::default()),
    );
    let notifier = Arc::new(Scripted {
        script,
        tries: Arc::clone(&tries),
    });
    let (lane, driver) = Lane::parts(notifier, length, RULES, &losses);
    Setup {
        lane,
        tries,
        losses,
        driver: tokio::spawn(driver),
    }
}

impl Setup {
    fn lost(&self) -> Vec<(LossReason, u64)> {
        self.losses.totals().iter().collect()
    }

    fn waits(&self) -> Vec<Duration> {
        self.tries
            .lock()
            .unwrap()
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect()
    }
}

fn alert() -> Arc<Alert> {
    let evidence = Evidence::new(Kind::Test, Timestamp::now(), None);
    let occurrence = evidence.alone(&Arc::new(Origin::default()));
    Arc::new(Alert {
        id: occurrence.id,
        time: occurrence.time,
        reason: Reason::Test,
        issue: Issue::begin(&occurrence, 1),
        occurrence: Arc::new(occurrence),
        held_back: 0,
        lost: Default::default(),
        redactor: crate::redact::Redactor::default(),
    })
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_a_while_is_tried_until_it_arrives() {
    let setup = lane(8, vec![unavailable, || Mood::Hanging, || Mood::Fine]);
    setup.lane.deliver(&alert());
    setup.lane.flush().await;
    let waits = setup.waits();
    assert_eq!(waits.len(), 2);
    assert!(waits[0] <= Duration::from_secs(1), "{waits:?}");
    assert!(
        waits[1] >= RULES.time_limit,
        "the second try hung until its time was over: {waits:?}"
    );
    assert_eq!(setup.lost(), []);
}

#[tokio::test(start_paused = true)]
async fn the_destination_is_given_the_time_it_asks_for() {
    let busy =
        || Mood::Failing(NotifyError::temporary("429").retry_after(Duration::from_secs(120)));
    let setup = lane(8, vec![busy, || Mood::Fine]);
    setup.lane.deliver(&alert());
    setup.lane.flush().await;
    assert!(setup.waits()[0] >= Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_arrive_is_counted_by_what_became_of_it() {
    let refused: fn() -> Mood = || Mood::Failing(NotifyError::refused("400"));
    let gone: fn() -> Mood = || Mood::Failing(NotifyError::destination_gone("404"));
    for (mood, tries, reason) in [
        (unavailable as fn() -> Mood, 4, LossReason::AlertUndelivered),
        (|| Mood::Hanging, 4, LossReason::AlertUndelivered),
        (refused, 1, LossReason::AlertRefused),
        (gone, 1, LossReason::AlertRefused),
        (panicking, 1, LossReason::NotifierPanicked),
    ] {
        let setup = lane(8, vec![mood]);
        setup.lane.deliver(&alert());
        setup.lane.flush().await;
        assert_eq!(setup.tries.lock().unwrap().len(), tries, "{reason:?}");
        assert_eq!(setup.lost(), [(reason, 1)]);
        assert!(!setup.driver.is_finished(), "the lane goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_beyond_the_queue_is_lost_and_counted() {
    let setup = lane(2, vec![|| Mood::Hanging]);
    for _ in 0..5 {
        setup.lane.deliver(&alert());
    }
    assert_eq!(setup.lost(), [(LossReason::AlertQueueFull, 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_test_does_not_wait_for_other_alerts_next_try() {
    let setup = lane(8, vec![unavailable, || Mood::Fine]);
    setup.lane.deliver(&alert());
    while setup.tries.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(setup.lane.test(&alert()).await.result.is_ok());
    assert_eq!(setup.waits(), [Duration::ZERO]);
}

#[tokio::test(start_paused = true)]
async fn a_test_says_what_went_wrong() {
    let setup = lane(8, vec![unavailable, panicking]);
    assert_eq!(
        setup.lane.test(&alert()).await.result,
        Err(NotifyError::temporary("503"))
    );
    assert!(
        setup
            .lane
            .test(&alert())
            .await
            .result
            .unwrap_err()
            .to_string()
            .contains("panicked")
    );
    assert_eq!(setup.lost(), [], "a test is not lost: its sender knows");
}

#[tokio::test(start_paused = true)]
async fn what_is_open_at_the_end_is_given_up_and_counted_once() {
    let setup = lane(8, vec![unavailable]);
    for _ in 0..3 {
        setup.lane.deliver(&alert());
    }
    while setup.tries.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    setup.lane.abandon();
    let losses = Arc::clone(&setup.losses);
    drop(setup.lane);
    setup.driver.await.unwrap();
    assert_eq!(
        losses.totals().iter().collect::<Vec<_>>(),
        [(LossReason::AlertUndelivered, 3)]
    );
}
