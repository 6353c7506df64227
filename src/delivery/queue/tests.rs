//! Proves what the worker gets to know of occurrences and their users, in whatever way they travel.

use super::super::sites::{Counted, Sweeper};
use super::*;
use crate::occurrence::{Kind, ResponseEvidence};
use crate::request::RequestSettings;
use http::StatusCode;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

fn request(user: Option<&str>) -> RequestContext {
    let settings = RequestSettings::default();
    let context = RequestContext::begin(&http::Request::new(()), &settings).0;
    if let Some(user) = user {
        context.set_user(User::new(user).name("Uma"));
    }
    context
}

/// Problems differ by their status.
fn failure(problem: u16, request: RequestContext) -> Evidence {
    let mut evidence = Evidence::new(Kind::ServerError, Timestamp::now(), Some(request));
    let status = StatusCode::from_u16(500 + problem).unwrap();
    evidence.response = Some(ResponseEvidence::new(status));
    evidence
}

/// What the worker gets to know, by problem and user.
#[derive(Default)]
struct Known {
    problems: HashMap<u64, u16>,
    times: HashMap<(u64, u64), u64>,
    counted: Vec<Counted>,
    told: Vec<Affected>,
    whole: u64,
}

impl Known {
    fn collect(&mut self, receiver: &mut mpsc::Receiver<Command>) {
        while let Ok(command) = receiver.try_recv() {
            match command {
                Command::Report(report) => {
                    let user = report.evidence.request.and_then(|request| request.user());
                    if let Some(user) = user {
                        let hash = user_hash(user.id());
                        *self.times.entry((report.key, hash)).or_default() += 1;
                    }
                    self.whole += 1;
                    let status = report.evidence.response.unwrap().status.as_u16();
                    self.problems.insert(report.key, status - 500);
                }
                Command::Affected(affected) => {
                    *self.times.entry((affected.key, affected.hash)).or_default() += 1;
                    self.told.push(*affected);
                }
                _ => panic!("nobody asked for anything else"),
            }
        }
    }

    fn sweep(&mut self, sweeper: &mut Sweeper, sites: &Sites) {
        sweeper.sweep(sites, uptime_seconds(), |counted| {
            for (hash, count) in &counted.users {
                *self.times.entry((counted.key, *hash)).or_default() += count;
            }
            self.counted.push(counted);
        });
    }

    fn count(&self) -> u64 {
        self.counted.iter().map(|counted| counted.count).sum()
    }
}

#[test]
fn it_is_said_which_occurrences_travel_whole() {
    let (queue, mut receiver, _ended) = Queue::new(8, Arc::default(), Gate::default());
    let report = || queue.report(Evidence::new(Kind::Message, Timestamp::now(), None));
    let whole = (0..40).filter(|_| report()).count();
    let mut received = 0;
    while receiver.try_recv().is_ok() {
        received += 1;
    }
    assert_eq!(whole, received);
    assert!((3..40).contains(&whole));
    drop(receiver);
    assert!(!report(), "nobody takes it");
}

#[test]
fn of_each_user_who_is_only_counted_it_is_told_once_who_it_is() {
    let (queue, mut receiver, _ended) = Queue::new(64, Arc::default(), Gate::default());
    let mut known = Known::default();
    let uma = request(Some("uma"));
    // Two windows at most: of each, three travel whole.
    for _ in 0..50 {
        queue.report(failure(1, uma.clone()));
        queue.report(failure(1, request(None)));
    }
    known.collect(&mut receiver);
    known.sweep(&mut Sweeper::default(), &queue.sites);
    let [told] = &known.told[..] else {
        panic!("told {} times", known.told.len());
    };
    assert_eq!(told.user, User::new("uma").name("Uma"));
    assert_eq!(
        (&told.request, told.started_at),
        (uma.id(), uma.started_at())
    );
    assert!(told.time >= told.started_at);
    assert_eq!(told.hash, user_hash("uma"));
    assert_eq!(known.problems[&told.key], 1);
    assert_eq!(known.times, HashMap::from([((told.key, told.hash), 50)]));
    assert_eq!(known.whole + known.count(), 100);
    let sketch = known.counted[0].sketch.as_ref();
    assert_eq!(sketch.map(crate::issue::Sketch::estimate), Some(1));
}

