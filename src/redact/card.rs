//! Numbers of payment cards: the issuers' ranges and lengths, and the check digit of Luhn.

/// The end of a card number that begins at `from`: 13 to 19 digits in one piece, or in groups of four (`4-6-5` and `4-6-4` too)
/// with one separator between them.
///
/// The byte before `from` is no digit; what is looked at is the run of digits there and no more than 40 bytes behind it.
pub(super) fn number_at(bytes: &[u8], from: usize) -> Option<usize> {
    let first = digits_at(bytes, from);
    let end = match first {
        MIN..=MAX => from + first,
        4 => grouped(bytes, from)?,
        _ => return None,
    };
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let point = |at: Option<usize>| at.and_then(|at| bytes.get(at)) == Some(&b'.');
    let is_fraction = point(from.checked_sub(1)) && digit(from.checked_sub(2));
    let is_decimal = point(Some(end)) && digit(Some(end + 1));
    let part_of_decimal = is_fraction || is_decimal;
    (!part_of_decimal && is_number(&bytes[from..end])).then_some(end)
}

/// Whether these digits, with or without separators, are a card's.
pub(super) fn is_number(text: &[u8]) -> bool {
    let mut digits = [0; MAX];
    let mut length = 0;
    for byte in text.iter().filter(|byte| byte.is_ascii_digit()) {
        if length == MAX {
            return false;
        }
        digits[length] = byte - b'0';
        length += 1;
    }
    length >= MIN && is_issued(&digits, length) && luhn(&digits[..length])
}

/// The end of `1234 1234 1234 1234`, of `1234 123456 12345` and of their kin.
fn grouped(bytes: &[u8], from: usize) -> Option<usize> {
    let separator = *bytes.get(from + 4)?;
    if !matches!(separator, b' ' | b'-' | b'.' | b'_' | b'+') {
        return None;
    }
    let mut end = from + 4;
    let mut groups = [4, 0, 0, 0, 0];
    for group in &mut groups[1..] {
        let length = digits_at(bytes, end + 1);
        if bytes.get(end) != Some(&separator) || !(1..=6).contains(&length) {
            break;
        }
        *group = length;
        end += 1 + length;
    }
    matches!(
        groups,
        [4, 4, 4, 1..=4, 0] | [4, 4, 4, 4, 1..=3] | [4, 6, 4 | 5, 0, 0]
    )
    .then_some(end)
}

fn digits_at(bytes: &[u8], from: usize) -> usize {
    bytes.get(from..).map_or(0, |rest| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        super::steps::add(digits);
        digits
    })
}

/// Whether an issuer gives out numbers that begin so and are so long (ISO/IEC 7812, as the networks publish their ranges).
fn is_issued(digits: &[u8; MAX], length: usize) -> bool {
    let first = |count: usize| {
        digits[..count]
            .iter()
            .fold(0_u32, |number, digit| number * 10 + u32::from(*digit))
    };
    match (first(4), length) {
        // Visa.
        (4000..=4999, 13 | 16 | 19) => true,
        // Mastercard.
        (5100..=5599 | 2221..=2720, 16) => true,
        // American Express.
        (3400..=3499 | 3700..=3799, 15) => true,
        // Diners Club.
        (3000..=3059 | 3095 | 3600..=3699 | 3800..=3999, 14 | 16 | 19) => true,
        // Discover and RuPay.
        (6011 | 6440..=6599 | 6000..=6099 | 8100..=8299 | 5080..=5089, 16..=19) => true,
        // JCB.
        (3528..=3589, 16..=19) => true,
        // UnionPay.
        (6200..=6299, 16..=19) => true,
        // Mir.
        (2200..=2204, 16..=19) => true,
        // Maestro.
        (5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763, 13..=19) => true,
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit @ 0..=4) => digit * 2,
            (_, digit) => digit * 2 - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

const MIN: usize = 13;
const MAX: usize = 19;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_known_by_its_issuer_its_length_and_its_check_digit() {
        for (text, is) in [
            ("4111111111111111", true),
            ("4111 1111 1111 1111", true),
            ("5555-5555-5555-4444", true),
            ("2223003122003222", true),
            ("378282246310005", true),
            ("3782 822463 10005", true),
            ("30569309025904", true),
            ("3056 930902 5904", true),
            ("6011111111111117", true),
            ("3530111333300000", true),
            ("6200000000000005", true),
            ("4222222222222", true),
            ("4111111111111112", false),
            ("1763888400000", false),
            ("1763888400000000000", false),
            ("0000000000000000", false),
            ("4111 1111-1111 1111", false),
            ("41111111111111111111111", false),
            ("4111111111111111.5", false),
            ("4111 1111", false),
            ("", false),
        ] {
            let end = number_at(text.as_bytes(), 0);
            assert_eq!(end, is.then_some(text.len()), "{text}");
        }
        assert_eq!(number_at(b"0.4111111111111111", 2), None);
    }
}
