//! The evaluator against what each operation should give.

use std::sync::OnceLock;

use super::*;
use crate::locals::plan::{Binary, Passed, Unary};

/// A call with one register, its stack pointer and its frame.
struct Plain;

impl Frame for Plain {
    fn register(&self, number: u16) -> Option<u64> {
        match number {
            3 => Some(0x1122_3344_5566_7788),
            7 => Some(0x1000),
            _ => None,
        }
    }

    fn cfa(&self) -> Option<u64> {
        Some(0x2000)
    }
}

/// Each byte from 0x1000 to 0x1100 is the lowest of its address.
struct Page;

impl Memory for Page {
    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Missing> {
        for (byte, address) in into.iter_mut().zip(address..) {
            if !(0x1000..0x1100).contains(&address) {
                return Err(Missing::Unreadable);
            }
            *byte = address.to_le_bytes()[0];
        }
        Ok(())
    }
}

fn find(location: &Location) -> Result<Where, Missing> {
    let evaluator = Evaluator {
        frame: &Plain,
        start: 0,
        callers: &[],
        inner: &[],
    };
    evaluator.find(location, &mut Page)
}

fn steps(steps: &[Step]) -> Result<Where, Missing> {
    find(&Location::Steps(steps.into()))
}

fn word(value: u64) -> Step {
    Step::Push(Base::Zero, value.cast_signed())
}

#[test]
fn a_place_is_counted_from_its_base() {
    let memory = |address| Ok(Where::Memory(address));
    assert_eq!(find(&Location::At(Base::Register(7), 8)), memory(0x1008));
    assert_eq!(find(&Location::At(Base::Cfa, -16)), memory(0x1ff0));
    assert_eq!(find(&Location::At(Base::Zero, 0x30)), memory(0x30));
    let lost = find(&Location::At(Base::Register(0), 8));
    assert_eq!(lost, Err(Missing::OptimizedOut), "`rax` is not given back");
    assert_eq!(find(&Location::In(5)), Err(Missing::OptimizedOut));
    let register = 0x1122_3344_5566_7788u64.to_ne_bytes();
    let known = Where::Bytes(Known::all(&register));
    assert_eq!(find(&Location::In(3)), Ok(known));
}

#[test]
fn each_operation_gives_what_dwarf_says() {
    let minus = |value: i64| word(value.cast_unsigned());
    for (what, left, right, gives) in [
        (Binary::And, 12, 10, 8),
        (Binary::Or, 12, 10, 14),
        (Binary::Xor, 12, 10, 6),
        (Binary::Plus, i64::MAX, 1, i64::MIN),
        (Binary::Minus, 3, 5, -2),
        (Binary::Multiply, -3, 5, -15),
        (Binary::Divide, -15, 4, -3),
        (Binary::Divide, i64::MIN, -1, i64::MIN),
        (Binary::Modulo, 15, 4, 3),
        (Binary::ShiftLeft, 1, 4, 16),
        (Binary::ShiftLeft, 1, 64, 0),
        (Binary::ShiftRight, -1, 60, 15),
        (Binary::ShiftRightSigned, -16, 2, -4),
        (Binary::ShiftRightSigned, -16, 200, -1),
        (Binary::Less, -1, 1, 1),
        (Binary::LessOrEqual, 1, 1, 1),
        (Binary::Greater, -1, 1, 0),
        (Binary::GreaterOrEqual, -1, 1, 0),
        (Binary::Equal, 4, 4, 1),
        (Binary::NotEqual, 4, 4, 0),
    ] {
        let found = steps(&[minus(left), minus(right), Step::Binary(what)]);
        assert_eq!(found, Ok(Where::Memory(gives.cast_unsigned())), "{what:?}");
    }
    for (step, gives) in [
        (Step::Unary(Unary::Negate), 5),
        (Step::Unary(Unary::Absolute), 5),
        (Step::Unary(Unary::Not), 4),
        (
            Step::Convert {
                bits: 8,
                signed: false,
            },
            251,
        ),
        (
            Step::Convert {
                bits: 8,
                signed: true,
            },
            -5,
        ),
    ] {
        let found = steps(&[minus(-5), step.clone()]);
        assert_eq!(
            found,
            Ok(Where::Memory(i64::cast_unsigned(gives))),
            "{step:?}"
        );
    }
    // 1 2 3 becomes 3 1 2, then 3 2 1, of which the last two are subtracted.
    let moved = [
        word(1),
        word(2),
        word(3),
        Step::Rotate,
        Step::Swap,
        Step::Binary(Binary::Minus),
    ];
    assert_eq!(steps(&moved), Ok(Where::Memory(1)));
    let picked = [word(9), word(1), Step::Pick(1), word(7), Step::Drop];
    assert_eq!(steps(&picked), Ok(Where::Memory(9)));
    let read = [
        Step::Push(Base::Register(7), 1),
        Step::Deref(2),
        Step::Value,
    ];
    let known = Known::all(&0x0201u64.to_le_bytes());
    assert_eq!(steps(&read), Ok(Where::Bytes(known)));
}

