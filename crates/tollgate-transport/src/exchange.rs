//! One attempt: request out, head and frames back.

use std::sync::Arc;

use http::{HeaderMap, header};
use tollgate_core::{
    Attempt, Billing, Delivery, Failure, FailureKind, GenerationId, Head, Reply, Scope,
};
use tollgate_wire::{ChatTranslator, Request, Surface};

use crate::classify::Constraints;
use crate::evidence::{Asked, Evidence, GENERATION, Insured, header_text};
use crate::expected::expected;
use crate::incoming::Incoming;
use crate::spoken::{Spoken, WayBack, speak};
use crate::strangers::strangers;
use crate::upstream::Upstream;
use crate::whole::Form;
use crate::{events, translated, whole};

/// Most bytes of an error's body that are read.
pub(crate) const ERROR_BODY: usize = 256 << 10;

/// The header of a [`Head`] that names what a request lost on the way to a direct provider.
pub const DROPPED_HEADER: &str = "x-tollgate-dropped";

/// Response headers that callers may see. Everything else stays here.
const SHOWN: &[&str] = &[
    "cf-ray",
    "request-id",
    "retry-after",
    "x-generation-id",
    "x-openrouter-cache-age",
    "x-openrouter-cache-source-id",
    "x-openrouter-cache-status",
    "x-openrouter-cache-ttl",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
];

/// Sends the attempt; see the contract of `LlmProvider`. What the upstream does not speak goes to
/// it translated, and so comes the answer.
pub(crate) async fn send(upstream: &Arc<Upstream>, attempt: &Attempt) -> Result<Reply, Failure> {
    let reply = said(upstream, attempt).await;
    match attempt.key {
        Some(_) => strangers(reply),
        None => reply,
    }
}

async fn said(upstream: &Arc<Upstream>, attempt: &Attempt) -> Result<Reply, Failure> {
    let spoken = speak(upstream, attempt)?;
    if attempt.strict && !spoken.lost.is_empty() {
        return Err(lossy(upstream, &spoken.lost));
    }
    if upstream.dialect.by_list
        && let Some(tool) = spoken.request.server_tool()
    {
        return Err(unheld(upstream, &tool));
    }
    let way_back = spoken.way_back;
    let (Reply { head, frames }, answered) = exchange(upstream, attempt, spoken).await?;
    let frames = match way_back {
        WayBack::None => frames,
        WayBack::Chat => translated::frames(frames, attempt, None),
        WayBack::Upstream(dialect) => {
            let into_chat = ChatTranslator::new(dialect).with_created(answered);
            translated::frames(frames, attempt, Some(into_chat))
        }
    };
    let is_chat = attempt.request.surface() == Surface::Chat;
    let frames = match is_chat && upstream.billing == Billing::Direct {
        true => expected(frames, attempt.lane.clone()),
        false => frames,
    };
    Ok(Reply { head, frames })
}

/// One exchange in words that the upstream speaks, and when it answered, in seconds since 1970.
async fn exchange(
    upstream: &Arc<Upstream>,
    attempt: &Attempt,
    spoken: Spoken,
) -> Result<(Reply, u64), Failure> {
    let patience = match attempt.delivery {
        Delivery::Stream => upstream.idle,
        Delivery::Whole => upstream.timers.idle_whole(),
    };
    let key = attempt.key.as_ref();
    let response = upstream
        .post(&spoken.url, spoken.bytes, key, patience)
        .await?;
    let (parts, body) = response.into_parts();
    let mut incoming = Incoming::new(body, patience);
    let asked = Asked {
        model: attempt.models.first().cloned(),
        insured: insured(upstream, &spoken.request),
        constraints: constraints(upstream, &spoken.request),
        plain_limit: upstream.dialect.plain_limit(&attempt.models),
        answers: answers(&spoken.request),
        key: attempt.key.clone(),
        rewritten: spoken.rewritten,
    };
    let evidence = Evidence::new(Arc::clone(upstream), parts, asked);
    if !evidence.status().is_success() {
        return Err(evidence.refused(&incoming.some(ERROR_BODY).await));
    }
    let head = head(&evidence, &spoken.lost);
    let answered = evidence.answered();
    let form = Form {
        shape: spoken.shape,
        lane: upstream.billing,
    };
    let limits = &upstream.connection;
    let frames = if is_whole(attempt.delivery, evidence.headers()) {
        whole::frames(incoming, evidence, limits.max_body_bytes, form)
    } else {
        events::frames(incoming, evidence, limits.max_event_bytes, form)
    };
    Ok((Reply { head, frames }, answered))
}

