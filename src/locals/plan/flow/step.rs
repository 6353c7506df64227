//! What one instruction makes of what is known.

use iced_x86::{
    FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
};

use super::facts::{self, Compared, Fact};
use super::state::{FRAME_POINTER, Held, KEPT, Root, STACK_POINTER, State};

/// What an instruction does whatever is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Effect {
    /// The general registers that it writes to: one bit for each, by the numbers of DWARF.
    pub(super) registers: u16,
    writes_memory: bool,
}

impl Effect {
    pub(super) fn of(it: &Instruction, infos: &mut InstructionInfoFactory) -> Self {
        let info = infos.info(it);
        let written = info.used_registers().iter();
        let written = written.filter(|used| writes(used.access()));
        let mut memory = info.used_memory().iter();
        Self {
            registers: written
                .filter_map(|used| general(used.register()))
                .fold(0, |all, register| all | 1 << register),
            writes_memory: memory.any(|memory| writes(memory.access())),
        }
    }
}

/// The state behind the instruction.
pub(super) fn step(
    state: &mut State,
    it: &Instruction,
    effect: Effect,
    infos: &mut InstructionInfoFactory,
) {
    let result = result(state, it);
    let pushed = (it.mnemonic() == Mnemonic::Push).then(|| operand(state, it, 0));
    let stored = stored(state, it);
    let computed = match result {
        None => facts::computed(state, it),
        Some(_) => None,
    };
    let compared = facts::compared(state, it);

    share(state, it, result);
    let info = effect.writes_memory.then(|| infos.info(it));
    let memory = info.map_or(&[][..], |info| info.used_memory());
    for memory in memory.iter().filter(|memory| writes(memory.access())) {
        let size = i64::try_from(memory.memory_size().size()).unwrap_or(0);
        let indexed = general(memory.index()).map(|index| state.get(index).root);
        let base = general(memory.base());
        match (base.map(|base| (base, state.get(base))), indexed) {
            (_, Some(Root::Cfa)) => state.slots.clear(),
            (
                Some((
                    _,
                    Held {
                        root: Root::Cfa,
                        plus,
                        ..
                    },
                )),
                None,
            ) if size != 0 && !it.is_string_instruction() => {
                let at = plus.wrapping_add(memory.displacement().cast_signed());
                state.overwrite(at, size);
            }
            (
                Some((
                    _,
                    Held {
                        root: Root::Cfa, ..
                    },
                )),
                _,
            ) => state.slots.clear(),
            (Some((STACK_POINTER, _)), _) => state.slots.clear(),
            _ => {}
        }
        if base.is_none_or(|base| state.get(base).root != Root::Cfa) {
            state.unshare();
        }
        if base != Some(STACK_POINTER) {
            state.forget_loads();
        }
    }

    let calls = matches!(
        it.flow_control(),
        FlowControl::Call | FlowControl::IndirectCall
    );
    let top = state.get(STACK_POINTER);
    let part = loaded(state, it);
    if calls {
        state.forget_below_stack();
        state.forget_loads();
        state.unshare();
        state.make(it.ip(), LOST);
    } else {
        state.make(it.ip(), effect.registers);
    }
    match it.mnemonic() {
        Mnemonic::Push | Mnemonic::Pop if !calls => {
            let moved = top.plus(i64::from(it.stack_pointer_increment()));
            state.set(STACK_POINTER, moved);
            if let (Some(held), Root::Cfa) = (pushed, moved.root) {
                state.store(moved.plus, 8, held.unwrap_or(Held::new(Root::Nothing)));
            }
        }
        _ => {}
    }
    if let Some((register, held)) = result {
        state.set(register, held);
    }
    if let Some((register, is)) = computed {
        let of = state.get(register);
        state.learn(Fact { of, is });
    }
    if calls || it.rflags_modified() != 0 {
        let target = (it.op0_kind() == OpKind::Register).then(|| it.op0_register());
        let made = || {
            let held = state.get(general(target?)?);
            let bits = low_bits(target?)?;
            (sets_zero(it.mnemonic()) && held.bits >= bits)
                .then(|| Compared::to_zero(held.narrow(bits)))
        };
        state.compared = compared.or_else(made).filter(|_| !calls);
    }
    if let Some((at, size, held)) = stored {
        state.store(at, size, held);
    } else if let Some((register, at, size)) = part
        && result.is_none()
    {
        // What lies in the frame is in the register as well, from now on.
        let held = state.get(register);
        if state.load(at, 1).is_none() {
            state.store(at, size, held);
        }
    }
}

