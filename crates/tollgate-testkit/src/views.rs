//! Small catalog views for tests.

use std::sync::Arc;

use tollgate_core::{
    Capabilities, CatalogSource, CatalogView, Endpoints, Habits, Lane, LaneIndex, ModelFacts,
    ModelIndex, Offer, OfferSpec, OfferTraits, Price, PriceCondition, PriceOverride, Pricing,
    Quality, QualitySource, Rate, Rates, RatesPatch, Speed, Task, Timestamp,
};

use crate::builders::{NOON, lane, model};

/// One model of a view, on the lane `openrouter` unless said otherwise.
///
/// ```
/// use tollgate_testkit::views::{ModelSpec, view};
/// let view = view([ModelSpec::new("a/small").price(0.25, 1.25).quality(0.6), ModelSpec::new("b/free:free").free()]);
/// assert_eq!(view.models().len(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct ModelSpec {
    id: String,
    upstream_id: Option<String>,
    lanes: Vec<String>,
    pricing: Pricing,
    traits: u8,
    can: Capabilities,
    context: u32,
    max_output: u32,
    expires: Option<Timestamp>,
    quality: [Quality; Task::COUNT],
    reasoning_share: f32,
    habits: Habits,
    speed: Option<Speed>,
    endpoints: Option<Arc<Endpoints>>,
}

impl ModelSpec {
    /// A chat model with tools, 128,000 tokens of context, at most 8,192 of
    /// output, at 1 and 2 dollars per million tokens, of quality 0.5 ± 0.05.
    pub fn new(id: impl Into<String>) -> Self {
        let quality = Quality {
            mean: 0.5,
            error: 0.05,
            source: QualitySource::Benchmark,
        };
        Self {
            id: id.into(),
            upstream_id: None,
            lanes: vec!["openrouter".into()],
            pricing: Pricing::Known(Price {
                base: rates(1.0, 2.0),
                overrides: Vec::new(),
            }),
            traits: 0,
            can: Capabilities::TEXT_OUTPUT | Capabilities::TOOLS | Capabilities::TOOL_CHOICE,
            context: 128_000,
            max_output: 8_192,
            expires: None,
            quality: [quality; Task::COUNT],
            reasoning_share: 0.0,
            habits: Habits::default(),
            speed: None,
            endpoints: None,
        }
    }

    /// Dollars per million prompt and output tokens.
    #[must_use]
    pub fn price(mut self, input: f64, output: f64) -> Self {
        self.pricing = Pricing::Known(Price {
            base: rates(input, output),
            overrides: Vec::new(),
        });
        self
    }

    /// Dollars per million prompt and output tokens for prompts of more than `tokens`.
    #[must_use]
    pub fn tier(mut self, tokens: u64, input: f64, output: f64) -> Self {
        let dear = rates(input, output);
        if let Pricing::Known(price) = &mut self.pricing {
            price.overrides.push(PriceOverride {
                when: PriceCondition {
                    min_prompt_tokens: Some(tokens),
                    ..PriceCondition::default()
                },
                rates: RatesPatch {
                    input: Some(dear.input),
                    output: Some(dear.output),
                    ..RatesPatch::default()
                },
            });
        }
        self.traits |= OfferTraits::TIERED;
        self
    }

    /// Full prices.
    #[must_use]
    pub fn pricing(mut self, pricing: Pricing) -> Self {
        self.pricing = pricing;
        self
    }

    /// Free by contract.
    #[must_use]
    pub fn free(mut self) -> Self {
        self.pricing = Pricing::Free;
        self.traits |= OfferTraits::FREE;
        self
    }

    /// Without a price.
    #[must_use]
    pub fn unpriced(mut self) -> Self {
        self.pricing = Pricing::Unknown;
        self
    }

    /// Further traits, as bits of [`OfferTraits`].
    #[must_use]
    pub fn traits(mut self, bits: u8) -> Self {
        self.traits |= bits;
        self
    }

    /// What the model can do, beside text output.
    #[must_use]
    pub fn can(mut self, can: Capabilities) -> Self {
        self.can = can | Capabilities::TEXT_OUTPUT;
        self
    }

