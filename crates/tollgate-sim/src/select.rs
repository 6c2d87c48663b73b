//! Which endpoint answers: the models in order, for each its endpoints in order,
//! past everything that refuses before a token.

use std::sync::Arc;

use serde_json::json;

use crate::ask::Ask;
use crate::byok::{self, Lane};
use crate::catalog::{Model, Resolved};
use crate::draw::Draw;
use crate::endpoint::{Endpoint, endpoints};
use crate::fault::Fault;
use crate::fault_table;
use crate::host::{Host, Lack, too_long};
use crate::log::Attempt;
use crate::refusal::{self, Refusal, Scene};
use crate::refuse::fault_refusal;
use crate::request::Request;
use crate::rule::Target;
use crate::scenario::Scenario;
use crate::world::World;

/// The endpoint that answers, and how it came to that.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) model: Arc<Model>,
    pub(crate) endpoint: Endpoint,
    /// A fault that is no refusal, so that the endpoint answers with it.
    pub(crate) fault: Fault,
    /// The attempts up to and including this one.
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) strategy: &'static str,
    pub(crate) is_byok: bool,
}

/// Nobody answers; this is the last error.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) fault: Fault,
    pub(crate) refusal: Refusal,
    pub(crate) attempts: Vec<Attempt>,
}

/// Model names that ask for a fault begin with this.
const FAULT_MODEL: &str = "sim/";

/// Walks the models of the request until an endpoint answers.
pub(crate) fn select(
    world: &World,
    scenario: &Scenario,
    request: &Request,
    ask: &Ask,
) -> Result<Selection, Box<Refused>> {
    let walk = Walk {
        world,
        scenario,
        request,
        ask,
        is_byok: scenario.is_byok(request.host, &request.key),
    };
    let mut attempts = Vec::new();
    let mut last = None;
    for (index, name) in ask.models.iter().enumerate() {
        match walk.model(name, &mut attempts) {
            Ok(selection) if index == 0 => return Ok(selection),
            Ok(selection) => {
                return Ok(Selection {
                    strategy: "fallback",
                    ..selection
                });
            }
            Err(refused) => last = Some(refused),
        }
    }
    // There is always a first model, so there is always a last refusal.
    let (fault, refusal) = *last.unwrap_or_else(|| walk.plain(404, "No models were given."));
    Err(Box::new(Refused {
        fault,
        refusal: with_previous_errors(refusal, &attempts),
        attempts,
    }))
}

struct Walk<'a> {
    world: &'a World,
    scenario: &'a Scenario,
    request: &'a Request,
    ask: &'a Ask,
    is_byok: bool,
}

/// An error of one model, and the fault that made it.
type Refusing = Box<(Fault, Refusal)>;

