-- Budgets that several nodes share: what was spent in each window, and which
-- part of it each node has leased. What is leased of a window is the sum of its
-- leases; nothing else remembers it.

-- An amount that fits the type, whatever a sum came to: a ledger at the end of
-- its type is better than one that cannot record.
CREATE FUNCTION nanos(amount numeric) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN least(greatest(amount, -9223372036854775807), 9223372036854775807)::bigint;

-- Windows are arrays of {"budget", "key", "start_ms"}.
ALTER TABLE dispatch
    ADD COLUMN billing text NOT NULL DEFAULT 'credits',
    ADD COLUMN windows jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE terminal
    ADD COLUMN windows jsonb NOT NULL DEFAULT '[]';
ALTER TABLE adjust
    ADD COLUMN windows jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN change_nanos bigint NOT NULL DEFAULT 0;

CREATE INDEX terminal_uncertain ON terminal (at_ms)
    WHERE source IN ('estimated', 'worst_case');

-- The id that an upstream gave an attempt.
CREATE TABLE named (
    call       uuid   NOT NULL,
    attempt    bigint NOT NULL,
    generation text   NOT NULL,
    PRIMARY KEY (call, attempt)
);

-- Attempts that were dispatched and have not ended. It says what dispatch and
-- terminal say, and spares a search through all of them.
CREATE TABLE running (
    call    uuid   NOT NULL,
    attempt bigint NOT NULL,
    PRIMARY KEY (call, attempt)
);
INSERT INTO running
SELECT d.call, d.attempt FROM dispatch AS d
WHERE NOT EXISTS (
    SELECT 1 FROM terminal AS t WHERE t.call = d.call AND t.attempt = d.attempt
);

-- What was spent in a window before it was counted.
CREATE TABLE carried (
    budget       text   NOT NULL,
    key          text   NOT NULL,
    start_ms     bigint NOT NULL,
    at_ms        bigint NOT NULL,
    amount_nanos bigint NOT NULL,
    PRIMARY KEY (budget, key, start_ms)
);

-- Counters: these rows change, and follow from the others. The space that is
-- left in their pages keeps changes away from the indexes.
CREATE TABLE budget_window (
    budget      text   NOT NULL,
    key         text   NOT NULL,
    start_ms    bigint NOT NULL,
    spent_nanos bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (budget, key, start_ms)
) WITH (fillfactor = 50);

-- A node that leases, and the epoch of its leases. One without a moment of
-- expiry has lost them.
CREATE TABLE node (
    name       text   PRIMARY KEY,
    epoch      bigint NOT NULL CHECK (epoch > 0),
    expires_at timestamptz
) WITH (fillfactor = 50);

-- What a node may still spend of a window. In an epoch that has ended: what its
-- attempts may still come to that have not ended.
CREATE TABLE lease (
    budget     text   NOT NULL,
    key        text   NOT NULL,
    start_ms   bigint NOT NULL,
    node       text   NOT NULL REFERENCES node,
    epoch      bigint NOT NULL CHECK (epoch > 0),
    left_nanos bigint NOT NULL CHECK (left_nanos >= 0),
    PRIMARY KEY (budget, key, start_ms, node, epoch),
    FOREIGN KEY (budget, key, start_ms) REFERENCES budget_window
) WITH (fillfactor = 50);
