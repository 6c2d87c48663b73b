-- Keys of callers, and the slices of their limits that nodes have taken.

-- Hashes, as the text of a [keys.NAME] table in JSON; never a key.
CREATE TABLE keys (
    name       text        PRIMARY KEY,
    config     jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- A row to lock while the slices of a key are counted.
CREATE TABLE limit_key (
    key text PRIMARY KEY
);

-- A part of a key's minute that a node may use, and, once it has ended, what
-- was used of it. Rows are deleted when they have not counted for a while.
CREATE TABLE limit_slice (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key      text        NOT NULL REFERENCES limit_key,
    at       timestamptz NOT NULL,
    requests bigint      NOT NULL CHECK (requests >= 0),
    tokens   bigint      NOT NULL CHECK (tokens >= 0)
);
CREATE INDEX limit_slice_of_key ON limit_slice (key, at);
