use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_core::{ApiKey, Billing};
use tollgate_wire::Surface;

/// Where OpenRouter is, who we are there, and how long to wait.
///
/// ```
/// use tollgate_transport::OpenRouterConfig;
/// let config: OpenRouterConfig = serde_json::from_str(r#"{"api_key": "sk-or-…", "mode": "byok", "timers": {"idle_ms": 90000}}"#)?;
/// assert_eq!(config.base_url, "https://openrouter.ai/api/v1");
/// assert_eq!(config.timers.connect_ms, 3000);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenRouterConfig {
    /// The key of the account.
    #[schemars(with = "Option<String>")]
    pub api_key: Option<ApiKey>,
    /// The address up to and including the version.
    pub base_url: String,
    /// How calls are paid when an answer does not say.
    pub mode: Mode,
    /// Providers to ask first, by OpenRouter's slug (`provider.order`), where
    /// the request says nothing of its own about the order.
    pub asked_first: Vec<String>,
    /// The app's URL, its identity in OpenRouter's rankings (`HTTP-Referer`).
    pub app_url: Option<String>,
    /// The app's display name (`X-OpenRouter-Title`).
    pub app_title: Option<String>,
    /// What the app is, at most two of OpenRouter's categories.
    pub app_categories: Vec<String>,
    /// Whether answers tell how they were routed (`openrouter_metadata`).
    pub router_metadata: bool,
    /// How to connect, and how much to take in.
    pub connection: ConnectionConfig,
    /// How long to wait.
    pub timers: Timers,
}

impl Default for OpenRouterConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: "https://openrouter.ai/api/v1".to_owned(),
            mode: Mode::Credits,
            asked_first: Vec::new(),
            app_url: None,
            app_title: None,
            app_categories: Vec::new(),
            router_metadata: true,
            connection: ConnectionConfig::default(),
            timers: Timers::default(),
        }
    }
}

/// How calls through OpenRouter are paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// From the account's credits.
    #[default]
    Credits,
    /// With the account's own provider keys.
    Byok,
}

impl From<Mode> for Billing {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Credits => Self::Credits,
            Mode::Byok => Self::Byok,
        }
    }
}

/// A provider that is reached without OpenRouter. What sets it apart from the
/// others is in here, as data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DirectConfig {
    /// The address up to and including the version, such as
    /// `http://127.0.0.1:8080/v1`, `https://api.anthropic.com/v1` or
    /// `https://generativelanguage.googleapis.com/v1beta`.
    pub base_url: String,
    /// What the provider speaks: `chat`, `messages` or `gemini`. Requests of
    /// surfaces that it does not speak are translated. Default `chat`.
    pub dialect: Speech,
    /// The key; a local server may need none.
    #[schemars(with = "Option<String>")]
    pub api_key: Option<ApiKey>,
    /// The header that carries the key bare; `None` is that of the dialect:
    /// `Authorization: Bearer`, `x-api-key` or `x-goog-api-key`.
    pub key_header: Option<String>,
    /// Headers to send with every request, name to value, such as an API
    /// version. Not for keys: `api_key` is masked wherever it is shown, these
    /// are not. Default none.
    pub headers: BTreeMap<String, String>,
    /// Path of the chat endpoint below `base_url`, without a query; other
    /// dialects have paths of their own. Default `chat/completions`.
    pub chat_path: String,
    /// The field in which this provider takes an output limit that the caller did not set.
    pub output_limit: OutputLimitField,
    /// Output limit in tokens of a request that has none, where the dialect
    /// insists on one: `messages`. Default 8,192.
    pub unlimited_output: u64,
    /// How the models take an effort of reasoning, where the dialect is not
    /// `chat`. Default `effort`.
    pub thinking: Thinking,
    /// Whether a stream tells its usage only when asked by `stream_options`.
    pub asks_for_usage: bool,
    /// The surfaces that this provider speaks: `chat`, `responses`, `messages`,
    /// `embeddings`, `completions`. Requests of others are translated into
    /// its dialect. Default those of the dialect: chat and embeddings;
    /// messages; none.
    #[schemars(with = "Option<Vec<String>>")]
    pub surfaces: Option<Vec<Surface>>,
    /// Request fields that this provider refuses, beside those that only OpenRouter knows.
    pub drops: Vec<String>,
    /// How to connect, and how much to take in.
    pub connection: ConnectionConfig,
    /// How long to wait.
    pub timers: Timers,
}

impl Default for DirectConfig {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            dialect: Speech::Chat,
            api_key: None,
            key_header: None,
            headers: BTreeMap::new(),
            chat_path: "chat/completions".to_owned(),
            output_limit: OutputLimitField::MaxTokens,
            unlimited_output: 8192,
            thinking: Thinking::Effort,
            asks_for_usage: true,
            surfaces: None,
            drops: Vec::new(),
            connection: ConnectionConfig::default(),
            timers: Timers::default(),
        }
    }
}

