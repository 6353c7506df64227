//! Futures that run, and what they kept over other waits.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use super::super::stands::{Running, Wanted};
use super::*;
use crate::locals::memory::Memory;

thread_local! {
    /// The future that is polled, and its vtable.
    static POLLED: Cell<[u64; 2]> = const { Cell::new([0; 2]) };
}

fn with_reader<T>(then: impl FnOnce(&mut Reader<'_>) -> T) -> T {
    let mut types = Types::new(rules());
    let mut memory = OwnMemory::new();
    then(&mut Reader::new(
        &mut types,
        units(),
        &mut memory,
        Limits::default(),
    ))
}

/// What is found in the future that is polled while these calls run, innermost first.
fn found(running: &[Running]) -> Vec<String> {
    let [address, vtable] = POLLED.get();
    let found = with_reader(|reader| {
        let mut search = Search::new(reader, running);
        search.look_behind(address, vtable);
        let found = search.finish();
        read(found, reader)
    });
    let told = |one: &Waiting| {
        let homes = one.homes.iter().map(|home| {
            let star = if home.is_stale { "*" } else { "" };
            format!("{}{star} = {} at home", home.name, shown(home))
        });
        let all: Vec<_> = held(one).into_iter().chain(homes).collect();
        format!("{}: {}", last_part(one), all.join(", "))
    };
    found.iter().map(told).collect()
}

fn poll_known(mut future: Pin<&mut dyn Future<Output = ()>>) {
    let lent: &dyn Future<Output = ()> = &*future;
    let (at, mut memory) = (address_of(&lent), OwnMemory::new());
    POLLED.set([memory.word(at).unwrap(), memory.word(at + 8).unwrap()]);
    let _pending_or_ready = poll(future.as_mut());
}

fn call(function: &str, line: u32, wants: Vec<Wanted>) -> Running {
    Running {
        line: Some(line),
        body: Some(format!("{}::{function}::{{async_fn#0}}", module_path!()).into()),
        wants,
    }
}

fn lost(name: &str, of: &str) -> Wanted {
    Wanted {
        name: name.into(),
        of: of.into(),
        line: None,
        is_lost: true,
    }
}

type Told = RefCell<Vec<Vec<String>>>;

async fn place(count: u32, told: &Told) {
    let name = "Uma Berg".to_owned();
    let line = line!() + 1;
    checked(&name, count + line, line, told).await;
    once_later().await;
    drop(name);
}

async fn checked(name: &str, sum: u32, line: u32, told: &Told) {
    let of_place = |line| call("place", line, Vec::new());
    let own = || call("checked", 0, Vec::new());
    let mut told = told.borrow_mut();
    told.push(found(&[own(), of_place(line)]));
    // In no call, at another line, in the call of something that is not async, and in two calls of its function.
    told.push(found(&[]));
    told.push(found(&[own(), of_place(line + 1)]));
    let called = Running {
        body: None,
        ..own()
    };
    told.push(found(&[called, of_place(line)]));
    told.push(found(&[own(), of_place(line), of_place(line)]));
    assert_ne!(name.len(), sum as usize);
}

#[test]
fn a_future_at_its_first_poll_is_known_by_its_call() {
    let told = Told::default();
    let future = pin!(place(2, &told));
    poll_known(future);
    let told = told.take();
    let [known, others @ ..] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(known.len(), 2, "{known:?}");
    assert!(
        known[0].starts_with("place::{async_fn#0}: ") && known[0].contains(r#"name = "Uma Berg""#)
    );
    assert!(
        known[1].starts_with("checked::{async_fn#0}: ")
            && known[1].contains(r#"name = "Uma Berg""#)
    );
    assert_eq!(others.len(), 4);
    for other in others {
        let [only] = &other[..] else {
            panic!("{other:?}");
        };
        let arguments = "place::{async_fn#0}: count = 2, told = ";
        assert!(only.starts_with(arguments), "{only}");
    }
}

async fn steps() {
    let (first, word) = (3_u32, "three".to_owned());
    let (twin, pair) = (4_u32, Some(5_u8));
    let mut count = 0_u32;
    let slot = &mut count;
    once_later().await;
    *slot += 1;
    let second = first + u32::from(pair.unwrap_or(0));
    assert_eq!(word.len(), 5);
    drop(word);
    {
        let twin = twin + second;
        once_later().await;
        assert_eq!(twin + second, 20);
    }
}

#[test]
fn what_was_kept_over_another_wait_is_where_it_was() {
    let mut future = pin!(steps());
    poll_known(future.as_mut());
    let wants = || {
        let own = [
            ("first", "u32"),
            ("word", "String"),
            ("slot", "&mut u32"),
            ("second", "u32"),
            ("second", "u64"),
            ("never", "u32"),
        ];
        let more = [("pair", "Option<u8>"), ("twin", "u32")];
        own.into_iter()
            .chain(more)
            .map(|(name, of)| lost(name, of))
            .collect()
    };
    let at_home = |wants| {
        let found = found(&[call("steps", 0, wants)]);
        let (_, kept) = found[0].split_once(": ").unwrap();
        let kept = kept
            .split(", ")
            .filter_map(|one| one.strip_suffix(" at home"));
        kept.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(at_home(Vec::new()).is_empty());
    poll_known(future.as_mut());
    let kept = at_home(wants());
    assert!(kept.contains(&"first = 3".to_owned()), "{kept:?}");
    let told = |name: &str| kept.iter().any(|one| one.starts_with(name));
    assert!(told("slot* = "), "{kept:?}");
    assert!(told("pair"), "{kept:?}");
    // Moved, and its place was given to others; kept over this wait; never there; of two, one hides the other.
    assert!(!told("word"), "{kept:?}");
    assert!(
        !told("second") && !told("never") && !told("twin"),
        "{kept:?}"
    );
    let before = |line| Wanted {
        is_lost: false,
        line: Some(line),
        ..lost("first", "u32")
    };
    assert_eq!(at_home(vec![before(1)]), ["first = 3"]);
    assert!(at_home(vec![before(9_999)]).is_empty());
}

#[test]
fn what_owns_nothing_stays_as_it_is_when_it_is_taken() {
    struct Point {
        _x: f32,
        _name: &'static str,
    }
    fn is<T>() -> bool {
        with_reader(|reader| {
            let of = reader.types.get(reader.units, entry_of::<T>());
            reader.is_plain(&of)
        })
    }
    assert!(is::<u32>() && is::<&str>() && is::<&String>() && is::<[u8; 4]>());
    assert!(is::<Option<(u8, char)>>() && is::<Duration>() && is::<Point>());
    assert!(!is::<String>() && !is::<Option<String>>() && !is::<&mut u32>());
    assert!(!is::<Rc<u32>>() && !is::<Box<u32>>() && !is::<Cell<u32>>());
}

async fn arms(is_first: bool) {
    if is_first {
        let part = 1_u32;
        once_later().await;
        assert_eq!(part, 1);
    } else {
        let part = 50_u32;
        once_later().await;
        once_later().await;
        let is_it = part == 50;
        once_later().await;
        assert!(is_it);
    }
}

#[test]
fn of_two_with_a_name_the_one_whose_waits_are_below_is_meant() {
    let line = line!() - 17;
    let mut future = pin!(arms(false));
    for _ in 0..3 {
        poll_known(future.as_mut());
    }
    let homes = |line| {
        let wanted = Wanted {
            line: Some(line),
            ..lost("part", "u32")
        };
        found(&[call("arms", 0, vec![wanted])])[0].clone()
    };
    assert!(
        homes(line + 5).ends_with("part = 50 at home"),
        "{}",
        homes(line + 5)
    );
    assert!(!homes(line + 1).contains("part"), "{}", homes(line + 1));
}
