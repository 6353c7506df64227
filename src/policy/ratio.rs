//! From which share of failures on the app, or one of its routes, is a problem.

use std::time::Duration;

/// The share of the app's requests that may not fail: 5 %.
pub const DEFAULT_APP_RATIO: f64 = 0.05;
/// The requests of the app from which on its ratio says something: 100.
pub const DEFAULT_APP_RATIO_REQUESTS: u64 = 100;
/// The share of a route's requests that may not fail: 20 %.
pub const DEFAULT_ROUTE_RATIO: f64 = 0.2;
/// The requests of a route from which on its ratio says something: 50.
pub const DEFAULT_ROUTE_RATIO_REQUESTS: u64 = 50;
/// The time over which requests and failures are counted: the last 5 minutes.
pub const ERROR_RATIO_WINDOW: Duration = Duration::from_secs(5 * 60);

/// From which share of failures on the app, or one of its routes, is a problem; for
/// [`Policy::error_ratio`](super::Policy::error_ratio).
///
/// Requests and failures of the last [`ERROR_RATIO_WINDOW`] count. Such a problem is told when it begins, and when it has
/// been over for [7 minutes](super::ALL_CLEAR_AFTER).
///
/// ```
/// use tower_monitor::policy::{ErrorRatio, Policy};
///
/// // 1 % of at least 1,000 requests, and half of at least 20 of one route.
/// let policy = Policy::new().error_ratio(ErrorRatio::new().app(0.01, 1_000).routes(0.5, 20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct ErrorRatio {
    app: Option<Bound>,
    routes: Option<Bound>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    share: f64,
    least: u64,
}

impl ErrorRatio {
    /// Both bounds at their default.
    pub const fn new() -> Self {
        Self {
            app: Some(Bound {
                share: DEFAULT_APP_RATIO,
                least: DEFAULT_APP_RATIO_REQUESTS,
            }),
            routes: Some(Bound {
                share: DEFAULT_ROUTE_RATIO,
                least: DEFAULT_ROUTE_RATIO_REQUESTS,
            }),
        }
    }

    /// The whole app is a problem when this share of its requests fails, and there are at least `requests`. The share is above 0
    /// and at most 1. Default: [`DEFAULT_APP_RATIO`] of [`DEFAULT_APP_RATIO_REQUESTS`].
    pub const fn app(mut self, share: f64, requests: u64) -> Self {
        self.app = Some(Bound {
            share,
            least: requests,
        });
        self
    }

    /// The same for each route. Default: [`DEFAULT_ROUTE_RATIO`] of [`DEFAULT_ROUTE_RATIO_REQUESTS`].
    pub const fn routes(mut self, share: f64, requests: u64) -> Self {
        self.routes = Some(Bound {
            share,
            least: requests,
        });
        self
    }

    /// The ratio of the whole app is not told.
    pub const fn without_app(mut self) -> Self {
        self.app = None;
        self
    }

    /// The ratios of routes are not told.
    pub const fn without_routes(mut self) -> Self {
        self.routes = None;
        self
    }

    pub(super) fn is_exceeded(&self, of_route: bool, requests: u64, failures: u64) -> bool {
        let bound = if of_route { self.routes } else { self.app };
        bound.is_some_and(|bound| {
            requests >= bound.least.max(1) && failures as f64 / requests as f64 >= bound.share
        })
    }

    pub(super) fn mistakes(&self) -> Vec<String> {
        let bounds = [("app", self.app), ("routes", self.routes)];
        let mut mistakes = Vec::new();
        for (of, bound) in bounds {
            let Some(Bound { share, least }) = bound else {
                continue;
            };
            if !(share > 0.0 && share <= 1.0) {
                let mistake = format!("a share of {share} is not above 0 and at most 1");
                mistakes.push(format!("error_ratio: {of}: {mistake}"));
            }
            if least == 0 {
                mistakes.push(format!(
                    "error_ratio: {of}: no share is known of 0 requests"
                ));
            }
        }
        mistakes
    }
}

impl Default for ErrorRatio {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn a_share_is_told_from_its_bound_on_and_of_enough_requests() {
        let policy = Policy::new();
        for (route, requests, failures, exceeded) in [
            (None, 100, 5, true),
            (None, 100, 4, false),
            (None, 99, 99, false),
            (None, 0, 0, false),
            (None, u64::MAX, u64::MAX, true),
            (Some("/buy"), 50, 10, true),
            (Some("/buy"), 50, 9, false),
            (Some("/buy"), 49, 49, false),
        ] {
            assert_eq!(
                policy.ratio_exceeded(route, requests, failures),
                exceeded,
                "{route:?} {failures} of {requests}"
            );
        }
    }

    #[test]
    fn each_bound_can_be_set_and_turned_off() {
        let exceeded = |ratio: ErrorRatio, route| {
            let policy = Policy::new().error_ratio(ratio);
            assert_eq!(policy.check(), Ok(()));
            policy.ratio_exceeded(route, 100, 7)
        };
        assert!(exceeded(ErrorRatio::new().app(0.07, 100), None));
        assert!(!exceeded(ErrorRatio::new().app(0.08, 100), None));
        assert!(!exceeded(ErrorRatio::new().without_app(), None));
        assert!(exceeded(ErrorRatio::new().routes(0.07, 1), Some("/")));
        assert!(!exceeded(
            ErrorRatio::new().routes(0.07, 1).without_routes(),
            Some("/")
        ));
        let off = Policy::new().without_error_ratio();
        assert!(!off.ratio_exceeded(None, 100, 100));
        assert!(!off.ratio_exceeded(Some("/"), 100, 100));
    }

    #[test]
    fn a_share_that_is_none_is_refused() {
        for share in [0.0, -0.5, 1.01, f64::NAN, f64::INFINITY] {
            for ratio in [
                ErrorRatio::new().app(share, 1),
                ErrorRatio::new().routes(share, 1),
            ] {
                let mistake = Policy::new().error_ratio(ratio).check().unwrap_err();
                assert!(mistake.starts_with("error_ratio: "), "{mistake}");
            }
        }
        let none = ErrorRatio::new().routes(0.5, 0);
        assert!(Policy::new().error_ratio(none).check().is_err());
    }
}
