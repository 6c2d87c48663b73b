-- What answers used: sums by day, model and task, of natural logarithms in
-- thousandths, of all nodes together.

CREATE TABLE habits (
    day                bigint NOT NULL,
    model              text   NOT NULL,
    task               text   NOT NULL,
    answers            bigint NOT NULL,
    log_tokens         bigint NOT NULL,
    log_tokens_squared bigint NOT NULL,
    prompts            bigint NOT NULL,
    log_factors        bigint NOT NULL,
    PRIMARY KEY (day, model, task)
);
