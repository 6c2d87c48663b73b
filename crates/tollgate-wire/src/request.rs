//! A request of any surface: the object it came as, and what a gateway reads of all of them alike.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::document::{Field, read_field};
use crate::json::is_null;
use crate::raw::as_text;
use crate::{
    ChatRequest, EmbeddingsRequest, MessageView, Modality, Object, ParseError, ProviderPreferences,
    Reasoning, ReasoningEffort, Role, Surface, Text,
};

/// A request, of whichever surface. Whatever it came with goes on, known or not.
///
/// ```
/// use tollgate_wire::{Request, Surface};
/// let body = br#"{"model":"a/b","max_tokens":100,"messages":[{"role":"user","content":"Hello"}],"of_tomorrow":1.0}"#;
/// let request = Request::parse(Surface::Messages, body)?;
/// assert_eq!((request.max_output_tokens(), request.turns()?.len()), (Some(100), 1));
/// assert_eq!(request.object().to_vec(), body);
/// # Ok::<(), tollgate_wire::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    surface: Surface,
    object: Object,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// When the text is not a JSON object, has a key twice, or lacks what the model is to read. Messages and items
    /// themselves are read by [`turns`](Self::turns).
    pub fn parse(surface: Surface, bytes: &[u8]) -> Result<Self, ParseError> {
        Self::from_object(surface, Object::parse(bytes)?)
    }

    /// Takes an object as a request.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_object(surface: Surface, object: Object) -> Result<Self, ParseError> {
        if surface == Surface::Chat {
            return ChatRequest::from_object(object).map(Self::from);
        }
        if let Some(key) = object.duplicate_key() {
            return Err(ParseError::new("is there twice; send it once").at(key));
        }
        let fields = surface.fields();
        let [.., required] = fields.prompt else {
            return Ok(Self { surface, object });
        };
        let is_there = object.get(required).is_some_and(|value| {
            let text = value.get();
            !is_null(value) && text.trim_start_matches('[').trim_start() != "]"
        });
        if !is_there {
            return Err(ParseError::new(format!("is required: {}", fields.expected)).at(required));
        }
        Ok(Self { surface, object })
    }

    /// The shape that the request has.
    pub fn surface(&self) -> Surface {
        self.surface
    }

    /// The body.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// The body, to change any member of it.
    pub fn object_mut(&mut self) -> &mut Object {
        &mut self.object
    }

    /// The body, given up.
    pub fn into_object(self) -> Object {
        self.object
    }

    // === what is the same everywhere ===

    /// The model asked for.
    pub fn model(&self) -> Option<Cow<'_, str>> {
        self.object.get("model").and_then(as_text)
    }

    /// The fallback models asked for, in order: `models`, or the models of Messages' `fallbacks`; empty when there are
    /// none.
    pub fn models(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Fallback {
            model: String,
        }
        if let Some(models) = self.value("models") {
            return models;
        }
        let fallbacks: Vec<Fallback> = self
            .object
            .read("fallbacks")
            .ok()
            .flatten()
            .unwrap_or_default();
        fallbacks.into_iter().map(|one| one.model).collect()
    }

    /// Whether the answer is to be a stream.
    pub fn stream(&self) -> bool {
        self.surface.streams() && self.value("stream").unwrap_or(false)
    }

    /// Preferences among providers.
    ///
    /// # Errors
    /// When they are not an object or a known key has a value of another kind.
    pub fn provider(&self) -> Result<Option<ProviderPreferences>, ParseError> {
        read_field(&self.object, "provider")
    }

    /// The tools, as an array.
    pub fn tools(&self) -> Option<&RawValue> {
        self.raw("tools")
    }

    /// What may come out; empty means text.
    pub fn modalities(&self) -> Vec<Modality> {
        self.value("modalities").unwrap_or_default()
    }

    /// How many answers are asked for, and paid: `n`, and of completions as many for each of their prompts, or
    /// `best_of`, of which only the best are shown.
    ///
    /// # Errors
    /// When one of them is no number.
    pub fn answers(&self) -> Result<u64, ParseError> {
        let asked: Option<u64> = read_field(&self.object, "n")?;
        let asked = asked.unwrap_or(1).max(1);
        if self.surface != Surface::Completions {
            return Ok(asked);
        }
        let best_of: Option<u64> = read_field(&self.object, "best_of")?;
        Ok(asked
            .max(best_of.unwrap_or(1))
            .saturating_mul(self.prompts()))
    }

    /// How many texts are to be completed. A list of numbers is one, by its tokens.
    fn prompts(&self) -> u64 {
        let prompt = self.raw("prompt");
        let elements: Vec<&RawValue> = prompt
            .filter(|prompt| prompt.get().starts_with('[') && !are_token_ids(prompt))
            .and_then(|prompt| serde_json::from_str(prompt.get()).ok())
            .unwrap_or_default();
        let texts = elements
            .iter()
            .filter(|one| one.get().starts_with(['"', '[']));
        (texts.count() as u64).max(1)
    }

    // === what each surface has in a place of its own ===

    /// The most tokens that may come out; `None` where the request does not say. Of two limits the lower one holds.
    pub fn max_output_tokens(&self) -> Option<u64> {
        let limits = self.surface.output_limits();
        limits.iter().filter_map(|limit| self.value(limit)).min()
    }

    /// The form of the answer: `response_format` and its likes.
    pub fn answer_format(&self) -> Option<Cow<'_, RawValue>> {
        self.at(self.surface.fields().format)
    }

    /// The end user.
    pub fn user(&self) -> Option<String> {
        let ways = self.surface.fields().user;
        ways.iter().find_map(|way| {
            self.at(way)
                .and_then(|raw| Some(as_text(&raw)?.into_owned()))
        })
    }

    /// Whether a tool must be called, be it a certain one or any.
    pub fn forces_tool(&self) -> bool {
        #[derive(Deserialize)]
        struct Choice<'a> {
            #[serde(borrow, rename = "type")]
            kind: Text<'a>,
        }
        let Some(choice) = self.raw("tool_choice") else {
            return false;
        };
        match as_text(choice) {
            Some(word) => word == "required",
            None => serde_json::from_str::<Choice<'_>>(choice.get())
                .is_ok_and(|choice| !matches!(choice.kind.as_str(), "auto" | "none")),
        }
    }

    /// How to reason. Messages' `thinking` and `output_config.effort` are read as what they mean elsewhere.
    ///
    /// # Errors
    /// When a member of it has a value of another kind.
    pub fn reasoning(&self) -> Result<Option<Reasoning>, ParseError> {
        if self.surface == Surface::Messages {
            return self.thinking();
        }
        let mut reasoning: Option<Reasoning> = read_field(&self.object, "reasoning")?;
        if let Some(effort) =
            read_field::<Option<ReasoningEffort>>(&self.object, "reasoning_effort")?
        {
            reasoning
                .get_or_insert_default()
                .effort
                .get_or_insert(effort);
        }
        if let Some(include) = read_field::<Option<bool>>(&self.object, "include_reasoning")? {
            reasoning
                .get_or_insert_default()
                .exclude
                .get_or_insert(!include);
        }
        Ok(reasoning)
    }

    fn thinking(&self) -> Result<Option<Reasoning>, ParseError> {
        let effort: Option<ReasoningEffort> = match self.at(&["output_config", "effort"]) {
            Some(raw) => Some(
                Field::from_raw(&raw)
                    .map_err(|error: ParseError| error.at("output_config.effort"))?,
            ),
            None => None,
        };
        let thinking: Option<Object> = read_field(&self.object, "thinking")?;
        let Some(thinking) = thinking else {
            return Ok(effort.map(Reasoning::with_effort));
        };
        let kind: Option<Text<'_>> = thinking.read("type")?;
        let is_on = kind.is_none_or(|kind| kind.as_str() != "disabled");
        let mut reasoning = Reasoning::off();
        if is_on {
            reasoning.enabled = Some(true);
            reasoning.effort = effort;
            reasoning.max_tokens = thinking.read("budget_tokens")?;
        }
        Ok(Some(reasoning))
    }

    // === what the model reads ===

    /// Bytes of JSON text that can become text for the model, tools and formats apart.
    pub fn prompt_bytes(&self) -> usize {
        let prompt = self.surface.fields().prompt.iter();
        prompt
            .filter_map(|key| self.raw(key))
            .map(|raw| raw.get().len())
            .sum()
    }

    /// What the model reads, borrowed, in the order in which it reads it. A list that begins with a number is one turn:
    /// its elements are the tokens of a text, and there can be millions.
    ///
    /// # Errors
    /// When a message is not an object with a role; the place names it.
    pub fn turns(&self) -> Result<Vec<Turn<'_>>, ParseError> {
        let mut turns = Vec::new();
        for key in self.surface.fields().prompt {
            let Some(raw) = self.raw(key) else { continue };
            let role = match *key {
                "instructions" | "system" => Role::System,
                _ => Role::User,
            };
            match (*key, raw.get().starts_with('[')) {
                (_, false) | ("system", true) => turns.push(Turn::of(role, raw)),
                ("input" | "prompt", true) if are_token_ids(raw) => turns.push(Turn::of(role, raw)),
                ("messages", true) => turns.extend(each(raw, key, |one: MessageView<'_>| Turn {
                    role: one.role,
                    content: one.content,
                    extras: [one.tool_calls, one.reasoning_details],
                })?),
                (_, true) => turns.extend(each(raw, key, Turn::of_item)?),
            }
        }
        Ok(turns)
    }

    fn raw(&self, key: &str) -> Option<&RawValue> {
        self.object.get(key).filter(|raw| !is_null(raw))
    }

    /// An option that a gateway only looks at: a value of another kind is for the provider to refuse.
    fn value<T: Field>(&self, key: &str) -> Option<T> {
        T::from_raw(self.raw(key)?).ok()
    }

    /// The value at the end of a way of keys.
    fn at(&self, way: &[&str]) -> Option<Cow<'_, RawValue>> {
        let (first, rest) = way.split_first()?;
        let mut found = Cow::Borrowed(self.raw(first)?);
        for key in rest {
            let inner = Object::parse(found.get().as_bytes()).ok()?;
            found = Cow::Owned(inner.get(key).filter(|raw| !is_null(raw))?.to_owned());
        }
        Some(found)
    }
}

