//! How many different users a problem has hit, without a list of them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::occurrence::Fnv;

/// About how many different things were counted: a HyperLogLog of 1,024 registers, which is 1 KiB whatever the number.
///
/// The standard error is 3.25 %; of a few things the estimate is nearly always the number. Sketches of the same things taken
/// elsewhere, or at another time, can be [merged](Self::merge): what both have seen counts once.
///
/// Serialized it is one text of 1,024 characters of the base64 alphabet, one for each register in order; the empty one is the
/// empty text. The layout and the places of the hashes never change.
#[derive(Clone, PartialEq, Eq)]
pub struct Sketch(Box<[u8; REGISTERS]>);

impl Sketch {
    /// How many registers there are.
    pub const REGISTERS: usize = REGISTERS;

    /// Counts the thing with this hash, unless it was counted before. All 64 bits must be as good as random.
    pub fn add(&mut self, hash: u64) {
        let (register, rank) = register_of(hash);
        self.0[register] = self.0[register].max(rank);
    }

    /// Counts what the other one has counted.
    pub fn merge(&mut self, other: &Self) {
        for (register, rank) in self.0.iter_mut().zip(other.0.iter()) {
            *register = (*register).max(*rank);
        }
    }

    /// About how many different things were counted. 0 when none was.
    ///
    /// The estimator is the improved one of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017,
    /// algorithm 6: it has neither a bias to correct nor a number at which another formula takes over.
    #[must_use]
    pub fn estimate(&self) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let mut with_rank = [0_u32; MAX_RANK as usize + 1];
        for rank in self.0.iter() {
            with_rank[usize::from(*rank)] += 1;
        }
        let share = |rank: usize| f64::from(with_rank[rank]) / REGISTERS as f64;
        let mut sum = tau(1.0 - share(MAX_RANK.into()));
        for rank in (1..usize::from(MAX_RANK)).rev() {
            sum = 0.5 * (sum + share(rank));
        }
        sum += sigma(share(0));
        // Rounded and never negative: `as` cuts.
        (REGISTERS as f64 / (2.0 * std::f64::consts::LN_2 * sum) + 0.5) as u64
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|rank| *rank == 0)
    }

    /// The registers, each at most 55.
    #[must_use]
    pub fn registers(&self) -> &[u8; REGISTERS] {
        &self.0
    }

    /// The sketch with these [registers](Self::registers). A number that none can hold counts as the highest one.
    #[must_use]
    pub fn from_registers(registers: [u8; REGISTERS]) -> Self {
        Self(Box::new(registers.map(|rank| rank.min(MAX_RANK))))
    }
}

impl Default for Sketch {
    fn default() -> Self {
        Self(Box::new([0; REGISTERS]))
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sketch(about {})", self.estimate())
    }
}

impl Serialize for Sketch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_empty() {
            return serializer.serialize_str("");
        }
        let text: String = self
            .0
            .iter()
            .map(|rank| char::from(ALPHABET[usize::from(*rank)]))
            .collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Self::default());
        }
        let ranks: Option<Vec<u8>> = text.bytes().map(rank_of).collect();
        ranks
            .and_then(|ranks| Some(Self(Box::new(ranks.try_into().ok()?))))
            .ok_or_else(|| {
                de::Error::custom("no sketch: 1,024 characters from `A` to `3`, or none")
            })
    }
}

fn rank_of(character: u8) -> Option<u8> {
    let rank = ALPHABET.iter().position(|other| *other == character)?;
    u8::try_from(rank).ok().filter(|rank| *rank <= MAX_RANK)
}

/// The register that a hash counts in, by its highest bits, and what it raises it to: one more than the zeros that follow.
pub(crate) fn register_of(hash: u64) -> (usize, u8) {
    let register = (hash >> (u64::BITS - INDEX_BITS)) as usize;
    // The mark ends the count where there are only zeros.
    let rest = (hash << INDEX_BITS) | (1 << (INDEX_BITS - 1));
    (register, rest.leading_zeros() as u8 + 1)
}

