//! The statements of a batch. Those that insert return how many rows they did.

/// The epoch of a node's leases. The lock keeps it until the transaction ends.
pub(super) const EPOCH: &str = "SELECT epoch FROM node WHERE name = $1 FOR SHARE";

pub(super) const HOLD: &str = "WITH new AS (
    INSERT INTO hold SELECT * FROM jsonb_populate_recordset(NULL::hold, $1::text::jsonb)
    ON CONFLICT DO NOTHING RETURNING call
)
SELECT count(*) FROM new";

pub(super) const DISPATCH: &str = "WITH new AS (
    INSERT INTO dispatch SELECT * FROM jsonb_populate_recordset(NULL::dispatch, $1::text::jsonb)
    ON CONFLICT DO NOTHING RETURNING call, attempt
), started AS (
    INSERT INTO running SELECT call, attempt FROM new
    WHERE NOT EXISTS (
        SELECT 1 FROM terminal AS t WHERE t.call = new.call AND t.attempt = new.attempt
    )
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM new";

pub(super) const NAMED: &str = "WITH new AS (
    INSERT INTO named SELECT * FROM jsonb_populate_recordset(NULL::named, $1::text::jsonb)
    ON CONFLICT DO NOTHING RETURNING call
)
SELECT count(*) FROM new";

/// An end that counts is spent in its windows, and comes off the leases that
/// the attempt was admitted by: what it cost while they live, and after that
/// all that was held back for it.
pub(super) const END: &str = "WITH ended AS (
    INSERT INTO terminal SELECT * FROM jsonb_populate_recordset(NULL::terminal, $1::text::jsonb)
    ON CONFLICT DO NOTHING
    RETURNING call, attempt, windows,
        coalesce(credits_nanos, 0)::numeric + coalesce(provider_nanos, 0) AS cost
), stopped AS (
    DELETE FROM running AS r USING ended AS e
    WHERE r.call = e.call AND r.attempt = e.attempt
), spent AS (
    SELECT w.budget, w.key, w.start_ms, sum(e.cost) AS amount
    FROM ended AS e,
        jsonb_to_recordset(e.windows) AS w (budget text, key text, start_ms bigint)
    GROUP BY w.budget, w.key, w.start_ms
), counted AS (
    UPDATE budget_window AS b SET spent_nanos = nanos(b.spent_nanos + s.amount)
    FROM spent AS s
    WHERE b.budget = s.budget AND b.key = s.key AND b.start_ms = s.start_ms
), freed AS (
    SELECT w.budget, w.key, w.start_ms, d.node, d.epoch,
        sum(CASE WHEN n.epoch = d.epoch THEN e.cost ELSE d.worst_nanos END) AS amount
    FROM ended AS e
    JOIN dispatch AS d ON d.call = e.call AND d.attempt = e.attempt AND d.epoch > 0
    JOIN node AS n ON n.name = d.node,
        jsonb_to_recordset(d.windows) AS w (budget text, key text, start_ms bigint)
    GROUP BY w.budget, w.key, w.start_ms, d.node, d.epoch
), returned AS (
    UPDATE lease AS l SET left_nanos = greatest(nanos(l.left_nanos - f.amount), 0)
    FROM freed AS f
    WHERE l.budget = f.budget AND l.key = f.key AND l.start_ms = f.start_ms
        AND l.node = f.node AND l.epoch = f.epoch AND f.amount > 0
)
SELECT count(*) FROM ended";

/// Of ends that came after another node had booked their attempts at worst case:
/// what they cost becomes an adjustment, unless as good a figure has come. It is
/// of the moment of the call, so that it is the same when it is repeated.
pub(super) const LATE: &str = "INSERT INTO adjust (
    call, attempt, at_ms, credits_nanos, provider_nanos, source, input, cache_read,
    cache_write, cache_write_1h, audio_input, output, reasoning, audio_output, image_output,
    images, web_searches, windows)
SELECT
    late.call, late.attempt, late.at_ms, late.credits_nanos, late.provider_nanos, late.source,
    late.input, late.cache_read, late.cache_write, late.cache_write_1h, late.audio_input,
    late.output, late.reasoning, late.audio_output, late.image_output, late.images,
    late.web_searches, t.windows
FROM jsonb_populate_recordset(NULL::terminal, $1::text::jsonb) AS late
JOIN terminal AS t
    ON t.call = late.call AND t.attempt = late.attempt AND t.source = 'worst_case'
