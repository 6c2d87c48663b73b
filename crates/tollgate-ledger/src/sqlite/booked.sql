-- Attempts as they count now: the last cost that was learned, and the last
-- tokens. Reports read this, and no view of the file, so that they are the same
-- from a file of an older schema.
SELECT
    t.at_ms, t.day, t.caller, t.requested, t.task, t.policy, t.tags, t.lane, t.billing,
    t.wanted AS planned,
    coalesce(t.model, t.wanted) AS model,
    coalesce(t.provider, 'unknown') AS provider,
    t.ended IN ('failed', 'cut') AS failed,
    t.ended IN ('failed', 'cut', 'outrun', 'rejected') AS lost,
    t.attempt = (SELECT max(attempt) FROM terminal WHERE call = t.call) AS last,
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
LEFT JOIN adjust AS c
    ON c.call = t.call AND c.attempt = t.attempt
    AND c.n = (SELECT max(n) FROM adjust WHERE call = t.call AND attempt = t.attempt)
LEFT JOIN adjust AS k
    ON k.call = t.call AND k.attempt = t.attempt
    AND k.n = (
        SELECT max(n) FROM adjust
        WHERE call = t.call AND attempt = t.attempt AND input IS NOT NULL
    )
