//! Less and less of an alert, until the destination takes it.

use std::future::Future;

use uuid::Uuid;

use super::NotifyError;
use super::recent::Recent;
use crate::guard::contained;

/// How much of an alert is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Size {
    /// Everything that the format has room for.
    #[default]
    Whole,
    /// What matters most, far below every bound.
    Small,
    /// A line or two in plain words, with nothing in them that could be at fault.
    Failsafe,
}

impl Size {
    #[cfg(test)]
    pub(super) const ALL: [Self; 3] = [Self::Whole, Self::Small, Self::Failsafe];

    fn less(self) -> Option<Self> {
        match self {
            Self::Whole => Some(Self::Small),
            Self::Small => Some(Self::Failsafe),
            Self::Failsafe => None,
        }
    }
}

/// Knows what was refused of the alerts that are tried again.
#[derive(Debug, Default)]
pub(super) struct Shrink(Recent<Size>);

impl Shrink {
    /// Sends the whole alert and, when the destination [refuses that as it is](NotifyError::payload_refused), less of it, where the
    /// try before left off. What was refused is said in the local log.
    ///
    /// # Errors
    ///
    /// The first error that less would not mend, or the last refusal.
    pub(super) async fn send<F, S>(
        &self,
        notifier: &str,
        alert: Uuid,
        send: S,
    ) -> Result<(), NotifyError>
    where
        F: Future<Output = Result<(), NotifyError>>,
        S: Fn(Size) -> F,
    {
        let mut size = self.0.of(alert);
        loop {
            match (send(size).await, size.less()) {
                (Err(error), Some(less)) if error.is_payload_refused() => {
                    let _ = contained(|| {
                        tracing::warn!(
                            target: "tower_monitor", notifier, ?size, %error,
                            "the destination refused an alert as it was; less of it is sent"
                        );
                    });
                    self.0.note(alert, |known| *known = less);
                    size = less;
                }
                (Err(error), _) if error.is_temporary() => return Err(error),
                (result, _) => {
                    self.0.forget(alert);
                    return result;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    const ALERT: Uuid = Uuid::from_u128(7);

    /// What became of it, and the sizes that were sent, when these are refused.
    async fn sent(
        shrink: &Shrink,
        answer: impl Fn(Size) -> Result<(), NotifyError>,
    ) -> (Result<(), NotifyError>, Vec<Size>) {
        let sizes = RefCell::new(Vec::new());
        let result = shrink.send("test", ALERT, |size| {
            sizes.borrow_mut().push(size);
            std::future::ready(answer(size))
        });
        let result = result.await;
        (result, sizes.into_inner())
    }

    #[tokio::test]
    async fn less_is_sent_only_when_the_payload_is_at_fault() {
        let shrink = Shrink::default();
        let (result, sizes) = sent(&shrink, |_| Ok(())).await;
        assert_eq!((result, &sizes[..]), (Ok(()), &[Size::Whole][..]));

        let (result, sizes) = sent(&shrink, |size| match size {
            Size::Failsafe => Ok(()),
            _ => Err(NotifyError::payload_refused("too long")),
        })
        .await;
        assert_eq!((result, sizes), (Ok(()), Size::ALL.to_vec()));

        let gone = NotifyError::destination_gone("401");
        let (result, sizes) = sent(&shrink, |_| Err(gone.clone())).await;
        assert_eq!((result, sizes), (Err(gone.clone()), vec![Size::Whole]));

        let refused = NotifyError::payload_refused("no");
        let (result, sizes) = sent(&shrink, |_| Err(refused.clone())).await;
        assert_eq!((result, sizes.len()), (Err(refused.clone()), 3));
    }

    #[tokio::test]
    async fn the_next_try_goes_on_with_what_was_not_refused() {
        let shrink = Shrink::default();
        let busy = NotifyError::temporary("503");
        for expected in [&[Size::Whole, Size::Small][..], &[Size::Small]] {
            let (result, sizes) = sent(&shrink, |size| match size {
                Size::Whole => Err(NotifyError::payload_refused("too long")),
                _ => Err(busy.clone()),
            })
            .await;
            assert_eq!((result, &sizes[..]), (Err(busy.clone()), expected));
        }
        let (result, sizes) = sent(&shrink, |_| Ok(())).await;
        assert_eq!((result, sizes), (Ok(()), vec![Size::Small]));
        assert_eq!(sent(&shrink, |_| Ok(())).await.1, [Size::Whole]);
    }
}
