//! The test program itself as an example: its types, and its memory.

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use gimli::UnitOffset;

use super::eval::Where;
use super::image::Image;
use super::memory::Memory;
use super::read::{Limits, Reader};
use super::settings::Locals;
use super::types::{Rules, Types};
use super::units::{EntryRef, Units};
use crate::redact::{Redaction, Redactor};
use crate::stack::{Missing, Value, is_app_file};

static UNITS: LazyLock<Units> = LazyLock::new(|| {
    let program = fs::read_link("/proc/self/exe").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let first = maps
        .lines()
        .find(|line| line.ends_with(program.to_str().unwrap()))
        .unwrap();
    let start = first.split('-').next().unwrap();
    let bias = u64::from_str_radix(start, 16).unwrap();
    let mut units = Units::new(is_app_file);
    units.add(Image::open(Path::new("/proc/self/exe"), bias).unwrap());
    units.prepare();
    units
});

pub(super) fn units() -> &'static Units {
    &UNITS
}

/// This process's memory, read through a file, so that a bad address is an error and nothing else.
pub(super) struct OwnMemory {
    file: File,
    pub(super) reads_left: usize,
    /// What was asked for: addresses and lengths.
    pub(super) asked: Vec<(u64, usize)>,
}

impl OwnMemory {
    pub(super) fn new() -> Self {
        Self {
            file: File::open("/proc/self/mem").unwrap(),
            reads_left: usize::MAX,
            asked: Vec::new(),
        }
    }
}

impl Memory for OwnMemory {
    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Missing> {
        self.reads_left = self.reads_left.checked_sub(1).ok_or(Missing::TooMuch)?;
        self.asked.push((address, into.len()));
        if i64::try_from(address).is_err() {
            return Err(Missing::Unreadable);
        }
        self.file
            .read_exact_at(into, address)
            .map_err(|_| Missing::Unreadable)
    }
}

pub(super) fn rules() -> Arc<Rules> {
    Arc::new(Rules {
        redactor: Redactor::new(Redaction::new()),
        excluded: Locals::new().exclude_types(["Hidden"]).excluded,
    })
}

#[inline(never)]
fn marked<T>(value: &T) -> &T {
    // Optimised functions that do the same become one.
    black_box(std::any::type_name::<T>());
    black_box(value)
}

/// The entry of a type, by way of a function that has an argument of it.
pub(super) fn entry_of<T>() -> EntryRef {
    let function: fn(&T) -> &T = marked::<T>;
    let place = units().place(function as usize as u64).unwrap().unwrap();
    let unit = units().unit(place.unit).unwrap();
    let (function, _) = unit.function(place.address).unwrap();
    let mut entries = unit.unit.entries_at_offset(function).unwrap();
    while let Some(entry) = entries.next_dfs().unwrap() {
        if entry.tag() != gimli::DW_TAG_formal_parameter {
            continue;
        }
        let target = |unit: u32, offset: usize| {
            let unit = units().unit(unit).unwrap();
            let entry = unit.unit.entry(UnitOffset(offset)).unwrap();
            let to = entry.attr_value(gimli::DW_AT_type).unwrap();
            units().reference(unit.number, to).unwrap()
        };
        let pointer = target(place.unit, entry.offset().0);
        return target(pointer.unit, pointer.offset);
    }
    panic!("no argument");
}

pub(super) fn address_of<T>(value: &T) -> u64 {
    std::ptr::from_ref(value).addr() as u64
}

/// What is read of a value.
pub(super) fn read_with<T>(value: &T, limits: Limits) -> Value {
    marked(value);
    let mut types = Types::new(rules());
    let of = types.get(units(), entry_of::<T>());
    let mut memory = OwnMemory::new();
    let mut reader = Reader::new(&mut types, units(), &mut memory, limits);
    reader.value(&of, &Where::Memory(address_of(value)))
}

pub(super) fn read<T>(value: &T) -> Value {
    read_with(value, Limits::default())
}