/// The number that stands for a user: the same on every machine and for ever, and never 0.
///
/// It is no secret: whoever guesses an id can tell that it is the one. Where ids are not to be kept, neither is this.
pub(crate) fn user_hash(id: &str) -> u64 {
    // The finalizer of MurmurHash3: FNV alone leaves the highest bits of short texts alike. It gives 0 for 0 only, which `finish`
    // never is.
    let mut hash = Fnv::new().bytes(id.as_bytes()).finish();
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

/// x + 1 x² + 2 x⁴ + 4 x⁸ …, until it no longer changes.
fn sigma(mut x: f64) -> f64 {
    let (mut factor, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * factor;
        factor *= 2.0;
        if sum <= before {
            return sum;
        }
    }
}

/// A third of 1 − x − ½ (1 − √x)² − ¼ (1 − ⁴√x)² …, until it no longer changes.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut factor, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        factor *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * factor;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

/// The bits of a hash that choose the register.
const INDEX_BITS: u32 = 10;
const REGISTERS: usize = 1 << INDEX_BITS;
/// All the other bits are zero.
const MAX_RANK: u8 = (u64::BITS - INDEX_BITS) as u8 + 1;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const STANDARD_ERROR: f64 = 0.0325;

    fn sketch(hashes: impl IntoIterator<Item = u64>) -> Sketch {
        let mut sketch = Sketch::default();
        hashes.into_iter().for_each(|hash| sketch.add(hash));
        sketch
    }

    fn users(seed: usize, ids: std::ops::Range<usize>) -> impl Iterator<Item = u64> {
        ids.map(move |id| user_hash(&format!("user-{seed}-{id}")))
    }

    fn merged(one: &Sketch, other: &Sketch) -> Sketch {
        let mut merged = one.clone();
        merged.merge(other);
        merged
    }

    #[test]
    fn a_few_are_counted_exactly() {
        let mut sketch = Sketch::default();
        assert!(sketch.is_empty() && sketch.estimate() == 0);
        let mut used = std::collections::HashSet::new();
        for hash in users(0, 0..30) {
            used.insert(register_of(hash).0);
            sketch.add(hash);
            sketch.add(hash);
            assert_eq!(sketch.estimate(), used.len() as u64);
        }
        assert_eq!(used.len(), 30, "no two of these share a register");
        assert_eq!(format!("{sketch:?}"), "Sketch(about 30)");
    }

    #[test]
    fn the_error_is_what_it_is_said_to_be_from_one_to_two_hundred_thousand() {
        let sizes: Vec<usize> = (0..)
            .map(|n| (1.25_f64.powi(n)).round() as usize)
            .take_while(|size| *size < 200_000)
            .chain([200_000])
            .collect();
        const SEEDS: usize = 12;
        let mut errors = vec![Vec::new(); sizes.len()];
        for seed in 0..SEEDS {
            let (mut sketch, mut counted) = (Sketch::default(), 0);
            for (size, errors) in sizes.iter().zip(&mut errors) {
                users(seed, counted..*size).for_each(|hash| sketch.add(hash));
                counted = *size;
                let off = sketch.estimate() as f64 - *size as f64;
                let allowed = (4.0 * STANDARD_ERROR * *size as f64).max(1.0);
                assert!(off.abs() <= allowed, "{off} at {size} with seed {seed}");
                errors.push(off / *size as f64);
            }
        }
        for (size, errors) in sizes.iter().zip(&errors) {
            let mean = errors.iter().sum::<f64>() / SEEDS as f64;
            let bias = 4.0 * STANDARD_ERROR / (SEEDS as f64).sqrt();
            assert!(mean.abs() <= bias, "it leans by {mean} at {size}");
        }
        let all: Vec<f64> = errors.into_iter().flatten().collect();
        let square = all.iter().map(|error| error * error).sum::<f64>() / all.len() as f64;
        assert!(square.sqrt() <= STANDARD_ERROR, "{}", square.sqrt());
    }

    #[test]
    fn the_whole_range_of_a_hash_is_counted() {
        assert_eq!(register_of(0), (0, 55));
        assert_eq!(register_of(u64::MAX), (1023, 1));
        assert_eq!(register_of(1), (0, 54));
        assert_eq!(register_of(1 << 53), (0, 1));
        assert_eq!(register_of(1 << 54), (1, 55));
        let full = Sketch::from_registers([u8::MAX; REGISTERS]);
        assert!(full.registers().iter().all(|rank| *rank == 55));
        assert_eq!(full.estimate(), u64::MAX);
        let almost = Sketch::from_registers([54; REGISTERS]);
        assert!((1 << 63..u64::MAX).contains(&almost.estimate()));
    }

    #[test]
    fn a_users_hash_and_the_text_of_a_sketch_never_change() {
        assert_eq!(user_hash(""), 0xefd0_1f60_ba99_2926);
        assert_eq!(user_hash("42"), 0x810b_196a_56ee_3cec);
        assert_eq!(user_hash("uma@example.org"), 0xae14_1a5b_d662_1d2f);
        assert_eq!(serde_json::to_string(&Sketch::default()).unwrap(), "\"\"");
        let mut registers = [0; REGISTERS];
        (registers[0], registers[1], registers[1023]) = (1, 55, 26);
        let text = format!("\"B3{}a\"", "A".repeat(1021));
        let sketch = Sketch::from_registers(registers);
        assert_eq!(serde_json::to_string(&sketch).unwrap(), text);
    }

    #[test]
    fn what_is_no_sketch_is_refused() {
        for text in ["A", &"A".repeat(1023), &"A".repeat(1025), &"4".repeat(1024)] {
            let json = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<Sketch>(&json).is_err(), "{text}");
        }
        let sketch: Sketch = serde_json::from_str("\"\"").unwrap();
        assert!(sketch.is_empty());
    }

    proptest! {
        #[test]
        fn merging_is_counting_together(
            one in vec(any::<u64>(), 0..2_000),
            other in vec(any::<u64>(), 0..2_000),
            third in vec(any::<u64>(), 0..200),
        ) {
            let (a, b, c) = (sketch(one.clone()), sketch(other.clone()), sketch(third));
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(&merged(&a, &a), &a);
            prop_assert_eq!(&merged(&a, &Sketch::default()), &a);
            prop_assert_eq!(merged(&a, &b), sketch(one.into_iter().chain(other)));
        }

        #[test]
        fn it_is_read_as_it_was_written(registers in vec(0_u8..=55, REGISTERS)) {
            let sketch = Sketch::from_registers(registers.try_into().unwrap());
            let json = serde_json::to_string(&sketch).unwrap();
            prop_assert_eq!(json.len(), if sketch.is_empty() { 2 } else { 1026 });
            let value = serde_json::to_value(&sketch).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Sketch>(&json).unwrap(), &sketch);
            prop_assert_eq!(&serde_json::from_value::<Sketch>(value).unwrap(), &sketch);
            prop_assert_eq!(&Sketch::from_registers(*sketch.registers()), &sketch);
        }

        #[test]
        fn no_user_hashes_to_zero_and_no_two_alike(one in ".{0,40}", other in ".{0,40}") {
            prop_assert_ne!(user_hash(&one), 0);
            prop_assert_eq!(user_hash(&one) == user_hash(&other), one == other);
        }
    }
}
