//! Errors that pass `?` into `ServerError`, in handlers and below them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tokio::task::yield_now;
use tokio::time::sleep;
use tower_monitor::ServerError;

use crate::input;

pub(crate) fn router() -> Router {
    Router::new()
        .route("/errors/price/{text}", get(price))
        .route("/errors/settings", get(settings))
        .route("/errors/voucher/{code}", get(voucher))
        .route("/errors/import", get(import))
        .route("/errors/rate/{currency}", get(rate))
        .route("/errors/ship/{kilos}", get(ship))
        .route("/errors/retry", get(retry))
        .route("/errors/deep/{levels}", get(deep))
        .route("/errors/text", get(text))
        .route("/errors/join", get(join))
}

#[derive(Debug, PartialEq)]
enum Trouble {
    NotFound { what: &'static str, id: u32 },
    TooHeavy(f64),
    Down,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { what, id } => write!(f, "no {what} {id}"),
            Self::TooHeavy(kilos) => write!(f, "{kilos} kg are too heavy"),
            Self::Down => f.write_str("the carrier is down"),
        }
    }
}

impl std::error::Error for Trouble {}

async fn price(Path(text): Path<String>, //= text => "12x"
) -> Result<String, ServerError> {
    let digits = text.trim_start_matches('0'); //= "12x"
    let currency = if digits.len() > 2 { "EUR" } else { "CHF" }; //= "EUR"
    yield_now().await;
    let cents = digits.parse::<u32>()?; //@ price: invalid digit found in string
    Ok(format!("{cents} {currency}"))
}

async fn settings() -> Result<String, ServerError> {
    let text = input("port = 80a\nhost = local"); //= "port = 80a\nhost = local"
    let port = port_of(&text, 1024)?; //@ settings
    Ok(port.to_string())
}

fn port_of(
    text: &str, //= "port = 80a\nhost = local"
    least: u16, //= 1024
) -> Result<u16, ServerError> {
    let lines: Vec<&str> = text.lines().collect(); //= ["port = 80a", "host = local"]
    let mut read = 0usize; //= 1
    for line in &lines {
        //= line => "port = 80a"
        read += 1;
        let Some((key, value)) = line.split_once(" = ") else {
            continue;
        }; //= key => "port" ;; value => "80a"
        if key == "port" {
            let port: u16 = value.parse()?; //@ settings: invalid digit found in string
            println!("line {read}");
            return Ok(port.max(least));
        }
    }
    Ok(least)
}

#[derive(Debug)]
struct Voucher {
    id: u32,
    percent: u8,
}

fn find_voucher(vouchers: &[Voucher], id: u32) -> Result<&Voucher, Trouble> {
    let found = vouchers.iter().find(|voucher| voucher.id == id);
    found.ok_or(Trouble::NotFound {
        what: "voucher",
        id,
    })
}

async fn voucher(Path(code): Path<u32>, //= code => 31
) -> Result<String, ServerError> {
    let vouchers = [(30, 5), (32, 10)].map(|(id, percent)| Voucher { id, percent }); //= [Voucher { id: 30, percent: 5 }, Voucher { id: 32, percent: 10 }]
    sleep(Duration::from_millis(1)).await;
    let asked = vouchers.len() as u32 + code; //= 33
    let found = find_voucher(&vouchers, asked)?; //@ voucher: no voucher 33
    Ok(format!("{}", found.percent))
}

async fn import() -> Result<String, ServerError> {
    let file = input("1,tea\n2,pot\nx,mug"); //= "1,tea\n2,pot\nx,mug"
    let rows = import_rows(&file).await?; //@ import
    Ok(format!("{} of {}", rows.len(), file.len()))
}

async fn import_rows(
    file: &str, //= "1,tea\n2,pot\nx,mug"
) -> Result<BTreeMap<u32, String>, ServerError> {
    let mut rows = BTreeMap::new(); //= {1: "tea", 2: "pot"}
    for (n, line) in file.lines().enumerate() {
        //= n => 2 ;; line => "x,mug"
        yield_now().await;
        let (id, name) = line.split_once(',').unwrap_or((line, "")); //= id => "x" ;; name => "mug"
        let id = id.parse()?; //@ import: invalid digit found in string
        rows.insert(id, format!("{name}{}", "!".repeat(n / 9)));
    }
    Ok(rows)
}

