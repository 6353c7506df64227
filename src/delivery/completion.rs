//! The first step of the pipeline: from evidence to an occurrence with a fingerprint.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::queue::Report;
use crate::guard::contained;
use crate::occurrence::{Evidence, Fingerprint, GroupRule, Occurrence, Origin, Surroundings};
use crate::platform::{Platform, Vitals};
use crate::redact::Redactor;
use crate::request::InFlight;
use crate::stack::{Resolver, Stack};

/// Resolves stacks, recognises problems, takes secrets out.
pub(crate) struct Completion {
    redactor: Redactor,
    origin: Arc<Origin>,
    last_word: Option<LastWord>,
    group_by: Option<GroupRule>,
    in_flight: Arc<InFlight>,
    vitals: Option<(Instant, Vitals)>,
    resolver: Resolver,
    /// The problems known at each place, told apart by their words.
    wordings: HashMap<Fingerprint, Vec<Fingerprint>>,
}

/// Sees an occurrence before it is stored or sent, and may change it.
pub(crate) type LastWord = Arc<dyn Fn(&mut Occurrence) + Send + Sync>;

impl Completion {
    pub(crate) fn new(
        redactor: Redactor,
        origin: Origin,
        last_word: Option<LastWord>,
        group_by: Option<GroupRule>,
        in_flight: Arc<InFlight>,
    ) -> Self {
        Self {
            redactor,
            origin: Arc::new(origin),
            last_word,
            group_by,
            in_flight,
            vitals: None,
            resolver: Resolver::new(),
            wordings: HashMap::new(),
        }
    }

    /// Reads what does not change while the process runs.
    pub(super) fn prepare(&mut self) {
        let origin = Arc::make_mut(&mut self.origin);
        let revision = origin.platform.git_revision.take();
        origin.platform = Platform::read();
        if revision.is_some() {
            origin.platform.git_revision = revision;
        }
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    pub(super) fn release(&self) -> Option<String> {
        self.origin.release.clone()
    }

    /// Nothing has failed for a while.
    pub(super) fn rest(&mut self) {
        self.resolver.rest();
    }

    /// Read anew at most ten times a second: a dozen files of the system's, for each of many occurrences, tell nothing more.
    fn vitals(&mut self) -> Vitals {
        let is_fresh = |read: &(Instant, Vitals)| read.0.elapsed() < VITALS_LAST;
        if !self.vitals.as_ref().is_some_and(is_fresh) {
            let read = contained(Vitals::read).unwrap_or_default();
            self.vitals = Some((Instant::now(), read));
        }
        let known = self.vitals.as_ref().map(|(_, vitals)| vitals.clone());
        Vitals {
            requests_in_flight: Some(self.in_flight.count()),
            ..known.unwrap_or_default()
        }
    }

    /// `known` is the problem that the report's key stood for the last time.
    pub(super) fn complete(&mut self, report: Report, known: Option<Fingerprint>) -> Occurrence {
        let with_words = report.key == report.site.exact;
        let mut evidence = report.evidence;
        if evidence.group.is_none() {
            // It was not asked where a panic hook reported.
            evidence = evidence.grouped_by(self.group_by.as_ref());
        }
        let stack = self.stack(&evidence);
        let fingerprint = match known {
            // Without its stack it would look like another one.
            Some(known) if evidence.lacks_stack() => known,
            _ => self.fingerprint(&evidence, stack.as_ref(), with_words),
        };
        let bare = Occurrence::bare(&evidence, fingerprint, &self.origin);
        let id = evidence
            .request
            .as_ref()
            .map(|request| request.id().clone());
        let vitals = self.vitals();
        let with = Surroundings {
            redactor: &self.redactor,
            origin: &self.origin,
            stack,
            vitals,
        };
        let whole = contained(|| evidence.complete(fingerprint, with));
        let Some(mut whole) = whole else {
            return bare.without_all(id, "the monitor panicked while it completed this");
        };
        match &self.last_word {
            None => whole,
            // Whatever it has changed so far may be half of what it was to take out.
            Some(last_word) => match contained(|| last_word(&mut whole)) {
                Some(()) => whole,
                None => bare.without_all(id, "the `before_send` function panicked"),
            },
        }
    }

    fn stack(&mut self, evidence: &Evidence) -> Option<Stack> {
        let raw = evidence.stack()?;
        let mut stack = contained(|| self.resolver.resolve(raw))?;
        if let Some(location) = evidence.location() {
            stack.name_files_like(location.file());
        }
        self.learn_versions(&stack);
        Some(stack)
    }

    fn fingerprint(
        &mut self,
        evidence: &Evidence,
        stack: Option<&Stack>,
        with_words: bool,
    ) -> Fingerprint {
        let place = Fingerprint::of(evidence, stack, false);
        if !with_words {
            return place;
        }
        let exact = Fingerprint::of(evidence, stack, true);
        if self.knows_words(place, exact) {
            exact
        } else {
            place
        }
    }

    /// Whether these words are among the first of the place.
    fn knows_words(&mut self, place: Fingerprint, exact: Fingerprint) -> bool {
        if place == exact {
            return true;
        }
        if self.wordings.len() >= MAX_PLACES {
            self.wordings.clear();
        }
        let known = self.wordings.entry(place).or_default();
        if !known.contains(&exact) && known.len() < MAX_WORDINGS {
            known.push(exact);
        }
        known.contains(&exact)
    }

    /// Paths in frames name the versions of the crates they are from.
    fn learn_versions(&mut self, stack: &Stack) {
        let known = &self.origin.platform.crates;
        if stack
            .crates
            .iter()
            .any(|(name, version)| known.get(name) != Some(version))
        {
            let origin = Arc::make_mut(&mut self.origin);
            origin.platform.crates.extend(stack.crates.clone());
        }
    }
}

/// Far more than there are places in a program that fail with changing words.
const MAX_PLACES: usize = 4096;
const MAX_WORDINGS: usize = 16;
const VITALS_LAST: Duration = Duration::from_millis(100);
