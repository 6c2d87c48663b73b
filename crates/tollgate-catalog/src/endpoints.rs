//! What is known of the hosts of each model.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_core::{Endpoint, Endpoints, ModelId, Speed, Timestamp};
use tollgate_wire::{EndpointsReply, ParseError, Percentiles, PublicEndpoint};

use crate::{facts, price};

/// A median below this many "milliseconds" to the first token can only be told
/// in seconds, and so are the figures beside it.
const LEAST_MS: f64 = 20.0;

/// The hosts of models, each as they were last seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointTable(HashMap<ModelId, Seen>);

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) endpoints: Arc<Endpoints>,
    /// How fast a request without preferences finds the model. Without a key
    /// the upstream tells no times; then the last that it told hold.
    pub(crate) speed: Option<Told>,
}

/// A speed, and when it was told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Told {
    pub(crate) speed: Speed,
    pub(crate) at: Timestamp,
}

impl EndpointTable {
    /// What the program was built with; it is as old as the snapshot of models.
    ///
    /// # Errors
    /// When it is no such file, which a test rules out.
    pub(crate) fn embedded() -> Result<Self, ParseError> {
        const SNAPSHOT: &[u8] = include_bytes!("../data/endpoints.json");
        #[derive(Deserialize)]
        struct Recorded<'a> {
            snapshot: &'a str,
            /// Read one by one: all at once are twelve times their text.
            #[serde(borrow)]
            data: Vec<&'a RawValue>,
        }
        let recorded: Recorded<'_> = serde_json::from_slice(SNAPSHOT).map_err(ParseError::from)?;
        let as_of = Timestamp::parse_date(recorded.snapshot).unwrap_or_default();
        let mut table = Self::default();
        for text in recorded.data {
            let model = tollgate_wire::Endpoints::parse(text.get().as_bytes())?;
            if let Ok(id) = ModelId::new(&model.id) {
                table.take(id, endpoints(&model.endpoints, as_of));
            }
        }
        Ok(table)
    }

    pub(crate) fn of(&self, model: &ModelId) -> Option<&Seen> {
        self.0.get(model)
    }

    /// Replaces what is known of a model. Nothing is learnt from an empty list.
    pub(crate) fn take(&mut self, model: ModelId, endpoints: Endpoints) {
        if endpoints.list().is_empty() {
            return;
        }
        let before = self.0.get(&model).and_then(|seen| seen.speed);
        let at = endpoints.as_of();
        let told = endpoints.speed().map(|speed| Told { speed, at });
        let speed = told.or(before);
        let endpoints = Arc::new(endpoints);
        self.0.insert(model, Seen { endpoints, speed });
    }
}

/// Reads the body of `GET /models/{author}/{slug}/endpoints`.
pub(crate) fn parse(body: &[u8], as_of: Timestamp) -> Result<Endpoints, ParseError> {
    let reply = EndpointsReply::parse(body)?;
    Ok(endpoints(&reply.data.endpoints, as_of))
}

/// Those that an ordinary request may reach: endpoints of service tiers take
/// part only when asked for. What has no readable price or no name is left out.
fn endpoints(listed: &[PublicEndpoint], as_of: Timestamp) -> Endpoints {
    let standard = listed.iter().filter(|one| one.service_tier.is_none());
    Endpoints::new(as_of, standard.filter_map(endpoint).collect())
}

fn endpoint(listed: &PublicEndpoint) -> Option<Endpoint> {
    let tag = listed.tag.as_deref().filter(|tag| !tag.is_empty())?;
    let tokens = |count: Option<u64>| u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX);
    let percent = listed.uptime_last_30m.or(listed.uptime_last_1d);
    let latency = listed.latency_last_30m.as_ref();
    let unit = latency.map_or(1.0, unit_in_ms);
    let in_ms = |told: Option<f64>| told.map(|told| (told * unit) as f32);
    Some(Endpoint {
        tag: tag.into(),
        price: price::price(&listed.pricing).ok()?,
        can: facts::by_parameters(&listed.supported_parameters),
        context: tokens(listed.context_length),
        max_output: tokens(listed.max_completion_tokens),
        status: i8::try_from(listed.status.unwrap_or(0)).unwrap_or(i8::MIN),
        uptime: percent.map(|percent| (percent / 100.0) as f32),
        first_token_ms: in_ms(latency.and_then(|told| told.p50)),
        first_token_p90_ms: in_ms(latency.and_then(|told| told.p90)),
        tokens_per_second: listed
            .throughput_last_30m
            .as_ref()
            .and_then(|told| told.p50)
            .map(|speed| speed as f32),
        quantization: listed
            .quantization
            .as_ref()
            .map(|told| told.as_str().into()),
    })
}

