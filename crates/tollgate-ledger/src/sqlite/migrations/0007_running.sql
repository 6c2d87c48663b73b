-- Attempts that were dispatched and have not ended. It says what dispatch and
-- terminal say, so it is no part of the chain, and spares a search through all
-- of them.

CREATE TABLE running (
    call    BLOB    NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (call, attempt)
) STRICT, WITHOUT ROWID;

INSERT INTO running
SELECT d.call, d.attempt FROM dispatch AS d
WHERE NOT EXISTS (
    SELECT 1 FROM terminal AS t WHERE t.call = d.call AND t.attempt = d.attempt
);
