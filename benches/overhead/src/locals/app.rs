//! The service that fails: five of its functions with thirty variables lead to a panic in a library, three to an error.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::{self, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::{Router, routing::get};
use bytes::Bytes;
use tower_monitor::ServerError;
use uuid::Uuid;

use crate::load::hello;

/// What a panic here shows, in release builds.
pub const CALLS: usize = 5;
pub const VARIABLES: usize = 30;

/// `GET /order/{number}/{place}` panics, in one of [`PLACES`] ways; `GET /errors` has errors and measures them; `GET /hello/{name}` answers.
pub fn app() -> Router {
    Router::new()
        .route("/order/{number}/{place}", get(order))
        .route("/errors", get(errors))
        .route("/hello/{name}", get(hello))
        .with_state(Arc::new(Shop::open()))
}

/// What a shop has in memory.
#[derive(Debug)]
pub struct Shop {
    name: String,
    stock: HashMap<u32, Article>,
    countries: Vec<&'static str>,
    folder: PathBuf,
}

#[derive(Clone, Debug, PartialEq)]
struct Article {
    title: String,
    cents: u64,
    left: u32,
    size: Option<Size>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Size {
    Small,
    Of { width: u16, height: u16 },
}

#[derive(Clone, Debug)]
struct Line {
    article: Article,
    count: u32,
}

impl Shop {
    fn open() -> Self {
        let article = |number: u32| Article {
            title: format!("Article {number}"),
            cents: u64::from(number) * 495,
            left: 40 - number,
            size: match number % 3 {
                0 => None,
                1 => Some(Size::Small),
                _ => Some(Size::Of {
                    width: 20,
                    height: 30,
                }),
            },
        };
        Self {
            name: "Berg & Co".to_owned(),
            stock: (1..=12).map(|number| (number, article(number))).collect(),
            countries: vec!["de", "fr", "gr"],
            folder: PathBuf::from("/srv/shop/orders"),
        }
    }
}

async fn order(State(shop): State<Arc<Shop>>, Path((number, place)): Path<(u64, usize)>) -> String {
    let customer = Uuid::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8);
    let peer = IpAddr::from([203, 0, 113, 9]);
    let words = vec!["gift".to_owned(), format!("order {number}")];
    tokio::task::yield_now().await;
    let cents = take(&shop, &words, place) + number;
    format!("{cents} of {customer} at {peer}: {words:?}")
}

#[inline(never)]
fn take(shop: &Shop, words: &[String], place: usize) -> u64 {
    let wanted = [(3, 2), (4, 1), (5, 7)];
    let lines: Vec<Line> = wanted
        .iter()
        .map(|(article, count)| Line {
            article: shop.stock[article].clone(),
            count: *count,
        })
        .collect();
    let note: Option<&str> = words.first().map(String::as_str);
    let sum = charge(shop, &lines, note, place);
    sum + wanted.len() as u64
}

#[inline(never)]
fn charge(shop: &Shop, lines: &[Line], note: Option<&str>, place: usize) -> u64 {
    let mut by_title = BTreeMap::new();
    for Line { article, count } in lines {
        by_title.insert(article.title.as_str(), article.cents * u64::from(*count));
    }
    let file = shop.folder.join("charged.csv");
    let terms = (1.19, Duration::from_millis(1_500));
    let paid = PLACES[place % PLACES.len()](&by_title, note.unwrap_or("none"), terms, &file);
    paid + by_title.len() as u64
}

type Titles<'a> = BTreeMap<&'a str, u64>;

#[inline(never)]
fn pay<const PLACE: usize>(
    by_title: &Titles<'_>,
    note: &str,
    terms: Terms,
    file: &path::Path,
) -> u64 {
    let sum: u64 = by_title.values().sum();
    let payload = Bytes::from(format!("{note}: {sum}"));
    let sent = send(&payload, PLACE + 40, file, terms);
    sent.len() as u64 + sum
}

#[inline(never)]
fn send(payload: &Bytes, from: usize, file: &path::Path, terms: Terms) -> Bytes {
    let urgent = terms.0 > 1.0 && terms.1 < Duration::from_secs(9);
    let part = payload.slice(from..);
    if urgent && file.is_absolute() {
        return part.slice(1..);
    }
    part
}

/// The rate of the tax, and how long to wait.
type Terms = (f64, Duration);
type Pay = fn(&Titles<'_>, &str, Terms, &path::Path) -> u64;

/// One function for each way, as it is found with that number.
macro_rules! ways {
    ($function:ident: $($way:literal)*) => {
        [$($function::<$way>),*]
    };
}

const PLACES: [Pay; 16] = ways!(pay: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);

async fn errors(State(shop): State<Arc<Shop>>) {
    super::child::errors(&shop);
}

/// An error by way of `?` in one of [`WAYS`] functions.
pub fn fail(shop: &Shop, way: usize) -> Result<u64, ServerError> {
    let order = Order {
        number: 1040 + shop.countries.len() as u64,
        lines: vec![(3, 2), (4, 1), (5, 7)],
        note: Some("gift"),
    };
    WAYS[way](&order, shop.name.as_str(), "12 pieces")
}

#[derive(Clone, Debug)]
pub struct Order {
    number: u64,
    lines: Vec<(u32, u32)>,
    note: Option<&'static str>,
}

pub fn shop() -> Shop {
    Shop::open()
}

#[inline(never)]
fn parsed<const WAY: usize>(order: &Order, shop: &str, said: &str) -> Result<u64, ServerError> {
    let limits = [WAY as u64, 40, 500];
    let pieces: u32 = order.lines.iter().map(|(_, count)| count).sum();
    let title = format!("{shop}: {}", order.number);
    let peer = IpAddr::from([203, 0, 113, 9]);
    let patience = Duration::from_millis(limits[2]);
    let is_gift = order.note.is_some();
    let rate = if is_gift { 1.07 } else { 1.19 };
    let count: u64 = said.parse()?;
    let price = (count as f64 * rate) as u64 + u64::from(pieces) + title.len() as u64;
    Ok(price + patience.as_secs() + u64::from(peer.is_ipv4()) + limits.iter().sum::<u64>())
}

type Fail = fn(&Order, &str, &str) -> Result<u64, ServerError>;

pub const WAYS: [Fail; 48] = ways!(parsed: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25
    26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47);
