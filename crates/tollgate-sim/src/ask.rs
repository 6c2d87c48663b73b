//! A request for text, whatever its dialect: what the answer depends on.
//!
//! The simulator reads requests by itself, so that a mistake in the gateway's reading is seen.

use serde_json::{Map, Value};

use crate::draw::hash;
use crate::preferences::Preferences;
use crate::reply::Form;

/// A request for text, understood as far as the answer depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// The models to try, in order; never empty.
    pub(crate) models: Vec<String>,
    pub(crate) form: Form,
    /// The most output tokens, reasoning included.
    pub(crate) limit: Option<u64>,
    pub(crate) prompt: Vec<Turn>,
    pub(crate) subject: Subject,
    pub(crate) format: Format,
    pub(crate) call: Option<ToolAsk>,
    pub(crate) reasoning: ReasoningAsk,
    pub(crate) preferences: Preferences,
    pub(crate) session: Option<String>,
    pub(crate) has_images: bool,
    /// Sampling and other parameters that not every model supports, by the names in the catalog.
    pub(crate) parameters: Vec<&'static str>,
    /// What the answer is drawn from: the body without the keys that only say how it is delivered.
    pub(crate) essence: Vec<u8>,
}

/// What a dialect has in words of its own; everything else is the same key in all of them.
#[derive(Debug, Default)]
pub(crate) struct Reading<'a> {
    /// Never empty.
    pub(crate) prompt: Vec<Turn>,
    /// The text of the last message.
    pub(crate) last_text: String,
    /// Whether the last message is what a person said, and not what a tool did.
    pub(crate) from_user: bool,
    pub(crate) has_images: bool,
    pub(crate) tools: Vec<Tool<'a>>,
    pub(crate) choice: Choice<'a>,
    pub(crate) format: Format,
    pub(crate) reasoning: ReasoningAsk,
    pub(crate) limit: Option<u64>,
    /// Parameters that the dialect has under other names than the catalog.
    pub(crate) also: Vec<&'static str>,
}

/// A tool that can be called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool<'a> {
    pub(crate) name: &'a str,
    /// The JSON Schema of its arguments.
    pub(crate) parameters: Option<&'a Value>,
}

/// Which tool is to be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    Never,
    /// The one whose name the last message mentions, if it is a user's.
    #[default]
    Auto,
    Any,
    Named(&'a str),
}

/// One message, as far as counting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) fingerprint: u64,
    pub(crate) tokens: u64,
}

/// What the text of the answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Prose,
    Code,
    Mathematics,
}

/// The form of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Schema(Value),
}

/// A tool that the answer must call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToolAsk {
    pub(crate) name: String,
    pub(crate) parameters: Value,
}

/// What the request says about reasoning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReasoningAsk {
    pub(crate) effort: Option<String>,
    pub(crate) enabled: Option<bool>,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) exclude: bool,
}

impl ReasoningAsk {
    /// Whether there are to be no thoughts at all.
    pub(crate) fn is_off(&self) -> bool {
        self.enabled == Some(false) || self.effort.as_deref() == Some("none")
    }
}

/// Parameters that a model lists when it supports them.
const LISTED: [&str; 20] = [
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "top_a",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "max_tokens",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "seed",
    "response_format",
    "stop",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "verbosity",
];

/// Keys that change how an answer is delivered, and not what it says.
const DELIVERY: [&str; 4] = ["stream", "stream_options", "usage", "session_id"];

/// The model of a request that names none.
const DEFAULT_MODEL: &str = "openrouter/auto";

