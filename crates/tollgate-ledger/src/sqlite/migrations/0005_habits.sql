-- What answers used: sums by day, model and task, of natural logarithms in
-- thousandths. Statistics, so they are no part of the chain.

CREATE TABLE habits (
    day                INTEGER NOT NULL,
    model              TEXT    NOT NULL,
    task               TEXT    NOT NULL,
    answers            INTEGER NOT NULL,
    log_tokens         INTEGER NOT NULL,
    log_tokens_squared INTEGER NOT NULL,
    prompts            INTEGER NOT NULL,
    log_factors        INTEGER NOT NULL,
    PRIMARY KEY (day, model, task)
) STRICT, WITHOUT ROWID;
