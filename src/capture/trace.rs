//! The layer for `tracing`: events become breadcrumbs of their request, errors become occurrences.

use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Write};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::chain;
use crate::guard::{contained, is_containing};
use crate::request::{
    CodeLocation, ErrorLink, ErrorRecord, Finding, Noticed, RequestContext, SpanRecord, Target,
    Thread, Told, Words, with_current,
};
use crate::text::cut;

/// Collects for the requests of one monitor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Collector {
    /// The monitor's number.
    pub(crate) owner: usize,
    /// Whether events of level ERROR are told.
    pub(crate) tells_errors: bool,
}

impl<S> tracing_subscriber::Layer<S> for Collector
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if is_own(metadata) || is_containing() {
            return;
        }
        let request = self.is_in_request();
        // A hook that logs the panic says nothing new: the panic itself is told.
        let is_error =
            self.tells_errors && *metadata.level() == Level::ERROR && !std::thread::panicking();
        if !request && !is_error {
            return;
        }
        let mut said = Said::new();
        said.take_in(|said| event.record(said));
        let level = (*metadata.level()).into();
        let target = || {
            said.target
                .clone()
                .map_or(Target::Static(metadata.target()), Target::Own)
        };
        if request {
            with_current(|request| request.trail(|trail| trail.push(level, target(), &said.words)));
        }
        if is_error {
            let spans = if request {
                Vec::new()
            } else {
                stray_spans(event, &context)
            };
            self.tell(metadata, &target(), &mut said, spans);
        }
        said.put_back();
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        if is_own(metadata) || is_containing() {
            return;
        }
        let mut said = Said::new();
        said.take_in(|said| attributes.record(said));
        let span = SpanRecord {
            id: id.into_u64(),
            name: metadata.name(),
            target: metadata.target(),
            fields: said.words.clone(),
        };
        said.put_back();
        if self.is_in_request() {
            with_current(|request| request.trail(|trail| trail.open_span(span)));
        } else if let Some(known) = context.span(id) {
            known.extensions_mut().replace(span);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut said = Said::new();
        said.take_in(|said| values.record(said));
        if let Some(known) = context.span(id)
            && let Some(span) = known.extensions_mut().get_mut::<SpanRecord>()
        {
            span.fields.append(&said.words);
        } else if self.is_in_request() {
            let id = id.into_u64();
            with_current(|request| request.trail(|trail| trail.record_in_span(id, &said.words)));
        }
        said.put_back();
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        if self.is_in_request() {
            with_current(|request| request.close_span(id.into_u64()));
        }
    }
}

impl Collector {
    fn is_in_request(&self) -> bool {
        with_current(|request| request.belongs_to(self.owner)).unwrap_or(false)
    }

    fn tell(
        &self,
        metadata: &'static Metadata<'static>,
        target: &Target,
        said: &mut Said,
        spans: Vec<SpanRecord>,
    ) {
        let event = said
            .words
            .to_breadcrumb(Level::ERROR.into(), target.as_str());
        let mut chain = Vec::new();
        if !event.message.is_empty() || said.errors.is_empty() {
            let fields = event
                .fields
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            chain.push(ErrorLink {
                type_name: Some(target.as_str().to_owned()),
                message: match event.message.as_str() {
                    "" => fields.collect::<Vec<_>>().join(" "),
                    message => message.to_owned(),
                },
            });
        }
        chain.append(&mut said.errors);
        // One of another monitor is not ours to keep this with.
        let request =
            with_current(RequestContext::clone).filter(|request| request.belongs_to(self.owner));
        let record = ErrorRecord {
            how: Told::Logged,
            chain,
            more: Some(0),
            location: metadata.file().map(|file| CodeLocation {
                file: file.to_owned(),
                line: metadata.line().unwrap_or_default(),
                column: 0,
            }),
            thread: Thread::current(),
            stack: None,
            spans: match &request {
                Some(request) => request.open_spans(),
                None => spans,
            },
            event: Some(Box::new(event)),
        };
        Finding::new(Noticed::Error(Arc::new(record)), request).tell_to(self.owner);
    }
}

/// The spans round an event outside of every request, the outermost first.
fn stray_spans<S>(event: &Event<'_>, context: &Context<'_, S>) -> Vec<SpanRecord>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let scope = context.event_scope(event).into_iter().flatten();
    let mut spans: Vec<_> = scope
        .take(MAX_SPANS)
        .filter_map(|span| span.extensions().get::<SpanRecord>().cloned())
        .collect();
    spans.reverse();
    spans
}

/// What the monitor says itself: an alert in the log must not become the next alert.
pub(crate) fn is_own(metadata: &Metadata<'_>) -> bool {
    let own = metadata.target().strip_prefix("tower_monitor");
    own.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What an event or a span carries.
struct Said {
    words: Words,
    /// The target of an event that came from the `log` crate.
    target: Option<Box<str>>,
    errors: Vec<ErrorLink>,
}

impl Said {
    /// With a text whose memory was used before.
    fn new() -> Self {
        let mut words = SCRATCH.try_with(Cell::take).unwrap_or_default();
        words.clear();
        Self {
            words,
            target: None,
            errors: Vec::new(),
        }
    }

    fn put_back(self) {
        let _ = SCRATCH.try_with(|scratch| scratch.set(self.words));
    }

    /// The values' `Debug` is the app's code: neither a lock is held meanwhile, nor does its panic go farther.
    fn take_in(&mut self, record: impl FnOnce(&mut Self)) {
        if contained(|| record(self)).is_none() {
            let _ = self
                .words
                .field("monitor")
                .write_str("[a value's Debug panicked]");
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // An error says that the room is used up.
        let _ = match field.name() {
            "message" if self.words.is_empty() => write!(self.words.message(), "{value:?}"),
            "log.module_path" | "log.file" | "log.line" => Ok(()),
            name => write!(self.words.field(name), "{value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = match field.name() {
            "message" if self.words.is_empty() => self.words.message().write_str(value),
            "log.target" => {
                self.target = Some(cut(value, MAX_TARGET).into());
                Ok(())
            }
            "log.module_path" | "log.file" => Ok(()),
            name => self.words.field(name).write_str(value),
        };
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let (mut chain, _) = chain::read(value, None);
        if let Some(first) = chain.first() {
            let _ = self.words.field(field.name()).write_str(&first.message);
        }
        self.errors.append(&mut chain);
    }
}

thread_local! {
    static SCRATCH: Cell<Words> = Cell::default();
}

const MAX_SPANS: usize = 16;
/// The bytes of a target that the `log` crate was given, which may be made at run time.
const MAX_TARGET: usize = 128;