impl Ask {
    /// The request of a body, with what its dialect has read of it.
    ///
    /// # Errors
    /// The message for a 400.
    pub(crate) fn new(fields: &Map<String, Value>, reading: Reading<'_>) -> Result<Self, String> {
        let mut prompt = reading.prompt;
        if let (false, Some(first)) = (reading.tools.is_empty(), prompt.first_mut()) {
            // Tools stand before everything else, so they belong to the first turn.
            let text = fields
                .get("tools")
                .map_or_else(String::new, Value::to_string);
            first.tokens += count_tokens(&text);
            first.fingerprint ^= hash(text.as_bytes());
        }
        let call = chosen(
            &reading.tools,
            reading.choice,
            Some(reading.last_text.as_str()).filter(|_| reading.from_user),
        );
        Ok(Self {
            models: models(fields)?,
            form: form(fields)?,
            limit: reading.limit,
            prompt,
            subject: Subject::of(&reading.last_text),
            format: reading.format,
            call,
            reasoning: reading.reasoning,
            preferences: Preferences::of(fields.get("provider"))?,
            essence: essence(fields),
            session: fields
                .get("session_id")
                .and_then(Value::as_str)
                .map(str::to_owned),
            has_images: reading.has_images,
            parameters: LISTED
                .into_iter()
                .filter(|name| fields.contains_key(*name))
                .chain(reading.also)
                .collect(),
        })
    }

    /// The session of the header, where the body names none.
    pub(crate) fn in_session(mut self, header: Option<&str>) -> Self {
        self.session = self.session.or_else(|| header.map(str::to_owned));
        self
    }

    /// All input tokens: what the turns have, and three to begin the answer.
    pub(crate) fn prompt_tokens(&self) -> u64 {
        self.prompt.iter().map(|turn| turn.tokens).sum::<u64>() + 3
    }

    pub(crate) fn has(&self, parameter: &str) -> bool {
        self.parameters.contains(&parameter)
    }
}

/// Tokens of a text by the simulator's own rule: every started four letters or
/// digits in a row, and every other visible character, are one.
pub(crate) fn count_tokens(text: &str) -> u64 {
    let mut tokens = 0;
    let mut run = 0;
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            tokens += u64::from(run % 4 == 0);
            run += 1;
        } else {
            run = 0;
            tokens += u64::from(!character.is_whitespace());
        }
    }
    tokens
}

impl Turn {
    /// A message with this much in it.
    pub(crate) fn new(message: &Value, tokens: u64) -> Self {
        /// What the frame around each message counts.
        const FRAME: u64 = 4;
        Self {
            fingerprint: hash(message.to_string().as_bytes()),
            tokens: FRAME + tokens,
        }
    }
}

/// Tokens of a text, or of a list of parts.
pub(crate) fn content_tokens(content: &Value, part_tokens: impl Fn(&Value) -> u64) -> u64 {
    match content {
        Value::String(text) => count_tokens(text),
        Value::Array(parts) => parts.iter().map(part_tokens).sum(),
        _ => 0,
    }
}

/// Tokens of a part: its text, or else a medium's; an image counts like a page of text, other
/// media by the same number.
pub(crate) fn part_tokens(part: &Value) -> u64 {
    const MEDIUM: u64 = 258;
    part.get("text")
        .and_then(Value::as_str)
        .map_or(MEDIUM, count_tokens)
}

/// The text of a text, or of the text parts of a list.
pub(crate) fn content_text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

/// True when one of the parts is of this type.
pub(crate) fn has_part(content: Option<&Value>, kind: &str) -> bool {
    let parts = content.and_then(Value::as_array);
    parts.is_some_and(|parts| parts.iter().any(|part| type_of(part) == kind))
}

