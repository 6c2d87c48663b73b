-- What the first schema's migration made, and some rows.

-- The ledger: rows are added, never changed. Amounts are nano-dollars, moments
-- are milliseconds since 1970 UTC, ids of calls are 16 bytes that sort by time.

CREATE TABLE schema_version (
    version    INTEGER NOT NULL PRIMARY KEY,
    applied_ms INTEGER NOT NULL
) STRICT;

-- One row for each amount that a call held; more than one after a re-hold.
CREATE TABLE hold (
    call         BLOB    NOT NULL,
    amount_nanos INTEGER NOT NULL,
    at_ms        INTEGER NOT NULL,
    caller       TEXT    NOT NULL,
    requested    TEXT    NOT NULL,
    task         TEXT    NOT NULL,
    policy       TEXT    NOT NULL,
    tags         TEXT    NOT NULL,
    PRIMARY KEY (call, amount_nanos)
) STRICT, WITHOUT ROWID;

-- An attempt that was about to be sent.
CREATE TABLE dispatch (
    call        BLOB    NOT NULL,
    attempt     INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    lane        TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    worst_nanos INTEGER NOT NULL,
    PRIMARY KEY (call, attempt)
) STRICT, WITHOUT ROWID;

-- The one end of an attempt, with its call's facts, so that reports need no join.
CREATE TABLE terminal (
    call            BLOB    NOT NULL,
    attempt         INTEGER NOT NULL,
    kind            TEXT    NOT NULL,
    at_ms           INTEGER NOT NULL,
    day             INTEGER NOT NULL,
    caller          TEXT    NOT NULL,
    requested       TEXT    NOT NULL,
    task            TEXT    NOT NULL,
    policy          TEXT    NOT NULL,
    tags            TEXT    NOT NULL,
    lane            TEXT    NOT NULL,
    billing         TEXT    NOT NULL,
    wanted          TEXT    NOT NULL,
    model           TEXT,
    provider        TEXT,
    generation      TEXT,
    started_ms      INTEGER NOT NULL,
    first_token_ms  INTEGER,
    took_ms         INTEGER NOT NULL,
    ended           TEXT    NOT NULL,
    failure         TEXT,
    status          INTEGER,
    message         TEXT,
    credits_nanos   INTEGER,
    provider_nanos  INTEGER,
    source          TEXT,
    input           INTEGER NOT NULL,
    cache_read      INTEGER NOT NULL,
    cache_write     INTEGER NOT NULL,
    cache_write_1h  INTEGER NOT NULL,
    audio_input     INTEGER NOT NULL,
    output          INTEGER NOT NULL,
    reasoning       INTEGER NOT NULL,
    audio_output    INTEGER NOT NULL,
    image_output    INTEGER NOT NULL,
    images          INTEGER NOT NULL,
    web_searches    INTEGER NOT NULL,
    PRIMARY KEY (call, attempt)
) STRICT, WITHOUT ROWID;

CREATE INDEX terminal_at ON terminal (at_ms);

-- Later knowledge of an attempt's cost; the highest n counts.
CREATE TABLE adjust (
    call            BLOB    NOT NULL,
    attempt         INTEGER NOT NULL,
    n               INTEGER NOT NULL,
    at_ms           INTEGER NOT NULL,
    credits_nanos   INTEGER NOT NULL,
    provider_nanos  INTEGER NOT NULL,
    source          TEXT    NOT NULL,
    input           INTEGER,
    cache_read      INTEGER,
    cache_write     INTEGER,
    cache_write_1h  INTEGER,
    audio_input     INTEGER,
    output          INTEGER,
    reasoning       INTEGER,
    audio_output    INTEGER,
    image_output    INTEGER,
    images          INTEGER,
    web_searches    INTEGER,
    PRIMARY KEY (call, attempt, n)
) STRICT, WITHOUT ROWID;

-- Attempts as they count now: the last cost that was learned, and the last
-- tokens.
CREATE VIEW booked AS
SELECT
    t.call, t.attempt, t.at_ms, t.day, t.caller, t.task, t.policy, t.lane, t.billing,
    coalesce(t.model, t.wanted) AS model,
    coalesce(t.provider, 'unknown') AS provider,
    t.ended IN ('failed', 'cut') AS failed,
    t.attempt = (SELECT max(attempt) FROM terminal WHERE call = t.call) AS last,
    coalesce(c.source, t.source) AS source,
    coalesce(c.credits_nanos, t.credits_nanos) AS credits_nanos,
    coalesce(c.provider_nanos, t.provider_nanos) AS provider_nanos,
    coalesce(k.input, t.input) AS input,
    coalesce(k.cache_read, t.cache_read) AS cache_read,
    coalesce(k.cache_write, t.cache_write) AS cache_write,
    coalesce(k.cache_write_1h, t.cache_write_1h) AS cache_write_1h,
    coalesce(k.audio_input, t.audio_input) AS audio_input,
    coalesce(k.output, t.output) AS output,
    coalesce(k.reasoning, t.reasoning) AS reasoning,
    coalesce(k.audio_output, t.audio_output) AS audio_output,
    coalesce(k.image_output, t.image_output) AS image_output,
    coalesce(k.images, t.images) AS images,
    coalesce(k.web_searches, t.web_searches) AS web_searches
FROM terminal AS t
LEFT JOIN adjust AS c
    ON c.call = t.call AND c.attempt = t.attempt
    AND c.n = (SELECT max(n) FROM adjust WHERE call = t.call AND attempt = t.attempt)
LEFT JOIN adjust AS k
    ON k.call = t.call AND k.attempt = t.attempt
    AND k.n = (
        SELECT max(n) FROM adjust
        WHERE call = t.call AND attempt = t.attempt AND input IS NOT NULL
    );

INSERT INTO schema_version VALUES (1, 1786190400000);
PRAGMA application_id = 1413958725;

-- One call of two attempts: the first failed and cost something all the same,
-- the second answered, and its cost and tokens were learned later.
INSERT INTO terminal (
    call, attempt, kind, at_ms, day, caller, requested, task, policy, tags, lane, billing, wanted,
    model, provider, generation, started_ms, first_token_ms, took_ms, ended, failure, status,
    message, credits_nanos, provider_nanos, source, input, cache_read, cache_write,
    cache_write_1h, audio_input, output, reasoning, audio_output, image_output, images,
    web_searches)
VALUES
    (x'0000000000000000000000000000000a', 1, 'settle', 1786190400000, 20673, 'local', 'auto',
     'chat', 'balanced', '[["env","prod"]]', 'openrouter', 'credits', 'a/one', NULL, NULL, NULL,
     0, NULL, 5, 'failed', 'upstream', 502, 'bad gateway', 4, 0, 'reported',
     3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    (x'0000000000000000000000000000000a', 2, 'settle', 1786190400000, 20673, 'local', 'auto',
     'chat', 'balanced', '[["env","prod"]]', 'openrouter', 'credits', 'b/two', 'b/two-2026',
     'Alpha', 'gen-1', 5, 9, 12, 'complete', NULL, NULL, NULL, 900, 0, 'worst_case',
     0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

INSERT INTO adjust VALUES
    (x'0000000000000000000000000000000a', 2, 1, 1786190460000, 70, 0, 'reconciled',
     10, 0, 0, 0, 0, 22, 0, 0, 0, 0, 0);
