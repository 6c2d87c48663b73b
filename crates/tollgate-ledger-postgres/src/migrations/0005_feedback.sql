-- What was said of answers: sums by day, model, task and source, in
-- thousandths, of all nodes together.

CREATE TABLE feedback (
    day    bigint NOT NULL,
    model  text   NOT NULL,
    task   text   NOT NULL,
    source text   NOT NULL,
    weight bigint NOT NULL,
    sum    bigint NOT NULL,
    PRIMARY KEY (day, model, task, source)
);
