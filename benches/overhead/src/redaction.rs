//! How fast secrets are taken out of text: a mixture of what services see, and texts made to be slow.

use std::hint::black_box;
use std::time::Instant;

use tower_monitor::internals::redact;

use crate::report::{self, Verdict};

/// Megabytes per second on one thread, the best of some rounds, as other work on the machine can only make a round worse.
pub fn measure() -> Verdict {
    let mut verdict = Verdict::Kept;
    let kinds = KINDS.map(|(name, kind)| (name, texts(|source, out| kind(source, out))));
    let mixed = texts(mixture);
    let found: usize = mixed
        .iter()
        .map(|text| redact(text).matches("[redacted]").count())
        .sum();
    let bytes: usize = mixed.iter().map(String::len).sum();
    println!(
        "Redaction of {} KiB in texts of 4 KiB, with a secret in every {:.1} KiB, on one thread:\n",
        bytes / 1024,
        bytes as f64 / 1024.0 / found as f64
    );
    let figure = rate(&mixed);
    let rule = format!("≥ {LEAST_MIXED} MB/s");
    let kept = report::must(
        "mixed",
        &format!("{figure:.0} MB/s"),
        &rule,
        figure >= LEAST_MIXED,
    );
    verdict = verdict.and(kept);
    for (name, texts) in kinds {
        report::figure(&format!("  {name}"), &format!("{:.0} MB/s", rate(&texts)));
    }
    println!("\nHostile, in one text of 4 MiB each:\n");
    for (name, text) in hostile() {
        let figure = rate(std::slice::from_ref(&text));
        let rule = format!("≥ {LEAST_HOSTILE} MB/s");
        let shown = format!("{figure:.0} MB/s");
        verdict = verdict.and(report::must(&name, &shown, &rule, figure >= LEAST_HOSTILE));
    }
    verdict
}

fn rate(texts: &[String]) -> f64 {
    let bytes: usize = texts.iter().map(String::len).sum();
    let round = || {
        let begin = Instant::now();
        for text in texts {
            black_box(redact(black_box(text)));
        }
        bytes as f64 / 1e6 / begin.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(|_| round()).fold(0.0, f64::max)
}

fn texts(write: impl Fn(&mut Source, &mut String)) -> Vec<String> {
    let mut source = Source(0x9e37_79b9_7f4a_7c15);
    (0..TEXTS)
        .map(|_| {
            let mut text = String::new();
            while text.len() < LENGTH {
                write(&mut source, &mut text);
            }
            text
        })
        .collect()
}

fn mixture(source: &mut Source, out: &mut String) {
    let (_, kind) = KINDS[source.below(KINDS.len())];
    kind(source, out);
    if source.below(SECRET_EVERY) == 0 {
        let random = source.letters(20);
        let secret = match source.below(8) {
            0 => format!("password={random} "),
            1 => format!("{{\"api_key\":\"{random}\"}}"),
            2 => format!("Authorization: Bearer {random}\n"),
            3 => format!("postgres://app:{random}@db/shop "),
            4 => format!("sk-{random} "),
            5 => "card 4111 1111 1111 1111 ".to_owned(),
            6 => format!("Login {{ token: Some(\"{random}\") }} "),
            _ => format!("eyJhbGciOiJIUzI1NiJ9.{random}.{random} "),
        };
        out.push_str(&secret);
    }
}

type Kind = fn(&mut Source, &mut String);

const KINDS: [(&str, Kind); 8] = [
    ("log lines", |source, out| {
        let (word, id, ms) = (source.word(), source.hex(32), source.below(9000));
        let level = ["INFO", "WARN", "ERROR"][source.below(3)];
        out.push_str(&format!(
            "2026-11-23T04:{:02}:{:02}.{ms:06}Z {level} shop::orders::{word}: order accepted request_id={id} status=200 \
             elapsed={ms}ms path=/orders/{} user.id={} message=\"{} {}\"\n",
            source.below(60), source.below(60), source.below(100_000), source.below(100_000), source.word(), source.word(),
        ));
    }),
    ("JSON", |source, out| {
        out.push_str(&format!(
            "{{\"id\":{},\"name\":\"{} {}\",\"email\":\"{}@example.org\",\"active\":true,\"tags\":[\"{}\",\"{}\"],\
             \"address\":{{\"street\":\"{}\",\"zip\":\"{:05}\"}},\"uuid\":\"019aab4c-6a3e-7000-8000-{}\"}}\n",
            source.below(1_000_000), source.word(), source.word(), source.word(), source.word(), source.word(), source.word(),
            source.below(99_999), source.hex(12),
        ));
    }),
    ("headers", |source, out| {
        out.push_str(&format!(
            "GET /{}/{} HTTP/1.1\r\nHost: shop.example.org\r\nAccept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n\
             Accept-Encoding: gzip, deflate, br\r\nAccept-Language: de-DE,de;q=0.9\r\nContent-Length: {}\r\n\
             X-Request-Id: {}\r\ntraceparent: 00-{}-{}-01\r\nCache-Control: max-age=0\r\n\r\n",
            source.word(), source.below(1000), source.below(10_000), source.hex(16), source.hex(32), source.hex(16),
        ));
    }),
    ("URLs", |source, out| {
        out.push_str(&format!(
            "https://shop.example.org/{}/{}/{}-{}?q={}+{}&page={}&sort=price-desc#{}\n",
            source.word(),
            source.below(1000),
            source.word(),
            source.word(),
            source.word(),
            source.word(),
            source.below(50),
            source.word(),
        ));
    }),
    ("user agents", |source, out| {
        out.push_str(&format!(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36\n",
            source.below(140),
        ));
    }),
    ("HTML", |source, out| {
        out.push_str(&format!(
            "<div class=\"{} {}\" id=\"item-{}\"><a href=\"/{}/{}\">{} {}</a> <span>{}</span></div>\n",
            source.word(), source.word(), source.below(1000), source.word(), source.below(100), source.word(), source.word(),
            source.word(),
        ));
    }),
    ("German", |source, out| {
        for _ in 0..20 {
            out.push_str(GERMAN[source.below(GERMAN.len())]);
            out.push(' ');
        }
        out.push_str("\n");
    }),
    ("Base64", |source, out| {
        let random = source.letters(240);
        out.push_str(&format!("data:image/png;base64,{random}==\n"));
    }),
];

fn hostile() -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = PIECES
        .iter()
        .map(|piece| (format!("{piece:?}"), piece.repeat(HOSTILE / piece.len())))
        .collect();
    let random = Source(7).letters(HOSTILE);
    texts.push(("Base64 in one run".to_owned(), random));
    texts
}

