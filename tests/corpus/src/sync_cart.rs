//! Carts: coupons, shipping, gift wrapping, and what they come to.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::input;

#[derive(Clone, Debug, PartialEq)]
struct Item {
    id: u32,
    name: String,
    cents: u32,
    count: u16,
}

#[derive(Clone, Debug)]
enum Coupon {
    Percent(u8),
    Cents { off: u32, from: u32 },
    FreeShipping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Country {
    De,
    At,
    Ch,
}

#[derive(Debug)]
struct Cart {
    customer: String,
    items: Vec<Item>,
    coupon: Option<Coupon>,
}

impl Country {
    fn of(code: &str) -> Option<Self> {
        match code {
            "de" => Some(Self::De),
            "at" => Some(Self::At),
            "ch" => Some(Self::Ch),
            _ => None,
        }
    }
}

fn item(line: &str) -> Option<Item> {
    let mut parts = line.split(';');
    Some(Item {
        id: parts.next()?.parse().ok()?,
        name: parts.next()?.to_owned(),
        cents: parts.next()?.parse().ok()?,
        count: parts.next()?.parse().ok()?,
    })
}

fn read_cart(customer: &str, lines: &str, coupon: Option<Coupon>) -> Cart {
    Cart {
        customer: customer.to_owned(),
        items: lines.lines().filter_map(item).collect(),
        coupon,
    }
}

pub(crate) fn coupon() {
    let lines = input("7;mug;1290;2\n9;pot;3450;1"); //= "7;mug;1290;2\n9;pot;3450;1"
    let code = input("at"); //= "at"
    let worth = input("9000").parse().ok(); //= Some(9000)
    let coupon = worth.map(|off| Coupon::Cents { off, from: 5000 });
    let cart = read_cart("Uma Berg", &lines, coupon); //= Cart { customer: "Uma Berg", items: [Item { id: 7, name: "mug", cents: 1290, count: 2 }, Item { id: 9, name: "pot", cents: 3450, count: 1 }], coupon: Some(Cents { off: 9000, from: 5000 }) }
    let country = Country::of(&code).unwrap_or(Country::De); //= At
    let cents = checkout(&cart, country); //@ coupon
    println!("{} pays {cents}", cart.customer);
}

fn checkout(
    cart: &Cart, //= Cart { customer: "Uma Berg", items: [Item { id: 7, name: "mug", cents: 1290, count: 2 }, Item { id: 9, name: "pot", cents: 3450, count: 1 }], coupon: Some(Cents { off: 9000, from: 5000 }) }
    country: Country, //= At
) -> u32 {
    let shipping = shipping_cents(country, cart.items.len()); //= 690
    let mut net = 0; //= 6030
    for item in &cart.items {
        net += item.cents * u32::from(item.count);
    }
    let coupon = cart.coupon.as_ref(); //= Some(Cents { off: 9000, from: 5000 })
    let after = apply(net, coupon); //@ coupon
    let free = matches!(coupon, Some(Coupon::FreeShipping));
    if free { after } else { after + shipping }
}

fn shipping_cents(country: Country, parcels: usize) -> u32 {
    let base = match country {
        Country::De => 490,
        Country::At => 590,
        Country::Ch => 1490,
    };
    base + 50 * parcels as u32
}

fn apply(
    net: u32,                //= 6030
    coupon: Option<&Coupon>, //= Some(Cents { off: 9000, from: 5000 })
) -> u32 {
    let Some(coupon) = coupon else {
        return net;
    }; //= coupon => Cents { off: 9000, from: 5000 }
    let off = match coupon {
        Coupon::Percent(percent) => net * u32::from(*percent) / 100,
        Coupon::Cents { off, from } if net >= *from => *off,
        Coupon::Cents { .. } | Coupon::FreeShipping => 0,
    }; //= off => 9000
    left_to_pay(net, off) //@ coupon
}

fn left_to_pay(
    net: u32, //= 6030
    off: u32, //= 9000
) -> u32 {
    net.checked_sub(off)
        .expect("a coupon is worth less than the cart") //@ coupon: a coupon is worth less than the cart
}

trait Wrapping: fmt::Debug {
    fn cents(&self, item: &Item) -> u32;
}

#[derive(Debug)]
struct Paper {
    color: &'static str,
    meters: f64,
}

#[derive(Debug)]
struct Ribbon {
    per_item: [u32; 3],
}

impl Wrapping for Paper {
    fn cents(&self, item: &Item) -> u32 {
        (self.meters * f64::from(item.count) * 100.0) as u32
    }
}

impl Wrapping for Ribbon {
    fn cents(
        &self,       //= Ribbon { per_item: [20, 35, 50] }
        item: &Item, //= Item { id: 4, name: "vase", cents: 2200, count: 4 }
    ) -> u32 {
        let place = usize::from(item.count) - 1; //= 3
        self.per_item[place] //@ wrapping: index out of bounds: the len is 3 but the index is 3
    }
}

pub(crate) fn wrapping() {
    let lines = input("2;book;1800;1\n4;vase;2200;4"); //= "2;book;1800;1\n4;vase;2200;4"
    let color = if lines.len() > 10 { "red" } else { "blue" }; //= "red"
    let offered: Vec<Box<dyn Wrapping>> = vec![
        Box::new(Paper { color, meters: 1.5 }),
        Box::new(Ribbon {
            per_item: [20, 35, 50],
        }),
    ]; //= offered => [Paper { color: "red", meters: 1.5 }, Ribbon { per_item: [20, 35, 50] }]
    let cart = read_cart("guest", &lines, None); //= Cart { customer: "guest", items: [Item { id: 2, name: "book", cents: 1800, count: 1 }, Item { id: 4, name: "vase", cents: 2200, count: 4 }], coupon: None }
    let cheapest = cheapest_wrapping(&cart, &offered); //@ wrapping
    println!("{cheapest:?}");
}

fn cheapest_wrapping(
    cart: &Cart, //= Cart { customer: "guest", items: [Item { id: 2, name: "book", cents: 1800, count: 1 }, Item { id: 4, name: "vase", cents: 2200, count: 4 }], coupon: None }
    offered: &[Box<dyn Wrapping>], //= [Paper { color: "red", meters: 1.5 }, Ribbon { per_item: [20, 35, 50] }]
) -> Option<u32> {
    let mut best = None; //= Some(751)
    for wrapping in offered {
        //= wrapping => Ribbon { per_item: [20, 35, 50] }
        let price = wrap_all(&cart.items, wrapping.as_ref()); //@ wrapping
        if best.is_none_or(|known| price < known) {
            best = Some(price);
        }
    }
    best
}

fn wrap_all(
    items: &[Item], //= [Item { id: 2, name: "book", cents: 1800, count: 1 }, Item { id: 4, name: "vase", cents: 2200, count: 4 }]
    wrapping: &dyn Wrapping, //= Ribbon { per_item: [20, 35, 50] }
) -> u32 {
    let mut sum = 0; //= 20
    for (place, item) in items.iter().enumerate() {
        //= place => 1 ;; item => Item { id: 4, name: "vase", cents: 2200, count: 4 }
        let cents = wrapping.cents(item); //@ wrapping
        sum += cents + place as u32;
    }
    sum
}

/// Prices by country, kept once for all carts.
#[derive(Debug)]
struct Rates {
    percent: BTreeMap<&'static str, u32>,
}

#[derive(Debug)]
struct Till {
    rates: Rc<Rates>,
    drawer: i64,
    log: Vec<(u32, i64)>,
}

pub(crate) fn till() {
    let percent = BTreeMap::from([("books", 7), ("other", 19)]);
    let rates = Rc::new(Rates { percent }); //= Rates { percent: {"books": 7, "other": 19} }
    let mut till = Till {
        rates: Rc::clone(&rates),
        drawer: input("20000").parse().unwrap_or_default(),
        log: Vec::new(),
    }; //= till => Till { rates: Rates { percent: {"books": 7, "other": 19} }, drawer: 21498, log: [(1, 1498)] }
    let sales = [(1, "books", 1400), (2, "toys", 999)]; //= [(1, "books", 1400), (2, "toys", 999)]
    for (receipt, kind, net) in sales {
        //= receipt => 2 ;; kind => "toys" ;; net => 999
        till.sell(receipt, kind, net); //@ till
    }
    println!("{till:?} {rates:?}");
}

impl Till {
    fn sell(
        &mut self, //= Till { rates: Rates { percent: {"books": 7, "other": 19} }, drawer: 21498, log: [(1, 1498)] }
        receipt: u32, //= 2
        kind: &str, //= "toys"
        net: i64,  //= 999
    ) {
        let gross = gross(&self.rates, kind, net); //@ till
        self.drawer += gross;
        self.log.push((receipt, gross));
    }
}

fn gross(
    rates: &Rc<Rates>, //= Rates { percent: {"books": 7, "other": 19} }
    kind: &str,        //= "toys"
    net: i64,          //= 999
) -> i64 {
    let rate = rates.percent.get(kind).copied(); //= None
    let vat = net * i64::from(rate.unwrap()) / 100; //@ till: called `Option::unwrap()` on a `None` value
    net + vat
}

pub(crate) fn splitting() {
    let line = input("99;sofa;89900;1"); //= "99;sofa;89900;1"
    let friends = input("0").parse::<u32>().unwrap_or(1); //= 0
    let sofa = item(&line); //= Some(Item { id: 99, name: "sofa", cents: 89900, count: 1 })
    if let Some(sofa) = &sofa {
        //= sofa => Item { id: 99, name: "sofa", cents: 89900, count: 1 }
        let shares = split(sofa.cents, friends); //@ splitting
        println!("{shares:?}");
    }
}

fn split(
    cents: u32,   //= 89900
    friends: u32, //= 0
) -> Vec<u32> {
    let share = cents / friends; //@ splitting: attempt to divide by zero
    let rest = cents % friends;
    (0..friends).map(|n| share + u32::from(n < rest)).collect()
}
