//! Files that were damaged: errors or nonsense, but no panic and no end of time.

use std::fs;
use std::time::{Duration, Instant};

use object::{Object, ObjectSection};

use super::stopped::{Stopped, built};
use crate::locals::image::Image;
use crate::locals::plan::Plans;
use crate::locals::units::Units;

#[test]
fn a_damaged_file_harms_nobody() {
    for arguments in [
        &["-g"][..],
        &["-g", "-Copt-level=3", "-Cdwarf-version=5"],
        &["-g", "-Csplit-debuginfo=packed"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let program = built(folder.path(), arguments);
        let stopped = Stopped::start(&program);
        let split = folder.path().join("program.dwp");
        let target = if split.exists() {
            split
        } else {
            program.clone()
        };
        let whole = fs::read(&target).unwrap();
        let sections = sections(&whole);
        let damaged = folder.path().join("damaged");
        let mut random = Random(7);
        for round in 0..ROUNDS {
            let mut bytes = whole.clone();
            if round % 8 == 0 {
                bytes.truncate(random.below(whole.len()));
            }
            for _ in 0..1 << (round % 10) {
                // The units of std are not read: what is at the beginning of a section is mostly the program's own.
                let (start, length) = sections[random.below(sections.len())];
                let reach = if random.below(2) == 0 {
                    length.min(2000)
                } else {
                    length
                };
                let at = start + random.below(reach.max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.byte();
                }
            }
            let started = Instant::now();
            let opened = if target == program {
                fs::write(&damaged, &bytes).unwrap();
                Image::open(&damaged, stopped.bias)
            } else {
                // Written anew, not changed: the bytes of the round before are still mapped.
                fs::remove_file(&target).unwrap();
                fs::write(&target, &bytes).unwrap();
                Image::open(&program, stopped.bias)
            };
            let _gone = fs::remove_file(&damaged);
            let Ok(image) = opened else { continue };
            let mut units = Units::new(crate::stack::is_app_file);
            units.add(image);
            let mut plans = Plans::default();
            for call in &stopped.calls {
                let _any = plans.get(&units, call.pc);
            }
            units.prepare();
            let _any = units.vtable(stopped.vtable);
            assert!(started.elapsed() < Duration::from_secs(20));
        }
    }
}

/// Where the sections of debug information lie in the file, and how long they are.
fn sections(bytes: &[u8]) -> Vec<(usize, usize)> {
    let file = object::File::parse(bytes).unwrap();
    let of = |section: object::Section<'_, '_>| {
        let debug = section.name().is_ok_and(|name| name.starts_with(".debug_"));
        let (start, length) = section.file_range().filter(|_| debug)?;
        Some((
            usize::try_from(start).unwrap(),
            usize::try_from(length).unwrap(),
        ))
    };
    file.sections().filter_map(of).collect()
}

struct Random(u64);

impl Random {
    fn byte(&mut self) -> u8 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0.to_le_bytes()[6]
    }

    fn below(&mut self, bound: usize) -> usize {
        let wide = usize::from_le_bytes(std::array::from_fn(|_| self.byte()));
        wide % bound
    }
}

const ROUNDS: u32 = 120;
