//! The chat request: an object with accessors for what a gateway reads and builders for what a caller writes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::document::read_field;
use crate::envelope::{envelope, options};
use crate::json::is_null;
use crate::raw::as_text;
use crate::{
    Message, MessageView, Modality, Object, ParseError, Plugin, ProviderPreferences, Raw,
    Reasoning, ReasoningEffort, ResponseFormat, ServiceTier, Surface, Tool, ToolChoice, Verbosity,
};

envelope! {
    /// A request for a chat completion. Whatever it came with goes on, known or not.
    ///
    /// ```
    /// use tollgate_wire::{ChatRequest, Message};
    /// let request = ChatRequest::new([Message::user("Hello")])?.with_model("openai/gpt-4o-mini").with_temperature(0.2);
    /// let request = ChatRequest::parse(&request.to_vec())?;
    /// assert_eq!(request.model().as_deref(), Some("openai/gpt-4o-mini"));
    /// # Ok::<(), tollgate_wire::ParseError>(())
    /// ```
    pub struct ChatRequest;
}

/// Whether an answer comes whole or as a stream of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// One body.
    Whole,
    /// Server-sent events.
    Stream,
}

impl ChatRequest {
    /// A request with messages and nothing else.
    ///
    /// # Errors
    /// When there are no messages.
    pub fn new(messages: impl IntoIterator<Item = Message>) -> Result<Self, ParseError> {
        let messages: Vec<Message> = messages.into_iter().collect();
        let mut object = Object::new();
        object.put("messages", &messages);
        Self::from_object(object)
    }

    /// A legacy request to continue a text, without messages.
    pub fn from_prompt(prompt: &str) -> Self {
        let mut object = Object::new();
        object.put("prompt", prompt);
        Self(object)
    }

