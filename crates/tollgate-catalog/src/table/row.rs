use serde::{Deserialize, Serialize};
use tollgate_core::{Capabilities, ModelId, Price, Rate, Rates, RatesPatch, Timestamp};

/// What one provider says of one model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PriceRow {
    /// The provider's own name of it.
    pub name: ModelId,
    /// What it costs; `None` when that is not known.
    pub price: Option<Price>,
    /// Context window in tokens.
    pub context: Option<u32>,
    /// Most output tokens.
    pub max_output: Option<u32>,
    /// What it is said to do; what is not here may still be there.
    pub can: Capabilities,
    /// Which interface serves it.
    pub mode: CallMode,
    /// The moment from which the provider does not serve it any more.
    pub ends: Option<Timestamp>,
    /// Which source lists it.
    pub from: String,
    /// Whether the source lists the name as the provider takes it. Otherwise
    /// it is good for a price, but nothing is called by it unless the user says so.
    pub is_own_name: bool,
    /// The prices on which sources disagree; the dearer is taken.
    pub doubt: Vec<String>,
}

/// The interface of a provider through which a model is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallMode {
    /// Chats.
    #[default]
    Chat,
    /// The Responses interface only.
    Responses,
    /// Embeddings.
    Embedding,
}

#[derive(Deserialize)]
struct Written {
    name: ModelId,
    price: Option<Price>,
    context: Option<u32>,
    max_output: Option<u32>,
    #[serde(default)]
    can: Vec<String>,
    #[serde(default)]
    mode: CallMode,
    ends: Option<String>,
    #[serde(default)]
    from: String,
    #[serde(default = "yes")]
    own_name: bool,
    #[serde(default)]
    doubt: Vec<String>,
}

fn yes() -> bool {
    true
}

impl PriceRow {
    /// Reads a row; the problem completes the sentence "row 3 of NAME …".
    pub(super) fn read(json: &str) -> Result<Self, String> {
        let written: Written =
            serde_json::from_str(json).map_err(|error| format!("cannot be read: {error}"))?;
        let name = &written.name;
        if let Some(price) = &written.price {
            check(price, written.mode).map_err(|problem| format!("({name}) {problem}"))?;
        }
        let ends = written.ends.as_deref().map(|day| {
            Timestamp::parse_date(day).ok_or_else(|| format!("({name}) ends on {day:?}, no date"))
        });
        Ok(Self {
            ends: ends.transpose()?,
            name: written.name,
            price: written.price,
            context: written.context,
            max_output: written.max_output,
            can: abilities(&written.can),
            mode: written.mode,
            from: written.from,
            is_own_name: written.own_name,
            doubt: written.doubt,
        })
    }
}

/// Words of a later version are passed over: they promise nothing.
fn abilities(words: &[String]) -> Capabilities {
    words
        .iter()
        .filter_map(|word| Capabilities::from_word(word))
        .fold(Capabilities::NONE, |all, one| all | one)
}

/// A zero is no price: it is how lists write what they do not know.
fn check(price: &Price, mode: CallMode) -> Result<(), String> {
    let Rates { input, output, .. } = price.base;
    let no_output = output == Rate::ZERO && mode != CallMode::Embedding;
    if input == Rate::ZERO || no_output {
        return Err("has a price of zero; leave the price out when it is not known".into());
    }
    let classes = optional(&price.base);
    let conditional = price.overrides.iter().flat_map(|entry| patch(&entry.rates));
    if classes
        .into_iter()
        .chain(conditional)
        .any(|rate| rate == Some(Rate::ZERO))
    {
        return Err("has a class at zero; leave it out, and it costs what its kind costs".into());
    }
    match price
        .overrides
        .iter()
        .find_map(|entry| left_behind(&price.base, &entry.rates))
    {
        Some(class) => Err(format!(
            "has an override with dearer input and without {class}; give {class} there too"
        )),
        None => Ok(()),
    }
}

/// A class without a price where the input has a dearer one: it is more likely
/// forgotten than cheap, and whoever means the base price can say it.
fn left_behind(base: &Rates, tier: &RatesPatch) -> Option<&'static str> {
    if tier.input.is_none_or(|input| input <= base.input) {
        return None;
    }
    let output = Some(base.output).filter(|output| *output != Rate::ZERO);
    [
        ("output", output, tier.output),
        ("cache_read", base.cache_read, tier.cache_read),
        ("cache_write", base.cache_write, tier.cache_write),
        ("cache_write_1h", base.cache_write_1h, tier.cache_write_1h),
        ("audio_input", base.audio_input, tier.audio_input),
    ]
    .into_iter()
    .find(|(_, base, tier)| base.is_some() && tier.is_none())
    .map(|(class, ..)| class)
}

fn optional(rates: &Rates) -> [Option<Rate>; 10] {
    [
        rates.cache_read,
        rates.cache_write,
        rates.cache_write_1h,
        rates.audio_input,
        rates.audio_output,
        rates.image_output,
        rates.reasoning,
        rates.image,
        rates.request,
        rates.web_search,
    ]
}

fn patch(rates: &RatesPatch) -> [Option<Rate>; 6] {
    [
        rates.input,
        rates.output,
        rates.cache_read,
        rates.cache_write,
        rates.cache_write_1h,
        rates.audio_input,
    ]
}
