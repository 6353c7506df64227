//! Futures of this program that were polled once and wait.

mod running;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{Held, Kept, Search, Waiting};
use crate::locals::eval::Where;
use crate::locals::read::{Limits, Reader};
use crate::locals::sample::{OwnMemory, address_of, entry_of, rules, units};
use crate::locals::types::Types;
use crate::stack::Value;

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn search<T>(value: &T) -> Vec<Waiting> {
    let mut types = Types::new(rules());
    let of = types.get(units(), entry_of::<T>());
    let mut memory = OwnMemory::new();
    let mut reader = Reader::new(&mut types, units(), &mut memory, Limits::default());
    let mut search = Search::new(&mut reader, &[]);
    search.look_into(&of, &Where::Memory(address_of(value)));
    let found = search.finish();
    read(found, &mut reader)
}

/// With all that was put off.
fn read(mut found: Vec<Waiting>, reader: &mut Reader<'_>) -> Vec<Waiting> {
    let all = found
        .iter_mut()
        .flat_map(|one| one.held.iter_mut().chain(&mut one.homes));
    for held in all {
        held.kept = Kept::Value(held.value(&mut |of, at| reader.value_at(of, at)));
    }
    found
}

/// `name = value`, with a star for what may be stale.
fn held(waiting: &Waiting) -> Vec<String> {
    let mut all: Vec<_> = waiting
        .held
        .iter()
        .map(|held| {
            let star = if held.is_stale { "*" } else { "" };
            format!("{}{star} = {}", held.name, shown(held))
        })
        .collect();
    all.sort();
    all
}

fn shown(held: &Held) -> &Value {
    match &held.kept {
        Kept::Value(value) => value,
        Kept::At(_) => unreachable!("it was read"),
    }
}

fn last_part(waiting: &Waiting) -> String {
    let parts: Vec<_> = waiting.function.rsplit("::").take(2).collect();
    format!("{}::{}", parts[1], parts[0])
}

