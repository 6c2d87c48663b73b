//! The simulator's own bill: the independent witness of what was spent.

use std::collections::HashMap;

use serde::Serialize;

use crate::activity::Activity;
use crate::host::Host;
use crate::json::{Object, object};
use crate::money::NanoUsd;
use crate::pricing::{Price, PriceSheet, Tokens};
use crate::recent::Recent;

/// Everything charged so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bill {
    /// One line per answer that was begun, in the order in which they ended;
    /// refused attempts have none. With a
    /// [limit](crate::SimulatorBuilder::log_limit), the latest of them.
    pub lines: Vec<BillLine>,
    sums: Sums,
}

/// What lines come to, those that are no longer kept included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) credits: NanoUsd,
    pub(crate) fees: NanoUsd,
    pub(crate) provider_cost: NanoUsd,
}

impl Sums {
    pub(crate) fn add(&mut self, line: &BillLine) {
        self.credits += line.credits;
        self.fees += line.fee;
        self.provider_cost += line.provider_cost;
    }

    pub(crate) fn plus(self, other: &Self) -> Self {
        Self {
            credits: self.credits + other.credits,
            fees: self.fees + other.fees,
            provider_cost: self.provider_cost + other.provider_cost,
        }
    }
}

/// What one answer was charged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BillLine {
    /// Whom the simulator answered as; a direct provider's charges are its own account's credits.
    pub host: Host,
    /// The generation id, as the client saw it.
    pub generation: String,
    /// The number of the request in the log.
    pub request: u64,
    /// When it was asked for, in seconds since 1970, in simulated time.
    pub at: u64,
    /// The API key that was used.
    pub key: String,
    /// The id of the model that answered.
    pub model: String,
    /// The name of the provider that answered.
    pub provider: String,
    /// Input tokens, cached ones included.
    pub prompt_tokens: u64,
    /// Input tokens read from the cache.
    pub cached_tokens: u64,
    /// Output tokens charged, reasoning included.
    pub completion_tokens: u64,
    /// Output tokens that were reasoning.
    pub reasoning_tokens: u64,
    /// Credits charged for inference; zero with the user's own provider key.
    pub credits: NanoUsd,
    /// Credits charged as the fee for the user's own provider key.
    pub fee: NanoUsd,
    /// What the provider bills the user directly, with the user's own provider key.
    pub provider_cost: NanoUsd,
    /// Whether the user's own provider key was used.
    pub is_byok: bool,
    /// Whether the client left before the end.
    pub cancelled: bool,
}

impl Bill {
    /// Credits charged for inference.
    #[must_use]
    pub fn credits(&self) -> NanoUsd {
        self.sums.credits
    }

    /// Credits charged as fees.
    #[must_use]
    pub fn fees(&self) -> NanoUsd {
        self.sums.fees
    }

    /// What providers bill the user directly.
    #[must_use]
    pub fn provider_cost(&self) -> NanoUsd {
        self.sums.provider_cost
    }

    /// Everything that the answers cost, whoever is paid: credits, fees and provider bills.
    #[must_use]
    pub fn total(&self) -> NanoUsd {
        self.credits() + self.fees() + self.provider_cost()
    }

    /// The line of a generation.
    #[must_use]
    pub fn line(&self, generation: &str) -> Option<&BillLine> {
        self.lines.iter().find(|line| line.generation == generation)
    }

    pub(crate) fn to_json(&self) -> Object {
        object! {
            "credits": self.credits(),
            "fees": self.fees(),
            "provider_cost": self.provider_cost(),
            "total": self.total(),
            "lines": self.lines,
        }
    }
}

/// The bill as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Till {
    lines: Recent<BillLine>,
    sums: Sums,
    by_key: HashMap<String, Sums>,
    activity: Activity,
}

impl Till {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            lines: Recent::new(limit),
            sums: Sums::default(),
            by_key: HashMap::new(),
            activity: Activity::default(),
        }
    }

    pub(crate) fn charge(&mut self, line: BillLine) {
        self.sums.add(&line);
        self.by_key.entry(line.key.clone()).or_default().add(&line);
        self.activity.add(&line);
        self.lines.push(line);
    }

    /// What the account's credits were charged.
    pub(crate) fn spent(&self) -> NanoUsd {
        self.sums.credits + self.sums.fees
    }

    /// What one key was charged.
    pub(crate) fn of_key(&self, key: &str) -> Sums {
        self.by_key.get(key).copied().unwrap_or_default()
    }

    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }

    pub(crate) fn bill(&self) -> Bill {
        Bill {
            lines: self.lines.to_vec(),
            sums: self.sums,
        }
    }
}

