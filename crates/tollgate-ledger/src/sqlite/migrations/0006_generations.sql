-- Calls are looked up by the ids that upstreams gave them. Not a part of any
-- event, so no part of the chain.

CREATE INDEX terminal_generation ON terminal (generation) WHERE generation IS NOT NULL;
