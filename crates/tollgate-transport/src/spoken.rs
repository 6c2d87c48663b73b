//! An attempt in the words of its upstream: as it came where the upstream speaks the surface, else
//! as a chat, and where it speaks no chats either, as that in its own dialect.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::Url;
use tollgate_core::{Attempt, Delivery, Failure, FailureKind};
use tollgate_wire::{
    ChatRequest, Loss, ParseError, Request, Surface, Translated, UpstreamDialect,
    anthropic_from_messages, from_chat, gemini_from_chat, without_foreign_thoughts,
};

use crate::config::Speech;
use crate::dialect::Dialect;
use crate::legs::places;
use crate::outgoing::outgoing;
use crate::read::Shape;
use crate::translated::{as_chat, cannot};
use crate::upstream::Upstream;

/// What is sent, and how its answer is to be read.
#[derive(Debug)]
pub(crate) struct Spoken {
    pub(crate) url: Url,
    pub(crate) bytes: Bytes,
    /// What of the request does not reach the upstream.
    pub(crate) lost: Vec<String>,
    /// The last form of the request that has a surface.
    pub(crate) request: Arc<Request>,
    pub(crate) shape: Shape,
    pub(crate) way_back: WayBack,
    /// Whether what the upstream may refuse of it are words of the gateway: it was translated,
    /// narrowed, or has lost something.
    pub(crate) rewritten: bool,
}

/// How an answer becomes one of the surface that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WayBack {
    /// It is one already.
    None,
    /// It is a chat's.
    Chat,
    /// It is to be a chat's first.
    Upstream(UpstreamDialect),
}

/// Puts an attempt into the words of the upstream. Nothing is sent.
pub(crate) fn speak(upstream: &Upstream, attempt: &Attempt) -> Result<Spoken, Failure> {
    let dialect = &upstream.dialect;
    if dialect.speaks(attempt.request.surface()) {
        return match (dialect.speech, attempt.request.surface()) {
            (Speech::Messages, Surface::Messages) => {
                let request = Request::clone(&attempt.request);
                message(upstream, attempt, request, Vec::new(), WayBack::None)
            }
            _ => on_surface(upstream, attempt, Vec::new(), WayBack::None),
        };
    }
    let (chat, lost) = as_chat(attempt, dialect)?;
    let Some(target) = dialect.speech.upstream() else {
        return on_surface(upstream, &chat, lost, WayBack::Chat);
    };
    let way_back = WayBack::Upstream(target);
    match target {
        UpstreamDialect::Messages => {
            let request = limited_chat(&chat, dialect)
                .and_then(|chat| from_chat(Surface::Messages, &chat))
                .map_err(|error| cannot(&attempt.request, error))?;
            let lost = with(lost, &request.losses);
            message(upstream, &chat, request.value, lost, way_back)
        }
        UpstreamDialect::Gemini => gemini(upstream, &chat, lost, way_back),
    }
}

/// A request on a surface that the upstream speaks.
fn on_surface(
    upstream: &Upstream,
    attempt: &Attempt,
    mut lost: Vec<String>,
    way_back: WayBack,
) -> Result<Spoken, Failure> {
    let surface = attempt.request.surface();
    let (attempt, thoughts) = with_own_thoughts(attempt, &upstream.dialect)?;
    add(&mut lost, thoughts);
    let outgoing = outgoing(&attempt, &upstream.dialect)?;
    add(&mut lost, outgoing.dropped);
    let rewritten = way_back != WayBack::None || !lost.is_empty();
    Ok(Spoken {
        url: upstream.path(surface).clone(),
        bytes: outgoing.bytes,
        lost,
        request: Arc::clone(&attempt.request),
        shape: Shape::Of(surface),
        way_back,
        rewritten,
    })
}

/// The attempt without thoughts that the upstream would not take back, and their places.
fn with_own_thoughts<'a>(
    attempt: &'a Attempt,
    dialect: &Dialect,
) -> Result<(Cow<'a, Attempt>, Vec<String>), Failure> {
    if dialect.takes_all_thoughts {
        return Ok((Cow::Borrowed(attempt), Vec::new()));
    }
    let narrowed = without_foreign_thoughts(&attempt.request)
        .map_err(|error| cannot(&attempt.request, error))?;
    let Some(Translated { value, losses, .. }) = narrowed else {
        return Ok((Cow::Borrowed(attempt), Vec::new()));
    };
    let attempt = Attempt {
        request: Arc::new(value),
        ..attempt.clone()
    };
    Ok((Cow::Owned(attempt), places(&losses)))
}

