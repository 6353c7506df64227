//! A person who is erased is gone from the rows, and from the bytes of the file.

use super::*;

fn bytes_with(folder: &TempDir, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        if bytes.windows(word.len()).any(|it| it == word.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_person_is_gone_from_every_row_and_every_page() {
    let folder = folder();
    let store = opened(&folder);
    let retention = Retention::new().max_occurrences(2);
    for second in 0..60_i64 {
        // Some of hers were let go long ago, and lie on free pages.
        let user = if second % 3 == 0 { "uma\"7\"" } else { "other" };
        let changes = vec![change_of(1, second, user), change_of(2, second, "other")];
        let mut batch = batch(second as u64 + 1, changes);
        batch.retention = retention;
        wait(store.commit(Arc::new(batch), telling("ops"))).unwrap();
    }
    assert!(!bytes_with(&folder, "name-of-uma").is_empty());
    assert_eq!(record(&store, 1).unwrap().issue.users, 2);

    let erased = wait(store.forget_user("uma\"7\"")).unwrap();
    // The list, the first occurrence, and 20 alerts.
    assert_eq!(erased, 22);
    assert_eq!(bytes_with(&folder, "name-of-uma"), Vec::<String>::new());
    assert_eq!(bytes_with(&folder, "uma"), Vec::<String>::new());
    let affected = wait(store.affected(problem(1))).unwrap();
    let ids: Vec<_> = affected.users.iter().map(|user| &*user.id).collect();
    assert_eq!((ids, affected.has_more), (vec!["other"], true));
    assert_eq!(record(&store, 1).unwrap().issue.users, affected.count());
    let kept = wait(store.occurrences(problem(1))).unwrap();
    assert!(kept.iter().all(|it| it.user_id() == Some("other")));
    assert_eq!(count(&store, "SELECT count(*) FROM outbox"), 120);
    let right = "SELECT bytes = (SELECT sum(bytes) FROM occurrence) FROM total";
    assert_eq!(count(&store, right), 1);
    assert_eq!(wait(store.forget_user("uma\"7\"")), Ok(0));
    assert_eq!(bytes_with(&folder, "name-of-other").len(), 1);
}

#[test]
fn what_cannot_be_read_is_erased_whole() {
    let (_folder, store) = fresh();
    let batch = batch(1, vec![change_of(1, 1, "42")]);
    wait(store.commit(Arc::new(batch), telling("ops"))).unwrap();
    sql(
        &store,
        "UPDATE outbox SET body = '{}'; UPDATE affected SET users = '[\"42\"]'",
    );
    assert_eq!(wait(store.forget_user("42")), Ok(3));
    assert_eq!(count(&store, "SELECT count(*) FROM outbox"), 0);
    assert!(wait(store.affected(problem(1))).unwrap().has_more);
}
