//! What is taken of a failure at the moment it happens: raw, and quickly.

use std::panic::Location;
use std::thread::ThreadId;

use serde::{Deserialize, Serialize};

use super::{Breadcrumb, trail::SpanRecord};
use crate::stack::RawStack;
use crate::text::shortened;
use crate::time::Timestamp;

/// A panic as its hook saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PanicRecord {
    /// When the hook ran: unwinding takes its time.
    pub(crate) time: Timestamp,
    /// The payload's text, at most 8 KiB of it.
    pub(crate) message: Option<String>,
    /// `&str`, `String` or `unknown`.
    pub(crate) payload_type: &'static str,
    pub(crate) location: Option<CodeLocation>,
    pub(crate) thread: Thread,
    /// `None` when another hook stood in the place of ours.
    pub(crate) stack: Option<RawStack>,
    pub(crate) spans: Vec<SpanRecord>,
}

/// The thread that something happened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thread {
    pub(crate) id: ThreadId,
    pub(crate) name: Option<String>,
}

impl Thread {
    pub(crate) fn current() -> Self {
        let thread = std::thread::current();
        Self {
            id: thread.id(),
            name: thread.name().map(|name| shortened(name, 64)),
        }
    }
}

/// An error, or what was said like one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorRecord {
    pub(crate) how: Told,
    /// The error, then its sources.
    pub(crate) chain: Vec<ErrorLink>,
    /// How many sources more there were; `None` when nobody could count them to the end.
    pub(crate) more: Option<u32>,
    pub(crate) location: Option<CodeLocation>,
    pub(crate) thread: Thread,
    pub(crate) stack: Option<RawStack>,
    pub(crate) spans: Vec<SpanRecord>,
    /// What a `tracing` event carried beside its message.
    pub(crate) event: Option<Box<Breadcrumb>>,
}

/// How an error became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It came out of a handler, with its answer.
    Answered,
    /// The app handled it and passed it on.
    Captured,
    /// The app said it in words.
    Message,
    /// A `tracing` event of level ERROR.
    Logged,
}

/// One error of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorLink {
    /// Its type or, where the type is hidden, the name that its `Debug` begins with.
    pub(crate) type_name: Option<String>,
    pub(crate) message: String,
}

impl ErrorRecord {
    /// What can only be had here and now: the stack, the thread, the open spans.
    pub(crate) fn here(
        how: Told,
        chain: (Vec<ErrorLink>, Option<u32>),
        location: &Location<'_>,
    ) -> Self {
        Self {
            how,
            chain: chain.0,
            more: chain.1,
            location: Some(CodeLocation::of(location)),
            thread: Thread::current(),
            stack: Some(RawStack::take()),
            spans: super::with_current(super::RequestContext::open_spans).unwrap_or_default(),
            event: None,
        }
    }

    /// An error that has no place in the app's code: one that a body or a service gave.
    pub(crate) fn placeless(how: Told, chain: (Vec<ErrorLink>, Option<u32>)) -> Self {
        Self {
            how,
            chain: chain.0,
            more: chain.1,
            location: None,
            thread: Thread::current(),
            stack: None,
            spans: Vec::new(),
            event: None,
        }
    }

    /// Whether both tell of the same error: the shorter chain is a part of the longer one.
    pub(crate) fn is_part_of(&self, other: &Self) -> bool {
        let (long, short) = if self.chain.len() >= other.chain.len() {
            (&self.chain, &other.chain)
        } else {
            (&other.chain, &self.chain)
        };
        let same = |(one, other): (&ErrorLink, &ErrorLink)| one.message == other.message;
        !short.is_empty()
            && long
                .windows(short.len())
                .any(|part| part.iter().zip(short).all(same))
    }
}

/// A place in the source code.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct CodeLocation {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl CodeLocation {
    pub(crate) fn of(location: &Location<'_>) -> Self {
        Self {
            file: location.file().to_owned(),
            line: location.line(),
            column: location.column(),
        }
    }

    /// The path as the compiler was given it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The column, from 1; 0 where it is not known, as with `tracing` events.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.column
    }
}

impl std::fmt::Display for CodeLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        match self.column {
            0 => Ok(()),
            column => write!(f, ":{column}"),
        }
    }
}