#[test]
fn without_users_nothing_but_the_number_is_kept() {
    let (queue, mut receiver, _ended) = Queue::new(64, Arc::default(), Gate::default());
    let mut known = Known::default();
    for _ in 0..50 {
        queue.report(failure(1, request(None)));
    }
    known.collect(&mut receiver);
    known.sweep(&mut Sweeper::default(), &queue.sites);
    let [counted] = &known.counted[..] else {
        panic!("one problem");
    };
    assert!(known.told.is_empty() && known.times.is_empty());
    assert_eq!((&counted.users[..], &counted.sketch), (&[][..], &None));
}

#[test]
fn while_the_queue_is_half_full_users_are_only_estimated_and_told_of_later() {
    let losses = Arc::new(LossCounter::default());
    let (queue, mut receiver, _ended) = Queue::new(4, Arc::clone(&losses), Gate::default());
    let mut known = Known::default();
    let users: Vec<_> = (0..20).map(|n| request(Some(&n.to_string()))).collect();
    for problem in [1, 2] {
        for user in &users {
            queue.report(failure(problem, user.clone()));
        }
    }
    known.collect(&mut receiver);
    assert_eq!((known.whole, known.told.len()), (4, 0));
    known.sweep(&mut Sweeper::default(), &queue.sites);
    assert!(known.counted.iter().all(|counted| counted.users.is_empty()));
    let estimates = known.counted.iter().map(|counted| {
        let sketch = counted.sketch.as_ref().unwrap();
        (counted.count, sketch.estimate())
    });
    let estimates: Vec<_> = estimates.collect();
    assert!(estimates.iter().all(|(count, estimate)| count == estimate));
    assert_eq!((estimates.len(), known.count()), (2, 36));
    assert!(losses.totals().of(LossReason::OccurrenceDetails) >= 2);
    // There is room again.
    let user = &users[10];
    for _ in 0..10 {
        queue.report(failure(1, user.clone()));
    }
    known.collect(&mut receiver);
    known.sweep(&mut Sweeper::default(), &queue.sites);
    let told: Vec<_> = known.told.iter().map(|told| told.user.id()).collect();
    assert_eq!(told, ["10"]);
    assert_eq!(known.times[&(known.told[0].key, user_hash("10"))], 10);
}

#[test]
fn no_user_is_lost_or_counted_at_another_problem_while_threads_report() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 300;
    const PROBLEMS: u16 = 7;
    const USERS: u64 = 40;
    let length = (THREADS * ROUNDS * u64::from(PROBLEMS)) as usize;
    let (queue, mut receiver, _ended) = Queue::new(length, Arc::default(), Gate::default());
    let (queue, done) = (&queue, &AtomicBool::new(false));
    let mut known = Known::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        for problem in 0..PROBLEMS {
                            let user = (round + thread) % USERS;
                            let request = request(Some(&format!("{problem}/{user}")));
                            queue.report(failure(problem, request));
                        }
                    }
                })
            })
            .collect();
        let known = &mut known;
        let receiver = &mut receiver;
        scope.spawn(move || {
            let mut sweeper = Sweeper::default();
            loop {
                let last = done.load(Ordering::Acquire);
                known.sweep(&mut sweeper, &queue.sites);
                known.collect(receiver);
                if last {
                    return;
                }
            }
        });
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        done.store(true, Ordering::Release);
    });
    assert_eq!(
        known.whole + known.count(),
        THREADS * ROUNDS * u64::from(PROBLEMS)
    );
    let mut expected = HashMap::new();
    let keys: HashMap<_, _> = (known.problems.iter())
        .map(|(key, problem)| (*problem, *key))
        .collect();
    for thread in 0..THREADS {
        for round in 0..ROUNDS {
            for problem in 0..PROBLEMS {
                let user = format!("{problem}/{}", (round + thread) % USERS);
                *expected
                    .entry((keys[&problem], user_hash(&user)))
                    .or_default() += 1;
            }
        }
    }
    assert_eq!(known.times, expected);
}
