//! The hosts of one model behind a lane that chooses among hosts itself, and
//! what a call asks of that choice.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::{Capabilities, Price, Rates, Speed, Timestamp, Usd};

/// One host of a model, as the lane's upstream describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// The name by which requests prefer it. A name such as `host` also means
    /// every `host/variant` of the model.
    pub tag: Arc<str>,
    /// What it charges.
    pub price: Price,
    /// What it can do.
    pub can: Capabilities,
    /// Context window in tokens; 0 when unknown.
    pub context: u32,
    /// Most output tokens; 0 when not limited beyond the context.
    pub max_output: u32,
    /// Zero is good, negative is deranked: the upstream sends there last.
    pub status: i8,
    /// Share of good minutes of late, 0 to 1, when told.
    pub uptime: Option<f32>,
    /// Median milliseconds to the first token, when told.
    pub first_token_ms: Option<f32>,
    /// The same of the slowest tenth: its 90th percentile.
    pub first_token_p90_ms: Option<f32>,
    /// Median output speed in tokens per second, when told.
    pub tokens_per_second: Option<f32>,
    /// Number format of the weights, when told.
    pub quantization: Option<Arc<str>>,
}

impl Endpoint {
    /// Whether the upstream has moved it behind all others.
    pub fn is_deranked(&self) -> bool {
        self.status < 0
    }

    /// Its medians, where both are told.
    pub fn speed(&self) -> Option<Speed> {
        Some(Speed {
            first_token_ms: self.first_token_ms?,
            tokens_per_second: self.tokens_per_second.filter(|speed| *speed > 0.0)?,
        })
    }

    /// Prompt tokens of a typical call for each output token. An assumption; it
    /// matters only where endpoints differ in the relation of their prices.
    const PROMPT_PER_OUTPUT: f64 = 3.0;

    /// The weight with which a request without preferences goes to it: the
    /// inverse square of its price, as OpenRouter documents its draw; 0 where
    /// it is deranked or names no price.
    fn weight(&self) -> f64 {
        let Rates { input, output, .. } = self.price.base;
        let price = input.attos() as f64 * Self::PROMPT_PER_OUTPUT + output.attos() as f64;
        match self.is_deranked() || price <= 0.0 {
            true => 0.0,
            // In dollars per million tokens, so that squares stay in range.
            false => (price / 1e12).powi(-2),
        }
    }
}

/// The hosts of one model at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoints {
    as_of: Timestamp,
    list: Box<[Endpoint]>,
    // By endpoint, the places of the others that its name means too.
    also: Box<[Box<[u32]>]>,
}

impl Endpoints {
    /// The hosts of one model, as they were at that moment.
    pub fn new(as_of: Timestamp, list: Vec<Endpoint>) -> Self {
        let means = |name: &str, other: &str| {
            let rest = other.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let also = list.iter().zip(0..).map(|(one, place)| {
            let others = list.iter().zip(0_u32..);
            let others = others.filter(|(other, at)| *at != place && means(&one.tag, &other.tag));
            others.map(|(_, at)| at).collect()
        });
        Self {
            as_of,
            also: also.collect(),
            list: list.into(),
        }
    }

    /// When this was true.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// The hosts, in the upstream's order.
    pub fn list(&self) -> &[Endpoint] {
        &self.list
    }

    /// The places of the others that the name of the one at `place` means too.
    pub fn also_named(&self, place: usize) -> &[u32] {
        self.also.get(place).map_or(&[], |others| others)
    }

    /// How fast a request without preferences finds the model: the mean over
    /// the endpoints in good standing, each by the weight with which such a
    /// request goes there. `None` where no such endpoint tells its speed.
    ///
    /// Times are averaged, so the speed is the harmonic mean of the speeds.
    pub fn speed(&self) -> Option<Speed> {
        let [mut weights, mut first, mut per_token] = [0.0; 3];
        for endpoint in &self.list {
            let Some(speed) = endpoint.speed() else {
                continue;
            };
            let weight = endpoint.weight();
            weights += weight;
            first += weight * f64::from(speed.first_token_ms);
            per_token += weight / f64::from(speed.tokens_per_second);
        }
        (weights > 0.0).then(|| Speed {
            first_token_ms: (first / weights) as f32,
            tokens_per_second: (weights / per_token) as f32,
        })
    }
}

/// What a request asks of the choice among endpoints. All of it is soft: what
/// is not named, or is slower, serves when nothing else does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EndpointPreferences {
    /// Tags to try first, best first. The upstream then neither draws nor
    /// stays with the endpoint that has a conversation's prompt in its cache.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<Arc<str>>,
    /// Median milliseconds to the first token above which an endpoint is moved
    /// behind the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_first_token_ms: Option<u32>,
    /// Median tokens per second below which an endpoint is moved behind the
    /// others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_tokens_per_second: Option<u32>,
}

