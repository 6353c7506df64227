//! Programs that are built in ways of their own: what the compiler seldom writes, what tools leave out.

use std::path::Path;
use std::process::Command;

use gimli::UnitOffset;

use super::stopped::{self, Stopped, built};
use crate::locals::eval::{Evaluator, Frame, Known, Where};
use crate::locals::image::Image;
use crate::locals::memory::Memory;
use crate::locals::plan::{Location, Plan, Plans, Step};
use crate::locals::units::Units;
use crate::stack::Missing;

#[test]
fn a_vtable_leads_to_its_concrete_type() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["-g"][..],
        &["-g", "-Csplit-debuginfo=packed", "-Cdwarf-version=5"],
    ] {
        let program = built(folder.path(), arguments);
        let stopped = Stopped::start(&program);
        let units = stopped.units(&program).unwrap();
        assert_eq!(units.vtable(stopped.vtable), None, "nothing was read");
        units.prepare();
        let concrete = units.vtable(stopped.vtable).unwrap();
        let unit = units.unit(concrete.unit).unwrap();
        let entry = unit.unit.entry(UnitOffset(concrete.offset)).unwrap();
        let name = entry.attr_value(gimli::DW_AT_name).unwrap();
        assert_eq!(unit.refs().attr_string(name).unwrap().slice(), b"Cart");
        assert_eq!(unit.namespace(entry.offset()), "program::shop");
        assert_eq!(units.vtable(stopped.vtable + 8), None);
    }
}

#[test]
fn units_are_found_without_their_table_of_addresses() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["-g"][..],
        &["-g", "-Cdwarf-version=5", "-Csplit-debuginfo=unpacked"],
    ] {
        let program = built(folder.path(), arguments);
        let whole = Stopped::start(&program);
        let told = |program: &Path| {
            let units = whole.units(program).unwrap();
            let plans = whole.plans(&units);
            let scopes = stopped::scopes(&plans);
            let names = scopes
                .iter()
                .map(|(at, scope)| (*at, scope.function.to_string()));
            (units.counts().0, names.collect::<Vec<_>>())
        };
        let (with, expected) = told(&program);
        let bytes = std::fs::read(&program).unwrap();
        let bare = folder.path().join("bare");
        std::fs::write(&bare, renamed(bytes, b".debug_aranges\0")).unwrap();
        let (without, found) = told(&bare);
        assert!(with > 0 && without == 0);
        assert_eq!(found, expected);
        assert!(found.len() > 5);
    }
}

/// The file with another name for a section.
fn renamed(mut bytes: Vec<u8>, section: &[u8]) -> Vec<u8> {
    let at = memchr::memmem::rfind(&bytes, section).unwrap();
    bytes[at + 1] = b'x';
    bytes
}

#[test]
fn a_package_of_another_build_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let split = &["-g", "-Csplit-debuginfo=packed"];
    let program = built(folder.path(), split);
    let package = std::fs::read(folder.path().join("program.dwp")).unwrap();
    let optimised = built(
        folder.path(),
        &["-g", "-Csplit-debuginfo=packed", "-Copt-level=2"],
    );
    assert_eq!(program, optimised);
    let stopped = Stopped::start(&program);
    let tells = || {
        let units = stopped.units(&program).unwrap();
        let plans = stopped.plans(&units);
        (
            !stopped::scopes(&plans).is_empty(),
            plans
                .iter()
                .any(|plan| matches!(plan, Err(Missing::NoDebuginfo))),
        )
    };
    assert_eq!(tells(), (true, false));
    std::fs::write(folder.path().join("program.dwp"), package).unwrap();
    assert_eq!(tells(), (false, true));
}

#[test]
fn what_a_function_was_called_with_is_asked_of_its_caller() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("library.so");
    let source = folder.path().join("library.c");
    std::fs::write(&source, LIBRARY).unwrap();
    let built = Command::new("cc")
        .args(["-O2", "-g", "-fPIC", "-shared", "-o"])
        .args([&library, &source])
        .status();
    if !built.is_ok_and(|status| status.success()) {
        println!("no C compiler here");
        return;
    }
    let mut units = Units::new(|_| true);
    units.add(Image::open(&library, 0).unwrap());
    units.own_all();
    let mut plans = Plans::default();
    let mut of = |pc| plans.get(&units, pc).ok().flatten();
    let all: Vec<_> = (0..0x3000).filter_map(&mut of).collect();
    let callee = |plan: &&std::sync::Arc<Plan>| {
        let asks = |location: &Location| matches!(location, Location::Steps(steps) if steps.contains(&Step::PushAtEntry(5)));
        &*plan.scopes[0].function == "callee"
            && plan.scopes[0]
                .variables
                .iter()
                .any(|v| &*v.name == "first" && asks(&v.location))
    };
    let plan = all.iter().find(callee).expect("asks at entry");
    let caller = all
        .iter()
        .find(|plan| {
            let passed = plan.passed.get();
            let says = passed.is_some_and(|it| !it.values.is_empty() && it.to.is_none());
            &*plan.scopes[0].function == "caller" && says
        })
        .expect("says what it passes");
    let first = plan.scopes[0]
        .variables
        .iter()
        .find(|v| &*v.name == "first")
        .unwrap();
    let find = |callers: &[_]| {
        let evaluator = Evaluator {
            frame: &Nothing,
            start: plan.start,
            callers,
            inner: &[],
        };
        evaluator.find(&first.location, &mut Nothing)
    };
    assert_eq!(find(&[]), Err(Missing::OptimizedOut));
    let known = Known::all(&4242u64.to_ne_bytes());
    assert_eq!(
        find(&[(Some(&**caller), &Nothing)]),
        Ok(Where::Bytes(known))
    );
}

/// No register, no memory.
struct Nothing;

impl Frame for Nothing {
    fn register(&self, _: u16) -> Option<u64> {
        None
    }

    fn cfa(&self) -> Option<u64> {
        None
    }
}

impl Memory for Nothing {
    fn read(&mut self, _: u64, _: &mut [u8]) -> Result<(), Missing> {
        Err(Missing::Unreadable)
    }
}

const LIBRARY: &str = "
extern long stop(long);
__attribute__((noinline)) long callee(long first) { return stop(first + 1) + stop(2); }
long caller(void) { return callee(4242) + 1; }
";

#[test]
fn no_more_than_a_bound_of_plans_is_kept() {
    let mut units = Units::new(crate::stack::is_app_file);
    let mut plans = Plans::default();
    for pc in 0..3000 {
        assert!(matches!(plans.get(&units, pc), Err(Missing::Unavailable)));
        assert!(plans.known.len() <= crate::locals::plan::MAX_PLANS);
    }
    assert!(!plans.known.is_empty());
    units.add(Image::open("/proc/self/exe".as_ref(), 0).unwrap());
    plans.forget_unknown();
    assert!(plans.known.is_empty());
}

#[test]
fn compressed_sections_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let compress = "-Clink-arg=-Wl,--compress-debug-sections=zlib";
    let program = built(folder.path(), &["-g", compress]);
    let opened = Image::open(&program, 0);
    assert_eq!(opened.err(), Some(Missing::Unsupported));
}
