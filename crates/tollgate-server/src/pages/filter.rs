//! OpenRouter's query parameters for lists of models: those that can be
//! answered here. Others are ignored, as OpenRouter ignores what it does not
//! know.

use std::cmp::Reverse;
use std::str::FromStr;

use tollgate::{Failure, FailureKind, Rate};
use tollgate_wire::{Decimal, Modality, Model};

/// Most rows of a page.
const MOST: usize = 1_000;
/// Rows of a page when only an offset is given.
const USUAL: usize = 500;
/// Stands behind every price that is known.
const UNKNOWN: Rate = Rate::from_attos(u64::MAX);
/// For every kind of output.
const ANY: &str = "all";

/// The parameters with their types and what they do, for documentation.
pub(crate) const PARAMETERS: &[(&str, &str, &str)] = &[
    ("q", "string", "text in the name or the id"),
    ("supported_parameters", "string", "comma list; all of them"),
    ("input_modalities", "string", "comma list; all of them"),
    (
        "output_modalities",
        "string",
        "comma list, one of them; `all` for every kind; `text` unless said otherwise",
    ),
    ("model_authors", "string", "comma list; one of them"),
    ("context", "integer", "least context window, in tokens"),
    (
        "sort",
        "string",
        "newest, pricing-low-to-high, pricing-high-to-low or context-high-to-low",
    ),
    ("offset", "integer", "rows to leave out"),
    (
        "limit",
        "integer",
        "most rows of a page, 1 to 1000; 500 when only an offset is given, else all",
    ),
];

/// Which models are wanted, in which order, and which part of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    text: Option<String>,
    parameters: Vec<String>,
    inputs: Vec<Modality>,
    /// `None` for every kind.
    outputs: Option<Vec<Modality>>,
    authors: Vec<String>,
    context: u64,
    sort: Option<Sort>,
    offset: usize,
    /// `None` for all.
    limit: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Newest,
    Cheapest,
    Dearest,
    Longest,
}

/// The orders that the catalog knows enough for.
const SORTS: &[(&str, Sort)] = &[
    ("newest", Sort::Newest),
    ("pricing-low-to-high", Sort::Cheapest),
    ("pricing-high-to-low", Sort::Dearest),
    ("context-high-to-low", Sort::Longest),
];

impl Filter {
    /// Reads the pairs of a query. Without `output_modalities` only models that
    /// write text are wanted.
    ///
    /// # Errors
    /// `InvalidRequest` when a number is none, or out of its range.
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, Failure> {
        let mut filter = Self {
            outputs: Some(vec![Modality::Text]),
            ..Self::default()
        };
        let mut offset = None;
        for (name, value) in pairs {
            match name.as_str() {
                "q" => filter.text = Some(value.trim().to_lowercase()),
                "supported_parameters" => filter.parameters = list(value).map(Into::into).collect(),
                "model_authors" => filter.authors = list(value).map(Into::into).collect(),
                "input_modalities" => filter.inputs = list(value).map(Modality::from).collect(),
                "output_modalities" => {
                    let outputs: Vec<_> = list(value).map(Modality::from).collect();
                    let any = list(value).any(|word| word == ANY);
                    filter.outputs = (!any).then_some(outputs);
                }
                "context" => filter.context = number(name, value)?,
                "sort" => {
                    let known = SORTS.iter().find(|(word, _)| word == value);
                    filter.sort = known.map(|(_, sort)| *sort);
                }
                "offset" => offset = Some(number(name, value)?),
                "limit" => filter.limit = Some(limit(name, value)?),
                _ => {}
            }
        }
        filter.offset = offset.unwrap_or(0);
        filter.limit = filter.limit.or(offset.map(|_| USUAL));
        Ok(filter)
    }

    /// The same, for models that give this.
    pub(crate) fn giving(self, output: Modality) -> Self {
        Self {
            outputs: Some(vec![output]),
            ..self
        }
    }

    /// The models that are wanted, in order.
    pub(crate) fn choose(&self, mut models: Vec<Model>) -> Vec<Model> {
        models.retain(|model| self.wants(model));
        match self.sort {
            None => {}
            Some(Sort::Newest) => models.sort_by_key(|model| Reverse(model.created)),
            Some(Sort::Longest) => models.sort_by_key(|model| Reverse(model.context_length)),
            Some(Sort::Cheapest) => models.sort_by_key(|model| price(model).unwrap_or(UNKNOWN)),
            Some(Sort::Dearest) => models.sort_by_key(|model| Reverse(price(model))),
        }
        models
    }

    /// The part of them that is asked for, and where the next part begins.
    pub(crate) fn page(&self, models: Vec<Model>) -> (Vec<Model>, Option<Page>) {
        let all = models.len();
        let limit = self.limit.unwrap_or(all);
        let page: Vec<_> = models.into_iter().skip(self.offset).take(limit).collect();
        let offset = self.offset.saturating_add(limit);
        let next = (offset < all).then_some(Page { offset, limit });
        (page, next)
    }

    fn wants(&self, model: &Model) -> bool {
        let architecture = &model.architecture;
        let text = self.text.as_ref().is_none_or(|text| {
            let name = model.name.as_deref().unwrap_or_default();
            [model.id.as_str(), name]
                .iter()
                .any(|one| one.to_lowercase().contains(text))
        });
        let author = model.id.split_once('/').map_or("", |(author, _)| author);
        text && self.parameters.iter().all(|one| model.supports(one))
            && self
                .inputs
                .iter()
                .all(|one| architecture.input_modalities.contains(one))
            && self.outputs.as_ref().is_none_or(|outputs| {
                outputs
                    .iter()
                    .any(|one| architecture.output_modalities.contains(one))
            })
            && (self.authors.is_empty() || self.authors.iter().any(|one| one == author))
            && model.context_length.unwrap_or(0) >= self.context
    }
}

/// A part of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

impl Page {
    /// The address of this part, for a query that asked for another.
    pub(crate) fn link(&self, path: &str, query: &str) -> String {
        let is_other = |pair: &&str| {
            let name = pair.split('=').next();
            !pair.is_empty() && name != Some("offset") && name != Some("limit")
        };
        let pairs = query.split('&').filter(is_other).map(str::to_owned);
        let ours = [
            format!("offset={}", self.offset),
            format!("limit={}", self.limit),
        ];
        let pairs: Vec<_> = pairs.chain(ours).collect();
        format!("{path}?{}", pairs.join("&"))
    }
}

/// What a million prompt and a million completion tokens cost, roughly: an
/// order. `None` when it depends, or is not known.
fn price(model: &Model) -> Option<Rate> {
    let rate = |price: &Option<Decimal>| Rate::parse_ceil(price.as_ref()?.as_str()).ok();
    let (prompt, completion) = (
        rate(&model.pricing.prompt)?,
        rate(&model.pricing.completion)?,
    );
    Some(Rate::from_attos(
        prompt.attos().saturating_add(completion.attos()),
    ))
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, Failure> {
    value
        .trim()
        .parse()
        .map_err(|_| bad(name, value, "a whole number from 0 on"))
}

fn limit(name: &str, value: &str) -> Result<usize, Failure> {
    let expected = format!("a whole number from 1 to {MOST}");
    let limit = value
        .trim()
        .parse()
        .ok()
        .filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| bad(name, value, &expected))
}

fn bad(name: &str, value: &str, expected: &str) -> Failure {
    let value: String = value.chars().take(40).collect();
    let message = format!("the query parameter {name} is {value:?}; it is {expected}");
    Failure::new(FailureKind::InvalidRequest, message)
}

#[cfg(test)]
mod tests;