    /// Context window in tokens; 0 when unknown.
    #[must_use]
    pub fn context(mut self, tokens: u32) -> Self {
        self.context = tokens;
        self
    }

    /// Most output tokens; 0 when not limited.
    #[must_use]
    pub fn max_output(mut self, tokens: u32) -> Self {
        self.max_output = tokens;
        self
    }

    /// When the model goes away.
    #[must_use]
    pub fn expires(mut self, at: Timestamp) -> Self {
        self.expires = Some(at);
        self
    }

    /// Quality for all tasks, with an error of 0.05.
    #[must_use]
    pub fn quality(mut self, mean: f32) -> Self {
        for quality in &mut self.quality {
            quality.mean = mean;
        }
        self
    }

    /// Quality for one task, with its error.
    #[must_use]
    pub fn quality_for(mut self, task: Task, mean: f32, error: f32) -> Self {
        self.quality[task.index()] = Quality {
            mean,
            error,
            source: QualitySource::Benchmark,
        };
        self
    }

    /// Quality of which nothing is known.
    #[must_use]
    pub fn unknown_quality(mut self) -> Self {
        self.quality = [Quality {
            mean: 0.4,
            error: 0.2,
            source: QualitySource::Prior,
        }; Task::COUNT];
        self
    }

    /// What usage has shown of it.
    #[must_use]
    pub fn habits(mut self, habits: Habits) -> Self {
        self.habits = habits;
        self
    }

    /// Share of the output that is reasoning; the model can reason.
    #[must_use]
    pub fn reasoning(mut self, share: f32) -> Self {
        self.reasoning_share = share;
        self.can |= Capabilities::REASONING;
        self
    }

    /// Milliseconds to the first token, and tokens per second.
    #[must_use]
    pub fn speed(mut self, first_token_ms: f32, tokens_per_second: f32) -> Self {
        self.speed = Some(Speed {
            first_token_ms,
            tokens_per_second,
        });
        self
    }

    /// The hosts among which its lanes choose.
    #[must_use]
    pub fn endpoints(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = Some(Arc::new(endpoints));
        self
    }

    /// The lanes that it is on, in this order.
    #[must_use]
    pub fn on(mut self, lanes: &[&str]) -> Self {
        self.lanes = lanes.iter().map(|lane| (*lane).to_owned()).collect();
        self
    }

    /// Its name on its lanes.
    #[must_use]
    pub fn upstream_id(mut self, id: &str) -> Self {
        self.upstream_id = Some(id.to_owned());
        self
    }

    fn build(self, lanes: &[Lane]) -> (ModelFacts, Vec<OfferSpec>) {
        let id = model(&self.id);
        let upstream_id = self
            .upstream_id
            .as_deref()
            .map_or_else(|| id.clone(), model);
        let base = match &self.pricing {
            Pricing::Known(price) => price.base,
            _ => Rates::default(),
        };
        let offers = self.lanes.iter().map(|on| OfferSpec {
            offer: Offer {
                model: ModelIndex(0),
                lane: lane_index(lanes, on),
                traits: OfferTraits(self.traits),
                priced: matches!(self.pricing, Pricing::Known(_) | Pricing::Free),
                can: self.can,
                context: self.context,
                max_output: self.max_output,
                expires: self.expires.map_or(i64::MAX, Timestamp::secs),
                rates: base,
                speed: self.speed,
            },
            pricing: self.pricing.clone(),
            upstream_id: upstream_id.clone(),
            endpoints: self.endpoints.clone(),
        });
        let offers = offers.collect();
        let facts = ModelFacts {
            canonical: id.clone(),
            name: self.id,
            id,
            created: NOON,
            expires: self.expires,
            alias_of: None,
            quality: self.quality,
            reasoning_share: self.reasoning_share,
            habits: self.habits,
        };
        (facts, offers)
    }
}

/// A view of these models, version 1, on the lanes that they name, each lane
/// as [`lane`] makes it.
pub fn view(models: impl IntoIterator<Item = ModelSpec>) -> CatalogView {
    let models: Vec<ModelSpec> = models.into_iter().collect();
    let mut lanes: Vec<Lane> = Vec::new();
    for name in models.iter().flat_map(|model| &model.lanes) {
        if lanes.iter().all(|lane| lane.id.as_str() != name) {
            lanes.push(lane(name));
        }
    }
    view_on(lanes, models)
}

