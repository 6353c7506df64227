//! Proves when the store hears of what, that nothing is forgotten on the way, and that what waits is bounded.

use super::pace::MAX_INTERVAL;
use super::*;
use crate::issue::AffectedUser;
use crate::occurrence::{Evidence, Kind, Origin};

fn ledger() -> Ledger {
    Ledger::new(Uuid::from_u128(7), Retention::new())
}

fn occurrence(problem: u64) -> Arc<Occurrence> {
    let evidence = Evidence::new(Kind::ServiceError, Timestamp::now(), None);
    let mut occurrence = evidence.alone(&Arc::new(Origin::default()));
    occurrence.fingerprint = Fingerprint::from_u64(problem);
    Arc::new(occurrence)
}

fn counted(problem: u64, count: u64) -> Change {
    let mut change = Change::review(Fingerprint::from_u64(problem));
    change.count(count, Timestamp::now());
    change
}

/// What a store would say to the batch.
fn committed(batch: &Batch) -> Committed {
    let records = batch.changes.iter().filter_map(|change| {
        let mut record = Record::begin(change)?;
        record.apply(change, None, 9, batch.now);
        Some(record)
    });
    Committed {
        records: records.collect(),
        ..Committed::default()
    }
}

/// Sends what is due, and returns how many occurrences of how many problems that were.
fn send(ledger: &mut Ledger, now: Instant) -> Option<(u64, usize)> {
    if ledger.next_due(now).is_none_or(|due| due > now) {
        return None;
    }
    let batch = ledger.take(now, 0)?;
    ledger.committed(&committed(&batch), Duration::from_millis(1), now);
    let count = batch.changes.iter().map(|change| change.count).sum();
    Some((count, batch.changes.len()))
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_new_goes_at_once_and_what_is_known_once_a_second() {
    let (mut ledger, begin) = (ledger(), Instant::now());
    ledger.add(Change::of(occurrence(1)));
    assert_eq!(send(&mut ledger, begin), Some((1, 1)));
    let mut sent = Vec::new();
    for tenth in 0..100 {
        let now = begin + SECOND / 10 * tenth;
        ledger.add(counted(1, 1_000));
        sent.extend(send(&mut ledger, now));
    }
    // What waits for its second does not hold up what is new.
    ledger.add(Change::of(occurrence(2)));
    assert_eq!(send(&mut ledger, begin + SECOND / 10 * 99), Some((1, 1)));
    assert_eq!(sent.len(), 9);
    assert!(
        sent.iter().all(|sent| *sent == (10_000, 1)) || sent[0] == (11_000, 1),
        "{sent:?}"
    );
    let rest = ledger.take(begin + 10 * SECOND, u64::MAX).unwrap();
    let total: u64 = sent.iter().map(|(count, _)| count).sum();
    assert_eq!(total + rest.changes[0].count, 100_000);
    assert!(rest.changes[0].newest.is_some(), "there is one to show");
}

#[test]
fn a_flood_of_new_problems_goes_in_few_batches() {
    let (mut ledger, begin) = (ledger(), Instant::now());
    let mut batches = 0;
    for n in 0..10_000_u64 {
        let lost = ledger.add(Change::of(occurrence(n)));
        assert_eq!(lost, 0);
        // Ten thousand in a second.
        let now = begin + Duration::from_micros(100 * n);
        batches += u64::from(send(&mut ledger, now).is_some());
    }
    assert!(batches <= 50 + 50 + 1, "{batches}");
    assert!(ledger.known.len() <= MAX_KNOWN);
}

#[test]
fn a_slow_store_is_asked_less_often() {
    let (mut ledger, begin) = (ledger(), Instant::now());
    let mut at = begin;
    for took in [Duration::from_millis(500), Duration::from_secs(30)] {
        ledger.add(Change::of(occurrence(1)));
        let batch = ledger.take(at, u64::MAX).unwrap();
        ledger.committed(&committed(&batch), took, at);
        ledger.add(counted(1, 1));
        let wait = ledger.next_due(at).unwrap() - at;
        assert_eq!(wait, (took * 20).min(MAX_INTERVAL));
        ledger.take(at, u64::MAX).unwrap();
        ledger.committed(&Committed::default(), took, at);
        at += SECOND;
    }
}

#[test]
fn what_may_have_arrived_comes_again_as_it_was() {
    let (mut ledger, now) = (ledger(), Instant::now());
    ledger.add(Change::of(occurrence(1)));
    let first = ledger.take(now, 0).unwrap();
    ledger.add(Change::of(occurrence(2)));
    ledger.add(counted(1, 4));
    let again = ledger.take(now, u64::MAX).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(ledger.unsaved_count(), 6);
    let unsaved = ledger.unsaved();
    let count = |problem| {
        let mut unsaved = unsaved.iter();
        let of = unsaved.find(|it| it.change.fingerprint == Fingerprint::from_u64(problem));
        of.map(|it| it.change.count)
    };
    assert_eq!((count(1), count(2)), (Some(5), Some(1)));
    ledger.committed(&committed(&again), SECOND, now);
    let next = ledger.take(now, u64::MAX).unwrap();
    assert_eq!((first.number + 1, next.changes.len()), (next.number, 2));
    assert_eq!(ledger.unsaved_count(), 5);
}

#[test]
fn what_was_told_without_the_store_is_kept_until_that_knows_it() {
    let (mut ledger, now) = (ledger(), Instant::now());
    ledger.add(Change::of(occurrence(1)));
    let batch = ledger.take(now, 0).unwrap();
    let memory = Memory {
        alerts: 1,
        ..Memory::default()
    };
    ledger.tell(Fingerprint::from_u64(1), memory.clone());
    assert_eq!(ledger.unsaved()[0].told, Some(memory.clone()));
    assert!(ledger.unsaved().is_empty(), "nothing has come since");
    assert_eq!(ledger.told(&batch).len(), 1);
    // The store had it already, and did not look at what was told.
    ledger.committed(&committed(&batch), SECOND, now);
    assert_eq!(ledger.told(&batch).len(), 1);
    ledger.add(counted(1, 1));
    let batch = ledger.take(now, u64::MAX).unwrap();
    let mut knows = committed(&batch);
    knows.records[0].memory.merge(&memory);
    ledger.committed(&knows, SECOND, now);
    assert!(ledger.told(&batch).is_empty());
    assert_eq!(ledger.unsaved_count(), 0);
}

#[test]
fn what_waits_is_bounded_and_the_rest_is_counted() {
    let mut ledger = ledger();
    let lost: u64 = (0..3_000)
        .map(|n| ledger.add(Change::of(occurrence(n))))
        .sum();
    assert_eq!(lost, 3_000 - MAX_PENDING as u64);
    for _ in 0..50 {
        assert_eq!(ledger.add(Change::of(occurrence(5))), 0);
    }
    let kept = &ledger.pending[&Fingerprint::from_u64(5)].change;
    assert_eq!(
        (kept.count, kept.occurrences.len()),
        (51, MAX_UNSAVED_OCCURRENCES)
    );
}

#[test]
fn a_user_can_be_forgotten_on_the_way_to_the_store() {
    let mut ledger = ledger();
    let mut change = Change::of(occurrence(1));
    change.users = vec![
        AffectedUser::new("42", Timestamp::now()),
        AffectedUser::new("43", Timestamp::now()),
    ];
    ledger.add(change);
    ledger.forget_user("42");
    let users = &ledger.pending[&Fingerprint::from_u64(1)].change.users;
    assert_eq!(
        users.iter().map(|user| &*user.id).collect::<Vec<_>>(),
        ["43"]
    );
}

#[test]
fn who_has_waited_longest_goes_first_and_what_is_new_before_what_is_known() {
    let (mut ledger, now) = (ledger(), Instant::now());
    for problem in (0..600).rev() {
        ledger.add(Change::of(occurrence(problem)));
    }
    let batch = ledger.take(now, 0).unwrap();
    assert_eq!(batch.changes.len(), MAX_BATCH);
    assert!(
        batch
            .changes
            .iter()
            .all(|it| it.fingerprint.as_u64() >= 600 - 256)
    );
    assert!(batch.changes.is_sorted_by_key(|it| it.fingerprint));
}

#[test]
fn a_flush_waits_for_what_came_before_it_only() {
    let (mut ledger, now) = (ledger(), Instant::now());
    ledger.add(Change::of(occurrence(1)));
    let before = ledger.added();
    let batch = ledger.take(now, before).unwrap();
    ledger.add(Change::of(occurrence(2)));
    assert!(!ledger.is_saved(before), "it is under way");
    ledger.committed(&committed(&batch), SECOND, now);
    assert!(ledger.is_saved(before) && !ledger.is_saved(ledger.added()));
}

#[test]
fn what_the_store_will_not_take_does_not_hold_up_the_rest() {
    let (mut ledger, now) = (ledger(), Instant::now());
    for problem in 1..=3 {
        ledger.add(Change::of(occurrence(problem)));
    }
    ledger.take(now, 0).unwrap();
    ledger.refused();
    let mut taken = Vec::new();
    let mut lost = 0;
    while let Some(batch) = ledger.take(now, u64::MAX) {
        assert_eq!(batch.changes.len(), 1);
        match batch.changes[0].fingerprint.as_u64() {
            2 => ledger.refused(),
            problem => {
                taken.push(problem);
                lost += ledger.committed(&committed(&batch), SECOND, now);
            }
        }
    }
    taken.sort_unstable();
    assert_eq!((taken, lost), (vec![1, 3], 1));
}

#[test]
fn with_no_room_left_what_was_told_makes_room_for_what_is_new() {
    let mut ledger = ledger();
    for problem in 0..MAX_PENDING as u64 {
        assert_eq!(ledger.add(Change::of(occurrence(problem))), 0);
    }
    assert_eq!(
        ledger.add(Change::of(occurrence(5_000))),
        1,
        "nobody is told of any"
    );
    ledger.tell(Fingerprint::from_u64(7), Memory::default());
    assert_eq!(ledger.add(Change::of(occurrence(5_001))), 1);
    assert!(!ledger.pending.contains_key(&Fingerprint::from_u64(7)));
    assert!(ledger.pending.contains_key(&Fingerprint::from_u64(5_001)));
}
