//! The tables, as numbered migrations.

/// Says whose file it is: `TwMn`.
pub(super) const APPLICATION_ID: i64 = 0x5477_4d6e;

/// Each is run once, in order; a file's `user_version` is how many of them it has seen. What was released never changes.
pub(super) const MIGRATIONS: &[&str] = &[FIRST];

/// Times are microseconds since 1970-01-01 UTC; a fingerprint is the 64 bits of its 16 digits: `printf('%016x', fingerprint)`.
///
/// Every index is a page more to write with each commit: there are as few as the questions need, and who looks for a person's
/// occurrences reads through the whole of `occurrence_of_issue`.
const FIRST: &str = "
    CREATE TABLE issue (
        fingerprint INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        severity TEXT NOT NULL,
        title TEXT NOT NULL,
        culprit TEXT,
        first_seen INTEGER NOT NULL,
        last_seen INTEGER NOT NULL,
        count INTEGER NOT NULL,
        users INTEGER NOT NULL,
        state TEXT NOT NULL,
        review_at INTEGER,
        record TEXT NOT NULL
    );
    CREATE INDEX issue_last_seen ON issue (last_seen);
    CREATE INDEX issue_rare ON issue (last_seen) WHERE state = 'open' AND count <= 2;
    CREATE INDEX issue_review_at ON issue (review_at) WHERE review_at IS NOT NULL;

    CREATE TABLE affected (
        fingerprint INTEGER PRIMARY KEY,
        users TEXT NOT NULL,
        sketch BLOB NOT NULL,
        has_more INTEGER NOT NULL
    );

    CREATE TABLE occurrence (
        number INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        fingerprint INTEGER NOT NULL,
        time INTEGER NOT NULL,
        user_id TEXT,
        bytes INTEGER NOT NULL,
        body TEXT NOT NULL
    );
    CREATE INDEX occurrence_of_issue ON occurrence (fingerprint, time, id, bytes, user_id);

    CREATE TABLE notifier (
        name TEXT PRIMARY KEY,
        state TEXT NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE outbox (
        number INTEGER PRIMARY KEY,
        notifier TEXT NOT NULL,
        id BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        leased_until INTEGER,
        user_id TEXT,
        line TEXT NOT NULL,
        body TEXT NOT NULL
    );
    CREATE UNIQUE INDEX outbox_entry ON outbox (notifier, id);
    CREATE INDEX outbox_order ON outbox (notifier, created_at, id);
    CREATE INDEX outbox_of_user ON outbox (user_id) WHERE user_id IS NOT NULL;

    CREATE TABLE batch (
        process BLOB PRIMARY KEY,
        number INTEGER NOT NULL,
        at INTEGER NOT NULL,
        forgotten INTEGER NOT NULL,
        outgoing INTEGER NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE total (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        issues INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    );
    INSERT INTO total VALUES (1, 0, 0);
";