/// Another lane may take all of it. Nothing was sent, so nobody's health suffers.
fn lossy(upstream: &Upstream, lost: &[String]) -> Failure {
    Failure::new(
        FailureKind::NotFound,
        "the request would lose something on its way to the provider",
    )
    .with("upstream", upstream.host())
    .with("lost", lost.join(", "))
    .with_hint("leave it out, or ask without strictness")
    .with_scope(Scope::None)
    .not_here()
}

/// A search or a run of code has a price beside its tokens, and its model says how many there are.
/// Nothing was sent; a lane that tells its costs may take it.
fn unheld(upstream: &Upstream, tool: &str) -> Failure {
    Failure::new(
        FailureKind::NotFound,
        "the provider would run a tool itself, and nothing bounds what that costs",
    )
    .with("upstream", upstream.host())
    .with("tool", tool)
    .with_hint("send functions and run them yourself, or ask for the model through openrouter")
    .with_scope(Scope::None)
    .not_here()
}

/// A stream that was asked for may be answered by one JSON body, most often an error.
fn is_whole(delivery: Delivery, headers: &HeaderMap) -> bool {
    let content_type = header_text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    delivery == Delivery::Whole
        || ["json", "html"]
            .iter()
            .any(|kind| content_type.contains(kind))
}

/// Whether the caller narrows down who may serve, where the upstream gets to see that. A price
/// ceiling that the gateway adds is no such constraint: it is what the catalog says.
fn constraints(upstream: &Upstream, request: &Request) -> Constraints {
    let seen = !upstream
        .dialect
        .drops(request.surface())
        .any(|field| field == "provider");
    if seen && request.object().has_value("provider") {
        Constraints::Given
    } else {
        Constraints::None
    }
}

/// How many answers a request asks for; whoever planned it has read that already.
fn answers(request: &Request) -> u32 {
    let answers = request.answers().unwrap_or(1);
    u32::try_from(answers).unwrap_or(u32::MAX)
}

/// Plugins, searches and server tools may have run before an answer fails, and are charged for.
fn insured(upstream: &Upstream, request: &Request) -> Insured {
    let extras = ["plugins", "web_search_options"]
        .iter()
        .any(|field| request.object().has_value(field))
        || request.tools().is_some_and(|tools| {
            tools.get().contains("openrouter:") || tools.get().contains("web_search")
        })
        || request
            .model()
            .is_some_and(|model| model.contains(":online"));
    if upstream.dialect.insures && upstream.billing == Billing::Credits && !extras {
        Insured::Yes
    } else {
        Insured::No
    }
}

fn head(evidence: &Evidence, dropped: &[String]) -> Head {
    // Most are not there, and each name that is looked up is read and hashed.
    let text = |name: &str| {
        let mut there = evidence.headers().iter();
        let (_, value) = there.find(|(known, _)| known.as_str() == name)?;
        value.to_str().ok()
    };
    let mut headers: Vec<(String, String)> = SHOWN
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), text(name)?.to_owned())))
        .collect();
    if !dropped.is_empty() {
        headers.push((DROPPED_HEADER.to_owned(), dropped.join(", ")));
    }
    Head {
        status: evidence.status().as_u16(),
        generation: text(GENERATION).and_then(|id| GenerationId::new(id).ok()),
        headers,
        limits: evidence.limits(),
    }
}
