//! The layer: a monitor, ready to go round services.

use tower_layer::Layer;

use super::MonitorService;
use crate::monitor::Monitor;

/// Watches every request of the service it goes round. See the [module](super) for where it goes and what happens when.
#[derive(Clone, Debug)]
pub struct MonitorLayer {
    monitor: Monitor,
}

impl MonitorLayer {
    /// The layer of the process's default monitor: audit records and alerts go to `tracing`.
    ///
    /// May be called anywhere, also outside a runtime, and as often as you like: all share one monitor. For everything else
    /// there is [`Monitor::builder`].
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "`new` starts a thread, which a `Default` should not"
    )]
    pub fn new() -> Self {
        Monitor::process_wide().layer()
    }

    /// The monitor behind this layer.
    #[must_use]
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

impl Monitor {
    /// The layer that goes round the service.
    #[must_use]
    pub fn layer(&self) -> MonitorLayer {
        MonitorLayer {
            monitor: self.clone(),
        }
    }
}

impl<S> Layer<S> for MonitorLayer {
    type Service = MonitorService<S>;

    fn layer(&self, inner: S) -> MonitorService<S> {
        MonitorService::new(inner, self.monitor.clone())
    }
}
