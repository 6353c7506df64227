//! Figures: sales by week, pages of results, ratings, a report by any key.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::AddAssign;

use crate::input;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Money {
    cents: i64,
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        self.cents += other.cents;
    }
}

#[derive(Clone, Debug)]
struct Sale {
    week: u8,
    region: &'static str,
    amount: Money,
}

fn sale(text: &str) -> Option<Sale> {
    let (week, rest) = text.split_once(':')?;
    let (region, cents) = rest.split_once(':')?;
    let region = ["north", "south", "west"]
        .into_iter()
        .find(|known| *known == region)?;
    Some(Sale {
        week: week.parse().ok()?,
        region,
        amount: Money {
            cents: cents.parse().ok()?,
        },
    })
}

/// Sums by whatever a sale is to be sorted by.
#[derive(Debug)]
struct Sums<K> {
    by: &'static str,
    rows: BTreeMap<K, Money>,
}

impl<K: Ord + Copy + Debug> Sums<K> {
    fn share(
        &self, //= Sums { by: "region", rows: {"north": Money { cents: 700 }, "south": Money { cents: -700 }} }
        key: K, //= "north"
    ) -> i64 {
        let total: i64 = self.rows.values().map(|money| money.cents).sum(); //= 0
        let own = self.rows[&key]; //= Money { cents: 700 }
        percent(own.cents, total) //@ shares
    }
}

fn percent(
    part: i64,  //= 700
    whole: i64, //= 0
) -> i64 {
    let scaled = part * 100; //= 70000
    scaled / whole //@ shares: attempt to divide by zero
}