#[test]
fn of_a_value_in_pieces_each_byte_is_known_or_not() {
    let found = steps(&[
        Step::Push(Base::Register(7), 4),
        Step::Piece(2),
        Step::Piece(3),
        Step::In(3),
        Step::Piece(2),
        Step::In(0),
        Step::Piece(1),
        word(0x4241),
        Step::Value,
        Step::Piece(2),
        Step::Push(Base::Zero, 0x9000),
        Step::Piece(1),
    ]);
    let Ok(Where::Bytes(known)) = found else {
        panic!("{found:?}");
    };
    let bytes = [4, 5, 0, 0, 0, 0x88, 0x77, 0, 0x41, 0x42, 0];
    assert_eq!(known.bytes[..], bytes);
    let mask: String = known
        .mask
        .iter()
        .map(|m| if *m { '+' } else { '-' })
        .collect();
    assert_eq!(mask, "++---++-++-");
    assert!(known.has(0..2) && known.has(8..10));
    assert!(!known.has(0..3) && !known.has(10..12));
}

#[test]
fn what_is_nowhere_has_a_reason() {
    let nowhere = steps(&[Step::Piece(8), Step::In(0), Step::Piece(8)]);
    assert_eq!(nowhere, Err(Missing::OptimizedOut));
    let gone = steps(&[word(0x9000), Step::Piece(8)]);
    assert_eq!(gone, Err(Missing::Unreadable));
    let behind = steps(&[word(0x9000), Step::Deref(8)]);
    assert_eq!(behind, Err(Missing::Unreadable));
    let at_entry = steps(&[Step::PushAtEntry(5), Step::Value]);
    assert_eq!(at_entry, Err(Missing::OptimizedOut));
}

