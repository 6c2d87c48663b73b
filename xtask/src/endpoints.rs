//! `cargo xtask endpoints`: who serves which model, reduced to facts.
//!
//! Reads recorded endpoints, one JSON object a line (plain or gzip), keeps those
//! of the models in the embedded catalog, and writes them in the form in which
//! `GET /models/{author}/{slug}/endpoints` tells them, one model a line.
//! `--check` writes nothing and fails when the file is not what the source gives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fixtures::{read_plain, workspace_root};
use crate::output::say;

const TABLE: &str = "crates/tollgate-catalog/data/endpoints.json";
const CATALOG: &str = "crates/tollgate-catalog/catalog/models-2026-08-08.json";

/// Prices that routing reads of an endpoint.
const PRICES: [&str; 5] = [
    "prompt",
    "completion",
    "input_cache_read",
    "input_cache_write",
    "internal_reasoning",
];

/// Parameters that prove a capability.
const PARAMETERS: [&str; 10] = [
    "tools",
    "tool_choice",
    "structured_outputs",
    "response_format",
    "reasoning",
    "include_reasoning",
    "reasoning_effort",
    "logprobs",
    "seed",
    "stop",
];

/// Arguments of `cargo xtask endpoints`.
#[derive(ClapArgs, Debug)]
pub(crate) struct Args {
    /// Recorded endpoints, one a line (`.jsonl` or `.jsonl.gz`).
    #[arg(long, value_name = "FILE")]
    source: PathBuf,
    /// Where they are from, as the file says it.
    #[arg(long, value_name = "TEXT")]
    from: String,
    /// The day of the record.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: String,
    /// Write nothing; fail when the file is not what the source gives.
    #[arg(long)]
    check: bool,
}

/// Writes the endpoints, or checks them.
///
/// # Errors
/// A sentence that names the file and says how to mend it.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    let root = workspace_root()?;
    let models = listed(&read_plain(&root.join(CATALOG))?)?;
    let fresh = reduce(&read_plain(&args.source)?, &models, args)
        .map_err(|error| format!("{}: {error}", args.source.display()))?;
    let path = root.join(TABLE);
    if args.check {
        return match read_plain(&path)? == fresh {
            true => Ok(()),
            false => Err(format!(
                "{TABLE} is not what the source gives; write it without --check"
            )),
        };
    }
    fs::write(&path, &fresh)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    say(&format!("wrote {TABLE} ({} bytes)", fresh.len()));
    Ok(())
}

fn listed(catalog: &str) -> Result<BTreeSet<String>, String> {
    #[derive(Deserialize)]
    struct Model {
        id: String,
    }
    #[derive(Deserialize)]
    struct Catalog {
        data: Vec<Model>,
    }
    let catalog: Catalog = parse(catalog)?;
    Ok(catalog.data.into_iter().map(|model| model.id).collect())
}

/// One recorded endpoint.
#[derive(Deserialize)]
struct Recorded {
    model: String,
    variant: String,
    provider_name: String,
    provider_slug: String,
    quantization: Option<String>,
    context_length: Option<u64>,
    max_completion_tokens: Option<u64>,
    pricing: BTreeMap<String, Value>,
    supported_parameters: Vec<String>,
    status: i64,
    stats: Option<BTreeMap<String, Value>>,
}

#[derive(Serialize)]
struct Written {
    provider_name: String,
    tag: String,
    status: i64,
    pricing: BTreeMap<&'static str, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantization: Option<String>,
    supported_parameters: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_last_30m: Option<BTreeMap<&'static str, i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    throughput_last_30m: Option<BTreeMap<&'static str, i64>>,
}

fn reduce(lines: &str, models: &BTreeSet<String>, args: &Args) -> Result<String, String> {
    let mut found: BTreeMap<String, Vec<Written>> = BTreeMap::new();
    for line in lines.lines() {
        let recorded: Recorded = parse(line)?;
        let model = match recorded.variant.as_str() {
            "standard" => recorded.model.clone(),
            variant => format!("{}:{variant}", recorded.model),
        };
        // Batch interfaces answer nobody who waits.
        if models.contains(&model) && recorded.variant != "batch" {
            found.entry(model).or_default().push(written(recorded));
        }
    }
    let rows = found.iter().map(|(model, endpoints)| {
        let endpoints = serde_json::to_string(endpoints);
        let endpoints = endpoints.map_err(|error| error.to_string())?;
        Ok(format!("{{\"id\":\"{model}\",\"endpoints\":{endpoints}}}"))
    });
    let rows = rows.collect::<Result<Vec<_>, String>>()?;
    Ok(format!(
        "{{\"source\":{:?},\n\"snapshot\":{:?},\n\"data\":[\n{}\n]}}\n",
        args.from,
        args.date,
        rows.join(",\n")
    ))
}

fn written(recorded: Recorded) -> Written {
    let Recorded { pricing, stats, .. } = &recorded;
    let price = |name: &&'static str| Some((*name, pricing.get(*name)?.clone()));
    // Whole milliseconds and tokens: the rest is noise.
    let figures = |names: &[(&'static str, &str)]| {
        let stats = stats.as_ref()?;
        let told = names.iter().filter_map(|(name, recorded)| {
            Some((*name, stats.get(*recorded)?.as_f64()?.round() as i64))
        });
        Some(told.collect::<BTreeMap<_, _>>()).filter(|told| !told.is_empty())
    };
    Written {
        status: recorded.status,
        pricing: PRICES.iter().filter_map(price).collect(),
        latency_last_30m: figures(&[("p50", "p50_latency"), ("p90", "p90_latency")]),
        throughput_last_30m: figures(&[("p50", "p50_throughput")]),
        context_length: recorded.context_length,
        max_completion_tokens: recorded.max_completion_tokens,
        quantization: recorded.quantization.filter(|told| told != "unknown"),
        supported_parameters: recorded
            .supported_parameters
            .into_iter()
            .filter(|parameter| PARAMETERS.contains(&parameter.as_str()))
            .collect(),
        provider_name: recorded.provider_name,
        tag: recorded.provider_slug,
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("not the expected JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_listed_models_are_kept_and_batch_interfaces_are_not() {
        let row = |model: &str, variant: &str| {
            format!(
                r#"{{"model":"{model}","variant":"{variant}","provider_name":"Host","provider_slug":"host/fp8","quantization":"unknown",
                "context_length":8,"max_completion_tokens":null,"pricing":{{"prompt":"0.0000010","discount":0.1}},
                "supported_parameters":["tools","top_p"],"status":-2,"stats":{{"p50_latency":677.4,"p99_latency":9}}}}"#
            )
            .replace('\n', " ")
        };
        let lines = [
            row("a/b", "standard"),
            row("a/b", "batch"),
            row("x/y", "standard"),
        ]
        .join("\n");
        let models = ["a/b", "a/b:batch"].map(str::to_owned).into();
        let args = Args {
            source: PathBuf::new(),
            from: "somewhere".into(),
            date: "2026-08-08".into(),
            check: false,
        };
        let expected = r#"{"source":"somewhere",
"snapshot":"2026-08-08",
"data":[
{"id":"a/b","endpoints":[{"provider_name":"Host","tag":"host/fp8","status":-2,"pricing":{"prompt":"0.0000010"},"context_length":8,"supported_parameters":["tools"],"latency_last_30m":{"p50":677}}]}
]}
"#;
        assert_eq!(reduce(&lines, &models, &args).unwrap(), expected);
    }
}
