//! Of what no notice is taken. Judged where a request fails, before anything is kept of it.

use crate::occurrence::Kind;
use crate::request::{RoutePattern, UserAgent};

/// Of what no notice is taken, for [`Policy::ignore`](super::Policy::ignore).
///
/// Conditions of different sorts must all fit; of one sort, one is enough. A rule without a condition is an error of
/// [`build()`](crate::Builder::build).
///
/// ```
/// use tower_monitor::policy::{Ignore, Policy};
///
/// let policy = Policy::new()
///     .ignore(Ignore::new().route("/health/*"))
///     .ignore(Ignore::new().status(502).status(503).user_agent("load-test"));
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Ignore {
    kinds: Vec<Kind>,
    statuses: Vec<u16>,
    routes: Vec<RoutePattern>,
    agents: Vec<String>,
    bots: bool,
    mistakes: Vec<String>,
}

/// What a rule can know of a failure, before it is an occurrence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'s> {
    pub(crate) kind: Kind,
    pub(crate) status: Option<u16>,
    pub(crate) method: Option<&'s str>,
    /// The route or, where no router named one, the path.
    pub(crate) route: Option<&'s str>,
    pub(crate) user_agent: Option<&'s str>,
}

impl Ignore {
    /// A rule without a condition yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What fails on this route: `/health/{part}`, all below `/health/*`, or one method's as in `GET /health`. A request without a
    /// route is known by its path.
    pub fn route(mut self, route: &str) -> Self {
        match RoutePattern::parse(route) {
            Ok(pattern) => self.routes.push(pattern),
            Err(mistake) => self.mistakes.push(mistake),
        }
        self
    }

    /// What is answered with this status, 100 to 599.
    pub fn status(mut self, status: u16) -> Self {
        if !(100..600).contains(&status) {
            self.mistakes.push(format!("{status} is no status"));
        }
        self.statuses.push(status);
        self
    }

    /// What is of this kind.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// What fails for a client in whose `User-Agent` this text stands, in any case. The header's first 512 bytes are looked at.
    pub fn user_agent(mut self, part: &str) -> Self {
        if part.is_empty() {
            let mistake = "an empty part of a user agent fits every one";
            self.mistakes.push(mistake.to_owned());
        }
        self.agents.push(part.to_owned());
        self
    }

    /// What fails for crawlers, link previews and watchers, as far as their `User-Agent` says so.
    pub fn bots(mut self) -> Self {
        self.bots = true;
        self
    }

    pub(super) fn fits(&self, seen: &Seen<'_>) -> bool {
        let method = seen.method.unwrap_or_default();
        let on_route = |pattern: &RoutePattern| {
            seen.route
                .is_some_and(|route| pattern.matches(method, route))
        };
        let by_agent = |part: &String| {
            seen.user_agent
                .is_some_and(|agent| contains_in_any_case(agent, part))
        };
        one_of(&self.kinds, |kind| *kind == seen.kind)
            && one_of(&self.statuses, |status| Some(*status) == seen.status)
            && one_of(&self.routes, on_route)
            && one_of(&self.agents, by_agent)
            && (!self.bots || seen.user_agent.is_some_and(UserAgent::is_bot))
    }

    pub(super) fn mistakes(&self) -> Vec<String> {
        let is_empty = self.kinds.is_empty()
            && self.statuses.is_empty()
            && self.routes.is_empty()
            && self.agents.is_empty()
            && !self.bots
            && self.mistakes.is_empty();
        let empty = is_empty.then(|| "a rule without a condition ignores everything".to_owned());
        let mistakes = self.mistakes.iter().cloned().chain(empty);
        mistakes
            .map(|mistake| format!("ignore: {mistake}"))
            .collect()
    }
}

fn one_of<T>(conditions: &[T], fits: impl Fn(&T) -> bool) -> bool {
    conditions.is_empty() || conditions.iter().any(fits)
}

fn contains_in_any_case(text: &str, part: &str) -> bool {
    let mut windows = text.as_bytes().windows(part.len().max(1));
    windows.any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    const FAILURE: Seen<'_> = Seen {
        kind: Kind::ServerError,
        status: Some(503),
        method: Some("GET"),
        route: Some("/health/live"),
        user_agent: Some("Mozilla/5.0 (compatible; Googlebot/2.1)"),
    };

    #[test]
    fn a_condition_fits_what_it_names() {
        let new = Ignore::new;
        for (rule, fits) in [
            (new().route("/health/*"), true),
            (new().route("POST /health/*"), false),
            (new().route("/buy"), false),
            (new().status(503), true),
            (new().status(500), false),
            (new().kind(Kind::ServerError), true),
            (new().kind(Kind::Panic), false),
            (new().user_agent("googleBOT/2"), true),
            (new().user_agent("curl"), false),
            (new().bots(), true),
            (new().route("/health/*").status(503).bots(), true),
            (new().route("/health/*").status(500), false),
            (new().status(500).status(503), true),
            (new().status(500).status(503).route("/buy"), false),
        ] {
            let policy = Policy::new().ignore(rule);
            assert_eq!(policy.check(), Ok(()));
            assert_eq!(policy.ignores(&FAILURE), fits, "{policy:?}");
        }
        assert!(!Policy::new().ignores(&FAILURE));
        let several = Policy::new().ignore(new().status(500)).ignore(new().bots());
        assert!(several.ignores(&FAILURE), "one of several is enough");
    }

    #[test]
    fn what_is_not_known_fits_no_condition() {
        let unknown = Seen {
            status: None,
            method: None,
            route: None,
            user_agent: None,
            ..FAILURE
        };
        for rule in [
            Ignore::new().route("*"),
            Ignore::new().status(503),
            Ignore::new().user_agent("a"),
            Ignore::new().bots(),
        ] {
            assert!(!Policy::new().ignore(rule).ignores(&unknown));
        }
        let person = Seen {
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"),
            ..FAILURE
        };
        assert!(!Ignore::new().bots().fits(&person));
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_refused_with_its_words() {
        for (rule, words) in [
            (Ignore::new(), "without a condition"),
            (Ignore::new().route("health"), "`health`"),
            (Ignore::new().status(42), "42"),
            (Ignore::new().user_agent(""), "empty"),
        ] {
            let mistake = Policy::new().ignore(rule).check().unwrap_err();
            assert!(mistake.starts_with("ignore: "), "{mistake}");
            assert!(mistake.contains(words), "{mistake}");
        }
    }
}
