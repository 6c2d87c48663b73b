use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tollgate_core::{Attempt, Failure, LlmProvider, Reply, Scope};

use super::turns::Turns;
use super::{RateLimitConfig, come_back, limited};

/// The rate of one host, over all models and lanes that lead there. Clones count together.
#[derive(Clone)]
pub struct HostRate {
    config: RateLimitConfig,
    turns: Arc<Turns<()>>,
}

impl HostRate {
    /// A rate that nothing was counted against.
    pub fn new(config: RateLimitConfig) -> Self {
        Self {
            config,
            turns: Arc::new(Turns::new(config)),
        }
    }
}

impl fmt::Debug for HostRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostRate").field(&self.config).finish()
    }
}

/// Keeps all requests to one host below a rate.
///
/// As [`RateLimit`](crate::RateLimit), which goes outside of it: the other way round, a model
/// that is asked for too often takes the turns of the others.
///
/// ```
/// use std::num::NonZeroU32;
/// use tollgate_transport::{HostRate, HostRateLimit, DirectConfig, DirectProvider, RateLimitConfig};
/// let config = DirectConfig { base_url: "http://127.0.0.1:8080/v1".into(), ..Default::default() };
/// let requests_per_minute = NonZeroU32::new(600).ok_or("a rate of none serves nobody")?;
/// let rate = HostRate::new(RateLimitConfig { requests_per_minute, burst: None });
/// let local = HostRateLimit::new(DirectProvider::new(config)?, rate.clone());
/// assert_eq!(local.to_string(), "HostRateLimit(600/min, OpenAiCompatible(http://127.0.0.1:8080/v1))");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HostRateLimit<P> {
    inner: P,
    rate: HostRate,
}

impl<P> HostRateLimit<P> {
    /// Limits a provider, together with all others of the same rate.
    pub fn new(inner: P, rate: HostRate) -> Self {
        Self { inner, rate }
    }
}

#[async_trait]
impl<P: LlmProvider> LlmProvider for HostRateLimit<P> {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        self.rate.turns.take(&()).await.map_err(|wait| {
            let limit = limited("the gateway's own rate limit for this host is reached");
            come_back(limit, Scope::Authority, wait)
        })?;
        self.inner.send(attempt).await
    }
}

/// Shows the wiring: `HostRateLimit(600/min, …)`.
impl<P: fmt::Display> fmt::Display for HostRateLimit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.rate.config.requests_per_minute;
        write!(f, "HostRateLimit({requests}/min, {})", self.inner)
    }
}
