//! The spool: what could not be delivered outlasts the process, and is there once.

use std::fs;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::*;
use crate::issue::Alert;
use crate::request::User;
use crate::store::Joined;
use crate::store::conformance::sample::{alert, alert_of, at, hit, new_id, written};
use crate::store::conformance::subject::{Subject, entry};
use crate::store::{Plan, Store as _};

fn open(folder: &Path) -> Subject {
    let memory = Memory::new().spool(folder);
    memory.open().unwrap();
    Subject::new(Arc::new(memory))
}

/// Tells the alert and has its first try fail.
async fn failed(subject: &Subject, alert: &Alert, notifier: &str) {
    subject.tell(0, alert, &[notifier]).await.unwrap();
    subject.take(notifier, 1).await.unwrap();
    retry(subject, notifier, alert.id).await;
}

async fn retry(subject: &Subject, notifier: &str, id: Uuid) {
    let retry = Fate::Retry { due_at: at(60) };
    subject.settle(notifier, id, retry).await.unwrap();
}

async fn ids(subject: &Subject, notifier: &str) -> Vec<Uuid> {
    let waiting = subject.waiting(notifier, 5).await.unwrap();
    waiting.iter().map(|waiting| waiting.id).collect()
}

/// Every file below the folder but for locks.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.file_name().unwrap() != "lock" {
            files.push(path);
        }
    }
    files
}

#[tokio::test]
async fn what_failed_outlasts_a_process_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (told, untried) = (alert(1, 0), alert(2, 0));
    let before = open(folder.path());
    failed(&before, &told, "mail").await;
    before.tell(0, &untried, &["mail"]).await.unwrap();
    assert_eq!(
        files(folder.path()).len(),
        1,
        "what was not tried is in memory alone"
    );
    drop(before);
    let after = open(folder.path());
    let waiting = after.waiting("mail", 5).await.unwrap();
    assert_eq!(waiting.len(), 1);
    let found = (waiting[0].tries, waiting[0].due_at, waiting[0].created_at);
    assert_eq!(found, (1, at(60), at(0)));
    let claimed = after.take("mail", 5).await.unwrap();
    let alert = &entry(&claimed).unwrap().alert;
    assert_eq!(written(alert).unwrap(), written(&told).unwrap());
    after.settle("mail", told.id, Fate::Done).await.unwrap();
    assert!(files(folder.path()).is_empty(), "it is delivered");
    drop(after);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but the lock: {left:?}");
    assert!(ids(&open(folder.path()), "mail").await.is_empty());
}

#[tokio::test]
async fn what_waits_outlasts_a_process_that_is_shut_down() {
    let folder = tempfile::tempdir().unwrap();
    let before = open(folder.path());
    let alerts = [alert(1, 0), alert(2, 1), alert(3, 2)];
    for (second, alert) in alerts.iter().enumerate() {
        before
            .tell(second as i64, alert, &["mail", "chat"])
            .await
            .unwrap();
    }
    before.take("mail", 3).await.unwrap();
    before.store.close().await.unwrap();
    before
        .settle("chat", alerts[1].id, Fate::Done)
        .await
        .unwrap();
    drop(before);
    let after = open(folder.path());
    let [one, two, three] = alerts.map(|alert| alert.id);
    assert_eq!(
        ids(&after, "mail").await,
        [one, two, three],
        "also what was on its way"
    );
    assert_eq!(ids(&after, "chat").await, [one, three]);
}

#[tokio::test]
async fn odd_names_of_notifiers_stay_apart_and_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a/b");
    let before = open(&inner);
    let told = alert(1, 0);
    let long = "ü".repeat(300);
    let names = ["../../../up", "", ".", "/", "a\0b", "CON", &long];
    for name in names {
        failed(&before, &told, name).await;
    }
    assert_eq!(files(folder.path()).len(), names.len());
    drop(before);
    let after = open(&inner);
    for name in names {
        assert_eq!(ids(&after, name).await, [told.id], "{name}");
    }
}

#[tokio::test]
async fn files_follow_what_is_joined_handed_over_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let before = open(folder.path());
    let uma = User::new("u-4711").name("Uma Berg");
    let hit = hit(1, 0, &uma);
    let alerts = [
        alert_of(Arc::clone(&hit.occurrences[0])),
        alert(2, 0),
        alert(3, 0),
    ];
    for alert in &alerts {
        failed(&before, alert, "mail").await;
    }
    let [first, second, third] = alerts.map(|alert| alert.id);
    let id = new_id();
    let joined = Joined {
        keep: first,
        id,
        created_at: at(0),
        gone: vec![second],
        also: Vec::new(),
        also_more: 7,
        lost: crate::loss::Losses::default(),
    };
    let plan = move |_: &mut crate::store::NotifierState, _: &[crate::store::Waiting]| Plan {
        join: Some(joined.clone()),
        ..Plan::default()
    };
    before.claim("mail", 5, plan).await.unwrap();
    let over = Fate::HandOver {
        notifier: "chat".to_owned(),
    };
    before.settle("mail", third, over).await.unwrap();
    assert_eq!(files(folder.path()).len(), 2);
    before.store.forget_user("u-4711").await.unwrap();
    for file in files(folder.path()) {
        assert!(
            !fs::read_to_string(&file).unwrap().contains("Uma Berg"),
            "{file:?}"
        );
    }
    drop(before);
    let after = open(folder.path());
    assert_eq!(ids(&after, "mail").await, [id]);
    assert_eq!(ids(&after, "chat").await, [third]);
    let waiting = after.waiting("mail", 5).await.unwrap();
    assert_eq!(waiting[0].also_more, 7);
}

