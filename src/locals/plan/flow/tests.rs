//! The analysis on code that was assembled by hand.

use std::collections::HashMap;

use super::code::MAX_INSTRUCTIONS;
use super::*;

const START: u64 = 0x1000;

struct Nobody;

impl Callees for Nobody {
    fn pointer(&self, _: u64) -> Option<u64> {
        None
    }

    fn never_returns(&self, _: u64) -> bool {
        false
    }

    fn constant(&self, _: u64) -> Option<i32> {
        None
    }
}

fn at(code: &[u8], pc: u64) -> Option<Flow> {
    Flow::at(code, START, pc, &Nobody)
}

/// What the variable is at the call at the end of the code: `e8` and four bytes.
fn kept(code: &[u8], location: Location) -> Location {
    let mut whole = code.to_vec();
    whole.extend([0xe8, 0, 0, 0, 0, 0x0f, 0x0b]);
    let pc = START + u64::try_from(code.len()).unwrap() + 4;
    at(&whole, pc).unwrap().kept(location)
}

fn at_entry(register: u16) -> Location {
    Location::Steps([Step::PushAtEntry(register), Step::Value].into())
}

/// Only the functions around can tell.
fn outside(register: u16) -> Location {
    value(&[Step::PushPassed(register, Some(register))])
}

fn value(steps: &[Step]) -> Location {
    let steps: Vec<_> = steps.iter().cloned().chain([Step::Value]).collect();
    Location::Steps(steps.into())
}

const RDI: u16 = 5;
const RSI: u16 = 4;
const RBX: u16 = 3;

#[test]
fn an_argument_is_found_in_the_register_or_slot_that_still_has_it() {
    // push %rbx; sub $0x20,%rsp; mov %rdi,%rbx; mov %rsi,0x8(%rsp)
    let code = [
        0x53, 0x48, 0x83, 0xec, 0x20, 0x48, 0x89, 0xfb, 0x48, 0x89, 0x74, 0x24, 0x08,
    ];
    let in_rbx = value(&[Step::Push(Base::Register(RBX), 0)]);
    // The frame's address is 0x30 over the stack pointer: the return address, `rbx` and 0x20.
    let slot = value(&[Step::Push(Base::Cfa, -0x28), Step::Deref(8)]);
    assert_eq!(kept(&code, at_entry(RDI)), in_rbx);
    assert_eq!(kept(&code, at_entry(RSI)), slot);
    assert_eq!(kept(&code, Location::In(RDI)), in_rbx);
    assert_eq!(kept(&code, Location::In(RSI)), slot);
    assert_eq!(kept(&code, at_entry(1)), outside(1), "only others know");
    let field = Location::At(Base::Register(RDI), 24);
    let expected = Location::At(Base::Register(RBX), 24);
    assert_eq!(kept(&code, field), expected);
}

#[test]
fn of_a_part_no_more_is_told() {
    // push %rbx; mov %edi,%ebx
    let narrow = kept(&[0x53, 0x89, 0xfb], at_entry(RDI));
    let steps = [
        Step::Push(Base::Register(RBX), 0),
        Step::Value,
        Step::Piece(4),
    ];
    assert_eq!(narrow, Location::Steps(steps.into()));
}

#[test]
fn what_may_have_changed_is_not_told() {
    let prologue = [0x53, 0x48, 0x83, 0xec, 0x20, 0x48, 0x89, 0x7c, 0x24, 0x08];
    let after = |more: &[u8]| kept(&[&prologue[..], more].concat(), at_entry(RDI));
    assert_ne!(after(&[]), outside(RDI), "mov %rdi,0x8(%rsp)");
    for (what, code) in [
        (
            "movl $1,0xc(%rsp)",
            &[0xc7, 0x44, 0x24, 0x0c, 1, 0, 0, 0][..],
        ),
        ("movaps %xmm0,(%rsp)", &[0x0f, 0x29, 0x04, 0x24]),
        ("lea (%rsp),%rsi", &[0x48, 0x8d, 0x34, 0x24]),
        ("mov %rsp,%rsi", &[0x48, 0x89, 0xe6]),
        ("mov %rax,(%rsp,%rcx,8)", &[0x48, 0x89, 0x04, 0xcc]),
        (
            "and $-32,%rsp; mov %rax,(%rsp)",
            &[0x48, 0x83, 0xe4, 0xe0, 0x48, 0x89, 0x04, 0x24],
        ),
        ("add $0x20,%rsp", &[0x48, 0x83, 0xc4, 0x20]),
    ] {
        assert_eq!(after(code), outside(RDI), "{what}");
    }
    for (what, code) in [
        ("lea 0x10(%rsp),%rsi", &[0x48, 0x8d, 0x74, 0x24, 0x10][..]),
        ("mov %rax,0x10(%rsp)", &[0x48, 0x89, 0x44, 0x24, 0x10]),
        ("mov %rax,(%rcx)", &[0x48, 0x89, 0x01]),
        ("call", &[0xe8, 0, 0, 0, 0]),
    ] {
        assert_ne!(after(code), outside(RDI), "{what}");
    }
}

