//! Whether an offer can serve a call, and for how much: the tests that drop it,
//! in the order in which they are asked.

use tollgate_core::{
    CallProfile, Candidate, Capabilities, CatalogView, DropReason, Offer, OfferIndex, OfferTraits,
    Pricing, Rates, Usd,
};

use crate::RouterConfig;
use crate::overlay::{Condition, Overlay};
use crate::profile::ERROR_PERCENT;
use crate::quote::{self, Quote};

/// How an offer came to be considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// All of the catalog competes.
    Open,
    /// The caller or the configuration named the model.
    Listed,
}

/// Whether open breakers rule an offer out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breakers {
    Obeyed,
    /// Everything that could serve the call is out of service: whoever walks
    /// the plan decides which of them deserves a probe.
    Advice,
}

/// An output limit for offers that publish neither limit nor context window,
/// so that a worst case exists; it is set on the request.
const LIMIT_WHEN_UNKNOWN: u64 = 131_072;
/// Share of the output that is reasoning, at least, when the caller asks for it
/// and the catalog knows only that the model can: what models with reasoning on
/// by default show in public usage figures.
const REASONING_WHEN_ASKED: f32 = 0.4;
/// Largest share of the output that is believed to be reasoning.
const MOST_REASONING: f32 = 0.9;

