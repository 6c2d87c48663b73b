//! The choice among the hosts of one model, where the upstream leaves it to the
//! request: by the policy that chose the model, on the hosts' own figures.

use std::sync::Arc;

use tollgate_core::{
    Billing, CallProfile, Candidate, Capabilities, CatalogView, Endpoint, EndpointChoice,
    EndpointFigures, EndpointPreferences, EndpointReason, Endpoints, Planned, Price, Pricing,
    Rates, RoutingPolicy, Speed, Usd, Warm,
};

use crate::decide::Decision;
use crate::optimizer::CostOptimizer;
use crate::quote::{self, Expected};

/// Minutes after which statistics are no ground for a choice: three rounds of
/// five minutes that were missed. Hosts change by the minute, and a draw by
/// price is never far wrong.
const STALE_MINUTES: u64 = 15;
/// What the first choice must cost or take at most, as a share of what a draw
/// does, before the draw is given up for it: a draw spreads load, and leaves
/// conversations with the host that knows them.
const CLEARLY_CHEAPER: f64 = 0.98;
const CLEARLY_FASTER: f64 = 0.90;
/// How much slower than a draw a host must have become to be avoided.
const SLOW: f32 = 2.0;
/// The suffix of ids by which hosts are not sorted.
const STANDARD: [Option<&str>; 2] = [None, Some("thinking")];
/// What a model takes in and gives out is the same at each host.
const BY_MODEL: Capabilities = Capabilities::IMAGE_INPUT
    .union(Capabilities::AUDIO_INPUT)
    .union(Capabilities::VIDEO_INPUT)
    .union(Capabilities::FILE_INPUT)
    .union(Capabilities::TEXT_OUTPUT)
    .union(Capabilities::IMAGE_OUTPUT)
    .union(Capabilities::AUDIO_OUTPUT)
    .union(Capabilities::EMBEDDINGS_OUTPUT)
    .union(Capabilities::PROMPT_CACHE);

const GIVES_UP_CACHES: &str = "an endpoint is preferred although the request names its \
     conversation: the upstream does not stay with the endpoint that has it in its cache; set \
     openrouter.routing.endpoint_preferences = false to leave that to the upstream";

/// Says of each candidate which endpoints it prefers.
pub(crate) fn prefer(
    optimizer: &CostOptimizer,
    profile: &CallProfile,
    view: &CatalogView,
    decision: &mut Decision,
) {
    let config = optimizer.config();
    if !config.endpoint_preferences {
        return;
    }
    // Where models are named, no policy has ranked; the caller's or the configured
    // one then says what is preferred.
    let configured = Some(config.policy.as_str());
    let asked = [
        Some(&*decision.policy),
        profile.policy.as_deref(),
        configured,
    ];
    let named = |name: &&str| {
        let mut policies = optimizer.policies.iter();
        policies.find(|policy| *policy.name == **name)
    };
    let Some(policy) = asked.iter().flatten().find_map(named) else {
        return;
    };
    for planned in &mut decision.planned {
        let Some(endpoints) = view.endpoints(planned.candidate.offer) else {
            continue;
        };
        planned.endpoints = choice(&*policy.policy, profile, planned, endpoints);
    }
    let leaves = |planned: &Planned| {
        let choice = planned.endpoints.as_ref();
        choice.is_some_and(|choice| matches!(choice.why, EndpointReason::Better { .. }))
    };
    if profile.in_conversation && decision.planned.iter().any(leaves) {
        decision.warnings.push(GIVES_UP_CACHES.into());
    }
}

