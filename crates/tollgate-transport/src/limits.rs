//! Rate limits in the heads of answers: which headers there are, and what they say is left.

use http::{HeaderMap, HeaderName};
use tollgate_core::{LimitLeft, LimitUnit, Scope, Timestamp};

use LimitUnit::{Requests, Tokens};

use crate::delay::{reset_in, short};
use crate::duration;
use crate::evidence::header_text;

/// The headers of one limit: what is left of it, and when all of it is there again.
pub(crate) struct Limit {
    pub(crate) remaining: &'static str,
    pub(crate) reset: &'static str,
    counts: LimitUnit,
}

const fn limit(remaining: &'static str, reset: &'static str, counts: LimitUnit) -> Limit {
    Limit {
        remaining,
        reset,
        counts,
    }
}

/// Limits of a key for one model.
#[rustfmt::skip]
pub(crate) const OF_MODEL: &[Limit] = &[
    limit("x-ratelimit-remaining-requests",              "x-ratelimit-reset-requests",              Requests),
    limit("x-ratelimit-remaining-tokens",                "x-ratelimit-reset-tokens",                Tokens),
    limit("anthropic-ratelimit-requests-remaining",      "anthropic-ratelimit-requests-reset",      Requests),
    limit("anthropic-ratelimit-tokens-remaining",        "anthropic-ratelimit-tokens-reset",        Tokens),
    limit("anthropic-ratelimit-input-tokens-remaining",  "anthropic-ratelimit-input-tokens-reset",  Tokens),
    limit("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset", Tokens),
];

/// The limit whose headers name no unit. Whose it is depends on the upstream.
pub(crate) const PLAIN: Limit = limit("x-ratelimit-remaining", "x-ratelimit-reset", Requests);

/// What the names of all of them begin with.
const FAMILIES: [&str; 2] = ["x-ratelimit-", "anthropic-ratelimit-"];

/// What an answer's head says is left, the least for each that is limited and for what is
/// counted; `plain` is whose the limit without a unit is. A limit without a time to come at which
/// it resets is left out.
pub(crate) fn left(headers: &HeaderMap, plain: Scope, now: Timestamp) -> Vec<LimitLeft> {
    // Most answers say nothing of limits, and each name that is looked up is hashed.
    let is_limit = |name: &HeaderName| FAMILIES.iter().any(|it| name.as_str().starts_with(it));
    if !headers.keys().any(is_limit) {
        return Vec::new();
    }
    let read = |limit: &Limit, scope| {
        Some(LimitLeft {
            scope,
            counts: limit.counts,
            remaining: count(header_text(headers, limit.remaining)?)?,
            resets_in: reset_in(header_text(headers, limit.reset)?, now)?,
        })
    };
    let of_model = OF_MODEL
        .iter()
        .filter_map(|limit| read(limit, Scope::KeyModel));
    let mut limits = Vec::new();
    for limit in of_model.chain(read(&PLAIN, plain)) {
        keep_least(&mut limits, limit);
    }
    limits
}

fn keep_least(limits: &mut Vec<LimitLeft>, limit: LimitLeft) {
    let same = |known: &&mut LimitLeft| (known.scope, known.counts) == (limit.scope, limit.counts);
    match limits.iter_mut().find(same) {
        None => limits.push(limit),
        Some(known) if limit.remaining < known.remaining => *known = limit,
        Some(_) => {}
    }
}

/// How many are left. Parts of one are none.
pub(crate) fn count(text: &str) -> Option<u64> {
    // A cast saturates, which is as much as there can be.
    duration::decimal(short(text)?).map(|count| count as u64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::delay::LONGEST;

    const NOW: Timestamp = Timestamp::from_secs(1_786_190_400); // 2026-08-08T12:00:00Z

    fn read(headers: &[(&str, &str)]) -> Vec<LimitLeft> {
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (name.parse::<HeaderName>().unwrap(), value)
        });
        left(&headers.collect(), Scope::Key, NOW)
    }

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: &[(Scope, LimitUnit, u64, u64)]) {
        let read: Vec<_> = read(headers)
            .iter()
            .map(|left| {
                let LimitLeft {
                    scope,
                    counts,
                    remaining,
                    resets_in,
                } = *left;
                (scope, counts, remaining, resets_in.as_secs())
            })
            .collect();
        assert_eq!(read, expected, "{headers:?}");
    }

    #[test]
    fn the_names_of_all_limits_begin_like_their_family() {
        let limits = OF_MODEL.iter().chain([&PLAIN]);
        for name in limits.flat_map(|limit| [limit.remaining, limit.reset]) {
            assert!(FAMILIES.iter().any(|it| name.starts_with(it)), "{name}");
        }
    }

    #[test]
    fn each_dialect_says_what_is_left_and_whose_it_is() {
        check(&[], &[]);
        check(
            &[
                ("x-ratelimit-limit-requests", "60"),
                ("x-ratelimit-remaining-requests", "59"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-limit-tokens", "150000"),
                ("x-ratelimit-remaining-tokens", "149984"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ],
            &[
                (Scope::KeyModel, Requests, 59, 1),
                (Scope::KeyModel, Tokens, 149_984, 360),
            ],
        );
        check(
            &[
                ("anthropic-ratelimit-requests-remaining", "49"),
                ("anthropic-ratelimit-requests-reset", "2026-08-08T12:00:07Z"),
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                (
                    "anthropic-ratelimit-input-tokens-reset",
                    "2026-08-08T12:01:00Z",
                ),
                // The least of what counts tokens is what matters.
                ("anthropic-ratelimit-output-tokens-remaining", "8000"),
                (
                    "anthropic-ratelimit-output-tokens-reset",
                    "2026-08-08T12:00:30Z",
                ),
            ],
            &[
                (Scope::KeyModel, Requests, 49, 7),
                (Scope::KeyModel, Tokens, 0, 60),
            ],
        );
        check(
            &[
                ("x-ratelimit-limit", "20"),
                ("x-ratelimit-remaining", "3"),
                ("x-ratelimit-reset", "1786190407000"),
            ],
            &[(Scope::Key, Requests, 3, 7)],
        );
    }

    #[test]
    fn what_cannot_be_a_count_or_a_time_to_come_is_left_out() {
        for (remaining, reset) in [
            ("-1", "7s"),
            ("NaN", "7s"),
            ("", "7s"),
            ("1e9", "7s"),
            ("5", "0s"),
            ("5", "-7s"),
            ("5", "soon"),
            ("5", "2026-08-08T11:59:59Z"),
        ] {
            check(
                &[
                    ("x-ratelimit-remaining-tokens", remaining),
                    ("x-ratelimit-reset-tokens", reset),
                ],
                &[],
            );
        }
        check(&[("x-ratelimit-remaining", "0")], &[]);
        let huge = "9".repeat(40);
        check(
            &[
                ("x-ratelimit-remaining", huge.as_str()),
                ("x-ratelimit-reset", "86400"),
            ],
            &[(Scope::Key, Requests, u64::MAX, LONGEST.as_secs())],
        );
    }

    proptest! {
        // Digits, points, signs and the letters of dates: what a parser could stumble over.
        #[test]
        fn whatever_comes_is_within_bounds(remaining in "[0-9.eE+\\-]{0,70}", reset in "[0-9.eE+\\-a-zA-Z:, ]{0,70}") {
            for limit in OF_MODEL.iter().chain([&PLAIN]) {
                for left in read(&[(limit.remaining, &remaining), (limit.reset, &reset)]) {
                    prop_assert!(left.resets_in > Duration::ZERO && left.resets_in <= LONGEST);
                }
            }
        }
    }
}
