//! Values of which some bytes are known, others not.

use crate::locals::eval::{Known, Where};
use crate::locals::read::{Limits, Reader};
use crate::locals::sample::{OwnMemory, entry_of, read_with, rules, units};
use crate::locals::types::Types;
use crate::stack::{Missing, Value};

fn read_known<T>(bytes: Vec<u8>, mask: Vec<bool>) -> String {
    let mut types = Types::new(rules());
    let of = types.get(units(), entry_of::<T>());
    let mut memory = OwnMemory::new();
    let mut reader = Reader::new(&mut types, units(), &mut memory, Limits::default());
    let (bytes, mask) = (bytes.into(), mask.into());
    let at = Where::Bytes(Known { bytes, mask });
    reader.value(&of, &at).to_string()
}

fn words(words: &[Option<u64>]) -> (Vec<u8>, Vec<bool>) {
    let bytes = words
        .iter()
        .flat_map(|word| word.unwrap_or(0).to_ne_bytes());
    let mask = words.iter().flat_map(|word| [word.is_some(); 8]);
    (bytes.collect(), mask.collect())
}

#[repr(C)]
struct Pair {
    first: u64,
    second: u64,
}

#[repr(C, u64)]
enum Shape {
    Round(u64),
    Square { side: u64 },
}

#[test]
fn known_fields_stand_beside_lost_ones() {
    let (bytes, mask) = words(&[Some(7), None]);
    let expected = "Pair { first: 7, second: <optimized out> }";
    assert_eq!(read_known::<Pair>(bytes, mask), expected);
    // Bytes that are not there at all are not known either.
    let (bytes, mask) = words(&[Some(7)]);
    assert_eq!(read_known::<Pair>(bytes, mask), expected);
    let (bytes, mask) = words(&[Some(1), Some(2)]);
    assert_eq!(read_known::<[u64; 2]>(bytes, mask), "[1, 2]");
    let all = Pair {
        first: 1,
        second: 2,
    };
    assert_eq!(all.first + all.second, 3);
}

#[test]
fn half_a_number_is_none() {
    let mut mask = vec![true; 8];
    mask[6] = false;
    assert_eq!(read_known::<u64>(vec![1; 8], mask), "<optimized out>");
}

#[test]
fn an_enum_needs_its_tag() {
    let (bytes, mask) = words(&[Some(1), None]);
    assert_eq!(
        read_known::<Shape>(bytes, mask),
        "Square { side: <optimized out> }"
    );
    let (bytes, mask) = words(&[None, Some(5)]);
    assert_eq!(read_known::<Shape>(bytes, mask), "<optimized out>");
    let (bytes, mask) = words(&[Some(9), Some(5)]);
    assert_eq!(read_known::<Shape>(bytes, mask), "<invalid>");
    let (bytes, mask) = words(&[Some(0)]);
    assert_eq!(read_known::<Option<Box<u8>>>(bytes, mask), "None");
    let shapes = [Shape::Round(1), Shape::Square { side: 2 }];
    let sum: u64 = shapes
        .iter()
        .map(|shape| match shape {
            Shape::Round(size) | Shape::Square { side: size } => size,
        })
        .sum();
    assert_eq!(sum, 3);
}

#[test]
fn a_text_in_registers_is_followed() {
    let text = "in registers";
    let (bytes, mask) = words(&[Some(text.as_ptr().addr() as u64), Some(12)]);
    assert_eq!(read_known::<&str>(bytes, mask), r#""in registers""#);
    let (bytes, mask) = words(&[None, Some(12)]);
    assert_eq!(read_known::<&str>(bytes, mask), "<optimized out>");
}

#[test]
fn impossible_values_are_invalid() {
    let address = "x".as_ptr().addr() as u64;
    let string = |capacity, length| words(&[Some(capacity), Some(address), Some(length)]);
    let (bytes, mask) = string(0, 1);
    assert_eq!(read_known::<String>(bytes, mask), "<invalid>");
    let (bytes, mask) = string(1 << 60, 1 << 60);
    assert_eq!(read_known::<String>(bytes, mask), "<invalid>");
    let (bytes, mask) = words(&[Some(3), Some(1), Some(1)]);
    assert_eq!(read_known::<Vec<u64>>(bytes, mask), "<invalid>");
    for (bytes, expected) in [(vec![2], "<invalid>"), (vec![1], "true")] {
        assert_eq!(read_known::<bool>(bytes, vec![true]), expected);
    }
    let surrogate = 0xd800_u32.to_ne_bytes().to_vec();
    assert_eq!(read_known::<char>(surrogate, vec![true; 4]), "<invalid>");
    let (bytes, mask) = words(&[Some(0)]);
    assert_eq!(read_known::<&u64>(bytes, mask), "<invalid>");
    let (bytes, mask) = words(&[Some(0x10_0001)]);
    assert_eq!(read_known::<&u64>(bytes, mask), "<invalid>");
    let (bytes, mask) = words(&[Some(0x1000)]);
    assert_eq!(read_known::<&u64>(bytes, mask), "<unreadable>");
    let invalid = [0xff_u8, 0xfe];
    let place = invalid.as_ptr().addr() as u64;
    let (bytes, mask) = words(&[Some(place), Some(2)]);
    assert_eq!(read_known::<&str>(bytes, mask), "<invalid>");
}

#[test]
fn limits_are_kept() {
    let deep = vec![vec![vec![vec![vec![vec![1]]]]]];
    let limits = Limits {
        depth: 3,
        items: 1,
        text: 4,
        ..Limits::default()
    };
    assert_eq!(read_with(&deep, limits).to_string(), "[[[<too deep>]]]");
    assert_eq!(read_with(&vec![1, 2], limits).to_string(), "[1, … 1 more]");
    let expected = Value::Text {
        text: "abcd".to_owned(),
        length: 6,
    };
    assert_eq!(read_with(&"abcdef", limits), expected);
    let few = Limits {
        pieces: 3,
        fields: 1,
        ..Limits::default()
    };
    assert_eq!(
        read_with(&vec![1, 2, 3, 4], few).to_string(),
        "[1, 2, … 2 more]"
    );
    let pair = Pair {
        first: 1,
        second: 2,
    };
    assert_eq!(
        read_with(&pair, few).to_string(),
        "Pair { first: 1, …: <too much> }"
    );
}

#[test]
fn nothing_is_read_once_memory_says_that_it_is_enough() {
    let mut types = Types::new(rules());
    let of = types.get(units(), entry_of::<Vec<Vec<u32>>>());
    let mut memory = OwnMemory::new();
    memory.reads_left = 4;
    let value = vec![vec![1_u32], vec![2]];
    let place = crate::locals::sample::address_of(&value);
    let mut reader = Reader::new(&mut types, units(), &mut memory, Limits::default());
    let read = reader.value(&of, &Where::Memory(place));
    assert_eq!(read.to_string(), "[<too much>, … 1 more]");
    let next = reader.value(&of, &Where::Memory(place));
    assert_eq!(next, Value::Missing(Missing::TooMuch));
    assert_eq!(memory.asked.len(), 4);
}
