//! The way of a record from its request to the writer's thread.
//!
//! A channel without bound or lock, a counter that gives it one, and a thread that need not be woken: waking one costs
//! microseconds, so while there is traffic the writer looks by itself, and only after a quiet second it sleeps.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::WhenFull;
use crate::guard::contained;
use crate::loss::{LossCounter, LossReason};
use crate::observation::Observation;

/// The end that requests hold.
pub(super) struct Queue {
    /// Before `last`: dropped in this order, so that the writer finds the channel closed when it is woken.
    sender: Sender<Message>,
    last: WakeOnDrop,
    losses: Arc<LossCounter>,
}

pub(super) enum Message {
    Record(Observation),
    Flush(oneshot::Sender<()>),
}

/// What both ends know.
pub(super) struct Shared {
    capacity: usize,
    when_full: WhenFull,
    /// The records that were handed over and not yet written or counted as lost.
    depth: AtomicUsize,
    /// The writer sleeps, or is about to: whoever hands something over has to wake it.
    asleep: AtomicBool,
    /// The writer has ended.
    closed: AtomicBool,
    thread: OnceLock<Thread>,
    is_waiting: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// The tasks at the door, by the address of their waker.
#[derive(Default)]
struct Waiting {
    tasks: HashMap<(usize, usize), Waker>,
    sifted: Option<Instant>,
}

struct WakeOnDrop(Arc<Shared>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

pub(super) fn queue(
    capacity: usize,
    when_full: WhenFull,
    losses: Arc<LossCounter>,
) -> (Queue, Receiver<Message>, Arc<Shared>) {
    let (sender, receiver) = mpsc::channel();
    let shared = Arc::new(Shared {
        capacity,
        when_full,
        depth: AtomicUsize::new(0),
        asleep: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        thread: OnceLock::new(),
        is_waiting: AtomicBool::new(false),
        waiting: Mutex::default(),
    });
    let last = WakeOnDrop(Arc::clone(&shared));
    let queue = Queue {
        sender,
        last,
        losses,
    };
    (queue, receiver, shared)
}

impl Queue {
    /// Hands a record over, or counts it as lost.
    pub(super) fn push(&self, observation: &Observation) {
        let shared = &*self.last.0;
        let depth = shared.depth.fetch_add(1, Ordering::Relaxed);
        let loss = if depth >= shared.capacity && shared.when_full == WhenFull::Drop {
            Some(LossReason::AuditQueueFull)
        } else {
            let sent = self.sender.send(Message::Record(observation.clone()));
            sent.err().map(|_| LossReason::AuditWriteFailed)
        };
        if let Some(reason) = loss {
            shared.depth.fetch_sub(1, Ordering::Relaxed);
            self.losses.add(reason, 1);
            return;
        }
        // Pairs with the fence in `fall_asleep`: either the writer sees the record, or this sees that it sleeps.
        fence(Ordering::SeqCst);
        if shared.asleep.load(Ordering::Relaxed) {
            if shared.asleep.swap(false, Ordering::Relaxed) {
                shared.unpark();
            }
        } else if depth == shared.capacity / 2 {
            // A small queue can fill up between two looks.
            shared.unpark();
        }
    }

    /// Whether there is room, for those who wait for it.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = &*self.last.0;
        if shared.when_full == WhenFull::Drop || shared.has_room() {
            return Poll::Ready(());
        }
        shared.wait(cx.waker());
        // Pairs with the fence in `settle`: either the writer sees the waker, or this sees the room.
        fence(Ordering::SeqCst);
        if shared.has_room() {
            return Poll::Ready(());
        }
        shared.unpark();
        Poll::Pending
    }

    /// The answer comes when everything that was handed over before is written or counted as lost.
    pub(super) fn flush(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        // When the writer has ended, the sender is dropped here, and that is an answer too.
        let _ = self.sender.send(Message::Flush(sender));
        self.last.0.asleep.store(false, Ordering::Relaxed);
        self.last.0.unpark();
        receiver
    }

    #[cfg(test)]
    pub(super) fn is_asleep(&self) -> bool {
        self.last.0.asleep.load(Ordering::SeqCst)
    }
}

impl Shared {
    pub(super) fn set_thread(&self, thread: &Thread) {
        let _ = self.thread.set(thread.clone());
    }

