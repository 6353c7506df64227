//! Work that waits for others: jobs through a channel, answers in time, answers that never come, many waits in one function.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use crate::input;

pub(crate) fn router() -> Router {
    Router::new()
        .route("/tasks/queue", get(queue))
        .route("/tasks/slow/{id}", get(slow))
        .route("/tasks/answer", get(answer))
        .route("/tasks/drain/{tank}", get(drain))
        .route("/tasks/parcel/{number}", get(parcel))
        .route("/tasks/meter", get(meter))
        .route("/tasks/refill", get(refill))
}

#[derive(Debug)]
enum Job {
    Mail { to: &'static str, copies: u8 },
    Stop,
}

/// Several jobs through a channel, the last of which fails.
async fn queue() -> StatusCode {
    let (sender, receiver) = mpsc::channel(4);
    let worker = tower_monitor::spawn(work(receiver, 2));
    for job in [
        Job::Mail {
            to: "uma",
            copies: 1,
        },
        Job::Mail {
            to: "shop",
            copies: 7,
        },
        Job::Stop,
    ] {
        if sender.send(job).await.is_err() {
            break;
        }
        yield_now().await;
    }
    drop(sender);
    if worker.await.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    }
}

async fn work(
    mut receiver: mpsc::Receiver<Job>,
    most: u8, //= 2
) -> u32 {
    let mut sent = 0u32; //= 1
    while let Some(job) = receiver.recv().await {
        //~ job => Mail { to: "shop", copies: 7 }
        match job {
            Job::Stop => break,
            Job::Mail { to, copies } => {
                //= to => "shop" ;; copies => 7
                yield_now().await;
                sent += u32::from(mail(to, copies, most).await); //@ queue
            }
        }
    }
    sent
}

async fn mail(
    to: &'static str, //= "shop"
    copies: u8,       //= 7
    most: u8,         //= 2
) -> u8 {
    let left = most.checked_sub(copies); //= None
    sleep(Duration::from_millis(1)).await;
    match left {
        Some(_) => copies,
        None => {
            panic!("{copies} copies to {to} are too many") //@ queue: 7 copies to shop are too many
        }
    }
}

async fn slow(Path(id): Path<u8>, //~ id => 200
) -> String {
    let limit = Duration::from_millis(250); //~ 250ms
    let result = timeout(limit, fetch(id, 3)).await; //@ slow
    format!("{result:?}")
}

async fn fetch(
    id: u8,      //= 200
    retries: u8, //= 3
) -> u8 {
    let mut wait = Duration::from_millis(1); //= 4ms
    for attempt in 0..retries {
        //~ attempt => 2
        let doubled = double(id >> (2 - attempt), attempt).await; //@ slow
        wait *= 2;
        sleep(wait / 4).await;
        println!("{doubled}");
    }
    id
}

async fn double(
    id: u8,      //= 200
    attempt: u8, //= 2
) -> u8 {
    yield_now().await;
    let twice = id.checked_mul(2); //= None
    twice.unwrap_or_else(|| id / (2 - attempt)) //@ slow: attempt to divide by zero
}

async fn answer() -> String {
    let (sender, receiver) = oneshot::channel::<Vec<u8>>();
    let question = input("how many?"); //= "how many?"
    let asker = async {
        yield_now().await;
        drop(sender);
    };
    let ((), answered) = tokio::join!(asker, wait_for(receiver, &question)); //@ answer
    format!("{answered}")
}

async fn wait_for(
    receiver: oneshot::Receiver<Vec<u8>>,
    question: &str, //= "how many?"
) -> usize {
    let asked = question.len(); //= 9
    let answered = receiver.await; //~ Err(RecvError(()))
    let bytes = answered.unwrap(); //@ answer: called `Result::unwrap()` on an `Err` value: RecvError(())
    bytes.len() + asked
}

#[derive(Debug)]
struct Flow {
    tank: u8,
    limit: Option<u16>,
}

