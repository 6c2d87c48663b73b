-- More than one sum may be carried into a window; the largest counts.

ALTER TABLE carried
    DROP CONSTRAINT carried_pkey,
    ADD PRIMARY KEY (budget, key, start_ms, amount_nanos);
