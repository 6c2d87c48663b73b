use crate::{
    Capabilities, DropReason, LaneIndex, ModelFacts, ModelIndex, Offer, OfferTraits, Pricing, Rate,
};

/// How an offer came to be considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// All of the catalog competes.
    Open,
    /// The caller or the configuration named the model.
    Listed,
}

/// An offer in brief: what every plan reads of it, worked out once per view and
/// in one cache line, so that a scan over thousands waits for nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub struct Brief {
    /// Price of an uncached prompt token.
    pub input: Rate,
    /// Price of an output token.
    pub output: Rate,
    /// The dearest price that a prompt token can have.
    pub dearest_input: Rate,
    /// What the model can do here.
    pub can: Capabilities,
    /// Context window in tokens; `u32::MAX` when unknown.
    pub context: u32,
    /// Most output tokens; `u32::MAX` when not limited beyond the context.
    pub max_output: u32,
    /// Prompt tokens from which a conditional price can hold; `u32::MAX` when
    /// there is none.
    pub tiered_from: u32,
    /// Tokens, of a prompt and with room for its answer, that fit into the
    /// context and below every conditional price.
    pub untiered_room: u32,
    /// All output, with reasoning, as a multiple of the visible output, 1 to 10,
    /// in units of 1/65,536.
    pub stretch: u32,
    /// Published median time to the first token in milliseconds; 0 when
    /// [`Brief::SPEED_KNOWN`] is not set.
    pub first_token_ms: f32,
    /// Published median time per further token in milliseconds; 0 when not known.
    pub token_ms: f32,
    /// The model.
    pub model: ModelIndex,
    /// The lane.
    pub lane: LaneIndex,
    /// What rules it out of ordinary competition.
    pub traits: OfferTraits,
    /// Bits of this type's constants.
    pub flags: u8,
}

const _: () = assert!(size_of::<Brief>() == 64);

impl Brief {
    /// There is a price to calculate with.
    pub const PRICED: u8 = 1;
    /// The model goes away at a known moment.
    pub const EXPIRES: u8 = 1 << 1;
    /// The speed is published.
    pub const SPEED_KNOWN: u8 = 1 << 2;
    /// There are prices for images in the prompt.
    pub const IMAGES_COST: u8 = 1 << 3;
    /// There are prices beside those of prompt and output tokens: per request,
    /// for reasoning, or for dearer kinds of output.
    pub const MORE_PRICES: u8 = 1 << 4;
    /// Neither context nor output has a published limit.
    pub const UNLIMITED: u8 = 1 << 5;
    /// The lane takes a fee on top.
    pub const FEE: u8 = 1 << 6;
    /// Free by contract, as [`OfferTraits::FREE`].
    pub const FREE: u8 = 1 << 7;

    /// Largest share of the output that is believed to be reasoning.
    const MOST_REASONING: f32 = 0.9;

    /// The brief of an offer on a lane that takes so many basis points on top.
    pub fn of(offer: &Offer, pricing: &Pricing, model: &ModelFacts, fee_basis_points: u32) -> Self {
        let rates = &offer.rates;
        let dearest_output = rates.dearest_output();
        let has_more = rates.request.is_some_and(|rate| rate > Rate::ZERO)
            || rates.reasoning.is_some_and(|rate| rate != rates.output)
            || dearest_output != rates.output;
        let flags = [
            (offer.priced, Self::PRICED),
            (offer.expires != i64::MAX, Self::EXPIRES),
            (offer.speed.is_some(), Self::SPEED_KNOWN),
            (rates.image.is_some(), Self::IMAGES_COST),
            (has_more, Self::MORE_PRICES),
            (offer.context == 0 && offer.max_output == 0, Self::UNLIMITED),
            (fee_basis_points > 0, Self::FEE),
            (offer.traits.any(OfferTraits::FREE), Self::FREE),
        ];
        let tiered_from = tiered_from(pricing);
        let share = model.reasoning_share.clamp(0.0, Self::MOST_REASONING);
        Self {
            input: rates.input,
            output: rates.output,
            dearest_input: rates.dearest_input(),
            can: offer.can,
            context: or_unlimited(offer.context),
            max_output: or_unlimited(offer.max_output),
            tiered_from,
            untiered_room: or_unlimited(offer.context).min(tiered_from.saturating_sub(1)),
            stretch: Self::stretch(share),
            first_token_ms: offer.speed.map_or(0.0, |speed| speed.first_token_ms),
            // No published speed is below a tenth of a token a second.
            token_ms: offer
                .speed
                .map_or(0.0, |speed| 1_000.0 / speed.tokens_per_second.max(0.1)),
            model: offer.model,
            lane: offer.lane,
            traits: traits(offer),
            flags: flags
                .iter()
                .filter(|(holds, _)| *holds)
                .fold(0, |flags, (_, flag)| flags | flag),
        }
    }

    /// The multiple that belongs to a share of reasoning, 0 to 0.9.
    pub fn stretch(share: f32) -> u32 {
        (65_536.0 / (1.0 - share)).round() as u32
    }

    /// Whether the speed is that of late: what is dropped for it would not have
    /// been fast enough.
    #[inline]
    pub const fn is_speed_known(&self) -> bool {
        self.any(Self::SPEED_KNOWN) && !self.traits.any(OfferTraits::SPEED_OLD)
    }

    /// Whether one of `flags` is set.
    #[inline]
    pub const fn any(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// Why the offer serves no call at all that it enters like this.
    #[inline]
    pub fn bar(&self, entry: Entry) -> Option<DropReason> {
        let bars = match entry {
            Entry::Open => &BARS[..],
            Entry::Listed => &BARS[2..],
        };
        let hit = bars.iter().find(|(bit, _)| self.traits.any(*bit));
        match hit {
            Some((_, reason)) => Some(*reason),
            None if self.any(Self::PRICED) => None,
            None => Some(DropReason::PriceUnknown),
        }
    }
}

/// Traits that rule an offer out. An alias or a router may be named.
const BARS: [(u8, DropReason); 4] = [
    (OfferTraits::ALIAS, DropReason::Alias),
    (OfferTraits::ROUTER, DropReason::Router),
    (OfferTraits::BATCH_ONLY, DropReason::BatchOnly),
    (OfferTraits::NOT_CHAT, DropReason::NotChat),
];

/// That a model gives vectors does not rule it out: calls for embeddings want it, and all others
/// miss text in what it can do.
fn traits(offer: &Offer) -> OfferTraits {
    if offer.can.contains(Capabilities::EMBEDDINGS_OUTPUT) {
        OfferTraits(offer.traits.0 & !OfferTraits::NOT_CHAT)
    } else {
        offer.traits
    }
}

fn or_unlimited(tokens: u32) -> u32 {
    if tokens == 0 { u32::MAX } else { tokens }
}

fn tiered_from(pricing: &Pricing) -> u32 {
    let Pricing::Known(price) = pricing else {
        return u32::MAX;
    };
    // A condition holds above its minimum.
    let from = price.overrides.iter().map(|entry| {
        entry
            .when
            .min_prompt_tokens
            .map_or(0, |min| min.saturating_add(1))
    });
    from.min()
        .map_or(u32::MAX, |from| u32::try_from(from).unwrap_or(u32::MAX))
}
