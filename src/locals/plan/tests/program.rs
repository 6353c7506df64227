//! A program that stops in the middle of some calls, says where they and their registers are, and waits.

use std::hint::black_box;
use std::io::Read;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

mod shop {
    use std::hint::black_box;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    #[derive(Clone)]
    pub struct Cart {
        pub id: u64,
        pub items: Vec<u32>,
    }

    pub trait Priced {
        fn price(&self, rate: u64) -> u64;
    }

    impl Priced for Cart {
        #[inline(never)]
        fn price(&self, rate: u64) -> u64 {
            let count = self.items.len();
            let mut sum = 0;
            for item in &self.items {
                sum += u64::from(*item);
            }
            let add = |extra: u64| {
                let both = extra + rate;
                large(both, "green") + both
            };
            add(sum) + sum + count as u64
        }
    }

    #[inline(never)]
    pub fn order(id: u64, label: &str, cart: &Cart) -> Result<u64, String> {
        let rate = id * 3 + 1;
        let name = String::from(label);
        let pair = (id as u16 + 1, id as u8);
        let found = if let Some(first) = cart.items.first() {
            let seen = *first;
            check(seen, rate)?
        } else {
            0
        };
        let price = match black_box(pair.1) {
            0 => 0,
            low => cart.price(u64::from(low)) + rate,
        };
        let whole = price + found + name.len() as u64 + u64::from(pair.0);
        Ok(black_box(whole) + rate + id)
    }

    pub async fn pay(cart: Cart, tip: u64) -> u64 {
        let fee = tip * 2;
        Later(false).await;
        let total = fee + cart.id;
        let priced = order(total, "green", &cart);
        black_box(priced).unwrap_or(0) + fee
    }

    /// Pends once.
    struct Later(bool);

    impl Future for Later {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(());
            }
            Poll::Pending
        }
    }

    #[inline]
    fn check(seen: u32, rate: u64) -> Result<u64, String> {
        let scaled = u64::from(seen) * rate + 100;
        if black_box(scaled) == 1 {
            return Err("one".to_owned());
        }
        Ok(scaled)
    }

    /// A frame of more than a page.
    #[inline(never)]
    fn large(both: u64, label: &str) -> u64 {
        let mut bytes = [7u8; 9000];
        bytes[8999] = both as u8;
        black_box(&mut bytes);
        let last = bytes[8999];
        deep(u64::from(last) + both, -5, label) + u64::from(bytes[1]) + label.len() as u64
    }

    #[inline(never)]
    fn deep(scaled: u64, rate: i32, label: &str) -> u64 {
        let small = rate as i8 - 1;
        let late;
        let args = scaled + 2;
        if let Some(odd) = super::stop(scaled) {
            late = odd;
        } else {
            late = 1;
        }
        black_box(late) + scaled + small as u64 + label.len() as u64 + args
    }
}

fn main() {
    let cart = shop::Cart {
        id: black_box(10),
        items: black_box(vec![1, 2, 3, 5]),
    };
    let mut paying = pin!(shop::pay(cart.clone(), black_box(3)));
    let mut context = Context::from_waker(Waker::noop());
    let paid = loop {
        if let Poll::Ready(paid) = poll(paying.as_mut(), &mut context) {
            break paid;
        }
    };
    println!("{paid} {}", cart.id);
}

#[inline(never)]
fn poll(paying: Pin<&mut dyn Future<Output = u64>>, context: &mut Context<'_>) -> Poll<u64> {
    paying.poll(context)
}

type Walked = Vec<(u64, u64, Vec<(i32, u64)>)>;

#[cfg(target_arch = "x86_64")]
const KEPT: &[i32] = &[3, 6, 12, 13, 14, 15];
#[cfg(target_arch = "aarch64")]
const KEPT: &[i32] = &[19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29];

unsafe extern "C" {
    fn _Unwind_Backtrace(each: extern "C" fn(*mut u8, *mut Walked) -> i32, to: *mut Walked) -> i32;
    fn _Unwind_GetIP(context: *mut u8) -> usize;
    fn _Unwind_GetCFA(context: *mut u8) -> usize;
    fn _Unwind_GetGR(context: *mut u8, register: i32) -> usize;
}

extern "C" fn each(context: *mut u8, to: *mut Walked) -> i32 {
    unsafe {
        let registers = KEPT
            .iter()
            .map(|register| (*register, _Unwind_GetGR(context, *register) as u64))
            .collect();
        let pc = _Unwind_GetIP(context) as u64;
        (*to).push((pc.wrapping_sub(1), _Unwind_GetCFA(context) as u64, registers));
    }
    0
}

#[inline(never)]
fn stop(value: u64) -> Option<u64> {
    if value == 1 {
        return None;
    }
    let mut walked = Walked::new();
    unsafe { _Unwind_Backtrace(each, &mut walked) };
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let cart = shop::Cart {
        id: 1,
        items: Vec::new(),
    };
    let priced: &dyn shop::Priced = &cart;
    let parts: [usize; 2] = unsafe { std::mem::transmute(priced) };
    println!("vtable {:x}", parts[1]);
    println!("bias {}", maps.split('-').next().unwrap());
    for (at, (pc, sp, registers)) in walked.iter().enumerate() {
        let cfa = walked.get(at + 1).map_or(0, |(_, sp, _)| *sp);
        print!("call {pc:x} {sp:x} {cfa:x}");
        for (register, value) in registers {
            print!(" {register}={value:x}");
        }
        println!();
    }
    println!("ready");
    let _read = std::io::stdin().read(&mut [0]);
    Some(value | 1)
}
