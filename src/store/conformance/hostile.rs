//! Whatever strangers may send: odd texts, huge numbers, far times, and many problems at once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::sample::{alert_of, at, change, counted, fingerprint, hit, occurrence, written};
use super::subject::{Subject, entry};
use super::{Verdict, promise, same};
use crate::issue::{Change, Retention};
use crate::request::User;
use crate::store::{Fate, Update};
use crate::time::Timestamp;

/// A text comes back as it was; where it cannot hold U+0000, a store may have U+FFFD in its place.
pub(super) async fn every_text_is_kept(subject: Subject) -> Verdict {
    for (number, text) in texts().into_iter().enumerate() {
        let (problem, second) = (number as u64, number as i64);
        let mut occurrence = occurrence(problem, second);
        occurrence.exceptions[0].message.clone_from(&text);
        if let Some(request) = &mut occurrence.request {
            request.path.clone_from(&text);
            request.query = Some(text.clone());
            request.headers.push((text.clone(), text.clone()));
            request.tags.insert(text.clone(), text.clone());
            request
                .extra
                .insert(text.clone(), Value::from(text.clone()));
            request.user = Some(User::new(&text).name(&text).email(&text));
        }
        let mut change = Change::of(Arc::new(occurrence.clone()));
        change.release = Some(text.clone());
        change.users = hit(problem, second, &User::new(&text).name(&text).email(&text)).users;
        let (title, user) = (occurrence.title(), change.users[0].clone());
        subject.commit(second, vec![change]).await?;
        let update: Update = {
            let text = text.clone();
            Arc::new(move |record| record.issue.culprit = Some(text.clone()))
        };
        subject.store.update(fingerprint(problem), update).await?;
        let issue = subject.record(problem).await?.issue;
        let shown = format!("{:?}", crate::text::shortened(&text, 60));
        same!(
            readable(&written(&issue.title)?),
            readable(&title.into()),
            "the title with {shown}"
        );
        same!(
            readable(&written(&issue.culprit)?),
            readable(&text.clone().into()),
            "the culprit {shown}"
        );
        let release = issue
            .releases
            .iter()
            .next()
            .map(|seen| seen.release.clone());
        same!(
            readable(&written(&release)?),
            readable(&text.clone().into()),
            "the release {shown}"
        );
        let kept = written(&subject.occurrences(problem).await?)?;
        let sent = written(&[&occurrence])?;
        same!(
            readable(&kept),
            readable(&sent),
            "the occurrence with {shown}"
        );
        let affected = subject.store.affected(fingerprint(problem)).await?;
        let (kept, sent) = (written(&affected.users)?, written(&[user])?);
        same!(readable(&kept), readable(&sent), "the user {shown}");
        let mut alert = alert_of(Arc::new(occurrence));
        alert.also[0].title = text;
        subject.tell(second, &alert, &["mail"]).await?;
        let claimed = subject.take("mail", second).await?;
        let kept = written(&entry(&claimed)?.alert)?;
        same!(
            readable(&kept),
            readable(&written(&alert)?),
            "the alert with {shown}"
        );
        let error = alert.also[0].title.clone();
        let told = Arc::new(move |state: &mut crate::store::NotifierState| {
            state.last_error = Some(error.clone());
        });
        subject
            .store
            .settle("mail", alert.id, Fate::Done, told)
            .await?;
        let error = subject.notifier("mail").await?.state.last_error;
        let (kept, sent) = (written(&error)?, written(&alert.also[0].title)?);
        same!(
            readable(&kept),
            readable(&sent),
            "a notifier's error {shown}"
        );
    }
    Ok(())
}

pub(super) async fn every_user_can_be_forgotten(subject: Subject) -> Verdict {
    for text in texts() {
        let user = User::new(&text);
        let change = hit(1, 0, &user);
        let alert = alert_of(Arc::clone(&change.occurrences[0]));
        subject.commit(0, vec![change]).await?;
        subject.tell(1, &alert, &["mail"]).await?;
        let forgotten = subject.store.forget_user(user.id()).await?;
        same!(forgotten, 3, "what there was of the user {:?}", user.id());
        let affected = subject.store.affected(fingerprint(1)).await?;
        promise!(
            affected.users.is_empty(),
            "the user {:?} is still listed",
            user.id()
        );
    }
    Ok(())
}

