//! Futures in boxes: providers behind a trait, streams, recursion, a cache under a lock, handlers made of closures.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query};
use axum::routing::get;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::input;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(crate) fn router() -> Router {
    let shared = Arc::new(Directory::default());
    let directory = Arc::clone(&shared);
    Router::new()
        .route("/flow/pay/{cents}", get(pay))
        .route("/flow/tree/{root}", get(tree))
        .route("/flow/feed", get(feed))
        .route("/flow/export", get(export))
        .route("/flow/search", get(search))
        .route(
            "/flow/city/{code}",
            get(move |Path(code): Path<String>| {
                let directory = Arc::clone(&directory);
                async move {
                    //= code => "gr"
                    let length = code.len(); //= 2
                    let name = directory.city(&code).await; //@ city
                    format!("{name} {length}")
                }
            }),
        )
        .route("/flow/steps", get(steps))
        .route("/flow/seats/{wanted}", get(seats))
}

trait Provider: Send + Sync + fmt::Debug {
    fn charge<'a>(&'a self, order: &'a Charge) -> Boxed<'a, u64>;
}

#[derive(Debug)]
struct Charge {
    cents: u64,
    memo: String,
}

#[derive(Debug)]
struct Bank {
    fee_percent: u64,
}

#[derive(Debug)]
struct Fallback {
    first: Bank,
    tries: u32,
}

impl Provider for Bank {
    fn charge<'a>(&'a self, order: &'a Charge) -> Boxed<'a, u64> {
        Box::pin(async move {
            //= self => Bank { fee_percent: 3 } ;; order => Charge { cents: 250, memo: "2 pens" }
            let fee = order.cents * self.fee_percent / 100; //= 7
            yield_now().await;
            let rounded = fee / 5 * 5; //~ 5
            let net = self.net_of(order, rounded).await; //@ pay
            println!("{}", order.memo);
            net
        })
    }
}

impl Bank {
    async fn net_of(
        &self,          //= Bank { fee_percent: 3 }
        order: &Charge, //= Charge { cents: 250, memo: "2 pens" }
        fee: u64,       //= 5
    ) -> u64 {
        let least = 10; //= 10
        sleep(Duration::from_millis(1)).await;
        let above = fee.checked_sub(least); //= None
        let Some(above) = above else {
            panic!("a fee of {fee} for {} is too little", order.cents); //@ pay: a fee of 5 for 250 is too little
        };
        order.cents - above * self.fee_percent
    }
}

impl Provider for Fallback {
    fn charge<'a>(&'a self, order: &'a Charge) -> Boxed<'a, u64> {
        Box::pin(self.charge_with_tries(order))
    }
}

impl Fallback {
    async fn charge_with_tries(
        &self,          //= Fallback { first: Bank { fee_percent: 3 }, tries: 2 }
        order: &Charge, //= Charge { cents: 250, memo: "2 pens" }
    ) -> u64 {
        let mut left = self.tries; //= 1
        loop {
            left -= 1;
            let charged = self.first.charge(order).await; //@ pay
            if charged > 0 || left == 0 {
                return charged;
            }
        }
    }
}

async fn pay(Path(cents): Path<u64>, //~ cents => 250
) -> String {
    let memo = format!("{} pens", cents / 125); //= "2 pens"
    let order = Charge {
        cents,
        memo: memo.clone(),
    }; //= order => Charge { cents: 250, memo: "2 pens" }
    let provider: Box<dyn Provider> = Box::new(Fallback {
        first: Bank { fee_percent: 3 },
        tries: 2,
    }); //= provider => Fallback { first: Bank { fee_percent: 3 }, tries: 2 }
    yield_now().await;
    let charged = provider.charge(&order).await; //@ pay
    format!("{charged} for {memo}")
}

fn children_of(id: u32) -> Vec<u32> {
    match id {
        1 => vec![2, 5],
        5 => vec![6, 50],
        50 => vec![51],
        _ => Vec::new(),
    }
}

