//! What the simulator reads of a chat request: its own reading, so that a
//! mistake in the gateway's is seen.

use serde_json::{Map, Value};

use crate::draw::hash;
use crate::preferences::Preferences;

/// A chat request, understood as far as the answer depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// The models to try, in order; never empty.
    pub(crate) models: Vec<String>,
    pub(crate) stream: bool,
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
    /// Sampling and other parameters that not every model supports.
    pub(crate) parameters: Vec<String>,
    /// What the answer is drawn from: the body without the keys that only say how it is delivered.
    pub(crate) essence: Vec<u8>,
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
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Format {
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
    /// Reads the body of a chat request.
    ///
    /// # Errors
    /// The message for a 400.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| format!("Invalid JSON in request body: {error}"))?;
        let fields = body
            .as_object()
            .ok_or("Invalid request: the body must be an object")?;
        let messages = messages(fields)?;
        let last = messages
            .last()
            .ok_or("Invalid request: messages must not be empty")?;
        let last_text = text_of(last);
        let tools = fields
            .get("tools")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut prompt: Vec<Turn> = messages.iter().map(Turn::of).collect();
        if let (false, Some(first)) = (tools.is_empty(), prompt.first_mut()) {
            // Tools stand before everything else, so they belong to the first turn.
            let text = fields["tools"].to_string();
            first.tokens += count_tokens(&text);
            first.fingerprint ^= hash(text.as_bytes());
        }
        Ok(Self {
            models: models(fields)?,
            stream: flag(fields, "stream")?.unwrap_or(false),
            limit: limit(fields)?,
            prompt,
            subject: Subject::of(&last_text),
            format: Format::of(fields.get("response_format")),
            call: tool_ask(tools, fields.get("tool_choice"), last, &last_text),
            reasoning: ReasoningAsk::of(fields)?,
            preferences: Preferences::of(fields.get("provider"))?,
            essence: essence(fields),
            session: fields
                .get("session_id")
                .and_then(Value::as_str)
                .map(str::to_owned),
            has_images: messages.iter().any(has_image),
            parameters: LISTED
                .into_iter()
                .filter(|name| fields.contains_key(*name))
                .map(str::to_owned)
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
        self.parameters.iter().any(|name| name == parameter)
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
    fn of(message: &Value) -> Self {
        /// What the frame around each message counts.
        const FRAME: u64 = 4;
        let content = message.get("content").map_or(0, content_tokens);
        let calls = message
            .get("tool_calls")
            .map_or(0, |calls| count_tokens(&calls.to_string()));
        Self {
            fingerprint: hash(message.to_string().as_bytes()),
            tokens: FRAME + content + calls,
        }
    }
}

/// An image counts like a page of text; other media by a fixed number too.
fn content_tokens(content: &Value) -> u64 {
    const MEDIUM: u64 = 258;
    match content {
        Value::String(text) => count_tokens(text),
        Value::Array(parts) => parts
            .iter()
            .map(|part| {
                part.get("text")
                    .and_then(Value::as_str)
                    .map_or(MEDIUM, count_tokens)
            })
            .sum(),
        _ => 0,
    }
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

impl Format {
    fn of(format: Option<&Value>) -> Self {
        let Some(format) = format else {
            return Self::Text;
        };
        match format.get("type").and_then(Value::as_str) {
            Some("json_object") => Self::Json,
            Some("json_schema") => match format.pointer("/json_schema/schema") {
                Some(schema) => Self::Schema(schema.clone()),
                None => Self::Json,
            },
            _ => Self::Text,
        }
    }
}

impl ReasoningAsk {
    fn of(fields: &Map<String, Value>) -> Result<Self, String> {
        let reasoning = fields.get("reasoning");
        let effort = reasoning
            .and_then(|reasoning| reasoning.get("effort"))
            .and_then(Value::as_str);
        let short = fields.get("reasoning_effort").and_then(Value::as_str);
        if let (Some(effort), Some(short)) = (effort, short)
            && effort != short
        {
            return Err("reasoning.effort and reasoning_effort differ".into());
        }
        let max_tokens = reasoning
            .and_then(|reasoning| reasoning.get("max_tokens"))
            .and_then(Value::as_u64);
        if effort.is_some() && max_tokens.is_some() {
            return Err(
                "Only one of reasoning.effort and reasoning.max_tokens can be specified".into(),
            );
        }
        let boolean = |key| {
            reasoning
                .and_then(|reasoning| reasoning.get(key))
                .and_then(Value::as_bool)
        };
        Ok(Self {
            effort: effort.or(short).map(str::to_owned),
            enabled: boolean("enabled"),
            max_tokens,
            exclude: boolean("exclude") == Some(true)
                || fields.get("include_reasoning") == Some(&Value::Bool(false)),
        })
    }
}

fn messages(fields: &Map<String, Value>) -> Result<Vec<Value>, String> {
    if let Some(messages) = fields.get("messages") {
        let messages = messages
            .as_array()
            .ok_or("Invalid request: messages must be an array")?;
        let without_role = messages
            .iter()
            .position(|message| message.get("role").and_then(Value::as_str).is_none());
        return match without_role {
            Some(index) => Err(format!("Invalid request: messages[{index}] has no role")),
            None => Ok(messages.clone()),
        };
    }
    let prompt = fields
        .get("prompt")
        .and_then(Value::as_str)
        .ok_or("Input required: specify \"prompt\" or \"messages\"")?;
    Ok(vec![serde_json::json!({"role": "user", "content": prompt})])
}

fn essence(fields: &Map<String, Value>) -> Vec<u8> {
    let mut fields = fields.clone();
    fields.retain(|key, _| !DELIVERY.contains(&key.as_str()));
    Value::Object(fields).to_string().into_bytes()
}

/// `model` first, then `models`, each once.
fn models(fields: &Map<String, Value>) -> Result<Vec<String>, String> {
    let mut models: Vec<String> = Vec::new();
    let fallbacks = fields
        .get("models")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    for name in fields
        .get("model")
        .filter(|model| !model.is_null())
        .into_iter()
        .chain(fallbacks)
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

fn limit(fields: &Map<String, Value>) -> Result<Option<u64>, String> {
    for key in ["max_completion_tokens", "max_tokens"] {
        match fields.get(key) {
            None | Some(Value::Null) => {}
            Some(value) => {
                let limit = value.as_u64().filter(|limit| *limit > 0);
                return limit
                    .map(Some)
                    .ok_or_else(|| format!("Invalid request: {key} must be a positive integer"));
            }
        }
    }
    Ok(None)
}

fn flag(fields: &Map<String, Value>, key: &str) -> Result<Option<bool>, String> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_bool()
            .map(Some)
            .ok_or_else(|| format!("Invalid request: {key} must be a boolean")),
    }
}

/// The tool to call: the named one, any when a call is required, and by itself
/// (`auto`) the one whose name the last user message mentions.
fn tool_ask(
    tools: &[Value],
    choice: Option<&Value>,
    last: &Value,
    last_text: &str,
) -> Option<ToolAsk> {
    let name_of = |tool: &Value| {
        tool.pointer("/function/name")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let named = choice
        .and_then(|choice| choice.pointer("/function/name"))
        .and_then(Value::as_str);
    let word = choice.and_then(Value::as_str).unwrap_or("auto");
    let from_user = last.get("role").and_then(Value::as_str) == Some("user");
    let tool = tools.iter().find(|tool| {
        let Some(name) = name_of(tool) else {
            return false;
        };
        match (named, word) {
            (Some(named), _) => name == named,
            (None, "required") => true,
            (None, "auto") => {
                from_user
                    && (last_text.contains(&name) || last_text.contains(&name.replace('_', " ")))
            }
            (None, _) => false,
        }
    })?;
    let parameters = tool
        .pointer("/function/parameters")
        .cloned()
        .unwrap_or(Value::Null);
    Some(ToolAsk {
        name: name_of(tool)?,
        parameters,
    })
}

fn text_of(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

fn has_image(message: &Value) -> bool {
    let parts = message.get("content").and_then(Value::as_array);
    parts.is_some_and(|parts| {
        parts
            .iter()
            .any(|part| part.get("type").and_then(Value::as_str) == Some("image_url"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Ask, Subject, count_tokens};

    fn ask(body: serde_json::Value) -> Result<Ask, String> {
        Ask::parse(body.to_string().as_bytes())
    }

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
        let ask = ask(
            json!({"model": "a", "models": ["b", "a", "c"], "messages": [{"role": "user", "content": "hi"}]}),
        );
        assert_eq!(ask.unwrap().models, ["a", "b", "c"]);
    }

    #[test]
    fn tools_are_called_when_asked_for() {
        let called = |choice: serde_json::Value, text: &str| {
            ask(json!({
                "messages": [{"role": "user", "content": text}], "tool_choice": choice,
                "tools": [{"type": "function", "function": {"name": "get_time"}}, {"type": "function", "function": {"name": "get_weather"}}],
            }))
            .unwrap()
            .call
            .map(|call| call.name)
        };
        assert_eq!(called(json!("required"), "hi").as_deref(), Some("get_time"));
        assert_eq!(
            called(
                json!({"type": "function", "function": {"name": "get_weather"}}),
                "hi"
            )
            .as_deref(),
            Some("get_weather")
        );
        assert_eq!(
            called(json!("auto"), "please get weather for Oslo").as_deref(),
            Some("get_weather")
        );
        assert_eq!(called(json!("auto"), "hi"), None);
        assert_eq!(called(json!("none"), "get_weather"), None);
    }

    #[test]
    fn bad_requests_say_why() {
        let hi = json!([{"role": "user", "content": "hi"}]);
        for (body, part) in [
            (json!([]), "object"),
            (json!({}), "Input required"),
            (json!({"messages": []}), "empty"),
            (
                json!({"messages": [{"content": "hi"}]}),
                "messages[0] has no role",
            ),
            (json!({"messages": hi, "max_tokens": 0}), "positive"),
            (json!({"messages": hi, "stream": "yes"}), "boolean"),
            (
                json!({"messages": hi, "reasoning": {"effort": "low"}, "reasoning_effort": "high"}),
                "differ",
            ),
        ] {
            let message = ask(body.clone()).unwrap_err();
            assert!(message.contains(part), "{body}: {message}");
        }
    }

    #[test]
    fn the_subject_is_in_the_last_message() {
        assert_eq!(Subject::of("Write a Rust function"), Subject::Code);
        assert_eq!(Subject::of("Solve x + 1 = 2"), Subject::Mathematics);
        assert_eq!(Subject::of("Tell me a story"), Subject::Prose);
    }
}