/// What a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speech {
    /// OpenAI's chat completions, which most providers have.
    #[default]
    Chat,
    /// Anthropic's Messages.
    Messages,
    /// Google's Gemini: `generateContent`.
    Gemini,
}

/// How models take an effort of reasoning. Newer ones take the word and refuse
/// a budget, older ones take a budget and refuse the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// By its word: adaptive thinking of Messages, `thinkingLevel` of Gemini.
    #[default]
    Effort,
    /// As a budget of tokens.
    Budget,
}

impl From<Thinking> for tollgate_wire::Thinking {
    fn from(thinking: Thinking) -> Self {
        match thinking {
            Thinking::Effort => Self::Effort,
            Thinking::Budget => Self::Budget,
        }
    }
}

/// The name of the output limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputLimitField {
    /// `max_tokens`, which most providers know.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`, which newer OpenAI models insist on.
    MaxCompletionTokens,
}

impl OutputLimitField {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// How to connect, and how much to take in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionConfig {
    /// PEM file with root certificates to trust beside the system's, such as a
    /// company's own; none when absent.
    pub tls_roots: Option<PathBuf>,
    /// Whether `http://` is allowed to a host that is not this machine. Keys
    /// and prompts then travel readable for everyone on the way, so only in a
    /// network that is yours. Default false.
    pub allow_plaintext: bool,
    /// Longest answer that is taken in one piece, in bytes. A longer one fails
    /// as a bad reply. Default 67,108,864 (64 MiB).
    pub max_body_bytes: usize,
    /// Longest event of a stream, in bytes; an image travels in one event. A
    /// longer one ends the stream as a bad reply. Default 16,777,216 (16 MiB).
    pub max_event_bytes: usize,
    /// Most connections per host that are kept open between requests. Requests
    /// at the same time are not limited by it. Default 256.
    pub max_idle_connections: usize,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            tls_roots: None,
            allow_plaintext: false,
            max_body_bytes: 64 << 20,
            max_event_bytes: 16 << 20,
            max_idle_connections: 256,
        }
    }
}

/// How long to wait, in milliseconds. The timers of the call itself (first
/// event, progress, total) belong to whoever walks the plan, since all
/// attempts share them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timers {
    /// For name resolution, TCP and TLS together.
    pub connect_ms: u64,
    /// For the next byte of a stream, its head included. On OpenRouter, whose
    /// keep-alive comments are bytes, this finds dead connections, not silent
    /// models: 60,000 unless said otherwise. Other lanes may send nothing while
    /// a model thinks: 200,000, above `failover.idle_reasoning_ms`, so that the
    /// timer that knows the call decides. Below `failover.idle_ms` it would cut
    /// answers that the call still waits for.
    pub idle_ms: Option<u64>,
    /// For the next byte of an answer that comes whole: most upstreams send
    /// none while they make it.
    pub idle_whole_ms: u64,
    /// How long an idle connection is kept; below the 60 s at which load
    /// balancers close theirs, or a request would meet a closing connection.
    pub pool_idle_ms: u64,
    /// Between pings on HTTP/2 and probes on TCP.
    pub keep_alive_ms: u64,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            connect_ms: 3_000,
            idle_ms: None,
            idle_whole_ms: 600_000,
            pool_idle_ms: 30_000,
            keep_alive_ms: 20_000,
        }
    }
}

impl Timers {
    /// The first timer that is zero.
    pub(crate) fn unset(&self) -> Option<&'static str> {
        let timers = [
            ("connect_ms", self.connect_ms),
            ("idle_ms", self.idle_ms.unwrap_or(u64::MAX)),
            ("idle_whole_ms", self.idle_whole_ms),
            ("pool_idle_ms", self.pool_idle_ms),
            ("keep_alive_ms", self.keep_alive_ms),
        ];
        timers
            .into_iter()
            .find(|(_, millis)| *millis == 0)
            .map(|(name, _)| name)
    }

    pub(crate) fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    /// How long a stream may send nothing; `usual` unless the user said otherwise.
    pub(crate) fn idle_or(&self, usual: Duration) -> Duration {
        self.idle_ms.map_or(usual, Duration::from_millis)
    }

    pub(crate) fn idle_whole(&self) -> Duration {
        Duration::from_millis(self.idle_whole_ms)
    }

    pub(crate) fn pool_idle(&self) -> Duration {
        Duration::from_millis(self.pool_idle_ms)
    }

    pub(crate) fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.keep_alive_ms)
    }
}
