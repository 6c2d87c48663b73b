//! The chunks of a chat, read into blocks.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::block::{Block, Kind};
use crate::json::is_null;
use crate::raw::as_text;
use crate::translate::losses::Losses;
use crate::translate::place::Place;
use crate::{ChatChunk, Delta, FinishReason, Object, ParseError, PartView, Raw};

/// The answer so far.
#[derive(Debug, Default)]
pub(super) struct Chat {
    /// The members around the choices, as last told.
    pub(super) members: Object,
    pub(super) blocks: Vec<Block>,
    pub(super) finish: Option<FinishReason>,
    /// The same in the provider's word.
    pub(super) native_finish: Option<String>,
    /// How many blocks are over: what is added to them later cannot be told any more.
    pub(super) over: usize,
    /// Citations and probabilities that came before any text.
    early_annotations: Vec<Object>,
    early_logprobs: Vec<Raw>,
}

/// A detail of reasoning: its type, what it is here, and the member that grows.
const DETAILS: &[(&str, Kind, &str)] = &[
    ("reasoning.text", Kind::Reasoning, "text"),
    ("reasoning.summary", Kind::Summary, "summary"),
    ("reasoning.encrypted", Kind::Encrypted, "data"),
];

/// Most blocks that an answer has, many times what is seen. A piece may belong to any of them, so without an end of the
/// list an upstream could make each piece dearer than the one before.
const MOST_BLOCKS: usize = 4096;

const LATE: &str = "it came after its end had been told";

impl Chat {
    /// Adds a chunk.
    pub(super) fn push(
        &mut self,
        chunk: &ChatChunk<'_>,
        losses: &mut Losses,
    ) -> Result<(), ParseError> {
        self.push_members(chunk)?;
        let place = Place::Top.key("choices");
        for choice in &chunk.choices {
            let place = place.index(usize::try_from(choice.index).unwrap_or(usize::MAX));
            if choice.index != 0 {
                losses.add(&place, "an answer of this surface is always one");
                continue;
            }
            self.push_delta(&choice.delta, &place.key("message"), losses)?;
            if let Some(text) = choice.text.and_then(as_text) {
                self.grow(Kind::Text, &text)?;
            }
            if let Some(logprobs) = choice.logprobs {
                self.push_logprobs(logprobs, &place.key("logprobs"), losses)?;
            }
            if let Some(finish) = &choice.finish_reason {
                self.finish = Some(finish.clone());
                let native = choice.native_finish_reason.and_then(as_text);
                self.native_finish = native
                    .map(|word| word.into_owned())
                    .or(self.native_finish.take());
            }
        }
        Ok(())
    }

    /// A member around the choices, unless it is null.
    pub(super) fn member(&self, key: &str) -> Option<&RawValue> {
        self.members.get(key).filter(|value| !is_null(value))
    }

    /// Such a member that is a text.
    pub(super) fn word(&self, key: &str) -> Option<String> {
        Some(self.member(key).and_then(as_text)?.into_owned())
    }

    /// What is left when the answer is over.
    pub(super) fn check_rest(&self, losses: &mut Losses) {
        const NO_TEXT: &str = "there is no text that they belong to";
        let place = Place::Top.key("choices");
        let place = place.index(0);
        if !self.early_annotations.is_empty() {
            losses.add(&place.key("message").key("annotations"), NO_TEXT);
        }
        if !self.early_logprobs.is_empty() {
            losses.add(&place.key("logprobs"), NO_TEXT);
        }
    }

    /// Chunks repeat what stands around their choices; only the first and those that end the answer bring anything new.
    fn push_members(&mut self, chunk: &ChatChunk<'_>) -> Result<(), ParseError> {
        let is_news = self.members.is_empty()
            || chunk.choices.is_empty()
            || chunk.has_usage()
            || chunk.openrouter_metadata.is_some()
            || chunk.finish_reason().is_some();
        if !is_news {
            return Ok(());
        }
        let object = Object::parse(chunk.data)?;
        for (key, value) in object.iter().filter(|(key, _)| *key != "choices") {
            if !is_null(value) || !self.members.contains(key) {
                self.members.set_raw(key, value.to_owned());
            }
        }
        Ok(())
    }