impl Walk<'_> {
    fn model(&self, name: &str, attempts: &mut Vec<Attempt>) -> Result<Selection, Refusing> {
        let (resolved, fault) = self.resolve(name)?;
        let model = &resolved.model;
        let fault = fault
            .or_else(|| self.strike(model, None))
            .unwrap_or_default();
        let all = self.endpoints(model);
        if fault.refuses() {
            // All endpoints refuse; the error speaks of the first.
            let refusal = fault_refusal(&fault, &self.scene(model, all.first()));
            return Err(Box::new((fault, refusal)));
        }
        self.check(model)?;
        let count = all.len();
        let chosen = self.ask.preferences.choose(all);
        if chosen.is_empty() {
            return Err(self.no_endpoints(count));
        }
        self.endpoint(&resolved, chosen, fault, attempts)
    }

    fn endpoints(&self, model: &Model) -> Vec<Endpoint> {
        let (host, seed) = (self.request.host, self.world.seed);
        match host.endpoint(model, seed) {
            Some(only) => vec![only],
            None => endpoints(model, seed, self.scenario.price_spread_percent),
        }
    }

    /// Tries the endpoints in order.
    fn endpoint(
        &self,
        resolved: &Resolved,
        chosen: Vec<Endpoint>,
        model_fault: Fault,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Selection, Refusing> {
        let model = &resolved.model;
        let lanes = self.lanes(model, chosen);
        let tries = if self.scenario.provider_failover {
            lanes.len()
        } else {
            1
        };
        let mut last = None;
        for lane in lanes.into_iter().take(tries) {
            let fault = self.strike(model, Some(&lane));
            let refusing = fault.as_ref().filter(|fault| fault.refuses());
            let refusal =
                refusing.map(|fault| fault_refusal(fault, &self.lane_scene(model, &lane)));
            let Lane { endpoint, is_byok } = lane;
            attempts.push(Attempt {
                is_byok,
                provider: endpoint.provider.name.to_owned(),
                model: model.canonical_slug.clone(),
                status: refusal.as_ref().map_or(200, |refusal| refusal.status),
            });
            let fault = fault.unwrap_or_else(|| model_fault.clone());
            match refusal {
                Some(refusal) => last = Some(Box::new((fault, refusal))),
                None => {
                    return Ok(Selection {
                        model: Arc::clone(model),
                        endpoint,
                        fault,
                        attempts: attempts.clone(),
                        strategy: resolved.strategy,
                        is_byok,
                    });
                }
            }
        }
        Err(last.unwrap_or_else(|| self.no_endpoints(0)))
    }

    /// In which order, and with whose keys, the endpoints are tried.
    fn lanes(&self, model: &Model, chosen: Vec<Endpoint>) -> Vec<Lane> {
        if self.is_byok || self.request.host.is_direct() {
            let is_byok = self.is_byok;
            let lane = |endpoint| Lane { endpoint, is_byok };
            return chosen.into_iter().map(lane).collect();
        }
        byok::lanes(&self.world.records().provider_keys, &model.id, chosen)
    }

    /// The model of a name, and the fault of a name that asks for one.
    fn resolve(&self, name: &str) -> Result<(Resolved, Option<Fault>), Refusing> {
        let host = self.request.host;
        let serves = |model: &Model| !host.is_direct() || host.name_of(model).is_some();
        let able = |model: &Model| serves(model) && self.lacks(model).is_none();
        let mut draw = Draw::new(self.world.seed, &[b"router", &self.ask.essence]);
        if let Some(fault) = name.strip_prefix(FAULT_MODEL) {
            let fault =
                fault_table::find(fault).map_err(|error| self.plain(400, error.to_string()))?;
            // Any ordinary model will do; the router knows what that is.
            let resolved = self.world.catalog.ordinary(&mut draw, able);
            return resolved
                .map(|resolved| (resolved, Some(fault)))
                .ok_or_else(|| self.plain(404, "No endpoints found."));
        }
        let resolved = match host.is_direct() {
            true => host.find(&self.world.catalog, name),
            false => self.world.catalog.resolve(name, &mut draw, able),
        };
        match resolved {
            Some(resolved) => Ok((resolved, None)),
            None => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &str) -> Refusing {
        match self.request.host.words(refusal::for_status(404).name) {
            Some(words) => self.plain(404, words.about(name)),
            None => self.plain(400, format!("{name} is not a valid model ID")),
        }
    }

    fn strike(&self, model: &Model, lane: Option<&Lane>) -> Option<Fault> {
        self.world.strike(&Target {
            route: self.request.dialect.route(),
            key: &self.request.key,
            model: Some(&model.id),
            provider: lane.map(|lane| {
                let provider = lane.endpoint.provider;
                (provider.name, provider.slug)
            }),
            is_byok: lane.is_some_and(|lane| lane.is_byok),
        })
    }

    /// Refuses what the model cannot do, as the host says it.
    fn check(&self, model: &Model) -> Result<(), Refusing> {
        let host = self.request.host;
        if let Some(lack) = self.lacks(model) {
            let message = lack.message(host, &host.served_name(model));
            return Err(self.plain(lack.status(host), message));
        }
        let (prompt, limit) = (self.ask.prompt_tokens(), self.ask.limit.unwrap_or(0));
        let window = model.context_length;
        if let Some(message) = window.and_then(|window| too_long(host, prompt, limit, window)) {
            let scene = self.scene(model, None);
            let refusal = Refusal::new(&refusal::CONTEXT_LENGTH, &scene).with_message(message);
            return Err(Box::new((Fault::default(), refusal)));
        }
        Ok(())
    }

    fn lacks(&self, model: &Model) -> Option<Lack> {
        let ask = self.ask;
        if model.is_batch() {
            return Some(Lack::Batch);
        }
        if !model.writes("text") {
            return Some(Lack::TextOutput);
        }
        if ask.has_images && !model.reads("image") {
            return Some(Lack::Images);
        }
        if ask.has("tools") && !model.supports("tools") {
            return Some(Lack::Tools);
        }
        // What direct providers make of it differs from model to model.
        let must_think = model.reasoning.as_ref().is_some_and(|own| own.mandatory);
        if must_think && ask.reasoning.is_off() && !self.request.host.is_direct() {
            return Some(Lack::Silence);
        }
        let lengths = ask.limit.zip(model.top_provider.max_completion_tokens);
        if let Some((asked, most)) = lengths.filter(|(asked, most)| asked > most) {
            return Some(Lack::Length { asked, most });
        }
        let unsupported = |name: &&str| !model.supports(name);
        (ask.preferences.require_parameters && ask.parameters.iter().any(unsupported))
            .then_some(Lack::Parameters)
    }

    fn no_endpoints(&self, count: usize) -> Refusing {
        let mut refusing = self.plain(404, "No endpoints found matching the provider preferences");
        let funnel = json!([
            {"step": "All endpoints", "endpoint_count": count}, {"step": "Filter by provider preferences", "endpoint_count": 0},
        ]);
        let metadata = &mut refusing.1.error.metadata;
        metadata.insert("input_endpoint_count".into(), count.into());
        metadata.insert(
            "failed_routing_step".into(),
            "Filter by provider preferences".into(),
        );
        metadata.insert("routing_funnel".into(), funnel);
        refusing
    }

    fn plain(&self, status: u16, message: impl Into<String>) -> Refusing {
        let scene = Scene {
            is_byok: self.is_byok,
            ..Scene::of(self.request)
        };
        Box::new((
            Fault::default(),
            Refusal::new(refusal::for_status(status), &scene).with_message(message),
        ))
    }

    fn lane_scene<'a>(&self, model: &'a Model, lane: &Lane) -> Scene<'a> {
        Scene {
            is_byok: lane.is_byok,
            ..self.scene(model, Some(&lane.endpoint))
        }
    }

    fn scene<'a>(&self, model: &'a Model, endpoint: Option<&Endpoint>) -> Scene<'a> {
        let provider = endpoint.map(|endpoint| endpoint.provider.name);
        Scene {
            model: &model.id,
            provider,
            is_byok: self.is_byok,
            ..Scene::of(self.request)
        }
    }
}

impl Selection {
    /// What answers report as their model.
    pub(crate) fn served_name(&self, host: Host) -> String {
        match host.is_direct() {
            true => host.served_name(&self.model),
            false => self.served_slug(),
        }
    }

    /// OpenRouter's: the permanent slug, with the variant kept.
    pub(crate) fn served_slug(&self) -> String {
        match self.model.id.split_once(':') {
            Some((_, variant)) if !self.model.canonical_slug.contains(':') => {
                format!("{}:{variant}", self.model.canonical_slug)
            }
            _ => self.model.canonical_slug.clone(),
        }
    }
}

/// The attempts before the last one, where the metadata lists them.
fn with_previous_errors(mut refusal: Refusal, attempts: &[Attempt]) -> Refusal {
    if let Some((_, previous)) = attempts
        .split_last()
        .filter(|(_, previous)| !previous.is_empty())
    {
        let list = previous.iter().map(|attempt| json!({"provider": attempt.provider, "code": attempt.status, "status": attempt.status}));
        refusal
            .error
            .metadata
            .insert("previous_errors".into(), list.collect());
    }
    refusal
}
