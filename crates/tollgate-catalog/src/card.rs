use serde::Serialize;
use tollgate_core::{
    Capabilities, CatalogView, LaneId, ModelId, ModelIndex, OfferIndex, OfferTraits, Pricing,
    QualitySource, Rates, Task, Usd,
};

/// One model as people and scripts see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelCard {
    /// What callers name.
    pub id: ModelId,
    /// The permanent name that answers report.
    pub canonical: ModelId,
    /// Name for people.
    pub name: String,
    /// The model that this id stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_of: Option<ModelId>,
    /// Day when it appeared, `YYYY-MM-DD`.
    pub created: String,
    /// First day without it, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Share of the output that is reasoning, 0 to 1.
    pub reasoning_share: f32,
    /// Quality by task.
    pub quality: Vec<QualityCard>,
    /// Where it can be had, in order of the lanes.
    pub offers: Vec<OfferCard>,
}

/// Quality at one task.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QualityCard {
    /// The task.
    pub task: Task,
    /// Chance of a good answer, 0 to 1, to three places.
    pub mean: f32,
    /// Standard error of `mean`, to three places.
    pub error: f32,
    /// Where the figure came from.
    pub source: QualitySource,
}

/// One model on one lane.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OfferCard {
    /// The lane.
    pub lane: LaneId,
    /// The model's name there.
    pub upstream_id: ModelId,
    /// Context window in tokens; 0 when unknown.
    pub context: u32,
    /// Most output tokens; 0 when not limited beyond the context.
    pub max_output: u32,
    /// What it costs.
    #[serde(flatten)]
    pub price: PriceCard,
    /// What the model can do.
    pub capabilities: Capabilities,
    /// What sets it apart: `free`, `batch_only`, `alias`, `router`, `tiered`, `not_chat`.
    pub kinds: Vec<&'static str>,
}

/// A price for people, in dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "price", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PriceCard {
    /// Published.
    Known {
        /// Per million prompt tokens.
        input: Usd,
        /// Per million output tokens.
        output: Usd,
        /// Per million prompt tokens read from the cache.
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_read: Option<Usd>,
        /// Per million prompt tokens written to the cache.
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_write: Option<Usd>,
        /// Per million reasoning tokens, where they differ from output.
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning: Option<Usd>,
    },
    /// Free by contract.
    Free,
    /// Known after the answer only.
    Dynamic,
    /// Not published.
    Unknown,
}

impl ModelCard {
    /// The card of a model in `view`.
    pub fn new(view: &CatalogView, place: ModelIndex) -> Self {
        let model = view.model(place);
        Self {
            id: model.id.clone(),
            canonical: model.canonical.clone(),
            name: model.name.clone(),
            alias_of: model.alias_of.clone(),
            created: day(model.created),
            expires: model.expires.map(day),
            reasoning_share: model.reasoning_share,
            quality: Task::ALL
                .map(|task| quality(task, &model.quality[task.index()]))
                .into(),
            offers: view
                .offers_of(place)
                .map(|offer| OfferCard::new(view, offer))
                .collect(),
        }
    }
}

impl OfferCard {
    fn new(view: &CatalogView, place: OfferIndex) -> Self {
        let offer = view.offer(place);
        Self {
            lane: view.lane(offer.lane).id.clone(),
            upstream_id: view.upstream_id(place).clone(),
            context: offer.context,
            max_output: offer.max_output,
            price: PriceCard::from(view.pricing(place)),
            capabilities: offer.can,
            kinds: kinds(offer.traits),
        }
    }
}

impl From<&Pricing> for PriceCard {
    fn from(pricing: &Pricing) -> Self {
        match pricing {
            Pricing::Known(price) => Self::of(&price.base),
            Pricing::Free => Self::Free,
            Pricing::Dynamic => Self::Dynamic,
            _ => Self::Unknown,
        }
    }
}

impl PriceCard {
    fn of(rates: &Rates) -> Self {
        let per_million =
            |rate: Option<tollgate_core::Rate>| rate.map(tollgate_core::Rate::per_million);
        Self::Known {
            input: rates.input.per_million(),
            output: rates.output.per_million(),
            cache_read: per_million(rates.cache_read),
            cache_write: per_million(rates.cache_write),
            reasoning: per_million(rates.reasoning),
        }
    }
}

fn kinds(traits: OfferTraits) -> Vec<&'static str> {
    const WORDS: &[(u8, &str)] = &[
        (OfferTraits::FREE, "free"),
        (OfferTraits::BATCH_ONLY, "batch_only"),
        (OfferTraits::ALIAS, "alias"),
        (OfferTraits::ROUTER, "router"),
        (OfferTraits::TIERED, "tiered"),
        (OfferTraits::NOT_CHAT, "not_chat"),
    ];
    WORDS
        .iter()
        .filter(|(bit, _)| traits.any(*bit))
        .map(|(_, word)| *word)
        .collect()
}

fn quality(task: Task, quality: &tollgate_core::Quality) -> QualityCard {
    let rounded = |figure: f32| (figure * 1000.0).round() / 1000.0;
    QualityCard {
        task,
        mean: rounded(quality.mean),
        error: rounded(quality.error),
        source: quality.source,
    }
}

fn day(at: tollgate_core::Timestamp) -> String {
    let (year, month, day) = at.date();
    format!("{year:04}-{month:02}-{day:02}")
}
