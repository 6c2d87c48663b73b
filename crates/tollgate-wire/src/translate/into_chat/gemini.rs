//! The events of Gemini as the chunks of a chat.

use std::collections::BTreeMap;

use super::chunks::{self, Chunks};
use crate::translate::answer::ids;
use crate::translate::losses::Losses;
use crate::translate::place::Place;
use crate::translate::{GEMINI, object};
use crate::{
    FinishReason, GeminiCandidate, GeminiPart, GeminiReply, GeminiUsage, Object, ParseError, Raw,
};

/// The answers so far.
#[derive(Debug, Default)]
pub(super) struct Gemini {
    candidates: BTreeMap<u64, Candidate>,
    /// Calls of all candidates, which ids are made from.
    calls: usize,
    usage: Option<GeminiUsage>,
}

#[derive(Debug, Default)]
struct Candidate {
    calls: usize,
    details: usize,
    images: usize,
    /// Whether the last part was a thought, which the next one continues.
    is_thinking: bool,
    is_over: bool,
}

/// Members of a candidate that a chat has no place for.
const SOURCES: &str = "sources of chats name places in the text";

impl Gemini {
    pub(super) fn push(
        &mut self,
        data: &[u8],
        chunks: &mut Chunks,
        losses: &mut Losses,
    ) -> Result<Vec<Object>, ParseError> {
        let reply = GeminiReply::parse(data)?.map_err(|error| {
            ParseError::new(format!(
                "expected an answer, found the error {:?}",
                error.message
            ))
        })?;
        if chunks.id.is_empty() {
            let id = reply.response_id.as_ref();
            chunks.id = id.map_or("answer", |id| id.as_str()).to_owned();
        }
        if let (None, Some(model)) = (&chunks.model, &reply.model_version) {
            chunks.model = Some(Raw::of(model.as_str())?.into_inner());
        }
        if let Some(usage) = reply.read_usage()? {
            self.usage = Some(usage);
        }
        let mut out = Vec::new();
        let place = Place::Top.key("candidates");
        for (position, candidate) in reply.candidates().iter().enumerate() {
            let place = place.index(position);
            self.candidate(candidate, &place, chunks, losses, &mut out)?;
        }
        Ok(out)
    }

    pub(super) fn finish(&mut self) -> Result<Option<Object>, ParseError> {
        if self.candidates.is_empty() || !self.candidates.values().all(|one| one.is_over) {
            let place = Place::Top.key("candidates");
            let place = place.index(0);
            return Err(place
                .key("finishReason")
                .error("is missing at the end, so the answer was cut"));
        }
        Ok(self.usage.take().map(|usage| usage.as_chat()))
    }

    fn candidate(
        &mut self,
        candidate: &GeminiCandidate<'_>,
        place: &Place<'_>,
        chunks: &Chunks,
        losses: &mut Losses,
        out: &mut Vec<Object>,
    ) -> Result<(), ParseError> {
        let index = candidate.index;
        let state = self.candidates.entry(index).or_insert_with(|| {
            out.push(chunks.role(index));
            Candidate::default()
        });
        for (position, part) in candidate.parts().iter().enumerate() {
            let parts = place.key("content");
            let parts = parts.key("parts");
            if is_lost(part) {
                losses.add(&parts.index(position), "chats have no parts of this kind");
                continue;
            }
            let deltas = state.part(part, &mut self.calls, &chunks.id)?;
            out.extend(deltas.iter().map(|delta| chunks.delta(index, delta)));
        }
        for (key, member) in [
            ("groundingMetadata", candidate.grounding_metadata),
            ("citationMetadata", candidate.citation_metadata),
        ] {
            if member.is_some_and(|member| !matches!(member.get(), "null" | "{}")) {
                losses.add(&place.key(key), SOURCES);
            }
        }
        let (Some(finish), Some(native)) = (candidate.finish_reason(), &candidate.finish_reason)
        else {
            return Ok(());
        };
        let finish = match finish {
            FinishReason::Stop if state.calls > 0 => FinishReason::ToolCalls,
            finish => finish,
        };
        if !std::mem::replace(&mut state.is_over, true) {
            out.push(chunks.ending(index, &finish, native));
        }
        Ok(())
    }
}

impl Candidate {
    /// What a part adds: what it says, and what the model wants to have back with it. The signature of a call or an image
    /// comes before it: surfaces that keep thoughts between what is said then keep it with what it signs.
    fn part(
        &mut self,
        part: &GeminiPart<'_>,
        calls: &mut usize,
        answer: &str,
    ) -> Result<Vec<Object>, ParseError> {
        let signature = part.thought_signature.as_deref();
        if part.thought == Some(true) {
            return Ok(vec![self.thought(part.said(), signature)?]);
        }
        self.is_thinking = false;
        let mut deltas = Vec::new();
        if !part.said().is_empty() {
            deltas.push(object! { "content": *part.said() });
        }
        let mut id = None;
        let mut whole = Vec::new();
        if let Some(data) = &part.inline_data {
            let image = object! { "type": "image_url", "image_url": object! { "url": data.url() } };
            whole.push(object! { "images": [image] });
            id = Some(ids::image(chunks::next(&mut self.images)?));
        }
        if let Some(call) = &part.function_call {
            let position = chunks::next(calls)?;
            let given = call.id.as_deref().filter(|id| !id.is_empty());
            let made = given.map_or_else(|| ids::make("call", position, answer), str::to_owned);
            let name = call.name.as_deref().unwrap_or_default();
            whole.push(chunks::call(self.calls, &made, name, call.arguments()));
            self.calls += 1;
            id = Some(made);
        }
        if let Some(signature) = signature {
            deltas.push(self.signature(signature, id.as_deref())?);
        }
        deltas.append(&mut whole);
        Ok(deltas)
    }

    fn thought(&mut self, text: &str, signature: Option<&str>) -> Result<Object, ParseError> {
        if !self.is_thinking {
            chunks::next(&mut self.details)?;
        }
        let mut detail = object! {
            "type": "reasoning.text", "text": *text, "format": *GEMINI, "index": self.details - 1,
        };
        // What follows a signature is another thought.
        self.is_thinking = signature.is_none();
        if let Some(signature) = signature {
            detail.put("signature", signature);
        }
        Ok(chunks::reasoning(Some(text), detail))
    }

    /// The signature of a call or an image by its id, else of text.
    fn signature(&mut self, signature: &str, id: Option<&str>) -> Result<Object, ParseError> {
        let mut detail =
            object! { "type": "reasoning.encrypted", "data": *signature, "format": *GEMINI };
        if let Some(id) = id {
            detail.put("id", id);
        }
        detail.put("index", &chunks::next(&mut self.details)?);
        Ok(chunks::reasoning(None, detail))
    }
}

/// Whether nothing of a part has a place in a chat: what tools of Google's ran, and data that is no image.
fn is_lost(part: &GeminiPart<'_>) -> bool {
    let is_image = |mime: &str| mime.starts_with("image/");
    match &part.inline_data {
        Some(data) => !is_image(&data.mime_type),
        None => part.is_other(),
    }
}
