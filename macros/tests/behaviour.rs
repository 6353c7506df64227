//! A function with the attribute does what it did without.
#![deny(warnings)]

use std::fmt::Debug;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tower_monitor_macros::locals;

const LIMIT: u32 = 3;

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Point,
    Circle { radius: u32 },
    Line(u32, u32),
}

use Shape::{Circle, Line, Point};

/// The same function without the attribute, and with it.
macro_rules! both {
    ($($function:tt)*) => {
        mod plain {
            use super::{Shape::{self, *}, LIMIT, Debug};
            $($function)*
        }
        mod kept {
            use super::{Shape::{self, *}, LIMIT, Debug};
            #[tower_monitor_macros::locals]
            $($function)*
        }
    };
}

// Every construct that binds a name.
both! {
pub(super) fn everything<T: Debug + Clone, const N: usize>(
    mut total: u32,
    (a, b): (u32, &str),
    [first, .., last]: [u32; 3],
    bounds: [u32; N],
    given: Option<T>,
    shapes: &[Shape],
) -> String {
    let late;
    let chosen: u32;
    if total > 1 {
        late = String::from("more");
        chosen = 1;
    } else {
        late = String::from("less");
        chosen = 2;
    }
    let Some(value) = given.clone() else {
        return format!("nothing, {late} {chosen}");
    };
    let (x, ref y @ Some(z)) = (a, Some(b)) else {
        unreachable!()
    };
    for (index, shape) in shapes.iter().enumerate() {
        total += match shape {
            Point => 0,
            Circle { radius } if *radius > LIMIT => *radius,
            Circle { radius: 0..=LIMIT } | Line(0, 0) => 1,
            &Circle { radius } => radius,
            Line(from, to @ 1..) => to - from,
            Line(n, _) => {
                let n = n + 1;
                n * 2
            }
        };
        if let Line(from, _) = shape
            && let Some(next) = shapes.get(index + 1)
            && *next != Point
        {
            total += from;
        }
    }
    let mut stack = vec![1, 2, 3];
    while let Some(top) = stack.pop() {
        if top == LIMIT {
            continue;
        }
        total += top;
    }
    let add = |left: u32, right| left + right;
    let text = |n| n;
    let borrowed = match z.len() {
        1 => text(z),
        _ => text(&z[1..]),
    };
    let r#type = 'outer: {
        if total > 1_000 {
            break 'outer "large";
        }
        "small"
    };
    let mut array = [0; { 1 + LIMIT as usize }];
    let slot = &mut array[1];
    *slot = add(first, last);
    let moved = late;
    fn inner(unkept: u32) -> u32 {
        let twice = unkept * 2;
        twice + 1
    }
    total += bounds.iter().sum::<u32>();
    format!(
        "{total} {x} {y:?} {value:?} {borrowed} {type} {array:?} {moved} {chosen} {}",
        inner(total),
        r#type = r#type
    )
}
}

#[test]
fn a_function_gives_what_it_gave() {
    let shapes = [
        Point,
        Circle { radius: 9 },
        Circle { radius: 2 },
        Line(1, 7),
        Line(5, 0),
    ];
    let numbers = [4, 5, 6];
    for given in [Some('v'), None] {
        for total in [0, 2, 2_000] {
            assert_eq!(
                kept::everything(total, (1, "ab"), numbers, [1, 2], given, &shapes),
                plain::everything(total, (1, "ab"), numbers, [1, 2], given, &shapes),
            );
        }
    }
}

struct Counter<'c> {
    count: &'c mut u32,
}

#[locals]
impl Counter<'_> {
    const START: u32 = 1;

    const fn start() -> u32 {
        let start = Self::START;
        start.wrapping_add(0)
    }

    fn add(&mut self, by: u32) -> &mut Self {
        let sum = *self.count + by;
        *self.count = sum;
        self
    }

    fn into_count(mut self) -> u32 {
        self.add(Self::start());
        *self.count
    }

    async fn wait(self: Pin<&mut Self>, by: u32) -> u32 {
        let before = *self.count;
        std::future::ready(()).await;
        let block = async move {
            let here = by;
            std::future::ready(here).await
        };
        before + block.await
    }
}

#[locals]
trait Named {
    fn name(&self) -> String;

    fn greeting(&self) -> String {
        let name = self.name();
        format!("hello {name}")
    }
}

impl Named for u32 {
    fn name(&self) -> String {
        self.to_string()
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return output;
        }
    }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

/// What is not `Sync` may be kept while it is not held across an await.
#[locals]
async fn sendable(cell: std::cell::Cell<u32>) -> u32 {
    let before = cell.get();
    std::future::ready(()).await;
    before + cell.get()
}

#[test]
fn methods_and_futures_do_what_they_did() {
    let mut count = 1;
    let mut counter = Counter { count: &mut count };
    counter.add(2);
    assert_eq!(block_on(pin!(counter).wait(4)), 7);
    assert_eq!(Counter { count: &mut count }.into_count(), 4);
    assert_eq!(5.greeting(), "hello 5");
    assert_eq!(block_on(is_send(sendable(std::cell::Cell::new(2)))), 4);
}
