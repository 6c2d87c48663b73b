//! Which endpoint answers: the models in order, for each its endpoints in order,
//! past everything that refuses before a token.

use std::sync::Arc;

use serde_json::json;

use crate::ask::Ask;
use crate::catalog::{Model, Resolved};
use crate::draw::Draw;
use crate::endpoint::{Endpoint, endpoints};
use crate::fault::Fault;
use crate::fault_table;
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
        is_byok: scenario.is_byok(&request.key),
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
        let all = endpoints(model, self.world.seed, self.scenario.price_spread_percent);
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

    /// Tries the endpoints in order.
    fn endpoint(
        &self,
        resolved: &Resolved,
        chosen: Vec<Endpoint>,
        model_fault: Fault,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Selection, Refusing> {
        let model = &resolved.model;
        let tries = if self.scenario.provider_failover {
            chosen.len()
        } else {
            1
        };
        let mut last = None;
        for endpoint in chosen.into_iter().take(tries) {
            let fault = self.strike(model, Some(&endpoint));
            let refusing = fault.as_ref().filter(|fault| fault.refuses());
            let refusal =
                refusing.map(|fault| fault_refusal(fault, &self.scene(model, Some(&endpoint))));
            attempts.push(Attempt {
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
                        is_byok: self.is_byok,
                    });
                }
            }
        }
        Err(last.unwrap_or_else(|| self.no_endpoints(0)))
    }

    /// The model of a name, and the fault of a name that asks for one.
    fn resolve(&self, name: &str) -> Result<(Resolved, Option<Fault>), Refusing> {
        let able = |model: &Model| self.lacks(model).is_none();
        let mut draw = Draw::new(self.world.seed, &[b"router", &self.ask.essence]);
        if let Some(fault) = name.strip_prefix(FAULT_MODEL) {
            let fault =
                fault_table::find(fault).map_err(|error| self.plain(400, &error.to_string()))?;
            // Any ordinary model will do; the router knows what that is.
            let resolved = self.world.catalog.ordinary(&mut draw, able);
            return resolved
                .map(|resolved| (resolved, Some(fault)))
                .ok_or_else(|| self.plain(404, "No endpoints found."));
        }
        match self.world.catalog.resolve(name, &mut draw, able) {
            Some(resolved) => Ok((resolved, None)),
            None => Err(self.plain(400, &format!("{name} is not a valid model ID"))),
        }
    }

    fn strike(&self, model: &Model, endpoint: Option<&Endpoint>) -> Option<Fault> {
        self.world.strike(&Target {
            route: self.request.dialect.route(),
            key: &self.request.key,
            model: Some(&model.id),
            provider: endpoint.map(|endpoint| (endpoint.provider.name, endpoint.provider.slug)),
        })
    }

    /// What the model cannot do for this request, as OpenRouter says it.
    fn check(&self, model: &Model) -> Result<(), Refusing> {
        if let Some(lack) = self.lacks(model) {
            return Err(self.plain(404, &lack));
        }
        let needed = self.ask.prompt_tokens() + self.ask.limit.unwrap_or(0);
        if let Some(window) = model.context_length.filter(|window| needed > *window) {
            let scene = self.scene(model, None);
            let message = format!(
                "The maximum context length is {window} tokens, but about {needed} were requested"
            );
            let refusal = Refusal::new(&refusal::CONTEXT_LENGTH, &scene).with_message(message);
            return Err(Box::new((Fault::default(), refusal)));
        }
        Ok(())
    }

    fn lacks(&self, model: &Model) -> Option<String> {
        let ask = self.ask;
        if model.is_batch() {
            return Some("This model can be used through the Batch API only".into());
        }
        if !model.writes("text") {
            return Some("No endpoints found that support text output".into());
        }
        if ask.has_images && !model.reads("image") {
            return Some("No endpoints found that support image input".into());
        }
        if ask.has("tools") && !model.supports("tools") {
            return Some("No endpoints found that support tool use".into());
        }
        let beyond = |most: u64| ask.limit.is_some_and(|limit| limit > most);
        if model.top_provider.max_completion_tokens.is_some_and(beyond) {
            return Some("No endpoints found that can handle the requested parameters".into());
        }
        let unsupported = |name: &&str| !model.supports(name);
        (ask.preferences.require_parameters && ask.parameters.iter().any(unsupported))
            .then(|| "No endpoints found that can handle the requested parameters".into())
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

    fn plain(&self, status: u16, message: &str) -> Refusing {
        let scene = Scene {
            is_byok: self.is_byok,
            ..Scene::bare(self.request.now)
        };
        Box::new((
            Fault::default(),
            Refusal::new(refusal::for_status(status), &scene).with_message(message),
        ))
    }

    fn scene<'a>(&self, model: &'a Model, endpoint: Option<&Endpoint>) -> Scene<'a> {
        let provider = endpoint.map(|endpoint| endpoint.provider.name);
        Scene {
            model: &model.id,
            provider,
            is_byok: self.is_byok,
            now: self.request.now,
        }
    }
}

impl Selection {
    /// What answers report as their model: the permanent slug, with the variant kept.
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