async fn tree(Path(root): Path<u32>, //~ root => 1
) -> String {
    let limit = input("2").parse().unwrap_or(0); //~ 2
    let names = BTreeMap::from([(1, "shop"), (2, "books"), (5, "home"), (6, "garden")]); //= {1: "shop", 2: "books", 5: "home", 6: "garden"}
    let sum = count_below(root, 0, limit, &names).await; //@ tree
    format!("{sum}")
}

fn count_below<'a>(
    id: u32,
    level: u32,
    limit: u32,
    names: &'a BTreeMap<u32, &'static str>,
) -> Boxed<'a, usize> {
    Box::pin(async move {
        //= id => 50 | 5 | 1 ;; level => 2 | 1 | 0 ;; limit => 2 | 2 | 2 ;; names => {1: "shop", 2: "books", 5: "home", 6: "garden"} | {1: "shop", 2: "books", 5: "home", 6: "garden"} | {1: "shop", 2: "books", 5: "home", 6: "garden"}
        yield_now().await;
        let name = names.get(&id).copied(); //= None | Some("home") | Some("shop")
        if level >= limit && name.is_none() {
            panic!("{id} has no name"); //@ tree: 50 has no name
        }
        let children = children_of(id); //= - | [6, 50] | [2, 5]
        let mut sum = children.len(); //= - | 2 | 2
        for child in children.iter().copied() {
            //~ child => - | 50 | 5
            sum += count_below(child, level + 1, limit, names).await; //@ tree
        }
        sum
    })
}

#[derive(Clone, Debug)]
struct Entry {
    title: String,
    minutes: u32,
}

fn entries(text: &str) -> impl Stream<Item = Entry> + use<> {
    let all: Vec<Entry> = text
        .split(';')
        .filter_map(|entry| entry.split_once('@'))
        .map(|(title, minutes)| Entry {
            title: title.to_owned(),
            minutes: minutes.parse().unwrap_or(0),
        })
        .collect();
    stream::iter(all).then(|entry| async move {
        yield_now().await;
        entry
    })
}

async fn feed() -> String {
    let text = input("tea@12;milk@0;jam@7"); //= "tea@12;milk@0;jam@7"
    let mut feed = std::pin::pin!(entries(&text));
    let mut seen = 0u8; //= 1
    let mut longest = None::<Entry>; //= Some(Entry { title: "tea", minutes: 12 })
    while let Some(entry) = feed.next().await {
        //= entry => Entry { title: "milk", minutes: 0 }
        let speed = speed_of(&entry, seen).await; //@ feed
        if longest
            .as_ref()
            .is_none_or(|longest| longest.minutes < speed)
        {
            longest = Some(entry);
        }
        seen += 1;
    }
    format!("{longest:?} of {seen}")
}

async fn speed_of(
    entry: &Entry, //= Entry { title: "milk", minutes: 0 }
    seen: u8,      //= 1
) -> u32 {
    let base = 600 + u32::from(seen); //= 601
    sleep(Duration::from_millis(1)).await;
    base / entry.minutes //@ feed: attempt to divide by zero
}

async fn export() -> String {
    let format = input("csv"); //= "csv"
    let rows = [(1u8, 'a'), (2, 'b'), (3, 'c')]; //= [(1, 'a'), (2, 'b'), (3, 'c')]
    let lines: Vec<String> = stream::iter(rows.iter().copied())
        .then(|row| row_line(row, &format))
        .collect()
        .await; //@ export
    lines.join("\n")
}

async fn row_line(
    (number, letter): (u8, char), //= number => 3 ;; letter => 'c'
    format: &str,                 //= "csv"
) -> String {
    yield_now().await;
    let line = format!("{number},{letter}"); //= "3,c"
    let limit = u32::from(letter).checked_sub(99); //~ Some(0)
    match limit {
        Some(over) => {
            //= over => 0
            sleep(Duration::from_millis(1)).await;
            panic!("{format} ends at {line} ({over})") //@ export: csv ends at 3,c (0)
        }
        None => line,
    }
}

#[derive(Debug, serde::Deserialize)]
struct Search {
    q: String,
    page: Option<u16>,
}

