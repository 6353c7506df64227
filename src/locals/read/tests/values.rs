//! Values of this program, read back: what is expected stands in the source.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::ffi::{CString, OsString};
use std::mem::ManuallyDrop;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, RwLock};
use std::time::{Duration, SystemTime};

use crate::locals::sample::read;
use crate::stack::{Missing, Value};

fn shown<T>(value: &T) -> String {
    read(value).to_string()
}

#[expect(dead_code, reason = "the fields are read from memory")]
#[derive(Clone, Debug)]
struct Item {
    id: u32,
    name: String,
}

#[expect(dead_code, reason = "the fields are read from memory")]
#[derive(Clone, Debug)]
struct Cart {
    items: Vec<Item>,
    cents: i64,
    note: Option<&'static str>,
}

struct Meters(f64);
struct Nothing;

#[expect(dead_code, reason = "the fields are read from memory")]
enum Payment {
    Cash,
    Voucher { last4: u16, holder: String },
    Transfer(u64, bool),
}

#[derive(Clone, Copy)]
enum Level {
    Low = -1,
    High = 300,
}

trait Shape {
    fn area(&self) -> f64;
}

impl Shape for Meters {
    fn area(&self) -> f64 {
        self.0
    }
}

impl Shape for Item {
    fn area(&self) -> f64 {
        f64::from(self.id)
    }
}

fn item(id: u32) -> Item {
    Item {
        id,
        name: format!("item {id}"),
    }
}

#[test]
fn numbers_and_the_like() {
    assert_eq!(shown(&7_u8), "7");
    assert_eq!(shown(&-7_i8), "-7");
    assert_eq!(shown(&-300_i16), "-300");
    assert_eq!(shown(&u32::MAX), "4294967295");
    assert_eq!(shown(&i64::MIN), i64::MIN.to_string());
    assert_eq!(shown(&-1_isize), "-1");
    assert_eq!(shown(&i128::MIN), i128::MIN.to_string());
    assert_eq!(shown(&u128::from(u64::MAX)), "18446744073709551615");
    assert_eq!(shown(&1.5_f32), "1.5");
    assert_eq!(shown(&-0.0_f64), "-0.0");
    assert_eq!(shown(&f64::NAN), "NaN");
    assert_eq!(shown(&true), "true");
    assert_eq!(shown(&'ß'), "'ß'");
    assert_eq!(shown(&'\n'), r"'\n'");
    assert_eq!(shown(&()), "()");
    assert_eq!(shown(&std::ptr::null::<u32>()), "0x0");
    let function: fn() = numbers_and_the_like;
    assert_eq!(shown(&function), format!("{:#x}", function as usize));
    assert_eq!(shown(&NonZeroU32::MIN), "1");
    assert_eq!(shown(&Some(NonZeroU32::MIN)), "Some(1)");
    assert_eq!(shown(&None::<NonZeroU32>), "None");
}

