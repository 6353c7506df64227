//! Work that runs beside others: joined, selected, spawned.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::task::{JoinSet, LocalSet, yield_now};
use tokio::time::sleep;

use crate::input;

pub(crate) fn router() -> Router {
    Router::new()
        .route("/tasks/compare/{article}", get(compare_shops))
        .route("/tasks/race/{limit}", get(race))
        .route("/tasks/both", get(both))
        .route("/tasks/invoice/{number}", get(invoice))
        .route("/tasks/report", get(report))
        .route("/tasks/thumbnails", get(thumbnails))
        .route("/tasks/local", get(local))
}

#[derive(Clone, Debug)]
struct Quote {
    shop: &'static str,
    cents: Option<u32>,
}

async fn compare_shops(Path(article): Path<u32>, //~ article => 77
) -> String {
    let asked = [("near", 3), ("far", 2)]; //~ [("near", 3), ("far", 2)]
    let (one, other) = tokio::join!(ask(article, asked[0]), ask_twice(article, asked[1])); //@ compare_shops
    format!("{one:?} {other:?}")
}

async fn ask(article: u32, (shop, turns): (&'static str, u8)) -> Quote {
    for _ in 0..turns * 3 {
        yield_now().await;
    }
    Quote {
        shop,
        cents: Some(article * 10),
    }
}

async fn ask_twice(
    article: u32,             //= 77
    whom: (&'static str, u8), //= ("far", 2)
) -> Quote {
    let first = ask(article, whom).await; //= Quote { shop: "far", cents: Some(770) }
    let second = ask(article - 77, whom).await; //= Quote { shop: "far", cents: Some(0) }
    let ratio = ratio(&first, &second); //@ compare_shops
    Quote {
        shop: first.shop,
        cents: ratio,
    }
}

fn ratio(
    first: &Quote,  //= Quote { shop: "far", cents: Some(770) }
    second: &Quote, //= Quote { shop: "far", cents: Some(0) }
) -> Option<u32> {
    let (above, below) = (first.cents?, second.cents?); //= above => 770 ;; below => 0
    Some(above / below) //@ compare_shops: attempt to divide by zero
}

async fn race(Path(limit): Path<u64>, //= limit => 2
) -> String {
    let mut rounds = 0u32; //= 1
    let mut log: Vec<String> = Vec::new(); //= ["round 0"]
    loop {
        tokio::select! {
            //@^ race
            biased;
            left = countdown(limit, rounds) => log.push(format!("left {left}")),
            () = sleep(Duration::from_millis(limit)) => log.push(format!("round {rounds}")),
        }
        rounds += 1;
    }
}

async fn countdown(
    limit: u64,  //= 2
    rounds: u32, //= 1
) -> u64 {
    let target = limit * 1000; //~ 2000
    if rounds == 0 {
        sleep(Duration::from_millis(target)).await;
    }
    yield_now().await;
    let steps = u64::from(rounds) * 3; //= 3
    limit
        .checked_sub(steps)
        .expect("the countdown is over in time") //@ race: the countdown is over in time
}

#[derive(Debug)]
struct Missing {
    what: String,
}

async fn both() -> Result<String, StatusCode> {
    let names = ["logo", "font"].map(String::from); //= ["logo", "font"]
    let found = tokio::try_join!(load(&names[0], 4), load(&names[1], 0)); //@ both
    found
        .map(|(a, b)| format!("{a} {b}"))
        .map_err(|_| StatusCode::NOT_FOUND)
}

async fn load(
    name: &str, //= "font"
    size: u32,  //= 0
) -> Result<u32, Missing> {
    let key = format!("{name}.bin"); //= "font.bin"
    yield_now().await;
    if name.is_empty() {
        return Err(Missing { what: key });
    }
    let blocks = blocks_of(&key, size).await; //@ both
    Ok(blocks)
}

async fn blocks_of(
    key: &str, //= "font.bin"
    size: u32, //= 0
) -> u32 {
    let per_block = 4096 / size.max(1); //= 4096
    sleep(Duration::from_millis(1)).await;
    let missing = Missing {
        what: key.to_owned(),
    }; //= Missing { what: "font.bin" }
    assert_ne!(size, 0, "{} is empty", missing.what); //@ both: assertion `left != right` failed: font.bin is empty
    per_block
}

/// The task belongs to the request.
async fn invoice(Path(number): Path<u32>) -> StatusCode {
    let positions = vec![(2u32, 1290u32), (1, 3450)];
    let task = tower_monitor::spawn(write_invoice(number, positions));
    match task.await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::ACCEPTED,
    }
}

async fn write_invoice(
    number: u32,                //= 2026
    positions: Vec<(u32, u32)>, //= [(2, 1290), (1, 3450)]
) {
    let mut total = 0; //= 6030
    for (count, cents) in &positions {
        yield_now().await;
        total += count * cents;
    }
    let folder = format!("invoices/{number}"); //= "invoices/2026"
    sleep(Duration::from_millis(1)).await;
    store(&folder, total).await; //@ invoice
}

async fn store(
    folder: &str, //= "invoices/2026"
    total: u32,   //= 6030
) {
    let full = input("true") == "true"; //~ true
    if full {
        yield_now().await;
        panic!("no room for {total} in {folder}"); //@ invoice: no room for 6030 in invoices/2026
    }
}

/// The task belongs to nobody.
async fn report() -> StatusCode {
    let day = input("monday");
    let handle = tokio::spawn(async move {
        //= day => "monday"
        let mut hours = BTreeMap::new(); //= {8: 3, 9: 5}
        for (hour, sales) in [(8u8, 3u32), (9, 5), (26, 1)] {
            //= hour => 26 ;; sales => 1
            yield_now().await;
            let hour = checked_hour(hour, &day).await; //@ report
            hours.insert(hour, sales);
        }
        hours.len()
    });
    let ended = handle.await;
    if ended.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    }
}

