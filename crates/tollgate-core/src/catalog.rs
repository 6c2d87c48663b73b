//! The catalog as routing sees it: one immutable view, flat and indexed.

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::{
    Billing, Brief, Capabilities, Columns, Contest, DropCounts, DropReason, Endpoints, Entry,
    LaneId, ModelId, Pricing, Rates, Task, Timestamp,
};

/// Gives out the current view of the catalog.
///
/// # Contract
/// `view` never waits, never fails and costs no more than an atomic load; a
/// view never changes once it was given out, and a later call may give a newer
/// one.
pub trait Catalog: Send + Sync {
    /// The newest good view.
    fn view(&self) -> Arc<CatalogView>;
}

/// Where a view's data came from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CatalogSource {
    /// The upstream's list, fetched by this process.
    Network,
    /// An earlier fetch, kept on disk.
    DiskCache,
    /// The snapshot that the program was built with; it is stale by nature.
    Embedded,
    /// Built by hand, for tests and programs that bring their own list.
    Given,
}

/// Where a quality figure came from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QualitySource {
    /// The user's own scores.
    Scores,
    /// Feedback given to the gateway.
    Feedback,
    /// What a learned router expects on this very prompt.
    Learned,
    /// Published benchmarks, carried by the catalog.
    Benchmark,
    /// A benchmark of another kind of task, widened.
    RelatedBenchmark,
    /// What is known of like models: author, price.
    Prior,
}

/// How good a model is at one task: the chance of a good answer, with its
/// uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quality {
    /// Expected share of good answers, 0 to 1.
    pub mean: f32,
    /// Standard error of `mean`.
    pub error: f32,
    /// Where the figure came from.
    pub source: QualitySource,
}

/// How fast a model is on a lane.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// Median time to the first token, in milliseconds.
    pub first_token_ms: f32,
    /// Median output speed, in tokens per second.
    pub tokens_per_second: f32,
}

/// What usage has shown of a model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Habits {
    /// Prompt tokens that the model counts for each token that the estimate
    /// expects; 1 when nothing is known.
    pub tokens_per_estimate: f32,
    /// Expected tokens of an answer per task, reasoning included, indexed by
    /// [`Task::index`]; `None` where too little was seen.
    pub answer_tokens: [Option<f32>; Task::COUNT],
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            tokens_per_estimate: 1.0,
            answer_tokens: [None; Task::COUNT],
        }
    }
}

/// Facts of one model, the same on every lane.
#[derive(Debug, Clone, Serialize)]
pub struct ModelFacts {
    /// What callers name.
    pub id: ModelId,
    /// The permanent, often dated name that answers report.
    pub canonical: ModelId,
    /// Name for people.
    pub name: String,
    /// When the model appeared.
    pub created: Timestamp,
    /// When the model goes away, if that was announced.
    pub expires: Option<Timestamp>,
    /// The model that this id stands for at the moment, for `…-latest` ids.
    pub alias_of: Option<ModelId>,
    /// Quality per task, indexed by [`Task::index`].
    pub quality: [Quality; Task::COUNT],
    /// Share of the output that is reasoning, 0 to 1, when reasoning is on.
    pub reasoning_share: f32,
    /// What usage has shown of it.
    pub habits: Habits,
}

/// Place of a model in [`CatalogView::models`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ModelIndex(pub u32);

/// Place of an offer in [`CatalogView::offers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct OfferIndex(pub u32);

/// Place of a lane in [`CatalogView::lanes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LaneIndex(pub u16);

/// What rules an offer out of ordinary competition or is special about it, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub struct OfferTraits(pub u8);

impl OfferTraits {
    /// Free by contract (`:free`): rate-limited, and prompts may be kept.
    pub const FREE: u8 = 1;
    /// Usable through a batch interface only.
    pub const BATCH_ONLY: u8 = 1 << 1;
    /// Another name for a model that competes under its own id.
    pub const ALIAS: u8 = 1 << 2;
    /// Picks a model itself; its price is known only afterwards.
    pub const ROUTER: u8 = 1 << 3;
    /// Has conditional prices.
    pub const TIERED: u8 = 1 << 4;
    /// Does not answer chats with text (an image, audio or embeddings model).
    pub const NOT_CHAT: u8 = 1 << 5;
    /// Its speed was told too long ago to rule it out: it is ranked by it.
    pub const SPEED_OLD: u8 = 1 << 6;

