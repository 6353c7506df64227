//! Memory that was read lately, in aligned lines.

/// A cache: a line has one of a few places, where those that are not the latest are replaced in turn.
#[derive(Debug)]
pub(super) struct Lines {
    bytes: Box<[u8]>,
    /// Which line each place has: its number and one, or zero.
    held: Box<[u64]>,
    /// Of a line: of which power of two.
    size_bits: u32,
    replaced: usize,
}

impl Lines {
    /// As many lines of as many bytes: powers of two, of which the first is [`WAYS`] at least.
    pub(super) fn new(count: usize, size: usize) -> Self {
        debug_assert!(count.is_power_of_two() && count >= WAYS && size.is_power_of_two());
        Self {
            bytes: vec![0; count * size].into_boxed_slice(),
            held: vec![0; count].into_boxed_slice(),
            size_bits: size.trailing_zeros(),
            replaced: 0,
        }
    }

    /// Forgets what was read, and wipes it: there may be secrets among it.
    pub(super) fn clear(&mut self) {
        let lines = self.bytes.chunks_exact_mut(1 << self.size_bits);
        for (held, line) in self.held.iter_mut().zip(lines) {
            if *held != 0 {
                *held = 0;
                line.fill(0);
            }
        }
    }

    /// Where this line is, or will be.
    fn place(&mut self, number: u64) -> usize {
        let first = number as usize & (self.held.len() / WAYS - 1);
        let first = first * WAYS;
        let own = &self.held[first..][..WAYS];
        let here = own.iter().position(|held| *held == number + 1);
        first
            + here.unwrap_or_else(|| {
                self.replaced = (self.replaced + 1) % WAYS;
                self.replaced
            })
    }

    /// Copies from the line around `address` as much as it has and `into` wants; says how much. `fetch` gets the line if it is
    /// not here.
    pub(super) fn read<E>(
        &mut self,
        address: u64,
        into: &mut [u8],
        fetch: impl FnOnce(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let size = 1 << self.size_bits;
        let (number, within) = (address >> self.size_bits, address as usize & (size - 1));
        let place = self.place(number);
        let line = &mut self.bytes[place << self.size_bits..][..size];
        if self.held[place] != number + 1 {
            self.held[place] = 0;
            if let Err(error) = fetch(number << self.size_bits, line) {
                line.fill(0);
                return Err(error);
            }
            self.held[place] = number + 1;
        }
        let length = into.len().min(size - within);
        into[..length].copy_from_slice(&line[within..][..length]);
        Ok(length)
    }
}

/// Places that a line may have.
const WAYS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a memory whose bytes are the low bytes of their addresses; tells which lines were fetched.
    fn read(lines: &mut Lines, mut address: u64, into: &mut [u8]) -> Vec<u64> {
        let mut fetched = Vec::new();
        let mut filled = 0;
        while filled < into.len() {
            let length = lines
                .read(address, &mut into[filled..], |from, line| {
                    fetched.push(from);
                    for (at, byte) in line.iter_mut().enumerate() {
                        *byte = (from + at as u64) as u8;
                    }
                    Ok::<_, ()>(())
                })
                .unwrap();
            filled += length;
            address += length as u64;
        }
        fetched
    }

    #[test]
    fn a_line_is_fetched_once_until_another_takes_its_place() {
        let mut lines = Lines::new(4, 16);
        let mut bytes = [0; 8];
        assert_eq!(read(&mut lines, 0x104, &mut bytes), [0x100]);
        assert_eq!(bytes, [4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(read(&mut lines, 0x108, &mut bytes), [0; 0]);
        assert_eq!(bytes[0], 8);
        assert_eq!(read(&mut lines, 0x10c, &mut bytes), [0x110]);
        assert_eq!(bytes, [12, 13, 14, 15, 16, 17, 18, 19]);
        for other in [0x120, 0x130, 0x140] {
            assert_eq!(read(&mut lines, other, &mut bytes), [other]);
        }
        assert_eq!(read(&mut lines, 0x140, &mut bytes), [0; 0]);
        assert_eq!(read(&mut lines, 0x100, &mut bytes), [0x100], "replaced");
        lines.clear();
        assert!(lines.bytes.iter().all(|byte| *byte == 0), "wiped");
        assert_eq!(read(&mut lines, 0x100, &mut bytes), [0x100]);
    }

    #[test]
    fn a_line_that_could_not_be_fetched_is_not_here() {
        let mut lines = Lines::new(4, 16);
        let mut bytes = [0; 8];
        assert_eq!(read(&mut lines, 0, &mut bytes), [0]);
        for other in [0x40, 0x50, 0x60, 0x70] {
            assert!(lines.read(other, &mut bytes, |_, _| Err(())).is_err());
        }
        assert_eq!(read(&mut lines, 0, &mut bytes), [0], "half replaced");
    }
}
