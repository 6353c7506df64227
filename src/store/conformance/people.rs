//! Who was hit, and how a person is forgotten.

use super::sample::{alert_of, at, change, fingerprint, hit, written};
use super::subject::{Subject, entry};
use super::{Verdict, promise, same};
use crate::issue::{Change, Retention, user_hash};
use crate::request::User;
use crate::store::Fate;

pub(super) async fn affected_users_are_listed_up_to_the_bound_and_estimated_beyond(
    subject: Subject,
) -> Verdict {
    let subject = subject.keeping(Retention::new().max_users(10));
    for second in 0..30 {
        let user = User::new(format!("user-{}", second % 10));
        subject.commit(second, vec![hit(1, second, &user)]).await?;
    }
    let affected = subject.store.affected(fingerprint(1)).await?;
    same!(
        (affected.users.len(), affected.has_more),
        (10, false),
        "the list at the bound"
    );
    same!(affected.count(), 10, "the number at the bound");
    same!(
        subject.record(1).await?.issue.users,
        10,
        "the issue's users at the bound"
    );
    let third = &affected.users[3];
    same!(
        third.id,
        "user-3",
        "the fourth user in the order in which they were hit"
    );
    same!(
        (third.count, third.first_seen, third.last_seen),
        (3, at(3), at(23)),
        "how they were hit"
    );
    let shown = subject
        .occurrences(1)
        .await?
        .pop()
        .and_then(|it| it.request.clone());
    let last = affected.users[9].request_id.clone();
    same!(
        last,
        shown.map(|request| request.id),
        "the request id that was shown to the last one"
    );
    // What two processes have seen: 1,500 users each, of whom both have seen 1,000.
    for (process, users) in [(&subject, 0..1_500), (&subject.colleague(), 500..2_000)] {
        let mut many = Change::review(fingerprint(1));
        many.count(1_500, at(60));
        users.for_each(|user| many.sketch.add(user_hash(&format!("user-{user}"))));
        many.has_unlisted_users = true;
        process.commit(60, vec![many]).await?;
    }
    let affected = subject.store.affected(fingerprint(1)).await?;
    same!(affected.users.len(), 10, "the list beyond the bound");
    let users = subject.record(1).await?.issue.users;
    same!(
        affected.count(),
        users,
        "the issue's users beyond the bound"
    );
    promise!(
        (1_750..=2_250).contains(&users),
        "2,000 users are estimated at {users}"
    );
    Ok(())
}

pub(super) async fn the_newest_name_and_address_of_a_user_are_kept(subject: Subject) -> Verdict {
    let old = User::new("42").name("Uma").email("old@example.org");
    let new = User::new("42").name("Uma Berg").email("uma@example.org");
    subject
        .commit(9, vec![hit(1, 9, &new), hit(2, 9, &old)])
        .await?;
    subject.commit(10, vec![hit(1, 5, &old)]).await?;
    let affected = subject.store.affected(fingerprint(1)).await?;
    same!(affected.users.len(), 1, "the users");
    let user = &affected.users[0];
    same!(user.name.as_deref(), Some("Uma Berg"), "the name");
    same!(
        user.email.as_deref(),
        Some("uma@example.org"),
        "the address"
    );
    same!(
        (user.count, user.first_seen, user.last_seen),
        (2, at(5), at(9)),
        "how they were hit"
    );
    let other = subject.store.affected(fingerprint(2)).await?;
    same!(
        other.users[0].name.as_deref(),
        Some("Uma"),
        "the name at the other problem"
    );
    Ok(())
}