    /// Whether one of `bits` is set.
    pub const fn any(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

/// One model on one lane: a row that can become a candidate. Plans scan the
/// [`Brief`]s of offers, and read the whole of those few that need it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// The model.
    pub model: ModelIndex,
    /// The lane.
    pub lane: LaneIndex,
    /// What rules it out of ordinary competition.
    pub traits: OfferTraits,
    /// Whether there is a price to calculate with.
    pub priced: bool,
    /// What the model can do here.
    pub can: Capabilities,
    /// Context window in tokens, prompt and output together; 0 when unknown.
    pub context: u32,
    /// Most output tokens; 0 when not limited beyond the context.
    pub max_output: u32,
    /// Moment of expiry in seconds since the epoch; `i64::MAX` when none.
    pub expires: i64,
    /// Base prices; full prices with their conditions are in [`CatalogView::pricing`].
    pub rates: Rates,
    /// Published speed, when known.
    pub speed: Option<Speed>,
}

/// A road to models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// Its name.
    pub id: LaneId,
    /// How it is paid.
    pub billing: Billing,
    /// Fee on top of listed prices, in basis points (1/10,000).
    pub fee_basis_points: u32,
    /// Whether consecutive candidates on this lane may travel as one attempt
    /// with a list of models.
    pub takes_model_lists: bool,
    /// The host behind it. Lanes of one host are out of service together.
    pub authority: Arc<str>,
    /// The account that pays. Lanes of one account run out of money together.
    pub account: Arc<str>,
    /// The key, as its health is known: that of the lane's own name, unless the
    /// call brings another.
    pub key: LaneId,
    /// Whether closing a stream ends its bill, so that a second attempt beside
    /// a slow one costs little.
    pub stops_billing: bool,
    /// Whether it goes on with an answer whose beginning it is given.
    pub continues: bool,
    /// Its part of the traffic beside lanes that are as good: two get twice as
    /// much as one.
    pub weight: NonZeroU16,
}

impl Lane {
    /// A lane with a host and an account of its own, no fee, and nothing that
    /// only some lanes can do.
    ///
    /// ```
    /// use tollgate_core::{Billing, Lane, LaneId};
    /// let primary = Lane {
    ///     takes_model_lists: true,
    ///     ..Lane::new(LaneId::new("openrouter")?, Billing::Credits)
    /// };
    /// assert_eq!(&*primary.authority, "openrouter");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(id: LaneId, billing: Billing) -> Self {
        Self {
            authority: id.as_str().into(),
            account: id.as_str().into(),
            key: id.clone(),
            id,
            billing,
            fee_basis_points: 0,
            takes_model_lists: false,
            stops_billing: false,
            continues: false,
            weight: NonZeroU16::MIN,
        }
    }

    /// The lane as it is for a call that brings its own key: whoever pays for
    /// that, and whether it is accepted, is nobody else's business.
    #[must_use]
    pub fn with_callers_key(self) -> Self {
        let callers = "caller";
        Self {
            billing: Billing::Caller,
            fee_basis_points: 0,
            account: callers.into(),
            key: LaneId::new(format!("{}({callers})", self.id)).unwrap_or(self.key),
            ..self
        }
    }
}

/// What is expected of an offered model for a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// Quality of its answers.
    pub quality: Quality,
    /// Tokens of an answer, reasoning included; 0 where usage has not shown that yet.
    pub answer_tokens: u32,
    /// Prompt tokens that it counts for one of the estimate, in units of 1/65,536:
    /// from a quarter to four, and one where nothing is known.
    pub tokens_per_estimate: u32,
}

impl Outlook {
    /// What tokens are counted in: one of the estimate.
    pub const ONE: u32 = 65_536;
    /// Least and most that counts and estimates are believed to differ by.
    const BELIEVED: (f32, f32) = (0.25, 4.0);

    fn of(model: &ModelFacts, task: Task) -> Self {
        let Habits {
            tokens_per_estimate,
            answer_tokens,
        } = model.habits;
        let (least, most) = Self::BELIEVED;
        let factor = tokens_per_estimate.clamp(least, most);
        Self {
            quality: model.quality[task.index()],
            answer_tokens: answer_tokens[task.index()].unwrap_or(0.0) as u32,
            tokens_per_estimate: (factor * Self::ONE as f32) as u32,
        }
    }
}