/// `None` where the candidate is free: its hosts have no prices to choose by.
fn choice(
    policy: &dyn RoutingPolicy,
    profile: &CallProfile,
    planned: &Planned,
    endpoints: &Endpoints,
) -> Option<EndpointChoice> {
    let Pricing::Known(price) = &planned.pricing else {
        return None;
    };
    let left_alone = |why| {
        Some(EndpointChoice {
            preferences: EndpointPreferences::default(),
            why,
        })
    };
    let is_here = |warm: &&Warm| {
        warm.lane == planned.lane.id
            && [&planned.model, &planned.upstream_id].contains(&&warm.model)
    };
    if profile.orders_endpoints {
        return left_alone(EndpointReason::Callers);
    }
    if let Some(warm) = profile.warm.as_ref().filter(is_here) {
        return Some(EndpointChoice {
            preferences: EndpointPreferences {
                order: warm.order.clone(),
                ..EndpointPreferences::default()
            },
            why: EndpointReason::Warm,
        });
    }
    if planned.lane.billing == Billing::Byok {
        return left_alone(EndpointReason::OwnKeys);
    }
    if !STANDARD.contains(&planned.upstream_id.variant()) {
        return left_alone(EndpointReason::Variant);
    }
    if let Some(stale) = stale(profile, endpoints) {
        return left_alone(stale);
    }
    Some(choose_endpoints(&EndpointAsk {
        policy,
        profile,
        candidate: &planned.candidate,
        ceiling: &price.ceiling(profile.prompt.high),
        fee_basis_points: planned.lane.fee_basis_points,
        endpoints,
    }))
}

/// What endpoints are chosen by.
#[derive(Debug, Clone, Copy)]
pub struct EndpointAsk<'a> {
    /// Ranks them, each as a candidate with its own cost, time and failures.
    pub policy: &'a dyn RoutingPolicy,
    /// The call.
    pub profile: &'a CallProfile,
    /// The model, as it is expected to do on its lane.
    pub candidate: &'a Candidate,
    /// The dearest prices that are held for. Dearer endpoints are out of reach.
    pub ceiling: &'a Rates,
    /// Fee on top of listed prices, in basis points (1/10,000).
    pub fee_basis_points: u32,
    /// The endpoints.
    pub endpoints: &'a Endpoints,
}

/// Chooses among the endpoints of one model.
///
/// Those that can serve the call, are not deranked and cost no more than is
/// held for are ranked by the policy, and beside them what the upstream's own
/// draw gives on average. Where an endpoint is ranked before the draw, and is
/// clearly better (at least 2 % cheaper or 10 % faster), they are named in this
/// order; else only endpoints that become twice as slow as the draw are avoided.
/// So what is dearer and faster, or cheaper and slower, goes first for a policy
/// that wants it so, and for none to which both are the same. Nothing of it is
/// hard: what is not named serves after what is.
///
/// Pure, and the same for a live call and for a replay of recorded statistics.
pub fn choose_endpoints(ask: &EndpointAsk<'_>) -> EndpointChoice {
    let of = u32::try_from(ask.endpoints.list().len()).unwrap_or(u32::MAX);
    let left_alone = |why| EndpointChoice {
        preferences: EndpointPreferences::default(),
        why,
    };
    if let Some(stale) = stale(ask.profile, ask.endpoints) {
        return left_alone(stale);
    }
    let hosts = Hosts::of(ask);
    let usable = hosts.usable();
    if usable < 2 {
        return left_alone(EndpointReason::NoChoice { usable, of });
    }
    let draw = hosts.draw();
    // The order by quality of tool calls is the upstream's; it tells nobody.
    if ask.profile.needs.contains(Capabilities::TOOLS) {
        return EndpointChoice {
            preferences: draw.avoiding_slow(),
            why: EndpointReason::Tools { usable, of },
        };
    }
    let ranked = hosts.ranked(&draw);
    let drawn = draw.figures;
    match ranked.first() {
        Some(&(first, there)) if is_clearly_better(there, drawn) => EndpointChoice {
            why: EndpointReason::Better {
                first: Arc::clone(&first.tag),
                there,
                drawn,
                usable,
                of,
            },
            preferences: EndpointPreferences {
                order: tags(ranked.iter().map(|(endpoint, _)| *endpoint)),
                ..EndpointPreferences::default()
            },
        },
        _ => EndpointChoice {
            preferences: draw.avoiding_slow(),
            why: EndpointReason::Alike { drawn, usable, of },
        },
    }
}

