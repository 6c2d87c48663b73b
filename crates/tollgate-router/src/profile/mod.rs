//! From a call to what routing needs to know of it, in microseconds.

mod classes;
mod content;
mod cues;
mod estimate;
mod extras;
mod needs;
mod told;

pub(crate) use estimate::ERROR_PERCENT;

use tollgate_core::{
    Call, CallProfile, Delivery, Failure, FailureKind, InvalidTarget, Judging, ModelId, Target,
    Task, TaskSource,
};
use tollgate_router_learned::Learned;
use tollgate_wire::{Object, ParseError, Request, Surface};

use crate::RouterConfig;
use content::Content;
use cues::{Cues, Effort};

pub(crate) fn profile(
    config: &RouterConfig,
    learned: Option<&Learned>,
    call: &Call,
) -> Result<CallProfile, Failure> {
    let request = &call.request;
    let (target, fallbacks) = target(call)?;
    refuse_unseen(request)?;
    let content = Content::of(request)?;
    let (needs, effort) = needs::needs(request, content.inputs)?;
    let extras = extras::extras(request);
    let (task, task_source) = task(call, target.as_ref(), &content, effort);
    let ceiling = match (call.hints.max_cost, config.max_cost_per_request) {
        (Some(hint), Some(configured)) => Some(hint.min(configured)),
        (hint, configured) => hint.or(configured),
    };
    Ok(CallProfile {
        at: call.at,
        target,
        fallbacks,
        policy: call.hints.policy.clone(),
        task,
        task_source,
        prompt: content.bounds(),
        images: content.images,
        searches: extras.searches,
        unbounded: extras.unbounded,
        max_output: max_output(request),
        answers: request.answers().map_err(invalid)?,
        needs,
        ceiling,
        share: None,
        prefer_free: call.hints.prefer_free,
        max_latency: call.hints.max_latency,
        own_keys: call.keys.lanes().cloned().collect(),
        in_conversation: names_conversation(call),
        orders_endpoints: orders_endpoints(request),
        warm: None,
        judging: judging(call),
        reading: learned
            .filter(|_| request.surface() != Surface::Embeddings)
            .map(|learned| content.told.read(learned, task)),
    })
}

/// Whether the call has a name of its conversation, by which an upstream finds
/// the host that has the conversation in its cache.
fn names_conversation(call: &Call) -> bool {
    let session = call.hints.session.as_deref();
    let object = call.request.object();
    session.is_some_and(|name| !name.is_empty())
        || ["session_id", "prompt_cache_key"]
            .iter()
            .any(|field| object.has_value(field))
}

/// Whether the request itself says which hosts go first. What it says in other
/// members of `provider` only narrows a choice; the preferences of a request
/// that cannot be read are refused where it is sent.
fn orders_endpoints(request: &Request) -> bool {
    let provider: Option<Object> = request.object().read("provider").ok().flatten();
    provider.is_some_and(|provider| {
        let stays = provider.read::<bool>("allow_fallbacks").ok().flatten() == Some(false);
        let orders = ["order", "only", "sort"];
        stays || orders.iter().any(|key| provider.has_value(key))
    })
}

/// Judges read chats; what is shown as it is made can be judged at its end only.
fn judging(call: &Call) -> Judging {
    match (call.request.surface(), call.delivery, call.hints.hold_back) {
        (Surface::Chat, Delivery::Whole, _) | (Surface::Chat, _, Some(true)) => Judging::Ready,
        (Surface::Chat, Delivery::Stream, None) => Judging::Delays,
        _ => Judging::Never,
    }
}

/// Members by which Responses go on from what a server keeps, or go on when the
/// caller has gone.
const UNSEEN: [(&str, &str); 4] = [
    (
        "previous_response_id",
        "send the whole conversation in `input`",
    ),
    ("conversation", "send the whole conversation in `input`"),
    ("background", "ask for a stream instead"),
    ("prompt", "send what it holds in `instructions` and `input`"),
];

/// Refuses what cannot be priced: nobody here sees how long it is.
fn refuse_unseen(request: &Request) -> Result<(), Failure> {
    if request.surface() != Surface::Responses {
        return Ok(());
    }
    let object = request.object();
    let is_asked = |key: &str| {
        object.has_value(key) && object.get(key).is_some_and(|value| value.get() != "false")
    };
    let mut unseen = UNSEEN.iter().filter(|(key, _)| is_asked(key));
    match unseen.next() {
        None => Ok(()),
        Some((key, hint)) => Err(Failure::new(
            FailureKind::InvalidRequest,
            format!("`{key}` refers to what the gateway does not see, and so cannot bound in cost"),
        )
        .with_hint(*hint)),
    }
}

/// The caller's limit. Vectors are no tokens.
fn max_output(request: &Request) -> Option<u64> {
    match request.surface() {
        Surface::Embeddings => Some(0),
        _ => request.max_output_tokens(),
    }
}

/// The model that the caller names and the ones to try after it. With `models`
/// alone, the first of them is the model.
fn target(call: &Call) -> Result<(Option<Target>, Vec<ModelId>), Failure> {
    let mut fallbacks = Vec::new();
    let mut target = match call.request.model() {
        Some(model) => Some(model.parse().map_err(|error| bad_target(&model, error))?),
        None => None,
    };
    if call.request.surface() == Surface::Embeddings {
        return match target {
            Some(Target::Model(_)) => Ok((target, fallbacks)),
            _ => Err(no_embeddings_model()),
        };
    }
    for model in call.request.models() {
        if target.is_none() {
            target = Some(model.parse().map_err(|error| bad_target(&model, error))?);
        } else {
            let id = ModelId::new(&model).map_err(|error| bad_target(&model, error.into()))?;
            fallbacks.push(id);
        }
    }
    Ok((target, fallbacks))
}

/// What the caller says, else what the model name says, else what the request shows.
fn task(
    call: &Call,
    target: Option<&Target>,
    content: &Content<'_>,
    effort: Effort,
) -> (Task, TaskSource) {
    let named = match target {
        Some(Target::Policy { task, .. }) => *task,
        _ => None,
    };
    if let Some(task) = call.hints.task.or(named) {
        return (task, TaskSource::Given);
    }
    let cues = Cues {
        last: content.last,
        last_classes: content.last_classes,
        fence_before: content.has_fence,
        tools: content.tools,
        effort,
    };
    (cues.task(), TaskSource::Profiled)
}

/// Vectors of different models cannot be compared, so nobody else may choose.
fn no_embeddings_model() -> Failure {
    Failure::new(
        FailureKind::InvalidRequest,
        "a request for embeddings has to name its model",
    )
    .with_hint("name the model whose vectors the others are compared with, as `author/slug`")
}

fn bad_target(text: &str, error: InvalidTarget) -> Failure {
    Failure::new(FailureKind::InvalidRequest, error.to_string())
        .with("model", text.chars().take(80).collect::<String>())
        .with_hint(
            "name a model such as `author/slug`, or a virtual one such as `tollgate/balanced:code`",
        )
        .with_source(error)
}

/// A request that cannot be read is the caller's to mend.
fn invalid(error: ParseError) -> Failure {
    Failure::new(FailureKind::InvalidRequest, error.to_string()).with_source(error)
}