/// An immutable picture of all models, prices and lanes.
#[derive(Debug)]
pub struct CatalogView {
    version: u64,
    identity: u64,
    source: CatalogSource,
    as_of: Timestamp,
    models: Box<[ModelFacts]>,
    lanes: Box<[Arc<Lane>]>,
    offers: Box<[Offer]>,
    briefs: Box<[Brief]>,
    // By task and offer.
    outlooks: [Box<[Outlook]>; Task::COUNT],
    open: Box<[OfferIndex]>,
    // Of what is open alone.
    open_briefs: Box<[Brief]>,
    open_outlooks: [Box<[Outlook]>; Task::COUNT],
    open_columns: [Box<[Columns]>; Task::COUNT],
    first_expiry: i64,
    barred: Box<[(OfferIndex, DropReason)]>,
    barred_counts: DropCounts,
    pricing: Box<[Pricing]>,
    endpoints: Box<[Option<Arc<Endpoints>>]>,
    upstream_ids: Box<[ModelId]>,
    // First offer of each model, with one more entry at the end.
    first_offer: Box<[u32]>,
    index: HashMap<Box<str>, ModelIndex>,
}

/// One offer with everything that belongs to it, for building a view.
#[derive(Debug, Clone)]
pub struct OfferSpec {
    /// The flat row; its `model` is set by [`CatalogView::new`].
    pub offer: Offer,
    /// Full prices.
    pub pricing: Pricing,
    /// The model's name on this lane.
    pub upstream_id: ModelId,
    /// The hosts that the lane's upstream chooses among, where that is known.
    pub endpoints: Option<Arc<Endpoints>>,
}

