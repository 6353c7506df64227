//! The words for each part of a message.

use std::time::Duration;

use super::{Link, Tone};
use crate::issue::{Alert, AlertSummary, Reason, Regression};
use crate::occurrence::{Kind, Occurrence};
use crate::text::{cut, duration_in_words, one_line, shortened};

/// `[production] shop: panic: no stock (POST /buy/{item}), Uma Berg and 2 others were hit`.
pub(super) fn headline(alert: &Alert) -> String {
    let occurrence = &*alert.occurrence;
    let origin = &occurrence.origin;
    let environment = origin.environment.as_ref().map(|name| format!("[{name}] "));
    let service = origin.service.as_ref().map(|name| format!("{name}: "));
    let over = match tone(alert) {
        Tone::Good => "over: ",
        _ => "",
    };
    let title = shortened(&occurrence.title(), 120);
    let place = occurrence.endpoint().or_else(|| occurrence.culprit());
    let place = place.map(|place| format!(" ({})", shortened(&place, 60)));
    let request = occurrence.request.as_ref();
    let user = request.and_then(|request| request.user.as_ref());
    let user = user.map(|user| user.display_name().unwrap_or(user.id()));
    let hit = match (user, alert.issue.users) {
        (Some(user), users) => {
            let user = shortened(user, 40);
            match users.saturating_sub(1) {
                0 => format!(", {user} was hit"),
                1 => format!(", {user} and 1 other were hit"),
                others => format!(", {user} and {others} others were hit"),
            }
        }
        (None, 0 | 1) => String::new(),
        (None, users) => format!(", {users} users hit"),
    };
    let more = match alert.alerts() {
        0 | 1 => String::new(),
        alerts => format!("; {} more alerts", alerts - 1),
    };
    let parts = [environment, service].into_iter().flatten();
    let line = format!(
        "{}{over}{title}{}{hit}{more}",
        parts.collect::<String>(),
        place.unwrap_or_default()
    );
    shortened(&one_line(&line), 300)
}

/// `[production] shop: panic: no stock (src/cart.rs:17:5)`: of the first occurrence, however the others differ.
pub(super) fn subject(alert: &Alert) -> String {
    let origin = &alert.occurrence.origin;
    let environment = origin.environment.as_ref().map(|name| format!("[{name}] "));
    let service = origin.service.as_ref().map(|name| format!("{name}: "));
    let place = alert.issue.culprit.as_ref();
    let place = place.map(|place| format!(" ({})", shortened(place, 80)));
    let line = format!(
        "{}{}{}{}",
        environment.unwrap_or_default(),
        service.unwrap_or_default(),
        shortened(&alert.issue.title, 150),
        place.unwrap_or_default()
    );
    shortened(&one_line(&line), 300)
}

pub(super) fn tone(alert: &Alert) -> Tone {
    match alert.reason {
        Reason::Test => Tone::Test,
        _ if alert.reason.is_over() => Tone::Good,
        _ => Tone::Bad(alert.severity),
    }
}

pub(super) fn reference(alert: &Alert) -> String {
    let request = alert.occurrence.request.as_ref();
    request.map_or_else(
        || alert.issue.fingerprint.to_string(),
        |request| one_line(&request.id.to_string()).into_owned(),
    )
}

pub(super) fn links(alert: &Alert) -> Vec<Link> {
    let issue = alert.issue_url().map(|url| Link {
        text: "issue page",
        url,
    });
    issue.into_iter().collect()
}

