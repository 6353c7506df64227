//! What a byte can be part of, by table.

pub(super) const LOWER: u8 = 1;
pub(super) const UPPER: u8 = 2;
pub(super) const DIGIT: u8 = 4;
pub(super) const HYPHEN: u8 = 8;
/// Letters and digits of ASCII, `_` and `-`.
pub(super) const WORD: u8 = LOWER | UPPER | DIGIT | HYPHEN;
/// Something may begin here.
pub(super) const MARK: u8 = 16;
/// Behind a name, a value may follow here.
pub(super) const FOLLOWS: u8 = 32;
/// Ends a value without quotation marks, or may end it.
pub(super) const STOP: u8 = 64;

pub(super) const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let character = byte as u8;
        let mut class = match character {
            b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'0'..=b'9' => DIGIT,
            b'_' | b'-' => HYPHEN,
            b':' | b'%' | b'\\' | b'$' | b'[' => MARK,
            _ => 0,
        };
        if matches!(
            character,
            b'=' | b':'
                | b'"'
                | b'\''
                | b'\\'
                | b']'
                | b')'
                | b'`'
                | b' '
                | b'\t'
                | b'>'
                | b'%'
                | b'&'
        ) {
            class |= FOLLOWS;
        }
        if matches!(
            character,
            b' ' | b'\t'
                | b'\n'
                | b'\r'
                | 0x0b
                | 0x0c
                | b'"'
                | b'\''
                | b'`'
                | b'<'
                | b'>'
                | b'|'
                | b'('
                | b')'
                | b'['
                | b']'
                | b'{'
                | b'}'
                | b','
                | b';'
                | b'&'
                | b'\\'
        ) {
            class |= STOP;
        }
        table[byte] = class;
        byte += 1;
    }
    table
};

pub(super) fn class(byte: u8) -> u8 {
    CLASS[usize::from(byte)]
}

pub(super) fn is_word(byte: u8) -> bool {
    class(byte) & WORD != 0
}