impl From<ChatRequest> for Request {
    fn from(request: ChatRequest) -> Self {
        Self {
            surface: Surface::Chat,
            object: request.into_object(),
        }
    }
}

impl From<EmbeddingsRequest> for Request {
    fn from(request: EmbeddingsRequest) -> Self {
        Self {
            surface: Surface::Embeddings,
            object: request.into_object(),
        }
    }
}

/// A piece of what the model reads: a message, an item, instructions, a text.
#[derive(Clone, Debug)]
pub struct Turn<'a> {
    /// Who says it.
    pub role: Role,
    /// A text, an array of parts, or nothing.
    pub content: Option<&'a RawValue>,
    /// Whatever else of it the model reads, such as calls of tools.
    pub extras: [Option<&'a RawValue>; 2],
}

impl<'a> Turn<'a> {
    fn of(role: Role, content: &'a RawValue) -> Self {
        Self {
            role,
            content: Some(content),
            extras: [None, None],
        }
    }

    /// An element of an `input` or `prompt`: a text, a message, a call or its output, token ids.
    fn of_item(item: &'a RawValue) -> Self {
        #[derive(Deserialize)]
        struct Item<'a> {
            #[serde(default)]
            role: Option<Role>,
            #[serde(borrow, default)]
            content: Option<&'a RawValue>,
            #[serde(borrow, default, rename = "type")]
            kind: Option<Text<'a>>,
            #[serde(borrow, default)]
            output: Option<&'a RawValue>,
        }
        let read = match item.get().starts_with('{') {
            true => serde_json::from_str::<Item<'a>>(item.get()).ok(),
            false => return Self::of(Role::User, item),
        };
        let kind = read.as_ref().and_then(|item| item.kind.as_deref());
        let is_message = kind.is_none_or(|kind| kind == "message");
        let is_output = kind.is_some_and(|kind| kind.ends_with("_output"));
        match read {
            Some(item) if is_message && item.content.is_some() => Self {
                role: item.role.unwrap_or(Role::User),
                content: item.content,
                extras: [None, None],
            },
            // What a tool answered may hold images.
            Some(item) if is_output && item.output.is_some() => Self {
                role: Role::Tool,
                content: item.output,
                extras: [None, None],
            },
            _ => Self {
                role: Role::Assistant,
                content: None,
                extras: [Some(item), None],
            },
        }
    }
}

/// Whether a list begins with a number, which in a prompt means that it is a text by its tokens.
fn are_token_ids(list: &RawValue) -> bool {
    let elements = list.get().strip_prefix('[').map(str::trim_start);
    elements
        .is_some_and(|text| text.starts_with(|first: char| first == '-' || first.is_ascii_digit()))
}

/// Reads the elements of an array; an error names the one at fault.
fn each<'a, T: Deserialize<'a>, R>(
    raw: &'a RawValue,
    key: &str,
    turn: impl Fn(T) -> R,
) -> Result<Vec<R>, ParseError> {
    if let Ok(elements) = serde_json::from_str::<Vec<T>>(raw.get()) {
        return Ok(elements.into_iter().map(turn).collect());
    }
    // Looked for only once something is known to be wrong.
    let elements: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|error| ParseError::from(error).at(key))?;
    let read = |(index, element): (usize, &&'a RawValue)| {
        let read = serde_json::from_str::<T>(element.get());
        read.map(&turn)
            .map_err(|error| ParseError::from(error).at_index(index).at(key))
    };
    elements.iter().enumerate().map(read).collect()
}
