//! Words that nobody means well.

use proptest::prelude::*;

/// Pieces of markup, mentions, addresses and forged lines, among any characters; some short, some long.
pub fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(PIECES).prop_map(str::to_owned),
        2 => "\\PC{1,20}",
        1 => any::<String>(),
        1 => "[🦀ä漢x]{1,300}",
    ];
    prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
}

/// The pieces.
pub const PIECES: &[&str] = &[
    "<b>",
    "</b>",
    "</pre>",
    "<a href=\"https://evil.example.com\">x</a>",
    "&lt;",
    "&#60;",
    "&",
    "<",
    ">",
    "\"",
    "'",
    "[x](https://evil.example.com)",
    "<https://evil.example.com|x>",
    "![x](https://evil.example.com/x.png)",
    "](",
    "*",
    "**",
    "_",
    "~~",
    "`",
    "```",
    "\n# x",
    "\n- x",
    "\n> x",
    "\n1. x",
    "\n\n",
    "\r\n",
    "\t",
    "    ",
    "\\",
    "|",
    "{{DATE(x)}}",
    "${x}",
    "<at>x</at>",
    "<!channel>",
    "<@U012AB3CD>",
    "@everyone",
    "@uma_berg",
    "#tag",
    "$EUR",
    "/start",
    "tg://user?id=1",
    "https://evil.example.com/x",
    "evil.example.com",
    "uma@example.org",
    "\u{202e}",
    "\0",
    "\u{1b}[31m",
    "\u{2060}",
    "\u{a0}",
];
