//! Which models of the list a query asks for, and which part of them.

use crate::catalog::Model;
use crate::money::parse_atto;
use crate::pages::NoPage;
use crate::request::Request;

/// Most rows of a page.
const MOST: usize = 1_000;
/// Rows of a page when only an offset is given.
const USUAL: usize = 500;

/// What is asked for by the query of `GET /models`.
#[derive(Debug)]
pub(crate) struct Filter {
    /// One of them; `None` for every kind.
    outputs: Option<Vec<String>>,
    /// All of them.
    inputs: Vec<String>,
    parameters: Vec<String>,
    /// In lower case.
    text: Option<String>,
    context: u64,
    prompt: Range,
    completion: Range,
    pub(crate) offset: usize,
    /// `None` for all.
    pub(crate) limit: Option<usize>,
}

/// Bounds of a price, in attos per token.
#[derive(Debug, Default)]
struct Range {
    least: Option<i128>,
    most: Option<i128>,
}

impl Filter {
    /// Reads a query; what is not simulated is passed over.
    ///
    /// # Errors
    /// [`NoPage::Invalid`] for a number that is none, or out of its range.
    pub(crate) fn read(request: &Request) -> Result<Self, NoPage> {
        let list = |name| {
            let words = request.query(name).unwrap_or_default();
            let words = words.split(',').map(|word| word.trim().to_owned());
            words.filter(|word| !word.is_empty()).collect::<Vec<_>>()
        };
        let number = |name| -> Result<Option<usize>, NoPage> {
            let read = |value: String| value.parse().map_err(|_| no_number(name, &value));
            request.query(name).map(read).transpose()
        };
        let price = |name| -> Result<Option<i128>, NoPage> {
            // Dollars per million tokens.
            let read = |value: String| parse_atto(&value).ok_or_else(|| no_number(name, &value));
            let price = request.query(name).map(read).transpose()?;
            Ok(price.map(|price| price / 1_000_000))
        };
        let outputs = match request.query("output_modalities") {
            None => vec!["text".to_owned()],
            Some(_) => list("output_modalities"),
        };
        let offset = number("offset")?;
        let limit = number("limit")?;
        if let Some(limit) = limit.filter(|limit| !(1..=MOST).contains(limit)) {
            let message = format!("limit: {limit} is not between 1 and {MOST}");
            return Err(NoPage::Invalid(message));
        }
        Ok(Self {
            outputs: (!outputs.iter().any(|word| word == "all")).then_some(outputs),
            inputs: list("input_modalities"),
            parameters: list("supported_parameters"),
            text: request.query("q").map(|text| text.trim().to_lowercase()),
            context: number("context")?.unwrap_or(0) as u64,
            prompt: Range {
                least: price("min_price")?,
                most: price("max_price")?,
            },
            completion: Range {
                least: price("min_output_price")?,
                most: price("max_output_price")?,
            },
            offset: offset.unwrap_or(0),
            limit: limit.or(offset.map(|_| USUAL)),
        })
    }

    /// The same, for models that give this.
    pub(crate) fn giving(self, output: &str) -> Self {
        Self {
            outputs: Some(vec![output.to_owned()]),
            ..self
        }
    }

    pub(crate) fn wants(&self, model: &Model) -> bool {
        let outputs = self.outputs.as_ref();
        let in_name = |text: &String| {
            model.name.to_lowercase().contains(text) || model.id.to_lowercase().contains(text)
        };
        outputs.is_none_or(|outputs| outputs.iter().any(|output| model.writes(output)))
            && self.inputs.iter().all(|input| model.reads(input))
            && self.parameters.iter().all(|name| model.supports(name))
            && self.text.as_ref().is_none_or(in_name)
            && model.context_length.unwrap_or(0) >= self.context
            && self.prompt.has(model.pricing.base("prompt"))
            && self.completion.has(model.pricing.base("completion"))
    }
}

impl Range {
    /// The price of a router is not known, so it is in no range.
    fn has(&self, price: i128) -> bool {
        let is_bounded = self.least.is_some() || self.most.is_some();
        let is_known = price >= 0 || !is_bounded;
        is_known
            && self.least.is_none_or(|least| price >= least)
            && self.most.is_none_or(|most| price <= most)
    }
}

fn no_number(name: &str, value: &str) -> NoPage {
    let value: String = value.chars().take(40).collect();
    NoPage::Invalid(format!("{name}: {value:?} is no number for it"))
}
