//! What an ELF file says of its functions beside debug information: where they begin and end, and whom they lead to.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use gimli::{
    BaseAddresses, EhFrame, EhFrameHdr, EndianSlice, FrameDescriptionEntry, NativeEndian,
    UnwindContext, UnwindSection, UnwindTableRow,
};
use object::{Object, ObjectSection, ObjectSegment, SegmentFlags};

use crate::locals::units::Slice;

/// Sections that are searched, none of which is read from end to end.
pub(super) struct Tables {
    header: (u64, Slice),
    frames: (u64, Slice),
    relocations: &'static [u8],
    /// What the program cannot write to.
    constant: Vec<(Range<u64>, &'static [u8])>,
    never_return: Mutex<HashMap<u64, bool>>,
}

impl Tables {
    pub(super) fn of(object: &object::File<'static>) -> Self {
        let section = |name| {
            let section = object.section_by_name(name);
            let data = section.as_ref().and_then(|section| section.data().ok());
            let address = section.map_or(0, |section| section.address());
            (
                address,
                EndianSlice::new(data.unwrap_or_default(), NativeEndian),
            )
        };
        Self {
            header: section(".eh_frame_hdr"),
            frames: section(".eh_frame"),
            relocations: section(".rela.dyn").1.slice(),
            constant: object.segments().filter(is_constant).map(bytes).collect(),
            never_return: Mutex::default(),
        }
    }

    pub(super) fn constant(&self, at: u64) -> Option<i32> {
        self.constant.iter().find_map(|(of, bytes)| {
            let from = usize::try_from(at.checked_sub(of.start)?).ok()?;
            let number = bytes.get(from..from.checked_add(4)?)?;
            Some(i32::from_ne_bytes(number.try_into().ok()?))
        })
    }

    /// The function around the address: section 10.6 of the Linux Standard Base, `.eh_frame_hdr`.
    pub(super) fn function(&self, address: u64) -> Option<Range<u64>> {
        let entry = self.entry(address)?;
        let start = entry.initial_address();
        Some(start..start.checked_add(entry.len())?)
    }

    /// How the frame looks at a place in the code.
    pub(super) fn frame(&self, address: u64) -> Option<UnwindTableRow<usize>> {
        let entry = self.entry(address)?;
        if entry.is_signal_trampoline() {
            return None;
        }
        let (frames, bases) = (EhFrame::from(self.frames.1), self.bases());
        let mut context = UnwindContext::new();
        let row = entry.unwind_info_for_address(&frames, &bases, &mut context, address);
        row.ok().cloned()
    }

    fn entry(&self, address: u64) -> Option<FrameDescriptionEntry<Slice>> {
        let (frames, bases) = (EhFrame::from(self.frames.1), self.bases());
        let header = EhFrameHdr::from(self.header.1).parse(&bases, 8).ok()?;
        let table = header.table()?;
        let entry = table.fde_for_address(&frames, &bases, address, EhFrame::cie_from_offset);
        entry.ok()
    }

    fn bases(&self) -> BaseAddresses {
        BaseAddresses::default()
            .set_eh_frame_hdr(self.header.0)
            .set_eh_frame(self.frames.0)
    }

    /// `Elf64_Rela` of a relative relocation; linkers sort these, and put them first.
    pub(super) fn pointer(&self, at: u64) -> Option<u64> {
        let (entries, _) = self.relocations.as_chunks::<24>();
        let word = |entry: &[u8; 24], from: usize| {
            let bytes = entry.get(from..from + 8)?;
            Some(u64::from_ne_bytes(bytes.try_into().ok()?))
        };
        let found = entries.partition_point(|entry| {
            word(entry, 8) == Some(RELATIVE) && word(entry, 0).is_some_and(|offset| offset < at)
        });
        let entry = entries.get(found)?;
        let is_it = word(entry, 0) == Some(at) && word(entry, 8) == Some(RELATIVE);
        is_it.then(|| word(entry, 16))?
    }

    pub(super) fn never_returns(
        &self,
        start: u64,
        code: impl FnOnce() -> Option<&'static [u8]>,
    ) -> bool {
        let known = || {
            self.never_return
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(known) = known().get(&start) {
            return *known;
        }
        let never = code().is_some_and(|code| has_no_way_back(code, start));
        let mut known = known();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(start, never);
        never
    }
}

fn is_constant(segment: &object::Segment<'_, '_>) -> bool {
    let SegmentFlags::Elf { p_flags, .. } = segment.flags() else {
        return false;
    };
    !p_flags.contains(object::elf::PF_W)
}

pub(super) fn bytes(segment: object::Segment<'static, '_>) -> (Range<u64>, &'static [u8]) {
    let end = segment.address().saturating_add(segment.size());
    let data = segment.data().unwrap_or_default();
    (segment.address()..end, data)
}

/// Whether no instruction returns, and none leaves for another function.
#[cfg(target_arch = "x86_64")]
fn has_no_way_back(code: &[u8], start: u64) -> bool {
    use iced_x86::{Decoder, DecoderOptions, FlowControl, OpKind};

    let Ok(mut decoder) = Decoder::try_with_ip(64, code, start, DecoderOptions::NONE) else {
        return false;
    };
    let end = start.saturating_add(code.len() as u64);
    let mut left = MAX_INSTRUCTIONS;
    while decoder.can_decode() {
        let it = decoder.decode();
        let stays = match it.flow_control() {
            FlowControl::Return | FlowControl::IndirectBranch => false,
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                it.op0_kind() == OpKind::NearBranch64
                    && (start..end).contains(&it.near_branch_target())
            }
            _ => !it.is_invalid(),
        };
        left -= 1;
        if !stays || left == 0 {
            return false;
        }
    }
    !code.is_empty()
}

#[cfg(not(target_arch = "x86_64"))]
fn has_no_way_back(_: &[u8], _: u64) -> bool {
    false
}

/// `R_X86_64_RELATIVE`: table 4.10 of the System V ABI for x86-64.
const RELATIVE: u64 = 8;

const MAX_KNOWN: usize = 4096;
#[cfg(target_arch = "x86_64")]
const MAX_INSTRUCTIONS: usize = 2000;
