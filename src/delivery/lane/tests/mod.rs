//! Notifiers in every mood, on a store in memory. Time is tokio's and stands still until nothing else can be done.

mod fate;
mod outage;
mod stores;

use std::sync::Mutex;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use super::*;
use crate::delivery::DEFAULT_ALERT_AGE;
use crate::delivery::fixtures::{alert, at, outgoing};
use crate::issue::{Desk, Severity};
use crate::loss::LossReason;
use crate::notify::{Budget, Notifier};
use crate::store::Memory;

/// What a notifier does with an alert.
#[derive(Clone)]
enum Mood {
    Fine,
    /// It arrives, but takes a second.
    Slow,
    Hanging,
    Panicking,
    Failing(NotifyError),
}

fn unavailable() -> Mood {
    Mood::Failing(NotifyError::temporary("503"))
}

fn busy(seconds: u64) -> Mood {
    let wait = Duration::from_secs(seconds);
    Mood::Failing(NotifyError::temporary("429").retry_after(wait))
}

fn refusing() -> Mood {
    Mood::Failing(NotifyError::refused("400"))
}

fn gone() -> Mood {
    Mood::Failing(NotifyError::destination_gone("404"))
}

/// What a notifier has seen: each try with its alert and whether it arrived.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Try>>>);

#[derive(Clone)]
struct Try {
    at: Instant,
    alert: Alert,
    arrived: bool,
}

impl Seen {
    fn tries(&self) -> Vec<Try> {
        self.0.lock().unwrap().clone()
    }

    fn ids(&self) -> Vec<Uuid> {
        self.tries().iter().map(|seen| seen.alert.id).collect()
    }

    fn waits(&self) -> Vec<Duration> {
        let tries = self.tries();
        let pairs = tries.windows(2);
        pairs.map(|pair| pair[1].at - pair[0].at).collect()
    }

    /// How many alerts arrived, joined ones included.
    fn told(&self) -> u64 {
        let tries = self.tries();
        let arrived = tries.iter().filter(|seen| seen.arrived);
        arrived.map(|seen| seen.alert.alerts()).sum()
    }

    /// Looks from time to time until it is so.
    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        while !holds(self) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

type Script = Box<dyn Fn(usize) -> Mood + Send + Sync>;

/// Does at each try what its script says.
struct Scripted {
    script: Script,
    budget: Budget,
    seen: Seen,
}

impl Notifier for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let number = self.seen.0.lock().unwrap().len();
        let mood = (self.script)(number);
        self.seen.0.lock().unwrap().push(Try {
            at: Instant::now(),
            alert: alert.clone(),
            arrived: matches!(mood, Mood::Fine | Mood::Slow),
        });
        match mood {
            Mood::Fine => Ok(()),
            Mood::Slow => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(())
            }
            Mood::Failing(error) => Err(error),
            Mood::Hanging => std::future::pending().await,
            Mood::Panicking => std::panic::panic_any(7),
        }
    }

    fn budget(&self) -> Budget {
        self.budget
    }
}

/// A monitor's lanes, each with its notifier, on stores that others may share.
struct Setup {
    lanes: Vec<(Lane, Seen, JoinHandle<()>)>,
    memory: Arc<Memory>,
    losses: Arc<LossCounter>,
    troubles: mpsc::Receiver<Trouble>,
    clock: Clock,
}

/// A list of moods, the last of which stays for ever.
fn script(moods: impl IntoIterator<Item = Mood>) -> Script {
    let moods: Vec<_> = moods.into_iter().collect();
    Box::new(move |number| moods[number.min(moods.len() - 1)].clone())
}

fn setup(scripts: impl IntoIterator<Item = Script>) -> Setup {
    let memory = Arc::new(Memory::new());
    let sources = vec![Arc::clone(&memory) as Arc<dyn DynStore>];
    let scripts = scripts.into_iter();
    let scripts = scripts.map(|script| (script, Budget::unlimited()));
    start(memory, &sources, Clock::of_tokio(at(0)), scripts.collect())
}

fn start(
    memory: Arc<Memory>,
    sources: &[Arc<dyn DynStore>],
    clock: Clock,
    scripts: Vec<(Script, Budget)>,
) -> Setup {
    let losses = Arc::new(LossCounter::default());
    let (sender, troubles) = mpsc::channel(16);
    let (channels, all_seen): (Vec<_>, Vec<_>) = scripts
        .into_iter()
        .map(|(script, budget)| {
            let seen = Seen::default();
            let notifier = Scripted {
                script,
                budget,
                seen: seen.clone(),
            };
            (Channel::new(notifier), seen)
        })
        .unzip();
    let row = Arc::new(Row::of(&channels));
    let parts = channels.into_iter().enumerate();
    let lanes = parts.zip(all_seen).map(|((place, channel), seen)| {
        let (lane, driver) = Lane::parts(LaneParts {
            channel,
            row: Arc::clone(&row),
            place,
            sources: sources.to_vec(),
            time_limit: LIMIT,
            max_age: DEFAULT_ALERT_AGE,
            desk: Desk::default(),
            losses: Arc::clone(&losses),
            clock: clock.clone(),
            troubles: sender.clone(),
        });
        (lane, seen, tokio::spawn(driver))
    });
    Setup {
        lanes: lanes.collect(),
        memory,
        losses,
        troubles,
        clock,
    }
}

const LIMIT: Duration = Duration::from_secs(10);

impl Setup {
    fn lane(&self, place: usize) -> &Lane {
        &self.lanes[place].0
    }

    fn seen(&self, place: usize) -> &Seen {
        &self.lanes[place].1
    }

    /// Has alerts with these numbers wait for one notifier.
    fn decide(&self, place: usize, numbers: std::ops::Range<u64>) {
        let name = self.lane(place).name();
        let alerts = numbers.map(|number| outgoing(name, alert(number, Severity::Error)));
        self.memory.take_on(alerts.collect(), self.clock.now());
        self.lane(place).wake();
    }

    fn lost(&self) -> Vec<(LossReason, u64)> {
        self.losses.totals().iter().collect()
    }
}