/// That what is known is too old to choose by, if it is.
fn stale(profile: &CallProfile, endpoints: &Endpoints) -> Option<EndpointReason> {
    let minutes = profile.at.since(endpoints.as_of()).as_secs() / 60;
    (minutes >= STALE_MINUTES).then_some(EndpointReason::Stale { minutes })
}

fn is_clearly_better(there: EndpointFigures, drawn: EndpointFigures) -> bool {
    let cost = |figures: EndpointFigures| figures.expected.nanos() as f64;
    cost(there) <= cost(drawn) * CLEARLY_CHEAPER
        || f64::from(there.latency_ms) <= f64::from(drawn.latency_ms) * CLEARLY_FASTER
}

/// Each name once: two endpoints may share one.
fn tags<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Vec<Arc<str>> {
    let mut tags: Vec<Arc<str>> = Vec::new();
    for endpoint in endpoints {
        if !tags.contains(&endpoint.tag) {
            tags.push(Arc::clone(&endpoint.tag));
        }
    }
    tags
}

// === figures ===

/// The endpoints with what the call is expected to cost and to take there.
struct Hosts<'a> {
    ask: &'a EndpointAsk<'a>,
    /// By endpoint; `None` where it cannot serve the call.
    figures: Vec<Option<EndpointFigures>>,
}

impl<'a> Hosts<'a> {
    fn of(ask: &'a EndpointAsk<'a>) -> Self {
        let list = ask.endpoints.list();
        let output = ask.candidate.output_tokens as f32;
        let time = |speed: Speed| speed.first_token_ms + output * 1_000.0 / speed.tokens_per_second;
        let times = list
            .iter()
            .filter(|endpoint| serves(ask, endpoint))
            .filter_map(|endpoint| endpoint.speed().map(time));
        // What tells nothing must not win by that.
        let slowest = times.reduce(f32::max).unwrap_or(ask.candidate.latency_ms);
        let figures = list.iter().map(|endpoint| {
            serves(ask, endpoint).then(|| EndpointFigures {
                expected: expected(ask, &endpoint.price),
                latency_ms: endpoint.speed().map_or(slowest, time),
            })
        });
        Self {
            ask,
            figures: figures.collect(),
        }
    }

    fn usable(&self) -> u32 {
        let usable = self.figures.iter().flatten().count();
        u32::try_from(usable).unwrap_or(u32::MAX)
    }

    /// What a request without preferences finds on average: endpoints are drawn
    /// with the inverse square of their price.
    fn draw(&self) -> Draw {
        let mut weights = 0.0;
        let [mut nanos, mut latency, mut fails] = [0.0; 3];
        let [mut told, mut first, mut per_token] = [0.0; 3];
        for (endpoint, figures) in self.ask.endpoints.list().iter().zip(&self.figures) {
            let Some(figures) = figures else { continue };
            let cost = figures.expected.nanos().max(1) as f64;
            let weight = cost.powi(-2);
            weights += weight;
            nanos += weight * cost;
            latency += weight * f64::from(figures.latency_ms);
            fails += weight * f64::from(failing(endpoint));
            if let Some(speed) = endpoint.speed() {
                told += weight;
                first += weight * f64::from(speed.first_token_ms);
                per_token += weight / f64::from(speed.tokens_per_second);
            }
        }
        Draw {
            figures: EndpointFigures {
                expected: Usd::from_nanos((nanos / weights).round() as i64),
                latency_ms: (latency / weights) as f32,
            },
            failing: (fails / weights) as f32,
            speed: (told > 0.0).then(|| Speed {
                first_token_ms: (first / told) as f32,
                tokens_per_second: (told / per_token) as f32,
            }),
        }
    }

