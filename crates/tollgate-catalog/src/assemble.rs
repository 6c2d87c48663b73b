//! From a list of models and the lanes to the view that routing reads.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{
    Capabilities, CatalogSource, CatalogView, Habits, LaneIndex, ModelFacts, ModelId, ModelIndex,
    Offer, OfferSpec, OfferTraits, Pricing, Rates, Timestamp,
};
use tollgate_wire::Model;

use crate::carried::Carried;
use crate::endpoints::{EndpointTable, Seen};
use crate::habits::LearnedHabits;
use crate::lane::{LaneSpec, Served};
use crate::listing::Listing;
use crate::quality::Ratings;
use crate::quality::feedback::Feedback;
use crate::quality::layers::QualityLayers;
use crate::quality::scores::Scores;
use crate::table::PriceTable;
use crate::{facts, price};

/// What a view says about itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) version: u64,
    pub(crate) source: CatalogSource,
    pub(crate) as_of: Timestamp,
}

/// Age from which on a speed ranks a model, and does not rule it out any more.
/// Nobody looks anew at what is not used: what is ruled out would stay so.
const OLD: Duration = Duration::from_secs(86_400);

/// What is known beside the list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) now: Timestamp,
    pub(crate) prices: Option<&'a PriceTable>,
    pub(crate) scores: Option<&'a Scores>,
    pub(crate) feedback: Option<&'a Feedback>,
    pub(crate) endpoints: Option<&'a EndpointTable>,
    pub(crate) habits: Option<&'a LearnedHabits>,
}

impl Known<'_> {
    fn habits(&self, model: &str, reasoning_share: f32) -> Habits {
        let habits = self.habits;
        habits.map_or_else(Habits::default, |habits| habits.of(model, reasoning_share))
    }
}

/// Builds the view.
pub(crate) fn assemble(
    listing: &Listing,
    lanes: &[LaneSpec],
    known: Known<'_>,
    stamp: Stamp,
) -> CatalogView {
    let names = Names::of(&listing.models);
    let carried: Vec<Carried<'_>> = lanes
        .iter()
        .map(|spec| Carried::by(&spec.serves, &listing.models, &names, known.prices))
        .collect();
    let ratings = ratings(&listing.models, &names, known);
    let mut models: Vec<_> = listing
        .models
        .iter()
        .filter_map(|model| {
            let facts = model_facts(model, &names, &ratings, known)?;
            let listed = Listed::of(model, &facts, listing, known);
            let offers = carried
                .iter()
                .zip(0..)
                .filter_map(|(carried, lane)| listed.on(carried, LaneIndex(lane), &names));
            let offers = offers.collect();
            Some((facts, offers))
        })
        .collect();
    models.extend(unlisted(&carried, &names, &ratings, known));
    let lanes = lanes.iter().map(|spec| spec.lane.clone()).collect();
    CatalogView::new(stamp.version, stamp.source, stamp.as_of, lanes, models)
}

fn ratings<'k>(models: &[Model], names: &Names<'_>, known: Known<'k>) -> Ratings<'k> {
    let bases = models
        .iter()
        .filter(|model| !facts::is_alias(model) && names.base(model).id == model.id);
    Ratings::learn(bases, known.scores, known.feedback)
}

/// Where the figures of a model come from. A model that is not listed is one
/// that only a direct lane knows.
pub(crate) fn layers(listing: &Listing, known: Known<'_>, id: &ModelId) -> Vec<QualityLayers> {
    let names = Names::of(&listing.models);
    let ratings = ratings(&listing.models, &names, known);
    let model = names.0.get(id.as_str()).copied();
    ratings.layers(id, model.map(|model| names.base(model)))
}

// === names ===

/// Finds listed models by id, then by canonical name.
pub(crate) struct Names<'a>(HashMap<&'a str, &'a Model>);

impl<'a> Names<'a> {
    fn of(models: &'a [Model]) -> Self {
        let mut names: HashMap<&str, &Model> = HashMap::with_capacity(models.len() * 2);
        for model in models {
            names.insert(&model.id, model);
        }
        // Variants share the canonical name of their base, and aliases that of their target.
        for model in models.iter().filter(|model| facts::is_plain(model)) {
            if let Some(canonical) = &model.canonical_slug {
                names.entry(canonical).or_insert(model);
            }
        }
        Self(names)
    }

