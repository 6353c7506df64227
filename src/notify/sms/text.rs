//! An alert in the room of one text message.

use super::gsm::{cut, septets, shortened, spelled};
use crate::issue::{Alert, Reason, Severity};
use crate::notify::shrink::Size;
use crate::notify::{Message, Tone};
use crate::text::one_line;

/// The alert in at most [`ROOM`] septets: service and environment, what broke; where; how often and whom it hit; what to look for.
/// Each on a line of its own.
pub(super) fn text(alert: &Alert, size: Size) -> String {
    let words = Words::of(alert);
    match size {
        Size::Whole => words.whole(),
        Size::Small => words.fitted(&[""], &[&words.often]),
        Size::Failsafe => words.plain(),
    }
}

/// The pieces, each on one line and in the letters of a text message.
struct Words {
    /// Whether it is over, how bad it is, of which service: `CRITICAL shop production: `.
    who: String,
    what: String,
    /// From the longest to the shortest.
    places: Vec<String>,
    often: String,
    /// What else is told, why it is told now: where there is room.
    more: Vec<String>,
    reference: String,
}

impl Words {
    fn of(alert: &Alert) -> Self {
        let message = Message::of(alert);
        let clean = |text: &str| spelled(&alert.redacted(&one_line(text)));
        let origin = &alert.occurrence.origin;
        let names = [
            (&origin.service, MAX_SERVICE),
            (&origin.environment, MAX_ENVIRONMENT),
        ];
        let names: Vec<_> = names
            .into_iter()
            .filter_map(|(name, max)| Some(shortened(&clean(name.as_deref()?), max)))
            .filter(|name| !name.is_empty())
            .collect();
        let mood = match message.tone {
            Tone::Good => "over: ",
            Tone::Bad(Severity::Critical) => "CRITICAL ",
            _ => "",
        };
        let colon = if names.is_empty() { "" } else { ": " };
        Self {
            who: format!("{mood}{}{colon}", names.join(" ")),
            what: spelled(&message.title),
            places: places(alert, clean),
            often: often(alert, clean),
            more: more(alert, clean),
            reference: reference(alert, &message.reference),
        }
    }

    fn whole(&self) -> String {
        let mut middles: Vec<String> = Vec::new();
        for count in (0..=self.more.len()).rev() {
            let mut line = vec![self.often.clone()];
            line.extend_from_slice(&self.more[..count]);
            middles.push(line.join(", "));
        }
        let places: Vec<&str> = self.places.iter().map(String::as_str).collect();
        let middles: Vec<&str> = middles.iter().map(String::as_str).collect();
        self.fitted(&places, &middles)
    }

    /// The first of the combinations that leaves room for what broke, whose end is cut when none does. What broke may have to be
    /// shorter before the place is left out.
    fn fitted(&self, places: &[&str], middles: &[&str]) -> String {
        let whole = septets(&self.what);
        let steps = [
            (whole, places),
            (whole.min(GOOD_TITLE), places),
            (whole.min(LEAST_TITLE), places),
            (0, &[""]),
        ];
        for (enough, places) in steps {
            for middle in middles {
                for place in places {
                    let around = septets(&self.lines("", place, middle));
                    if around + enough <= ROOM {
                        let what = shortened(&self.what, ROOM - around);
                        return self.lines(&what, place, middle);
                    }
                }
            }
        }
        self.plain()
    }

    fn lines(&self, what: &str, place: &str, middle: &str) -> String {
        let first = format!("{}{what}", self.who);
        let lines = [&*first, place, middle, &self.reference];
        let lines: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        lines.join("\n")
    }

    /// Letters, digits and what stands in file names, on one line.
    fn plain(&self) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".,:_/-".contains(c);
        let plain = |text: &str| {
            let words = text.split(|c| !is_plain(c)).filter(|word| !word.is_empty());
            words.collect::<Vec<_>>().join(" ")
        };
        let head = plain(&format!("{}{}", self.who, self.what));
        format!(
            "{} {}",
            shortened(&head, PLAIN_ROOM),
            plain(&self.reference)
        )
    }
}

/// `POST /buy/{item} at src/cart.rs:17:5`, `POST /buy/{item} cart.rs:17:5`, `POST /buy/{item}`, and the beginning of that.
fn places(alert: &Alert, clean: impl Fn(&str) -> String) -> Vec<String> {
    let endpoint = alert.occurrence.endpoint().map(|text| clean(&text));
    let culprit = alert.occurrence.culprit().map(|text| clean(&text));
    let mut places = Vec::new();
    if let (Some(endpoint), Some(culprit)) = (&endpoint, &culprit)
        && endpoint != culprit
    {
        let file = culprit.rsplit('/').next().unwrap_or_default();
        places.push(format!("{endpoint} at {culprit}"));
        places.push(format!("{endpoint} {file}"));
    }
    let shortest = endpoint.or(culprit).unwrap_or_default();
    let start = shortened(&shortest, LEAST_PLACE);
    places.extend([shortest, start]);
    places
}

/// How often, and whom it hit: by name when it is one person.
fn often(alert: &Alert, clean: impl Fn(&str) -> String) -> String {
    let times = match alert.issue.count {
        1 => "once".to_owned(),
        count => format!("{} times", rounded(count)),
    };
    let request = alert.occurrence.request.as_ref();
    let user = request.and_then(|request| request.user.as_ref());
    match (user, alert.issue.users) {
        (Some(user), 0 | 1) => {
            let name = clean(user.display_name().unwrap_or(user.id()));
            format!("{times}, {}", shortened(&name, MAX_USER))
        }
        (None, 0) => times,
        (None, 1) => format!("{times}, 1 user"),
        (_, users) => format!("{times}, {} users", rounded(users)),
    }
}

