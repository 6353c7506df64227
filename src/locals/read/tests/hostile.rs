//! Types of this program at places where there is anything but a value of theirs.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex};

use gimli::constants as c;
use proptest::prelude::*;

use crate::locals::coroutine::Search;
use smallvec::SmallVec;

use crate::locals::eval::{Known, Where};
use crate::locals::memory::Memory;
use crate::locals::read::{Limits, Reader};
use crate::locals::sample::{OwnMemory, rules, units};
use crate::locals::types::Types;
use crate::locals::units::EntryRef;
use crate::stack::Missing;

/// Memory that is there at every address, and holds what looks like pointers, lengths and tags.
struct Anything {
    seed: u64,
    reads: usize,
}

impl Anything {
    fn word_of(&self, address: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, address & !7).hash(&mut hasher);
        let random = hasher.finish();
        match random % 8 {
            0 => 0,
            1 => random >> 60,
            2 => u64::MAX - (random >> 56),
            3 => (random >> 20) & !15,
            4 => 1 << (random >> 58),
            5 => (random >> 16) & 0x0101_0101_0101_0101,
            _ => random,
        }
    }
}

impl Memory for Anything {
    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Missing> {
        self.reads += 1;
        assert!(into.len() <= 1_000, "{} bytes at once", into.len());
        for (at, byte) in into.iter_mut().enumerate() {
            let address = address.checked_add(at as u64).ok_or(Missing::Unreadable)?;
            *byte = self.word_of(address).to_ne_bytes()[(address & 7) as usize];
        }
        Ok(())
    }
}

/// Types of the first units.
static ALL: LazyLock<Vec<EntryRef>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for number in 0..24 {
        let Some(unit) = units().unit(number) else {
            break;
        };
        let mut entries = unit.unit.entries();
        while let Some(entry) = entries.next_dfs().unwrap() {
            let is_type = matches!(
                entry.tag(),
                c::DW_TAG_structure_type
                    | c::DW_TAG_enumeration_type
                    | c::DW_TAG_pointer_type
                    | c::DW_TAG_array_type
                    | c::DW_TAG_union_type
                    | c::DW_TAG_base_type
                    | c::DW_TAG_subprogram
            );
            if is_type {
                all.push(EntryRef {
                    unit: number,
                    offset: entry.offset().0,
                });
            }
        }
    }
    all
});

fn format_one(types: &mut Types, memory: &mut dyn Memory, at: usize, place: &Where) -> usize {
    let of = types.get(units(), ALL[at % ALL.len()]);
    let mut reader = Reader::new(types, units(), memory, Limits::default());
    let value = reader.value(&of, place);
    let mut search = Search::new(&mut reader, &[]);
    search.look_into(&of, place);
    let held = search.finish().into_iter().flat_map(|one| one.held);
    let found: usize = held
        .map(|mut held| held.value(&mut |of, at| reader.value_at(of, at)))
        .map(|value| value.to_string().len())
        .sum();
    let (shown, json) = (value.to_string(), value.to_json().to_string());
    assert!(
        shown.len() < 60_000 && json.len() < 80_000,
        "{}",
        shown.len()
    );
    found + shown.len()
}

fn places() -> impl Strategy<Value = Where> {
    let near_something = any::<u16>().prop_map(|offset| {
        let local = 0_u8;
        crate::locals::sample::address_of(&local).wrapping_add_signed(i64::from(offset) - 32_768)
    });
    let address = prop_oneof![
        Just(0),
        any::<u64>(),
        (0..64_u64).prop_map(|below| u64::MAX - below),
        (0..4_096_u64),
        near_something,
        Just(ALL.as_ptr().addr() as u64),
        Just(units as fn() -> _ as usize as u64),
    ];
    let known = proptest::collection::vec((any::<u8>(), any::<bool>()), 0..200).prop_map(|all| {
        let (bytes, mask) = all.into_iter().unzip();
        Where::Bytes(Known { bytes, mask })
    });
    prop_oneof![3 => address.prop_map(Where::Memory), 1 => known]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn garbage_is_no_danger(at in any::<usize>(), place in places(), seed in any::<u64>()) {
        let mut types = Types::new(rules());
        let mut anything = Anything { seed, reads: 0 };
        format_one(&mut types, &mut anything, at, &place);
        prop_assert!(anything.reads < 60_000, "{} reads", anything.reads);
        format_one(&mut types, &mut OwnMemory::new(), at, &place);
    }
}

type Deep<T> = BTreeMap<u8, Vec<Box<Mutex<Option<T>>>>>;

fn deep<T>(inner: T) -> Deep<T> {
    BTreeMap::from([(1, vec![Box::new(Mutex::new(Some(inner)))])])
}

#[test]
fn a_small_stack_is_enough() {
    let deepest = deep(deep(deep(deep(deep(deep(1))))));
    let read = move || {
        let mut types = Types::new(rules());
        for at in 0..300 {
            let mut anything = Anything { seed: 7, reads: 0 };
            let place = Where::Memory(4_096 + at as u64 * 64);
            format_one(&mut types, &mut anything, at * 97, &place);
        }
        let shown = crate::locals::sample::read(&deepest).to_string();
        assert_eq!(shown, "{1: [Some({1: [Some({1: <too deep>})]})]}");
    };
    let _types = ALL.len();
    let thread = std::thread::Builder::new().stack_size(STACK);
    thread.spawn(read).unwrap().join().unwrap();
}

/// Of a build that is not optimised; others need a fraction.
const STACK: usize = 128 << 10;

/// As often as `TOWER_MONITOR_HOSTILE` says; a million takes some minutes.
#[test]
fn types_by_the_million_at_hostile_addresses() {
    let rounds: usize =
        std::env::var("TOWER_MONITOR_HOSTILE").map_or(2_000, |text| text.parse().unwrap());
    let mut types = Types::new(rules());
    let mut own = OwnMemory::new();
    let mut anything = Anything { seed: 1, reads: 0 };
    let mut length = 0_usize;
    for round in 0..rounds {
        anything.seed = round as u64 / 64;
        let random = anything.word_of(round as u64 * 8) ^ anything.word_of(!(round as u64) & !7);
        let place = match round % 4 {
            0 => Where::Memory(random),
            1 => Where::Memory(random >> 17 & !7),
            2 => Where::Memory(std::ptr::from_ref(&length).addr() as u64 + (random & 0xff8)),
            _ => {
                let bytes = (0..64).map(|at| (random >> (at % 57)) as u8);
                let bytes: SmallVec<_> = bytes.collect();
                let mask = bytes.iter().map(|byte| byte % 7 != 0).collect();
                Where::Bytes(Known { bytes, mask })
            }
        };
        let at = round.wrapping_mul(7_919);
        length += format_one(&mut types, &mut anything, at, &place);
        length += format_one(&mut types, &mut own, at, &place);
        own.asked.clear();
    }
    assert!(length > rounds);
    let (kept, bytes) = types.kept();
    assert!(
        kept <= 20_000 && bytes < 8 << 20,
        "{kept} types, {bytes} bytes"
    );
    assert!(Arc::strong_count(&types.get(units(), ALL[0])) >= 2);
}