/// The tests, with everything about the call worked out once.
#[derive(Debug)]
pub(crate) struct Screen<'a> {
    view: &'a CatalogView,
    profile: &'a CallProfile,
    overlay: &'a Overlay,
    breakers: Breakers,
    /// Traits that rule an offer out, when it entered openly and when it was listed.
    barred: [u8; 2],
    at_secs: i64,
    /// Tokens that a context window must hold.
    room: u64,
    shortest_answer: u64,
    visible_output: f32,
    least_reasoning: f32,
    /// Milliseconds to the first token and for each further one, where not published.
    speed: (f32, f32),
    max_latency_ms: f32,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(
        config: &RouterConfig,
        view: &'a CatalogView,
        profile: &'a CallProfile,
        overlay: &'a Overlay,
        breakers: Breakers,
    ) -> Self {
        let always = OfferTraits::BATCH_ONLY | OfferTraits::NOT_CHAT;
        let free_competes =
            config.allow_free || profile.prefer_free.unwrap_or(config.prefer_free_tier);
        let free = if free_competes { 0 } else { OfferTraits::FREE };
        let shortest_answer = u64::from(config.min_answer_tokens);
        // The estimate with its error, not the bound by bytes: a prompt that is
        // too long after all fails upstream and goes elsewhere, at no cost.
        let prompt = (profile.prompt.likely + profile.prompt.likely * ERROR_PERCENT / 100)
            .min(profile.prompt.high);
        Self {
            view,
            profile,
            overlay,
            breakers,
            barred: [
                always | OfferTraits::ALIAS | OfferTraits::ROUTER | free,
                always,
            ],
            at_secs: profile.at.secs(),
            room: prompt.saturating_add(profile.max_output.unwrap_or(shortest_answer)),
            shortest_answer,
            visible_output: config.output.mean(profile.task),
            least_reasoning: if profile.needs.contains(Capabilities::REASONING) {
                REASONING_WHEN_ASKED
            } else {
                0.0
            },
            speed: (
                config.speed.first_token_ms,
                ms_per_token(config.speed.tokens_per_second),
            ),
            max_latency_ms: profile
                .max_latency
                .map_or(f32::INFINITY, |limit| limit.as_secs_f32() * 1_000.0),
        }
    }

    /// An offer of a listed model as a candidate, by the rules of [`Screen::check`].
    pub(crate) fn check_listed(&self, place: OfferIndex) -> Result<Candidate, DropReason> {
        let mut candidate = Candidate::neutral(place.0);
        self.check(place, self.view.offer(place), Entry::Listed, &mut candidate)?;
        Ok(candidate)
    }

    /// Makes the offer a candidate, in place and inlined: in the loop over all
    /// of the catalog, handing the result from function to function costs as
    /// much as the tests. `candidate` is only complete when nothing failed.
    ///
    /// # Errors
    /// The first reason that rules it out, in this order: its traits (alias,
    /// router, batch only, not chat, free), expired, cannot do, price unknown,
    /// context, output limit, breaker, latency, ceiling.
    #[inline(always)]
    pub(crate) fn check(
        &self,
        place: OfferIndex,
        offer: &Offer,
        entry: Entry,
        candidate: &mut Candidate,
    ) -> Result<(), DropReason> {
        self.check_facts(offer, entry)?;
        let condition = self.overlay.of(place, offer.lane);
        if condition.is_open && self.breakers == Breakers::Obeyed {
            return Err(DropReason::BreakerOpen);
        }
        self.price(place, offer, condition, candidate)
    }

    #[inline(always)]
    fn check_facts(&self, offer: &Offer, entry: Entry) -> Result<(), DropReason> {
        if offer.traits.any(self.barred[entry as usize]) {
            return Err(barred(offer.traits, self.barred[entry as usize]));
        }
        if offer.expires <= self.at_secs {
            return Err(DropReason::Expired);
        }
        if !offer.can.contains(self.profile.needs) {
            return Err(DropReason::CannotDo {
                missing: self.profile.needs.missing_from(offer.can),
            });
        }
        if !offer.priced {
            return Err(DropReason::PriceUnknown);
        }
        if offer.context > 0 && self.room > u64::from(offer.context) {
            return Err(DropReason::ContextTooSmall {
                needed: self.room,
                window: u64::from(offer.context),
            });
        }
        match self.profile.max_output {
            Some(wanted) if offer.max_output > 0 && wanted > u64::from(offer.max_output) => {
                Err(DropReason::OutputTooShort {
                    wanted,
                    limit: u64::from(offer.max_output),
                })
            }
            _ => Ok(()),
        }
    }

    #[inline(always)]
    fn price(
        &self,
        place: OfferIndex,
        offer: &Offer,
        condition: Condition,
        candidate: &mut Candidate,
    ) -> Result<(), DropReason> {
        let model = self.view.model(offer.model);
        let share = model
            .reasoning_share
            .clamp(self.least_reasoning, MOST_REASONING);
        let (limit, must_set) = self.output_limit(offer);
        // 32 bits hold any answer, and convert in a third of the time of 64.
        let wanted = (self.visible_output / (1.0 - share)) as u32;
        let output = u64::from(wanted).min(limit).max(1);

        let latency_ms = self.latency(offer, condition, output);
        if latency_ms > self.max_latency_ms {
            return Err(DropReason::TooSlow {
                expected_ms: latency_ms as u64,
                limit_ms: self.max_latency_ms as u64,
            });
        }

        let free = offer.traits.any(OfferTraits::FREE);
        let (expected, worst, clamp) = if free {
            (Usd::ZERO, Usd::ZERO, None)
        } else {
            let reasoning = u64::from((output as u32 as f32 * share) as u32).min(output);
            self.cost(place, offer, output, reasoning, limit)?
        };
        let set = must_set
            .then_some(limit)
            .and_then(|limit| u32::try_from(limit).ok());
        candidate.offer = place;
        candidate.model = offer.model;
        candidate.lane = offer.lane;
        candidate.expected = expected;
        candidate.worst = worst;
        candidate.clamp = clamp.or(set);
        candidate.output_tokens = u32::try_from(output).unwrap_or(u32::MAX);
        candidate.quality = model.quality[self.profile.task.index()];
        candidate.latency_ms = latency_ms;
        candidate.latency_known = offer.speed.is_some();
        candidate.failure_share = condition.failure_share;
        candidate.free = free;
        Ok(())
    }

    /// The most tokens of one answer, and whether the request must say so
    /// because nothing else limits it.
    #[inline]
    fn output_limit(&self, offer: &Offer) -> (u64, bool) {
        let mut limit = self.profile.max_output.unwrap_or(u64::MAX);
        if offer.max_output > 0 {
            limit = limit.min(u64::from(offer.max_output));
        }
        if offer.context > 0 {
            limit = limit.min(u64::from(offer.context).saturating_sub(self.profile.prompt.low));
        }
        if limit == u64::MAX {
            (LIMIT_WHEN_UNKNOWN, true)
        } else {
            (limit, false)
        }
    }

    #[inline]
    fn latency(&self, offer: &Offer, condition: Condition, output: u64) -> f32 {
        let (first, per_token) = offer.speed.map_or(self.speed, |speed| {
            (speed.first_token_ms, ms_per_token(speed.tokens_per_second))
        });
        condition.first_token_ms.unwrap_or(first) + output as u32 as f32 * per_token
    }

    /// Expected cost, worst cost, and the output limit that keeps the worst
    /// within the ceiling where the caller left the length open.
    #[inline(always)]
    fn cost(
        &self,
        place: OfferIndex,
        offer: &Offer,
        output: u64,
        reasoning: u64,
        limit: u64,
    ) -> Result<(Usd, Usd, Option<u32>), DropReason> {
        let profile = self.profile;
        let fee = self.view.lane(offer.lane).fee_basis_points;
        let tiered = if offer.traits.any(OfferTraits::TIERED) {
            self.tiered(place)
        } else {
            None
        };
        let (usual, dearest) = match &tiered {
            Some((usual, dearest)) => (usual, dearest),
            None => (&offer.rates, &offer.rates),
        };
        let expected = quote::expected(profile, usual, output, reasoning, fee);
        let quote = Quote::new(profile, dearest, fee);
        let worst = quote.worst(limit);
        let Some(ceiling) = profile.ceiling.filter(|ceiling| worst > *ceiling) else {
            return Ok((expected, worst, None));
        };
        // An answer that is cut short costs money and helps nobody, so room for
        // the expected length is asked for.
        let least = self.shortest_answer.max(output).min(limit);
        let longest = quote.longest_within(ceiling);
        if profile.max_output.is_some() || longest < least {
            let least = if profile.max_output.is_some() {
                limit
            } else {
                least
            };
            return Err(DropReason::OverCeiling {
                worst: quote.worst(least),
                ceiling,
            });
        }
        let clamp = u32::try_from(longest).unwrap_or(u32::MAX);
        Ok((expected, quote.worst(u64::from(clamp)), Some(clamp)))
    }

    /// The prices that are expected and the dearest ones, where a condition on
    /// the prompt or the hour can hold for this call.
    fn tiered(&self, place: OfferIndex) -> Option<(Rates, Rates)> {
        let Pricing::Known(price) = self.view.pricing(place) else {
            return None;
        };
        let high = self.profile.prompt.high;
        let can_hold = |min: Option<u64>| min.is_none_or(|min| high > min);
        if !price
            .overrides
            .iter()
            .any(|entry| can_hold(entry.when.min_prompt_tokens))
        {
            return None;
        }
        Some((
            price.at(self.profile.prompt.likely, self.profile.at),
            price.ceiling(high),
        ))
    }
}

/// Milliseconds for one token; no published speed is below a tenth of a token a second.
fn ms_per_token(tokens_per_second: f32) -> f32 {
    1_000.0 / tokens_per_second.max(0.1)
}

fn barred(traits: OfferTraits, by: u8) -> DropReason {
    let reasons = [
        (OfferTraits::ALIAS, DropReason::Alias),
        (OfferTraits::ROUTER, DropReason::Router),
        (OfferTraits::BATCH_ONLY, DropReason::BatchOnly),
        (OfferTraits::NOT_CHAT, DropReason::NotChat),
    ];
    let hit = reasons.into_iter().find(|(bit, _)| traits.any(bit & by));
    hit.map_or(DropReason::FreeTier, |(_, reason)| reason)
}
