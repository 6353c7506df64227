//! Where an address lies in the file it was loaded from: what is left to say when the file has no symbols.

use super::frame::ObjectOffset;

/// The files that are mapped into this process.
#[derive(Debug, Default)]
pub(super) struct Objects {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    mapped: Vec<linux::Mapping>,
    /// Whether the mappings were read again for this stack.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fresh: bool,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    read: std::collections::HashMap<String, Option<linux::Elf>>,
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Objects {
    pub(super) fn begin_stack(&mut self) {}

    /// Nothing: only Linux tells.
    pub(super) fn offset_of(&mut self, _return_address: usize) -> Option<ObjectOffset> {
        None
    }

    pub(super) fn program_was_replaced() -> bool {
        false
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Objects {
    /// A library may have been loaded since the last stack.
    pub(super) fn begin_stack(&mut self) {
        self.fresh = false;
    }

    /// The file and the place in it of the call that returns to this address.
    pub(super) fn offset_of(&mut self, return_address: usize) -> Option<ObjectOffset> {
        // The return address may be the first of the next function.
        let address = return_address.checked_sub(1)? as u64;
        let covers = |mapping: &linux::Mapping| mapping.addresses.contains(&address);
        if !self.fresh && !self.mapped.iter().any(covers) {
            self.fresh = true;
            self.mapped = linux::mappings(&std::fs::read_to_string("/proc/self/maps").ok()?);
        }
        let mapping = self.mapped.iter().find(|mapping| covers(mapping))?;
        let elf = self
            .read
            .entry(mapping.path.clone())
            .or_insert_with(|| linux::Elf::of(&mapping.path))
            .as_ref()?;
        Some(ObjectOffset {
            name: mapping.name().to_owned(),
            offset: elf.address(address - mapping.addresses.start + mapping.offset)?,
            build_id: elf.build_id.clone(),
        })
    }

    /// Whether another file stands where the program was started from, so that its symbols are out of reach.
    pub(super) fn program_was_replaced() -> bool {
        // The mark is the kernel's, see proc_pid_exe(5).
        std::fs::read_link("/proc/self/exe")
            .is_ok_and(|path| path.to_string_lossy().ends_with(" (deleted)"))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::fs::File;
    use std::ops::Range;
    use std::os::unix::fs::FileExt;

    /// A line of `/proc/self/maps` that names a file.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Mapping {
        pub(super) addresses: Range<u64>,
        /// Where in the file it begins.
        pub(super) offset: u64,
        pub(super) path: String,
    }

    impl Mapping {
        /// The file's name; a file that a newer version replaced is marked by the kernel.
        pub(super) fn name(&self) -> &str {
            let path = self.path.strip_suffix(" (deleted)").unwrap_or(&self.path);
            path.rsplit('/').next().unwrap_or(path)
        }
    }

    /// The format is that of proc_pid_maps(5): `start-end perms offset device inode path`.
    pub(super) fn mappings(maps: &str) -> Vec<Mapping> {
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let parsed = |line: &str| {
            let mut fields = line.splitn(6, ' ');
            let (start, end) = fields.next()?.split_once('-')?;
            let offset = number(fields.nth(1)?)?;
            let path = fields.nth(2)?.trim_start();
            path.starts_with('/').then_some(Mapping {
                addresses: number(start)?..number(end)?,
                offset,
                path: path.to_owned(),
            })
        };
        maps.lines().filter_map(parsed).collect()
    }

    /// What the head of an ELF file says, of this machine's own kind.
    #[derive(Debug)]
    pub(super) struct Elf {
        loaded: Vec<Segment>,
        pub(super) build_id: Option<String>,
    }

    #[derive(Debug, Clone, Copy)]
    struct Segment {
        kind: u32,
        offset: u64,
        address: u64,
        size: u64,
    }

    impl Elf {
        pub(super) fn of(path: &str) -> Option<Self> {
            // The program's own file can be read through this link also after a newer version replaced it.
            let own =
                std::fs::read_link("/proc/self/exe").is_ok_and(|own| own.to_str() == Some(path));
            let file = File::open(if own { "/proc/self/exe" } else { path }).ok()?;
            let segments = segments(&file)?;
            let notes = segments.iter().filter(|segment| segment.kind == PT_NOTE);
            Some(Self {
                build_id: notes
                    .map(|note| part(&file, note.offset, note.size))
                    .find_map(|notes| build_id(&notes?)),
                loaded: segments
                    .iter()
                    .filter(|segment| segment.kind == PT_LOAD)
                    .copied()
                    .collect(),
            })
        }

        /// The address that the file itself gives to one of its bytes.
        pub(super) fn address(&self, offset: u64) -> Option<u64> {
            self.loaded
                .iter()
                .find(|segment| {
                    (segment.offset..segment.offset.saturating_add(segment.size)).contains(&offset)
                })
                .and_then(|segment| (offset - segment.offset).checked_add(segment.address))
        }
    }

    /// The program headers, as in elf(5): the layouts of 32 and 64 bits differ.
    fn segments(file: &File) -> Option<Vec<Segment>> {
        const WIDE: bool = cfg!(target_pointer_width = "64");
        let header = part(file, 0, if WIDE { 64 } else { 52 })?;
        let class = if WIDE { 2 } else { 1 };
        if !header.starts_with(b"\x7fELF") || header.get(4) != Some(&class) {
            return None;
        }
        let (table, size, count) = if WIDE { (32, 54, 56) } else { (28, 42, 44) };
        let (table, size, count) = (
            word(&header, table)?,
            half(&header, size)?,
            half(&header, count)?,
        );
        let (offset, address, filled) = if WIDE { (8, 16, 32) } else { (4, 8, 16) };
        let headers = part(file, table, u64::from(size) * u64::from(count))?;
        headers
            .chunks_exact(usize::from(size).max(1))
            .map(|header| {
                Some(Segment {
                    kind: int(header, 0)?,
                    offset: word(header, offset)?,
                    address: word(header, address)?,
                    size: word(header, filled)?,
                })
            })
            .collect()
    }

    /// The mark among the notes: `GNU`, of type 3.
    fn build_id(mut notes: &[u8]) -> Option<String> {
        loop {
            let name_size = int(notes, 0)? as usize;
            let size = int(notes, 4)? as usize;
            let kind = int(notes, 8)?;
            let name = notes.get(12..)?.get(..name_size)?;
            let rest = notes.get(12..)?.get(name_size.next_multiple_of(4)..)?;
            if kind == 3 && name == b"GNU\0" {
                let id = rest.get(..size)?;
                return Some(id.iter().map(|byte| format!("{byte:02x}")).collect());
            }
            notes = rest.get(size.checked_next_multiple_of(4)?..)?;
        }
    }

    fn part(file: &File, offset: u64, size: u64) -> Option<Vec<u8>> {
        let size = usize::try_from(size)
            .ok()
            .filter(|size| *size <= MAX_READ)?;
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }

    fn half(bytes: &[u8], at: usize) -> Option<u16> {
        Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
    }

    fn int(bytes: &[u8], at: usize) -> Option<u32> {
        Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
    }

    fn word(bytes: &[u8], at: usize) -> Option<u64> {
        Some(usize::from_ne_bytes(*bytes.get(at..)?.first_chunk()?) as u64)
    }

    const PT_LOAD: u32 = 1;
    const PT_NOTE: u32 = 4;
    /// Program headers and notes are far smaller.
    const MAX_READ: usize = 64 * 1024;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::skipped::skipped;
    use std::io;
    use std::process::Command;

    #[test]
    fn a_line_of_the_map_gives_addresses_offset_and_path() {
        let maps = "55d0c000-55d0e000 r-xp 00002000 fd:00 1234      /srv/my shop (deleted)\n\
                    7ffe0000-7ffe1000 rw-p 00000000 00:00 0         [stack]\n\
                    7ffe2000-7ffe3000 rw-p 00000000 00:00 0 \n";
        let found = linux::mappings(maps);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].addresses, 0x55d0_c000..0x55d0_e000);
        assert_eq!((found[0].offset, found[0].name()), (0x2000, "my shop"));
    }

    #[test]
    fn an_address_is_found_in_the_file_of_the_program() {
        let mut objects = Objects::default();
        let stack = super::super::RawStack::take();
        let found: Vec<_> = stack
            .ips()
            .iter()
            .filter_map(|ip| objects.offset_of(*ip))
            .collect();
        let program = std::env::current_exe().unwrap();
        let name = program.file_name().unwrap().to_str();
        assert_eq!(name, Some(found[0].name.as_str()));

        // The tools that would resolve it later, where they are installed.
        if let Some(notes) = printed(Command::new("readelf").arg("-n").arg(&program)) {
            let told = notes
                .lines()
                .find_map(|line| line.trim().strip_prefix("Build ID: "));
            assert_eq!(found[0].build_id.as_deref(), told);
        }
        let offsets = found
            .iter()
            .take(8)
            .map(|object| format!("{:#x}", object.offset));
        let mut addr2line = Command::new("addr2line");
        addr2line.arg("-Cfe").arg(&program).args(offsets);
        if let Some(places) = printed(&mut addr2line) {
            assert!(
                places.contains("an_address_is_found_in_the_file_of_the_program"),
                "{places}"
            );
        }
    }

    fn printed(tool: &mut Command) -> Option<String> {
        let output = tool.output();
        if output
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        {
            skipped(&tool.get_program().to_string_lossy(), "it is not installed");
            return None;
        }
        let output = output.expect("it is installed");
        assert!(output.status.success(), "{output:?}");
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn an_address_in_no_file_has_no_offset() {
        let local = 0u8;
        let mut objects = Objects::default();
        assert_eq!(objects.offset_of(std::ptr::from_ref(&local).addr()), None);
        assert_eq!(objects.offset_of(0), None);
    }
}
