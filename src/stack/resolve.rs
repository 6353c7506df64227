//! Resolving a raw stack: slow, with locks and files, on the worker's thread only.

use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;
use std::fmt::Write;

use super::frame::{Frame, Stack};
use super::object::Objects;
use super::raw::{End, MAX_FRAMES, RawStack};
use super::source::Sources;
use super::{app, cut, name, tidy};

/// Turns instruction pointers into functions, files and lines, and remembers those it has seen.
///
/// Nothing is read before the first failure. Reading ahead would make that failure's report some 50 ms earlier, for which
/// nobody waits, and would cost every process the time and 5 to 20 MB, also those in which nothing ever fails. A debug
/// build, in which the reader is not optimised either, takes up to ten times as long.
#[derive(Debug)]
pub(crate) struct Resolver {
    /// An address has several frames where the compiler inlined.
    seen: HashMap<usize, Vec<Frame>>,
    objects: Objects,
    sources: Sources,
    /// The current folder with a slash at its end.
    folder: Option<String>,
    /// Whether debug information may be held in memory.
    holds: bool,
}

impl Resolver {
    pub(crate) fn new() -> Self {
        let folder = std::env::current_dir().ok();
        Self {
            seen: HashMap::new(),
            objects: Objects::default(),
            sources: Sources::new(),
            holds: false,
            folder: folder
                .and_then(|folder| Some(format!("{}/", folder.to_str()?.trim_end_matches('/')))),
        }
    }

    /// Reads the debug information of the program and resolves the stack by it.
    pub(crate) fn resolve(&mut self, raw: &RawStack) -> Stack {
        if self.seen.len() + raw.ips().len() > MAX_SEEN {
            self.seen.clear();
        }
        self.objects.begin_stack();
        for ip in raw.ips() {
            let (objects, holds) = (&mut self.objects, &mut self.holds);
            self.seen.entry(*ip).or_insert_with(|| {
                *holds = true;
                look_up(*ip, objects)
            });
        }
        let found = raw.ips().iter().filter_map(|ip| self.seen.get(ip));
        let all: Vec<&Frame> = found.flatten().collect();
        let kept = cut::kept(&all);
        let cut = u32::try_from(all.len() - kept.len()).unwrap_or(u32::MAX);
        let crates: BTreeMap<_, _> = all
            .iter()
            .filter_map(|frame| app::registry_crate(frame.file.as_deref()?))
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .collect();
        let mut frames: Vec<Frame> = all[kept].iter().copied().cloned().collect();
        if let Some(sampled) = raw.sampled() {
            sampled.spread(&mut frames);
        }
        app::settle(&mut frames);
        let note = note(&frames, raw.end());
        for frame in frames.iter_mut().filter(|frame| frame.in_app) {
            self.show_source(frame);
        }
        Stack {
            frames,
            cut,
            note,
            crates,
        }
    }

    /// Frees what was read of the debug information, for when nothing has failed for a while: some 20 to 50 MB, which
    /// grow with each part of the program that was looked up. What was resolved stays; the next address that was never
    /// seen makes it read again.
    pub(crate) fn rest(&mut self) {
        if std::mem::take(&mut self.holds) {
            backtrace::clear_symbol_cache();
        }
    }

    fn show_source(&mut self, frame: &mut Frame) {
        let (Some(file), Some(line)) = (&frame.file, frame.line) else {
            return;
        };
        // Of the standard library and of dependencies, which are only marked when the app is nowhere, the code is known.
        if app::is_app_file(file) {
            frame.source = self.sources.around(file, line);
        }
        let folder = self.folder.as_deref();
        if let Some(below) = folder.and_then(|folder| file.strip_prefix(folder)) {
            frame.file = Some(below.to_owned());
        }
    }
}

