-- More than one sum may be carried into a window; the largest counts.

CREATE TABLE carried_more (
    budget       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    start_ms     INTEGER NOT NULL,
    at_ms        INTEGER NOT NULL,
    amount_nanos INTEGER NOT NULL,
    seq          INTEGER,
    digest       BLOB,
    PRIMARY KEY (budget, key, start_ms, amount_nanos)
) STRICT, WITHOUT ROWID;

INSERT INTO carried_more (budget, key, start_ms, at_ms, amount_nanos, seq, digest)
SELECT budget, key, start_ms, at_ms, amount_nanos, seq, digest FROM carried;

DROP TABLE carried;
ALTER TABLE carried_more RENAME TO carried;