#[test]
fn text() {
    assert_eq!(shown(&"grüße"), r#""grüße""#);
    assert_eq!(shown(&String::new()), r#""""#);
    assert_eq!(shown(&"a\"b".to_owned()), r#""a\"b""#);
    assert_eq!(shown(&Box::<str>::from("boxed")), r#""boxed""#);
    assert_eq!(shown(&Rc::<str>::from("counted")), r#""counted""#);
    assert_eq!(shown(&Arc::<str>::from("atomic")), r#""atomic""#);
    assert_eq!(shown(&PathBuf::from("/srv/shop")), r#""/srv/shop""#);
    assert_eq!(shown(&Path::new("/srv/shop")), r#""/srv/shop""#);
    assert_eq!(shown(&OsString::from("os")), r#""os""#);
    assert_eq!(shown(&CString::new("c").unwrap()), r#""c""#);
    assert_eq!(shown(&c"cstr"), r#""cstr""#);
    assert_eq!(shown(&Cow::Borrowed("lent")), r#""lent""#);
    assert_eq!(shown(&Cow::<'_, str>::Owned("own".to_owned())), r#""own""#);
    let long = "ä".repeat(500);
    let expected = Value::Text {
        text: "ä".repeat(40),
        length: 1000,
    };
    assert_eq!(read(&long), expected);
}

#[test]
fn lists() {
    assert_eq!(shown(&vec![1, 2, 3]), "[1, 2, 3]");
    assert_eq!(shown(&Vec::<String>::new()), "[]");
    assert_eq!(shown(&vec![(), ()]), "[(), ()]");
    assert_eq!(shown(&[1_u16, 2]), "[1, 2]");
    assert_eq!(shown(&&[1_u16, 2][..]), "[1, 2]");
    assert_eq!(shown(&vec![7; 20]), "[7, 7, 7, 7, 7, 7, 7, 7, … 12 more]");
    assert_eq!(shown(&vec!["a", "b"].into_boxed_slice()), r#"["a", "b"]"#);
    assert_eq!(shown(&Arc::<[u16]>::from([4, 5])), "[4, 5]");
    assert_eq!(shown(&Rc::<[String]>::from(["x".to_owned()])), r#"["x"]"#);
    let mut ring = VecDeque::with_capacity(4);
    ring.extend([1, 2, 3, 4]);
    ring.pop_front();
    ring.pop_front();
    ring.extend([5, 6]);
    assert_eq!(shown(&ring), "[3, 4, 5, 6]");
    assert_eq!(shown(&BinaryHeap::from([9])), "[9]");
    assert_eq!(
        shown(&vec![Some(item(1)), None]),
        r#"[Some(Item { id: 1, name: "item 1" }), None]"#
    );
}

#[test]
fn bytes_are_counted() {
    for value in [
        read(&b"secret".to_vec()),
        read(b"secret"),
        read(&&b"secret"[..]),
        read(&Box::<[u8]>::from(*b"secret")),
        read(&VecDeque::from(*b"secret")),
        read(&bytes::Bytes::from_static(b"secret")),
        read(&bytes::BytesMut::from(&b"secret"[..])),
        read(&http::HeaderValue::from_static("secret")),
    ] {
        assert_eq!(value, Value::Bytes { length: 6 });
    }
}

#[test]
fn structs_and_tuples() {
    let cart = Cart {
        items: vec![item(7)],
        cents: 129,
        note: None,
    };
    let expected = r#"Cart { items: [Item { id: 7, name: "item 7" }], cents: 129, note: None }"#;
    assert_eq!(shown(&cart), expected);
    assert_eq!(shown(&&cart), expected);
    assert_eq!(shown(&Box::new(cart)), expected);
    assert_eq!(shown(&Meters(1.5)), "Meters(1.5)");
    assert_eq!(shown(&Nothing), "Nothing");
    assert_eq!(shown(&(1, "a")), r#"(1, "a")"#);
    assert_eq!(shown(&(item(1),)), r#"(Item { id: 1, name: "item 1" },)"#);
    let (count, label) = (3, "x".to_owned());
    let closure = || (count, &label);
    assert_eq!(shown(&closure), r#"closure { count: 3, label: "x" }"#);
    closure();
}

#[test]
fn enums() {
    let card = Payment::Voucher {
        last4: 4242,
        holder: "Uma Berg".to_owned(),
    };
    assert_eq!(
        shown(&card),
        r#"Voucher { last4: 4242, holder: "Uma Berg" }"#
    );
    assert_eq!(shown(&Payment::Cash), "Cash");
    assert_eq!(shown(&Payment::Transfer(5, true)), "Transfer(5, true)");
    assert_eq!(shown(&Some(Payment::Cash)), "Some(Cash)");
    assert_eq!(shown(&None::<Payment>), "None");
    assert_eq!(shown(&Level::Low), "Low");
    assert_eq!(shown(&Level::High), "High");
    assert_eq!(shown(&Some(Level::Low)), "Some(Low)");
    assert_eq!(shown(&None::<Level>), "None");
    assert_eq!(shown(&Some(Some(false))), "Some(Some(false))");
    assert_eq!(shown(&Some(None::<bool>)), "Some(None)");
    assert_eq!(shown(&None::<Option<bool>>), "None");
    assert_eq!(shown(&Ok::<u32, String>(1)), "Ok(1)");
    assert_eq!(shown(&Err::<u32, String>("no".to_owned())), r#"Err("no")"#);
    let never = Err::<std::convert::Infallible, _>("no".to_owned());
    assert_eq!(shown(&never), r#"Err("no")"#);
    assert_eq!(shown(&Ok::<u8, std::convert::Infallible>(3)), "Ok(3)");
    assert_eq!(shown(&std::cmp::Ordering::Less), "Less");
    assert_eq!(shown(&Some(Box::new(5))), "Some(5)");
    assert_eq!(shown(&Some(u128::MAX)), format!("Some({})", u128::MAX));
    assert_eq!(shown(&None::<Box<u8>>), "None");
    assert_eq!(shown(&None::<String>), "None");
    assert_eq!(shown(&None::<&str>), "None");
}

#[test]
fn pointers_that_count() {
    let one = Rc::new(5);
    let two = Rc::clone(&one);
    let expected = Value::Pointer {
        to: Arc::new(Value::Scalar("5".to_owned())),
        owners: Some(2),
    };
    assert_eq!(read(&two), expected);
    assert_eq!(shown(&Rc::downgrade(&one)), "(Weak)");
    assert_eq!(
        shown(&Arc::new(Mutex::new(item(2)))),
        r#"Item { id: 2, name: "item 2" }"#
    );
    let dynamic: Arc<dyn Shape> = Arc::new(Meters(2.5));
    assert_eq!(dynamic.area(), 2.5);
    assert_eq!(shown(&dynamic), "Meters(2.5)");
}

#[test]
fn what_several_pointers_lead_to_is_read_once() {
    let (cart, other) = (item(1), item(1));
    let all: (&Item, &Item, Arc<&Item>, &Item) = (&cart, &cart, Arc::new(&cart), &other);
    let Value::Struct { fields, .. } = read(&all) else {
        unreachable!("a tuple");
    };
    let led_to = |value: &Value| match value {
        Value::Pointer { to, .. } => Arc::clone(to),
        other => unreachable!("no pointer: {other}"),
    };
    let [first, second, third, elsewhere] = [0, 1, 2, 3].map(|at| led_to(&fields[at].1));
    assert_eq!(*first, *elsewhere);
    assert!(Arc::ptr_eq(&first, &second) && Arc::ptr_eq(&first, &led_to(&third)));
    assert!(!Arc::ptr_eq(&first, &elsewhere));
    // What a pointer and its first field lead to has one address and two types.
    let nested = ((&cart.id, &cart),);
    assert_eq!(shown(&nested), r#"((1, Item { id: 1, name: "item 1" }),)"#);
}

#[test]
fn trait_objects_by_their_concrete_type() {
    let shapes: Vec<Box<dyn Shape>> = vec![Box::new(Meters(1.0)), Box::new(item(3))];
    assert_eq!(shapes[1].area(), 3.0);
    assert_eq!(
        shown(&shapes),
        r#"[Meters(1.0), Item { id: 3, name: "item 3" }]"#
    );
    let lent: &dyn Shape = &Meters(4.0);
    assert_eq!(shown(&lent), "Meters(4.0)");
}

#[test]
fn cells_locks_and_coats() {
    assert_eq!(shown(&Cell::new(3)), "3");
    assert_eq!(
        shown(&RefCell::new(item(1))),
        r#"Item { id: 1, name: "item 1" }"#
    );
    assert_eq!(shown(&Mutex::new(3)), "3");
    assert_eq!(shown(&RwLock::new("x")), r#""x""#);
    let mutex = Mutex::new(4);
    assert_eq!(shown(&mutex.lock().unwrap()), "4");
    let cell = RefCell::new(item(2));
    assert_eq!(shown(&cell.borrow()), r#"Item { id: 2, name: "item 2" }"#);
    assert_eq!(
        shown(&cell.borrow_mut()),
        r#"Item { id: 2, name: "item 2" }"#
    );
    let lock = RwLock::new(item(3));
    assert_eq!(
        shown(&lock.read().unwrap()),
        r#"Item { id: 3, name: "item 3" }"#
    );
    assert_eq!(
        shown(&lock.write().unwrap()),
        r#"Item { id: 3, name: "item 3" }"#
    );
    assert_eq!(shown(&tokio::sync::Mutex::new(5)), "5");
    let lock = tokio::sync::RwLock::new(item(4));
    let guard = lock.try_read().unwrap();
    assert_eq!(shown(&guard), r#"Item { id: 4, name: "item 4" }"#);
    assert_eq!(shown(&OnceCell::<u32>::new()), "None");
    assert_eq!(shown(&OnceCell::from(4)), "Some(4)");
    assert_eq!(shown(&OnceLock::<String>::new()), "<uninit>");
    assert_eq!(shown(&OnceLock::from("set".to_owned())), r#""set""#);
    let lazy: LazyLock<u32> = LazyLock::new(|| 12);
    assert_eq!(shown(&lazy), "<uninit>");
    assert_eq!(*lazy, 12);
    assert_eq!(shown(&lazy), "12");
    assert_eq!(shown(&AtomicBool::new(true)), "true");
    assert_eq!(shown(&AtomicI64::new(-4)), "-4");
    assert_eq!(
        shown(&ManuallyDrop::new(item(1))),
        r#"Item { id: 1, name: "item 1" }"#
    );
    assert_eq!(shown(&Box::pin(5)), "5");
}

#[test]
fn hash_maps_and_sets() {
    assert_eq!(shown(&HashMap::<u32, u32>::new()), "{}");
    assert_eq!(shown(&HashMap::from([("one", 1)])), r#"{"one": 1}"#);
    assert_eq!(shown(&HashSet::from(["one".to_owned()])), r#"["one"]"#);
    for size in [1_u32, 3, 4, 7, 8, 14, 15, 100, 5_000] {
        let map: HashMap<u32, String> = (0..size).map(|n| (n, format!("v{n}"))).collect();
        let Value::Map { entries, length } = read(&map) else {
            panic!("no map");
        };
        assert_eq!(length, u64::from(size));
        assert_eq!(entries.len() as u64, length.min(8));
        let mut met = HashSet::new();
        for (key, value) in entries {
            assert_eq!(value.to_string(), format!("{:?}", format!("v{key}")));
            assert!(met.insert(key.to_string()));
        }
    }
}

#[test]
fn trees() {
    assert_eq!(shown(&BTreeMap::<u32, u32>::new()), "{}");
    assert_eq!(
        shown(&BTreeMap::from([(1, "a"), (2, "b")])),
        r#"{1: "a", 2: "b"}"#
    );
    assert_eq!(shown(&BTreeSet::from(["b", "a"])), r#"["a", "b"]"#);
    for size in [11_u32, 12, 50, 200, 5_000] {
        let set: BTreeSet<u32> = (0..size).collect();
        let expected = format!("[0, 1, 2, 3, 4, 5, 6, 7, … {} more]", size - 8);
        assert_eq!(shown(&set), expected);
        let map: BTreeMap<String, u8> = (0..size).map(|n| (format!("{n:04}"), 1)).collect();
        assert!(shown(&map).starts_with(r#"{"0000": 1, "0001": 1, "0002": 1"#));
    }
    // Leaves that were merged and an order that was not that of insertion.
    let mut map: BTreeMap<u32, u32> = (0..300).rev().map(|n| (n, n * 2)).collect();
    map.retain(|key, _| key % 50 == 3);
    assert_eq!(
        shown(&map),
        "{3: 6, 53: 106, 103: 206, 153: 306, 203: 406, 253: 506}"
    );
}

#[test]
fn times_addresses_and_ids() {
    assert_eq!(shown(&Duration::from_millis(1_500)), "1.5s");
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_340_339_012);
    assert_eq!(shown(&time), "2026-11-22T09:38:59.012Z");
    assert!(shown(&std::time::Instant::now()).starts_with("Instant("));
    assert_eq!(shown(&IpAddr::from([192, 0, 2, 1])), "192.0.2.1");
    assert_eq!(shown(&Ipv6Addr::LOCALHOST), "::1");
    let socket: SocketAddr = "192.0.2.1:8080".parse().unwrap();
    assert_eq!(shown(&socket), "192.0.2.1:8080");
    let socket: SocketAddr = "[::1]:8080".parse().unwrap();
    assert_eq!(shown(&Some(socket)), "Some([::1]:8080)");
    let id = uuid::Uuid::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8);
    assert_eq!(shown(&id), "67e55044-10b1-426f-9247-bb680e5fe0c8");
}

#[test]
fn a_cycle_ends() {
    #[expect(dead_code, reason = "the fields are read from memory")]
    struct Node {
        next: RefCell<Option<Rc<Node>>>,
        id: u8,
    }
    let node = Rc::new(Node {
        next: RefCell::new(None),
        id: 1,
    });
    *node.next.borrow_mut() = Some(Rc::clone(&node));
    let value = shown(&node);
    assert_eq!(value.matches("id: 1").count(), 5);
    assert!(value.contains("<too deep>"));
    node.next.borrow_mut().take();
}

#[test]
fn what_may_never_have_been_written_is_not_guessed_at() {
    let never = std::mem::MaybeUninit::<u32>::uninit();
    assert_eq!(read(&never), Value::Missing(Missing::Unsupported));
}