    /// Reads a request.
    ///
    /// # Errors
    /// When the text is not a JSON object, has a key twice, or has neither messages nor a prompt. The messages
    /// themselves are read by [`ChatRequest::messages`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::from_object(Object::parse(bytes)?)
    }

    /// Takes an object as a request.
    ///
    /// # Errors
    /// When it has a key twice, or has neither messages nor a prompt.
    pub fn from_object(object: Object) -> Result<Self, ParseError> {
        if let Some(key) = object.duplicate_key() {
            // Readers differ in which of the two they obey, so a limit checked here might not be the one obeyed upstream.
            return Err(ParseError::new("is there twice; send it once").at(key));
        }
        match object.get("messages").filter(|raw| !is_null(raw)) {
            Some(messages) => check_messages(messages)?,
            None if object.has_value("prompt") => {}
            None => {
                return Err(
                    ParseError::new("is required: an array of at least one message").at("messages"),
                );
            }
        }
        Ok(Self(object))
    }

    /// The model asked for.
    pub fn model(&self) -> Option<Cow<'_, str>> {
        self.text("model")
    }

    /// The fallback models asked for, in order; empty when there are none.
    pub fn models(&self) -> Vec<String> {
        self.value("models").unwrap_or_default()
    }

    /// The messages, borrowed; empty for a request with a `prompt`.
    ///
    /// # Errors
    /// When a message is not an object with a role; the place names it.
    pub fn messages(&self) -> Result<Vec<MessageView<'_>>, ParseError> {
        let Some(messages) = self.0.get("messages").filter(|raw| !is_null(raw)) else {
            return Ok(Vec::new());
        };
        serde_json::from_str(messages.get()).map_err(|error| locate(messages, error))
    }

    /// The prompt of a legacy completion.
    pub fn prompt(&self) -> Option<&RawValue> {
        self.raw("prompt")
    }

    /// The most tokens that may come out: `max_completion_tokens` or `max_tokens`, of both the lower one.
    pub fn max_output_tokens(&self) -> Option<u64> {
        let limits = Surface::Chat.output_limits();
        limits.iter().filter_map(|limit| self.value(limit)).min()
    }

    /// Whether the answer is to be a stream.
    pub fn stream(&self) -> bool {
        self.value("stream").unwrap_or(false)
    }

    /// The tools, as an array.
    pub fn tools(&self) -> Option<&RawValue> {
        self.raw("tools")
    }

    /// Which tool must or may be called.
    pub fn tool_choice(&self) -> Option<&RawValue> {
        self.raw("tool_choice")
    }

    /// The form of the answer.
    pub fn response_format(&self) -> Option<&RawValue> {
        self.raw("response_format")
    }

    /// How to reason, from `reasoning` and its shorthands `reasoning_effort` and `include_reasoning`.
    ///
    /// # Errors
    /// When one of them has a value of another kind.
    pub fn reasoning(&self) -> Result<Option<Reasoning>, ParseError> {
        let mut reasoning: Option<Reasoning> = read_field(&self.0, "reasoning")?;
        if let Some(effort) = read_field::<Option<ReasoningEffort>>(&self.0, "reasoning_effort")? {
            reasoning
                .get_or_insert_default()
                .effort
                .get_or_insert(effort);
        }
        if let Some(include) = read_field::<Option<bool>>(&self.0, "include_reasoning")? {
            reasoning
                .get_or_insert_default()
                .exclude
                .get_or_insert(!include);
        }
        Ok(reasoning)
    }

    /// Preferences among providers.
    ///
    /// # Errors
    /// When they are not an object or a known key has a value of another kind.
    pub fn provider(&self) -> Result<Option<ProviderPreferences>, ParseError> {
        read_field(&self.0, "provider")
    }

    /// Plugins asked for or switched off.
    ///
    /// # Errors
    /// When one has no `id`.
    pub fn plugins(&self) -> Result<Vec<Plugin>, ParseError> {
        read_field(&self.0, "plugins")
    }

    /// What may come out; empty means text.
    pub fn modalities(&self) -> Vec<Modality> {
        self.value("modalities").unwrap_or_default()
    }

    /// The service tier asked for.
    pub fn service_tier(&self) -> Option<ServiceTier> {
        self.value("service_tier")
    }

    /// The session, for sticky routing.
    pub fn session_id(&self) -> Option<Cow<'_, str>> {
        self.text("session_id")
    }

    /// The end user.
    pub fn user(&self) -> Option<Cow<'_, str>> {
        self.text("user")
    }

    options! {
        /// The model to ask, with a variant suffix if wanted.
        text with_model = "model";
        /// Models to try in order, after `model`.
        list with_models = "models";
        /// Preferences among providers.
        value with_provider: ProviderPreferences = "provider";
        /// A preset, by slug.
        text with_preset = "preset";
        /// The most tokens that may come out, reasoning included.
        value with_max_completion_tokens: u64 = "max_completion_tokens";
        /// The most tokens that may come out, under the older name that more providers know.
        value with_max_tokens: u64 = "max_tokens";
        /// Randomness, 0 to 2.
        value with_temperature: f64 = "temperature";
        /// Share of probability to sample from, 0 to 1.
        value with_top_p: f64 = "top_p";
        /// Number of tokens to sample from; 1 is greedy.
        value with_top_k: u64 = "top_k";
        /// Least probability relative to the best, 0 to 1.
        value with_min_p: f64 = "min_p";
        /// Least probability by the square of the best, 0 to 1.
        value with_top_a: f64 = "top_a";
        /// Penalty by frequency, −2 to 2.
        value with_frequency_penalty: f64 = "frequency_penalty";
        /// Penalty for presence, −2 to 2.
        value with_presence_penalty: f64 = "presence_penalty";
        /// Penalty for repetition, 0 to 2, 1 is none.
        value with_repetition_penalty: f64 = "repetition_penalty";
        /// Seed of the sampling.
        value with_seed: i64 = "seed";
        /// Up to four texts that end the answer.
        list with_stop = "stop";
        /// Bias by token id, −100 to 100.
        value with_logit_bias: BTreeMap<String, f64> = "logit_bias";
        /// Whether log probabilities are returned.
        value with_logprobs: bool = "logprobs";
        /// How many alternatives have log probabilities, 0 to 20.
        value with_top_logprobs: u64 = "top_logprobs";
        /// Which tool must or may be called.
        value with_tool_choice: ToolChoice = "tool_choice";
        /// Whether several tools may be called at once.
        value with_parallel_tool_calls: bool = "parallel_tool_calls";
        /// The form of the answer.
        value with_response_format: ResponseFormat = "response_format";
        /// Whether structured answers are wanted, by the legacy flag.
        value with_structured_outputs: bool = "structured_outputs";
        /// The deprecated form of `provider.sort.partition`: `fallback` or `sort`.
        text with_route = "route";
        /// Shorthand of the effort in `reasoning`.
        value with_reasoning_effort: ReasoningEffort = "reasoning_effort";
        /// Legacy form of the opposite of `exclude` in `reasoning`.
        value with_include_reasoning: bool = "include_reasoning";
        /// How to reason.
        value with_reasoning: Reasoning = "reasoning";
        /// How long to answer.
        value with_verbosity: Verbosity = "verbosity";
        /// What may come out.
        value with_modalities: Vec<Modality> = "modalities";
        /// Options of image output, such as `aspect_ratio`.
        value with_image_config: Object = "image_config";
        /// Options of audio output: `voice` and `format`. Needs a stream.
        value with_audio: Object = "audio";
        /// An automatic cache breakpoint on the last block.
        value with_cache_control: CacheControl = "cache_control";
        /// A key for the provider's cache.
        text with_prompt_cache_key = "prompt_cache_key";
        /// Options of OpenAI's prompt cache.
        value with_prompt_cache_options: Object = "prompt_cache_options";
        /// The service tier to use.
        value with_service_tier: ServiceTier = "service_tier";
        /// The session, up to 256 characters, for sticky routing and grouping.
        text with_session_id = "session_id";
        /// The end user, up to 256 characters.
        text with_user = "user";
        /// Up to 16 pairs for the logs.
        value with_metadata: BTreeMap<String, String> = "metadata";
        /// Ids for tracing.
        value with_trace: Object = "trace";
        /// Options of models with native search.
        value with_web_search_options: Object = "web_search_options";
        /// Conditions that end the loop of server tools.
        value with_stop_server_tools_when: Vec<Object> = "stop_server_tools_when";
        /// Tools whose definitions are searched for when needed.
        value with_deferred_tools: Object = "deferred_tools";
        /// Legacy transforms; the `context-compression` plugin is their successor.
        list with_transforms = "transforms";
    }

    /// Whether the answer comes whole or as a stream.
    #[must_use]
    pub fn with_stream(mut self, delivery: Delivery) -> Self {
        self.0.put("stream", &(delivery == Delivery::Stream));
        self
    }

    /// Asks for usage at the end of a stream. OpenRouter always sends it; other servers only when asked.
    #[must_use]
    pub fn with_stream_usage(mut self) -> Self {
        self.0
            .put("stream_options", &BTreeMap::from([("include_usage", true)]));
        self
    }

    /// Text that the answer is expected to repeat.
    #[must_use]
    pub fn with_prediction(mut self, content: &str) -> Self {
        let mut prediction = Object::new();
        prediction.put("type", "content");
        prediction.put("content", content);
        self.0.put("prediction", &prediction);
        self
    }

    /// Asks for the body that went to the provider, in a chunk of the stream.
    #[must_use]
    pub fn with_upstream_echo(mut self) -> Self {
        self.0
            .put("debug", &BTreeMap::from([("echo_upstream_body", true)]));
        self
    }

    /// Adds a tool.
    ///
    /// # Errors
    /// When the tools that are there are not an array.
    pub fn with_tool(self, tool: &Tool) -> Result<Self, ParseError> {
        self.with_element("tools", tool)
    }

    /// Adds a plugin.
    ///
    /// # Errors
    /// When the plugins that are there are not an array.
    pub fn with_plugin(self, plugin: &Plugin) -> Result<Self, ParseError> {
        self.with_element("plugins", plugin)
    }

    /// Adds a message at the end.
    ///
    /// # Errors
    /// When the messages that are there are not an array.
    pub fn with_message(self, message: &Message) -> Result<Self, ParseError> {
        self.with_element("messages", message)
    }

    fn with_element<T: serde::Serialize>(
        mut self,
        key: &str,
        element: &T,
    ) -> Result<Self, ParseError> {
        let mut elements: Vec<Raw> = self.0.read(key)?.unwrap_or_default();
        elements.push(Raw::of(element)?);
        self.0.set(key, &elements)?;
        Ok(self)
    }

    fn raw(&self, key: &str) -> Option<&RawValue> {
        self.0.get(key).filter(|raw| !is_null(raw))
    }

    fn text(&self, key: &str) -> Option<Cow<'_, str>> {
        self.0.get(key).and_then(as_text)
    }

    /// An option that a gateway only looks at: a value of another kind is for the provider to refuse.
    fn value<T: crate::document::Field>(&self, key: &str) -> Option<T> {
        T::from_raw(self.raw(key)?).ok()
    }
}

/// A mark up to which the prompt is cached.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "type", rename = "ephemeral")]
pub struct CacheControl {
    /// How long: `5m` or `1h`; the provider's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

fn check_messages(messages: &RawValue) -> Result<(), ParseError> {
    let text = messages.get();
    let problem = match text.strip_prefix('[') {
        None => "must be an array of messages",
        Some(rest) if rest.trim_start().starts_with(']') => "must have at least one message",
        Some(_) => return Ok(()),
    };
    Err(ParseError::new(problem).at("messages"))
}

/// Finds the message at fault: only done once something is known to be wrong.
fn locate(messages: &RawValue, error: serde_json::Error) -> ParseError {
    let elements: Vec<&RawValue> = match serde_json::from_str(messages.get()) {
        Ok(elements) => elements,
        Err(error) => return ParseError::from(error).at("messages"),
    };
    let fault = elements.iter().enumerate().find_map(|(index, element)| {
        let error = serde_json::from_str::<MessageView<'_>>(element.get()).err()?;
        Some(ParseError::from(error).at_index(index))
    });
    fault.unwrap_or_else(|| error.into()).at("messages")
}
