//! Who is asked for variables where something fails, and how often it answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::decode::Decoder;
use super::helper::{self, Helper};
use super::settings::Locals;
use super::types::Rules;
use crate::redact::Redactor;
use crate::stack::{Missing, Sampled, Sampler, set_sampler};
use crate::time::uptime_seconds;

/// Reads for the whole process.
struct Reading {
    helper: Helper<Decoder>,
    errors: Errors,
}

/// Begins to read variables, unless another monitor has.
///
/// # Errors
///
/// They are read with other settings already: one that differs.
pub(super) fn start(locals: Locals, redactor: &Redactor) -> Result<(), &'static str> {
    /// What they are read with.
    static SETTINGS: Mutex<Option<Locals>> = Mutex::new(None);
    let mut settings = SETTINGS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(settings) = &*settings {
        let differs = locals.differs_from(settings);
        return differs.map_or(Ok(()), Err);
    }
    let limits = helper::Limits {
        reads: u32::try_from(locals.limits.bytes / READ).unwrap_or(u32::MAX),
        bytes: locals.limits.bytes as u64,
        time: locals.limits.deadline,
        wanted: [locals.limits.frames, locals.limits.error_frames],
    };
    let rules = Rules {
        redactor: redactor.without_rules(),
        excluded: locals.excluded.clone(),
    };
    match Helper::start(limits, Decoder::new(locals.limits, rules)) {
        Ok(helper) => {
            let errors = Errors::new(locals.errors_per_second);
            // Asked until the process ends.
            set_sampler(Box::leak(Box::new(Reading { helper, errors })));
        }
        // Not on this platform, or no threads or files left: a service runs on without variables, and each occurrence says so.
        Err(_) => {
            set_sampler(&Unavailable);
        }
    }
    *settings = Some(locals);
    Ok(())
}

impl Sampler for Reading {
    fn at_panic(&self) -> Option<Box<Sampled>> {
        Some(self.helper.ask().unwrap_or_else(nothing))
    }

    fn at_error(&self, way: u64) -> Option<Box<Sampled>> {
        self.errors
            .wants(way, uptime_seconds())
            .then(|| self.helper.read_here().unwrap_or_else(nothing))
    }
}

/// Where variables cannot be read.
struct Unavailable;

impl Sampler for Unavailable {
    fn at_panic(&self) -> Option<Box<Sampled>> {
        Some(nothing(Missing::Unavailable))
    }

    fn at_error(&self, _: u64) -> Option<Box<Sampled>> {
        Some(nothing(Missing::Unavailable))
    }
}

fn nothing(why: Missing) -> Box<Sampled> {
    Box::new(Sampled {
        missing: Some(why),
        ..Sampled::default()
    })
}

/// Of which errors variables are read: so many a second, and of each way through the code the first ones, then the 16th, the 32nd, and so on.
struct Errors {
    per_second: u64,
    /// The second, and how many there were in it.
    now: AtomicU64,
    /// How often each way was gone. Ways that share a place share the number.
    ways: [AtomicU64; 256],
}

impl Errors {
    fn new(per_second: u32) -> Self {
        Self {
            per_second: per_second.into(),
            now: AtomicU64::new(0),
            ways: [const { AtomicU64::new(0) }; 256],
        }
    }

    fn wants(&self, way: u64, second: u64) -> bool {
        let way = &self.ways[(way.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize];
        let count = way.fetch_add(1, Ordering::Relaxed);
        if count >= FIRST && !count.is_power_of_two() {
            return false;
        }
        // Two threads at once may count as one: an error more does no harm.
        let now = self.now.load(Ordering::Relaxed);
        let count = match now >> 32 == second {
            true => now & u64::from(u32::MAX),
            false => 0,
        };
        if count >= self.per_second {
            return false;
        }
        self.now
            .store(second << 32 | (count + 1), Ordering::Relaxed);
        true
    }
}

/// How many errors of one way are read before there are ever fewer.
const FIRST: u64 = 8;
/// A read is to bring so much at least.
const READ: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_way_the_first_are_read_then_ever_fewer() {
        let errors = Errors::new(100);
        let read: Vec<u64> = (0..100).filter(|_| errors.wants(7, 3)).collect();
        assert_eq!(read, [0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64]);
        assert!(errors.wants(8, 3), "another way");
    }

    #[test]
    fn no_more_than_so_many_a_second() {
        let errors = Errors::new(3);
        let read = |second| (0..5).filter(|way| errors.wants(*way, second)).count();
        assert_eq!([read(1), read(1), read(2)], [3, 0, 3]);
        assert!(!Errors::new(0).wants(1, 1));
    }
}
