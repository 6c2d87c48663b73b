//! Ways to choose among the endpoints of a model, as the share of calls that
//! each endpoint gets.

use tollgate_core::{
    CallProfile, Candidate, Endpoint, EndpointChoice, Endpoints, Rate, Rates, RoutingPolicy, Task,
    Timestamp, TokenBounds,
};
use tollgate_policy_balanced::Balanced;
use tollgate_policy_cheapest::Cheapest;
use tollgate_router::{EndpointAsk, choose_endpoints};

use super::replay::LoadConfig;
use super::series::LoadMoment;

/// A way to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The least price, whatever else is known: `sort` by price.
    Price,
    /// OpenRouter's own draw, as its documentation has it.
    Draw,
    /// The least time, of what is in good standing.
    Time,
    /// The gateway, by that policy, at prices that are held for.
    Ours(Policy, Held),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Cheapest,
    Balanced,
}

/// What is held for, which is the model's listed price. Samples do not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Whatever an endpoint asks.
    Any,
    /// What the cheapest in good standing asks: no endpoint costs more.
    Cheapest,
}

impl Way {
    pub(super) const ALL: [(&'static str, Self); 7] = [
        ("price alone", Self::Price),
        ("draw", Self::Draw),
        ("time alone", Self::Time),
        (
            "cheapest, held at least price",
            Self::Ours(Policy::Cheapest, Held::Cheapest),
        ),
        ("cheapest", Self::Ours(Policy::Cheapest, Held::Any)),
        (
            "balanced, held at least price",
            Self::Ours(Policy::Balanced, Held::Cheapest),
        ),
        ("balanced", Self::Ours(Policy::Balanced, Held::Any)),
    ];

    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Self::Ours(..))
    }

    /// The share of calls that each endpoint gets.
    pub(super) fn shares(self, known: &LoadMoment, config: &LoadConfig) -> Vec<f64> {
        let all: Vec<&Endpoint> = known.endpoints.iter().map(|told| &told.endpoint).collect();
        let cost = |endpoint: &Endpoint| config.cost(endpoint);
        let time = |endpoint: &Endpoint| config.seconds(endpoint);
        let standing = in_good_standing(&all);
        let weights = match self {
            Self::Price => least(&vec![true; all.len()], &all, cost),
            Self::Time => least(&standing, &all, time),
            Self::Draw => draw(&standing, &all, cost),
            Self::Ours(policy, held) => {
                let ceiling = held.ceiling(&all, config);
                let choice = ours(policy, &ceiling, known, config);
                // It travels as `max_price`, which is hard.
                let is_held = |(endpoint, stands): (&&Endpoint, bool)| {
                    let Rates { input, output, .. } = endpoint.price.base;
                    stands && input <= ceiling.input && output <= ceiling.output
                };
                let within: Vec<bool> = all.iter().zip(standing).map(is_held).collect();
                served(&choice, &within, &all, cost)
            }
        };
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }
}

/// All of them where none is.
fn in_good_standing(all: &[&Endpoint]) -> Vec<bool> {
    let any = all.iter().any(|endpoint| !endpoint.is_deranked());
    let stands = |endpoint: &&Endpoint| !any || !endpoint.is_deranked();
    all.iter().map(stands).collect()
}

/// The least, evenly where several are.
fn least(among: &[bool], all: &[&Endpoint], figure: impl Fn(&Endpoint) -> f64) -> Vec<f64> {
    let figures: Vec<f64> = all
        .iter()
        .zip(among)
        .map(|(endpoint, is_in)| {
            if *is_in {
                figure(endpoint)
            } else {
                f64::INFINITY
            }
        })
        .collect();
    let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let is_least = |figure: &f64| f64::from(u8::from(*figure <= least * 1.000_1));
    figures.iter().map(is_least).collect()
}

fn draw(among: &[bool], all: &[&Endpoint], cost: impl Fn(&Endpoint) -> f64) -> Vec<f64> {
    let weight = |(endpoint, is_in): (&&Endpoint, &bool)| match *is_in {
        true => cost(endpoint).max(1e-12).powi(-2),
        false => 0.0,
    };
    all.iter().zip(among).map(weight).collect()
}

/// Who serves a request with these preferences: the first that is named, else a
/// draw of those that are not slow.
fn served(
    choice: &EndpointChoice,
    standing: &[bool],
    all: &[&Endpoint],
    cost: impl Fn(&Endpoint) -> f64,
) -> Vec<f64> {
    let preferences = &choice.preferences;
    let first = preferences.order.first();
    let is_wanted = |endpoint: &Endpoint| match first {
        Some(tag) => {
            let rest = endpoint.tag.strip_prefix(&**tag);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        None => {
            let slow = preferences.max_first_token_ms.zip(endpoint.first_token_ms);
            let late = preferences
                .min_tokens_per_second
                .zip(endpoint.tokens_per_second);
            !slow.is_some_and(|(most, told)| told > most as f32)
                && !late.is_some_and(|(least, told)| told < least as f32)
        }
    };
    let wanted = all
        .iter()
        .zip(standing)
        .map(|(endpoint, stands)| *stands && is_wanted(endpoint));
    let wanted: Vec<bool> = wanted.collect();
    match wanted.contains(&true) {
        true => draw(&wanted, all, cost),
        false => draw(standing, all, cost),
    }
}

impl Held {
    fn ceiling(self, all: &[&Endpoint], config: &LoadConfig) -> Rates {
        let most = Rate::from_attos(u64::MAX);
        let cheapest = || {
            let standing = in_good_standing(all);
            let standing = all.iter().zip(standing).filter(|(_, stands)| *stands);
            standing.min_by(|(a, _), (b, _)| config.cost(a).total_cmp(&config.cost(b)))
        };
        let [input, output] = match self {
            Self::Any => [most; 2],
            Self::Cheapest => cheapest().map_or([most; 2], |(endpoint, _)| {
                [endpoint.price.base.input, endpoint.price.base.output]
            }),
        };
        Rates {
            input,
            output,
            ..Rates::default()
        }
    }
}

/// What the gateway asks, by the function that it runs.
fn ours(
    policy: Policy,
    ceiling: &Rates,
    known: &LoadMoment,
    config: &LoadConfig,
) -> EndpointChoice {
    let list: Vec<Endpoint> = known
        .endpoints
        .iter()
        .map(|told| told.endpoint.clone())
        .collect();
    let (cheapest, balanced) = (Cheapest::default(), Balanced::default());
    let policy: &dyn RoutingPolicy = match policy {
        Policy::Cheapest => &cheapest,
        Policy::Balanced => &balanced,
    };
    let mut candidate = Candidate::neutral(0);
    candidate.output_tokens = config.output_tokens;
    choose_endpoints(&EndpointAsk {
        policy,
        profile: &profile(known.at, config),
        candidate: &candidate,
        ceiling,
        fee_basis_points: 0,
        endpoints: &Endpoints::new(known.at, list),
    })
}

fn profile(at: Timestamp, config: &LoadConfig) -> CallProfile {
    let tokens = u64::from(config.prompt_tokens);
    let prompt = TokenBounds {
        low: tokens,
        likely: tokens,
        high: tokens,
    };
    CallProfile::new(at, Task::Chat, prompt)
}
