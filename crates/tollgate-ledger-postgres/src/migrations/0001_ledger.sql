-- The ledger: rows are added, never changed. Amounts are nano-dollars, moments
-- are milliseconds since 1970 UTC. Names without a schema are found through
-- the search path.

-- One row for each amount that a call held; more than one after a re-hold.
CREATE TABLE hold (
    call         uuid   NOT NULL,
    amount_nanos bigint NOT NULL,
    at_ms        bigint NOT NULL,
    caller       text   NOT NULL,
    requested    text   NOT NULL,
    task         text   NOT NULL,
    policy       text   NOT NULL,
    tags         jsonb  NOT NULL,
    PRIMARY KEY (call, amount_nanos)
);

-- An attempt that was about to be sent, and the node that sent it.
CREATE TABLE dispatch (
    call        uuid   NOT NULL,
    attempt     bigint NOT NULL,
    at_ms       bigint NOT NULL,
    lane        text   NOT NULL,
    model       text   NOT NULL,
    worst_nanos bigint NOT NULL,
    node        text   NOT NULL,
    PRIMARY KEY (call, attempt)
);

-- The one end of an attempt, with its call's facts, so that reports need no join.
CREATE TABLE terminal (
    call            uuid   NOT NULL,
    attempt         bigint NOT NULL,
    kind            text   NOT NULL,
    at_ms           bigint NOT NULL,
    day             bigint NOT NULL,
    caller          text   NOT NULL,
    requested       text   NOT NULL,
    task            text   NOT NULL,
    policy          text   NOT NULL,
    tags            jsonb  NOT NULL,
    lane            text   NOT NULL,
    billing         text   NOT NULL,
    wanted          text   NOT NULL,
    model           text,
    provider        text,
    generation      text,
    started_ms      bigint NOT NULL,
    first_token_ms  bigint,
    took_ms         bigint NOT NULL,
    ended           text   NOT NULL,
    failure         text,
    status          bigint,
    message         text,
    credits_nanos   bigint,
    provider_nanos  bigint,
    source          text,
    input           bigint NOT NULL,
    cache_read      bigint NOT NULL,
    cache_write     bigint NOT NULL,
    cache_write_1h  bigint NOT NULL,
    audio_input     bigint NOT NULL,
    output          bigint NOT NULL,
    reasoning       bigint NOT NULL,
    audio_output    bigint NOT NULL,
    image_output    bigint NOT NULL,
    images          bigint NOT NULL,
    web_searches    bigint NOT NULL,
    PRIMARY KEY (call, attempt)
);

CREATE INDEX terminal_at ON terminal (at_ms);

-- Later knowledge of an attempt's cost; the highest n counts.
CREATE TABLE adjust (
    n               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call            uuid   NOT NULL,
    attempt         bigint NOT NULL,
    at_ms           bigint NOT NULL,
    credits_nanos   bigint NOT NULL,
    provider_nanos  bigint NOT NULL,
    source          text   NOT NULL,
    input           bigint,
    cache_read      bigint,
    cache_write     bigint,
    cache_write_1h  bigint,
    audio_input     bigint,
    output          bigint,
    reasoning       bigint,
    audio_output    bigint,
    image_output    bigint,
    images          bigint,
    web_searches    bigint,
    UNIQUE NULLS NOT DISTINCT (
        call, attempt, at_ms, credits_nanos, provider_nanos, source, input, cache_read,
        cache_write, cache_write_1h, audio_input, output, reasoning, audio_output,
        image_output, images, web_searches
    )
);

-- Attempts as they count now: the last cost that was learned, and the last
-- tokens.
CREATE VIEW booked AS
SELECT
    t.call, t.attempt, t.at_ms, t.day, t.caller, t.task, t.policy, t.lane, t.billing,
    coalesce(t.model, t.wanted) AS model,
    coalesce(t.provider, 'unknown') AS provider,
    t.ended IN ('failed', 'cut') AS failed,
    t.attempt = (SELECT max(x.attempt) FROM terminal AS x WHERE x.call = t.call) AS last,
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
LEFT JOIN (
    SELECT DISTINCT ON (call, attempt) * FROM adjust ORDER BY call, attempt, n DESC
) AS c ON c.call = t.call AND c.attempt = t.attempt
LEFT JOIN (
    SELECT DISTINCT ON (call, attempt) * FROM adjust WHERE input IS NOT NULL
    ORDER BY call, attempt, n DESC
) AS k ON k.call = t.call AND k.attempt = t.attempt;