    /// Announces that the writer is going to sleep. It must look into the channel once more before it does; `false` when
    /// that was announced already.
    pub(super) fn fall_asleep(&self) -> bool {
        let first = !self.asleep.swap(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        first
    }

    pub(super) fn wake_up(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// So many records are done with.
    pub(super) fn settle(&self, records: usize) {
        self.depth.fetch_sub(records, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.is_waiting.load(Ordering::Relaxed) && self.has_room() {
            self.open_the_door();
        }
    }

    /// The writer has ended: nobody may wait for it.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.open_the_door();
    }

    fn has_room(&self) -> bool {
        self.depth.load(Ordering::Relaxed) < self.capacity || self.closed.load(Ordering::Relaxed)
    }

    fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn wait(&self, waker: &Waker) {
        let key = (
            waker.data() as usize,
            std::ptr::from_ref(waker.vtable()) as usize,
        );
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.tasks.entry(key).or_insert_with(|| waker.clone());
        self.is_waiting.store(true, Ordering::Relaxed);
        // Tasks that have gone leave their waker behind. Now and then all are woken, and only those that live come back.
        let now = Instant::now();
        let rested = |last: Instant| now.duration_since(last) >= SIFT_EVERY;
        if waiting.tasks.len() > MANY_TASKS && waiting.sifted.is_none_or(rested) {
            waiting.sifted = Some(now);
            let tasks = std::mem::take(&mut waiting.tasks);
            drop(waiting);
            wake(tasks);
        }
    }

    fn open_the_door(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_waiting.store(false, Ordering::Relaxed);
        let tasks = std::mem::take(&mut waiting.tasks);
        drop(waiting);
        wake(tasks);
    }
}

/// Outside of every lock: a waker is foreign code.
fn wake(tasks: HashMap<(usize, usize), Waker>) {
    for waker in tasks.into_values() {
        let _ = contained(|| waker.wake());
    }
}

const MANY_TASKS: usize = 1024;
const SIFT_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::sample::{self, Count};

    fn full_queue() -> (Queue, Receiver<Message>, Arc<Shared>) {
        let all = queue(2, WhenFull::Wait, Arc::default());
        for _ in 0..3 {
            all.0.push(&sample::bare("GET", "/"));
        }
        all
    }

    #[test]
    fn who_waits_is_woken_when_there_is_room() {
        let (queue, receiver, shared) = full_queue();
        let (count, waker) = Count::waker();
        let mut cx = Context::from_waker(&waker);
        assert!(queue.poll_ready(&mut cx).is_pending());
        assert!(queue.poll_ready(&mut cx).is_pending());
        shared.settle(1);
        assert_eq!(count.get(), 0, "still no room");
        shared.settle(1);
        assert_eq!(count.get(), 1, "once, however often it asked");
        assert!(queue.poll_ready(&mut cx).is_ready());
        assert_eq!(
            receiver.try_iter().count(),
            3,
            "beyond the capacity nothing is dropped"
        );
    }

    #[test]
    fn nobody_waits_for_a_writer_that_has_ended() {
        let (queue, receiver, shared) = full_queue();
        let (count, waker) = Count::waker();
        let mut cx = Context::from_waker(&waker);
        assert!(queue.poll_ready(&mut cx).is_pending());
        drop(receiver);
        shared.close();
        assert_eq!(count.get(), 1);
        assert!(queue.poll_ready(&mut cx).is_ready());
        queue.push(&sample::bare("GET", "/"));
        assert_eq!(queue.losses.totals().of(LossReason::AuditWriteFailed), 1);
        assert!(queue.flush().blocking_recv().is_err(), "answered at once");
    }

    #[test]
    fn the_wakers_of_tasks_that_have_gone_do_not_pile_up() {
        let (queue, _receiver, shared) = full_queue();
        for _ in 0..=MANY_TASKS {
            let (_, waker) = Count::waker();
            assert!(
                queue
                    .poll_ready(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        assert!(shared.waiting.lock().unwrap().tasks.is_empty());
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (queue, receiver, _) = queue(2, WhenFull::Drop, Arc::default());
        for _ in 0..5 {
            queue.push(&sample::bare("GET", "/"));
        }
        assert!(
            queue
                .poll_ready(&mut Context::from_waker(Waker::noop()))
                .is_ready()
        );
        assert_eq!(receiver.try_iter().count(), 2);
        assert_eq!(queue.losses.totals().of(LossReason::AuditQueueFull), 3);
    }
}