pub(super) async fn a_forgotten_user_is_nowhere(subject: Subject) -> Verdict {
    let uma = User::new("u-4711")
        .name("Uma Berg")
        .email("uma@example.org");
    let other = User::new("u-47110");
    let alerts: Vec<_> = [hit(1, 0, &uma), hit(2, 1, &uma), hit(2, 2, &other)]
        .map(|change| alert_of(std::sync::Arc::clone(&change.occurrences[0])))
        .into();
    subject
        .commit(0, vec![hit(2, 0, &other), hit(1, 0, &uma), change(3, 0)])
        .await?;
    subject
        .commit(1, vec![hit(1, 1, &uma), hit(2, 1, &uma), hit(3, 1, &other)])
        .await?;
    for (second, alert) in alerts.iter().enumerate() {
        subject.tell(second as i64, alert, &["mail"]).await?;
    }
    subject.tell(3, &alerts[0], &["chat"]).await?;
    let leased = subject.take("chat", 4).await?;
    same!(
        entry(&leased)?.alert.id,
        alerts[0].id,
        "the alert that is on its way"
    );
    let counted = subject.record(1).await?.issue.count;

    // Two lists, three occurrences and three alerts.
    same!(
        subject.store.forget_user(uma.id()).await?,
        8,
        "how much there was of the user"
    );
    let rest = everything(&subject).await?;
    for word in ["\"u-4711\"", "Uma", "uma@example.org"] {
        promise!(!rest.contains(word), "{word} is still there: {rest}");
    }
    promise!(rest.contains("u-47110"), "somebody else was forgotten, too");
    same!(
        subject.record(1).await?.issue.count,
        counted,
        "the count of the problem"
    );
    same!(
        subject.store.forget_user(uma.id()).await?,
        0,
        "how much there is of the user afterwards"
    );
    for alert in &alerts {
        let claimed = subject.take("mail", 5).await?;
        same!(entry(&claimed)?.alert.id, alert.id, "the alerts that wait");
    }
    subject
        .settle("chat", alerts[0].id, Fate::Retry { due_at: at(6) })
        .await?;
    let claimed = subject.take("chat", 7).await?;
    let again = written(&entry(&claimed)?.alert)?.to_string();
    promise!(
        !again.contains("Uma"),
        "the user is in the alert that was on its way"
    );
    Ok(())
}

pub(super) async fn nobody_else_is_forgotten(subject: Subject) -> Verdict {
    let names = ["42", "4", "42%", "%", "_2", "", "uma's", "42 "];
    for name in names {
        subject.commit(0, vec![hit(1, 0, &User::new(name))]).await?;
    }
    let mut left = names.len();
    for name in ["%", "_2", "", "uma's", "42", "nobody"] {
        let is_there = names.contains(&name);
        let forgotten = subject.store.forget_user(name).await?;
        same!(
            forgotten,
            if is_there { 2 } else { 0 },
            "how much there was of `{name}`"
        );
        left -= usize::from(is_there);
        let affected = subject.store.affected(fingerprint(1)).await?;
        same!(affected.users.len(), left, "the users after `{name}`");
        same!(
            subject.occurrences(1).await?.len(),
            left,
            "the occurrences after `{name}`"
        );
    }
    Ok(())
}

/// All that the store gives out, as JSON, but for what is leased.
async fn everything(subject: &Subject) -> Result<String, super::Broken> {
    let store = &subject.store;
    let mut all = Vec::new();
    for issue in store.issues(usize::MAX).await? {
        all.push(written(&store.record(issue.fingerprint).await?)?);
        all.push(written(&store.occurrences(issue.fingerprint).await?)?);
        all.push(written(&store.affected(issue.fingerprint).await?)?);
        all.push(written(&issue)?);
    }
    for notifier in store.notifiers().await? {
        for waiting in subject.waiting(&notifier.name, 5).await? {
            let id = waiting.id;
            let claimed = subject.claim(&notifier.name, 5, move |_, _| crate::store::Plan {
                take: Some(id),
                ..crate::store::Plan::default()
            });
            all.push(written(&entry(&claimed.await?)?.alert)?);
            let retry = Fate::Retry { due_at: at(5) };
            subject.settle(&notifier.name, id, retry).await?;
        }
    }
    Ok(all.iter().map(ToString::to_string).collect())
}
