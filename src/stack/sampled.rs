//! Variables that were read while the failing thread stood still, and who reads them.

use std::sync::{Arc, OnceLock};

use super::{Frame, Missing, Variable, app};

/// Reads the variables of the calls that led here, on the thread that fails.
pub(crate) trait Sampler: Send + Sync {
    /// In a panic hook, where a second panic ends the process.
    fn at_panic(&self) -> Option<Box<Sampled>>;

    /// Where an error is taken, which may be ordinary and often: nothing when this one is one too many of its way through the code.
    fn at_error(&self, way: u64) -> Option<Box<Sampled>>;
}

/// What a [`Sampler`] has read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sampled {
    /// The calls of which something is known, innermost first.
    pub(crate) calls: Vec<SampledCall>,
    /// Why nothing more is known.
    pub(crate) missing: Option<Missing>,
}

/// The variables of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SampledCall {
    /// The address to which it returns.
    pub(crate) ip: usize,
    /// The function, with its path, as [`Frame::function`] shows it.
    pub(crate) function: Arc<str>,
    /// The file and line where the function is declared, as far as that is known.
    pub(crate) file: Option<Arc<str>>,
    pub(crate) declared: Option<u32>,
    pub(crate) variables: Vec<Variable>,
}

/// Whom [`RawStack::take`](super::RawStack::take) asks, from now on until the process ends. The first is asked for good.
#[cfg_attr(
    not(feature = "locals"),
    expect(dead_code, reason = "the leaf `locals` does")
)]
pub(crate) fn set_sampler(sampler: &'static dyn Sampler) -> &'static dyn Sampler {
    *SAMPLER.get_or_init(|| sampler)
}

/// What can be read of the calls that led here.
pub(super) fn sample(way: impl FnOnce() -> u64) -> Option<Box<Sampled>> {
    let sampler = SAMPLER.get()?;
    match std::thread::panicking() {
        true => sampler.at_panic(),
        false => sampler.at_error(way()),
    }
}

impl Sampled {
    /// Gives each call's variables to its frame. One address has several frames where the compiler inlined, and several times the
    /// same where functions call themselves; both lists begin with the innermost.
    ///
    /// A call that the compiler made of several has no line: it is told by where its function is declared.
    pub(super) fn spread(&self, frames: &mut [Frame]) {
        let mut rest = frames;
        for call in &self.calls {
            let is_its = |frame: &Frame| {
                frame.address == call.ip as u64
                    && frame.function.as_deref() == Some(&*call.function)
            };
            if let Some(place) = rest.iter().position(is_its) {
                let frame = &mut rest[place];
                frame.variables.clone_from(&call.variables);
                if frame.file.is_none() && call.file.is_some() {
                    frame.file = call.file.as_deref().map(str::to_owned);
                    frame.line = call.declared;
                    frame.in_app = app::is_in_app(frame);
                }
                rest = &mut rest[place + 1..];
            }
        }
    }
}

static SAMPLER: OnceLock<&dyn Sampler> = OnceLock::new();

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(address: u64, function: &str) -> Frame {
        Frame {
            address,
            function: Some(function.to_owned()),
            ..Frame::default()
        }
    }

    fn call(ip: usize, function: &str, name: &str) -> SampledCall {
        let variable = Variable {
            name: name.into(),
            ..Variable::default()
        };
        SampledCall {
            ip,
            function: function.into(),
            variables: vec![variable],
            ..SampledCall::default()
        }
    }

    #[test]
    fn a_call_without_a_line_stands_where_its_function_is_declared() {
        let known = Frame {
            file: Some("/srv/shop/src/cart.rs".to_owned()),
            line: Some(40),
            ..frame(2, "shop::add")
        };
        let mut frames = [frame(1, "shop::name_of"), known.clone()];
        let declared = |ip, function| SampledCall {
            file: Some("/srv/shop/src/stock.rs".into()),
            declared: Some(195),
            ..call(ip, function, "wanted")
        };
        let sampled = Sampled {
            calls: vec![declared(1, "shop::name_of"), declared(2, "shop::add")],
            missing: None,
        };
        sampled.spread(&mut frames);
        let told = frames.map(|it| (it.file, it.line, it.in_app));
        let stock = Some("/srv/shop/src/stock.rs".to_owned());
        assert_eq!(
            told,
            [(stock, Some(195), true), (known.file, Some(40), false)]
        );
    }

    #[test]
    fn every_call_finds_its_frame_also_when_inlined_and_recursive() {
        let mut frames = [
            frame(1, "shop::inlined"),
            frame(1, "shop::factorial"),
            frame(2, "library"),
            frame(1, "shop::inlined"),
            frame(1, "shop::factorial"),
            frame(3, "shop::main"),
        ];
        let sampled = Sampled {
            calls: vec![
                call(1, "shop::factorial", "a"),
                call(1, "shop::elsewhere", "lost"),
                call(1, "shop::inlined", "b"),
                call(1, "shop::factorial", "c"),
                call(3, "shop::main", "d"),
            ],
            missing: None,
        };
        sampled.spread(&mut frames);
        let names = frames.map(|frame| frame.variables.first().map(|it| it.name.clone()));
        assert_eq!(
            names
                .each_ref()
                .map(|name| name.as_deref().unwrap_or_default()),
            ["", "a", "", "b", "c", "d"]
        );
    }
}
