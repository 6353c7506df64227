//! The warehouse: shelves, counts, picking lists, suppliers.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::input;

#[derive(Clone, Debug, PartialEq)]
struct Shelf {
    row: char,
    number: u8,
    articles: Vec<(u32, i32)>,
}

#[derive(Debug)]
struct Warehouse {
    shelves: Vec<Shelf>,
    reserved: BTreeMap<u32, i32>,
}

#[derive(Debug)]
enum Shortage {
    Unknown(u32),
    Short {
        article: u32,
        wanted: i32,
        there: i32,
    },
}

fn shelf(line: &str) -> Shelf {
    let (place, articles) = line.split_once(' ').unwrap_or((line, ""));
    let number = place.get(1..).and_then(|n| n.parse().ok());
    Shelf {
        row: place.chars().next().unwrap_or('?'),
        number: number.unwrap_or(0),
        articles: pairs(articles),
    }
}

fn pairs(text: &str) -> Vec<(u32, i32)> {
    text.split(',')
        .filter_map(|pair| pair.split_once('x'))
        .filter_map(|(id, count)| Some((id.parse().ok()?, count.parse().ok()?)))
        .collect()
}

pub(crate) fn picking() {
    let plan = input("A1 7x3,9x1\nB4 12x40"); //= "A1 7x3,9x1\nB4 12x40"
    let order = pairs(&input("9x1,12x8,7x5")); //= [(9, 1), (12, 8), (7, 5)]
    let warehouse = Warehouse {
        shelves: plan.lines().map(shelf).collect(),
        reserved: BTreeMap::from([(12, 30)]),
    }; //= warehouse => Warehouse { shelves: [Shelf { row: 'A', number: 1, articles: [(7, 3), (9, 1)] }, Shelf { row: 'B', number: 4, articles: [(12, 40)] }], reserved: {12: 30} }
    let picked = warehouse.pick(&order); //@ picking
    println!("{picked:?}");
}

impl Warehouse {
    fn pick(
        &self, //= Warehouse { shelves: [Shelf { row: 'A', number: 1, articles: [(7, 3), (9, 1)] }, Shelf { row: 'B', number: 4, articles: [(12, 40)] }], reserved: {12: 30} }
        order: &[(u32, i32)], //= [(9, 1), (12, 8), (7, 5)]
    ) -> Vec<(char, u8, i32)> {
        let mut way = Vec::new(); //= [('A', 1, 1), ('B', 4, 8)]
        let mut left: i32 = order.iter().map(|(_, count)| count).sum(); //= 5
        for &(article, count) in order {
            //= article => 7 ;; count => 5
            let shelf = self.shelf_with(article, count).unwrap(); //@ picking: called `Result::unwrap()` on an `Err` value: Short { article: 7, wanted: 5, there: 3 }
            way.push((shelf.row, shelf.number, count));
            left -= count;
        }
        assert_eq!(left, 0);
        way
    }

    fn shelf_with(&self, article: u32, wanted: i32) -> Result<&Shelf, Shortage> {
        let mut found = Err(Shortage::Unknown(article));
        for shelf in &self.shelves {
            let Some((_, there)) = shelf.articles.iter().find(|(id, _)| *id == article) else {
                continue;
            };
            let there = there - self.reserved.get(&article).copied().unwrap_or(0);
            if there >= wanted {
                return Ok(shelf);
            }
            found = Err(Shortage::Short {
                article,
                wanted,
                there,
            });
        }
        found
    }
}

#[derive(Clone, Debug)]
struct Offer {
    supplier: String,
    price: f64,
    days: u16,
}

fn offers(text: &str) -> Vec<Offer> {
    let offer = |line: &str| {
        let mut parts = line.split('/');
        Some(Offer {
            supplier: parts.next()?.to_owned(),
            price: parts.next()?.parse().ok()?,
            days: parts.next()?.parse().ok()?,
        })
    };
    text.split('\n').filter_map(offer).collect()
}

pub(crate) fn cheapest_offer() {
    let text = input("north/4.5/3\nsouth/NaN/1\neast/3.25/9"); //= "north/4.5/3\nsouth/NaN/1\neast/3.25/9"
    let patience = input("7").parse::<u16>().unwrap_or(1); //= 7
    let offers = offers(&text); //= [Offer { supplier: "north", price: 4.5, days: 3 }, Offer { supplier: "south", price: NaN, days: 1 }, Offer { supplier: "east", price: 3.25, days: 9 }]
    let best = rank(&offers, patience); //@ cheapest_offer
    println!("{best:?}");
}

