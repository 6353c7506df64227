//! Debug information that was split off the program: `shop.dwp` beside it, or the `.dwo` files of the build.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use gimli::{DwarfPackage, DwoId, NativeEndian, SectionId, UnitType};

use super::load_split;
use super::map::Mapped;
use crate::locals::units::{Dwarf, Slice};
use crate::stack::Missing;

/// The split units of a program.
pub(super) struct Split {
    /// `shop.dwp`.
    package: PathBuf,
    packed: OnceLock<Option<DwarfPackage<Slice>>>,
    /// By the mark that a skeleton and its unit have in common. A file that is not there is not looked for again.
    found: Mutex<HashMap<u64, Option<Arc<Dwarf>>>>,
    read: Mutex<Vec<Mapped>>,
}

impl Split {
    /// For the program or library at `path`; looks at no file yet.
    pub(super) fn beside(path: &Path) -> Self {
        let mut package = path.as_os_str().to_owned();
        package.push(".dwp");
        Self {
            package: package.into(),
            packed: OnceLock::new(),
            found: Mutex::default(),
            read: Mutex::default(),
        }
    }

    /// Whether nobody wrote to the files that were read.
    pub(super) fn is_as_it_was(&self) -> bool {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.iter().all(Mapped::is_as_it_was)
    }

    fn load(&self, path: &Path) -> Option<impl Fn(SectionId) -> Result<Slice, Missing> + use<>> {
        let (mapped, sections) = load_split(path)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.push(mapped);
        Some(sections)
    }

    /// The unit that the skeleton stands for, from a file of the same build.
    pub(super) fn unit(
        &self,
        program: &Dwarf,
        skeleton: &gimli::Unit<Slice>,
    ) -> Result<(Arc<Dwarf>, gimli::Unit<Slice>), Missing> {
        let id = skeleton.dwo_id.ok_or(Missing::NoDebuginfo)?;
        let dwarf = self
            .dwarf(program, skeleton, id)
            .ok_or(Missing::NoDebuginfo)?;
        let mut headers = dwarf.units();
        // A `.dwo` file has a unit for each crate that was optimised together with this one.
        while let Some(header) = headers.next()? {
            let named = match header.type_() {
                UnitType::SplitCompilation(found) => Some(found),
                UnitType::Compilation => None,
                _ => continue,
            };
            if named.is_some_and(|named| named != id) {
                continue;
            }
            let mut unit = dwarf.unit(header)?;
            if unit.dwo_id == Some(id) {
                unit.copy_relocated_attributes(skeleton);
                return Ok((dwarf, unit));
            }
        }
        Err(Missing::NoDebuginfo)
    }

    fn dwarf(
        &self,
        program: &Dwarf,
        skeleton: &gimli::Unit<Slice>,
        id: DwoId,
    ) -> Option<Arc<Dwarf>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= MAX_FILES {
            return found.get(&id.0).cloned().flatten();
        }
        match found.entry(id.0) {
            Place::Occupied(known) => known.get().clone(),
            Place::Vacant(place) => {
                let dwarf = self
                    .packed(program, id)
                    .or_else(|| self.unpacked(program, skeleton));
                place.insert(dwarf.map(Arc::new)).clone()
            }
        }
    }

    fn packed(&self, program: &Dwarf, id: DwoId) -> Option<Dwarf> {
        let package = self.packed.get_or_init(|| {
            let sections = self.load(&self.package)?;
            DwarfPackage::load(sections, Slice::new(&[], NativeEndian)).ok()
        });
        package.as_ref()?.find_cu(id, program).ok()?
    }

    /// The `.dwo` file, where the build left it.
    fn unpacked(&self, program: &Dwarf, skeleton: &gimli::Unit<Slice>) -> Option<Dwarf> {
        let name = program
            .attr_string(skeleton, skeleton.dwo_name().ok()??)
            .ok()?;
        let folder = skeleton.comp_dir.unwrap_or_default();
        let folder = Path::new(text(folder)?);
        let sections = self.load(&folder.join(text(name)?))?;
        let mut dwarf = Dwarf::load(sections).ok()?;
        dwarf.make_dwo(program);
        Some(dwarf)
    }
}

fn text(slice: Slice) -> Option<&'static str> {
    std::str::from_utf8(slice.slice()).ok()
}

/// How many split units are looked for: each is a mapping, of which a process may have some 65,000.
const MAX_FILES: usize = 4096;
