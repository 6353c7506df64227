//! Text that comes in: dates, prices, addresses, templates, uploads.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::num::ParseIntError;
use std::path::PathBuf;
use std::time::Duration;

use crate::input;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Date {
    year: i32,
    month: u8,
    day: u8,
}

#[derive(Debug)]
enum DateError {
    Shape(String),
    Number(ParseIntError),
    NoSuchDay { month: u8, day: u8 },
}

impl From<ParseIntError> for DateError {
    fn from(error: ParseIntError) -> Self {
        Self::Number(error)
    }
}

fn days_in(year: i32, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn date(text: &str) -> Result<Date, DateError> {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts[..] else {
        return Err(DateError::Shape(text.to_owned()));
    };
    let (year, month, day) = (year.parse()?, month.parse()?, day.parse()?);
    if day == 0 || day > days_in(year, month) {
        return Err(DateError::NoSuchDay { month, day });
    }
    Ok(Date { year, month, day })
}

pub(crate) fn booking() {
    let request = input("from=2026-02-20&to=2026-02-29&beds=2"); //= "from=2026-02-20&to=2026-02-29&beds=2"
    let fields: BTreeMap<&str, &str> = request
        .split('&')
        .filter_map(|field| field.split_once('='))
        .collect(); //= fields => {"beds": "2", "from": "2026-02-20", "to": "2026-02-29"}
    let beds = fields.get("beds").and_then(|beds| beds.parse::<u8>().ok()); //= Some(2)
    let price = book(&fields, beds.unwrap_or(1)); //@ booking
    println!("{price}");
}

fn book(
    fields: &BTreeMap<&str, &str>, //= {"beds": "2", "from": "2026-02-20", "to": "2026-02-29"}
    beds: u8,                      //= 2
) -> u32 {
    let from = day_of(fields, "from");
    let to = day_of(fields, "to"); //@ booking
    let nights = u32::from(to.day - from.day);
    nights * u32::from(beds) * 4500
}

fn day_of(
    fields: &BTreeMap<&str, &str>, //= {"beds": "2", "from": "2026-02-20", "to": "2026-02-29"}
    name: &str,                    //= "to"
) -> Date {
    let text = fields[name]; //= "2026-02-29"
    let parsed = date(text); //~ Err(NoSuchDay { month: 2, day: 29 })
    parsed.expect("the form has checked it") //@ booking: the form has checked it: NoSuchDay { month: 2, day: 29 }
}

pub(crate) fn badge() {
    let full = input("Zoë Ångström"); //= "Zoë Ångström"
    let width = input("3").parse().unwrap_or(8); //= 3
    let badges = ["staff", "guest"].map(String::from); //= ["staff", "guest"]
    let printed = print_badge(&full, &badges[1], width); //@ badge
    println!("{printed}");
}

fn print_badge(
    full: &str,   //= "Zoë Ångström"
    kind: &str,   //= "guest"
    width: usize, //= 3
) -> String {
    let (first, last) = full.split_once(' ').unwrap_or((full, "")); //= first => "Zoë" ;; last => "Ångström"
    let initial = last.chars().next(); //= Some('Å')
    let short = shortened(first, width); //@ badge
    format!("{short} {} {kind}", initial.unwrap_or('-'))
}

fn shortened(
    text: &str, //= "Zoë"
    to: usize,  //= 3
) -> &str {
    let longer = text.len() > to; //= true
    if longer { &text[..to] } else { text } //@ badge: byte index 3 is not a char boundary; it is inside 'ë'
}

/// A template's piece, borrowed where nothing is to be filled in.
fn filled<'a>(
    piece: &'a str,                    //= "{{total}}"
    values: &BTreeMap<String, String>, //= {"name": "Uma", "shop": "Tea & Co"}
) -> Cow<'a, str> {
    let inner = piece
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}")); //= Some("total")
    match inner {
        None => Cow::Borrowed(piece),
        Some(name) => {
            //= name => "total"
            let value = values.get(name); //= None
            let Some(text) = value else {
                panic!("no value for {name}"); //@ template: no value for total
            };
            Cow::Owned(text.replace('&', "&amp;"))
        }
    }
}