/// The `type` of a part, an item or a block.
pub(crate) fn type_of(value: &Value) -> &str {
    value
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

impl Subject {
    fn of(text: &str) -> Self {
        const CODE: [&str; 8] = [
            "```",
            "function",
            "code",
            "python",
            "rust",
            "javascript",
            "sql",
            "compile",
        ];
        const MATHEMATICS: [&str; 6] = [
            "prove",
            "equation",
            "solve",
            "calculate",
            "integral",
            "step by step",
        ];
        let text = text.to_lowercase();
        let mentions = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if mentions(&CODE) {
            Self::Code
        } else if mentions(&MATHEMATICS) {
            Self::Mathematics
        } else {
            Self::Prose
        }
    }
}

fn essence(fields: &Map<String, Value>) -> Vec<u8> {
    let mut fields = fields.clone();
    fields.retain(|key, _| !DELIVERY.contains(&key.as_str()));
    Value::Object(fields).to_string().into_bytes()
}

/// `model` first, then `models` (or the models of `fallbacks`), each once.
fn models(fields: &Map<String, Value>) -> Result<Vec<String>, String> {
    let mut models: Vec<String> = Vec::new();
    let fallbacks = fields
        .get("models")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let entries = fields
        .get("fallbacks")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    for name in fields
        .get("model")
        .filter(|model| !model.is_null())
        .into_iter()
        .chain(fallbacks)
        .chain(entries.iter().filter_map(|entry| entry.get("model")))
    {
        let name = name
            .as_str()
            .ok_or("Invalid request: model must be a string")?;
        if !models.iter().any(|known| known == name) {
            models.push(name.to_owned());
        }
    }
    if models.is_empty() {
        models.push(DEFAULT_MODEL.to_owned());
    }
    Ok(models)
}

/// A limit of output tokens, under the first of these keys that has one.
///
/// # Errors
/// The message for a 400.
pub(crate) fn limit(fields: &Map<String, Value>, keys: &[&str]) -> Result<Option<u64>, String> {
    let value = keys
        .iter()
        .find_map(|key| Some((key, fields.get(*key).filter(|value| !value.is_null())?)));
    let Some((key, value)) = value else {
        return Ok(None);
    };
    let limit = value.as_u64().filter(|limit| *limit > 0);
    limit
        .map(Some)
        .ok_or_else(|| format!("Invalid request: {key} must be a positive integer"))
}

fn form(fields: &Map<String, Value>) -> Result<Form, String> {
    match fields.get("stream") {
        None | Some(Value::Null | Value::Bool(false)) => Ok(Form::Whole),
        Some(Value::Bool(true)) => Ok(Form::Stream),
        Some(_) => Err("Invalid request: stream must be a boolean".into()),
    }
}

/// The tool to call, given the text of the last message if a user wrote it.
fn chosen(tools: &[Tool<'_>], choice: Choice<'_>, said: Option<&str>) -> Option<ToolAsk> {
    let mentioned = |name: &str| {
        said.is_some_and(|said| said.contains(name) || said.contains(&name.replace('_', " ")))
    };
    let tool = tools.iter().find(|tool| match choice {
        Choice::Never => false,
        Choice::Auto => mentioned(tool.name),
        Choice::Any => true,
        Choice::Named(name) => tool.name == name,
    })?;
    Some(ToolAsk {
        name: tool.name.to_owned(),
        parameters: tool.parameters.cloned().unwrap_or(Value::Null),
    })
}

#[cfg(test)]
mod tests {
    use super::{Choice, Subject, Tool, chosen, count_tokens, models};

    #[test]
    fn tokens_are_counted_by_runs_and_marks() {
        for (text, tokens) in [
            ("", 0),
            ("four", 1),
            ("fiver", 2),
            ("a b", 2),
            ("a, b!", 4),
            ("héllo", 3),
        ] {
            assert_eq!(count_tokens(text), tokens, "{text}");
        }
    }

    #[test]
    fn models_are_listed_once_in_order() {
        let body =
            serde_json::json!({"model": "a", "models": ["b", "a"], "fallbacks": [{"model": "c"}]});
        assert_eq!(models(body.as_object().unwrap()).unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn a_tool_is_called_when_the_choice_or_the_user_says_so() {
        let tools = ["get_time", "get_weather"].map(|name| Tool {
            name,
            parameters: None,
        });
        for (choice, said, name) in [
            (Choice::Any, Some("hi"), Some("get_time")),
            (Choice::Any, None, Some("get_time")),
            (
                Choice::Named("get_weather"),
                Some("hi"),
                Some("get_weather"),
            ),
            (Choice::Named("nothing"), Some("get_time"), None),
            (
                Choice::Auto,
                Some("please get weather for Oslo"),
                Some("get_weather"),
            ),
            (Choice::Auto, Some("hi"), None),
            (Choice::Auto, None, None),
            (Choice::Never, Some("get_weather"), None),
        ] {
            let call = chosen(&tools, choice, said).map(|call| call.name);
            assert_eq!(call.as_deref(), name, "{choice:?} {said:?}");
        }
    }

    #[test]
    fn the_subject_is_in_the_last_message() {
        assert_eq!(Subject::of("Write a Rust function"), Subject::Code);
        assert_eq!(Subject::of("Solve x + 1 = 2"), Subject::Mathematics);
        assert_eq!(Subject::of("Tell me a story"), Subject::Prose);
    }
}
