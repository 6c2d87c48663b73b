//! What a model must be able to do to serve a request.
//!
//! Only what cannot be left out is a need: providers drop a seed, stop
//! sequences or log probabilities that a model does not know, unless the caller
//! insists on every parameter.

use serde::Deserialize;
use tollgate_core::{Capabilities, Failure};
use tollgate_wire::{Modality, RawValue, ReasoningEffort, Request, Surface, Text};

use super::cues::Effort;
use super::invalid;

pub(crate) fn needs(
    request: &Request,
    inputs: Capabilities,
) -> Result<(Capabilities, Effort), Failure> {
    let (reasoning, effort) = reasoning(request)?;
    let needs = inputs
        | outputs(request)
        | tools(request)
        | request
            .answer_format()
            .map_or(Capabilities::NONE, |raw| format(&raw))
        | reasoning
        | insisted(request)?;
    Ok((needs, effort))
}

fn outputs(request: &Request) -> Capabilities {
    if request.surface() == Surface::Embeddings {
        return Capabilities::EMBEDDINGS_OUTPUT;
    }
    if !request.object().has_value("modalities") {
        return Capabilities::TEXT_OUTPUT;
    }
    let modalities = request.modalities();
    let wanted = modalities
        .iter()
        .fold(Capabilities::NONE, |wanted, modality| {
            wanted
                | match modality {
                    Modality::Text => Capabilities::TEXT_OUTPUT,
                    Modality::Image => Capabilities::IMAGE_OUTPUT,
                    Modality::Audio => Capabilities::AUDIO_OUTPUT,
                    _ => Capabilities::NONE,
                }
        });
    if wanted.is_empty() {
        Capabilities::TEXT_OUTPUT
    } else {
        wanted
    }
}

fn tools(request: &Request) -> Capabilities {
    let Some(tools) = request.tools() else {
        return Capabilities::NONE;
    };
    if tools
        .get()
        .trim_start_matches('[')
        .trim_start()
        .starts_with(']')
    {
        return Capabilities::NONE;
    }
    if request.forces_tool() {
        Capabilities::TOOLS | Capabilities::TOOL_CHOICE
    } else {
        Capabilities::TOOLS
    }
}

fn format(format: &RawValue) -> Capabilities {
    #[derive(Deserialize)]
    struct Format<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }
    // A form that cannot be read is for the provider to refuse.
    let kind = serde_json::from_str::<Format<'_>>(format.get()).map(|format| format.kind);
    match kind.as_deref() {
        Ok("json_schema") => Capabilities::STRUCTURED_OUTPUT,
        Ok("json_object" | "grammar" | "python") => Capabilities::RESPONSE_FORMAT,
        _ => Capabilities::NONE,
    }
}

/// Where the surfaces say how to reason.
const ASKS_TO_REASON: [&str; 4] = ["reasoning", "reasoning_effort", "thinking", "output_config"];

fn reasoning(request: &Request) -> Result<(Capabilities, Effort), Failure> {
    if !ASKS_TO_REASON
        .iter()
        .any(|key| request.object().contains(key))
    {
        return Ok((Capabilities::NONE, Effort::Ordinary));
    }
    let Some(reasoning) = request.reasoning().map_err(invalid)? else {
        return Ok((Capabilities::NONE, Effort::Ordinary));
    };
    let is_off =
        reasoning.enabled == Some(false) || reasoning.effort == Some(ReasoningEffort::None);
    let is_asked = reasoning.enabled == Some(true)
        || reasoning.effort.is_some()
        || reasoning.max_tokens.is_some();
    let effort = match reasoning.effort {
        Some(ReasoningEffort::High | ReasoningEffort::XHigh | ReasoningEffort::Max) => Effort::High,
        _ => Effort::Ordinary,
    };
    match is_asked && !is_off {
        true => Ok((Capabilities::REASONING, effort)),
        false => Ok((Capabilities::NONE, Effort::Ordinary)),
    }
}

/// What `provider.require_parameters` turns from a wish into a need.
fn insisted(request: &Request) -> Result<Capabilities, Failure> {
    let object = request.object();
    if !object.has_value("provider") {
        return Ok(Capabilities::NONE);
    }
    let provider = request.provider().map_err(invalid)?;
    if provider.and_then(|provider| provider.require_parameters) != Some(true) {
        return Ok(Capabilities::NONE);
    }
    let wishes = [
        ("logprobs", Capabilities::LOGPROBS),
        ("seed", Capabilities::SEED),
        ("stop", Capabilities::STOP),
    ];
    let asked = wishes.into_iter().filter(|(key, _)| {
        object.has_value(key) && object.get(key).is_some_and(|value| value.get() != "false")
    });
    Ok(asked.fold(Capabilities::NONE, |needs, (_, need)| needs | need))
}
