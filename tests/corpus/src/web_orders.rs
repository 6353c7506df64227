//! Orders over HTTP: handlers that load, check, reserve and answer.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, RwLock};
use tokio::task::yield_now;
use tokio::time::sleep;
use uuid::Uuid;

use crate::input;

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct Shop {
    stock: Arc<Mutex<BTreeMap<u32, i32>>>,
    prices: Arc<RwLock<Vec<(u32, u32)>>>,
    currency: &'static str,
}

#[derive(Clone, Debug, Deserialize)]
struct Place {
    article: u32,
    count: i32,
    note: Option<String>,
}

#[derive(Debug)]
struct Line {
    place: Place,
    cents: u32,
}

pub(crate) fn router() -> Router {
    let shop = Shop {
        stock: Arc::new(Mutex::new(BTreeMap::from([(7, 3), (9, 20)]))),
        prices: Arc::new(RwLock::new(vec![(7, 1290), (9, 3450)])),
        currency: "EUR",
    };
    let guarded = Router::new()
        .route("/orders/limits/{kind}", get(limits))
        .layer(middleware::from_fn(count_requests));
    Router::new()
        .route("/orders/of/{customer}", post(place_order))
        .route("/orders/quote/{number}", get(quote))
        .route("/orders/first", get(first_poll))
        .route("/orders/refund/{id}", post(refund))
        .route("/orders/stopped", get(stopped))
        .route("/orders/webhook", post(webhook))
        .merge(guarded)
        .with_state(shop)
}

async fn place_order(
    State(shop): State<Shop>,
    Path(customer): Path<u64>, //= customer => 42
    Json(place): Json<Place>,  //= place => Place { article: 7, count: 5, note: Some("gift") }
) -> String {
    let wanted = place.count.unsigned_abs(); //= 5
    yield_now().await;
    let price = price_of(&shop, place.article).await; //~ Some(1290)
    let line = Line {
        place: place.clone(),
        cents: price.unwrap_or(0) * wanted,
    }; //= line => Line { place: Place { article: 7, count: 5, note: Some("gift") }, cents: 6450 }
    let left = reserve(&shop, &line).await; //@ place_order
    format!(
        "{customer} gets {wanted} for {} {}, {left} left",
        line.cents, shop.currency
    )
}

async fn price_of(shop: &Shop, article: u32) -> Option<u32> {
    let prices = shop.prices.read().await;
    let found = prices.iter().find(|(id, _)| *id == article)?;
    Some(found.1)
}

async fn reserve(
    shop: &Shop,
    line: &Line, //= Line { place: Place { article: 7, count: 5, note: Some("gift") }, cents: 6450 }
) -> i32 {
    let wanted = line.place.count; //= 5
    let mut stock = shop.stock.lock().await; //=! {7: 3, 9: 20}
    let entry = stock.entry(line.place.article).or_default(); //= 3
    sleep(Duration::from_millis(1)).await;
    let left = taken(*entry, wanted); //@ place_order
    *entry = left;
    left
}

fn taken(
    there: i32,  //= 3
    wanted: i32, //= 5
) -> i32 {
    let left = there - wanted; //= -2
    assert!(left >= 0, "{} too many", -left); //@ place_order: 2 too many
    left
}

#[derive(Debug, Deserialize)]
struct Wish {
    percent: u8,
    until: String,
}

async fn quote(
    Path(number): Path<u32>,  //= number => 18
    Query(wish): Query<Wish>, //= wish => Wish { percent: 30, until: "2026-12" }
    State(shop): State<Shop>,
) -> Json<Vec<u32>> {
    let prices = shop.prices.read().await.clone(); //~ [(7, 1290), (9, 3450)]
    let mut offers = Vec::new(); //= [903]
    for (article, cents) in prices {
        //= article => 9
        //~ cents => 3450
        let reduced = reduce(number, cents, wish.percent).await; //@ quote
        offers.push(reduced);
        println!("{article} until {}", wish.until);
    }
    Json(offers)
}

async fn reduce(
    number: u32, //= 18
    cents: u32,  //= 3450
    percent: u8, //= 30
) -> u32 {
    let off = cents * u32::from(percent) / 100; //= 1035
    sleep(Duration::from_millis(1)).await;
    let limit = limit_for(number).await; //~ 1000
    if off > limit {
        let over = off - limit; //= 35
        yield_now().await;
        panic!("quote {number} is {over} over the limit"); //@ quote: quote 18 is 35 over the limit
    }
    cents - off
}

async fn limit_for(number: u32) -> u32 {
    yield_now().await;
    if number > 10 { 1000 } else { 500 }
}

/// Fails at its first poll, before anything was awaited.
async fn first_poll(State(shop): State<Shop>) -> &'static str {
    let day = input("31").parse::<u8>().unwrap_or(0); //= 31
    let month = input("feb"); //= "feb"
    let opened = opens_at(day, &month).await; //@ first_poll
    println!("{opened}");
    sleep(Duration::from_millis(1)).await;
    shop.currency
}