#[tokio::test]
async fn what_cannot_be_read_is_set_aside_and_never_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let before = open(folder.path());
    let (good, cut) = (alert(1, 0), alert(2, 0));
    failed(&before, &good, "mail").await;
    failed(&before, &cut, "mail").await;
    drop(before);
    let named = |path: &PathBuf, id: Uuid| path.to_string_lossy().contains(&id.to_string());
    let all = files(folder.path());
    let broken = all.iter().find(|path| named(path, cut.id)).unwrap();
    let half = fs::read(broken).unwrap();
    let half = &half[..half.len() / 2];
    fs::write(broken, half).unwrap();
    fs::write(broken.with_extension("json.tmp"), "unfinished").unwrap();
    let foreign = folder.path().join("photos");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("cat.json"), "not ours").unwrap();
    let after = open(folder.path());
    assert_eq!(ids(&after, "mail").await, [good.id]);
    let all = files(folder.path());
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(foreign.join("cat.json").exists());
    let aside = all.iter().find(|path| named(path, cut.id)).unwrap();
    assert!(aside.to_string_lossy().ends_with(".json.bad"), "{aside:?}");
    assert_eq!(fs::read(aside).unwrap(), half);
}

#[cfg(unix)]
#[tokio::test]
async fn what_cannot_be_read_for_a_while_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let before = open(folder.path());
    let waiting = alert(1, 0);
    failed(&before, &waiting, "mail").await;
    drop(before);
    let file = files(folder.path()).remove(0);
    let aside = folder.path().join("elsewhere");
    fs::rename(&file, &aside).unwrap();
    // To read a folder as a file is an error that says nothing of its content.
    fs::create_dir(&file).unwrap();
    let between = open(folder.path());
    assert!(ids(&between, "mail").await.is_empty());
    drop(between);
    fs::remove_dir(&file).unwrap();
    fs::rename(&aside, &file).unwrap();
    let after = open(folder.path());
    assert_eq!(ids(&after, "mail").await, [waiting.id]);
}

#[tokio::test]
async fn no_more_than_a_thousand_are_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let before = open(folder.path());
    let told = alert(1, 0);
    failed(&before, &told, "mail").await;
    drop(before);
    let file = files(folder.path()).remove(0);
    let text = fs::read_to_string(&file).unwrap();
    for _ in 0..1_100 {
        let (old, new) = (told.id.to_string(), new_id().to_string());
        let name = file.to_string_lossy().replace(&old, &new);
        fs::write(name, text.replace(&old, &new)).unwrap();
    }
    let after = open(folder.path());
    assert_eq!(ids(&after, "mail").await.len(), 1_000);
    assert_eq!(
        files(folder.path()).len(),
        1_101,
        "the others wait for another beginning"
    );
    assert_eq!(ids(&open(folder.path()), "mail").await.len(), 101);
}

#[tokio::test]
async fn a_process_that_lives_keeps_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(folder.path()), open(folder.path()));
    let told = alert(1, 0);
    failed(&one, &told, "mail").await;
    let third = open(folder.path());
    assert!(ids(&third, "mail").await.is_empty());
    drop((one, other));
    assert_eq!(ids(&open(folder.path()), "mail").await, [told.id]);
    retry(&third, "mail", new_id()).await;
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = Memory::new().spool(&path).open().unwrap_err();
        assert!(!error.is_temporary());
        let words = error.to_string();
        assert!(words.contains(&*path.to_string_lossy()), "{words}");
    }
}

#[tokio::test]
async fn what_cannot_be_written_stays_in_memory_and_is_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let subject = open(folder.path());
    let entries = fs::read_dir(folder.path())
        .unwrap()
        .map(|it| it.unwrap().path());
    let own: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    let away = folder.path().join("away");
    fs::rename(&own[0], &away).unwrap();
    let told = alert(1, 0);
    failed(&subject, &told, "mail").await;
    assert_eq!(ids(&subject, "mail").await, [told.id]);
    subject.store.close().await.unwrap_err();
    fs::rename(&away, &own[0]).unwrap();
    subject.take("mail", 5).await.unwrap();
    retry(&subject, "mail", told.id).await;
    assert_eq!(files(folder.path()).len(), 1);
    subject.store.close().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("spool");
    let subject = open(&inner);
    failed(&subject, &alert(1, 0), "mail").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(&files(&inner)[0]), 0o600);
}