    /// The model that this one stands for or is a variant of; itself otherwise.
    fn base(&self, model: &'a Model) -> &'a Model {
        let target = model
            .alias_target
            .as_ref()
            .and_then(|target| self.0.get(target.slug.as_str()).copied());
        let named = target.unwrap_or(model);
        let plain = ModelId::new(&named.id)
            .ok()
            .and_then(|id| self.0.get(id.without_variant()).copied());
        plain.unwrap_or(named)
    }

    /// Whether a listed model has that name.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The id under which callers find `name`.
    pub(crate) fn id<'n>(&self, name: &'n str) -> &'n str
    where
        'a: 'n,
    {
        self.0.get(name).map_or(name, |model| &model.id)
    }
}

// === models ===

fn model_facts(
    model: &Model,
    names: &Names<'_>,
    ratings: &Ratings<'_>,
    known: Known<'_>,
) -> Option<ModelFacts> {
    let id = ModelId::new(&model.id).ok()?;
    let canonical = model
        .canonical_slug
        .as_deref()
        .and_then(|slug| ModelId::new(slug).ok());
    let alias_of = model
        .alias_target
        .as_ref()
        .and_then(|target| ModelId::new(names.id(&target.slug)).ok());
    let base = names.base(model);
    let reasoning_share =
        facts::reasoning_share(model.reasoning.as_ref().or(base.reasoning.as_ref()));
    Some(ModelFacts {
        canonical: canonical.unwrap_or_else(|| id.clone()),
        name: model.name.clone().unwrap_or_else(|| model.id.clone()),
        created: Timestamp::from_secs(
            i64::try_from(model.created.unwrap_or(0)).unwrap_or(i64::MAX),
        ),
        expires: facts::expires(model),
        alias_of,
        quality: ratings.of(&id, base),
        reasoning_share,
        habits: known.habits(ModelId::plain(&base.id), reasoning_share),
        id,
    })
}

/// What the list says of a model, ready to be offered on lanes.
struct Listed<'a> {
    id: ModelId,
    offer: Offer,
    pricing: Pricing,
    /// What is known of who serves it, where the list's own upstream does.
    seen: Option<&'a Seen>,
    now: Timestamp,
}

impl<'a> Listed<'a> {
    fn of(model: &Model, facts: &ModelFacts, listing: &Listing, known: Known<'a>) -> Self {
        let mut pricing = price::of(model);
        if let Some(held) = listing.held.get(&model.id) {
            let mut doubted = model.clone();
            doubted.pricing = held.listed.clone();
            pricing = price::with_doubt(pricing, price::of(&doubted));
        }
        let can = facts::capabilities(model);
        let offer = Offer {
            traits: facts::traits(model, &facts.id, &pricing, can),
            can,
            context: tokens(model.context_length),
            max_output: tokens(model.top_provider.max_completion_tokens),
            expires: facts.expires.map_or(i64::MAX, Timestamp::secs),
            ..blank_offer()
        };
        Self {
            id: facts.id.clone(),
            offer,
            pricing,
            seen: known.endpoints.and_then(|seen| seen.of(&facts.id)),
            now: known.now,
        }
    }

    /// The offer on a lane to the upstream whose list this is.
    fn at_the_lists_own(&self, offer: Offer) -> OfferSpec {
        let told = self.seen.and_then(|seen| seen.speed);
        let age = match told.is_some_and(|told| self.now.since(told.at) > OLD) {
            true => OfferTraits::SPEED_OLD,
            false => 0,
        };
        let offer = Offer {
            speed: told.map(|told| told.speed),
            traits: OfferTraits(offer.traits.0 | age),
            ..offer
        };
        OfferSpec {
            endpoints: self.seen.map(|seen| Arc::clone(&seen.endpoints)),
            ..priced(offer, self.pricing.clone(), self.id.clone())
        }
    }