pub(super) fn release(alert: &Alert) -> Option<String> {
    let origin = &alert.occurrence.origin;
    let service = match (&origin.service, &origin.release) {
        (Some(service), Some(release)) => Some(format!("{service} {release}")),
        (service, release) => service.clone().or_else(|| release.clone()),
    };
    let revision = origin.platform.git_revision.as_ref();
    let parts = [
        service,
        origin.environment.clone(),
        revision.map(|revision| format!("revision {}", cut(revision, 12))),
        (alert.new_in_release && origin.release.is_some())
            .then(|| "no release before had it".to_owned()),
    ];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

pub(super) fn host(occurrence: &Occurrence) -> Option<String> {
    let origin = &occurrence.origin;
    let pod = origin.platform.pod.as_ref();
    let parts = [
        pod.map(|pod| format!("pod {pod}")),
        origin
            .host
            .as_ref()
            .map(|host| format!("{host} (pid {})", origin.pid)),
    ];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

pub(super) fn place(occurrence: &Occurrence) -> Option<String> {
    match (occurrence.endpoint(), occurrence.culprit()) {
        (Some(endpoint), Some(culprit)) if endpoint != culprit => {
            Some(format!("{endpoint} at {culprit}"))
        }
        (endpoint, culprit) => endpoint.or(culprit),
    }
}

pub(super) fn user(occurrence: &Occurrence) -> Option<String> {
    let request = occurrence.request.as_ref()?;
    let Some(user) = &request.user else {
        return Some("not known".to_owned());
    };
    let name = user.display_name().map(|name| format!("{name} "));
    let email = user.email_address().map(|email| format!(" <{email}>"));
    Some(format!(
        "{}({}){}",
        name.unwrap_or_default(),
        user.id(),
        email.unwrap_or_default()
    ))
}

pub(super) fn answer(occurrence: &Occurrence) -> Option<String> {
    let response = occurrence.response.as_ref()?;
    let body = response.body.as_deref().map(|body| {
        let words: Vec<_> = body.split_whitespace().collect();
        format!(": {}", shortened(&words.join(" "), 300))
    });
    Some(format!("{}{}", response.status, body.unwrap_or_default()))
}

pub(super) fn frequency(alert: &Alert) -> String {
    let issue = &alert.issue;
    let first = issue.first_seen;
    match (issue.count, alert.held_back) {
        (1, _) => format!("once, at {first}"),
        (count, 0) => format!("{count} times since {first}"),
        (count, held_back) => {
            format!("{count} times since {first}, {held_back} not told one by one")
        }
    }
}

pub(super) fn why_now(alert: &Alert) -> String {
    let span = |seconds: u64| duration_in_words(Duration::from_secs(seconds));
    match &alert.reason {
        Reason::New if alert.issue.kind == Kind::ErrorRatio => "it has just begun".to_owned(),
        Reason::New => "it is new".to_owned(),
        Reason::Regressed { after } => match after {
            Regression::Resolved => "it was resolved, and is back".to_owned(),
            Regression::Release(release) => format!("it was resolved, and is back in {release}"),
            Regression::Silence(seconds) => {
                format!("it is back after {} without it", span(*seconds))
            }
        },
        Reason::Count { count } => format!("it has happened {count} times"),
        Reason::Rate { count, seconds } => {
            format!("it has happened {count} times in {}", span(*seconds))
        }
        Reason::Jump { count, usual: 0 } => {
            format!("it has happened {count} times in an hour, which it never did before")
        }
        Reason::Jump { count, usual } => {
            format!("it has happened {count} times in an hour; {usual} times is usual")
        }
        Reason::Users { users } => format!("it has hit {users} users"),
        Reason::StillOpen { seconds } => {
            format!("it goes on, {} after it was last told", span(*seconds))
        }
        Reason::Unmuted => "its mute is over, and it goes on".to_owned(),
        Reason::AllClear => "it is over".to_owned(),
        Reason::Resolved => "somebody has resolved it".to_owned(),
        Reason::Quiet { seconds } => format!("it has not happened for {}", span(*seconds)),
        Reason::Resumed => "it happens again, after it was told to be over".to_owned(),
        Reason::Occurred => "every one is told here".to_owned(),
        Reason::Test => "somebody wants to see whether alerts arrive; nothing is broken".to_owned(),
    }
}

/// What else is told with it: a line each.
pub(super) fn also(alert: &Alert) -> Vec<String> {
    let line = |summary: &AlertSummary| {
        let place = summary.culprit.as_deref();
        let place = place
            .map(|place| format!(" at {place}"))
            .unwrap_or_default();
        let hit = match summary.users {
            0 => String::new(),
            1 => ", 1 user".to_owned(),
            users => format!(", {users} users"),
        };
        let alike = match summary.alerts {
            0 | 1 => String::new(),
            alerts => format!(", and {} more like it", alerts - 1),
        };
        let line = format!(
            "{} ({}): {}{place}, {} in all{hit}{alike}",
            summary.fingerprint, summary.reason, summary.title, summary.count
        );
        shortened(&one_line(&line), 400)
    };
    let mut lines: Vec<_> = alert.also.iter().map(line).collect();
    if alert.also_more > 0 {
        lines.push(format!("… and {} alerts more", alert.also_more));
    }
    lines
}
