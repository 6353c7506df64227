//! A hash that is the same everywhere and for ever.

/// FNV-1a, 64 bits (RFC 9923), because fingerprints are compared between machines and releases: the standard library's
/// hashers may change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fnv(u64);

impl Fnv {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// The length goes in too, so that `ab`, `c` is not `a`, `bc`.
    pub(crate) fn part(self, text: &str) -> Self {
        self.number(text.len() as u64).bytes(text.as_bytes())
    }

    pub(crate) fn number(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(bytes.iter().fold(self.0, step))
    }

    /// Zero and the largest number are kept free for tables that need marks.
    pub(crate) fn finish(self) -> u64 {
        self.0.clamp(1, u64::MAX - 1)
    }
}