/// Asks the debug information, then the symbols, then only for the place in the file.
fn look_up(ip: usize, objects: &mut Objects) -> Vec<Frame> {
    let mut frames = Vec::new();
    // It subtracts one by itself: the call lies before the address it returns to.
    backtrace::resolve(std::ptr::without_provenance_mut::<c_void>(ip), |symbol| {
        let function = symbol.name().map(|name| {
            // Unlike `format!`, this does not panic over a name that cannot be written, which would leave the lock of
            // the crate `backtrace` poisoned.
            let mut demangled = String::new();
            let _written = write!(demangled, "{name:#}");
            tidy(&demangled)
        });
        // Zero, or none, is the compiler's word for code that no line stands for; the file is then that of the line before.
        let line = symbol.lineno().filter(|line| *line > 0);
        let file = symbol
            .filename()
            .filter(|_| line.is_some())
            .map(|file| file.to_string_lossy().into_owned());
        let mut frame = Frame {
            module: function
                .as_deref()
                .and_then(name::module)
                .map(str::to_owned),
            function,
            file,
            line,
            column: symbol.colno().filter(|column| *column > 0),
            inlined: true,
            address: ip as u64,
            ..Frame::default()
        };
        frame.in_app = app::is_in_app(&frame);
        frames.push(frame);
    });
    if frames.is_empty() {
        frames.push(Frame {
            address: ip as u64,
            ..Frame::default()
        });
    }
    if let Some(outermost) = frames.last_mut() {
        outermost.inlined = false;
        if outermost.function.is_none() {
            outermost.object = objects.offset_of(ip);
        }
    }
    frames
}

fn note(frames: &[Frame], end: End) -> Option<String> {
    let mut notes = Vec::new();
    if end == End::Full {
        notes.push(format!("only the innermost {MAX_FRAMES} calls were kept"));
    }
    if let Some(unknown) = frames.iter().find(|frame| frame.function.is_none()) {
        notes.push(match &unknown.object {
            _ if Objects::program_was_replaced() => REPLACED.to_owned(),
            Some(object) => format!("`{}` {NO_SYMBOLS}", object.name),
            None => "some addresses have no symbols".to_owned(),
        });
    } else if frames
        .iter()
        .all(|frame| !frame.in_app || frame.file.is_none())
    {
        notes.push(NO_LINES.to_owned());
    } else if frames.iter().any(is_without_path) {
        notes.push(NO_PATHS.to_owned());
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// Debug information of lines only names a function without its module.
fn is_without_path(frame: &Frame) -> bool {
    frame.in_app
        && frame
            .function
            .as_deref()
            .is_some_and(|name| !name.contains("::"))
}

const NO_SYMBOLS: &str =
    "has no symbols: an unstripped build of the same build id tells what its offsets are";

const REPLACED: &str = "the program's file was replaced while it ran: the build of the same build id tells what its offsets are";

const NO_LINES: &str = "the program has no line numbers: build it with `debug = \"limited\"`";

const NO_PATHS: &str = "the names have no paths: build the program with `debug = \"limited\"`";

/// Addresses that are remembered; all are forgotten when there are more.
const MAX_SEEN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_that_rested_resolves_as_before() {
        let mut resolver = Resolver::new();
        let raw = RawStack::take();
        let before = resolver.resolve(&raw);
        assert!(resolver.holds);
        resolver.rest();
        assert_eq!(resolver.resolve(&raw), before);
        assert!(!resolver.holds, "what was resolved stays");
        resolver.seen.clear();
        assert_eq!(resolver.resolve(&raw), before);
    }

    #[test]
    fn no_more_than_a_bound_of_addresses_is_remembered() {
        let mut resolver = Resolver::new();
        let addresses: Vec<usize> = (1..=MAX_SEEN + 2 * MAX_FRAMES).collect();
        for ips in addresses.chunks(MAX_FRAMES) {
            let stack = resolver.resolve(&RawStack::of(ips));
            assert_eq!(stack.frames.len(), ips.len());
            assert!(resolver.seen.len() <= MAX_SEEN);
        }
        assert!(
            resolver.seen.len() < MAX_SEEN / 2,
            "all were forgotten once"
        );
    }
}