    fn push_delta(
        &mut self,
        delta: &Delta<'_>,
        place: &Place<'_>,
        losses: &mut Losses,
    ) -> Result<(), ParseError> {
        let details: Vec<Object> = match delta.reasoning_details {
            Some(details) => place.key("reasoning_details").read(details)?,
            None => Vec::new(),
        };
        // The same words come twice; those of the details can be sent back.
        let is_told = |detail: &Object| detail.contains("text") || detail.contains("summary");
        let reasoning = delta.reasoning.or(delta.reasoning_content);
        if let Some(text) = reasoning.and_then(as_text)
            && !details.iter().any(is_told)
        {
            self.grow(Kind::Reasoning, &text)?;
        }
        for (index, detail) in details.iter().enumerate() {
            let place = place.key("reasoning_details");
            self.push_detail(detail, &place.index(index), losses)?;
        }
        if let Some(content) = delta.content {
            self.push_content(content, &place.key("content"), losses)?;
        }
        if let Some(refusal) = delta.refusal.and_then(as_text) {
            self.grow(Kind::Refusal, &refusal)?;
        }
        if let Some(calls) = delta.tool_calls {
            let place = place.key("tool_calls");
            let calls: Vec<Object> = place.read(calls)?;
            for (index, call) in calls.iter().enumerate() {
                self.push_call(call, &place.index(index), losses)?;
            }
        }
        if let Some(images) = delta.images {
            let place = place.key("images");
            let images: Vec<Object> = place.read(images)?;
            for (index, image) in images.iter().enumerate() {
                self.push_image(image, &place.index(index))?;
            }
        }
        if delta.audio.is_some() {
            losses.add(&place.key("audio"), "answers of this surface have no sound");
        }
        if let Some(annotations) = delta.annotations {
            let place = place.key("annotations");
            self.push_annotations(place.read(annotations)?, &place, losses);
        }
        Ok(())
    }

    /// Adds to the last block if it is of the kind and no element of a list, else begins one.
    fn grow(&mut self, kind: Kind, text: &str) -> Result<(), ParseError> {
        if text.is_empty() {
            return Ok(());
        }
        let fits =
            |block: &Block| block.kind == kind && block.index.is_none() && block.members.is_empty();
        if !self.blocks.last().is_some_and(fits) {
            self.begin(Block::new(kind, None))?;
        }
        if let Some(block) = self.blocks.last_mut() {
            block.grow(text);
        }
        Ok(())
    }

    /// Begins a block; gives its position.
    fn begin(&mut self, mut block: Block) -> Result<usize, ParseError> {
        let position = self.blocks.len();
        if position == MOST_BLOCKS {
            let place = Place::Top.key("choices");
            return Err(place.index(0).error(format!(
                "has more than {MOST_BLOCKS} thoughts, texts and calls, which no model means"
            )));
        }
        if block.kind == Kind::Text {
            block.annotations = std::mem::take(&mut self.early_annotations);
            block.logprobs = std::mem::take(&mut self.early_logprobs);
        }
        self.blocks.push(block);
        Ok(position)
    }

    fn push_content(
        &mut self,
        content: &RawValue,
        place: &Place<'_>,
        losses: &mut Losses,
    ) -> Result<(), ParseError> {
        if let Some(text) = as_text(content) {
            return self.grow(Kind::Text, &text);
        }
        let parts: Vec<PartView<'_>> = place.read(content)?;
        for (index, part) in parts.iter().enumerate() {
            match part.text.as_deref() {
                Some(text) if part.kind.as_str() == "text" => self.grow(Kind::Text, text)?,
                _ => losses.add(
                    &place.index(index),
                    "answers of this surface have no part of this kind",
                ),
            }
        }
        Ok(())
    }

