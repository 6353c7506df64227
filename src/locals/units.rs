//! The units of the debug information.

mod crates;
mod declared;
mod index;
mod root;
mod skim;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use gimli::{AttributeValue, DebugInfoOffset, DebugLineOffset, EndianSlice, NativeEndian};
use gimli::{IncompleteLineProgram, Section, UnitOffset, UnitRef};
use rustc_hash::FxHashMap;

use self::index::{Index, Slot};
use self::tables::Tables;
use super::image::Image;
use crate::stack::Missing;

/// Debug information lies in files that are mapped for good.
pub(super) type Slice = EndianSlice<'static, NativeEndian>;
pub(super) type Dwarf = gimli::Dwarf<Slice>;
pub(super) type Entry = gimli::DebuggingInformationEntry<Slice>;

/// A type, or another entry, of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct EntryRef {
    pub(super) unit: u32,
    pub(super) offset: usize,
}

/// A unit, with what its entries do not say of themselves.
pub(super) struct Unit {
    pub(super) number: u32,
    pub(super) dwarf: Arc<Dwarf>,
    /// Without its line program, see [`Unit::lines`].
    pub(super) unit: gimli::Unit<Slice>,
    tables: Arc<OnceLock<Tables>>,
    /// Where the lines are: in the program's own sections, also when the unit was split off.
    lines: Option<(Arc<Dwarf>, DebugLineOffset)>,
    program: OnceLock<Option<IncompleteLineProgram<Slice>>>,
}

impl Unit {
    pub(super) fn refs(&self) -> gimli::UnitRef<'_, Slice> {
        self.unit.unit_ref(&self.dwarf)
    }

    /// The text that an attribute is, or leads to.
    pub(super) fn text(&self, value: AttributeValue<Slice>) -> Option<&'static [u8]> {
        text(&self.refs(), value)
    }

    /// The path of the namespace in which a type or function stands: `shop::cart`.
    pub(super) fn namespace(&self, offset: UnitOffset) -> String {
        self.tables().namespaces.of(offset.0)
    }

    /// The function whose code is at this address, as the file counts, and all that code or the part of it.
    pub(super) fn function(&self, address: u64) -> Option<(UnitOffset, Range<u64>)> {
        let (entry, code) = self.tables().function(address)?;
        Some((UnitOffset(entry), code))
    }

    fn tables(&self) -> &Tables {
        self.tables.get_or_init(|| tables::read(&self.refs()))
    }

    /// The lines and files, with the sections that their names are in.
    pub(super) fn lines(&self) -> Option<(&Dwarf, &IncompleteLineProgram<Slice>)> {
        let (dwarf, offset) = self.lines.as_ref()?;
        let program = self.program.get_or_init(|| {
            let (unit, lines) = (&self.unit, &dwarf.debug_line);
            let size = unit.header.address_size();
            lines.program(*offset, size, unit.comp_dir, unit.name).ok()
        });
        Some((dwarf, program.as_ref()?))
    }
}

/// All units of the process.
///
/// An image is read where it is first asked for, or by [`Units::prepare`]. What is kept of a unit for good are its tables;
/// the unit itself, whose abbreviations are the most of it, is parsed again when it was not asked for lately.
pub(super) struct Units {
    images: Vec<Loaded>,
    is_own: Box<dyn Fn(&str) -> bool + Send + Sync>,
    live: Mutex<FxHashMap<u32, Arc<Unit>>>,
    /// The entries of vtables by their address in this process.
    vtables: RwLock<FxHashMap<u64, (u32, u32)>>,
    /// The crates of others, as far as their units were looked at.
    foreign: RwLock<HashSet<&'static str>>,
    /// Of how many images all units were looked at.
    known: AtomicUsize,
    /// Where the types are described that other units only declare, as far as they were looked up.
    declared: Mutex<HashMap<String, Option<EntryRef>>>,
}

/// How far reading ahead has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prepared {
    images: usize,
    slots: usize,
}

struct Loaded {
    image: Image,
    index: OnceLock<Index>,
    /// The units that the index does not name.
    rest: OnceLock<Index>,
    described: OnceLock<bool>,
    recent: root::Recent,
}

/// Where an address of the process lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) unit: u32,
    /// The address as the file counts.
    pub(super) address: u64,
    /// What was added to it.
    pub(super) bias: u64,
}

impl Units {
    /// None yet. `is_own` says of a source file, or of the folder where a crate was built, whether it is the app's.
    pub(super) fn new(is_own: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self {
            images: Vec::new(),
            is_own: Box::new(is_own),
            live: Mutex::default(),
            vtables: RwLock::default(),
            foreign: RwLock::default(),
            known: AtomicUsize::new(0),
            declared: Mutex::default(),
        }
    }

