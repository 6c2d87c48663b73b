-- Events carry what they count in and are chained: `seq` numbers the events of
-- all tables in the order of their recording, `digest` covers the event and the
-- digest before it. Both are null in rows that are older than the chain.
-- `windows` is JSON, [[budget, key, start in ms], ...], and null for none.

ALTER TABLE hold ADD COLUMN seq INTEGER;
ALTER TABLE hold ADD COLUMN digest BLOB;

ALTER TABLE dispatch ADD COLUMN billing TEXT;
ALTER TABLE dispatch ADD COLUMN windows TEXT;
ALTER TABLE dispatch ADD COLUMN epoch INTEGER;
ALTER TABLE dispatch ADD COLUMN seq INTEGER;
ALTER TABLE dispatch ADD COLUMN digest BLOB;

ALTER TABLE terminal ADD COLUMN windows TEXT;
ALTER TABLE terminal ADD COLUMN seq INTEGER;
ALTER TABLE terminal ADD COLUMN digest BLOB;

ALTER TABLE adjust ADD COLUMN change_nanos INTEGER;
ALTER TABLE adjust ADD COLUMN windows TEXT;
ALTER TABLE adjust ADD COLUMN seq INTEGER;
ALTER TABLE adjust ADD COLUMN digest BLOB;

-- The id that an upstream gave an attempt, known before the attempt's end.
CREATE TABLE named (
    call       BLOB    NOT NULL,
    attempt    INTEGER NOT NULL,
    generation TEXT    NOT NULL,
    seq        INTEGER,
    digest     BLOB,
    PRIMARY KEY (call, attempt)
) STRICT, WITHOUT ROWID;

-- What had been spent in a window before it was counted.
CREATE TABLE carried (
    budget       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    start_ms     INTEGER NOT NULL,
    at_ms        INTEGER NOT NULL,
    amount_nanos INTEGER NOT NULL,
    seq          INTEGER,
    digest       BLOB,
    PRIMARY KEY (budget, key, start_ms)
) STRICT, WITHOUT ROWID;

-- Counters: sums over the events, kept so that starting needs no replay.
CREATE TABLE budget_spent (
    budget      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    start_ms    INTEGER NOT NULL,
    spent_nanos INTEGER NOT NULL,
    PRIMARY KEY (budget, key, start_ms)
) STRICT, WITHOUT ROWID;

-- One row: the last event of the chain, how many rows are older than it, and
-- what nobody counts any more.
CREATE TABLE chain (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    seq      INTEGER NOT NULL,
    digest   BLOB    NOT NULL,
    older    INTEGER NOT NULL,
    barriers INTEGER NOT NULL
) STRICT;

INSERT INTO chain VALUES (
    1, 0, zeroblob(32),
    (SELECT count(*) FROM hold) + (SELECT count(*) FROM dispatch)
        + (SELECT count(*) FROM terminal) + (SELECT count(*) FROM adjust),
    0
);
