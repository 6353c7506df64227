//! The registers of a function, as it calls.
#![expect(unsafe_code, reason = "only assembly sees registers")]

use std::arch::naked_asm;

use super::{Call, KEPT, Registers};

/// The call by which the function asks that this is inlined into, which must not be inlined itself.
#[inline(always)]
pub(super) fn here() -> Option<Call> {
    let mut found = Found::default();
    // SAFETY: it writes a `Found`, for which there is room, and changes nothing that a function has to give back.
    unsafe { find(&raw mut found) };
    let saved = Registers::all(found.kept);
    Some(Call {
        pc: found.back.checked_sub(1)?,
        sp: saved.get(super::STACK_POINTER)?,
        cfa: 0,
        saved,
    })
}

/// What a call leaves as it was, and where it returns to.
#[derive(Default)]
#[repr(C)]
struct Found {
    kept: [u64; KEPT.len()],
    back: u64,
}

const _: () = assert!(matches!(KEPT, [3, 6, 12, 13, 14, 15, 7]));

/// The registers of whoever calls, by the calling convention of C: section 3.2 of the System V ABI for x86-64.
#[unsafe(naked)]
unsafe extern "C" fn find(into: *mut Found) {
    naked_asm!(
        "mov [rdi], rbx",
        "mov [rdi + 8], rbp",
        "mov [rdi + 16], r12",
        "mov [rdi + 24], r13",
        "mov [rdi + 32], r14",
        "mov [rdi + 40], r15",
        "lea rax, [rsp + 8]",
        "mov [rdi + 48], rax",
        "mov rax, [rsp]",
        "mov [rdi + 56], rax",
        "ret",
    )
}

#[cfg(test)]
mod tests {
    use std::arch::asm;

    use super::*;

    #[test]
    fn a_register_is_found_under_its_number() {
        let mut found = Found::default();
        let (sp, back): (u64, u64);
        // SAFETY: what the code between changes it gives back, or names.
        unsafe {
            asm!(
                "push rbx",
                "push rbp",
                "mov rbx, 3",
                "mov rbp, 6",
                "mov rcx, rsp",
                "lea rdx, [rip + 2f]",
                "call {find}",
                "2:",
                "pop rbp",
                "pop rbx",
                find = sym find,
                in("rdi") &raw mut found,
                inout("r12") 12_u64 => _,
                inout("r13") 13_u64 => _,
                inout("r14") 14_u64 => _,
                inout("r15") 15_u64 => _,
                out("rcx") sp,
                out("rdx") back,
                out("rax") _,
            );
        }
        let saved = Registers::all(found.kept);
        for register in [3, 6, 12, 13, 14, 15] {
            assert_eq!(saved.get(register), Some(register.into()));
        }
        assert_eq!(saved.get(crate::locals::registers::STACK_POINTER), Some(sp));
        assert_eq!(found.back, back);
    }
}