impl CatalogView {
    /// Builds a view. Models are sorted by id; of two with the same id the
    /// first stays.
    pub fn new(
        version: u64,
        source: CatalogSource,
        as_of: Timestamp,
        lanes: Vec<Lane>,
        mut models: Vec<(ModelFacts, Vec<OfferSpec>)>,
    ) -> Self {
        models.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
        models.dedup_by(|(later, _), (earlier, _)| later.id == earlier.id);
        let mut index = HashMap::with_capacity(models.len() * 2);
        let mut facts = Vec::with_capacity(models.len());
        let mut offers = Vec::with_capacity(models.len());
        let mut pricing = Vec::with_capacity(models.len());
        let mut upstream_ids = Vec::with_capacity(models.len());
        let mut endpoints = Vec::with_capacity(models.len());
        let mut first_offer = vec![0];
        for (number, (model, specs)) in (0_u32..).zip(models) {
            let place = ModelIndex(number);
            index.insert(model.id.as_str().into(), place);
            for spec in specs {
                offers.push(Offer {
                    model: place,
                    ..spec.offer
                });
                pricing.push(spec.pricing);
                upstream_ids.push(spec.upstream_id);
                endpoints.push(spec.endpoints);
            }
            first_offer.push(u32::try_from(offers.len()).unwrap_or(u32::MAX));
            facts.push(model);
        }
        // Ids win over canonical names, and the plain model over its variants.
        for (number, model) in (0_u32..).zip(&facts) {
            let place = ModelIndex(number);
            let is_plain = model.id.variant().is_none() && model.alias_of.is_none();
            match index.entry(model.canonical.as_str().into()) {
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(place);
                }
                std::collections::hash_map::Entry::Occupied(mut entry) if is_plain => {
                    let held = &facts[entry.get().0 as usize];
                    if held.id != model.canonical && held.id.variant().is_some() {
                        entry.insert(place);
                    }
                }
                std::collections::hash_map::Entry::Occupied(_) => {}
            }
        }
        let facts_of = |offer: &Offer| &facts[offer.model.0 as usize];
        let fee_of = |offer: &Offer| {
            let lane = lanes.get(usize::from(offer.lane.0));
            lane.map_or(0, |lane| lane.fee_basis_points)
        };
        let briefs: Vec<Brief> = offers
            .iter()
            .zip(&pricing)
            .map(|(offer, pricing)| Brief::of(offer, pricing, facts_of(offer), fee_of(offer)))
            .collect();
        let outlooks = Task::ALL.map(|task| -> Box<[Outlook]> {
            let models = offers.iter().map(facts_of);
            models.map(|model| Outlook::of(model, task)).collect()
        });
        let mut open = Vec::with_capacity(offers.len());
        let mut barred = Vec::new();
        let mut barred_counts = DropCounts::default();
        for (number, brief) in (0_u32..).zip(&briefs) {
            match brief.bar(Entry::Open) {
                None => open.push(OfferIndex(number)),
                Some(reason) => {
                    barred.push((OfferIndex(number), reason));
                    barred_counts.count(reason);
                }
            }
        }
        let open_briefs = of_open(&open, &briefs);
        let open_outlooks = outlooks.each_ref().map(|outlooks| of_open(&open, outlooks));
        // Views of different catalogs may have the same version.
        static VIEWS: AtomicU64 = AtomicU64::new(0);
        Self {
            version,
            identity: VIEWS.fetch_add(1, Ordering::Relaxed),
            source,
            as_of,
            open_columns: open_outlooks
                .each_ref()
                .map(|outlooks| Columns::of(&open_briefs, outlooks)),
            open_briefs,
            open_outlooks,
            first_expiry: offers
                .iter()
                .map(|offer| offer.expires)
                .min()
                .unwrap_or(i64::MAX),
            briefs: briefs.into(),
            outlooks,
            open: open.into(),
            barred: barred.into(),
            barred_counts,
            models: facts.into(),
            lanes: lanes.into_iter().map(Arc::new).collect(),
            offers: offers.into(),
            pricing: pricing.into(),
            endpoints: endpoints.into(),
            upstream_ids: upstream_ids.into(),
            first_offer: first_offer.into(),
            index,
        }
    }

    /// Number of this view; grows with each refresh, and is part of every plan.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A number that no other view of this process has: what was worked out for
    /// a view can be kept under it.
    pub fn identity(&self) -> u64 {
        self.identity
    }

    /// Where the data came from.
    pub fn source(&self) -> CatalogSource {
        self.source
    }

    /// When the data was true.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// All models, sorted by id.
    pub fn models(&self) -> &[ModelFacts] {
        &self.models
    }

    /// All lanes.
    pub fn lanes(&self) -> &[Arc<Lane>] {
        &self.lanes
    }

    /// All offers; those of one model stand together.
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// The model at a place.
    pub fn model(&self, place: ModelIndex) -> &ModelFacts {
        &self.models[place.0 as usize]
    }

    /// The lane at a place.
    pub fn lane(&self, place: LaneIndex) -> &Arc<Lane> {
        &self.lanes[usize::from(place.0)]
    }

    /// The offer at a place.
    pub fn offer(&self, place: OfferIndex) -> &Offer {
        &self.offers[place.0 as usize]
    }

    /// The offer at a place in brief.
    #[inline]
    pub fn brief(&self, place: OfferIndex) -> &Brief {
        &self.briefs[place.0 as usize]
    }

    /// What is expected of the offered models for a task, in the order of
    /// [`CatalogView::offers`].
    #[inline]
    pub fn outlooks(&self, task: Task) -> &[Outlook] {
        &self.outlooks[task.index()]
    }

    /// The offers that compete when nobody named them, in order.
    pub fn open(&self) -> &[OfferIndex] {
        &self.open
    }

    /// The same side by side with what is asked of each, for calls of a task.
    #[inline]
    pub fn contest(&self, task: Task) -> Contest<'_> {
        Contest {
            offers: &self.open,
            briefs: &self.open_briefs,
            outlooks: &self.open_outlooks[task.index()],
            columns: &self.open_columns[task.index()],
        }
    }

    /// When the first of the offers expires, in seconds since the epoch; `i64::MAX` when none does.
    pub fn first_expiry(&self) -> i64 {
        self.first_expiry
    }

    /// The other offers in order, with what bars each from open competition.
    pub fn barred(&self) -> &[(OfferIndex, DropReason)] {
        &self.barred
    }

    /// How many those are, by reason.
    pub fn barred_counts(&self) -> &DropCounts {
        &self.barred_counts
    }

    /// The full prices of an offer.
    pub fn pricing(&self, place: OfferIndex) -> &Pricing {
        &self.pricing[place.0 as usize]
    }

    /// The hosts among which the upstream of an offer's lane chooses, where
    /// that is known.
    pub fn endpoints(&self, place: OfferIndex) -> Option<&Endpoints> {
        self.endpoints[place.0 as usize].as_deref()
    }

    /// The model's name on the lane of an offer.
    pub fn upstream_id(&self, place: OfferIndex) -> &ModelId {
        &self.upstream_ids[place.0 as usize]
    }

    /// The offers of one model.
    pub fn offers_of(&self, place: ModelIndex) -> impl Iterator<Item = OfferIndex> + use<> {
        let place = place.0 as usize;
        (self.first_offer[place]..self.first_offer[place + 1]).map(OfferIndex)
    }

    /// The model of that id or canonical name, exactly.
    pub fn find(&self, id: &str) -> Option<ModelIndex> {
        self.index.get(id).copied()
    }

    /// The model that an answer reports: by id, by canonical name, then without
    /// its variant.
    pub fn find_served(&self, id: &ModelId) -> Option<ModelIndex> {
        self.find(id.as_str())
            .or_else(|| self.find(id.without_variant()))
    }
}

fn of_open<T: Copy>(open: &[OfferIndex], of_all: &[T]) -> Box<[T]> {
    open.iter().map(|place| of_all[place.0 as usize]).collect()
}