pub(crate) fn template() {
    let text = input("Dear |{{name}}|, you paid |{{total}}"); //= "Dear |{{name}}|, you paid |{{total}}"
    let values = BTreeMap::from([("name", "Uma"), ("shop", "Tea & Co")].map(owned)); //= {"name": "Uma", "shop": "Tea & Co"}
    let letter = render(&text, &values); //@ template
    println!("{letter}");
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn render(
    text: &str,                        //= "Dear |{{name}}|, you paid |{{total}}"
    values: &BTreeMap<String, String>, //= {"name": "Uma", "shop": "Tea & Co"}
) -> String {
    let mut out = String::with_capacity(text.len()); //= "Dear Uma, you paid "
    let mut pieces = Vec::new(); //= [5, 3, 11]
    for piece in text.split('|') {
        //= piece => "{{total}}"
        let new = filled(piece, values); //@ template
        pieces.push(new.len());
        out.push_str(&new);
    }
    println!("{} pieces", pieces.len());
    out
}

#[derive(Debug)]
struct Upload {
    path: PathBuf,
    bytes: Vec<u8>,
    from: IpAddr,
    took: Duration,
}

pub(crate) fn upload() {
    let from = input("203.0.113.7")
        .parse()
        .unwrap_or(IpAddr::from([0, 0, 0, 0])); //= 203.0.113.7
    let data = input("\u{2}ab"); //= "\u{2}ab"
    let upload = Upload {
        path: PathBuf::from("in/photo.raw"),
        bytes: data.clone().into_bytes(),
        from,
        took: Duration::from_millis(1500),
    }; //= upload => Upload { path: "in/photo.raw", bytes: 3 bytes, from: 203.0.113.7, took: 1.5s }
    let chunks = chunks(&upload); //@ upload
    println!("{chunks:?} {data}");
}

fn chunks(
    upload: &Upload, //= Upload { path: "in/photo.raw", bytes: 3 bytes, from: 203.0.113.7, took: 1.5s }
) -> Vec<&[u8]> {
    let mut rest = upload.bytes.as_slice(); //= 3 bytes
    let mut chunks: Vec<&[u8]> = Vec::new(); //= []
    while let [length, ..] = rest {
        //= length => 2
        let end = 2 + usize::from(*length); //= 4
        let chunk = cut(rest, 1, end); //@ upload
        chunks.push(chunk);
        rest = &rest[end..];
    }
    chunks
}

fn cut(
    bytes: &[u8], //= 3 bytes
    from: usize,  //= 1
    to: usize,    //= 4
) -> &[u8] {
    &bytes[from..to] //@ upload: range end index 4 out of range for slice of length 3
}

/// An amount as people type it.
struct Typed<'a>(&'a str);

impl fmt::Display for Typed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "»{}«", self.0)
    }
}

pub(crate) fn amounts() {
    let typed = input("12,50 7 1.000,00 3x"); //= "12,50 7 1.000,00 3x"
    let signs = ['.', ',']; //= ['.', ',']
    let mut sum = 0u64; //= 101950
    for (n, word) in (1u8..).zip(typed.split(' ')) {
        //= n => 4 ;; word => "3x"
        sum += in_cents(word, signs); //@ amounts
        println!("{n}: {sum}");
    }
}

fn in_cents(
    word: &str,       //= "3x"
    signs: [char; 2], //= ['.', ',']
) -> u64 {
    let [thousands, decimal] = signs; //= thousands => '.' ;; decimal => ','
    let plain: String = word.chars().filter(|c| *c != thousands).collect(); //= "3x"
    let (units, cents) = plain.split_once(decimal).unwrap_or((&plain, "00")); //= units => "3x" ;; cents => "00"
    let cents = number(cents); //= 0
    let units = number(units); //@ amounts
    units * 100 + cents
}

fn number(digits: &str, //= "3x"
) -> u64 {
    let parsed = digits.parse::<u64>(); //~ Err(ParseIntError { kind: InvalidDigit })
    match parsed {
        Ok(number) => number,
        Err(error) => {
            //= error => ParseIntError { kind: InvalidDigit }
            let typed = Typed(digits); //=! Typed("3x")
            unreachable!("{typed} is no number: {error}") //@ amounts: internal error: entered unreachable code: »3x« is no number: invalid digit found in string
        }
    }
}