#[test]
fn an_argument_is_asked_of_the_call_that_passed_it_and_of_no_other() {
    let known_to_be =
        |address| Location::Steps([Step::Push(Base::Zero, address), Step::Value].into());
    let plan = |start, passed_to: Option<i64>, passed: Location| Plan {
        scopes: Box::default(),
        passed: OnceLock::from(Passed {
            values: [(5, passed)].into(),
            to: passed_to.map(known_to_be),
        }),
        start,
        asks: None,
    };
    let kept = plan(
        0x200,
        Some(0x100),
        Location::Steps([Step::Push(Base::Register(3), 1), Step::Value].into()),
    );
    let asks = Location::Steps([Step::PushAtEntry(5), Step::Value].into());
    let find = |start, callers: &[Caller<'_, Plain>]| {
        let evaluator = Evaluator {
            frame: &Plain,
            start,
            callers,
            inner: &[],
        };
        evaluator.find(&asks, &mut Page)
    };
    let known = Known::all(&0x1122_3344_5566_7789u64.to_ne_bytes());
    let lost = Err(Missing::OptimizedOut);
    assert_eq!(
        find(0x100, &[(Some(&kept), &Plain)]),
        Ok(Where::Bytes(known.clone()))
    );
    assert_eq!(
        find(0x101, &[(Some(&kept), &Plain)]),
        lost,
        "another function was called, and jumped to this one"
    );
    // Of a `dyn` value: what is called stands in memory, here 0x1716151413121110.
    let mut of_dyn = plan(0x200, None, Location::In(3));
    let in_memory = [Step::Push(Base::Zero, 0x1010), Step::Deref(8), Step::Value];
    let passed = of_dyn.passed.get_mut().unwrap();
    passed.to = Some(Location::Steps(in_memory.into()));
    let whole = Known::all(&0x1122_3344_5566_7788u64.to_ne_bytes());
    let through_memory = |start| find(start, &[(Some(&of_dyn), &Plain)]);
    assert_eq!(
        through_memory(0x1716_1514_1312_1110),
        Ok(Where::Bytes(whole))
    );
    assert_eq!(through_memory(0x100), lost);
    let on = plan(0x100, Some(0x80), asks.clone());
    let both = [(Some(&on), &Plain), (Some(&kept), &Plain)];
    assert_eq!(find(0x80, &both), Ok(Where::Bytes(known)));
    assert_eq!(find(0x80, &both[..1]), lost);
    assert_eq!(find(0x80, &[(None, &Plain), both[1]]), lost);
    let part = Location::Steps([Step::In(3), Step::Piece(4)].into());
    let narrow = plan(0x200, Some(0x100), part);
    let half = Known::all(&0x5566_7788u32.to_ne_bytes());
    assert_eq!(
        find(0x100, &[(Some(&narrow), &Plain)]),
        Ok(Where::Bytes(half))
    );
}

#[test]
fn nonsense_is_refused_and_huge_pieces_are_cut() {
    let plenty = vec![word(1); 100];
    for nonsense in [
        &[Step::Drop][..],
        &[Step::Value],
        &[word(1), Step::Swap],
        &[word(1), Step::Pick(7)],
        &[word(1), word(0), Step::Binary(Binary::Divide)],
        &[word(1), word(0), Step::Binary(Binary::Modulo)],
        &plenty,
    ] {
        assert_eq!(steps(nonsense), Err(Missing::Unsupported));
    }
    let huge = steps(&[
        Step::In(3),
        Step::Piece(u32::MAX),
        Step::In(3),
        Step::Piece(u32::MAX),
    ]);
    let Ok(Where::Bytes(known)) = huge else {
        panic!("{huge:?}");
    };
    assert_eq!(known.bytes.len(), MAX_BYTES);
    assert!(known.has(0..8) && !known.has(8..9));
}

#[test]
fn what_was_passed_is_asked_of_the_function_that_was_called_and_else_of_the_caller() {
    use crate::locals::plan::Inner;

    let home = Location::Steps([Step::Push(Base::Register(3), 2), Step::Value].into());
    let inner = Inner {
        start: 0x300,
        at_entry: [(5, home)].into(),
        calls: None,
    };
    let find = |register, callees: &[Callee<'_, Plain>]| {
        let evaluator = Evaluator {
            frame: &Plain,
            start: 0x200,
            callers: &[],
            inner: callees,
        };
        let asks = [Step::PushPassed(register, None), Step::Value];
        evaluator.find(&Location::Steps(asks.into()), &mut Page)
    };
    let told = Where::Bytes(Known::all(&0x1122_3344_5566_778a_u64.to_ne_bytes()));
    assert_eq!(find(5, &[(Some(&inner), &Plain)]), Ok(told));
    assert_eq!(
        find(4, &[(Some(&inner), &Plain)]),
        Err(Missing::OptimizedOut)
    );
    assert_eq!(find(5, &[(None, &Plain)]), Err(Missing::OptimizedOut));
    assert_eq!(find(5, &[]), Err(Missing::OptimizedOut));
}