LEFT JOIN LATERAL (
    SELECT source FROM adjust AS a WHERE a.call = t.call AND a.attempt = t.attempt
    ORDER BY n DESC LIMIT 1
) AS known ON true
WHERE late.source <> 'worst_case' AND (
    coalesce(known.source, t.source) = 'worst_case'
    OR known.source = 'estimated' AND late.source <> 'estimated'
)
ON CONFLICT DO NOTHING
RETURNING n";

/// Which of these ends cost nothing, of attempts that are booked at worst case.
pub(super) const UNSPENT: &str = "SELECT t.call::text, t.attempt,
    nanos(t.credits_nanos::numeric + t.provider_nanos)
FROM terminal AS t
JOIN jsonb_populate_recordset(NULL::terminal, $1::text::jsonb) AS late
    ON late.call = t.call AND late.attempt = t.attempt
WHERE t.source = 'worst_case' AND late.source IS NULL";

/// Returns the numbers of the new rows. Their order is that of the events; an
/// identity column forbids naming all columns at once.
pub(super) const ADJUST: &str = "INSERT INTO adjust (
    call, attempt, at_ms, credits_nanos, provider_nanos, source, input, cache_read,
    cache_write, cache_write_1h, audio_input, output, reasoning, audio_output, image_output,
    images, web_searches, windows, change_nanos)
SELECT
    (r).call, (r).attempt, (r).at_ms, (r).credits_nanos, (r).provider_nanos, (r).source,
    (r).input, (r).cache_read, (r).cache_write, (r).cache_write_1h, (r).audio_input,
    (r).output, (r).reasoning, (r).audio_output, (r).image_output, (r).images,
    (r).web_searches, (r).windows, (r).change_nanos
FROM (
    SELECT jsonb_populate_record(NULL::adjust, entry.value) AS r, entry.ordinality
    FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS entry
) AS rows
ORDER BY ordinality
ON CONFLICT DO NOTHING
RETURNING n";

/// Counts new adjustments. What one changes is told by what counted before it
/// here: its node may not know that another one has booked or adjusted the
/// attempt meanwhile. Only of an attempt that is not known here, what the node
/// says is taken.
pub(super) const CHANGE: &str = "WITH learned AS (
    SELECT a.n, nanos(a.credits_nanos::numeric + a.provider_nanos - coalesce(
        (SELECT b.credits_nanos::numeric + b.provider_nanos FROM adjust AS b
         WHERE b.call = a.call AND b.attempt = a.attempt AND b.n < a.n
         ORDER BY b.n DESC LIMIT 1),
        (SELECT coalesce(t.credits_nanos, 0)::numeric + coalesce(t.provider_nanos, 0)
         FROM terminal AS t WHERE t.call = a.call AND t.attempt = a.attempt),
        a.credits_nanos::numeric + a.provider_nanos - a.change_nanos)) AS change
    FROM adjust AS a WHERE a.n = ANY ($1)
), told AS (
    UPDATE adjust AS a SET change_nanos = l.change FROM learned AS l WHERE a.n = l.n
    RETURNING a.windows, a.change_nanos
), spent AS (
    SELECT w.budget, w.key, w.start_ms, sum(t.change_nanos) AS amount
    FROM told AS t,
        jsonb_to_recordset(t.windows) AS w (budget text, key text, start_ms bigint)
    GROUP BY w.budget, w.key, w.start_ms
)
UPDATE budget_window AS b SET spent_nanos = nanos(b.spent_nanos + s.amount)
FROM spent AS s
WHERE b.budget = s.budget AND b.key = s.key AND b.start_ms = s.start_ms";

/// Of what is carried into a window the largest sum counts. All parts of a
/// statement see the tables as they were before it.
pub(super) const CARRIED: &str = "WITH told AS (
    SELECT DISTINCT ON (budget, key, start_ms) *
    FROM jsonb_populate_recordset(NULL::carried, $1::text::jsonb)
    ORDER BY budget, key, start_ms, amount_nanos DESC
), more AS (
    SELECT t.*, t.amount_nanos::numeric - before.amount AS change
    FROM told AS t, LATERAL (
        SELECT coalesce(max(c.amount_nanos), 0) AS amount FROM carried AS c
        WHERE c.budget = t.budget AND c.key = t.key AND c.start_ms = t.start_ms
    ) AS before
    WHERE t.amount_nanos > before.amount
), new AS (
    INSERT INTO carried (budget, key, start_ms, at_ms, amount_nanos)
    SELECT budget, key, start_ms, at_ms, amount_nanos FROM more
    RETURNING budget
), counted AS (
    UPDATE budget_window AS b SET spent_nanos = nanos(b.spent_nanos + m.change)
    FROM more AS m
    WHERE b.budget = m.budget AND b.key = m.key AND b.start_ms = m.start_ms
)
SELECT count(*) FROM new";
