//! The attribute [`macro@locals`] of the crate `tower-monitor`, which documents and exports it.

mod bindings;
mod keep;

use proc_macro::TokenStream;
use quote::ToTokens;
use syn::{Error, ImplItem, Item, TraitItem, parse_macro_input};

use self::keep::Keep;

/// Keeps each argument and local of a function readable, also where the optimizer would spread it over registers or drop it.
///
/// For a function, or an `impl` or `trait` with each function in it that has a body and is not `const`; closures and async blocks within are
/// kept with it, functions within are not. An app writes `#[tower_monitor::locals]`:
///
/// ```
/// # mod tower_monitor { pub use tower_monitor_macros::locals; }
/// #[tower_monitor::locals]
/// fn share(cents: u32, friends: u32) -> u32 {
///     let rest = cents % friends;
///     (cents - rest) / friends
/// }
/// # assert_eq!(share(100, 3), 33);
/// ```
///
/// It changes nothing of what the code does. Where a variable gets its value, its address is passed to [`std::hint::black_box`], so that
/// from then on it has a place in memory: a store or two for each variable, and the optimizer can no longer keep it in a register, unroll
/// over it or leave it out. Keep it away from inner loops.
///
/// # Errors
///
/// Before a `const fn`, and before anything but a function, an `impl` or a `trait`, it is an error of the compiler that says so.
///
/// ```compile_fail
/// #[tower_monitor_macros::locals]
/// const fn half(number: u32) -> u32 {
///     number / 2
/// }
/// ```
///
/// ```compile_fail
/// #[tower_monitor_macros::locals(deep)]
/// fn half(number: u32) -> u32 {
///     number / 2
/// }
/// ```
///
/// ```compile_fail
/// #[tower_monitor_macros::locals]
/// struct Half(u32);
/// ```
#[proc_macro_attribute]
pub fn locals(settings: TokenStream, item: TokenStream) -> TokenStream {
    if let Some(first) = settings.into_iter().next() {
        let message = "`#[locals]` has no settings: write it without brackets";
        return Error::new(first.span().into(), message)
            .into_compile_error()
            .into();
    }
    let mut item = parse_macro_input!(item as Item);
    match keep(&mut item) {
        Ok(()) => item.into_token_stream().into(),
        Err(error) => error.into_compile_error().into(),
    }
}

fn keep(item: &mut Item) -> Result<(), Error> {
    match item {
        Item::Fn(function) => {
            if let Some(word) = &function.sig.constness {
                return Err(Error::new_spanned(word, CONST));
            }
            Keep::function(&function.sig, &mut function.block);
        }
        Item::Impl(methods) => {
            for method in &mut methods.items {
                if let ImplItem::Fn(method) = method
                    && method.sig.constness.is_none()
                {
                    Keep::function(&method.sig, &mut method.block);
                }
            }
        }
        Item::Trait(methods) => {
            for method in &mut methods.items {
                if let TraitItem::Fn(method) = method
                    && let Some(body) = &mut method.default
                {
                    Keep::function(&method.sig, body);
                }
            }
        }
        other => return Err(Error::new_spanned(other, OTHER)),
    }
    Ok(())
}

const CONST: &str =
    "`#[locals]` cannot keep the variables of a `const fn`: take the attribute away, or `const`";
const OTHER: &str = "`#[locals]` belongs before a function, an `impl` or a `trait`";
