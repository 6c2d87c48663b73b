use std::cmp::Ordering;
use std::str::FromStr;

use serde::Serialize;
use tollgate_core::{
    Capabilities, CatalogView, ModelFacts, ModelIndex, Offer, OfferTraits, Task, Usd,
};

/// What to look for; every condition that is set must hold.
///
/// ```
/// use tollgate_catalog::{SearchQuery, SortBy};
/// use tollgate_core::Capabilities;
/// let query = SearchQuery {
///     text: "mini".into(),
///     needs: Capabilities::TOOLS | Capabilities::IMAGE_INPUT,
///     max_input_price: Some("0.50".parse()?),
///     sort: SortBy::Price,
///     ..SearchQuery::default()
/// };
/// # Ok::<(), tollgate_core::InvalidMoney>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SearchQuery {
    /// Words that the id or the name contains, all of them, in any case.
    pub text: String,
    /// The author, exactly.
    pub author: Option<String>,
    /// What the model can do, modalities included (`image_input`, `audio_output`).
    pub needs: Capabilities,
    /// Dearest input, in dollars per million tokens; unknown prices do not pass.
    pub max_input_price: Option<Usd>,
    /// Dearest output, in dollars per million tokens; unknown prices do not pass.
    pub max_output_price: Option<Usd>,
    /// Smallest context window, in tokens.
    pub min_context: u32,
    /// Whether the model is free by contract.
    pub free: Option<bool>,
    /// Also aliases, routers, batch variants and models that do not chat.
    pub all_kinds: bool,
    /// Order of the result.
    pub sort: SortBy,
}

/// Order of a search result.
///
/// ```
/// use tollgate_catalog::SortBy;
/// use tollgate_core::Task;
/// assert_eq!("quality:code".parse(), Ok(SortBy::Quality(Task::Code)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SortBy {
    /// By id.
    #[default]
    Id,
    /// The newest first.
    Newest,
    /// The cheapest first, three prompt tokens to one of output; unknown prices last.
    Price,
    /// The largest context window first.
    Context,
    /// The best at a task first.
    Quality(Task),
}

/// Why a text names no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot sort by {0:?}; use id, newest, price, context, quality, quality:chat, quality:code or quality:reasoning"
)]
pub struct UnknownSort(String);

impl FromStr for SortBy {
    type Err = UnknownSort;

    fn from_str(text: &str) -> Result<Self, UnknownSort> {
        match text.split_once(':').unwrap_or((text, "")) {
            ("id", "") => Ok(Self::Id),
            ("newest", "") => Ok(Self::Newest),
            ("price", "") => Ok(Self::Price),
            ("context", "") => Ok(Self::Context),
            ("quality", "") => Ok(Self::Quality(Task::Chat)),
            ("quality", task) => task
                .parse()
                .map(Self::Quality)
                .map_err(|_| UnknownSort(text.into())),
            _ => Err(UnknownSort(text.into())),
        }
    }
}

/// Models of `view` that one of whose offers meets the query.
pub fn search(view: &CatalogView, query: &SearchQuery) -> Vec<ModelIndex> {
    let words: Vec<String> = query
        .text
        .split_whitespace()
        .map(str::to_lowercase)
        .collect();
    let mut found: Vec<ModelIndex> = (0..)
        .map(ModelIndex)
        .zip(view.models())
        .filter(|(place, model)| {
            names_fit(model, query, &words) && offers(view, *place).any(|offer| fits(offer, query))
        })
        .map(|(place, _)| place)
        .collect();
    // Models stand by id, and the sort is stable: equal ones stay in that order.
    match query.sort {
        SortBy::Id => {}
        SortBy::Newest => found.sort_by_key(|place| std::cmp::Reverse(view.model(*place).created)),
        SortBy::Price => found.sort_by_key(|place| cheapest(view, *place)),
        SortBy::Context => found.sort_by_key(|place| {
            std::cmp::Reverse(offers(view, *place).map(|offer| offer.context).max())
        }),
        SortBy::Quality(task) => found.sort_by(|a, b| better(view.model(*a), view.model(*b), task)),
    }
    found
}

fn names_fit(model: &ModelFacts, query: &SearchQuery, words: &[String]) -> bool {
    let (id, name) = (model.id.as_str().to_lowercase(), model.name.to_lowercase());
    let author_fits = query
        .author
        .as_deref()
        .is_none_or(|author| model.id.author() == Some(author));
    author_fits
        && words
            .iter()
            .all(|word| id.contains(word) || name.contains(word))
}

fn fits(offer: &Offer, query: &SearchQuery) -> bool {
    const HIDDEN: u8 =
        OfferTraits::ALIAS | OfferTraits::ROUTER | OfferTraits::BATCH_ONLY | OfferTraits::NOT_CHAT;
    let is_below =
        |limit: Option<Usd>, price: Usd| limit.is_none_or(|limit| offer.priced && price <= limit);
    (query.all_kinds || !offer.traits.any(HIDDEN))
        && offer.can.contains(query.needs)
        && offer.context >= query.min_context
        && query
            .free
            .is_none_or(|free| offer.traits.any(OfferTraits::FREE) == free)
        && is_below(query.max_input_price, offer.rates.input.per_million())
        && is_below(query.max_output_price, offer.rates.output.per_million())
}

fn offers(view: &CatalogView, place: ModelIndex) -> impl Iterator<Item = &Offer> {
    view.offers_of(place).map(|offer| view.offer(offer))
}

fn cheapest(view: &CatalogView, place: ModelIndex) -> (bool, u128) {
    let blended = |offer: &Offer| {
        3 * u128::from(offer.rates.input.attos()) + u128::from(offer.rates.output.attos())
    };
    let price = offers(view, place)
        .filter(|offer| offer.priced)
        .map(blended)
        .min();
    (price.is_none(), price.unwrap_or(0))
}

fn better(a: &ModelFacts, b: &ModelFacts, task: Task) -> Ordering {
    b.quality[task.index()]
        .mean
        .total_cmp(&a.quality[task.index()].mean)
}
