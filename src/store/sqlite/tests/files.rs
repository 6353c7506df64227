//! Files: new, foreign, damaged, newer, out of reach, full, replaced.

use super::*;
use std::path::Path;

fn refused(path: &Path) -> StoreError {
    let error = Sqlite::new(path).open().unwrap_err();
    let words = error.to_string();
    assert!(words.contains(&path.display().to_string()), "{words}");
    assert!(!error.is_temporary(), "{words}");
    error
}

/// It is refused with these words, and nothing changes: neither the file nor what lies beside it.
fn refused_untouched(folder: &TempDir, words: &str) {
    let files = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut all: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .map(|path| (std::fs::read(&path).unwrap(), path))
            .collect();
        all.sort();
        all
    };
    let before = files();
    let error = refused(&folder.path().join("monitor.db"));
    assert!(error.to_string().contains(words), "{error}");
    assert!(files() == before, "{words}: something was changed");
}

/// A file as it lies there when the service does not run.
fn at_rest() -> TempDir {
    let folder = folder();
    let store = opened(&folder);
    let changes = (1..200).map(|number| change(number, 1)).collect();
    commit(&store, batch(1, changes));
    drop(store);
    while folder.path().join("monitor.db-wal").exists() {
        std::thread::yield_now();
    }
    folder
}

#[test]
fn a_file_of_something_else_is_left_as_it_is() {
    let text = folder();
    let path = text.path().join("monitor.db");
    std::fs::write(&path, "dear diary, ".repeat(1_000)).unwrap();
    refused_untouched(&text, "is no SQLite file");
    std::fs::write(&path, "short").unwrap();
    refused_untouched(&text, "is no SQLite file");

    for mode in ["DELETE", "WAL"] {
        let foreign = folder();
        let path = foreign.path().join("monitor.db");
        let connection = Connection::open(&path).unwrap();
        file::steps(&connection, &format!("PRAGMA journal_mode = {mode}")).unwrap();
        connection
            .execute_batch("CREATE TABLE t (x); PRAGMA user_version = 1")
            .unwrap();
        drop(connection);
        refused_untouched(&foreign, "another application (application_id 0)");
    }
}

#[test]
fn a_file_of_a_newer_version_is_left_as_it_is() {
    let folder = at_rest();
    let connection = Connection::open(folder.path().join("monitor.db")).unwrap();
    connection
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    drop(connection);
    refused_untouched(
        &folder,
        "newer version of this crate (its tables are number 99",
    );
}

#[test]
fn a_file_without_a_table_is_as_good_as_none() {
    let folder = folder();
    let path = folder.path().join("monitor.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA auto_vacuum = 2").unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
    drop(connection);
    commit(&opened(&folder), batch(1, vec![change(1, 1)]));
}

#[test]
fn tables_of_another_application_are_seen_in_its_log() {
    let folder = folder();
    let path = folder.path().join("monitor.db");
    let connection = Connection::open(&path).unwrap();
    file::steps(&connection, "PRAGMA journal_mode = WAL").unwrap();
    connection.execute_batch("CREATE TABLE t (x)").unwrap();
    let files = || {
        ["monitor.db", "monitor.db-wal"].map(|it| std::fs::read(folder.path().join(it)).unwrap())
    };
    let before = files();
    let error = refused(&path);
    assert!(error.to_string().contains("another application"), "{error}");
    assert!(files() == before);
}