async fn opens_at(
    day: u8,     //= 31
    month: &str, //= "feb"
) -> u32 {
    let days = match month {
        "feb" => 28,
        _ => 30,
    }; //= days => 28
    let known = day <= days; //= false
    assert!(known, "{month} has no {day}"); //@ first_poll: feb has no 31
    yield_now().await;
    9
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Cause {
    Broken { parts: Vec<String> },
    Late(Delay),
}

#[derive(Clone, Debug, Deserialize)]
struct Delay {
    days: u16,
}

async fn refund(
    Path(id): Path<Uuid>,     //= id => 67e55044-10b1-426f-9247-bb680e5fe0c8
    Json(cause): Json<Cause>, //= cause => Broken { parts: ["lid", "handle"] }
) -> Json<f64> {
    let share = share_of(&cause).await; //= 0.5
    yield_now().await;
    let history = history_of(id).await; //= [("paid", 1290), ("sent", 0)]
    let paid = history
        .iter()
        .find(|(step, _)| *step == "paid")
        .map(|(_, cents)| *cents); //~ Some(1290)
    let back = pay_back(id, paid, share).await; //@ refund
    Json(back)
}

async fn share_of(cause: &Cause) -> f64 {
    sleep(Duration::from_millis(1)).await;
    match cause {
        Cause::Broken { parts } => parts.len() as f64 * 0.25,
        Cause::Late(delay) => f64::from(delay.days) / 100.0,
    }
}

async fn history_of(id: Uuid) -> Vec<(&'static str, u32)> {
    yield_now().await;
    if id.is_nil() {
        Vec::new()
    } else {
        vec![("paid", 1290), ("sent", 0)]
    }
}

async fn pay_back(
    id: Uuid,          //= 67e55044-10b1-426f-9247-bb680e5fe0c8
    paid: Option<u32>, //= Some(1290)
    share: f64,        //= 0.5
) -> f64 {
    let cents = f64::from(paid.unwrap_or(0)) * share; //= 645.0
    let account = account_of(id).await; //= None
    sleep(Duration::from_millis(1)).await;
    let account: &str = account.expect("whoever paid has an account"); //@ refund: whoever paid has an account
    println!("{cents} to {account}");
    cents
}

async fn account_of(id: Uuid) -> Option<&'static str> {
    yield_now().await;
    id.is_nil().then_some("nobody's")
}

/// The layer fails after its handler has answered.
async fn count_requests(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned(); //= "/orders/limits/daily"
    let before = path.len(); //= 20
    let response = next.run(request).await;
    let status = response.status().as_u16(); //~ 200
    let slot = slot_of(&path, before, status).await; //@ limits
    println!("slot {slot}");
    response
}

async fn limits(Path(kind): Path<String>) -> String {
    yield_now().await;
    format!("no limits for {kind}")
}

async fn slot_of(
    path: &str,    //= "/orders/limits/daily"
    before: usize, //= 20
    status: u16,   //= 200
) -> usize {
    let slots = [1usize, 4, 16]; //= [1, 4, 16]
    yield_now().await;
    let slot = usize::from(status / 50); //= 4
    println!("{path} {before}");
    slots[slot] //@ limits: index out of bounds: the len is 3 but the index is 4
}

/// Fails in an async block that its own function drives.
async fn stopped(State(shop): State<Shop>) -> String {
    let reason = input("inventory"); //= "inventory"
    let stock: Vec<(u32, i32)> = shop
        .stock
        .lock()
        .await
        .iter()
        .map(|(a, n)| (*a, *n))
        .collect(); //= [(7, 3), (9, 20)]
    let counted = async {
        //= reason => "inventory" ;; stock => [(7, 3), (9, 20)]
        let mut sum = 0; //= 3
        for (article, count) in &stock {
            //= article => 9 ;; count => 20
            yield_now().await;
            let rounded = round_to_dozen(*count, &reason).await; //@ stopped
            sum += rounded + *article as i32 - 7;
        }
        sum
    };
    let sum = counted.await; //@ stopped
    format!("{sum} for {reason}")
}

async fn round_to_dozen(
    count: i32,   //= 20
    reason: &str, //= "inventory"
) -> i32 {
    sleep(Duration::from_millis(1)).await;
    let rest = count % 12; //~ 8
    match rest {
        0 | 3 => count,
        other => {
            //= other => 8
            yield_now().await;
            panic!("{reason}: {other} left over") //@ stopped: inventory: 8 left over
        }
    }
}

/// A payment provider calls.
async fn webhook(
    method: Method, //= POST
    State(shop): State<Shop>,
    body: Bytes, //= 49 bytes
) -> StatusCode {
    let event: Value = serde_json::from_slice(&body).unwrap_or_default(); //= {"cents": 1290, "event": "paid", "tries": [1, 2]}
    yield_now().await;
    let name = name_of(&event); //= "paid"
    let status = answer_to(&name, &event).await; //@ webhook
    println!("{method} {}", shop.currency);
    status
}

fn name_of(event: &Value) -> Cow<'_, str> {
    match event["event"].as_str() {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(event["event"].to_string()),
    }
}

async fn answer_to(
    name: &str,    //= "paid"
    event: &Value, //= {"cents": 1290, "event": "paid", "tries": [1, 2]}
) -> StatusCode {
    let answers = HashMap::from([
        ("paid", StatusCode::CREATED),
        ("open", StatusCode::ACCEPTED),
    ]); //= {"paid": 201, "open": 202}
    let folder = OsString::from(format!("hooks-{name}")); //= "hooks-paid"
    sleep(Duration::from_millis(1)).await;
    let code = answers[name]; //~ 201
    let tries = event["tries"].as_array().map_or(0, Vec::len); //= 2
    if let Some(cents) = event["cents"].as_i64() {
        //= cents => 1290
        yield_now().await;
        panic!("{cents} cents for {folder:?} after {tries} tries"); //@ webhook: 1290 cents for "hooks-paid" after 2 tries
    }
    code
}
