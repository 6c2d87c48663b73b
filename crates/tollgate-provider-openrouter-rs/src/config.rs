use std::time::Duration;

use tollgate_core::ApiKey;

/// How the client is set up.
///
/// ```
/// use tollgate_provider_openrouter_rs::OpenRouterRsConfig;
/// let config = OpenRouterRsConfig::default();
/// assert_eq!(config.base_url, "https://openrouter.ai/api/v1");
/// assert_eq!(config.idle.as_secs(), 60);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRouterRsConfig {
    /// The key. Without one each attempt fails with a hint.
    pub api_key: Option<ApiKey>,
    /// Where OpenRouter is. Encrypted, or on this machine.
    pub base_url: String,
    /// Longest time to a connection; 3 s.
    pub connect: Duration,
    /// Longest silence of a stream, comments counted as words; 60 s. It finds dead connections;
    /// a silent model is found by whoever walks the plan.
    pub idle: Duration,
    /// Longest silence of an answer that comes whole, which is silent while it is made; 600 s.
    pub idle_whole: Duration,
}

impl Default for OpenRouterRsConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: "https://openrouter.ai/api/v1".to_owned(),
            connect: Duration::from_secs(3),
            idle: Duration::from_secs(60),
            idle_whole: Duration::from_secs(600),
        }
    }
}