fn rank(
    offers: &[Offer], //= [Offer { supplier: "north", price: 4.5, days: 3 }, Offer { supplier: "south", price: NaN, days: 1 }, Offer { supplier: "east", price: 3.25, days: 9 }]
    patience: u16,    //= 7
) -> Option<Offer> {
    let worst = offers.iter().map(|offer| offer.days).max()?; //= 9
    let mut in_time = offers.to_vec(); //=! [Offer { supplier: "north", price: 4.5, days: 3 }, Offer { supplier: "south", price: NaN, days: 1 }]
    in_time.retain(|offer| offer.days <= patience);
    in_time.sort_by(|one, other| {
        //@^ cheapest_offer
        //= one => Offer { supplier: "south", price: NaN, days: 1 } ;; other => Offer { supplier: "north", price: 4.5, days: 3 }
        compare(one.price, other.price) //@ cheapest_offer
    });
    println!("the slowest takes {worst} days");
    in_time.into_iter().next()
}

fn compare(
    one: f64,   //= NaN
    other: f64, //= 4.5
) -> Ordering {
    let order = one.partial_cmp(&other); //= None
    order.expect("prices are numbers") //@ cheapest_offer: prices are numbers
}

pub(crate) fn restocking() {
    let sold = pairs(&input("3x10,5x2,8x7")); //= [(3, 10), (5, 2), (8, 7)]
    let mut queue: VecDeque<u32> = sold.iter().map(|(id, _)| *id).collect(); //= [8]
    let counts: HashMap<u32, i32> = sold.iter().copied().collect(); //= {3: 10, 5: 2, 8: 7}
    let mut done = BTreeSet::new(); //= {3, 5}
    while let Some(article) = queue.pop_front() {
        //= article => 5
        done.insert(article);
        queue.truncate(2);
        let refill = refill(article, &counts, done.len()); //@ restocking
        queue.extend(refill);
    }
    println!("{done:?} {sold:?}");
}

fn refill(
    article: u32,               //= 5
    counts: &HashMap<u32, i32>, //= {3: 10, 5: 2, 8: 7}
    round: usize,               //= 2
) -> Option<u32> {
    let pack = 4; //= 4
    let sold = counts[&article]; //= 2
    let packs = sold / pack; //= 0
    let label = label(article, packs, round); //@ restocking
    println!("{label}");
    None
}

fn label(
    article: u32, //= 5
    packs: i32,   //= 0
    round: usize, //= 2
) -> String {
    assert!(packs > 0, "nothing to order of {article} in round {round}"); //@ restocking: nothing to order of 5 in round 2
    format!("{packs} of {article}")
}

pub(crate) fn lookup() {
    let ids: Vec<u32> = [3, 9, 27, 81, 243]
        .map(|id| id + input("").len() as u32)
        .to_vec(); //= [3, 9, 27, 81, 243]
    let names = ["cup", "jar", "pan", "lid"]; //= ["cup", "jar", "pan", "lid"]
    let wanted = input("243").parse().unwrap_or(0); //= 243
    let name = name_of(wanted, &ids, &names); //@ lookup
    println!("{name}");
}

fn name_of<'a>(
    wanted: u32,       //= 243
    ids: &[u32],       //= [3, 9, 27, 81, 243]
    names: &[&'a str], //= ["cup", "jar", "pan", "lid"]
) -> &'a str {
    let mut low = 0; //= 3
    let mut high = ids.len(); //= 5
    let mut steps = 0u8; //= 1
    loop {
        let middle = low + (high - low) / 2; //= 4
        match ids[middle].cmp(&wanted) {
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
            Ordering::Equal => {
                return names[middle]; //@ lookup: index out of bounds: the len is 4 but the index is 4
            }
        }
        steps += 1;
        if low >= high {
            println!("not found in {steps} steps");
            return "";
        }
    }
}

pub(crate) fn duplicates() {
    let codes = input("ax by ax cz"); //= "ax by ax cz"
    let strict = !codes.is_empty(); //= true
    let unique = unique_codes(&codes, strict); //@ duplicates
    println!("{}", unique.len());
}

fn unique_codes(
    codes: &str,  //= "ax by ax cz"
    strict: bool, //= true
) -> HashSet<&str> {
    let mut seen = HashSet::new(); //= {"ax", "by"}
    let mut bytes = 0usize; //= 6
    for (place, code) in codes.split(' ').enumerate() {
        //= place => 2 ;; code => "ax"
        bytes += code.len();
        let is_new = seen.insert(code); //= false
        if strict && !is_new {
            panic!("{code} is there twice, again at {place}"); //@ duplicates: ax is there twice, again at 2
        }
    }
    println!("{bytes}");
    seen
}
