//! The registers that a function gives back to its caller, by the numbers that DWARF gives them.

/// rbx, rbp, r12 to r15 and, last, the stack pointer: System V ABI for x86-64, figures 3.4 and 3.36.
#[cfg(not(target_arch = "aarch64"))]
pub(super) const KEPT: &[u16] = &[3, 6, 12, 13, 14, 15, 7];

/// x19 to x28, the frame pointer x29 and, last, the stack pointer: DWARF for the Arm 64-bit Architecture, section 4.1.
#[cfg(target_arch = "aarch64")]
pub(super) const KEPT: &[u16] = &[19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 31];

pub(super) const STACK_POINTER: u16 = *KEPT.last().expect("it is not empty");