    fn push_detail(
        &mut self,
        detail: &Object,
        place: &Place<'_>,
        losses: &mut Losses,
    ) -> Result<(), ParseError> {
        let position = self.place_of_detail(detail);
        let kind = detail.get("type").and_then(as_text);
        let row = match (position, kind.as_deref()) {
            (Some(position), _) => DETAILS
                .iter()
                .find(|row| row.1 == self.blocks[position].kind),
            (None, None) => DETAILS.first(),
            (None, Some(kind)) => DETAILS.iter().find(|row| row.0 == kind),
        };
        let Some((kind, block_kind, grows)) = row else {
            losses.add(
                place,
                "answers of this surface have no reasoning of this kind",
            );
            return Ok(());
        };
        if position.is_some_and(|position| position < self.over) {
            losses.add(place, LATE);
            return Ok(());
        }
        let position = match position {
            Some(position) => position,
            None => {
                let index = detail.get("index").filter(|index| !is_null(index));
                let index = index.map(|index| Raw::from(index.to_owned()));
                let mut block = Block::new(*block_kind, index);
                block.members.put("type", *kind);
                self.begin(block)?
            }
        };
        let block = &mut self.blocks[position];
        for (key, value) in detail.iter().filter(|(_, value)| !is_null(value)) {
            match key {
                "type" | "index" => {}
                key if key == *grows => block.grow(&as_text(value).unwrap_or_default()),
                _ => block.members.set_raw(key, value.to_owned()),
            }
        }
        Ok(())
    }

    /// The detail with the same index and type; without an index the last block, when it is a detail without one that
    /// does not differ.
    fn place_of_detail(&self, piece: &Object) -> Option<usize> {
        let value = |key: &str| piece.get(key).filter(|value| !is_null(value));
        let fits = |block: &Block, key: &str| match (block.member(key), value(key)) {
            (Some(known), Some(new)) => known.get() == new.get(),
            _ => true,
        };
        let is_detail = |block: &Block| block.members.contains("type") && block.kind != Kind::Call;
        if let Some(index) = value("index") {
            return self.blocks.iter().rposition(|block| {
                let known = block.index.as_deref();
                is_detail(block)
                    && known.is_some_and(|known| known.get() == index.get())
                    && fits(block, "type")
            });
        }
        let block = self.blocks.last()?;
        let same = is_detail(block)
            && block.index.is_none()
            && ["type", "format", "id"].iter().all(|key| fits(block, key));
        same.then(|| self.blocks.len() - 1)
    }

    fn push_call(
        &mut self,
        call: &Object,
        place: &Place<'_>,
        losses: &mut Losses,
    ) -> Result<(), ParseError> {
        let function: Object = call
            .read("function")
            .map_err(|error| error.at(&place.to_string()))?
            .unwrap_or_default();
        let word = |raw: Option<&RawValue>| {
            let word = raw.and_then(as_text).filter(|word| !word.is_empty());
            word.map(|word| word.into_owned())
        };
        let (id, name) = (word(call.get("id")), word(function.get("name")));
        let index = call.get("index").filter(|index| !is_null(index));
        let arguments = function.get("arguments").filter(|raw| !is_null(raw));
        let arguments = arguments.map(|raw| as_text(raw).unwrap_or(raw.get().into()));
        let arguments = arguments.unwrap_or_default();
        let position = self.place_of_call(index, id.as_deref(), name.is_some());
        let position = match position {
            Some(position) => position,
            None => {
                let index = index.map(|index| Raw::from(index.to_owned()));
                self.begin(Block::new(Kind::Call, index))?
            }
        };
        if position < self.over {
            if !arguments.trim().is_empty() {
                losses.add(place, LATE);
            }
            return Ok(());
        }
        let block = &mut self.blocks[position];
        for (key, word) in [("id", id), ("name", name)] {
            if let Some(word) = word {
                block.members.put(key, &word);
            }
        }
        block.grow(&arguments);
        let known = ["id", "index", "type", "function"];
        for (key, _) in call.iter().filter(|(key, _)| !known.contains(key)) {
            losses.add(&place.key(key), "calls of this surface have no such member");
        }
        Ok(())
    }

