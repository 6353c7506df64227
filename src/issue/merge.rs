//! Several alerts in one message.

use std::cmp::Reverse;

use super::AlertSummary;

/// The worst first: by severity, then by the users hit, then by how often. What is over comes last.
pub(crate) fn ranked(summary: &AlertSummary) -> impl Ord + use<> {
    let worst = Reverse((summary.severity, summary.users, summary.count));
    (summary.reason.is_over(), worst)
}

/// The lines for all of these alerts, and how many alerts are told by their number alone.
///
/// What is of one kind, at one place and told for the same reason shares a line, which names the worst of them and says how many it stands for.
/// Problems that are over are told one by one, so that each can be closed where a list of them is kept.
pub(crate) fn merged(mut all: Vec<AlertSummary>, more: u64) -> (Vec<AlertSummary>, u64) {
    all.sort_by_key(ranked);
    let mut lines: Vec<AlertSummary> = Vec::new();
    let mut more = more;
    for summary in all {
        let same = |line: &&mut AlertSummary| {
            line.kind == summary.kind
                && line.culprit == summary.culprit
                && line.reason.as_str() == summary.reason.as_str()
                && (!line.reason.is_over() || line.fingerprint == summary.fingerprint)
        };
        let has_room = lines.len() < MAX_LINES;
        match lines.iter_mut().find(same) {
            Some(line) => line.alerts = line.alerts.saturating_add(summary.alerts),
            None if has_room => lines.push(summary),
            None => more = more.saturating_add(summary.alerts),
        }
    }
    (lines, more)
}

const MAX_LINES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::{Reason, Severity};
    use crate::occurrence::{Fingerprint, Kind};

    fn summary(n: u64, severity: Severity, users: u64, culprit: &str) -> AlertSummary {
        AlertSummary {
            reason: Reason::New,
            severity,
            fingerprint: Fingerprint::from_u64(n),
            kind: Kind::ServerError,
            title: format!("problem {n}"),
            culprit: Some(culprit.to_owned()),
            count: 1,
            users,
            alerts: 1,
        }
    }

    #[test]
    fn the_worst_come_first_and_nothing_is_left_out_of_the_numbers() {
        let mut all: Vec<_> = (0..100_000)
            .map(|n| summary(n, Severity::Error, 0, &format!("GET /{n}")))
            .collect();
        all.push(summary(200_000, Severity::Error, 1, "POST /buy"));
        let (lines, more) = merged(all, 7);
        assert_eq!(lines[0].title, "problem 200000", "the one that hit a user");
        assert_eq!(lines.len(), MAX_LINES);
        let told: u64 = lines.iter().map(|line| line.alerts).sum();
        assert_eq!(told + more, 100_001 + 7);
    }

    #[test]
    fn what_is_over_comes_last_and_on_a_line_of_its_own() {
        let over = |n| AlertSummary {
            reason: Reason::Quiet { seconds: 3_600 },
            ..summary(n, Severity::Critical, 90, "GET /search")
        };
        let all = vec![
            over(1),
            over(2),
            over(2),
            summary(3, Severity::Info, 0, "GET /"),
        ];
        let (lines, _) = merged(all, 0);
        let told: Vec<_> = lines
            .iter()
            .map(|line| (&*line.title, line.alerts))
            .collect();
        assert_eq!(told, [("problem 3", 1), ("problem 1", 1), ("problem 2", 2)]);
    }

    #[test]
    fn what_is_alike_shares_a_line_also_when_merged_again() {
        let all = (0..50).map(|n| summary(n, Severity::Warning, n, "GET /search"));
        let (lines, more) = merged(all.collect(), 0);
        assert_eq!((lines.len(), lines[0].alerts, more), (1, 50, 0));
        assert_eq!(lines[0].title, "problem 49");
        let again = [lines, vec![summary(60, Severity::Error, 0, "GET /search")]].concat();
        let (lines, more) = merged(again, 0);
        assert_eq!((lines.len(), lines[0].alerts, more), (1, 51, 0));
        assert_eq!(lines[0].title, "problem 60");
    }
}