/// What a function is called with, changed while it waits.
async fn drain(Path(tank): Path<u8>, //= tank => 3
) -> String {
    let mut level = 7u64; //= 7
    let flow = Flow {
        tank,
        limit: Some(2),
    }; //= flow => Flow { tank: 3, limit: Some(2) }
    yield_now().await;
    while level > 0 {
        level -= pump(&flow, level, 2).await; //@ drain
    }
    format!("{tank} is empty, {:?}", flow.limit)
}

async fn pump(
    flow: &Flow,   //= Flow { tank: 3, limit: Some(2) }
    mut left: u64, //= 1
    step: u64,     //= 2
) -> u64 {
    let mut turns: Vec<u64> = Vec::new(); //= [7, 5, 3, 1]
    loop {
        turns.push(left);
        sleep(Duration::from_millis(1)).await;
        println!("{} {:?}", flow.tank, flow.limit);
        left = left.checked_sub(step).expect("the pump runs dry"); //@ drain: the pump runs dry
    }
}

/// Waits in blocks that have ended, and in one that has not.
async fn parcel(Path(number): Path<u32>, //= number => 12
) -> String {
    let label = format!("p{number}"); //= "p12"
    let mut fee = 0i64; //= 150
    if number > 10 {
        let extra = i64::from(number) + 138;
        yield_now().await;
        fee += extra;
    }
    let (zone, days) = zone_of(number).await; //= zone => "b" ;; days => 4
    yield_now().await;
    let route = route_of(&label, zone, days, fee).await; //@ parcel
    format!("{label} {route} {number} {fee}")
}

async fn zone_of(number: u32) -> (&'static str, i64) {
    yield_now().await;
    if number > 5 { ("b", 4) } else { ("a", 1) }
}

async fn route_of(
    label: &str,        //= "p12"
    zone: &'static str, //= "b"
    days: i64,          //= 4
    fee: i64,           //= 150
) -> String {
    let stops = vec!["hub", zone]; //= ["hub", "b"]
    let cents = match zone {
        "a" => {
            let part = fee / days;
            yield_now().await;
            part
        }
        _ => {
            let part = fee / 3; //= 50
            sleep(Duration::from_millis(1)).await;
            rate_of(&stops, part - days * 12).await //@ parcel
        }
    };
    format!("{label} {cents}")
}

/// Fails at its first poll, while its callers have waited before.
async fn rate_of(
    stops: &[&str], //= ["hub", "b"]
    cents: i64,     //= 2
) -> i64 {
    let rate = stops.len() as i64 % (cents - 2); //@ parcel: attempt to calculate the remainder with a divisor of zero
    yield_now().await;
    rate
}

async fn meter() -> String {
    let (sender, mut receiver) = mpsc::channel::<u16>(2);
    let feeder = tower_monitor::spawn(feed_meter(sender));
    let mut sum = 0u32; //= 70
    let mut last = None::<u16>; //= Some(30)
    while let Some(value) = receiver.recv().await {
        //= value => 0
        let gap = gap_of(last, value).await; //@ meter
        sum += u32::from(value).max(gap);
        last = Some(value);
    }
    drop(feeder);
    format!("{sum}")
}

async fn feed_meter(sender: mpsc::Sender<u16>) {
    for value in [40, 30, 0] {
        if sender.send(value).await.is_err() {
            break;
        }
        yield_now().await;
    }
}

async fn gap_of(
    last: Option<u16>, //= Some(30)
    value: u16,        //= 0
) -> u32 {
    let before = u32::from(last.unwrap_or(1)); //= 30
    yield_now().await;
    before / u32::from(value) //@ meter: attempt to divide by zero
}

async fn refill() -> String {
    let parts = vec![crate::input("tea")]; //~ ["tea"]
    let cups = crate::input("xxx").len() as u32; //= 3
    let served = pour(cups, parts).await; //@ refill
    format!("{served}")
}

/// Changes what it was called with, and fails before it waits.
async fn pour(
    mut cups: u32,          //= 0
    mut parts: Vec<String>, //= ["tea", "milk", "sugar"]
) -> u32 {
    let asked = cups; //= 3
    parts.extend([crate::input("milk"), crate::input("sugar")]);
    cups -= parts.len() as u32;
    let each = asked * 10 / cups; //@ refill: attempt to divide by zero
    yield_now().await;
    each + cups + parts.len() as u32
}