fn sums_by<K, F>(sales: &[Sale], by: &'static str, key: F) -> Sums<K>
where
    K: Ord + Copy + Debug,
    F: Fn(&Sale) -> K,
{
    let mut rows = BTreeMap::new();
    for sale in sales {
        *rows.entry(key(sale)).or_insert_with(Money::default) += sale.amount;
    }
    Sums { by, rows }
}

pub(crate) fn shares() {
    let text = input("1:north:500 1:south:-700 2:north:200"); //= "1:north:500 1:south:-700 2:north:200"
    let sales: Vec<Sale> = text.split(' ').filter_map(sale).collect(); //= [Sale { week: 1, region: "north", amount: Money { cents: 500 } }, Sale { week: 1, region: "south", amount: Money { cents: -700 } }, Sale { week: 2, region: "north", amount: Money { cents: 200 } }]
    let weeks = sums_by(&sales, "week", |sale| sale.week); //= Sums { by: "week", rows: {1: Money { cents: -200 }, 2: Money { cents: 200 }} }
    let regions = sums_by(&sales, "region", |sale| sale.region); //= Sums { by: "region", rows: {"north": Money { cents: 700 }, "south": Money { cents: -700 }} }
    let north = regions.share("north"); //@ shares
    println!("{north} {weeks:?} {}", regions.by);
}

#[derive(Debug)]
struct Page<T> {
    number: usize,
    rows: Vec<T>,
    of: usize,
}

fn page<T: Clone + Debug>(
    all: &[T], //= [Rating { stars: 5, words: Some("great") }, Rating { stars: 1, words: None }, Rating { stars: 4, words: Some("ok") }]
    size: usize, //= 2
    number: usize, //= 3
) -> Page<T> {
    let of = all.len().div_ceil(size); //= 2
    let start = (number - 1) * size; //= 4
    let rows = all[start..].iter().take(size).cloned().collect(); //@ rating_page: range start index 4 out of range for slice of length 3
    Page { number, rows, of }
}

#[derive(Clone, Debug)]
struct Rating {
    stars: u8,
    words: Option<String>,
}

pub(crate) fn rating_page() {
    let asked = input("page=3"); //= "page=3"
    let ratings = [(5, "great"), (1, ""), (4, "ok")].map(|(stars, words)| Rating {
        stars,
        words: (!words.is_empty()).then(|| words.to_owned()),
    }); //= ratings => [Rating { stars: 5, words: Some("great") }, Rating { stars: 1, words: None }, Rating { stars: 4, words: Some("ok") }]
    let shown = rating_list(&ratings, &asked); //@ rating_page
    println!("{shown} {}", ratings.len());
}

fn rating_list(
    ratings: &[Rating], //= [Rating { stars: 5, words: Some("great") }, Rating { stars: 1, words: None }, Rating { stars: 4, words: Some("ok") }]
    asked: &str,        //= "page=3"
) -> String {
    let average = ratings
        .iter()
        .map(|rating| f64::from(rating.stars))
        .sum::<f64>()
        / 3.0;
    let number = asked.rsplit('=').next().and_then(|n| n.parse().ok()); //= Some(3)
    let page = page(ratings, 2, number.unwrap_or(1)); //@ rating_page
    let words = page
        .rows
        .iter()
        .filter_map(|rating| rating.words.as_deref());
    let list: Vec<_> = words.collect();
    format!("{}/{} {average} {list:?}", page.number, page.of)
}

/// The steepest rise between two neighbours.
fn steepest<T>(values: &[T], //= [3, 9, 4]
) -> Option<T>
where
    T: Copy + PartialOrd + std::ops::Sub<Output = T> + Debug + TryInto<u32>,
{
    let mut best = None; //= Some(6)
    for pair in values.windows(2) {
        //= pair => [9, 4]
        let [before, after] = [pair[0], pair[1]]; //= before => 9 ;; after => 4
        let rise = after - before; //= -5
        let plain = unsigned(rise); //@ steepest
        if best.is_none_or(|best| rise > best) && plain > 0 {
            best = Some(rise);
        }
    }
    best
}

fn unsigned<T: Copy + Debug + TryInto<u32>>(rise: T, //= -5
) -> u32 {
    let Ok(plain) = rise.try_into() else {
        panic!("fell by {rise:?}"); //@ steepest: fell by -5
    };
    plain
}

pub(crate) fn weekly_rise() {
    let values: Vec<i32> = input("3,9,4").split(',').flat_map(str::parse).collect(); //= [3, 9, 4]
    let title = format!("{} weeks", values.len()); //= "3 weeks"
    let rise = steepest(&values); //@ steepest
    println!("{title}: {rise:?}");
}

#[derive(Debug)]
enum Cell {
    Number(i64),
    Text(String),
    Formula { op: char, of: [usize; 2] },
}

struct Sheet {
    cells: Vec<Cell>,
}

impl Sheet {
    fn value(
        &self,
        at: usize, //= 1 | 3 | 4
    ) -> i64 {
        let cell = &self.cells[at]; //= Text("n/a") | Formula { op: '*', of: [0, 1] } | Formula { op: '+', of: [2, 3] }
        match cell {
            Cell::Number(number) => *number,
            Cell::Text(text) => {
                //= text => "n/a" | - | -
                text.parse().expect("only numbers are referred to") //@ sheet: only numbers are referred to: ParseIntError { kind: InvalidDigit }
            }
            Cell::Formula { op, of } => {
                //= op => - | '*' | '+' ;; of => - | [0, 1] | [2, 3]
                let mut sides = [0; 2]; //=! - | [6, 0] | [2, 0]
                for (side, from) in sides.iter_mut().zip(of) {
                    //= side => - | 0 | 0 ;; from => - | 1 | 3
                    *side = self.value(*from); //@ sheet
                }
                if *op == '*' {
                    sides[0] * sides[1]
                } else {
                    sides[0] + sides[1]
                }
            }
        }
    }
}

pub(crate) fn sheet() {
    let note = input("n/a"); //= "n/a"
    let first = note.len() as i64 * 2; //= 6
    let cells = vec![
        Cell::Number(first),
        Cell::Text(note.clone()),
        Cell::Number(2),
        Cell::Formula {
            op: '*',
            of: [0, 1],
        },
        Cell::Formula {
            op: '+',
            of: [2, 3],
        },
    ];
    let sheet = Sheet { cells };
    let value = sheet.value(4); //@ sheet
    println!("{note}: {value}");
}

fn retry<T, E: Debug>(
    times: u32, //= 3
    mut attempt: impl FnMut(u32) -> Result<T, E>,
) -> T {
    let mut failed = Vec::new(); //= ["busy 1", "busy 2"]
    for n in 1..=times {
        //= n => 3
        match attempt(n) {
            //@^ attempts
            Ok(done) => return done,
            Err(error) => failed.push(format!("{error:?} {n}").replace('"', "")),
        }
    }
    panic!("{failed:?}");
}

pub(crate) fn attempts() {
    let stock: Vec<i8> = input("5 -3").split(' ').flat_map(str::parse).collect(); //= [5, -3]
    let mut asked = 0u64; //=! 3
    let left = retry(3, |n| {
        //@^ attempts
        //= n => 3 ;; asked => 3 ;; stock => [5, -3]
        asked += 1;
        if n < 3 {
            return Err("busy");
        }
        let low = stock.iter().copied().min(); //= Some(-3)
        Ok(positive(low, asked)) //@ attempts
    });
    println!("{left} {asked}");
}

fn positive(
    low: Option<i8>, //= Some(-3)
    asked: u64,      //= 3
) -> u8 {
    let low = low.unwrap_or(0); //= -3
    let positive = u8::try_from(low).unwrap(); //@ attempts: called `Result::unwrap()` on an `Err` value: TryFromIntError(())
    println!("asked {asked} times");
    positive
}