/// A generator of words and digits that is the same each time (xorshift, Marsaglia 2003).
struct Source(u64);

impl Source {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 11) as usize % end
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }

    fn of(&mut self, letters: &[u8], length: usize) -> String {
        (0..length)
            .map(|_| char::from(letters[self.below(letters.len())]))
            .collect()
    }

    fn hex(&mut self, length: usize) -> String {
        self.of(b"0123456789abcdef", length)
    }

    fn letters(&mut self, length: usize) -> String {
        self.of(
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            length,
        )
    }
}

const ROUNDS: usize = 15;
const TEXTS: usize = 512;
const LENGTH: usize = 4 << 10;
const HOSTILE: usize = 4 << 20;
/// Among pieces of some 200 bytes: about one for each KiB.
const SECRET_EVERY: usize = 6;
const LEAST_MIXED: f64 = 100.0;
const LEAST_HOSTILE: f64 = 50.0;

const PIECES: &[&str] = &[
    "a=",
    "eyJ",
    "\"",
    "'",
    ":",
    "://",
    "://a:",
    "://a:b/",
    "4",
    "41 ",
    "4111 ",
    "4111-",
    "4111111111111112 ",
    "-----BEGIN ",
    "%",
    "%25",
    "%2F",
    "\\",
    "\\\"",
    "token=",
    "token\"",
    "token=[",
    "token={\"",
    "token,",
    "cookie: a=\"",
    "password='",
    "bearer ",
    "aB3",
    "aB3+",
    "a.",
    "&",
    "é",
    "--token ",
    "a: ",
];

const WORDS: &[&str] = &[
    "order",
    "cart",
    "customer",
    "checkout",
    "shipping",
    "invoice",
    "product",
    "search",
    "result",
    "connection",
    "timeout",
    "database",
    "handler",
    "request",
    "response",
    "warehouse",
    "inventory",
    "price",
    "discount",
    "category",
    "summary",
    "item",
];

const GERMAN: &[&str] = &[
    "Die",
    "Verbindung",
    "zur",
    "Datenbank",
    "wurde",
    "nach",
    "dreißig",
    "Sekunden",
    "abgebrochen,",
    "weil",
    "der",
    "Straße",
    "Größe",
    "über",
    "Bestellung",
    "nicht",
    "gefunden.",
    "Überprüfen",
    "Sie",
    "bitte",
    "Ihre",
    "Eingabe",
    "und",
    "später",
];
