//! The life of one request as far as failures matter: what was noticed and is not told yet, and who still works for it.

use std::sync::TryLockError;

use super::{Finding, Noticed, PanicRecord, RequestContext};

/// What was noticed in a request, and how far the request is.
#[derive(Default)]
pub(super) struct Life {
    /// Made when there is something.
    seen: Option<Box<Seen>>,
    /// The answer is known to be no failure: what comes now is told at once.
    is_answered: bool,
    /// Something was told, and the background thread has yet to look at the request.
    is_told: bool,
    is_over: bool,
    /// Tasks that work for the request, and may outlive it.
    children: u32,
}

#[derive(Default)]
struct Seen {
    /// Panics that the hook saw and nobody has caught yet, the last one last.
    #[expect(
        clippy::vec_box,
        reason = "a record is large, and is moved about while a thread panics"
    )]
    panics: Vec<Box<PanicRecord>>,
    /// What the app passed on before its answer: it may be the reason of a failing one.
    noticed: Vec<Finding>,
}

impl RequestContext {
    /// Called by the panic hook: never waits. When the request's state is in use, the record comes back.
    ///
    /// When there are too many, the oldest one makes room and is handed out: nobody has claimed it for so long that the app must
    /// have got over it.
    pub(crate) fn put_panic(
        &self,
        mut record: Box<PanicRecord>,
    ) -> Result<Option<Finding>, Box<PanicRecord>> {
        let mut state = match self.0.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(record),
        };
        if let Some(trail) = &mut state.trail {
            // Unwinding closes them before anybody looks.
            record.spans = trail.spans().to_vec();
        }
        let life = &mut state.life;
        let panics = &mut life.seen.get_or_insert_default().panics;
        let oldest = (panics.len() >= MAX_PANICS).then(|| panics.remove(0));
        panics.push(record);
        life.is_told |= oldest.is_some();
        Ok(oldest.map(|panic| Finding::new(Noticed::Panic(panic), Some(self.clone()))))
    }

    /// The panic that `is_it` recognises, the last one first, once.
    pub(crate) fn take_panic(
        &self,
        is_it: impl Fn(&PanicRecord) -> bool,
    ) -> Option<Box<PanicRecord>> {
        let mut state = self.state();
        let panics = &mut state.life.seen.as_mut()?.panics;
        let at = panics.iter().rposition(|panic| is_it(panic))?;
        Some(panics.remove(at))
    }

    /// Keeps a finding until the answer shows whether it is part of a failure. It comes back when that is known already, or
    /// when there are too many.
    pub(crate) fn notice(&self, finding: Finding) -> Result<(), Finding> {
        let mut state = self.state();
        let life = &mut state.life;
        let noticed = &mut life.seen.get_or_insert_default().noticed;
        if life.is_answered || life.is_over || noticed.len() >= MAX_NOTICED {
            life.is_told = true;
            return Err(finding);
        }
        noticed.push(finding);
        Ok(())
    }

    /// What was noticed before the answer, and panics that the app got over. From now on, such things are told at once.
    pub(crate) fn take_noticed(&self) -> Vec<Finding> {
        let mut state = self.state();
        let life = &mut state.life;
        life.is_answered = true;
        let Some(seen) = life.seen.take() else {
            return Vec::new();
        };
        drop(state);
        let Seen {
            panics,
            mut noticed,
        } = *seen;
        noticed.extend(
            panics
                .into_iter()
                .map(|panic| Finding::new(Noticed::Panic(panic), Some(self.clone()))),
        );
        noticed
    }

    /// Something is told that the background thread completes from this request.
    pub(crate) fn keep_for_telling(&self) {
        self.state().life.is_told = true;
    }

    /// The request is over. What only a failure would have needed goes, unless one was told or a child still works for the
    /// request: audit records that wait for their writer are to be small.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.life.is_over = true;
        state.forget_if_done();
    }

    /// A task that works for this request begins.
    pub(crate) fn child(&self) -> Child {
        self.state().life.children += 1;
        Child(self.clone())
    }
}

impl super::State {
    fn forget_if_done(&mut self) {
        if self.life.is_over && !self.life.is_told && self.life.children == 0 {
            self.headers = Default::default();
            self.trail = None;
            self.body = None;
        }
    }
}

/// A task that works for a request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Child(RequestContext);

impl Child {
    pub(crate) fn request(&self) -> &RequestContext {
        &self.0
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let mut state = self.0.state();
        let life = &mut state.life;
        life.children -= 1;
        // When the request is over, nobody else looks for the panics that its tasks got over, or that their destructors had.
        let is_last = life.is_over && life.children == 0;
        let left = life.seen.take_if(|_| is_last).map(|seen| seen.panics);
        life.is_told |= left.as_ref().is_some_and(|panics| !panics.is_empty());
        state.forget_if_done();
        drop(state);
        for panic in left.into_iter().flatten() {
            Finding::new(Noticed::Panic(panic), Some(self.0.clone())).report();
        }
    }
}

const MAX_PANICS: usize = 4;
const MAX_NOTICED: usize = 64;
