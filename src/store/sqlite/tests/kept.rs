//! Bounds: numbers, bytes, age, and the size of the file. Memory is the judge of what goes first.

use super::*;
use crate::store::Memory;

/// The same bytes by any means: with a text of this length.
fn heavy(problem: u64, second: i64, bytes: usize) -> Change {
    let mut json = occurrence_json(problem, second);
    json["missing"] = json!(["x".repeat(bytes)]);
    Change::of(Arc::new(serde_json::from_value(json).unwrap()))
}

fn fingerprints(store: &impl Store) -> Vec<Fingerprint> {
    let issues = wait(store.issues(100_000)).unwrap();
    issues.iter().map(|issue| issue.fingerprint).collect()
}

fn kept_ids(store: &impl Store, problem: Fingerprint) -> Vec<Uuid> {
    let kept = wait(store.occurrences(problem)).unwrap();
    kept.iter().map(|occurrence| occurrence.id).collect()
}

#[test]
fn the_same_is_forgotten_and_kept_as_in_memory() {
    let (_folder, sqlite) = fresh();
    let memory = Memory::new();
    let retention = Retention::new()
        .max_issues(70)
        .max_occurrences(4)
        .max_bytes(100_000);
    // A generator of numbers, the same with each run.
    let mut seed = 7_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let mut forgotten = (0, 0);
    for number in 1..400 {
        let mut changes = std::collections::BTreeMap::new();
        for _ in 0..random(5) + 1 {
            // Fingerprints of both halves of the numbers, and times that are often the same.
            let problem = random(150).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let second = (number / 3 * 10 + random(10)) as i64;
            let mut change = heavy(problem, second, 1_000 + random(2_000) as usize);
            change.count(random(3), at(second));
            changes.insert(problem, change);
        }
        let mut batch = batch(number, changes.into_values().collect());
        batch.retention = retention;
        let batch = Arc::new(batch);
        let muted = random(10) == 0;
        let decide: Decide = Arc::new(move |touched| {
            if muted && let Some(touched) = touched.first_mut() {
                touched.record.issue.state = crate::issue::IssueState::Muted {
                    muted_at: at(0),
                    muted_until: crate::issue::MuteEnd::Never,
                };
            }
            Vec::new()
        });
        let one = wait(sqlite.commit(Arc::clone(&batch), Arc::clone(&decide))).unwrap();
        let other = wait(memory.commit(batch, decide)).unwrap();
        assert_eq!(one.records, other.records);
        forgotten = (forgotten.0 + one.forgotten, forgotten.1 + other.forgotten);
        assert_eq!(forgotten.0, forgotten.1);
        if number % 20 == 0 {
            let all = fingerprints(&memory);
            assert_eq!(fingerprints(&sqlite), all);
            for problem in all {
                assert_eq!(kept_ids(&sqlite, problem), kept_ids(&memory, problem));
            }
        }
    }
    assert!(forgotten.0 > 50, "{forgotten:?}");
    let (issues, bytes) = (
        count(
            &sqlite,
            "SELECT issues = (SELECT count(*) FROM issue) FROM total",
        ),
        count(
            &sqlite,
            "SELECT bytes = (SELECT sum(bytes) FROM occurrence) FROM total",
        ),
    );
    assert_eq!((issues, bytes), (1, 1), "the totals are right");
    let old = Retention::new().max_age(Duration::from_secs(200));
    for store in [&sqlite as &dyn crate::store::DynStore, &memory] {
        assert_eq!(wait(store.tidy(at(1_400), old)), Ok(0));
    }
    assert_eq!(fingerprints(&sqlite), fingerprints(&memory));
    assert!(!fingerprints(&sqlite).is_empty());
}

#[test]
fn the_file_stays_small_whatever_comes_and_gives_room_back() {
    let folder = folder();
    let store = opened(&folder);
    let size = || {
        let lengths = ["monitor.db", "monitor.db-wal"]
            .map(|name| std::fs::metadata(folder.path().join(name)).map_or(0, |it| it.len()));
        lengths[0] + lengths[1]
    };
    let retention = Retention::new().max_bytes(2_000_000);
    let planted = 1_000_000;
    for number in 0..200_u64 {
        let mut changes: Vec<_> = (0..100)
            .map(|at| heavy(1 + number * 100 + at, number as i64, 4_000))
            .collect();
        if number % 50 == 0 {
            let mut real = change(planted, number as i64);
            real.count(10, at(number as i64));
            changes.push(real);
        }
        let mut batch = batch(number, changes);
        batch.retention = retention;
        commit(&store, batch);
        assert!(size() < 32_000_000, "{}", size());
    }
    assert_eq!(record(&store, planted).unwrap().issue.count, 44);
    let issues = count(&store, "SELECT count(*) FROM issue");
    assert!((900..=1_000).contains(&issues), "{issues}");
    let bytes = count(&store, "SELECT bytes FROM total");
    assert!(bytes <= 2_000_000, "{bytes}");

    let pages = count(&store, "SELECT page_count FROM pragma_page_count");
    let few = Retention::new().max_issues(10);
    assert!(wait(store.tidy(at(300), few)).unwrap() > 800);
    let after = count(&store, "SELECT page_count FROM pragma_page_count");
    assert!(after < pages / 2, "{pages} pages became {after}");
    wait(store.close()).unwrap();
    assert!(size() < 2_500_000, "{}", size());
}

#[test]
fn which_batch_was_the_last_is_forgotten_after_a_day() {
    let (_folder, store) = fresh();
    commit(&store, batch(1, vec![change(1, 0)]));
    let keep = Retention::new();
    wait(store.tidy(at(24 * 60 * 60), keep)).unwrap();
    assert_eq!(count(&store, "SELECT count(*) FROM batch"), 1);
    wait(store.tidy(at(24 * 60 * 60 + 1), keep)).unwrap();
    assert_eq!(count(&store, "SELECT count(*) FROM batch"), 0);
}

#[test]
fn totals_that_are_wrong_are_counted_anew() {
    let (_folder, store) = fresh();
    commit(&store, batch(1, vec![change(1, 0)]));
    sql(&store, "UPDATE total SET issues = 77, bytes = -5");
    wait(store.tidy(at(1), Retention::new())).unwrap();
    let right = "SELECT issues = 1 AND bytes = (SELECT sum(bytes) FROM occurrence) FROM total";
    assert_eq!(count(&store, right), 1);
}