#[test]
fn where_ways_meet_only_what_all_agree_on_is_told() {
    // push %rbx; mov %rdi,%rbx; test %rsi,%rsi; je +3; then one more; mov %rbx,%rdi
    let joined = |more: [u8; 3]| {
        let head = [0x53, 0x48, 0x89, 0xfb, 0x48, 0x85, 0xf6, 0x74, 0x03];
        [&head[..], &more, &[0x48, 0x89, 0xdf]].concat()
    };
    let other = joined([0x48, 0x89, 0xd1]);
    let in_rbx = value(&[Step::Push(Base::Register(RBX), 0)]);
    assert_eq!(kept(&other, at_entry(RDI)), in_rbx, "mov %rdx,%rcx");
    let changed = joined([0x48, 0x89, 0xf3]);
    assert_eq!(
        kept(&changed, at_entry(RDI)),
        at_entry(RDI),
        "mov %rsi,%rbx"
    );
    // What `rdi` holds now is in `rbx`, whatever that is.
    assert_eq!(kept(&changed, Location::In(RDI)), in_rbx);
}

#[test]
fn a_copy_from_an_earlier_round_is_not_the_same() {
    // push %rbx; call; mov %rax,%rbx; test %rdi,%rdi; jne -13 (to the call before)
    // In the second round `rax` is another than `rbx` has: mov %rbx,%r12 before the call keeps the old one.
    let code = [
        0x53, // push %rbx
        0x49, 0x89, 0xdc, // mov %rbx,%r12
        0xe8, 0, 0, 0, 0, // call
        0x48, 0x89, 0xc3, // mov %rax,%rbx
        0x48, 0x85, 0xff, // test %rdi,%rdi
        0x75, 0xf0, // jne to the move
        0x48, 0x89, 0xdf, // mov %rbx,%rdi
        0x4c, 0x89, 0xe6, // mov %r12,%rsi
    ];
    let value_of = |register| value(&[Step::Push(Base::Register(register), 0)]);
    assert_eq!(kept(&code, Location::In(RDI)), value_of(RBX));
    assert_eq!(kept(&code, Location::In(RSI)), value_of(12));
}

#[test]
fn a_call_passes_constants_addresses_and_what_is_kept() {
    // push %rbx; sub $0x20,%rsp; mov %rdi,%rbx; lea 0x10(%rsp),%rdi; mov $7,%esi; lea 8(%rbx),%rdx; call +0
    let code = [
        0x53, 0x48, 0x83, 0xec, 0x20, 0x48, 0x89, 0xfb, 0x48, 0x8d, 0x7c, 0x24, 0x10, 0xbe, 7, 0,
        0, 0, 0x48, 0x8d, 0x53, 0x08, 0xe8, 0, 0, 0, 0,
    ];
    let end = START + u64::try_from(code.len()).unwrap();
    let flow = at(&code, end - 1).unwrap();
    assert_eq!(flow.calls(), Some(end));
    let passed: HashMap<_, _> = flow.passed().into_iter().collect();
    assert_eq!(passed[&RDI], value(&[Step::Push(Base::Cfa, -0x20)]));
    assert_eq!(passed[&RSI], value(&[Step::Push(Base::Zero, 7)]));
    assert_eq!(passed[&1], value(&[Step::Push(Base::Register(RBX), 8)]));
}

#[test]
fn what_is_called_through_memory_is_where_the_code_found_it() {
    // push %rbx; sub $0x20,%rsp; mov %rdi,%rbx
    let head = [0x53, 0x48, 0x83, 0xec, 0x20, 0x48, 0x89, 0xfb];
    let called = |code: &[u8]| {
        let code = [&head[..], code].concat();
        let pc = START + code.len() as u64 - 1;
        at(&code, pc).unwrap().called()
    };
    let method = [Step::Push(Base::Register(RBX), 0x18), Step::Deref(8)];
    let slot = [Step::Push(Base::Cfa, -0x20), Step::Deref(8)];
    let in_rbx = [Step::Push(Base::Register(RBX), 0)];
    for (what, code, expected) in [
        (
            "call *0x18(%rdi)",
            &[0xff, 0x57, 0x18][..],
            Some(&method[..]),
        ),
        ("call *0x18(%rbx)", &[0xff, 0x53, 0x18], Some(&method)),
        ("call *%rdi", &[0xff, 0xd7], Some(&in_rbx)),
        (
            "mov 0x18(%rsi),%rax; mov %rax,0x10(%rsp); call *0x10(%rsp)",
            &[
                0x48, 0x8b, 0x46, 0x18, 0x48, 0x89, 0x44, 0x24, 0x10, 0xff, 0x54, 0x24, 0x10,
            ],
            Some(&slot),
        ),
        ("call *0x10(%rsp)", &[0xff, 0x54, 0x24, 0x10], None),
    ] {
        assert_eq!(called(code), expected.map(value), "{what}");
    }
}