/// The registers that a call does not give back, one bit for each.
const LOST: u16 = {
    let (mut lost, mut at) = (!(1 << STACK_POINTER), 0);
    while at < KEPT.len() {
        lost &= !(1 << KEPT[at]);
        at += 1;
    }
    lost
};

/// Whether the instruction sets a register, and the flag that tells whether it is zero now.
fn sets_zero(mnemonic: Mnemonic) -> bool {
    matches!(
        mnemonic,
        Mnemonic::Add
            | Mnemonic::Sub
            | Mnemonic::Inc
            | Mnemonic::Dec
            | Mnemonic::And
            | Mnemonic::Or
            | Mnemonic::Xor
            | Mnemonic::Neg
    )
}

/// The register that a simple instruction sets, with what it then holds.
fn result(state: &State, it: &Instruction) -> Option<(u16, Held)> {
    if it.op_count() == 0 || it.op0_kind() != OpKind::Register {
        return None;
    }
    let target = it.op0_register();
    let register = general(target)?;
    let bits = low_bits(target)?;
    let held = match it.mnemonic() {
        Mnemonic::Mov | Mnemonic::Movzx | Mnemonic::Movsx | Mnemonic::Movsxd => {
            let held = operand(state, it, 1)?;
            // A number fills the register, whatever its size.
            if held.root == Root::Zero && held.bits == 64 && bits >= 32 {
                let mask = if bits == 32 {
                    u64::from(u32::MAX)
                } else {
                    u64::MAX
                };
                return Some((register, Held::constant(held.plus.cast_unsigned() & mask)));
            }
            held
        }
        Mnemonic::Pop => {
            let top = state.get(STACK_POINTER);
            (top.root == Root::Cfa).then(|| state.load(top.plus, 8))??
        }
        Mnemonic::Lea => address(state, it)?,
        Mnemonic::Xor if it.op1_kind() == OpKind::Register && it.op1_register() == target => {
            if bits < 32 {
                return None;
            }
            Held::constant(0)
        }
        Mnemonic::Add => state.get(register).plus(number(it, 1)?),
        Mnemonic::Sub => state.get(register).plus(number(it, 1)?.wrapping_neg()),
        Mnemonic::Inc => state.get(register).plus(1),
        Mnemonic::Dec => state.get(register).plus(-1),
        _ => return None,
    };
    let held = if held.root == Root::Zero && held.bits == 64 && bits == 64 {
        held
    } else {
        held.narrow(bits)
    };
    (held.root != Root::Nothing).then_some((register, held))
}

/// The part of the frame that a move writes to, with what it then holds.
fn stored(state: &State, it: &Instruction) -> Option<(i64, u8, Held)> {
    if it.mnemonic() != Mnemonic::Mov || it.op0_kind() != OpKind::Memory {
        return None;
    }
    let (at, size) = in_frame(state, it)?;
    let held = operand(state, it, 1)?.narrow(size.saturating_mul(8));
    (held.root != Root::Nothing).then_some((at, size, held))
}

/// The register to which the instruction moves a whole word of the frame.
fn loaded(state: &State, it: &Instruction) -> Option<(u16, i64, u8)> {
    if it.mnemonic() != Mnemonic::Mov || it.op_count() != 2 || it.op1_kind() != OpKind::Memory {
        return None;
    }
    let register = general(it.op0_register())?;
    let (at, size) = in_frame(state, it)?;
    (size == 8).then_some((register, at, size))
}

