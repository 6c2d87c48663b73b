-- Calls are looked up by the ids that upstreams gave them.

CREATE INDEX terminal_generation ON terminal (generation) WHERE generation IS NOT NULL;
