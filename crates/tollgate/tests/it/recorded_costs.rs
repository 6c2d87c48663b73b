//! What recorded answers cost, by their own figure and by their tokens and the
//! prices of their day. Each difference has a reason that is checked.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_catalog::{CatalogConfig, LaneSpec, ModelCatalog, ModelSource, Serves};
use tollgate_core::{
    Billing, Catalog, CatalogView, Failure, Lane, LaneId, ModelId, Pricing, Silent, Timestamp,
    TokenUsage, UsageReport, Usd,
};
use tollgate_transport::usage_report;
use tollgate_wire::{Bytes, Object, Usage};

/// Request and response pairs, one a line; its README names sources and licences.
const RECORDED: &str = include_str!("../../../tollgate-wire/tests/fixtures/recorded/http.jsonl");

/// Lists of models, by their day; see the README beside them. The last day is
/// that of the catalog's own snapshot.
const LISTS: [(&str, Option<&str>); 3] = [
    (
        "2025-05-23",
        Some(include_str!("../fixtures/prices/models-2025-05-23.json")),
    ),
    (
        "2026-05-15",
        Some(include_str!("../fixtures/prices/models-2026-05-15.json")),
    ),
    ("2026-08-08", None),
];

/// Why the figure of an answer is, or is not, what its tokens and the list say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Equal,
    /// The recording has no figure.
    NotTold,
    /// The account's own provider key: the fee was nothing, the provider's price is the list's.
    OwnKey,
    /// Tokens at the list's price, and a server tool or a parsed file on top.
    Extras,
    /// The upstream wrote to the cache what it also read from it, and charged for both.
    WrittenAndRead,
    /// Tokens at the price of another day's list.
    Repriced,
    /// Tokens at whole prices of the endpoint that served, which are not the list's.
    Endpoint,
}

/// One recorded answer.
struct Answer {
    line: usize,
    model: String,
    provider: String,
    at: Timestamp,
    usage: Usage,
    report: UsageReport,
    /// Whether it brings the text of a file that was parsed for it.
    parsed_file: bool,
}

impl Answer {
    fn read(line: usize, text: &str) -> Option<Self> {
        let exchange: Exchange = serde_json::from_str(text).unwrap();
        let body = match (exchange.response.json, exchange.response.body) {
            (Some(json), _) => json.get().to_owned(),
            (None, Some(body)) => last_event(&body),
            (None, None) => return None,
        };
        let body = Object::parse(body.as_bytes()).ok()?;
        // A Responses stream has the answer inside its last event.
        let body = body.read("response").unwrap().unwrap_or(body);
        let text = |key| body.read::<String>(key).unwrap();
        let time = |key| body.read::<i64>(key).unwrap();
        let usage = Usage::from_object(body.read("usage").unwrap()?).unwrap();
        let choices = body.read("choices").unwrap();
        Some(Self {
            line,
            model: text("model")?,
            provider: text("provider").unwrap_or_else(|| "–".to_owned()),
            at: Timestamp::from_secs(time("created").or_else(|| time("created_at"))?),
            report: usage_report(&usage, Billing::Credits),
            usage,
            parsed_file: choices.is_some_and(|choices| brings_a_file(&choices)),
        })
    }

    fn tokens(&self) -> &TokenUsage {
        &self.report.tokens
    }

    fn told(&self) -> Option<Usd> {
        self.report.cost.map(|cost| cost.amount())
    }

    fn why(&self, days: &[Day], computed: Option<Usd>, pricing: Option<&Pricing>) -> Option<Why> {
        let Some(told) = self.told() else {
            return Some(Why::NotTold);
        };
        let computed = computed?;
        if told == computed {
            let is_own = self.report.billing == Some(Billing::Byok);
            return Some(if is_own { Why::OwnKey } else { Why::Equal });
        }
        if self.tokens_by_upstream() == Some(computed) && told > computed && self.has_extras() {
            return Some(Why::Extras);
        }
        if self.written_and_read(pricing?) == Some(told) {
            return Some(Why::WrittenAndRead);
        }
        let listed = days.iter().filter_map(|day| day.pricing(&self.model));
        if listed
            .filter_map(|pricing| price(pricing, self))
            .any(|price| price == told)
        {
            return Some(Why::Repriced);
        }
        self.is_at_whole_prices(told).then_some(Why::Endpoint)
    }

    /// The upstream's own split of what tokens cost.
    fn tokens_by_upstream(&self) -> Option<Usd> {
        let [prompt, completion] = self.split()?;
        Some(prompt + completion)
    }

    fn split(&self) -> Option<[Usd; 2]> {
        let details = &self.usage.cost_details;
        let money = |text: &Option<tollgate_wire::Decimal>| {
            Usd::parse_rounded(text.as_ref()?.as_str()).ok()
        };
        Some([
            money(&details.upstream_inference_prompt_cost)?,
            money(&details.upstream_inference_completions_cost)?,
        ])
    }

    /// A server tool ran, or a file was parsed.
    fn has_extras(&self) -> bool {
        let tools = self.usage.server_tools();
        let ran = tools.and_then(|tools| tools.tool_calls_executed);
        self.parsed_file || ran.is_some_and(|ran| ran > 0)
    }

    fn written_and_read(&self, pricing: &Pricing) -> Option<Usd> {
        let prompt = &self.usage.prompt_tokens_details;
        let [read, written] = [prompt.cached_tokens, prompt.cache_write_tokens];
        if read + written <= self.usage.prompt_tokens {
            return None;
        }
        let tokens = TokenUsage {
            input: self.usage.prompt_tokens - read,
            cache_read: read,
            cache_write: written,
            ..*self.tokens()
        };
        let rates = pricing.at(self.usage.prompt_tokens, self.at).ok()?;
        Some(rates.tally(&tokens).half_even())
    }