/// A message to Anthropic, which must have a limit.
fn message(
    upstream: &Upstream,
    attempt: &Attempt,
    mut request: Request,
    lost: Vec<String>,
    way_back: WayBack,
) -> Result<Spoken, Failure> {
    let dialect = &upstream.dialect;
    limit(&mut request, attempt.max_output, dialect.unlimited_output)
        .map_err(|error| cannot(&attempt.request, error))?;
    let narrowed = anthropic_from_messages(request, dialect.thinking.into());
    let Translated { value, losses, .. } =
        narrowed.map_err(|error| cannot(&attempt.request, error))?;
    let is_other = value.object() != attempt.request.object();
    let attempt = Attempt {
        request: Arc::new(value),
        ..attempt.clone()
    };
    let spoken = on_surface(upstream, &attempt, with(lost, &losses), way_back)?;
    Ok(Spoken {
        rewritten: spoken.rewritten || is_other,
        ..spoken
    })
}

fn gemini(
    upstream: &Upstream,
    attempt: &Attempt,
    mut lost: Vec<String>,
    way_back: WayBack,
) -> Result<Spoken, Failure> {
    let dialect = &upstream.dialect;
    let cannot = |error| cannot(&attempt.request, error);
    let mut chat = limited_chat(attempt, dialect).map_err(cannot)?;
    for field in dialect.named_drops() {
        if chat.object_mut().remove(field).is_some() {
            add(&mut lost, [field.clone()]);
        }
    }
    let body = gemini_from_chat(&chat, dialect.thinking.into()).map_err(cannot)?;
    Ok(Spoken {
        url: generate(upstream, attempt)?,
        bytes: body.value.to_vec().into(),
        lost: with(lost, &body.losses),
        request: Arc::clone(&attempt.request),
        shape: Shape::Gemini,
        way_back,
        rewritten: true,
    })
}

/// Where a model of Gemini's is asked: its name and the delivery stand in the address.
fn generate(upstream: &Upstream, attempt: &Attempt) -> Result<Url, Failure> {
    let model = attempt
        .models
        .first()
        .ok_or_else(|| Failure::new(FailureKind::Internal, "an attempt names no model"))?;
    let model = model.as_str();
    let is_path = ["models/", "tunedModels/"]
        .iter()
        .any(|one| model.starts_with(one));
    let folder = if is_path { "" } else { "models/" };
    Ok(match attempt.delivery {
        Delivery::Whole => upstream.url(&format!("{folder}{model}:generateContent")),
        Delivery::Stream => {
            let mut url = upstream.url(&format!("{folder}{model}:streamGenerateContent"));
            url.set_query(Some("alt=sse"));
            url
        }
    })
}

/// The chat of an attempt with the output limit that holds, which a translation reads.
fn limited_chat(attempt: &Attempt, dialect: &Dialect) -> Result<ChatRequest, ParseError> {
    let mut request = Request::clone(&attempt.request);
    limit(&mut request, attempt.max_output, dialect.unlimited_output)?;
    ChatRequest::from_object(request.into_object())
}

/// Sets the lower one of the caller's limit and ours, else the one for requests that have none.
/// A limit that holds already stays as it was written, and so does one that cannot be read: the
/// upstream says why.
fn limit(
    request: &mut Request,
    ours: Option<u64>,
    unlimited: Option<u64>,
) -> Result<(), ParseError> {
    let given = request.max_output_tokens();
    let fields = request.surface().output_limits();
    let object = request.object_mut();
    let there = fields.iter().find(|field| object.has_value(field));
    let limits = [given, ours].into_iter().flatten();
    let limit = limits.min().or(unlimited.filter(|_| there.is_none()));
    let Some(limit) = limit.filter(|limit| given != Some(*limit)) else {
        return Ok(());
    };
    let Some(field) = there.or(fields.last()) else {
        return Ok(());
    };
    for other in fields.iter().filter(|other| *other != field) {
        object.remove(other);
    }
    object.set(field, &limit)
}

fn with(mut lost: Vec<String>, losses: &[Loss]) -> Vec<String> {
    add(&mut lost, places(losses));
    lost
}

/// Adds places, each once.
fn add(lost: &mut Vec<String>, places: impl IntoIterator<Item = String>) {
    for place in places {
        if !lost.contains(&place) {
            lost.push(place);
        }
    }
}