    /// Whether nobody wrote to the files that were read.
    pub(super) fn are_as_they_were(&self) -> bool {
        self.images.iter().all(|loaded| loaded.image.is_as_it_was())
    }

    /// Takes in a program or library; units that are known keep their numbers.
    pub(super) fn add(&mut self, image: Image) {
        if self.images.len() < MAX_IMAGES {
            self.images.push(Loaded {
                image,
                index: OnceLock::new(),
                rest: OnceLock::new(),
                described: OnceLock::new(),
                recent: root::Recent::default(),
            });
        }
    }

    /// Reads ahead what the first failure needs: the index, and the tables of the app's own units.
    #[cfg(test)]
    pub(super) fn prepare(&self) {
        let mut done = Prepared::default();
        while self.prepare_more(&mut done) {}
    }

    /// Does the next piece of it, a millisecond or so; whether there is more.
    pub(super) fn prepare_more(&self, done: &mut Prepared) -> bool {
        let Some(loaded) = self.images.get(done.images) else {
            return false;
        };
        let mut rest = loaded.index().slots.iter().enumerate().skip(done.slots);
        let next =
            rest.find(|(_, slot)| slot.listed.get().is_none() && self.is_own_slot(loaded, slot));
        if let Some((within, _)) = next {
            if let Some(unit) = self.unit(number(done.images, within)) {
                self.list_vtables(&unit);
            }
            done.slots = within + 1;
        } else if loaded.rest.get().is_none() {
            loaded.rest();
        } else {
            loaded.rest_with_ranges();
            done.slots = 0;
            done.images += 1;
        }
        true
    }

