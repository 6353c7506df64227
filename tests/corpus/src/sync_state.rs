//! Things that change: orders, categories as a tree, a cache, a price list under a lock, loyalty points.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::input;

#[derive(Clone, Debug, PartialEq)]
enum State {
    Open,
    Paid { cents: u32, by: Method },
    Shipped(String),
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Invoice,
    Wallet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Pay(u32),
    Ship,
    Close,
}

#[derive(Debug)]
struct Order {
    number: u64,
    state: State,
    history: Vec<Event>,
}

fn event(word: &str) -> Event {
    match word.split_once('=') {
        Some(("pay", cents)) => Event::Pay(cents.parse().unwrap_or(0)),
        _ if word == "ship" => Event::Ship,
        _ => Event::Close,
    }
}

pub(crate) fn order_events() {
    let script = input("pay=1290 ship ship close"); //= "pay=1290 ship ship close"
    let mut order = Order {
        number: 4711,
        state: State::Open,
        history: Vec::new(),
    }; //=! order => Order { number: 4711, state: Shipped("P-4711"), history: [Pay(1290), Ship] }
    let events: Vec<Event> = script.split(' ').map(event).collect(); //= [Pay(1290), Ship, Ship, Close]
    let end = replay(&mut order, &events); //@ order_events
    println!("{end:?} {script}");
}

fn replay(
    order: &mut Order, //= Order { number: 4711, state: Shipped("P-4711"), history: [Pay(1290), Ship] }
    events: &[Event],  //= [Pay(1290), Ship, Ship, Close]
) -> State {
    let mut done = 0u32; //= 2
    for &event in events {
        //= event => Ship
        let next = next_state(&order.state, event, order.number); //@ order_events
        order.state = next;
        order.history.push(event);
        done += 1;
    }
    println!("{done} events");
    order.state.clone()
}

fn next_state(
    state: &State, //= Shipped("P-4711")
    event: Event,  //= Ship
    number: u64,   //= 4711
) -> State {
    let parcel = format!("P-{number}"); //= "P-4711"
    match (state, event) {
        (State::Open, Event::Pay(cents)) => {
            let by = if cents > 1000 {
                Method::Wallet
            } else {
                Method::Invoice
            };
            State::Paid { cents, by }
        }
        (State::Paid { .. }, Event::Ship) => State::Shipped(parcel),
        (State::Shipped(_), Event::Close) => State::Closed,
        (state, event) => {
            //= state => Shipped("P-4711") ;; event => Ship
            panic!("{event:?} is impossible in {state:?}") //@ order_events: Ship is impossible in Shipped("P-4711")
        }
    }
}

struct Category {
    name: &'static str,
    parent: RefCell<Weak<Category>>,
    children: RefCell<Vec<Rc<Category>>>,
    articles: Cell<u32>,
}

fn category(name: &'static str, articles: u32, children: Vec<Rc<Category>>) -> Rc<Category> {
    let new = Rc::new(Category {
        name,
        parent: RefCell::default(),
        children: RefCell::new(children),
        articles: Cell::new(articles),
    });
    for child in new.children.borrow().iter() {
        *child.parent.borrow_mut() = Rc::downgrade(&new);
    }
    new
}

pub(crate) fn category_move() {
    let shift = input("4").parse::<u32>().unwrap_or(0); //= 4
    let cups = category("cups", 12, Vec::new());
    let tea = category(
        "tea",
        30 + shift,
        vec![category("green", 8, Vec::new()), cups],
    );
    let moved = move_all(&tea, "cups"); //@ category_move
    println!("{moved}");
}

fn move_all(from: &Rc<Category>, name: &str) -> u32 {
    let mut moved = 0; //= 8
    let before = from.articles.get(); //= 34
    let children = from.children.borrow();
    for child in children.iter() {
        let articles = child.articles.take(); //= 12
        let parent = child.parent.borrow().upgrade();
        let has_parent = parent.is_some(); //= true
        if child.name == name {
            from.articles.set(before + articles);
            drop_child(from, name, has_parent); //@ category_move
        }
        moved += articles;
    }
    moved
}

fn drop_child(
    from: &Category,
    name: &str,       //= "cups"
    has_parent: bool, //= true
) {
    let now = from.articles.get(); //= 46
    let mut children = from.children.borrow_mut(); //@ category_move: already borrowed
    children.retain(|child| child.name != name || !has_parent);
    println!("{} of {now}", children.len());
}

#[derive(Debug)]
struct Node {
    name: String,
    weight: i64,
    parts: Vec<Node>,
}

fn part(name: &str, weight: i64, parts: Vec<Node>) -> Node {
    Node {
        name: name.to_owned(),
        weight,
        parts,
    }
}