fn more(alert: &Alert, clean: impl Fn(&str) -> String) -> Vec<String> {
    let mut more = Vec::new();
    let others = alert.alerts().saturating_sub(1);
    if others > 0 {
        more.push(format!("+{} alerts", rounded(others)));
    }
    if let Reason::Regressed { .. }
    | Reason::StillOpen { .. }
    | Reason::Resolved
    | Reason::Quiet { .. } = alert.reason
    {
        more.push(clean(&alert.reason.to_string()));
    }
    more
}

/// What finds it again: the beginning of the request's id, or the issue's fingerprint.
fn reference(alert: &Alert, whole: &str) -> String {
    if alert.occurrence.request.is_none() {
        return format!("issue {whole}");
    }
    let whole = spelled(whole);
    let is_uuid = uuid::Uuid::try_parse(&whole).is_ok();
    let enough = if is_uuid { UUID_START } else { MAX_REFERENCE };
    // Without dots at its end: it can be copied into a search as it is.
    format!("req {}", cut(&whole, enough))
}

/// Four digits at most.
fn rounded(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..1_000_000 => format!("{}k", count / 1_000),
        1_000_000..10_000_000_000 => format!("{}M", count / 1_000_000),
        _ => "many".to_owned(),
    }
}

/// What one text message holds.
pub(super) const ROOM: usize = 160;

const PLAIN_ROOM: usize = 120;
const MAX_SERVICE: usize = 20;
const MAX_ENVIRONMENT: usize = 14;
const MAX_USER: usize = 24;
const MAX_REFERENCE: usize = 24;
/// Of a UUIDv7 that is the millisecond and twelve random bits.
const UUID_START: usize = 18;
const GOOD_TITLE: usize = 70;
const LEAST_TITLE: usize = 40;
const LEAST_PLACE: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::sms::gsm::cost;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn panic() -> Alert {
        serde_json::from_str(include_str!("../../../tests/alerts/panic.json")).unwrap()
    }

    #[test]
    fn it_says_what_where_how_often_whom_and_what_to_look_for() {
        assert_eq!(
            text(&panic(), Size::Whole),
            "shop production: panic: gift card GC-20 has no balance\n\
             POST /checkout/{cart} at src/checkout/gift_card.rs:17:9\n\
             once, Uma Berg\n\
             req 019aab4c-6a3e-7000"
        );
        assert_eq!(
            text(&panic(), Size::Small),
            "shop production: panic: gift card GC-20 has no balance\nonce, Uma Berg\nreq 019aab4c-6a3e-7000"
        );
        assert_eq!(
            text(&panic(), Size::Failsafe),
            "shop production: panic: gift card GC-20 has no balance req 019aab4c-6a3e-7000"
        );
    }

    #[test]
    fn the_worst_numbers_leave_room_for_what_broke_and_where() {
        let mut alert = panic();
        alert.severity = Severity::Critical;
        alert.issue.count = u64::MAX;
        alert.issue.users = 999_999_999;
        alert.also_more = u64::MAX;
        alert.reason = Reason::StillOpen { seconds: 86_400 };
        let text = text(&alert, Size::Whole);
        assert!(
            text.starts_with("CRITICAL shop production: panic: gift card"),
            "{text}"
        );
        assert!(text.contains("\nPOST /checkout/{cart}"), "{text}");
        assert!(text.contains("\nmany times, 999M users"), "{text}");
        assert!(text.ends_with("\nreq 019aab4c-6a3e-7000"), "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn it_is_one_segment_of_four_lines_whatever_anybody_wrote(
            message in any::<String>(), service in any::<String>(), environment in "\\PC{0,60}|[{}\\[\\]^~|€]{0,60}",
            route in "/[{}€😀\\PC]{0,200}", name in any::<String>(), id in "[A-Za-z0-9._-]{1,128}",
            count in 1u64.., users in any::<u64>(), more in any::<u64>(),
        ) {
            let mut alert = panic();
            let json = serde_json::to_value(&*alert.occurrence).unwrap();
            let mut json = json;
            json["exceptions"][0]["message"] = message.into();
            json["origin"]["service"] = service.into();
            json["origin"]["environment"] = environment.into();
            json["request"]["route"] = route.into();
            json["request"]["id"] = id.as_str().into();
            json["request"]["user"]["name"] = name.into();
            alert.occurrence = Arc::new(serde_json::from_value(json).unwrap());
            (alert.issue.count, alert.issue.users, alert.also_more) = (count, users, more);
            for size in Size::ALL {
                let text = text(&alert, size);
                prop_assert!(text.chars().all(|c| cost(c).is_some()), "{text:?}");
                prop_assert!(septets(&text) <= ROOM, "{} {text:?}", septets(&text));
                prop_assert!(text.lines().count() <= 4 && !text.contains('\r'));
                let reference = id.get(..MAX_REFERENCE.min(id.len())).unwrap();
                let end = text.rsplit("req ").next().unwrap();
                prop_assert!(!end.is_empty() && reference.starts_with(end), "{text:?}");
            }
        }
    }
}
