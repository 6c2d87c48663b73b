//! Whether an offer can serve a call, and for how much: the tests that drop it,
//! in the order in which they are asked.

use tollgate_core::{
    Brief, CallProfile, Candidate, Capabilities, CatalogView, DropReason, Entry, OfferIndex,
    OfferTraits, Outlook, Pricing, Quote, Rate, Usd,
};

use crate::RouterConfig;
use crate::overlay::{self, Condition, Overlay};
use crate::profile::ERROR_PERCENT;
use crate::quote::{self, Expected};

pub(crate) mod ordinary;

/// Whether open breakers rule an offer out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breakers {
    Obeyed,
    /// They say nothing of this call.
    Passed,
    /// Everything that could serve the call is out of service: whoever walks
    /// the plan decides which of them deserves a probe.
    Advice,
}

/// An output limit for offers that publish neither limit nor context window,
/// so that a worst case exists; it is set on the request.
pub(crate) const LIMIT_WHEN_UNKNOWN: u32 = 131_072;
/// Longest expected answer in tokens: ten times that, with reasoning, fits 32 bits.
const LONGEST_EXPECTED: f32 = 134_217_728.0;
/// Share of the output that is reasoning, at least, when the caller asks for it
/// and the catalog knows only that the model can: what models with reasoning on
/// by default show in public usage figures.
const REASONING_WHEN_ASKED: f32 = 0.4;
/// A flag that every brief has which is asked about.
const ALL: u8 = Brief::PRICED;