pub(crate) fn weigh_set() {
    let limit = input("3").parse().unwrap_or(9); //= 3
    let spoon = part("spoon", 40, Vec::new());
    let inner = part(
        "box",
        100,
        vec![part("cup", 300, Vec::new()), part("bad", -1, vec![spoon])],
    );
    let set = part("set", 50, vec![inner]); //= Node { name: "set", weight: 50, parts: [Node { name: "box", weight: 100, parts: [Node { name: "cup", weight: 300, parts: [] }, Node { name: "bad", weight: -1, parts: [Node { name: "spoon", weight: 40, parts: [] }] }] }] }
    let grams = weigh(&set, limit); //@ weigh_set
    println!("{grams}");
}

fn weigh(
    node: &Node, //= Node { name: "bad", weight: -1, parts: [Node { name: "spoon", weight: 40, parts: [] }] } | Node { name: "box", weight: 100, parts: [Node { name: "cup", weight: 300, parts: [] }, Node { name: "bad", weight: -1, parts: [Node { name: "spoon", weight: 40, parts: [] }] }] } | Node { name: "set", weight: 50, parts: [Node { name: "box", weight: 100, parts: [Node { name: "cup", weight: 300, parts: [] }, Node { name: "bad", weight: -1, parts: [Node { name: "spoon", weight: 40, parts: [] }] }] }] }
    deeper: u8,  //= 1 | 2 | 3
) -> i64 {
    if node.weight < 0 {
        panic!("{} weighs {} g", node.name, node.weight); //@ weigh_set: bad weighs -1 g
    }
    let mut sum = node.weight; //= - | 400 | 50
    if deeper > 0 {
        for (place, part) in node.parts.iter().enumerate() {
            //= place => - | 1 | 0
            sum += weigh(part, deeper - 1); //@ weigh_set
            println!("{place}: {sum}");
        }
    }
    sum
}

#[derive(Debug, Default)]
struct Cache {
    rows: BTreeMap<u32, Rc<str>>,
    hits: u64,
    order: Vec<u32>,
}

impl Cache {
    const ROOM: usize = 2;

    fn get(
        &mut self, //= Cache { rows: {1: "one", 2: "two"}, hits: 1, order: [1, 2] }
        id: u32,   //= 7
    ) -> Rc<str> {
        if let Some(row) = self.rows.get(&id) {
            self.hits += 1;
            return Rc::clone(row);
        }
        let is_full = self.rows.len() >= Self::ROOM; //= true
        let row = load(id, is_full); //@ cache_miss
        if is_full {
            let oldest = self.order.remove(0);
            self.rows.remove(&oldest);
        }
        self.order.push(id);
        self.rows.insert(id, Rc::clone(&row));
        row
    }
}

fn load(
    id: u32,       //= 7
    is_full: bool, //= true
) -> Rc<str> {
    let table = [(1, "one"), (2, "two"), (5, "five")]; //= [(1, "one"), (2, "two"), (5, "five")]
    let row = table.iter().position(|(known, _)| *known == id); //= None
    let (_, text) = table[row.ok_or((id, is_full)).unwrap()]; //@ cache_miss: called `Result::unwrap()` on an `Err` value: (7, true)
    Rc::from(text)
}

pub(crate) fn cache_miss() {
    let mut cache = Cache::default(); //= Cache { rows: {1: "one", 2: "two"}, hits: 1, order: [1, 2] }
    let wanted: Vec<u32> = input("1 2 1 7").split(' ').flat_map(str::parse).collect(); //= [1, 2, 1, 7]
    let mut length = 0; //= 9
    for id in &wanted {
        //= id => 7
        length += cache.get(*id).len(); //@ cache_miss
    }
    println!("{length} {}", cache.hits);
}

struct Prices {
    by_article: Mutex<BTreeMap<u32, u32>>,
    changes: AtomicU32,
}

pub(crate) fn raise() {
    let prices = Arc::new(Prices {
        by_article: Mutex::new(BTreeMap::from([(1, 100), (2, 4_000_000_000)])),
        changes: AtomicU32::new(0),
    });
    let percent = input("10").parse::<u32>().unwrap_or(0); //= 10
    let raised = raise_all(&prices, percent); //@ raise
    println!("{raised}");
}

fn raise_all(
    prices: &Prices,
    percent: u32, //= 10
) -> usize {
    let mut locked = prices
        .by_article
        .lock()
        .unwrap_or_else(|broken| broken.into_inner());
    let known = locked.len(); //= 2
    locked.iter_mut().for_each(|(article, price)| {
        //@^ raise
        //= article => 2 ;; price => 4000000000 ;; percent => 10
        let count = prices.changes.fetch_add(1, Ordering::Relaxed); //= 1
        *price = raised(*price, percent, count); //@ raise
        println!("{article}: {price}");
    });
    known
}

fn raised(
    price: u32,   //= 4000000000
    percent: u32, //= 10
    count: u32,   //= 1
) -> u32 {
    let more = price / 100 * percent; //= 400000000
    let new = price.checked_add(more); //= None
    assert_ne!(new, None, "change {count}"); //@ raise: assertion `left != right` failed: change 1
    new.unwrap_or(price)
}
