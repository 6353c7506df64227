//! What is said at the end of a measurement.

/// Whether every must was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    Missed,
}

impl Verdict {
    pub fn and(self, kept: bool) -> Self {
        if kept { self } else { Self::Missed }
    }
}

/// Prints one figure that must be kept, and whether it is.
pub fn must(name: &str, figure: &str, rule: &str, kept: bool) -> bool {
    let mark = if kept { "kept" } else { "MISSED" };
    println!("- {name}: {figure} (must be {rule}: {mark})");
    kept
}

/// Prints one figure.
pub fn figure(name: &str, figure: &str) {
    println!("- {name}: {figure}");
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