pub(super) async fn huge_numbers_do_not_wrap(subject: Subject) -> Verdict {
    let mut first = change(1, 0);
    first.count(u64::MAX, at(0));
    subject.commit(0, vec![first]).await?;
    for round in 0..3 {
        let count = subject.record(1).await?.issue.count;
        promise!(
            count >= i64::MAX as u64,
            "after {round} rounds the count is {count}"
        );
        subject.commit(1, vec![counted(1, 1, u64::MAX - 7)]).await?;
        same!(
            subject.store.issues(9).await?.len(),
            1,
            "the issues with a huge count"
        );
    }
    let mut hit = hit(1, 2, &User::new("42"));
    hit.users[0].count = u64::MAX;
    subject.commit(2, vec![hit.clone()]).await?;
    subject.commit(2, vec![hit]).await?;
    let affected = subject.store.affected(fingerprint(1)).await?;
    let count = affected.users[0].count;
    promise!(
        count >= i64::MAX as u64,
        "the count of a user became {count}"
    );
    let mut alert = super::sample::alert(1, 3);
    alert.issue.count = u64::MAX;
    alert.held_back = u64::MAX;
    alert.also_more = u64::MAX;
    subject.tell(3, &alert, &["mail"]).await?;
    let lease = subject.lease("mail", at(4), Duration::MAX, super::subject::take_first);
    let claimed = lease.await?;
    let told = &entry(&claimed)?.alert;
    same!(
        (told.issue.count, told.held_back),
        (u64::MAX, u64::MAX),
        "the numbers of an alert"
    );
    let more = told.also_more;
    promise!(
        more >= i64::MAX as u64,
        "the number of alerts told by it alone became {more}"
    );
    let retention = Retention::new()
        .max_issues(usize::MAX)
        .max_occurrences(usize::MAX)
        .max_users(usize::MAX)
        .max_bytes(u64::MAX)
        .max_age(Duration::MAX);
    subject
        .keeping(retention)
        .commit(5, vec![change(2, 5)])
        .await?;
    same!(
        subject.store.tidy(at(6), retention).await?,
        0,
        "what was forgotten without bounds"
    );
    same!(
        subject.store.issues(usize::MAX).await?.len(),
        2,
        "the issues without bounds"
    );
    subject.store.due(at(0), usize::MAX).await?;
    Ok(())
}

pub(super) async fn every_fingerprint_and_every_time_is_kept(subject: Subject) -> Verdict {
    let problems = [
        0,
        1,
        i64::MAX as u64,
        i64::MAX as u64 + 1,
        u64::MAX - 1,
        u64::MAX,
    ];
    // 1890, one microsecond before 1970, and 2250.
    let times = [
        -2_500_000_000_000_000,
        -1,
        0,
        1,
        8_835_000_000_000_000,
        1_795_338_000_123_456,
    ];
    for (problem, micros) in problems.into_iter().zip(times) {
        let time = Timestamp::from_unix_micros(micros);
        let mut occurrence = occurrence(problem, 0);
        occurrence.time = time;
        let sent = Arc::new(occurrence);
        let second = time.unix_seconds() - at(0).unix_seconds();
        subject
            .commit(second, vec![Change::of(Arc::clone(&sent))])
            .await?;
        let update: Update = Arc::new(move |record| record.review_at = Some(time));
        subject.store.update(fingerprint(problem), update).await?;
        let record = subject.record(problem).await?;
        same!(
            record.issue.fingerprint.as_u64(),
            problem,
            "the fingerprint"
        );
        same!(
            (record.issue.first_seen, record.issue.last_seen),
            (time, time),
            "first and last seen"
        );
        same!(record.review_at, Some(time), "the time of the review");
        let minute = time.unix_seconds().div_euclid(60);
        same!(
            record.minutes.iter().collect::<Vec<_>>(),
            [(minute, 1)],
            "the minutes"
        );
        same!(
            subject.occurrences(problem).await?,
            [sent],
            "the occurrence"
        );
    }
    let mut found = subject.problems().await?;
    found.sort_unstable();
    same!(found, problems, "the list of issues");
    let due = subject.store.due(Timestamp::from_unix_micros(0), 9).await?;
    same!(due.len(), 3, "what was due by 1970");
    Ok(())
}

pub(super) async fn a_thousand_problems_fit_into_one_batch(subject: Subject) -> Verdict {
    let subject = subject.keeping(Retention::new().max_issues(2_000));
    for round in 1..=2 {
        let user = User::new("42");
        let changes = (0..1_000)
            .map(|problem| hit(problem, round, &user))
            .collect();
        let committed = subject.commit(round, changes).await?;
        same!(committed.records.len(), 1_000, "the problems in the answer");
        let right = committed
            .records
            .iter()
            .all(|record| record.issue.count == round as u64);
        promise!(right, "a count in answer {round} is wrong");
    }
    same!(
        subject.store.issues(5_000).await?.len(),
        1_000,
        "the problems"
    );
    same!(
        subject.occurrences(999).await?.len(),
        2,
        "the occurrences of the last"
    );
    same!(
        subject.store.forget_user("42").await?,
        3_000,
        "what there was of the user"
    );
    Ok(())
}

/// Every U+0000 as U+FFFD, in names as well.
fn readable(value: &Value) -> Value {
    let text = |text: &str| text.replace('\0', "\u{fffd}");
    match value {
        Value::String(it) => text(it).into(),
        Value::Array(items) => items.iter().map(readable).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (text(name), readable(value)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

fn texts() -> Vec<String> {
    let long = "ü".repeat(100);
    let texts = [
        "a\0b",
        "\0",
        "\\u0000",
        "\\",
        "line\nline\r\n\ttab",
        "🙂👩‍👩‍👧‍👦 \u{202e}evil\u{202c} עברית ‏",
        "{\"message\": [\"$1\", '%s', null]}",
        "'; DROP TABLE issues; --",
        "\u{fffd}\u{feff}\u{10ffff}\u{e000}",
        "$tag$ E'\\x00' :name ?1 @p",
        " ",
        &long,
    ];
    texts.map(str::to_owned).into()
}