async fn rate(Path(currency): Path<String>, //= currency => "chf"
) -> Result<String, ServerError> {
    let answer = input(r#"{"eur": 1.0, "usd": 1.1}"#); //= "{\"eur\": 1.0, \"usd\": 1.1}"
    let rates: BTreeMap<String, f64> = serde_json::from_str(&answer)?; //= {"eur": 1.0, "usd": 1.1}
    yield_now().await;
    let rate = rates.get(&currency).copied(); //= None
    let rate = rate.ok_or_else(|| format!("no rate for {currency}"))?; //@ rate: no rate for chf
    Ok(format!("{rate}"))
}

#[derive(Clone, Debug)]
struct Parcel {
    kilos: f64,
    to: Vec<&'static str>,
}

fn carrier(parcel: &Parcel) -> Result<&'static str, Trouble> {
    match parcel.kilos {
        kilos if kilos > 30.0 => Err(Trouble::TooHeavy(kilos)),
        0.0 => Err(Trouble::Down),
        _ => Ok("post"),
    }
}

async fn ship(Path(kilos): Path<f64>, //= kilos => 31.5
) -> Result<String, ServerError> {
    let parcel = Parcel {
        kilos,
        to: vec!["Graz", "AT"],
    }; //= parcel => Parcel { kilos: 31.5, to: ["Graz", "AT"] }
    let day = Some(3u8); //= Some(3)
    let label = label(&parcel, day)?; //@ ship
    yield_now().await;
    Ok(label)
}

fn label(
    parcel: &Parcel, //= Parcel { kilos: 31.5, to: ["Graz", "AT"] }
    day: Option<u8>, //= Some(3)
) -> Result<String, ServerError> {
    let city = parcel.to.first().copied().unwrap_or("?"); //= "Graz"
    let by = carrier(parcel)?; //@ ship: 31.5 kg are too heavy
    Ok(format!("{by} to {city} on {day:?}"))
}

async fn flaky(turn: u32) -> Result<u32, Trouble> {
    yield_now().await;
    Err(if turn == 2 {
        Trouble::NotFound {
            what: "try",
            id: turn,
        }
    } else {
        Trouble::Down
    })
}

async fn retry() -> Result<String, ServerError> {
    let most = input("2").parse::<u32>()?; //= 2
    let mut turn = 0; //= 2
    let mut waited = Duration::ZERO; //= 3ms
    let value = loop {
        turn += 1;
        let tried = flaky(turn).await; //~ Err(NotFound { what: "try", id: 2 })
        if turn >= most {
            break tried?; //@ retry: no try 2
        }
        sleep(Duration::from_millis(1)).await;
        waited += Duration::from_millis(3);
    };
    Ok(format!("{value} after {waited:?}"))
}

async fn deep(Path(levels): Path<u8>, //= levels => 3
) -> Result<String, ServerError> {
    let name = format!("level {levels}"); //= "level 3"
    let bottom = outer(levels, &name).await?; //@ deep
    Ok(bottom)
}

async fn outer(
    levels: u8, //= 3
    name: &str, //= "level 3"
) -> Result<String, ServerError> {
    let half = levels / 2; //= 1
    yield_now().await;
    let inner = inner(half, name)?; //@ deep
    Ok(format!("{inner}"))
}

fn inner(
    half: u8,   //= 1
    name: &str, //= "level 3"
) -> Result<u8, ServerError> {
    let bytes = name.as_bytes(); //= 7 bytes
    let last = bytes.last().copied().unwrap_or(0); //= 51
    let digit = std::str::from_utf8(&[last | 0x80, half])?.len(); //@ deep: invalid utf-8 sequence of 1 bytes from index 0
    Ok(digit as u8)
}

async fn text() -> Result<&'static str, ServerError> {
    let open = input("sun").ends_with("day"); //= false
    let hours = [9u16, 18]; //= [9, 18]
    sleep(Duration::from_millis(1)).await;
    let now = hours[1] + 2; //= 20
    if !open {
        Err("the shop is closed")?; //@ text: the shop is closed
    }
    Ok(if now > 9 { "open" } else { "soon" })
}

async fn join() -> Result<String, ServerError> {
    let sizes = [4usize, 0]; //~ [4, 0]
    let (one, other) = tokio::try_join!(part(sizes[0]), part(sizes[1]))?; //@ join
    Ok(format!("{one} {other}"))
}

async fn part(size: usize, //= 0
) -> Result<char, ServerError> {
    let letters = &"abcd"[..size]; //= ""
    yield_now().await;
    let picked = letters.parse::<char>()?; //@ join: cannot parse char from empty string
    Ok(picked)
}
