-- What was said of answers: sums by day, model, task and source, in
-- thousandths. Statistics, so they are no part of the chain.

CREATE TABLE feedback (
    day    INTEGER NOT NULL,
    model  TEXT    NOT NULL,
    task   TEXT    NOT NULL,
    source TEXT    NOT NULL,
    weight INTEGER NOT NULL,
    sum    INTEGER NOT NULL,
    PRIMARY KEY (day, model, task, source)
) STRICT, WITHOUT ROWID;