#[test]
fn what_is_not_understood_is_given_up() {
    let jump_table = [0xff, 0xe0, 0xe8, 0, 0, 0, 0];
    assert!(at(&jump_table, START + 6).is_none());
    let broken = [0x06, 0xe8, 0, 0, 0, 0];
    assert!(at(&broken, START + 5).is_none());
    let long = vec![0x90; MAX_INSTRUCTIONS + 1];
    assert!(at(&long, START).is_none());
    assert!(at(&[], START).is_none());
}

const R12: u16 = 12;

/// What a variable is at the call at the end, that once was in a register.
fn earlier(code: &[u8], range: std::ops::Range<u64>, register: u16) -> Option<Vec<Step>> {
    let mut whole = code.to_vec();
    whole.extend([0xe8, 0, 0, 0, 0, 0x0f, 0x0b]);
    let flow = at(&whole, START + code.len() as u64 + 4).unwrap();
    let range = START + range.start..START + range.end;
    flow.earlier(&[(range, vec![Step::In(register)])], None)
}

#[test]
fn a_variable_is_found_where_its_value_still_is_after_its_list_has_ended() {
    // push %rbx; mov (%rdi),%rax; mov %rax,%rbx; xor %eax,%eax
    let code = [0x53, 0x48, 0x8b, 0x07, 0x48, 0x89, 0xc3, 0x31, 0xc0];
    let in_rbx = vec![Step::Push(Base::Register(RBX), 0), Step::Value];
    assert_eq!(earlier(&code, 4..9, 0), Some(in_rbx.clone()));
    // Nothing is written to `rbx`: there was a reason why the list ended.
    assert_eq!(earlier(&code, 7..9, RBX), None);
    // mov %rdi,%rax; test %rsi,%rsi; je +3; mov %rsi,%rax: only one of two ways.
    let joined = [
        0x48, 0x89, 0xf8, 0x48, 0x85, 0xf6, 0x74, 0x03, 0x48, 0x89, 0xf0,
    ];
    assert_eq!(earlier(&joined, 8..11, 0), None);
}

#[test]
fn what_is_made_anew_in_a_loop_is_not_what_it_was() {
    // push %rbx; push %r12; mov (%rdi),%rbx; mov %rbx,%rax; 6: mov (%rsi),%rbx; dec %rdx; jne 6
    let code = [
        0x53, 0x41, 0x54, 0x48, 0x8b, 0x1f, 0x48, 0x89, 0xd8, 0x48, 0x8b, 0x1e, 0x48, 0xff, 0xca,
        0x75, 0xf8,
    ];
    assert_eq!(earlier(&code, 9..12, RBX), None);
    // push %r12; mov (%rdi),%rax; mov %rax,%r12; xor %eax,%eax; 10: mov (%rsi),%rbx; dec %rdx; jne 10
    let kept = [
        0x41, 0x54, 0x48, 0x8b, 0x07, 0x49, 0x89, 0xc4, 0x31, 0xc0, 0x48, 0x8b, 0x1e, 0x48, 0xff,
        0xca, 0x75, 0xf8,
    ];
    let in_r12 = vec![Step::Push(Base::Register(R12), 0), Step::Value];
    assert_eq!(earlier(&kept, 5..10, 0), Some(in_r12));
    // It may have been given another value in the loop.
    assert_eq!(earlier(&kept, 8..10, R12), None);
}

#[test]
fn what_a_branch_has_told_is_known() {
    // push %rbx; cmp $5,%edi; jne +0 leads on; on the other way `edi` is 5.
    let equal = [0x53, 0x83, 0xff, 0x05, 0x75, 0x07];
    let code = [&equal[..], &[0x31, 0xf6]].concat();
    let mut whole = code.clone();
    // call; then where `jne` leads: ud2
    whole.extend([0xe8, 0, 0, 0, 0, 0x0f, 0x0b]);
    let flow = at(&whole, START + code.len() as u64 + 4).unwrap();
    let five = [Step::Push(Base::Zero, 5), Step::Value, Step::Piece(4)];
    let edi = flow.kept(Location::In(RDI));
    assert_eq!(edi, Location::Steps(five.into()));
}

