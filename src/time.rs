//! Points in time, to the microsecond, in UTC.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time: microseconds since 1970-01-01 UTC. Shown as RFC 3339 with milliseconds.
///
/// It is serialized with microseconds, so that it reads back as it was; a time beyond the years 0 to 9999, which RFC 3339 cannot
/// say, as the first or last one it can. Any RFC 3339 in UTC is read, from text and from JSON, with up to nine digits of a second.
///
/// ```
/// use tower_monitor::Timestamp;
///
/// let time = Timestamp::from_unix_micros(1_795_340_339_012_345);
/// assert_eq!(time.to_string(), "2026-11-22T09:38:59.012Z");
/// assert_eq!("2026-11-22T09:38:59.012345Z".parse(), Ok(time));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The system clock's time.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// The point in time so many microseconds after 1970-01-01 UTC.
    #[must_use]
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The time that has passed since `earlier`; zero when the clock was set back.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This time and `duration`; the last one there is when that is too far.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// The day it falls on, counted from 1970-01-01 UTC.
    pub(crate) const fn day(self) -> i64 {
        self.0.div_euclid(86_400_000_000)
    }

    /// Year, month (1–12), day (1–31), hour, minute, second, millisecond.
    pub(crate) fn civil(self) -> Civil {
        let millis_of_day = self.0.rem_euclid(86_400_000_000) / 1_000;
        let (year, month, day) = civil_from_days(self.day());
        Civil {
            year,
            month,
            day,
            hour: millis_of_day / 3_600_000,
            minute: millis_of_day / 60_000 % 60,
            second: millis_of_day / 1_000 % 60,
            milli: millis_of_day % 1_000,
        }
    }

    /// `2026-11-22T09:38:59.012345Z`, within the years 0 to 9999.
    fn rfc3339_micros(self) -> [u8; 27] {
        let time = Self(self.0.clamp(FIRST, LAST));
        let mut out = *b"0000-00-00T00:00:00.000000Z";
        out[..23].copy_from_slice(&time.rfc3339()[..23]);
        let micros = time.0.rem_euclid(1_000);
        for (place, unit) in [(23, 100), (24, 10), (25, 1)] {
            out[place] = b'0' + (micros / unit % 10) as u8;
        }
        out
    }

    /// `2026-11-22T09:38:59.012Z`: 24 bytes for the years 0 to 9999, which is all the system clock gives.
    pub(crate) fn rfc3339(self) -> [u8; 24] {
        let civil = self.civil();
        let mut out = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, width: usize, mut value: i64| {
            for place in (at..at + width).rev() {
                out[place] = b'0' + (value.rem_euclid(10)) as u8;
                value = value.div_euclid(10);
            }
        };
        put(0, 4, civil.year);
        put(5, 2, civil.month);
        put(8, 2, civil.day);
        put(11, 2, civil.hour);
        put(14, 2, civil.minute);
        put(17, 2, civil.second);
        put(20, 3, civil.milli);
        out
    }
}

/// A [`Timestamp`] as a calendar and a clock show it in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) milli: i64,
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => Self(-micros(before.duration())),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.rfc3339()).unwrap_or_default())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.rfc3339_micros()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Reads RFC 3339 in UTC; what is finer than a microsecond is left out.
impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        read(text.as_bytes()).ok_or(InvalidTimestamp)
    }
}

/// The text is no RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is RFC 3339 in UTC, such as `2026-11-22T09:38:59.012345Z`")]
#[non_exhaustive]
pub struct InvalidTimestamp;

fn read(text: &[u8]) -> Option<Timestamp> {
    let (clock, rest) = text.split_at_checked("0000-00-00T00:00:00".len())?;
    let separators = [clock[4], clock[7], clock[13], clock[16]] == *b"--::";
    if !separators || !matches!(clock[10], b'T' | b't') {
        return None;
    }
    let (year, month, day) = (
        number(&clock[..4])?,
        number(&clock[5..7])?,
        number(&clock[8..10])?,
    );
    let (hour, minute, second) = (
        number(&clock[11..13])?,
        number(&clock[14..16])?,
        number(&clock[17..])?,
    );
    let (fraction, zone) = rest.split_at(rest.iter().position(|byte| is_zone(*byte))?);
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            number(digits)? * 1_000_000 / 10_i64.pow(u32::try_from(digits.len()).ok()?)
        }
        _ => return None,
    };
    let days = days_from_civil(year, month, day);
    let is_date = (1..=12).contains(&month) && civil_from_days(days) == (year, month, day);
    // A leap second, which the Unix clock counts as the next one.
    let is_second = second < 60 || (hour, minute, second) == (23, 59, 60);
    let is_utc = matches!(zone, b"Z" | b"z" | b"+00:00" | b"-00:00");
    if !is_date || hour > 23 || minute > 59 || !is_second || !is_utc {
        return None;
    }
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp(seconds * 1_000_000 + micros))
}

fn is_zone(byte: u8) -> bool {
    matches!(byte, b'Z' | b'z' | b'+' | b'-')
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + i64::from(digit - b'0'))
    })
}

/// The way back from [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Days since 1970-01-01 to a date of the Gregorian calendar, counted in eras of 400 years that begin on 1 March.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Where the time comes from: the system, or a test.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's.
    pub(crate) fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// One that goes with tokio's, which a test may have stopped.
    #[cfg(test)]
    pub(crate) fn of_tokio(begin: Timestamp) -> Self {
        let began = tokio::time::Instant::now();
        Self(Arc::new(move || begin.after(began.elapsed())))
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Seconds of a clock that nobody sets, the same in the whole process.
pub(crate) fn uptime_seconds() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs()
}

/// 0000-01-01T00:00:00Z in microseconds.
const FIRST: i64 = -62_167_219_200_000_000;
/// The last microsecond of the year 9999.
const LAST: i64 = 253_402_300_799_999_999;

/// The window in which the first occurrences of a problem are looked at closely, and of the rest only the number.
pub(crate) const WINDOW_SECONDS: u64 = 10;

#[cfg(test)]
mod tests;
