CREATE TABLE @.migrations (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- No index on what each commit changes: such an update stays on its page and leaves nothing for the indexes to forget.
CREATE TABLE @.issues (
    fingerprint bigint PRIMARY KEY,
    kind text NOT NULL DEFAULT '',
    severity text NOT NULL DEFAULT '',
    title text NOT NULL DEFAULT '',
    culprit text,
    state text NOT NULL DEFAULT 'open',
    first_seen bigint NOT NULL DEFAULT 0,
    last_seen bigint NOT NULL DEFAULT 0,
    count bigint NOT NULL DEFAULT 0,
    users bigint NOT NULL DEFAULT 0,
    review_at bigint,
    record text NOT NULL DEFAULT ''
) WITH (fillfactor = 70);

-- Compressed in its row, not beside it.
ALTER TABLE @.issues ALTER COLUMN record SET STORAGE MAIN;

CREATE INDEX issues_review ON @.issues (review_at) WHERE review_at IS NOT NULL;

CREATE TABLE @.affected (
    fingerprint bigint PRIMARY KEY REFERENCES @.issues ON DELETE CASCADE,
    users text NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE @.occurrences (
    fingerprint bigint NOT NULL REFERENCES @.issues ON DELETE CASCADE,
    id uuid NOT NULL,
    time bigint NOT NULL,
    user_id text,
    bytes bigint NOT NULL,
    occurrence text NOT NULL,
    PRIMARY KEY (fingerprint, id)
);

CREATE TABLE @.outbox (
    notifier text NOT NULL,
    id uuid NOT NULL,
    created_at bigint NOT NULL,
    due_at bigint NOT NULL,
    tries bigint NOT NULL DEFAULT 0,
    leased_at timestamptz,
    leased_until timestamptz,
    user_id text,
    summary text NOT NULL,
    alert text NOT NULL,
    PRIMARY KEY (notifier, id)
) WITH (fillfactor = 70);

CREATE TABLE @.notifiers (
    name text PRIMARY KEY,
    state text NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE @.tidied (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    at timestamptz NOT NULL
);

CREATE TABLE @.processes (
    process uuid PRIMARY KEY,
    number bigint NOT NULL,
    outgoing bigint NOT NULL,
    forgotten bigint NOT NULL DEFAULT 0,
    seen_at timestamptz NOT NULL
) WITH (fillfactor = 70);
