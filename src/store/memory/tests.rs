//! The memory store keeps what every store promises, and its own bounds.

use super::*;
use crate::issue::Change;
use crate::store::conformance;
use crate::store::conformance::sample::{at, change, counted, fingerprint, new_id, occurrence};
use crate::store::conformance::subject::Subject;

fn subject(retention: Retention) -> (Arc<Memory>, Subject) {
    let memory = Arc::new(Memory::new());
    (Arc::clone(&memory), Subject::new(memory).keeping(retention))
}

#[tokio::test]
async fn it_keeps_every_promise() {
    conformance::all(async || Memory::new()).await;
}

#[tokio::test]
async fn with_a_spool_it_does_so_as_well() {
    let folder = tempfile::tempdir().unwrap();
    conformance::all(async || Memory::new().spool(folder.path().join(new_id().to_string()))).await;
}

#[tokio::test]
async fn a_decision_that_panics_leaves_everything_as_it_was() {
    use crate::store::conformance::sample::{alert, hit};
    let memory = Memory::new();
    let uma = crate::request::User::new("42");
    let batch = |number, second| {
        Arc::new(Batch {
            changes: vec![hit(1, second, &uma)],
            now: at(second),
            retention: Retention::new(),
            process: Uuid::from_u128(1),
            number,
        })
    };
    let telling: Decide = Arc::new(|touched| {
        touched
            .iter_mut()
            .for_each(|touched| touched.record.review_at = Some(at(99)));
        let alert = Arc::new(alert(1, 1));
        vec![Outgoing {
            notifier: "mail".to_owned(),
            alert,
        }]
    });
    memory
        .commit(batch(1, 1), Arc::clone(&telling))
        .await
        .unwrap();
    let before = memory.record(fingerprint(1)).await.unwrap();
    let affected = memory.affected(fingerprint(1)).await.unwrap();
    let bytes = memory.content().bytes();
    let panicking: Decide = Arc::new(|_| panic!("the decision"));
    let commit = || memory.content().commit(&batch(2, 2), &panicking);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(commit));
    assert!(panicked.is_err());
    assert_eq!(memory.record(fingerprint(1)).await.unwrap(), before);
    assert_eq!(memory.affected(fingerprint(1)).await.unwrap(), affected);
    assert_eq!(memory.content().bytes(), bytes);
    let again = memory.commit(batch(2, 2), telling).await.unwrap();
    assert_eq!((again.records[0].issue.count, again.outgoing), (2, 1));
    assert_eq!(
        memory.affected(fingerprint(1)).await.unwrap().users[0].count,
        2
    );
}

#[tokio::test]
async fn the_problems_of_a_batch_stay_until_the_next_one() {
    let (_, subject) = subject(Retention::new().max_issues(10));
    let changes = (0..50).map(|problem| change(problem, 5)).collect();
    let committed = subject.commit(5, changes).await.unwrap();
    assert_eq!((committed.records.len(), committed.forgotten), (50, 0));
    assert_eq!(subject.problems().await.unwrap().len(), 50);
    let committed = subject.commit(6, vec![change(100, 6)]).await.unwrap();
    assert_eq!(committed.forgotten, 41);
    let left = subject.problems().await.unwrap();
    assert!(left.len() == 10 && left.contains(&100), "{left:?}");
}

#[tokio::test]
async fn what_was_seen_once_goes_before_what_is_frequent_or_muted() {
    let (memory, subject) = subject(Retention::new().max_issues(4));
    for problem in 0..4 {
        subject
            .commit(problem, vec![change(problem as u64, problem)])
            .await
            .unwrap();
    }
    subject.commit(9, vec![counted(1, 1, 2)]).await.unwrap();
    let mute: Update = Arc::new(|record| {
        record.issue.state = crate::issue::IssueState::Muted {
            muted_at: at(9),
            muted_until: crate::issue::MuteEnd::Never,
        };
    });
    memory.update(fingerprint(0), mute).await.unwrap();
    for problem in 10..20 {
        subject
            .commit(problem, vec![change(problem as u64, problem)])
            .await
            .unwrap();
        let left = subject.problems().await.unwrap();
        assert!(left.len() <= 4, "{left:?}");
        assert!(
            [0, 1, problem as u64].iter().all(|it| left.contains(it)),
            "{left:?}"
        );
    }
}

#[tokio::test]
async fn the_bytes_are_those_of_the_occurrences_that_are_kept() {
    let (memory, subject) = subject(Retention::new().max_bytes(65_536).max_issues(9));
    for second in 0..80 {
        let mut occurrence = occurrence(second as u64 % 12, second);
        occurrence.exceptions[0].message = "x".repeat(second as usize * 997 % 9_000);
        let change = Change::of(Arc::new(occurrence));
        subject.commit(second, vec![change]).await.unwrap();
        let mut bytes = 0;
        for problem in subject.problems().await.unwrap() {
            let kept = subject.occurrences(problem).await.unwrap();
            let lengths = kept
                .iter()
                .map(|it| serde_json::to_string(it).unwrap().len());
            bytes += lengths.sum::<usize>() as u64;
        }
        assert!(bytes <= 65_536, "{bytes}");
        assert_eq!(memory.content().bytes(), bytes, "after {second}");
    }
    memory.forget_user("nobody").await.unwrap();
    let later = at(300).after(Retention::new().age());
    memory.tidy(later, subject.retention).await.unwrap();
    assert_eq!(memory.content().bytes(), 0, "with nothing left");
}