impl EndpointPreferences {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a call asks of the choice among the endpoints of a candidate, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndpointChoice {
    /// What is asked.
    #[serde(flatten)]
    pub preferences: EndpointPreferences,
    /// Why.
    #[serde(flatten)]
    pub why: EndpointReason,
}

/// What a call is expected to cost and to take at an endpoint, or on average
/// over several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EndpointFigures {
    /// Expected cost.
    pub expected: Usd,
    /// Expected milliseconds to a complete answer.
    pub latency_ms: f32,
}

/// Why endpoints are preferred, or none is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "why")]
#[non_exhaustive]
pub enum EndpointReason {
    /// The request has preferences of its own.
    Callers,
    /// The beginning of the prompt is expected in the cache of the endpoint
    /// that served the conversation before: the upstream stays with it, or is
    /// asked for the same order again where the turn before had one.
    Warm,
    /// The account's own keys at the upstream decide.
    OwnKeys,
    /// The name of the model says by what its endpoints are sorted.
    Variant,
    /// What is known of the endpoints is too old to choose by.
    Stale {
        /// Its age in minutes.
        minutes: u64,
    },
    /// Fewer than two can serve the call at the prices that are held for.
    NoChoice {
        /// How many can.
        usable: u32,
        /// How many endpoints there are.
        of: u32,
    },
    /// The first of the order is clearly better than the upstream's own choice.
    Better {
        /// Its tag.
        first: Arc<str>,
        /// What is expected there.
        there: EndpointFigures,
        /// What is expected of the upstream's own choice, on average.
        drawn: EndpointFigures,
        /// How many can serve the call.
        usable: u32,
        /// How many endpoints there are.
        of: u32,
    },
    /// The upstream's own choice is about as good, or better left alone; what
    /// becomes slow is avoided.
    Alike {
        /// What is expected of the upstream's own choice, on average.
        drawn: EndpointFigures,
        /// How many can serve the call.
        usable: u32,
        /// How many endpoints there are.
        of: u32,
    },
    /// The call has tools, for whose quality the upstream orders endpoints
    /// itself; what becomes slow is avoided.
    Tools {
        /// How many can serve the call.
        usable: u32,
        /// How many endpoints there are.
        of: u32,
    },
}

impl fmt::Display for EndpointFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.latency_ms / 1_000.0;
        write!(f, "${} in {seconds:.1} s", self.expected)
    }
}

impl fmt::Display for EndpointReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callers => f.write_str("the request's own preferences"),
            Self::Warm => f.write_str("as before: one has the prompt in its cache"),
            Self::OwnKeys => f.write_str("left alone: the account's own keys decide"),
            Self::Variant => f.write_str("left alone: the model's name says how they are sorted"),
            Self::Stale { minutes } => {
                let (age, unit) = match minutes {
                    0..120 => (*minutes, "minutes"),
                    120..2_880 => (minutes / 60, "hours"),
                    _ => (minutes / 1_440, "days"),
                };
                write!(f, "left alone: what is known is {age} {unit} old")
            }
            Self::NoChoice { usable, of } => write!(f, "no choice: {usable} of {of} can serve it"),
            Self::Better {
                first,
                there,
                drawn,
                usable,
                of,
            } => write!(
                f,
                "{first} first, {there}; a draw: {drawn}; {usable} of {of} can serve it"
            ),
            Self::Alike { drawn, usable, of } => {
                write!(
                    f,
                    "a draw is as good: {drawn}; {usable} of {of} can serve it"
                )
            }
            Self::Tools { usable, of } => write!(
                f,
                "a draw, by quality of tool calls; {usable} of {of} can serve it"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