    pub(super) fn unit(&self, number: u32) -> Option<Arc<Unit>> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unit) = live.get(&number) {
            return Some(Arc::clone(unit));
        }
        let unit = Arc::new(self.parse(number).ok()?);
        if live.len() >= MAX_LIVE {
            live.clear();
        }
        live.insert(number, Arc::clone(&unit));
        Some(unit)
    }

    /// What a reference across units means, in the unit `from`.
    pub(super) fn at(&self, from: u32, offset: DebugInfoOffset) -> Option<EntryRef> {
        let (image, loaded) = self.image(from)?;
        if let Some(unit) = self.unit(from)
            && let Some(within) = offset.to_unit_offset(&unit.unit.header)
        {
            return Some(EntryRef {
                unit: from,
                offset: within.0,
            });
        }
        let (within, offset) = loaded.covering(offset.0)?;
        Some(EntryRef {
            unit: number(image, within),
            offset,
        })
    }

    /// The entry that an attribute of the unit `from` refers to.
    pub(super) fn reference(&self, from: u32, value: AttributeValue<Slice>) -> Option<EntryRef> {
        match value {
            AttributeValue::UnitRef(offset) => Some(EntryRef {
                unit: from,
                offset: offset.0,
            }),
            AttributeValue::DebugInfoRef(offset) => self.at(from, offset),
            _ => None,
        }
    }

    /// The concrete type to which the vtable at this address belongs, of those in the app's own units that were read.
    pub(super) fn vtable(&self, address: u64) -> Option<EntryRef> {
        let vtables = self.vtables.read().unwrap_or_else(PoisonError::into_inner);
        let (number, offset) = *vtables.get(&address)?;
        drop(vtables);
        let unit = self.unit(number)?;
        let variable = unit.unit.entry(UnitOffset(offset as usize)).ok()?;
        let table = self.reference(number, variable.attr_value(gimli::DW_AT_type)?)?;
        let unit = self.unit(table.unit)?;
        let table_type = unit.unit.entry(UnitOffset(table.offset)).ok()?;
        let concrete = table_type.attr_value(gimli::DW_AT_containing_type)?;
        self.reference(table.unit, concrete)
    }

    /// Whether the file is the app's.
    pub(super) fn is_own(&self, file: &str) -> bool {
        (self.is_own)(file)
    }

    /// Where the code at this address comes from: `None` for what is not of the app's own units.
    ///
    /// # Errors
    ///
    /// [`Missing::Unavailable`] when the address is in none of the images.
    pub(super) fn place(&self, pc: u64) -> Result<Option<Place>, Missing> {
        let found = self.images.iter().enumerate().find_map(|(at, loaded)| {
            let address = loaded.image.own_address(pc)?;
            Some((at, loaded, address))
        });
        let (at, loaded, address) = found.ok_or(Missing::Unavailable)?;
        let Some(within) = loaded.at(address) else {
            return Ok(None);
        };
        let own = loaded
            .slot(within)
            .is_some_and(|slot| self.is_own_slot(loaded, slot));
        Ok(own.then(|| Place {
            unit: number(at, within),
            address,
            bias: loaded.image.bias,
        }))
    }

    /// The image that a unit belongs to.
    pub(super) fn image_of(&self, unit: u32) -> Option<&Image> {
        self.image(unit).map(|(_, loaded)| &loaded.image)
    }

    /// The image whose code is at the address.
    pub(super) fn image_at(&self, pc: u64) -> Option<&Image> {
        let mut images = self.images.iter().map(|loaded| &loaded.image);
        images.find(|image| image.own_address(pc).is_some())
    }

    /// One of the app's own units, with the reason when there is none.
    pub(super) fn own_unit(&self, number: u32) -> Result<Arc<Unit>, Missing> {
        let Some(unit) = self.unit(number) else {
            return Err(self.parse(number).err().unwrap_or(Missing::Unsupported));
        };
        self.list_vtables(&unit);
        Ok(unit)
    }

    fn list_vtables(&self, unit: &Unit) {
        let Some((_, loaded)) = self.image(unit.number) else {
            return;
        };
        let slot = loaded.slot((unit.number & UNIT_MASK) as usize);
        let Some(listed) = slot.map(|slot| &slot.listed) else {
            return;
        };
        listed.get_or_init(|| {
            let mut known = self.vtables.write().unwrap_or_else(PoisonError::into_inner);
            for (address, entry) in &unit.tables().vtables {
                let address = address.wrapping_add(loaded.image.bias);
                known.insert(address, (unit.number, *entry));
            }
        });
    }

    /// Whether the variables of the app are described: not when it was built with `debug = "limited"` or less. A unit of a
    /// whole description may have functions without any.
    pub(super) fn is_described(&self, unit: &Unit) -> bool {
        if tables::is_described(&unit.refs()) {
            return true;
        }
        let Some((at, loaded)) = self.image(unit.number) else {
            return false;
        };
        *loaded.described.get_or_init(|| {
            let slots = &loaded.index().slots;
            let is = |(within, slot): (usize, &Slot)| {
                self.is_own_slot(loaded, slot)
                    && self
                        .parse(number(at, within))
                        .is_ok_and(|unit| tables::is_described(&unit.refs()))
            };
            slots.iter().enumerate().any(is)
        })
    }

    fn image(&self, unit: u32) -> Option<(usize, &Loaded)> {
        let at = (unit >> UNIT_BITS) as usize;
        Some((at, self.images.get(at)?))
    }

    fn parse(&self, number: u32) -> Result<Unit, Missing> {
        let (_, loaded) = self.image(number).ok_or(Missing::Unavailable)?;
        let slot = loaded
            .slot((number & UNIT_MASK) as usize)
            .ok_or(Missing::Unavailable)?;
        let program = &loaded.image.dwarf;
        let header = program.debug_info.header_from_offset(slot.offset())?;
        let (mut unit, lines) = root::whole(program, header)?;
        let lines = lines.map(|offset| (Arc::clone(program), offset));
        let mut dwarf = Arc::clone(program);
        if unit.dwo_id.is_some() {
            let (folder, name) = (unit.comp_dir, unit.name);
            (dwarf, unit) = loaded.image.split(&unit)?;
            unit.line_program = None;
            unit.comp_dir = unit.comp_dir.or(folder);
            unit.name = unit.name.or(name);
        }
        Ok(Unit {
            number,
            tables: slot.place_of_tables(),
            dwarf,
            unit,
            lines,
            program: OnceLock::new(),
        })
    }
}

impl fmt::Debug for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images = self.images.len();
        f.debug_struct("Units").field("images", &images).finish()
    }
}

/// As gimli reads it, but for those texts that most are: it looks at their bytes one by one.
fn text(unit: &UnitRef<'_, Slice>, value: AttributeValue<Slice>) -> Option<&'static [u8]> {
    let AttributeValue::DebugStrRef(offset) = value else {
        return unit.attr_string(value).ok().map(|text| text.slice());
    };
    let from = unit.dwarf.debug_str.reader().slice().get(offset.0..)?;
    from.get(..memchr::memchr(0, from)?)
}

fn number(image: usize, within: usize) -> u32 {
    let image = u32::try_from(image).unwrap_or(u32::MAX);
    (image << UNIT_BITS) | (u32::try_from(within).unwrap_or(u32::MAX) & UNIT_MASK)
}

/// A unit's number is that of its image, then its own.
const UNIT_BITS: u32 = 24;
const UNIT_MASK: u32 = (1 << UNIT_BITS) - 1;

/// Programs and libraries that are read; no app loads as many of its own.
const MAX_IMAGES: usize = 200;

/// Units that stay parsed, some 40 kB each; a failure touches 10 to 20.
const MAX_LIVE: usize = 32;