/// Everything is ready at once: nothing is ever suspended.
async fn search(
    Query(search): Query<Search>, //= search => Search { q: "tea  pot", page: None }
) -> String {
    let words: Vec<&str> = search.q.split(' ').collect(); //= ["tea", "", "pot"]
    let page = search.page.unwrap_or(1); //= 1
    let found = async {
        //= words => ["tea", "", "pot"] ;; page => 1
        let mut hits = Vec::new(); //= [3]
        for word in &words {
            //~ word => ""
            let hit = hits_of(word, page).await; //@ search
            hits.push(hit);
        }
        hits
    };
    let found = found.await; //@ search
    format!("{found:?}")
}

async fn hits_of(
    word: &str, //= ""
    page: u16,  //= 1
) -> usize {
    let first = word.chars().next(); //= None
    let length = word.len(); //= 0
    let from = length * usize::from(page); //= 0
    println!("from {from}");
    first.map(|_| length).expect("a word is not empty") //@ search: a word is not empty
}

#[derive(Debug)]
struct Directory {
    cities: Mutex<BTreeMap<String, (u32, Option<f32>)>>,
    permits: Semaphore,
}

impl Default for Directory {
    fn default() -> Self {
        let graz = ("gr".to_owned(), (8010, None));
        Self {
            cities: Mutex::new(BTreeMap::from([graz])),
            permits: Semaphore::new(2),
        }
    }
}

impl Directory {
    async fn city(
        &self,
        code: &str, //= "gr"
    ) -> String {
        let permits = self.permits.available_permits(); //= 2
        let permit = self.permits.acquire().await;
        let cities = self.cities.lock().await; //= {"gr": (8010, None)}
        yield_now().await;
        let known = cities.get(code); //~ Some((8010, None))
        let height = height_of(code, known.copied()).await; //@ city
        drop(permit);
        format!("{height} of {permits} in {}", cities.len())
    }
}

async fn height_of(
    code: &str,                        //= "gr"
    known: Option<(u32, Option<f32>)>, //= Some((8010, None))
) -> f32 {
    let (zip, height) = known.unwrap_or_default(); //= zip => 8010 ;; height => None
    sleep(Duration::from_millis(1)).await;
    let Some(height) = height else {
        panic!("{code}, {zip}, has no height"); //@ city: gr, 8010, has no height
    };
    height
}

/// Steps that are async closures, one after the other.
async fn steps() -> String {
    let start = input("100").parse::<i64>().unwrap_or(0); //= 100
    let halve = async |value: i64| {
        yield_now().await;
        value / 2
    };
    let spend = async |value: i64| {
        //= value => 50 ;; start => 100
        let spent = start - 20; //= 80
        yield_now().await;
        let left = value - spent; //~ -30
        root_of(left).await //@ steps
    };
    let half = halve(start).await; //~ 50
    let root = spend(half).await; //@ steps
    format!("{root}")
}

async fn root_of(value: i64, //= -30
) -> u64 {
    let plain = u64::try_from(value); //= Err(TryFromIntError(()))
    sleep(Duration::from_millis(1)).await;
    plain.expect("only what is positive has a root").isqrt() //@ steps: only what is positive has a root: TryFromIntError(())
}

#[derive(Debug, Default)]
struct Hall {
    rows: [u8; 4],
}

async fn seats(Path(wanted): Path<u8>, //~ wanted => 9
) -> String {
    let hall = Arc::new(Mutex::new(Hall { rows: [3, 0, 4, 1] }));
    let mut taken: Vec<(usize, u8)> = Vec::new(); //= [(0, 3), (2, 4), (3, 1)]
    let mut left = wanted; //= 1
    for row in 0..5usize {
        //= row => 4
        let got = take_seats(&hall, row, left).await; //@ seats
        if got > 0 {
            taken.push((row, got));
            left -= got;
        }
    }
    format!("{taken:?}")
}

async fn take_seats(
    hall: &Mutex<Hall>,
    row: usize, //= 4
    left: u8,   //= 1
) -> u8 {
    let mut hall = hall.lock().await; //= Hall { rows: 4 bytes }
    yield_now().await;
    let free = &mut hall.rows[row]; //@ seats: index out of bounds: the len is 4 but the index is 4
    let got = left.min(*free);
    *free -= got;
    got
}