    /// What can be named, best first, with its figures; nothing where the policy
    /// would as soon have the draw. A name is judged by the worst that it means,
    /// and not used where it also means what cannot serve.
    fn ranked(&self, draw: &Draw) -> Vec<(&'a Endpoint, EndpointFigures)> {
        let list = self.ask.endpoints.list();
        let mut named = Vec::with_capacity(list.len());
        let mut candidates = Vec::with_capacity(list.len() + 1);
        // Before the endpoints: of equals, the first in the slice is the first.
        candidates.push(self.candidate(draw.figures, draw.failing));
        for (place, endpoint) in list.iter().enumerate() {
            if let Some(figures) = self.as_named(place) {
                candidates.push(self.candidate(figures, failing(endpoint)));
                named.push((endpoint, figures));
            }
        }
        let ranking = self.ask.policy.rank(self.ask.profile, &candidates);
        let places = ranking.choices().iter().map(|ranked| ranked.place);
        if places.clone().next() == Some(DRAW) {
            return Vec::new();
        }
        places
            .filter(|place| *place != DRAW)
            .filter_map(|place| named.get(place as usize - 1).copied())
            .collect()
    }

    fn as_named(&self, place: usize) -> Option<EndpointFigures> {
        let others = self.ask.endpoints.also_named(place).iter();
        others.fold(self.figures[place], |worst, other| {
            let (worst, other) = (worst?, self.figures[*other as usize]?);
            Some(EndpointFigures {
                expected: worst.expected.max(other.expected),
                latency_ms: worst.latency_ms.max(other.latency_ms),
            })
        })
    }

    fn candidate(&self, figures: EndpointFigures, failing: f32) -> Candidate {
        let mut candidate = *self.ask.candidate;
        candidate.expected = figures.expected;
        candidate.latency_ms = figures.latency_ms;
        candidate.failure_share = candidate.failure_share.max(failing);
        candidate
    }
}

/// The place of the draw among what is ranked.
const DRAW: u32 = 0;

/// The share of requests that it fails, as far as it tells.
fn failing(endpoint: &Endpoint) -> f32 {
    1.0 - endpoint.uptime.unwrap_or(1.0).clamp(0.0, 1.0)
}

/// What a request without preferences finds on average.
struct Draw {
    figures: EndpointFigures,
    failing: f32,
    speed: Option<Speed>,
}

impl Draw {
    fn avoiding_slow(&self) -> EndpointPreferences {
        EndpointPreferences {
            order: Vec::new(),
            max_first_token_ms: self.speed.map(|speed| (speed.first_token_ms * SLOW) as u32),
            min_tokens_per_second: self
                .speed
                .map(|speed| (speed.tokens_per_second / SLOW) as u32)
                .filter(|least| *least > 0),
        }
    }
}

/// Whether a call can be served there, at prices that are held for.
fn serves(ask: &EndpointAsk<'_>, endpoint: &Endpoint) -> bool {
    let holds = |limit: u32, tokens: u64| limit == 0 || tokens <= u64::from(limit);
    let output = u64::from(ask.candidate.output_tokens).max(ask.profile.max_output.unwrap_or(0));
    let dearest = endpoint.price.ceiling(ask.profile.prompt.high);
    !endpoint.is_deranked()
        && endpoint
            .can
            .contains(ask.profile.needs.missing_from(BY_MODEL))
        && holds(endpoint.max_output, output)
        && holds(endpoint.context, ask.profile.prompt.likely + output)
        && dearest.input <= ask.ceiling.input
        && dearest.output <= ask.ceiling.output
}

fn expected(ask: &EndpointAsk<'_>, price: &Price) -> Usd {
    let rates = price.at(ask.profile.prompt.likely, ask.profile.at);
    let tokens = Expected {
        prompt: ask.profile.prompt.likely,
        cached: 0,
        visible: u64::from(ask.candidate.output_tokens),
        reasoning: 0,
    };
    quote::expected(ask.profile, &rates, tokens, ask.fee_basis_points)
}

#[cfg(test)]
mod tests;