    /// A price per million tokens has at most four places.
    fn is_at_whole_prices(&self, told: Usd) -> bool {
        let Some([prompt, completion]) = self.split() else {
            return false;
        };
        let is_whole = |cost: Usd, tokens: u64| {
            tokens > 0 && i128::from(cost.nanos()) * 10 % i128::from(tokens) == 0
        };
        let plain = self.tokens().input == self.usage.prompt_tokens;
        plain
            && prompt + completion == told
            && is_whole(prompt, self.usage.prompt_tokens)
            && is_whole(completion, self.usage.completion_tokens)
    }
}

#[derive(serde::Deserialize)]
struct Exchange {
    response: Response,
}

#[derive(serde::Deserialize)]
struct Response {
    json: Option<Box<RawValue>>,
    body: Option<String>,
}

fn brings_a_file(choices: &Value) -> bool {
    let annotations = choices[0]["message"]["annotations"].as_array();
    annotations
        .into_iter()
        .flatten()
        .any(|annotation| annotation["type"] == "file")
}

/// The last event of a recorded stream that says what was used.
fn last_event(body: &str) -> String {
    let events = body.lines().filter_map(|line| line.strip_prefix("data: "));
    let last = events.rev().find(|event| event.contains("\"usage\":{"));
    last.unwrap_or_default().to_owned()
}

// === prices ===

/// The catalog as it was on a day.
struct Day {
    name: &'static str,
    at: Timestamp,
    view: Arc<CatalogView>,
}

struct List(&'static str);

#[async_trait]
impl ModelSource for List {
    async fn fetch(&self) -> Result<Bytes, Failure> {
        Ok(Bytes::from_static(self.0.as_bytes()))
    }
}

impl Day {
    async fn open(name: &'static str, list: Option<&'static str>) -> Self {
        let at = Timestamp::parse_date(name).unwrap();
        let config = CatalogConfig {
            max_shrink: 1.0,
            max_jumps: 1.0,
            confirmations: 1,
            ..CatalogConfig::default()
        };
        let lane = LaneSpec {
            lane: Lane::new(LaneId::new("openrouter").unwrap(), Billing::Credits),
            serves: Serves::All,
        };
        let source = list.map(|list| Arc::new(List(list)) as Arc<dyn ModelSource>);
        let (clock, observer) = (Arc::new(move || at), Arc::new(Silent));
        let catalog = ModelCatalog::open(config, vec![lane], source, clock, observer).unwrap();
        if list.is_some() {
            catalog.refresh().await.unwrap();
        }
        let view = catalog.view();
        Self { name, at, view }
    }

    fn pricing(&self, model: &str) -> Option<&Pricing> {
        let id = ModelId::new(model).ok()?;
        let model = self.view.find_served(&id)?;
        let offer = self.view.offers_of(model).next()?;
        Some(self.view.pricing(offer))
    }
}

/// The price on the day that is nearest, of those that list the model.
fn pricing<'a>(days: &'a [Day], answer: &Answer) -> Option<(&'static str, &'a Pricing)> {
    let listed = days
        .iter()
        .filter_map(|day| Some((day, day.pricing(&answer.model)?)));
    let nearest = listed.min_by_key(|(day, _)| (day.at.secs() - answer.at.secs()).abs());
    nearest.map(|(day, pricing)| (day.name, pricing))
}

fn price(pricing: &Pricing, answer: &Answer) -> Option<Usd> {
    let tokens = answer.tokens();
    let rates = pricing.at(tokens.prompt_total(), answer.at).ok()?;
    Some(rates.tally(tokens).half_even())
}

// === the table ===

#[tokio::test]
async fn every_recorded_cost_is_what_its_tokens_cost_or_differs_for_a_reason() {
    let mut days = Vec::new();
    for (name, list) in LISTS {
        days.push(Day::open(name, list).await);
    }
    let lines = RECORDED.lines().enumerate();
    let answers: Vec<_> = lines
        .filter_map(|(line, text)| Answer::read(line, text))
        .collect();
    let mut table =
        String::from("line model | provider | price of | told | computed | difference | why\n");
    let mut unexplained = Vec::new();
    for answer in &answers {
        let (day, pricing) = pricing(&days, answer).unzip();
        let computed = pricing.and_then(|pricing| price(pricing, answer));
        let why = answer.why(&days, computed, pricing);
        let row = row(answer, day, computed, why);
        if why.is_none() {
            unexplained.push(row.clone());
        }
        table += &row;
    }
    assert!(unexplained.is_empty(), "{}", unexplained.concat());
    assert!(answers.len() >= 49, "{} answers were read", answers.len());
    insta::assert_snapshot!("recorded_costs", table);
}

fn row(answer: &Answer, day: Option<&str>, computed: Option<Usd>, why: Option<Why>) -> String {
    let show = |amount: Option<Usd>| amount.map_or_else(|| "–".to_owned(), |usd| usd.to_string());
    let difference = answer
        .told()
        .zip(computed)
        .map(|(told, computed)| told - computed);
    format!(
        "{:>2} {} | {} | {} | {} | {} | {} | {}\n",
        answer.line,
        answer.model,
        answer.provider,
        day.unwrap_or("–"),
        show(answer.told()),
        show(computed),
        show(difference),
        why.map_or_else(|| "unexplained".to_owned(), |why| format!("{why:?}")),
    )
}
