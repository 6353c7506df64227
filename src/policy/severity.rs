//! How bad a problem is, by its kind and its route.

use crate::issue::Severity;
use crate::occurrence::{Kind, Occurrence};
use crate::request::RoutePattern;

/// What the app's owner says, before the [defaults](Severity::of).
#[derive(Clone, Debug, Default)]
pub(super) struct Severities {
    kinds: Vec<(Kind, Severity)>,
    routes: Vec<(RoutePattern, Severity)>,
}

impl Severities {
    pub(super) fn set_kind(&mut self, kind: Kind, severity: Severity) {
        self.kinds.retain(|(known, _)| *known != kind);
        self.kinds.push((kind, severity));
    }

    pub(super) fn add_route(&mut self, route: RoutePattern, severity: Severity) {
        self.routes.push((route, severity));
    }

    pub(super) fn of(&self, occurrence: &Occurrence) -> Severity {
        let kind = occurrence.kind;
        let request = occurrence.request.as_ref();
        let on_route = |(pattern, severity): &(RoutePattern, Severity)| {
            let fits = match (request, occurrence.failing_route()) {
                (Some(request), _) => {
                    let route = request.route.as_ref().unwrap_or(&request.path);
                    pattern.matches(&request.method, route)
                }
                (None, Some(route)) => pattern.matches("", route),
                (None, None) => false,
            };
            fits.then_some(*severity)
        };
        let by_kind = |(known, severity): &(Kind, Severity)| (*known == kind).then_some(*severity);
        let by_default = || match (kind, occurrence.failing_route()) {
            (Kind::ErrorRatio, None) => Severity::Critical,
            _ => Severity::of(kind),
        };
        let told = self.routes.iter().find_map(on_route);
        told.or_else(|| self.kinds.iter().find_map(by_kind))
            .unwrap_or_else(by_default)
    }
}