/// A view of these models on exactly these lanes.
///
/// # Panics
/// When a model names a lane that is not among them.
pub fn view_on(lanes: Vec<Lane>, models: impl IntoIterator<Item = ModelSpec>) -> CatalogView {
    let models = models
        .into_iter()
        .map(|model| model.build(&lanes))
        .collect();
    CatalogView::new(1, CatalogSource::Given, NOON, lanes, models)
}

/// A view of `count` made-up models with a plausible spread, always the same:
/// output prices over four orders of magnitude, quality that follows them
/// loosely, one in seven without a published speed and, in every hundred, 15
/// batch, 4 free, 3 aliases, 1 router and 14 with tiered prices, about as in a
/// real catalog.
pub fn synthetic(count: usize) -> CatalogView {
    view((0..count).map(synthetic_model))
}

fn synthetic_model(number: usize) -> ModelSpec {
    let mut chance = Chance(number as u64);
    // Dollars per million output tokens, 0.03 to 300, most around 2.
    let magnitude = (chance.share() + chance.share()) / 2.0;
    let output = 0.03 * 10_f64.powf(4.0 * magnitude);
    let input = output * (0.15 + 0.2 * chance.share());
    let quality = (0.15 + 0.6 * magnitude + 0.3 * (chance.share() - 0.5)).clamp(0.02, 0.98) as f32;
    let suffix = match number % 100 {
        0..15 => ":batch",
        15..19 => ":free",
        _ => "",
    };
    let mut spec = ModelSpec::new(format!(
        "maker-{:02}/model-{number:05}{suffix}",
        number % 37
    ))
    .price(input, output)
    .quality(quality)
    .context([32_768, 131_072, 262_144, 1_048_576][number % 4])
    .max_output([0, 8_192, 32_768, 65_536][number / 4 % 4]);
    for task in Task::ALL {
        let lean = 0.1 * (chance.share() as f32 - 0.5);
        spec = spec.quality_for(
            task,
            (quality + lean).clamp(0.0, 1.0),
            0.03 + 0.1 * chance.share() as f32,
        );
    }
    if chance.share() < 0.35 {
        spec = spec.reasoning(0.2 + 0.5 * chance.share() as f32);
    }
    if chance.share() < 0.4 {
        spec.can |= Capabilities::IMAGE_INPUT
            | Capabilities::STRUCTURED_OUTPUT
            | Capabilities::RESPONSE_FORMAT;
    }
    if !number.is_multiple_of(7) {
        spec = spec.speed(
            300.0 + 2_000.0 * chance.share() as f32,
            15.0 + 150.0 * chance.share() as f32,
        );
    }
    match number % 100 {
        0..15 => spec.traits(OfferTraits::BATCH_ONLY),
        15..19 => spec.free(),
        19..22 => spec.traits(OfferTraits::ALIAS),
        22 => spec.pricing(Pricing::Dynamic).traits(OfferTraits::ROUTER),
        23..37 => spec.tier(200_000, input * 2.0, output * 1.5),
        _ => spec,
    }
}

/// A small generator of repeatable numbers (SplitMix64).
struct Chance(u64);

impl Chance {
    /// A number from 0 to 1, evenly spread.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64
    }
}

fn rates(input: f64, output: f64) -> Rates {
    // Test prices are literals with few places; the nearest whole number of
    // atto-dollars is the one that was meant.
    let rate = |per_million: f64| Rate::from_attos((per_million * 1e12).round() as u64);
    Rates {
        input: rate(input),
        output: rate(output),
        ..Rates::default()
    }
}

fn lane_index(lanes: &[Lane], name: &str) -> LaneIndex {
    let place = (0_u16..)
        .zip(lanes)
        .find(|(_, lane)| lane.id.as_str() == name);
    LaneIndex(
        place
            .expect("each model's lane is among the lanes of the view")
            .0,
    )
}