    /// The offer on a lane, if the lane carries the model.
    fn on(&self, carried: &Carried<'_>, lane: LaneIndex, names: &Names<'_>) -> Option<OfferSpec> {
        let offer = Offer { lane, ..self.offer };
        match carried.map() {
            None => Some(self.at_the_lists_own(offer)),
            Some(map) => {
                let exact = map.get(self.id.as_str());
                let served = exact.or_else(|| {
                    map.iter()
                        .find(|(name, _)| names.id(name.as_str()) == self.id.as_str())
                        .map(|(_, served)| served)
                });
                served.map(|served| direct(offer, served))
            }
        }
    }
}

/// Models that only a direct lane knows.
fn unlisted(
    carried: &[Carried<'_>],
    names: &Names<'_>,
    ratings: &Ratings<'_>,
    known: Known<'_>,
) -> Vec<(ModelFacts, Vec<OfferSpec>)> {
    let mut found: BTreeMap<&ModelId, Vec<OfferSpec>> = BTreeMap::new();
    for (carried, lane) in carried.iter().zip(0..) {
        let Some(map) = carried.map() else {
            continue;
        };
        for (id, served) in map.iter().filter(|(id, _)| !names.holds(id.as_str())) {
            let offer = Offer {
                lane: LaneIndex(lane),
                can: Capabilities::TEXT_OUTPUT,
                ..blank_offer()
            };
            found.entry(id).or_default().push(direct(offer, served));
        }
    }
    let facts = |id: &ModelId| ModelFacts {
        id: id.clone(),
        canonical: id.clone(),
        name: id.to_string(),
        created: Timestamp::default(),
        expires: None,
        alias_of: None,
        quality: ratings.unlisted(id),
        reasoning_share: 0.0,
        habits: known.habits(id.without_variant(), 0.0),
    };
    found
        .into_iter()
        .map(|(id, offers)| (facts(id), offers))
        .collect()
}

// === offers ===

/// An offer on a direct lane: the model's abilities, but the lane's own price.
fn direct(listed: Offer, served: &Served) -> OfferSpec {
    let can = served.can.unwrap_or(listed.can);
    let of_the_list =
        OfferTraits::FREE | OfferTraits::ROUTER | OfferTraits::TIERED | OfferTraits::NOT_CHAT;
    let mut bits = listed.traits.0 & !of_the_list;
    if served
        .price
        .as_ref()
        .is_some_and(|price| !price.overrides.is_empty())
    {
        bits |= OfferTraits::TIERED;
    }
    if !can.contains(Capabilities::TEXT_OUTPUT) {
        bits |= OfferTraits::NOT_CHAT;
    }
    let offer = Offer {
        traits: OfferTraits(bits),
        can,
        context: served.context.unwrap_or(listed.context),
        max_output: served.max_output.unwrap_or(listed.max_output),
        expires: served
            .expires
            .map_or(listed.expires, |ends| ends.secs().min(listed.expires)),
        ..listed
    };
    let pricing = served
        .price
        .clone()
        .map_or(Pricing::Unknown, Pricing::Known);
    priced(offer, pricing, served.upstream_id.clone())
}

fn priced(offer: Offer, pricing: Pricing, upstream_id: ModelId) -> OfferSpec {
    let rates = match &pricing {
        Pricing::Known(price) => price.base,
        _ => Rates::default(),
    };
    let is_priced = matches!(pricing, Pricing::Known(_) | Pricing::Free);
    OfferSpec {
        offer: Offer {
            priced: is_priced,
            rates,
            ..offer
        },
        pricing,
        upstream_id,
        endpoints: None,
    }
}

fn blank_offer() -> Offer {
    Offer {
        // The view numbers models itself.
        model: ModelIndex(0),
        lane: LaneIndex(0),
        traits: OfferTraits::default(),
        priced: false,
        can: Capabilities::NONE,
        context: 0,
        max_output: 0,
        expires: i64::MAX,
        rates: Rates::default(),
        speed: None,
    }
}

fn tokens(count: Option<u64>) -> u32 {
    u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX)
}
