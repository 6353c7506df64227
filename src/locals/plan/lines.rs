//! The lines and files of a unit.

use gimli::{LineProgramHeader, NativeEndian, Reader};

use crate::locals::units::{Slice, Unit};

/// The line of the code at this address, as the file counts, in the function that begins at `start`.
///
/// Runs the unit's line program, section 6.2.5 of DWARF 5. It has a sequence for each function, which begins by saying where
/// that is: only where none does, it is run from its beginning. An index of its sequences would take more memory than all
/// else that is kept of a unit.
pub(super) fn line(unit: &Unit, start: u64, address: u64) -> Option<u32> {
    let (_, program) = unit.lines()?;
    let header = program.header();
    let whole = header.raw_program_buf();
    let run = |input| Rows::new(header, input, address)?.run();
    let line = sequence(whole, start).and_then(run).or_else(|| run(whole));
    line.filter(|line| *line != 0)
}

/// The program from where it says that it is at this address.
fn sequence(program: Slice, address: u64) -> Option<Slice> {
    let mut says = [0; 11];
    says[..3].copy_from_slice(&[0, 9, gimli::DW_LNE_set_address.0]);
    says[3..].copy_from_slice(&address.to_ne_bytes());
    let at = memchr::memmem::find(program.slice(), &says)?;
    Some(Slice::new(program.slice().get(at..)?, NativeEndian))
}

/// The file of this number, as an absolute path where the build's folder is known.
pub(super) fn file(unit: &Unit, number: u64) -> Option<String> {
    let (dwarf, program) = unit.lines()?;
    let header = program.header();
    let file = header.file(number)?;
    let text = |value| {
        let slice = dwarf.attr_string(&unit.unit, value).ok()?;
        String::from_utf8(slice.slice().to_vec()).ok()
    };
    let mut path = text(file.path_name())?;
    let mut lead = |folder: String| {
        if !path.starts_with('/') && !folder.is_empty() {
            path = format!("{}/{path}", folder.trim_end_matches('/'));
        }
    };
    if let Some(folder) = file.directory(header).and_then(text) {
        lead(folder);
    }
    if let Some(folder) = unit.unit.comp_dir {
        lead(String::from_utf8_lossy(folder.slice()).into_owned());
    }
    Some(path)
}

/// A line program that runs up to an address.
struct Rows {
    input: Slice,
    /// How many operands the standard operations have.
    operands: &'static [u8],
    /// The first special operation.
    opcode_base: u8,
    /// By how much each special operation advances, in bytes and lines.
    special: [(u16, i16); 256],
    /// Bytes of the shortest instruction.
    step: u64,
    wanted: u64,
    address: u64,
    line: u64,
    /// The row before.
    last: Option<(u64, u64)>,
}

impl Rows {
    fn new(header: &LineProgramHeader<Slice>, input: Slice, wanted: u64) -> Option<Self> {
        let range = Some(header.line_range()).filter(|range| *range != 0)?;
        let (first, step) = (header.opcode_base(), header.minimum_instruction_length());
        let line_base = i16::from(header.line_base());
        let special = std::array::from_fn(|operation| {
            // Also of those that are none: the largest is what `DW_LNS_const_add_pc` goes by.
            let adjusted = u8::try_from(operation).map_or(0, |it| it.wrapping_sub(first));
            let by = u16::from(adjusted / range) * u16::from(step);
            (by, line_base + i16::from(adjusted % range))
        });
        Some(Self {
            input,
            operands: header.standard_opcode_lengths().slice(),
            opcode_base: first,
            special,
            step: u64::from(step),
            wanted,
            address: 0,
            line: 1,
            last: None,
        })
    }

    fn run(&mut self) -> Option<u32> {
        loop {
            let found = match self.byte()? {
                0 => self.extended()?,
                operation if operation >= self.opcode_base => {
                    let (bytes, lines) = self.special[usize::from(operation)];
                    self.address = self.address.wrapping_add(u64::from(bytes));
                    self.line = self.line.wrapping_add_signed(i64::from(lines));
                    self.row()
                }
                operation => self.standard(operation)?,
            };
            if let Some(line) = found {
                return u32::try_from(line).ok();
            }
        }
    }

    fn standard(&mut self, operation: u8) -> Option<Option<u64>> {
        match gimli::DwLns(operation) {
            gimli::DW_LNS_copy => return Some(self.row()),
            gimli::DW_LNS_advance_pc => {
                let by = self.unsigned()?.wrapping_mul(self.step);
                self.address = self.address.wrapping_add(by);
            }
            gimli::DW_LNS_advance_line => {
                let by = self.input.read_sleb128().ok()?;
                self.line = self.line.wrapping_add_signed(by);
            }
            gimli::DW_LNS_const_add_pc => {
                let (bytes, _) = self.special[255];
                self.address = self.address.wrapping_add(u64::from(bytes));
            }
            gimli::DW_LNS_fixed_advance_pc => {
                let by = self.input.read_u16().ok()?;
                self.address = self.address.wrapping_add(u64::from(by));
            }
            _ => {
                let operands = self.operands.get(usize::from(operation).checked_sub(1)?)?;
                for _ in 0..*operands {
                    self.unsigned()?;
                }
            }
        }
        Some(None)
    }

    fn extended(&mut self) -> Option<Option<u64>> {
        let length = usize::try_from(self.unsigned()?).ok()?;
        let mut operation = self.input.split(length).ok()?;
        match operation.read_u8().map(gimli::DwLne) {
            Ok(gimli::DW_LNE_end_sequence) => {
                let found = self.row();
                (self.address, self.line, self.last) = (0, 1, None);
                return Some(found);
            }
            Ok(gimli::DW_LNE_set_address) => self.address = operation.read_u64().ok()?,
            _ => {}
        }
        Some(None)
    }

    /// Ends the row before; its line, when the wanted address lay in it.
    fn row(&mut self) -> Option<u64> {
        let last = self.last.replace((self.address, self.line))?;
        (last.0..self.address)
            .contains(&self.wanted)
            .then_some(last.1)
    }

    fn byte(&mut self) -> Option<u8> {
        self.input.read_u8().ok()
    }

    fn unsigned(&mut self) -> Option<u64> {
        self.input.read_uleb128().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locals::sample::units;

    #[test]
    fn a_line_is_the_same_from_the_beginning_of_its_function_on() {
        let here = super::line as *const () as u64;
        let place = units().place(here).unwrap().unwrap();
        let unit = units().unit(place.unit).unwrap();
        let (_, code) = unit.function(place.address).unwrap();
        let mut lines = Vec::new();
        for address in code.clone().step_by(3) {
            assert!(
                sequence(
                    unit.lines().unwrap().1.header().raw_program_buf(),
                    code.start
                )
                .is_some()
            );
            let whole = line(&unit, u64::MAX, address);
            assert_eq!(line(&unit, code.start, address), whole);
            lines.extend(whole);
        }
        lines.sort_unstable();
        lines.dedup();
        assert!(lines.len() > 5, "{lines:?}");
    }
}