async fn once_later() {
    let mut polled = false;
    poll_fn(move |_| match std::mem::replace(&mut polled, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

async fn price(id: u32, password: &str) -> u32 {
    let cents = id * 100;
    once_later().await;
    cents + id + u32::try_from(password.len()).unwrap()
}

async fn order(customer: String, count: u32) -> u32 {
    let doubled = count * 2;
    let cents = price(doubled, "hunter2").await;
    once_later().await;
    cents + u32::try_from(customer.len()).unwrap()
}

fn order_of_uma() -> impl Future<Output = u32> {
    order("Uma Berg".to_owned(), 4)
}

fn check_order(found: &[Waiting]) {
    let functions: Vec<_> = found.iter().map(last_part).collect();
    let expected = [
        "order::{async_fn#0}",
        "price::{async_fn#0}",
        "once_later::{async_fn#0}",
    ];
    assert_eq!(functions, expected);
    assert!(found[0].function.contains("coroutine::tests::order"));
    assert_eq!(held(&found[0]), ["count = 4", r#"customer = "Uma Berg""#]);
    assert_eq!(
        held(&found[1]),
        ["cents = 800", "id = 8", "password = <redacted>"]
    );
    let parents: Vec<_> = found.iter().map(|waiting| waiting.parent).collect();
    assert_eq!(parents, [None, Some(0), Some(1)]);
    assert!(
        found
            .iter()
            .all(|waiting| waiting.line.is_some() && !waiting.is_ambiguous)
    );
}

#[test]
fn a_future_tells_what_it_keeps_and_for_whom_it_waits() {
    let mut future = pin!(order_of_uma());
    assert!(poll(future.as_mut()).is_pending());
    check_order(&search(&future));
    // The second wait: the callee of the first is gone.
    assert!(poll(future.as_mut()).is_pending());
    let found = search(&future);
    let functions: Vec<_> = found.iter().map(last_part).collect();
    assert_eq!(
        functions,
        ["order::{async_fn#0}", "once_later::{async_fn#0}"]
    );
    let expected = ["cents = 815", "count = 4", r#"customer = "Uma Berg""#];
    assert_eq!(held(&found[0]), expected);
    assert_eq!(poll(future.as_mut()), Poll::Ready(823));
    assert!(search(&future).is_empty());
}

struct Till(u32);

impl Till {
    async fn add(&self, cents: u32) -> u32 {
        once_later().await;
        self.0 + cents
    }
}

#[test]
fn a_future_is_known_by_the_calls_that_run_it() {
    let line = line!() - 8;
    let till = Till(1);
    let mut future = pin!(till.add(2));
    assert!(poll(future.as_mut()).is_pending());
    let found = search(&future);
    assert_eq!(held(&found[0]), ["cents = 2", "self = Till(1)"]);
    let own = module_path!().split("::").next().unwrap();
    for function in [
        format!("{own}::locals::coroutine::tests::Till::add"),
        format!("<{own}::Till as {own}::Adds>::add"),
        format!("{own}::add::{{{{closure}}}}"),
    ] {
        assert!(
            found[0].is_run_by(&function, Some(line)),
            "{function} {line} {found:#?}"
        );
        assert!(!found[0].is_run_by(&function, Some(line + 1)));
        assert!(!found[0].is_run_by(&function, None));
    }
    assert!(!found[0].is_run_by(&format!("{own}::Till::sub"), Some(line)));
    assert!(!found[0].is_run_by("shop::Till::add", Some(line)));
}

#[test]
fn a_future_of_another_module_is_none_of_the_call_of_its_name() {
    mod orders {
        pub(super) async fn list(page: u32) -> u32 {
            std::future::pending::<()>().await;
            page
        }
    }
    let mut future = pin!(orders::list(3));
    assert!(poll(future.as_mut()).is_pending());
    let found = search(&future);
    let line = found[0].declared;
    let own = found[0].function.split("::{async").next().unwrap();
    assert!(own.ends_with("::orders::list"), "{own}");
    assert!(found[0].is_run_by(own, line));
    assert!(!found[0].is_run_by(&own.replace("::orders::", "::users::"), line));
}

#[test]
fn before_the_first_poll_it_has_its_arguments() {
    let found = search(&order_of_uma());
    assert_eq!(found.len(), 1);
    assert_eq!(held(&found[0]), ["count = 4", r#"customer = "Uma Berg""#]);
    assert_eq!(found[0].line, None);
}

#[test]
fn boxes_options_and_libraries_are_looked_through() {
    struct Task<F> {
        id: u64,
        stage: Option<F>,
    }
    let mut boxed: Pin<Box<dyn Future<Output = u32>>> = Box::pin(order_of_uma());
    assert!(poll(boxed.as_mut()).is_pending());
    check_order(&search(&boxed));
    let mut task = Task {
        id: 1,
        stage: Some(Box::pin(order_of_uma())),
    };
    assert!(poll(task.stage.as_mut().unwrap().as_mut()).is_pending());
    check_order(&search(&task));
    check_order(&search(&Arc::new(vec![&task])));
    assert_eq!(task.id, 1);
    task.stage = None;
    assert!(search(&task).is_empty());
}

#[test]
fn what_is_joined_or_selected_is_found() {
    let mut joined = Box::pin(async {
        let label = "both";
        let sum = tokio::join!(price(1, "a"), order_of_uma());
        (label, sum)
    });
    assert!(poll(joined.as_mut()).is_pending());
    let found = search(&joined);
    assert!(held(&found[0]).contains(&r#"label = "both""#.to_owned()));
    let inner: Vec<_> = found.iter().filter(|one| one.parent.is_some()).collect();
    let prices = inner
        .iter()
        .filter(|one| last_part(one) == "price::{async_fn#0}");
    let prices: Vec<_> = prices.map(|one| (held(one), one.is_ambiguous)).collect();
    assert_eq!(prices.len(), 2, "{found:#?}");
    assert!(prices.iter().all(|(_, is_ambiguous)| *is_ambiguous));
    let orders = inner
        .iter()
        .filter(|one| last_part(one) == "order::{async_fn#0}");
    let orders: Vec<_> = orders.map(|one| (held(one), one.is_ambiguous)).collect();
    let expected = vec![
        "count = 4".to_owned(),
        r#"customer = "Uma Berg""#.to_owned(),
    ];
    assert_eq!(orders, [(expected.clone(), false)]);

    let mut selected = Box::pin(async {
        tokio::select! {
            cents = price(3, "abc") => cents,
            cents = order_of_uma() => cents,
        }
    });
    assert!(poll(selected.as_mut()).is_pending());
    let found = search(&selected);
    let orders = found
        .iter()
        .filter(|one| last_part(one) == "order::{async_fn#0}");
    assert_eq!(orders.map(held).collect::<Vec<_>>(), [expected]);
}

#[test]
fn what_a_stream_polls_in_any_order_is_found() {
    use futures_util::stream::{FuturesUnordered, StreamExt};
    let mut all = FuturesUnordered::new();
    all.push(price(1, "a"));
    all.push(price(2, "bc"));
    {
        let next = pin!(all.next());
        assert!(poll(next).is_pending());
    }
    let found = search(&all);
    let mut prices: Vec<_> = found
        .iter()
        .filter(|one| last_part(one) == "price::{async_fn#0}")
        .map(|one| held(one)[0].clone())
        .collect();
    prices.sort();
    assert_eq!(prices, ["cents = 100", "cents = 200"]);
    assert!(found.iter().all(|one| one.is_ambiguous));
    let mut buffered = Box::pin(async {
        let stream = futures_util::stream::iter([3_u32, 4]);
        let mut priced = pin!(stream.map(|id| price(id, "x")).buffer_unordered(1));
        let first = priced.next().await;
        (first, priced.next().await)
    });
    assert!(poll(buffered.as_mut()).is_pending());
    let found = search(&buffered);
    let price = found
        .iter()
        .find(|one| last_part(one) == "price::{async_fn#0}")
        .unwrap();
    assert_eq!(
        held(price),
        ["cents = 300", "id = 3", "password = <redacted>"]
    );
    assert!(!price.is_ambiguous);
}

#[test]
fn a_block_keeps_what_it_captured() {
    let label = "x".to_owned();
    let mut block = Box::pin(async move {
        let count = label.len();
        once_later().await;
        count + label.len()
    });
    assert!(poll(block.as_mut()).is_pending());
    let found = search(&block);
    assert!(
        found[0].function.ends_with("{async_block#0}"),
        "{}",
        found[0].function
    );
    assert_eq!(held(&found[0]), ["count = 1", r#"label = "x""#]);
}

#[test]
fn futures_of_one_function_side_by_side_are_not_told_apart() {
    let mut both = (Box::pin(price(1, "a")), Box::pin(price(2, "b")));
    assert!(poll(both.0.as_mut()).is_pending());
    assert!(poll(both.1.as_mut()).is_pending());
    let found = search(&both);
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|waiting| waiting.is_ambiguous));
}

#[test]
fn futures_within_their_own_kind_are() {
    fn down(depth: u32) -> Pin<Box<dyn Future<Output = u32>>> {
        async fn step(depth: u32) -> u32 {
            match depth {
                0 => once_later().await,
                _ => drop(down(depth - 1).await),
            }
            depth
        }
        Box::pin(step(depth))
    }
    let mut future = down(3);
    assert!(poll(future.as_mut()).is_pending());
    let found = search(&future);
    let depths: Vec<_> = found
        .iter()
        .filter(|waiting| waiting.function.contains("step"))
        .map(held)
        .collect();
    assert_eq!(
        depths,
        [["depth = 3"], ["depth = 2"], ["depth = 1"], ["depth = 0"]]
    );
    assert!(found.iter().all(|waiting| !waiting.is_ambiguous));
}

#[test]
fn a_published_place_is_enough() {
    let mut types = Types::new(rules());
    let mut future = Box::pin(order_of_uma());
    assert!(poll(future.as_mut()).is_pending());
    let lent: &dyn Future<Output = u32> = &*future;
    let parts = address_of(&lent);
    let mut memory = OwnMemory::new();
    let mut reader = Reader::new(&mut types, units(), &mut memory, Limits::default());
    let vtable = crate::locals::memory::Memory::word(reader.memory, parts + 8).unwrap();
    let mut search = Search::new(&mut reader, &[]);
    search.look_behind(address_of(&*future), vtable);
    let found = search.finish();
    check_order(&read(found, &mut reader));
}

#[test]
fn what_cannot_lead_to_a_future_is_not_looked_into() {
    let mut types = Types::new(rules());
    let mut memory = OwnMemory::new();
    memory.reads_left = 0;
    let of = types.get(units(), entry_of::<Vec<Option<Arc<String>>>>());
    let mut reader = Reader::new(&mut types, units(), &mut memory, Limits::default());
    assert!(!reader.may_hold_coroutine(&of));
    assert_eq!(of.may_hold_coroutine(), Some(false));
}