#[test]
fn a_newer_version_that_was_killed_is_seen_in_its_log() {
    let folder = at_rest();
    let path = folder.path().join("monitor.db");
    let before = std::fs::read(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), before, "it is in the log");
    let error = refused(&path);
    assert!(error.to_string().contains("newer version"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_file_is_left_as_it_is() {
    let whole = std::fs::read(at_rest().path().join("monitor.db")).unwrap();
    let cut = whole[..whole.len() / 2 / 4096 * 4096].to_vec();
    let mut scribbled = whole.clone();
    for page in 1..whole.len() / 4096 {
        scribbled[page * 4096..page * 4096 + 100].fill(0xa5);
    }
    for damaged in [cut, scribbled] {
        let folder = folder();
        std::fs::write(folder.path().join("monitor.db"), damaged).unwrap();
        refused_untouched(&folder, "is damaged");
    }
}

#[test]
fn a_place_where_no_file_can_be_is_named_with_what_to_do() {
    let folder = folder();
    let nowhere = refused(&folder.path().join("not/there/monitor.db"));
    assert!(nowhere.to_string().contains("create it"), "{nowhere}");
    assert!(!folder.path().join("not").exists());
    let error = refused(folder.path());
    assert!(error.to_string().contains("is a folder"), "{error}");
    // Not even the superuser can write there.
    if Path::new("/proc/self").exists() {
        let error = refused(Path::new("/proc/monitor.db"));
        assert!(error.to_string().contains("cannot be written"), "{error}");
    }
    let unopened = Sqlite::new(folder.path().join("monitor.db"));
    let error = wait(unopened.issues(1)).unwrap_err();
    assert!(error.to_string().contains("not opened"), "{error}");
}

#[test]
fn any_name_is_taken_as_it_is() {
    for name in ["a b?c#d%41.db", "größe.db", "file:x", ":memory:"] {
        let folder = folder();
        let path = folder.path().join(name);
        for opened in 1..=2 {
            let store = Sqlite::new(&path);
            store.open().unwrap();
            commit(&store, batch(opened, vec![change(opened, 1)]));
            assert_eq!(wait(store.issues(9)).unwrap().len() as u64, opened);
        }
        assert!(path.exists());
    }
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let path = folder.path().join("monitor.db");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o664)).unwrap();
    let store = opened(&folder);
    commit(&store, batch(1, vec![change(1, 1)]));
    for name in ["monitor.db", "monitor.db-wal", "monitor.db-shm"] {
        let metadata = std::fs::metadata(folder.path().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn the_pragmas_are_what_the_docs_say() {
    let folder = folder();
    let store = opened(&folder);
    for (pragma, value) in [
        (
            "SELECT * FROM pragma_application_id",
            schema::APPLICATION_ID,
        ),
        ("SELECT * FROM pragma_user_version", 1),
        ("SELECT journal_mode = 'wal' FROM pragma_journal_mode", 1),
        ("SELECT * FROM pragma_synchronous", 1),
        ("SELECT * FROM pragma_auto_vacuum", 2),
        ("SELECT * FROM pragma_journal_size_limit", 8 * 1024 * 1024),
        ("SELECT * FROM pragma_secure_delete", 2),
        ("SELECT * FROM pragma_busy_timeout", 5_000),
    ] {
        assert_eq!(count(&store, pragma), value, "{pragma}");
    }
    drop(store);
    let safe = Sqlite::new(folder.path().join("monitor.db"))
        .busy_timeout(Duration::from_millis(7))
        .synchronous_full();
    safe.open().unwrap();
    assert_eq!(count(&safe, "SELECT * FROM pragma_synchronous"), 2);
    assert_eq!(count(&safe, "SELECT * FROM pragma_busy_timeout"), 7);
}

#[test]
fn a_full_disk_undoes_the_commit_and_is_recovered_from() {
    let (_folder, store) = fresh();
    commit(&store, batch(1, vec![change(1, 1)]));
    let room = count(&store, "SELECT page_count FROM pragma_page_count");
    let limit = |pages: i64| {
        let pragma = format!("PRAGMA max_page_count = {pages}");
        inside(&store, move |file| file::steps(file, &pragma));
    };
    limit(room);
    let changes: Vec<_> = (1..200).map(|number| change(number, 2)).collect();
    let large = Arc::new(batch(2, changes));
    for _ in 0..2 {
        let error = wait(store.commit(Arc::clone(&large), telling("ops"))).unwrap_err();
        assert!(error.is_full() && error.is_temporary(), "{error}");
        assert_eq!(record(&store, 1).unwrap().issue.count, 1);
        assert_eq!(wait(store.issues(9)).unwrap().len(), 1);
        assert_eq!(wait(store.notifiers()), Ok(vec![]));
    }
    limit(1_000_000);
    let committed = wait(store.commit(large, telling("ops"))).unwrap();
    assert_eq!((committed.records.len(), committed.outgoing), (199, 199));
    assert_eq!(record(&store, 1).unwrap().issue.count, 2);
}

#[test]
fn a_lock_that_somebody_holds_is_waited_for_and_then_told() {
    let folder = folder();
    let path = folder.path().join("monitor.db");
    let store = Sqlite::new(&path).busy_timeout(Duration::from_millis(20));
    store.open().unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let one = Arc::new(batch(1, vec![change(1, 1)]));
    let error = wait(store.commit(Arc::clone(&one), nothing())).unwrap_err();
    assert!(error.is_temporary() && !error.is_full(), "{error}");
    assert!(error.to_string().contains("lock"), "{error}");
    other.execute_batch("COMMIT").unwrap();
    wait(store.commit(one, nothing())).unwrap();
}

#[cfg(unix)]
#[test]
fn a_file_that_is_deleted_or_replaced_is_not_written_in_silence() {
    let folder = folder();
    let path = folder.path().join("monitor.db");
    let store = opened(&folder);
    commit(&store, batch(1, vec![change(1, 1)]));
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(folder.path().join("monitor.db-wal")).unwrap();
    let two = Arc::new(batch(2, vec![change(2, 1)]));
    let error = wait(store.commit(Arc::clone(&two), nothing())).unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(error.to_string().contains("deleted or replaced"), "{error}");
    wait(store.commit(two, nothing())).unwrap();
    assert_eq!(record(&store, 1), None);
    assert_eq!(record(&store, 2).unwrap().issue.count, 1);

    let other = at_rest();
    let log = folder.path().join("monitor.db-wal");
    std::fs::remove_file(&log).unwrap();
    std::fs::rename(other.path().join("monitor.db"), &path).unwrap();
    let another = Sqlite::new(&path);
    another.open().unwrap();
    commit(&another, batch(5, vec![counted(7, 2, 5)]));
    let mut three = batch(3, vec![counted(7, 2, 5)]);
    three.process = Uuid::from_u128(3);
    let three = Arc::new(three);
    let error = wait(store.commit(Arc::clone(&three), nothing())).unwrap_err();
    assert!(error.to_string().contains("deleted or replaced"), "{error}");
    assert!(log.exists(), "the log of the new file was deleted");
    wait(store.commit(three, nothing())).unwrap();
    for store in [&store, &another] {
        assert_eq!(record(store, 7).unwrap().issue.count, 11);
    }
}
