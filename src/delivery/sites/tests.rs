//! Proves that nothing is counted twice, not at all, or at the wrong problem.

use super::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn key(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
}

/// A problem that has no words.
fn problem(n: u64) -> Site {
    Site {
        exact: key(n),
        place: key(n),
    }
}

fn admit(sites: &Sites, n: u64, seconds: u64) -> Admission {
    let admission = sites.admit(problem(n), seconds).1;
    if let Admission::Counted(slot) = admission {
        sites.count(slot);
    }
    admission
}

#[test]
fn beyond_some_words_of_a_place_it_is_the_place_that_counts() {
    let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
    let said = |words: u64, seconds| {
        let site = Site {
            exact: key(words),
            place: key(0),
        };
        sites.admit(site, seconds).0
    };
    for words in 1..=16 {
        assert_eq!(said(words, 100), key(words));
    }
    assert_eq!((said(17, 100), said(18, 100)), (key(0), key(0)));
    assert_eq!(said(3, 100), key(3), "known words stay known");
    // When they are forgotten, there is room for others.
    for second in [200, 231, 300, 331, 400, 431] {
        sweeper.sweep(&sites, second, |_| {});
    }
    assert!(!sweeper.sweep(&sites, 500, |_| {}), "every slot is free");
    assert_eq!(said(17, 501), key(17));
}

#[test]
fn a_place_that_was_freed_before_its_words_takes_words_again() {
    let sites = Sites::new();
    let site = |words| Site {
        exact: key(words),
        place: key(0),
    };
    let (_, Some(words)) = sites.slot_for(site(1)) else {
        panic!("there is room");
    };
    let place = sites.find(key(0)).unwrap();
    sites.free(place);
    // Another problem takes its slot, and the place another slot.
    let other = key(0) + SLOTS as u64;
    assert_eq!(sites.find_or_claim(other), (Some(place), true));
    assert_eq!(sites.0[place].wordings.load(Ordering::Acquire), 0);
    assert!(matches!(admit(&sites, 0, 100), Admission::Whole(_)));
    sites.free(words);
    assert_eq!(sites.admit(site(2), 100).0, key(2));
}

#[test]
fn the_first_of_a_window_travel_whole_and_the_rest_are_counted() {
    let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
    for second in [100, 101, 110] {
        let whole = (0..50).filter(|_| matches!(admit(&sites, 1, second), Admission::Whole(_)));
        let expected = if second == 101 { 0 } else { 3 };
        assert_eq!(whole.count(), expected, "in second {second}");
    }
    let mut counted = Vec::new();
    assert!(sweeper.sweep(&sites, 111, |new| counted.push((new.key, new.count))));
    assert_eq!(counted, [(key(1), 47 + 50 + 47)]);
    sweeper.sweep(&sites, 111, |_| panic!("counted twice"));
}

#[test]
fn slots_run_out_and_are_freed_again() {
    let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
    let refused = |second| {
        (0..3_000)
            .filter(|n| admit(&sites, *n, second) == Admission::NoSlot)
            .count()
    };
    assert!(refused(100) >= 3_000 - SLOTS);
    assert!(
        sweeper.sweep(&sites, 200, |_| {}),
        "what was counted is taken"
    );
    assert!(
        sweeper.sweep(&sites, 200, |_| {}),
        "what nobody uses is closing"
    );
    assert!(
        !sweeper.sweep(&sites, 231, |_| {}),
        "what was closed is free"
    );
    assert!(matches!(admit(&sites, 5_000, 232), Admission::Whole(_)));
}

#[test]
fn a_late_count_at_a_closing_slot_is_not_lost_and_goes_to_its_own_problem() {
    let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
    let Admission::Whole(slot) = admit(&sites, 1, 100) else {
        panic!("the first travels whole");
    };
    assert!(sweeper.sweep(&sites, 200, |_| panic!("nothing was counted")));
    // The slot is closing. The same problem gets another one; who still holds the old one counts there.
    assert!(matches!(admit(&sites, 1, 200), Admission::Whole(other) if other != slot));
    sites.count(slot);
    let mut counted = Vec::new();
    sweeper.sweep(&sites, 231, |new| counted.push((new.key, new.count)));
    assert_eq!(counted, [(key(1), 1)]);
    // The old slot is free now, for anybody.
    assert!(matches!(
        admit(&sites, 1 + SLOTS as u64, 232),
        Admission::Whole(_)
    ));
}

#[test]
fn nothing_is_counted_twice_or_not_at_all_while_threads_count() {
    let sites = Arc::new(Sites::new());
    let done = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let sites = Arc::clone(&sites);
            std::thread::spawn(move || {
                let mut whole = HashMap::<u64, u64>::new();
                for n in 0..200_000_u64 {
                    let slot = n % 700;
                    match admit(&sites, slot, 100) {
                        Admission::Counted(_) => {}
                        Admission::Whole(_) | Admission::NoSlot => {
                            *whole.entry(slot).or_default() += 1
                        }
                    }
                }
                whole
            })
        })
        .collect();
    let collector = {
        let (sites, done) = (Arc::clone(&sites), Arc::clone(&done));
        std::thread::spawn(move || {
            let (mut total, mut sweeper) = (0, Sweeper::default());
            loop {
                let last = done.load(Ordering::Acquire);
                sweeper.sweep(&sites, 100, |counted| total += counted.count);
                if last {
                    return total;
                }
            }
        })
    };
    let whole: u64 = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap().into_values())
        .sum();
    done.store(true, Ordering::Release);
    assert_eq!(whole + collector.join().unwrap(), 800_000);
}

#[test]
fn the_users_of_a_slot_go_with_it() {
    let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
    let hit = |key, user, second| {
        let site = Site {
            exact: key,
            place: key,
        };
        let admission = sites.admit(site, second).1;
        let (Admission::Whole(slot) | Admission::Counted(slot)) = admission else {
            panic!("there is room");
        };
        if sites.note_user(slot, user) {
            sites.remember_user(slot, user);
        }
        sites.count(slot);
        slot
    };
    let key = key(1);
    let slot = hit(key, 7, 100);
    hit(key, 7, 100);
    let mut seen = Vec::new();
    sweeper.sweep(&sites, 200, |counted| seen.push(counted));
    sweeper.sweep(&sites, 200, |_| panic!("counted twice"));
    // The slot is closing. Somebody who still holds it is counted at the right problem.
    assert!(!sites.note_user(slot, 7) && sites.note_user(slot, 8));
    sites.remember_user(slot, 8);
    assert!(!sites.note_user(slot, 8));
    sites.count(slot);
    sweeper.sweep(&sites, 231, |counted| seen.push(counted));
    let sketch = |users: &[u64]| {
        let mut sketch = Sketch::default();
        users.iter().for_each(|user| sketch.add(*user));
        Some(sketch)
    };
    let counted = |count, users: &[(u64, u64)], sketch| Counted {
        key,
        count,
        users: users.to_vec(),
        sketch,
    };
    let expected = [
        counted(2, &[(7, 1)], sketch(&[7])),
        counted(1, &[(8, 1), (7, 1)], sketch(&[7, 8])),
    ];
    seen[1]
        .users
        .sort_unstable_by_key(|(user, _)| u64::MAX - user);
    assert_eq!(seen, expected);
    // Another problem gets it, with nobody in it.
    assert_eq!(hit(key + SLOTS as u64, 9, 300), slot);
    assert!(sites.note_user(slot, 7) && sites.note_user(slot, 8) && !sites.note_user(slot, 9));
}
