//! The calls that led to a failure: taken raw where it happens, in a few microseconds; told later, on the worker's thread.
//!
//! A [`Frame`] is the app's when its file is: not the standard library's, not a dependency's. Where no file is known, the
//! function's name decides. What lies above the call that panicked, and below the app's code, is left out and counted in
//! [`Stack::cut`].
//!
//! What a frame has depends on how the program was built; [`Stack::note`] says so where something is missing.

// Where it happens, `RawStack::take` keeps instruction pointers and nothing else, so that a panic hook may call it: it
// reads no symbols, waits for no lock of this process's own and allocates nothing. `Resolver::resolve` does the rest.
mod app;
mod cut;
mod frame;
mod name;
mod object;
pub(crate) mod raw;
mod resolve;
mod sampled;
mod source;
#[cfg(test)]
mod tests;
mod value;
mod variable;

pub use frame::{Frame, ObjectOffset, SourceLines, Stack};
pub use value::{Missing, Value};
pub use variable::Variable;

pub(crate) use app::{is_app_file, same_file};
pub(crate) use name::tidy;
pub(crate) use raw::{RawStack, boundary, running};
pub(crate) use resolve::Resolver;
#[cfg_attr(
    not(feature = "locals"),
    expect(unused_imports, reason = "the leaf `locals` does")
)]
pub(crate) use sampled::{Sampled, SampledCall, Sampler, set_sampler};
pub(crate) use value::is_name_of;