/// The tests, with everything about the call worked out once.
#[derive(Debug)]
pub(crate) struct Screen<'a> {
    pub(crate) view: &'a CatalogView,
    profile: &'a CallProfile,
    /// What is expected by offer.
    outlooks: &'a [Outlook],
    /// The offer that has read the prompt's beginning, and how much of it.
    warm: Option<(OfferIndex, u64)>,
    pub(crate) overlay: &'a Overlay,
    breakers: Breakers,
    /// Whether free variants compete when nobody named them.
    free_competes: bool,
    at_secs: i64,
    /// Tokens that a context window must hold.
    room: u64,
    /// Tokens of the shortest answer that is of use; none but the longest where
    /// the caller says how long.
    shortest_useful: u32,
    /// Output tokens that the caller asks for; 0 when it leaves that open.
    least_wanted: u64,
    /// The same as a limit; `u32::MAX` when there is none.
    longest_wanted: u32,
    /// The most that an offer without limits gets.
    longest_unlimited: u32,
    prompt_low: u32,
    /// Flags of briefs whose prices do not suffice.
    intricate: u8,
    /// The most that the call may cost.
    ceiling: Usd,
    /// What one answer gets of it where that suffices.
    share: Usd,
    /// Expected tokens of an answer to see, in units of 1/65,536.
    visible_output: u64,
    least_stretch: u32,
    /// How many answers are asked for, where 32 bits hold that; see `intricate`.
    answers: u32,
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
        let free_competes =
            config.allow_free || profile.prefer_free.unwrap_or(config.prefer_free_tier);
        let shortest_answer = config.min_answer_tokens;
        let saturated = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
        let ceiling = profile.ceiling.unwrap_or(Usd::MAX);
        let half = profile
            .ceiling
            .map_or(Usd::MAX, |most| Usd::from_nanos(most.nanos() / 2));
        let share = profile.share.map_or(half, |share| share.min(half));
        // The estimate with its error, not the bound by bytes: a prompt that is
        // too long after all fails upstream and goes elsewhere, at no cost.
        let prompt = (profile.prompt.likely + profile.prompt.likely * ERROR_PERCENT / 100)
            .min(profile.prompt.high);
        let intricate = match (profile.images, u32::try_from(profile.answers)) {
            (_, Err(_)) => ALL,
            _ if profile.searches > 0 => ALL,
            (0, Ok(_)) => Brief::MORE_PRICES,
            (_, Ok(_)) => Brief::MORE_PRICES | Brief::IMAGES_COST,
        };
        Self {
            view,
            profile,
            outlooks: view.outlooks(profile.task),
            warm: profile.warm.as_ref().and_then(|warm| {
                Some((overlay::find(view, &warm.lane, &warm.model)?, warm.tokens))
            }),
            overlay,
            breakers,
            free_competes,
            at_secs: profile.at.secs(),
            room: prompt.saturating_add(profile.max_output.unwrap_or(u64::from(shortest_answer))),
            shortest_useful: match profile.max_output {
                Some(_) => u32::MAX,
                None => shortest_answer,
            },
            least_wanted: profile.max_output.unwrap_or(0),
            longest_wanted: profile.max_output.map_or(u32::MAX, saturated),
            longest_unlimited: match profile.max_output {
                Some(_) => u32::MAX,
                None => LIMIT_WHEN_UNKNOWN,
            },
            prompt_low: saturated(profile.prompt.low),
            intricate,
            ceiling,
            share,
            visible_output: (config.output.mean(profile.task).min(LONGEST_EXPECTED) * 65_536.0)
                as u64,
            least_stretch: if profile.needs.contains(Capabilities::REASONING) {
                Brief::stretch(REASONING_WHEN_ASKED)
            } else {
                0
            },
            answers: saturated(profile.answers),
            speed: (
                config.speed.first_token_ms,
                1_000.0 / config.speed.tokens_per_second.max(0.1),
            ),
            max_latency_ms: profile
                .max_latency
                .map_or(f32::INFINITY, |limit| limit.as_secs_f32() * 1_000.0),
        }
    }

    /// An offer of a listed model as a candidate.
    ///
    /// # Errors
    /// What bars it when it is named, else as [`Screen::check`].
    pub(crate) fn check_listed(&self, place: OfferIndex) -> Result<Candidate, DropReason> {
        match self.view.brief(place).bar(Entry::Listed) {
            Some(reason) => Err(reason),
            None => self.check(place),
        }
    }

    /// An offer of the open competition as a candidate; what is barred from
    /// that is not asked about.
    ///
    /// # Errors
    /// Free, else as [`Screen::check`].
    fn check_open(&self, place: OfferIndex) -> Result<Candidate, DropReason> {
        if !self.free_competes && self.view.brief(place).traits.any(OfferTraits::FREE) {
            return Err(DropReason::FreeTier);
        }
        self.check(place)
    }

    /// An offer that nothing bars as a candidate.
    ///
    /// # Errors
    /// The first reason that rules it out, in this order: expired, cannot do,
    /// context, output limit, breaker, latency, ceiling.
    #[inline(always)]
    fn check(&self, place: OfferIndex) -> Result<Candidate, DropReason> {
        let brief = self.view.brief(place);
        if self.has_own_keys() && !self.has_key_for(brief) {
            return Err(DropReason::NoKeyOfCaller);
        }
        self.check_facts(place, brief)?;
        let condition = self.overlay.of(place, brief.lane);
        if condition.is_open && self.breakers == Breakers::Obeyed {
            return Err(DropReason::BreakerOpen);
        }
        self.price(place, brief, condition)
    }

    /// Whether the call brings keys of its own.
    #[inline(always)]
    pub(crate) fn has_own_keys(&self) -> bool {
        !self.profile.own_keys.is_empty()
    }

    #[inline(never)]
    fn has_key_for(&self, brief: &Brief) -> bool {
        self.profile
            .own_keys
            .contains(&self.view.lane(brief.lane).id)
    }

    /// The tests that need no figures but those of the brief.
    #[inline(always)]
    fn check_facts(&self, place: OfferIndex, brief: &Brief) -> Result<(), DropReason> {
        // One branch for those who pass, which are most.
        let may_fail = brief.any(Brief::EXPIRES)
            | !brief.can.contains(self.profile.needs)
            | (self.room > u64::from(brief.context))
            | (self.least_wanted > u64::from(brief.max_output));
        if may_fail {
            self.fact_against(place, brief)
        } else {
            Ok(())
        }
    }

    #[inline(never)]
    fn fact_against(&self, place: OfferIndex, brief: &Brief) -> Result<(), DropReason> {
        let needs = self.profile.needs;
        if self.view.offer(place).expires <= self.at_secs {
            return Err(DropReason::Expired);
        }
        if !brief.can.contains(needs) {
            return Err(DropReason::CannotDo {
                missing: needs.missing_from(brief.can),
            });
        }
        if self.room > u64::from(brief.context) {
            return Err(DropReason::ContextTooSmall {
                needed: self.room,
                window: u64::from(brief.context),
            });
        }
        if self.least_wanted > u64::from(brief.max_output) {
            return Err(DropReason::OutputTooShort {
                wanted: self.least_wanted,
                limit: u64::from(brief.max_output),
            });
        }
        Ok(())
    }

    #[inline(always)]
    fn price(
        &self,
        place: OfferIndex,
        brief: &Brief,
        condition: Condition,
    ) -> Result<Candidate, DropReason> {
        let limit = self.output_limit(brief);
        let output = self.expected_output(place, brief, limit);
        let latency_ms = self.latency(brief, condition, output);
        if latency_ms > self.max_latency_ms && brief.is_speed_known() {
            return Err(self.too_slow(latency_ms));
        }

        let free = brief.traits.any(OfferTraits::FREE);
        let (expected, mut worst) = match free {
            true => (Usd::ZERO, Usd::ZERO),
            false => self.costs(place, brief, output, limit),
        };
        let mut clamp = None;
        if worst > self.share {
            (worst, clamp) = self.clamp(place, output, limit)?;
        }
        // A length without a limit has no worst case, unless it costs nothing.
        let needs_limit = worst > Usd::ZERO && brief.any(Brief::UNLIMITED);
        if clamp.is_none() && self.profile.max_output.is_none() && needs_limit {
            clamp = Some(limit);
        }
        let mut candidate = Candidate::neutral(place.0);
        candidate.model = brief.model;
        candidate.lane = brief.lane;
        candidate.expected = expected;
        candidate.worst = worst;
        candidate.clamp = clamp;
        candidate.output_tokens = output;
        candidate.quality = self.outlooks[place.0 as usize].quality;
        candidate.latency_ms = latency_ms;
        candidate.latency_known = brief.is_speed_known();
        candidate.failure_share = condition.failure_share;
        candidate.free = free;
        Ok(candidate)
    }

    /// The most tokens of one answer.
    #[inline(always)]
    fn output_limit(&self, brief: &Brief) -> u32 {
        let window = brief.context.saturating_sub(self.prompt_low);
        let limit = self.longest_wanted.min(brief.max_output).min(window);
        if brief.any(Brief::UNLIMITED) {
            limit.min(self.longest_unlimited)
        } else {
            limit
        }
    }

    /// The expected tokens of one answer, at least 1.
    #[inline(always)]
    fn expected_output(&self, place: OfferIndex, brief: &Brief, limit: u32) -> u32 {
        let stretch = brief.stretch.max(self.least_stretch);
        let output = match self.outlooks[place.0 as usize].answer_tokens {
            0 => ((self.visible_output * u64::from(stretch)) >> 32) as u32,
            known => self.with_reasoning(known, brief),
        };
        output.min(limit).max(1)
    }

    /// The length that answers of a model had, with the reasoning that the caller
    /// asks for where most of them had less.
    #[inline(always)]
    fn with_reasoning(&self, known: u32, brief: &Brief) -> u32 {
        if self.least_stretch <= brief.stretch {
            return known;
        }
        // Stretches begin with one, which is 65,536.
        let longer = u64::from(known) * u64::from(self.least_stretch) / u64::from(brief.stretch);
        u32::try_from(longer).unwrap_or(u32::MAX)
    }

    fn too_slow(&self, latency_ms: f32) -> DropReason {
        DropReason::TooSlow {
            expected_ms: latency_ms as u64,
            limit_ms: self.max_latency_ms as u64,
        }
    }

    /// An answer that is cut short costs money and helps nobody, so room for
    /// the expected length is asked for.
    #[inline(always)]
    fn least_answer(&self, output: u32, limit: u32) -> u32 {
        self.shortest_useful.max(output).min(limit)
    }

    #[inline(always)]
    fn latency(&self, brief: &Brief, condition: Condition, output: u32) -> f32 {
        let (first, per_token) = match brief.any(Brief::SPEED_KNOWN) {
            true => (brief.first_token_ms, brief.token_ms),
            false => self.speed,
        };
        condition.first_token_ms.unwrap_or(first) + output as f32 * per_token
    }

    /// Whether more than the prices of the brief counts.
    #[inline(always)]
    fn is_intricate(&self, brief: &Brief) -> bool {
        brief.any(self.intricate) || self.profile.prompt.high >= u64::from(brief.tiered_from)
    }

    /// The expected cost, and the most that answers of `limit` tokens cost.
    #[inline(always)]
    fn costs(&self, place: OfferIndex, brief: &Brief, output: u32, limit: u32) -> (Usd, Usd) {
        let is_warm = self.warm.is_some_and(|(warm, _)| warm == place);
        if is_warm || self.is_intricate(brief) {
            return self.intricate_costs(place, brief, output, limit);
        }
        let profile = self.profile;
        let fee = self.view.lane(brief.lane).fee_basis_points;
        (
            self.plain_cost(brief, fee, brief.input, self.likely(place), output),
            self.plain_cost(brief, fee, brief.dearest_input, profile.prompt.high, limit),
        )
    }

    /// The tokens that the model is expected to count in the prompt.
    #[inline(always)]
    fn likely(&self, place: OfferIndex) -> u64 {
        let factor = self.outlooks[place.0 as usize].tokens_per_estimate;
        let likely = self.profile.prompt.likely;
        likely.saturating_mul(u64::from(factor)) >> 16
    }

    #[inline(always)]
    fn plain_cost(&self, brief: &Brief, fee: u32, input: Rate, prompt: u64, tokens: u32) -> Usd {
        let in_all = u64::from(tokens) * u64::from(self.answers);
        match quote::small(input, prompt, brief.output, in_all) {
            Some(cost) if fee == 0 => cost,
            _ => quote::plain(self.profile, input, prompt, brief.output, fee).at(u64::from(tokens)),
        }
    }

    fn intricate_costs(
        &self,
        place: OfferIndex,
        brief: &Brief,
        output: u32,
        limit: u32,
    ) -> (Usd, Usd) {
        let profile = self.profile;
        let prompt = self.likely(place);
        let conditional;
        let usual = match self.view.pricing(place) {
            Pricing::Known(price) if price.overrides.is_empty() => &price.base,
            Pricing::Known(price) => {
                conditional = price.at(prompt, profile.at);
                &conditional
            }
            _ => &self.view.offer(place).rates,
        };
        let stretch = brief.stretch.max(self.least_stretch);
        let visible = (u64::from(output) << 16).div_ceil(u64::from(stretch)) as u32;
        let fee = self.view.lane(brief.lane).fee_basis_points;
        let cached = match self.warm {
            Some((warm, tokens)) if warm == place => tokens,
            _ => 0,
        };
        let tokens = Expected {
            prompt,
            cached,
            visible: u64::from(visible),
            reasoning: u64::from(output - visible),
        };
        let expected = quote::expected(profile, usual, tokens, fee);
        (expected, self.quote(place).at(u64::from(limit)))
    }

    /// The most that the call costs on an offer, by the length of its answers.
    pub(crate) fn quote(&self, place: OfferIndex) -> Quote {
        let profile = self.profile;
        let brief = self.view.brief(place);
        let fee = self.view.lane(brief.lane).fee_basis_points;
        if brief.traits.any(OfferTraits::FREE) {
            return Quote {
                answers: profile.answers,
                ..Quote::FREE
            };
        }
        if !self.is_intricate(brief) {
            let prompt = profile.prompt.high;
            return quote::plain(profile, brief.dearest_input, prompt, brief.output, fee);
        }
        let conditional;
        let dearest = match self.view.pricing(place) {
            Pricing::Known(price) if price.overrides.is_empty() => &price.base,
            Pricing::Known(price) => {
                conditional = price.ceiling(profile.prompt.high);
                &conditional
            }
            _ => &self.view.offer(place).rates,
        };
        quote::worst(profile, dearest, fee)
    }

    /// The worst case under the ceiling, and the output limit that keeps it
    /// there where the caller left the length open.
    ///
    /// The ceiling is on all that a call costs, and a first attempt that fails
    /// may have cost its worst case for all that is known: so it gets half of
    /// the ceiling, or the share that budgets give it, where a useful answer fits
    /// into that, and all of it where not.
    #[inline(never)]
    fn clamp(
        &self,
        place: OfferIndex,
        output: u32,
        limit: u32,
    ) -> Result<(Usd, Option<u32>), DropReason> {
        let least = self.least_answer(output, limit);
        let quote = self.quote(place);
        let worst = quote.at(u64::from(limit));
        for room in [self.share, self.ceiling] {
            if worst <= room {
                return Ok((worst, None));
            }
            let longest = u32::try_from(quote.longest_within(room)).unwrap_or(u32::MAX);
            let worst = quote.at(u64::from(longest));
            // Where nothing is written, the prompt alone may be too dear.
            if longest >= least && worst <= room {
                return Ok((worst, Some(longest)));
            }
        }
        Err(DropReason::OverCeiling {
            worst: quote.at(u64::from(least)),
            ceiling: self.ceiling,
        })
    }
}