/// Who pays what for a number of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) tokens: Tokens,
    pub(crate) price: Price,
    pub(crate) byok: Option<Fee>,
}

/// The fee on the user's own provider key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fee {
    /// In percent of the price.
    pub(crate) percent: u32,
    /// As much of the price has no fee.
    pub(crate) free: NanoUsd,
}

impl Charge {
    pub(crate) fn new(tokens: Tokens, pricing: &PriceSheet, now: u64, byok: Option<Fee>) -> Self {
        Self {
            tokens,
            price: pricing.price(tokens, now),
            byok,
        }
    }

    /// The same tokens for nothing: zero-completion insurance.
    pub(crate) fn waived(self) -> Self {
        Self {
            price: Price::default(),
            ..self
        }
    }

    /// What the account's credits are charged: `usage.cost`.
    pub(crate) fn cost(&self) -> NanoUsd {
        self.credits() + self.fee()
    }

    pub(crate) fn credits(&self) -> NanoUsd {
        if self.byok.is_some() {
            NanoUsd::ZERO
        } else {
            self.price.total
        }
    }

    pub(crate) fn fee(&self) -> NanoUsd {
        self.byok.map_or(NanoUsd::ZERO, |fee| {
            self.price.percent(fee.percent, fee.free)
        })
    }

    pub(crate) fn provider_cost(&self) -> NanoUsd {
        if self.byok.is_some() {
            self.price.total
        } else {
            NanoUsd::ZERO
        }
    }

    /// The `usage` object.
    pub(crate) fn to_json(self) -> Object {
        let Tokens {
            prompt,
            cached,
            completion,
            reasoning,
        } = self.tokens;
        object! {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "cost": self.cost(),
            "is_byok": self.byok.is_some(),
            "prompt_tokens_details": object! {
                "cached_tokens": cached, "cache_write_tokens": 0, "audio_tokens": 0, "video_tokens": 0,
            },
            "cost_details": object! {
                "upstream_inference_cost": self.price.total,
                "upstream_inference_prompt_cost": self.price.prompt,
                "upstream_inference_completions_cost": self.price.completion,
            },
            "completion_tokens_details": object! {
                "reasoning_tokens": reasoning, "image_tokens": 0, "audio_tokens": 0,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Charge, Fee};
    use crate::money::NanoUsd;
    use crate::pricing::{PriceSheet, Tokens};

    fn charge(byok: Option<Fee>) -> Charge {
        let pricing =
            PriceSheet::from_json(&json!({"prompt": "0.000001", "completion": "0.000002"}))
                .unwrap();
        Charge::new(
            Tokens {
                prompt: 100,
                cached: 0,
                completion: 10,
                reasoning: 0,
            },
            &pricing,
            0,
            byok,
        )
    }

    #[test]
    fn credits_pay_the_price() {
        let charge = charge(None);
        assert_eq!(charge.cost().to_string(), "0.00012");
        assert_eq!(
            (charge.fee().nanos(), charge.provider_cost().nanos()),
            (0, 0)
        );
    }

    #[test]
    fn own_keys_pay_a_fee_here_and_the_price_there() {
        let fee_of = |percent, free| Fee {
            percent,
            free: NanoUsd::new(free),
        };
        for (fee, told) in [
            (fee_of(0, 0), "0"),
            (fee_of(5, 0), "0.000006"),
            // Of 120 000 nanos 100 000 are free.
            (fee_of(5, 100_000), "0.000001"),
            (fee_of(5, 120_000), "0"),
            (fee_of(5, 999_000), "0"),
        ] {
            let charge = charge(Some(fee));
            assert_eq!(charge.cost().to_string(), told);
            assert_eq!(
                (
                    charge.credits().nanos(),
                    charge.provider_cost().to_string().as_str()
                ),
                (0, "0.00012")
            );
        }
        assert_eq!(charge(Some(fee_of(5, 0))).waived().cost().nanos(), 0);
    }
}