async fn checked_hour(
    hour: u8,  //= 26
    day: &str, //= "monday"
) -> u8 {
    let last = 23; //~ 23
    if hour > last {
        let late = hour - last; //= 3
        sleep(Duration::from_millis(1)).await;
        panic!("{late} hours after {day}"); //@ report: 3 hours after monday
    }
    hour
}

async fn thumbnails() -> StatusCode {
    let mut set = JoinSet::new();
    for (n, width) in [640u32, 320, 0].into_iter().enumerate() {
        set.spawn(thumbnail(n, width, Arc::from("photo")));
    }
    let mut good = 0;
    while let Some(done) = set.join_next().await {
        good += usize::from(done.is_ok());
    }
    if good == 3 {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    }
}

async fn thumbnail(
    n: usize,       //= 2
    width: u32,     //= 0
    name: Arc<str>, //= "photo"
) -> u32 {
    let area = width * width; //= 0
    yield_now().await;
    let bytes: Vec<u8> = (0..5).map(|byte| byte + n as u8).collect(); //= 5 bytes
    let per_row = bytes.len() as u32 + area; //~ 5
    let rows = rows_of(&name, per_row, width).await; //@ thumbnails
    rows + bytes.len() as u32
}

async fn rows_of(
    name: &str,   //= "photo"
    per_row: u32, //= 5
    width: u32,   //= 0
) -> u32 {
    sleep(Duration::from_millis(1)).await;
    println!("{name}");
    per_row % width //@ thumbnails: attempt to calculate the remainder with a divisor of zero
}

/// Tasks that stay on their thread.
async fn local() -> StatusCode {
    let ended = tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let set = LocalSet::new();
        let shared = Rc::new(vec![4u16, 8, 15]);
        let task = set.spawn_local(pick(Rc::clone(&shared), 3));
        let Ok(runtime) = runtime else {
            return false;
        };
        set.block_on(&runtime, async move { task.await.is_ok() })
    });
    if ended.await.unwrap_or(true) {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    }
}

async fn pick(
    shared: Rc<Vec<u16>>, //= [4, 8, 15]
    place: usize,         //= 3
) -> u16 {
    let half = shared.len() / 2; //= 1
    sleep(Duration::from_millis(1)).await;
    let middle = shared[half]; //= 8
    let picked = pick_from(&shared, place, middle).await; //@ local
    picked + middle
}

async fn pick_from(
    numbers: &[u16], //= [4, 8, 15]
    place: usize,    //= 3
    middle: u16,     //= 8
) -> u16 {
    yield_now().await;
    let found = numbers.get(place).copied(); //= None
    found.unwrap_or_else(|| fallback(middle)) //@ local
}

fn fallback(middle: u16, //= 8
) -> u16 {
    let day = Duration::from_secs(u64::from(middle) * 60); //= 480s
    unimplemented!("nothing for {day:?}") //@ local: not implemented: nothing for 480s
}
