//! Which occurrences of a problem are kept: the first, the last, and a spread between.

use uuid::Uuid;

use crate::time::Timestamp;

/// The occurrences to let go, so that `max` stay: never the first and the last, of the others those that stand closest to
/// their neighbours in time.
///
/// `kept` is in any order.
#[must_use]
pub fn thinned(kept: &[(Uuid, Timestamp)], max: usize) -> Vec<Uuid> {
    let mut kept: Vec<_> = kept.to_vec();
    kept.sort_by_key(|(id, time)| (*time, *id));
    let mut gone = Vec::new();
    while kept.len() > max.max(1) {
        let closest = (1..kept.len().saturating_sub(1))
            .min_by_key(|at| kept[at + 1].1.since(kept[at - 1].1))
            // Only the first and the last are left: the last tells more.
            .unwrap_or(0);
        gone.push(kept.remove(closest).0);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_the_last_and_a_spread_between_stay() {
        let mut kept = Vec::new();
        for second in 0..1_000_u64 {
            let id = Uuid::from_u128(second.into());
            kept.push((id, Timestamp::from_unix_micros(second as i64 * 1_000_000)));
            let gone = thinned(&kept, 5);
            kept.retain(|(id, _)| !gone.contains(id));
            assert!(kept.len() <= 5);
        }
        let seconds: Vec<_> = kept.iter().map(|(_, time)| time.unix_seconds()).collect();
        assert_eq!((seconds[0], seconds[4]), (0, 999));
        assert!(
            seconds.windows(2).all(|pair| pair[1] - pair[0] >= 50),
            "{seconds:?}"
        );
    }

    #[test]
    fn of_one_that_may_stay_it_is_the_last() {
        let kept = [
            (Uuid::from_u128(1), Timestamp::from_unix_micros(1)),
            (Uuid::from_u128(2), Timestamp::from_unix_micros(2)),
        ];
        assert_eq!(thinned(&kept, 1), [Uuid::from_u128(1)]);
        assert_eq!(thinned(&kept, 0), [Uuid::from_u128(1)]);
        assert!(thinned(&kept, 2).is_empty());
    }
}
