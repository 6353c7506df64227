//! The files of this process that hold code: their sections, and where split debug information lies.

mod elf;
mod map;
mod split;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gimli::{EndianSlice, NativeEndian, SectionId};
use object::{CompressionFormat, Endianness, Object, ObjectSection, ObjectSegment, SegmentFlags};

use self::elf::Tables;
use self::map::Mapped;
use self::split::Split;
use super::units::{Dwarf, Slice};
use crate::stack::Missing;

/// A program or library that is loaded.
pub(super) struct Image {
    /// What was added to its addresses when it was loaded.
    pub(super) bias: u64,
    pub(super) dwarf: Arc<Dwarf>,
    /// Where its code lies, as the file counts.
    code: Vec<(Range<u64>, &'static [u8])>,
    tables: Tables,
    split: Split,
}

impl Image {
    /// Maps the file and finds its sections; nothing of them is read yet.
    ///
    /// The program itself is best opened as `/proc/self/exe`, which leads to it also after a deploy replaced it.
    ///
    /// # Errors
    ///
    /// [`Missing::Unavailable`] for what is no ELF file of this machine's kind, [`Missing::NoDebuginfo`] for one that was
    /// stripped or built without, [`Missing::Unsupported`] for compressed sections: they would have to be held in memory,
    /// some ten times their size in the file.
    pub(super) fn open(path: &Path, bias: u64) -> Result<Self, Missing> {
        let object = parse(Mapped::new(path).ok_or(Missing::Unavailable)?.bytes)?;
        if object.section_by_name(".debug_info").is_none() {
            let old = object.section_by_name(".zdebug_info").is_some();
            return Err(if old {
                Missing::Unsupported
            } else {
                Missing::NoDebuginfo
            });
        }
        let dwarf = Dwarf::load(|section| data(&object, section.name()))?;
        Ok(Self {
            bias,
            dwarf: Arc::new(dwarf),
            code: code(&object),
            tables: Tables::of(&object),
            split: Split::beside(&resolved(path)),
        })
    }

    /// The address as the file counts, when it is one of its code.
    pub(super) fn own_address(&self, pc: u64) -> Option<u64> {
        let address = pc.checked_sub(self.bias)?;
        let covers = |(range, _): &(Range<u64>, _)| range.contains(&address);
        self.code.iter().any(covers).then_some(address)
    }

    /// The code between these addresses, as the file counts.
    pub(super) fn code(&self, range: &Range<u64>) -> Option<&'static [u8]> {
        self.code.iter().find_map(|(of, bytes)| {
            let start = usize::try_from(range.start.checked_sub(of.start)?).ok()?;
            let end = usize::try_from(range.end.checked_sub(of.start)?).ok()?;
            bytes.get(start..end)
        })
    }

    /// The code of the function that begins at the address.
    pub(super) fn function_at(&self, start: u64) -> Option<&'static [u8]> {
        let function = self.tables.function(start)?;
        (function.start == start).then(|| self.code(&function))?
    }

    /// The code around the address, and where it begins.
    pub(super) fn function_around(&self, address: u64) -> Option<(u64, &'static [u8])> {
        let function = self.tables.function(address)?;
        Some((function.start, self.code(&function)?))
    }

    /// How the frame looks at a place in the code, as loaded.
    pub(super) fn frame(&self, pc: u64) -> Option<gimli::UnwindTableRow<usize>> {
        self.tables.frame(self.own_address(pc)?)
    }

    /// The address that the loader writes to this place, less where the image is loaded.
    pub(super) fn pointer(&self, at: u64) -> Option<u64> {
        self.tables.pointer(at)
    }

    /// A number that the program cannot change.
    pub(super) fn constant(&self, at: u64) -> Option<i32> {
        self.tables.constant(at)
    }

    /// Whether the function that begins there never comes back: it has no instruction that would.
    pub(super) fn never_returns(&self, start: u64) -> bool {
        self.tables.never_returns(start, || self.function_at(start))
    }

    /// Whether all files that were read for it can still be read: a build may have written over those that lie beside the program.
    pub(super) fn is_as_it_was(&self) -> bool {
        self.split.is_as_it_was()
    }

    /// What a skeleton unit stands for.
    pub(super) fn split(
        &self,
        skeleton: &gimli::Unit<Slice>,
    ) -> Result<(Arc<Dwarf>, gimli::Unit<Slice>), Missing> {
        self.split.unit(&self.dwarf, skeleton)
    }
}

impl From<gimli::Error> for Missing {
    /// What does not follow the format is of no use.
    fn from(_: gimli::Error) -> Self {
        Self::Unsupported
    }
}

fn parse(bytes: &'static [u8]) -> Result<object::File<'static>, Missing> {
    let object = object::File::parse(bytes).map_err(|_| Missing::Unavailable)?;
    let native = if cfg!(target_endian = "little") {
        Endianness::Little
    } else {
        Endianness::Big
    };
    if object.endianness() != native || object.is_64() != cfg!(target_pointer_width = "64") {
        return Err(Missing::Unavailable);
    }
    Ok(object)
}

/// A section's bytes, none when the file does not have it.
fn data(object: &object::File<'static>, name: &str) -> Result<Slice, Missing> {
    let bytes = match object.section_by_name(name) {
        None => &[][..],
        Some(section) => {
            let data = section
                .compressed_data()
                .map_err(|_| Missing::Unsupported)?;
            if data.format != CompressionFormat::None {
                return Err(Missing::Unsupported);
            }
            data.data
        }
    };
    Ok(EndianSlice::new(bytes, NativeEndian))
}

fn code(object: &object::File<'static>) -> Vec<(Range<u64>, &'static [u8])> {
    let executable = |flags| matches!(flags, SegmentFlags::Elf { p_flags, .. } if p_flags.contains(object::elf::PF_X));
    object
        .segments()
        .filter(|segment| executable(segment.flags()))
        .map(|segment| {
            let end = segment.address().saturating_add(segment.size());
            (segment.address()..end, segment.data().unwrap_or_default())
        })
        .collect()
}

/// Where the file lies that `/proc/self/exe` leads to: others lie beside it.
fn resolved(path: &Path) -> PathBuf {
    let Ok(target) = std::fs::read_link(path) else {
        return path.to_owned();
    };
    // The kernel's mark, see proc_pid_exe(5).
    match target.to_str().and_then(|t| t.strip_suffix(" (deleted)")) {
        Some(replaced) => PathBuf::from(replaced),
        None => target,
    }
}

/// A `.dwo` or `.dwp` file, and its sections.
fn load_split(
    path: &Path,
) -> Option<(Mapped, impl Fn(SectionId) -> Result<Slice, Missing> + use<>)> {
    let mapped = Mapped::new(path)?;
    let object = parse(mapped.bytes).ok()?;
    let sections = move |section: SectionId| match section.dwo_name() {
        Some(name) => data(&object, name),
        None => Ok(Slice::new(&[], NativeEndian)),
    };
    Some((mapped, sections))
}