#[test]
fn what_was_computed_of_what_is_kept_is_computed_again() {
    // push %rbx; mov %rdi,%rbx; lea (%rbx,%rbx,4),%rax; shl $2,%rax
    let code = [
        0x53, 0x48, 0x89, 0xfb, 0x48, 0x8d, 0x04, 0x9b, 0x48, 0xc1, 0xe0, 0x02,
    ];
    let rbx = || Step::Push(Base::Register(RBX), 0);
    let number = |number| Step::Push(Base::Zero, number);
    let expected = value(&[
        rbx(),
        number(4),
        Step::Binary(Binary::Multiply),
        rbx(),
        Step::Binary(Binary::Plus),
        number(2),
        Step::Binary(Binary::ShiftLeft),
    ]);
    assert_eq!(kept(&code, Location::In(0)), expected);
    // mov 8(%rbx),%rax is read again, unless something was written since.
    let loads = [0x53, 0x48, 0x89, 0xfb, 0x48, 0x8b, 0x43, 0x08];
    let before = |code: &[u8], callee: i32| {
        let (mut whole, end) = (code.to_vec(), START + code.len() as u64 + 4);
        whole.push(0xe8);
        whole.extend((callee - i32::try_from(end + 1).unwrap()).to_le_bytes());
        whole.extend([0x5b, 0xc3]);
        let flow = Flow::at(&whole, START, end, &Others).unwrap();
        flow.kept(Location::In(0))
    };
    let expected = value(&[Step::Push(Base::Register(RBX), 8), Step::Deref(8)]);
    assert_eq!(before(&loads, 0x9000), expected);
    // mov %rsi,(%rdx)
    let stores = [&loads[..], &[0x48, 0x89, 0x32]].concat();
    assert_eq!(before(&stores, 0x9000), Location::In(0));
    // Who comes back may have written to it before it failed.
    assert_eq!(before(&loads, 0x8000), Location::In(0));
}

struct Others;

impl Callees for Others {
    fn pointer(&self, _: u64) -> Option<u64> {
        None
    }

    fn never_returns(&self, start: u64) -> bool {
        start == 0x9000
    }

    /// A table at 0x2000 whose entries lead 12 and 14 bytes into the code.
    fn constant(&self, at: u64) -> Option<i32> {
        match at {
            0x2000 => Some(0x100c - 0x2000),
            0x2004 => Some(0x1015 - 0x2000),
            _ => None,
        }
    }
}

#[test]
fn a_jump_through_a_table_leads_where_the_table_says() {
    let code = [
        0x53, // push %rbx
        0x48, 0x8d, 0x05, 0xf8, 0x0f, 0, 0, // lea 0x2000(%rip),%rax
        0x48, 0x63, 0x0c, 0xb0, // movslq (%rax,%rsi,4),%rcx
        0x48, 0x01, 0xc1, // add %rax,%rcx: an entry leads here
        0x48, 0x89, 0xfb, // mov %rdi,%rbx
        0xff, 0xe1, // jmp *%rcx
        0x90, 0xe8, 0, 0, 0, 0, 0x0f, 0x0b, // nop; call; ud2
    ];
    let flow = Flow::at(&code, START, START + 0x19, &Others).unwrap();
    let in_rbx = value(&[Step::Push(Base::Register(RBX), 0)]);
    assert_eq!(flow.kept(at_entry(RDI)), in_rbx);
}

#[test]
fn padding_and_what_follows_a_call_without_return_lead_nowhere() {
    // push %rbx; mov %rdi,%rbx; jmp +7; call 0x9000; nop; nop; mov %rbx,%rsi
    let mut code = vec![0x53, 0x48, 0x89, 0xfb, 0xeb, 0x07];
    let distance = 0x9000 - (START as i32 + 11);
    code.push(0xe8);
    code.extend(distance.to_le_bytes());
    code.extend([0x90, 0x90, 0x48, 0x89, 0xde, 0xe8, 0, 0, 0, 0, 0x0f, 0x0b]);
    let pc = START + 20;
    let flow = Flow::at(&code, START, pc, &Others).unwrap();
    let in_rbx = value(&[Step::Push(Base::Register(RBX), 0)]);
    assert_eq!(flow.kept(at_entry(RDI)), in_rbx);
}

#[test]
fn what_a_function_was_called_with_is_told_by_itself() {
    // push %rbp; mov %rsp,%rbp; sub $0x20,%rsp; mov %rdi,-0x10(%rbp); then a call that passes `rsi` on.
    let code = [
        0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0x48, 0x89, 0x7d, 0xf0, 0xe8, 0, 0, 0, 0,
    ];
    let flow = at(&code, START + 16).unwrap();
    let homes: HashMap<_, _> = flow.at_entry().into_iter().collect();
    let slot = value(&[Step::Push(Base::Cfa, -0x20), Step::Deref(8)]);
    assert_eq!(homes[&RDI], slot);
    assert_eq!(homes[&RSI], outside(RSI));
}