    /// As chunks are merged elsewhere: by index unless the id is another, else by id, else the last call, unless that is
    /// complete and the piece has a name.
    fn place_of_call(
        &self,
        index: Option<&RawValue>,
        id: Option<&str>,
        named: bool,
    ) -> Option<usize> {
        let calls = || {
            let blocks = self.blocks.iter().enumerate().rev();
            blocks.filter(|(_, block)| block.kind == Kind::Call)
        };
        // Whether it is this id; unknown as long as the call has none.
        let has_id = |block: &Block| -> Option<bool> {
            let known = block.member("id").and_then(as_text)?;
            (!known.is_empty()).then(|| id.is_some_and(|id| known == id))
        };
        if let Some(index) = index {
            let same = |block: &Block| {
                block
                    .index
                    .as_deref()
                    .is_some_and(|known| known.get() == index.get())
            };
            let (position, block) = calls().find(|(_, block)| same(block))?;
            let other = id.is_some() && has_id(block) == Some(false);
            return (!other).then_some(position);
        }
        if id.is_some() {
            return calls()
                .find(|(_, block)| has_id(block) == Some(true))
                .map(|(position, _)| position);
        }
        let (position, last) = calls().next()?;
        (!(named && last.can_begin() && last.is_complete())).then_some(position)
    }

    fn push_image(&mut self, image: &Object, place: &Place<'_>) -> Result<(), ParseError> {
        let payload: Object = image
            .read("image_url")
            .map_err(|error| error.at(&place.to_string()))?
            .unwrap_or_default();
        let url = payload.get("url").and_then(as_text);
        let url = url.ok_or_else(|| {
            place
                .key("image_url")
                .key("url")
                .error("is required: a text")
        })?;
        let mut block = Block::new(Kind::Image, None);
        block.grow(&url);
        self.begin(block)?;
        Ok(())
    }

    fn push_annotations(
        &mut self,
        annotations: Vec<Object>,
        place: &Place<'_>,
        losses: &mut Losses,
    ) {
        for (index, annotation) in annotations.iter().enumerate() {
            let place = place.index(index);
            let Some(citation) = annotation.read::<Object>("url_citation").ok().flatten() else {
                losses.add(
                    &place,
                    "answers of this surface have citations of URLs only",
                );
                continue;
            };
            match self
                .blocks
                .iter()
                .rposition(|block| block.kind == Kind::Text)
            {
                None => self.early_annotations.push(citation),
                Some(position) if position < self.over => losses.add(&place, LATE),
                Some(position) => self.blocks[position].annotations.push(citation),
            }
        }
    }

    fn push_logprobs(
        &mut self,
        logprobs: &RawValue,
        place: &Place<'_>,
        losses: &mut Losses,
    ) -> Result<(), ParseError> {
        #[derive(Deserialize)]
        struct Logprobs {
            #[serde(default)]
            content: Option<Vec<Raw>>,
            #[serde(default)]
            refusal: Option<Vec<Raw>>,
        }
        let Some(logprobs) = place.read::<Option<Logprobs>>(logprobs)? else {
            return Ok(());
        };
        if logprobs.refusal.is_some_and(|list| !list.is_empty()) {
            losses.add(
                &place.key("refusal"),
                "refusals of this surface have no log probabilities",
            );
        }
        let content = logprobs.content.unwrap_or_default();
        let text = self.blocks[self.over..]
            .iter_mut()
            .rfind(|block| block.kind == Kind::Text);
        match text {
            Some(block) => block.logprobs.extend(content),
            None => self.early_logprobs.extend(content),
        }
        Ok(())
    }
}