/// How many milliseconds one of the figures is.
fn unit_in_ms(told: &Percentiles) -> f64 {
    match told.p50.or(told.p90) {
        Some(median) if median < LEAST_MS => 1_000.0,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_secs(1_786_190_400);

    fn read(rows: &str) -> Endpoints {
        let body = format!(r#"{{"data":{{"id":"a/b","endpoints":[{rows}]}}}}"#);
        parse(body.as_bytes(), AT).unwrap()
    }

    #[test]
    fn an_endpoint_is_read_with_its_units() {
        let read = read(
            r#"{"tag":"host/turbo","provider_name":"Host","status":-2,"quantization":"fp8",
            "pricing":{"prompt":"0.000003","completion":"0.000015","input_cache_read":"0.0000003"},
            "context_length":4096,"max_completion_tokens":512,"supported_parameters":["tools"],
            "uptime_last_30m":97.5,"latency_last_30m":{"p50":250,"p90":900},
            "throughput_last_30m":{"p50":80.5}}"#,
        );
        let [one] = read.list() else {
            panic!("{read:?}")
        };
        assert_eq!(
            (&*one.tag, one.status, read.as_of()),
            ("host/turbo", -2, AT)
        );
        assert_eq!(one.price.base.input.to_string(), "0.000003");
        assert_eq!((one.context, one.max_output), (4096, 512));
        assert_eq!(one.can.to_string(), "tools");
        assert_eq!(one.uptime, Some(0.975));
        assert_eq!(one.first_token_ms, Some(250.0));
        assert_eq!(one.first_token_p90_ms, Some(900.0));
        assert_eq!(one.tokens_per_second, Some(80.5));
        assert_eq!(one.quantization.as_deref(), Some("fp8"));
    }

    #[test]
    fn an_endpoint_keeps_its_conditional_prices() {
        let read = read(
            r#"{"tag":"h","provider_name":"H","pricing":{"prompt":"0.000001","completion":"0.000001",
            "overrides":[{"min_prompt_tokens":200000,"prompt":"0.000002"}]}}"#,
        );
        let price = &read.list()[0].price;
        let input = |tokens| price.at(tokens, AT).input.to_string();
        assert_eq!([input(200_000), input(200_001)], ["0.000001", "0.000002"]);
    }

    #[test]
    fn a_time_that_can_only_be_in_seconds_is_taken_as_such() {
        let row = r#"{"provider_name":"H","tag":"h","pricing":{"prompt":"1","completion":"1"},"latency_last_30m":{"p50":0.25}}"#;
        assert_eq!(read(row).list()[0].first_token_ms, Some(250.0));
    }

    #[test]
    fn all_times_of_an_endpoint_have_the_unit_of_its_median() {
        for (told, times) in [
            (r#""p50":5,"p90":25"#, (Some(5_000.0), Some(25_000.0))),
            (r#""p50":250,"p90":900"#, (Some(250.0), Some(900.0))),
            (r#""p90":2.5"#, (None, Some(2_500.0))),
        ] {
            let row = format!(
                r#"{{"provider_name":"H","tag":"h","pricing":{{"prompt":"1","completion":"1"}},"latency_last_30m":{{{told}}}}}"#
            );
            let read = read(&row);
            let one = &read.list()[0];
            assert_eq!(
                (one.first_token_ms, one.first_token_p90_ms),
                times,
                "{told}"
            );
        }
    }

    #[test]
    fn what_ordinary_requests_do_not_reach_or_nobody_can_price_is_left_out() {
        const PRICED: &str = r#""pricing":{"prompt":"1","completion":"1"}"#;
        let read = read(&format!(
            r#"{{"provider_name":"H","tag":"h",{PRICED}}},{{"provider_name":"H","tag":"h/fast","service_tier":"priority",{PRICED}}},
            {{"provider_name":"nameless",{PRICED}}},{{"provider_name":"I","tag":"i","pricing":{{"prompt":"-1","completion":"1"}}}}"#
        ));
        let tags: Vec<&str> = read.list().iter().map(|one| &*one.tag).collect();
        assert_eq!(tags, ["h"]);
    }

    #[test]
    fn times_that_are_not_told_any_more_keep_their_last_value() {
        let id = ModelId::new("a/b").unwrap();
        let priced = r#""provider_name":"H","tag":"h","pricing":{"prompt":"1","completion":"1"}"#;
        let mut table = EndpointTable::default();
        let told = r#""latency_last_30m":{"p50":250},"throughput_last_30m":{"p50":50}"#;
        table.take(id.clone(), read(&format!("{{{priced},{told}}}")));
        let before = table.of(&id).unwrap().speed;
        table.take(id.clone(), read(&format!("{{{priced}}}")));
        assert!(before.is_some());
        assert_eq!(table.of(&id).unwrap().speed, before);
        table.take(id.clone(), read(""));
        assert_eq!(table.of(&id).unwrap().endpoints.list().len(), 1);
    }

    #[test]
    fn the_embedded_table_knows_the_speed_of_many_models() {
        let table = EndpointTable::embedded().unwrap();
        let models = table.0.len();
        let known = table.0.values().filter(|seen| seen.speed.is_some()).count();
        assert!(models > 300 && known > 200, "{known} of {models}");
    }
}