pub(super) fn operand(state: &State, it: &Instruction, operand: u32) -> Option<Held> {
    match it.op_kind(operand) {
        OpKind::Register => {
            let register = it.op_register(operand);
            let held = state.get(general(register)?);
            Some(held.narrow(low_bits(register)?))
        }
        OpKind::Memory => {
            let (at, size) = in_frame(state, it)?;
            state.load(at, size)
        }
        _ => number(it, operand).map(|number| Held::constant(number.cast_unsigned())),
    }
}

/// Where in the frame the operand in memory is, and its size.
fn in_frame(state: &State, it: &Instruction) -> Option<(i64, u8)> {
    let size = u8::try_from(it.memory_size().size()).ok()?;
    let held = address(state, it)?;
    let is_plain = it.segment_prefix() == Register::None;
    (is_plain && held.root == Root::Cfa && matches!(size, 1 | 2 | 4 | 8))
        .then_some((held.plus, size))
}

/// What the operand in memory is the address of.
pub(super) fn address(state: &State, it: &Instruction) -> Option<Held> {
    if it.memory_index() != Register::None {
        return None;
    }
    if it.is_ip_rel_memory_operand() {
        return Some(Held::constant(it.ip_rel_memory_address()));
    }
    let held = state.get(general(it.memory_base())?);
    (held.bits == 64).then(|| held.plus(it.memory_displacement64().cast_signed()))
}

/// Others may know of a part of the frame when its address comes to be anywhere but in the two registers that are for it.
fn share(state: &mut State, it: &Instruction, result: Option<(u16, Held)>) {
    let frame_pointer = |register| {
        // `push %rbp; mov %rsp,%rbp`.
        register == FRAME_POINTER
            && it.mnemonic() == Mnemonic::Mov
            && state.get(STACK_POINTER) == Held::new(Root::Cfa).plus(-16)
    };
    if let Some((register, held)) = result {
        if held.root == Root::Cfa && register != STACK_POINTER && !frame_pointer(register) {
            state.share(held.plus);
        }
        return;
    }
    let is_address = |register: Register| {
        general(register).is_some_and(|register| state.get(register).root == Root::Cfa)
    };
    let compares = matches!(it.mnemonic(), Mnemonic::Cmp | Mnemonic::Test);
    let restores = it.op_count() > 0
        && it.op0_kind() == OpKind::Register
        && general(it.op0_register()) == Some(STACK_POINTER);
    let operands = (0..it.op_count()).filter(|at| it.op_kind(*at) == OpKind::Register);
    for at in operands.skip(usize::from(it.mnemonic() == Mnemonic::Pop)) {
        let register = it.op_register(at);
        // The first of a move or `lea` is written only.
        let is_target = at == 0 && matches!(it.mnemonic(), Mnemonic::Mov | Mnemonic::Lea);
        if is_address(register) && !is_target && !compares && !restores {
            let from = general(register).map_or(i64::MIN, |register| state.get(register).plus);
            let plain = matches!(it.mnemonic(), Mnemonic::Mov | Mnemonic::Push);
            let is_frame_pointer = general(register) == Some(FRAME_POINTER);
            state.share(if plain || !is_frame_pointer && from >= state.shared_from {
                from
            } else {
                i64::MIN
            });
            return;
        }
    }
    if it.mnemonic() == Mnemonic::Lea
        && (is_address(it.memory_base()) || is_address(it.memory_index()))
    {
        state.share(i64::MIN);
    }
}

pub(super) fn number(it: &Instruction, operand: u32) -> Option<i64> {
    it.try_immediate(operand).ok().map(u64::cast_signed)
}

/// A general register by its number in DWARF.
pub(super) fn general(register: Register) -> Option<u16> {
    const NUMBERS: [u16; 16] = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
    if !register.is_gpr() {
        return None;
    }
    NUMBERS.get(register.full_register().number()).copied()
}

/// How many of a register's lowest bits this one is; none for `ah` and its like.
pub(super) fn low_bits(register: Register) -> Option<u8> {
    if matches!(
        register,
        Register::AH | Register::BH | Register::CH | Register::DH
    ) {
        return None;
    }
    u8::try_from(register.size() * 8).ok()
}

pub(super) fn writes(access: OpAccess) -> bool {
    !matches!(
        access,
        OpAccess::None | OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess
    )
}
