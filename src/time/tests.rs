//! Known times, every way to write one, and whatever else a text may be.

use super::*;
use proptest::prelude::*;

fn json(micros: i64) -> String {
    serde_json::to_string(&Timestamp(micros)).unwrap()
}

#[test]
fn json_has_microseconds_and_years_of_four_digits() {
    for (micros, expected) in [
        (1_795_340_339_012_345, "2026-11-22T09:38:59.012345Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (FIRST, "0000-01-01T00:00:00.000000Z"),
        (FIRST - 1, "0000-01-01T00:00:00.000000Z"),
        (LAST, "9999-12-31T23:59:59.999999Z"),
        (LAST + 1, "9999-12-31T23:59:59.999999Z"),
        (i64::MIN, "0000-01-01T00:00:00.000000Z"),
        (i64::MAX, "9999-12-31T23:59:59.999999Z"),
    ] {
        assert_eq!(json(micros), format!("\"{expected}\""));
    }
}

#[test]
fn every_way_to_say_a_time_in_utc_is_read() {
    let second = 1_795_340_339_000_000;
    for (text, micros) in [
        ("2026-11-22T09:38:59Z", second),
        ("2026-11-22t09:38:59z", second),
        ("2026-11-22T09:38:59+00:00", second),
        ("2026-11-22T09:38:59.5-00:00", second + 500_000),
        ("2026-11-22T09:38:59.012Z", second + 12_000),
        ("2026-11-22T09:38:59.012345999Z", second + 12_345),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
        ("0000-01-01T00:00:00Z", FIRST),
    ] {
        assert_eq!(text.parse(), Ok(Timestamp(micros)), "{text}");
    }
    for wrong in [
        "",
        "2026-11-22",
        "2026-11-22T09:38:59",
        "2026-11-22 09:38:59Z",
        "2026-11-22T09:38:59.Z",
        "2026-11-22T09:38:59.0123456789Z",
        "2026-11-22T09:38:59.+1Z",
        "2026-11-22T09:38:59+01:00",
        "2026-11-22T09:38:59ZZ",
        "2026-11-22T24:00:00Z",
        "2026-11-22T09:60:00Z",
        "2026-11-22T09:38:60Z",
        "2026-00-22T09:38:59Z",
        "2026-13-22T09:38:59Z",
        "2025-02-29T09:38:59Z",
        "2026-11-00T09:38:59Z",
        "2026-11-31T09:38:59Z",
        "+026-11-22T09:38:59Z",
        "2026-11-22T09:38:5９Z",
    ] {
        assert_eq!(wrong.parse::<Timestamp>(), Err(InvalidTimestamp), "{wrong}");
    }
}

proptest! {
    #[test]
    fn a_time_is_read_back_as_it_was(micros in FIRST..=LAST) {
        let read: Timestamp = serde_json::from_str(&json(micros)).unwrap();
        prop_assert_eq!(read, Timestamp(micros));
    }

    #[test]
    fn any_time_is_written_as_one_that_can_be_read(micros in any::<i64>()) {
        let read: Timestamp = serde_json::from_str(&json(micros)).unwrap();
        prop_assert_eq!(read, Timestamp(micros.clamp(FIRST, LAST)));
    }

    #[test]
    fn any_text_is_taken(text in any::<String>(), time in "[0-9tTzZ:.+-]{0,40}") {
        let _ = text.parse::<Timestamp>();
        let _ = time.parse::<Timestamp>();
    }
}

#[test]
fn known_times_are_written_as_rfc_3339() {
    for (micros, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
        (1_709_164_799_999_999, "2024-02-28T23:59:59.999Z"),
        (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(Timestamp::from_unix_micros(micros).to_string(), expected);
    }
}

#[test]
fn every_day_of_four_centuries_follows_the_one_before() {
    let (mut year, mut month, mut day) = civil_from_days(-719_468 + 146_097 * 4);
    for days in (-719_468 + 146_097 * 4 + 1)..(-719_468 + 146_097 * 5) {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        (year, month, day) = match (month, day == last) {
            (12, true) => (year + 1, 1, 1),
            (_, true) => (year, month + 1, 1),
            _ => (year, month, day + 1),
        };
        assert_eq!(civil_from_days(days), (year, month, day));
    }
}
