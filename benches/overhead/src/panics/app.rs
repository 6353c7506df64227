//! The service that panics, and the browser that makes it do so.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use axum::extract::{Path, State};
use axum::{Router, routing::get};
use http::{HeaderName, header};

use crate::load::{ACCEPT, Browser, HOST, USER_AGENT, hello};

/// What a column says about the request before it panics.
pub type Notes = fn();

/// `GET /buy/{place}/{word}` panics at the place, with the word in its message; `GET /hello/{name}` answers.
pub fn app(notes: Notes) -> Router {
    Router::new()
        .route("/buy/{place}/{word}", get(buy))
        .route("/hello/{name}", get(hello))
        .with_state(notes)
}

/// A browser that makes the app panic.
pub fn browser(place: usize, word: usize) -> Browser {
    Browser::with(&format!("/buy/{place}/{}", WORDS[word]), &HEADERS)
}

/// A browser for each pair of a place and a word: as many different problems.
pub fn browsers() -> Vec<Browser> {
    let places = 0..PLACES.len();
    places
        .flat_map(|place| (0..WORDS.len()).map(move |word| browser(place, word)))
        .collect()
}

/// Nanoseconds since the first call.
pub fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// When the last panic began.
pub static PANICKED: AtomicU64 = AtomicU64::new(0);

async fn buy(State(notes): State<Notes>, Path((place, word)): Path<(usize, String)>) -> String {
    tracing::info!(user = 42, session = "night", "signed in");
    tracing::info!(cart = "gift-card", items = 3, "cart loaded");
    tracing::info!(provider = "invoice", attempt = 1, "payment chosen");
    notes();
    format!("{} to pay", checkout(place, &word).await)
}

#[inline(never)]
async fn checkout(place: usize, word: &str) -> u64 {
    let mut sum = 0;
    for amount in [1, 2] {
        sum += amount * price(place, word).await;
    }
    sum
}

#[inline(never)]
async fn price(place: usize, word: &str) -> u64 {
    let look_up = PLACES[place];
    PANICKED.store(clock(), Relaxed);
    look_up(word)
}

/// A function that panics: its name and its line tell it from the others.
macro_rules! place {
    ($name:ident) => {
        #[inline(never)]
        fn $name(word: &str) -> u64 {
            panic!("no price for the {word} one of {} articles", word.len())
        }
    };
}

place!(book);
place!(chair);
place!(desk);
place!(fork);
place!(glass);
place!(jar);
place!(kettle);
place!(lamp);
place!(mirror);

const PLACES: [fn(&str) -> u64; 9] = [book, chair, desk, fork, glass, jar, kettle, lamp, mirror];
/// As many as are counted apart at one place.
pub const WORDS: [&str; 16] = [
    "amber", "black", "blue", "brown", "golden", "green", "grey", "orange", "pink", "purple",
    "red", "scarlet", "silver", "violet", "white", "yellow",
];
const HEADERS: [(HeaderName, &str); 15] = [
    (header::HOST, HOST),
    (
        HeaderName::from_static("sec-ch-ua"),
        r#""Chromium";v="148", "Not.A/Brand";v="24""#,
    ),
    (HeaderName::from_static("sec-ch-ua-mobile"), "?0"),
    (
        HeaderName::from_static("sec-ch-ua-platform"),
        r#""Windows""#,
    ),
    (header::UPGRADE_INSECURE_REQUESTS, "1"),
    (header::USER_AGENT, USER_AGENT),
    (header::ACCEPT, ACCEPT),
    (HeaderName::from_static("sec-fetch-site"), "same-origin"),
    (HeaderName::from_static("sec-fetch-mode"), "navigate"),
    (HeaderName::from_static("sec-fetch-user"), "?1"),
    (HeaderName::from_static("sec-fetch-dest"), "document"),
    (header::REFERER, "https://www.example.org/cart"),
    (header::ACCEPT_ENCODING, "gzip, deflate, br, zstd"),
    (header::ACCEPT_LANGUAGE, "en-GB,en;q=0.9,de;q=0.8"),
    (header::COOKIE, "theme=dark; language=en; seen=2"),
];
