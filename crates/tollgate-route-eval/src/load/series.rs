//! Samples of endpoints, five minutes apart.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{Capabilities, Endpoint, Price, Rate, Rates, Timestamp};

use crate::EvalError;
use crate::table::read_plain;

/// How long the last times that an endpoint told stand for those that it does
/// not tell any more: the window over which they are taken.
const TOLD_FOR: Duration = Duration::from_secs(30 * 60);

/// The samples of one model, in order of time.
#[derive(Debug, Clone)]
pub struct LoadSeries {
    /// The model.
    pub model: String,
    /// The samples.
    pub moments: Vec<LoadMoment>,
}

/// All endpoints of a model at one moment.
#[derive(Debug, Clone)]
pub struct LoadMoment {
    /// When they were sampled.
    pub at: Timestamp,
    /// Those whose price and speed were known by then.
    pub endpoints: Vec<Told>,
}

/// An endpoint, with the name by which it is found again: tags need not be unique.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its id.
    pub id: Arc<str>,
    /// What it told.
    pub endpoint: Endpoint,
}

/// Reads samples from a table of comma-separated values, plain or gzip, with a
/// header that names at least `scraped_at` (RFC 3339, in UTC), `model_slug`,
/// `variant`, `endpoint_id`, `provider_slug`, `price_prompt` and
/// `price_completion` (US dollars per token), `p50_latency` and `p90_latency`
/// (milliseconds), `p50_throughput` (tokens per second) and `status`.
///
/// # Errors
/// [`EvalError`] when the file cannot be read, a column is missing, or a row is
/// no such row.
pub fn read_load(path: &Path) -> Result<Vec<LoadSeries>, EvalError> {
    let bytes = read_plain(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = (1..).zip(text.lines());
    let wrong = |line: usize, what: &str| EvalError::Load {
        path: path.to_owned(),
        line,
        what: what.to_owned(),
    };
    let (_, header) = lines.next().ok_or_else(|| wrong(1, "there is no header"))?;
    let columns = Columns::of(header).map_err(|what| wrong(1, what))?;
    let mut by_model: BTreeMap<String, BTreeMap<Timestamp, Vec<Told>>> = BTreeMap::new();
    for (number, line) in lines {
        let row = columns.read(line).map_err(|what| wrong(number, what))?;
        let moments = by_model.entry(row.model).or_default();
        moments.entry(row.at).or_default().push(row.told);
    }
    Ok(by_model.into_iter().map(series).collect())
}

fn series((model, moments): (String, BTreeMap<Timestamp, Vec<Told>>)) -> LoadSeries {
    let mut last: HashMap<Arc<str>, (Timestamp, Endpoint)> = HashMap::new();
    let moments = moments.into_iter().map(|(at, mut endpoints)| {
        endpoints.retain_mut(|told| {
            let Told { id, endpoint } = told;
            if endpoint.speed().is_some() {
                last.insert(Arc::clone(id), (at, endpoint.clone()));
            } else if let Some((when, before)) = last.get(id)
                && at.since(*when) <= TOLD_FOR
            {
                endpoint.first_token_ms = before.first_token_ms;
                endpoint.first_token_p90_ms = before.first_token_p90_ms;
                endpoint.tokens_per_second = before.tokens_per_second;
            }
            endpoint.speed().is_some()
        });
        LoadMoment { at, endpoints }
    });
    LoadSeries {
        model,
        moments: moments.collect(),
    }
}

/// Names of the columns that are read.
const NAMES: [&str; 11] = [
    "scraped_at",
    "model_slug",
    "variant",
    "endpoint_id",
    "provider_slug",
    "price_prompt",
    "price_completion",
    "p50_latency",
    "p90_latency",
    "p50_throughput",
    "status",
];

/// Where they stand.
struct Columns([usize; NAMES.len()]);

struct Row {
    model: String,
    at: Timestamp,
    told: Told,
}

impl Columns {
    fn of(header: &str) -> Result<Self, &'static str> {
        let found: Vec<&str> = header.trim_end().split(',').collect();
        let mut places = [0; NAMES.len()];
        for (place, name) in places.iter_mut().zip(NAMES) {
            let found = found.iter().position(|one| *one == name);
            *place = found.ok_or(name)?;
        }
        Ok(Self(places))
    }

    fn read(&self, line: &str) -> Result<Row, &'static str> {
        let cells: Vec<&str> = line.trim_end().split(',').collect();
        let mut read = [""; NAMES.len()];
        for (cell, place) in read.iter_mut().zip(self.0) {
            cell.clone_from(cells.get(place).ok_or("too few cells")?);
        }
        let [
            at,
            model,
            variant,
            id,
            tag,
            input,
            output,
            p50,
            p90,
            speed,
            status,
        ] = read;
        let price = |text: &str| Rate::parse_ceil(text).map_err(|_| "a price is no number");
        let number = |text: &str| text.parse::<f32>().ok().filter(|told| *told > 0.0);
        Ok(Row {
            model: match variant {
                "standard" => model.to_owned(),
                variant => format!("{model}:{variant}"),
            },
            at: moment(at).ok_or("scraped_at is no moment")?,
            told: Told {
                id: id.into(),
                endpoint: Endpoint {
                    tag: tag.into(),
                    price: Price {
                        base: Rates {
                            input: price(input)?,
                            output: price(output)?,
                            ..Rates::default()
                        },
                        ..Price::default()
                    },
                    can: Capabilities::NONE,
                    context: 0,
                    max_output: 0,
                    status: status.parse().unwrap_or(0),
                    uptime: None,
                    first_token_ms: number(p50),
                    first_token_p90_ms: number(p90),
                    tokens_per_second: number(speed),
                    quantization: None,
                },
            },
        })
    }
}

/// `2026-08-01T01:04:15+00:00`, or with `Z`.
fn moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('T')?;
    let mut parts = time.get(..8)?.split(':').map(str::parse::<u64>);
    let mut next = || parts.next()?.ok();
    let seconds = next()? * 3_600 + next()? * 60 + next()?;
    let date = Timestamp::parse_date(date)?;
    Some(date.plus(Duration::from_secs(seconds)))
}
