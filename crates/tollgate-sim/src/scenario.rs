//! A scenario: how the simulated service behaves, and what goes wrong with it.

use serde::Deserialize;

use crate::error::Error;
use crate::host::Host;
use crate::money::NanoUsd;
use crate::rule::{Rule, glob};

/// How the simulated service behaves. The default is a service without faults that
/// answers at once.
///
/// ```
/// use tollgate_sim::{Fault, Rule, Scenario};
///
/// let from_a_file = Scenario::from_toml(r#"
///     latency = "realistic"
///
///     [[rules]]
///     model = "anthropic/*"
///     probability = 0.3
///     fault = "unavailable"
/// "#)?;
/// let in_code = Scenario::default()
///     .with_rule(Rule::new(Fault::named("unavailable")?).for_model("anthropic/*").with_probability(0.3));
/// assert_eq!(in_code.rules, from_a_file.rules);
/// # Ok::<(), tollgate_sim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Whom to answer as (`as = "anthropic"`), unless the simulator was told otherwise.
    #[serde(rename = "as")]
    pub host: Option<Host>,
    /// What goes wrong; the first rule that matches and fires counts.
    pub rules: Vec<Rule>,
    /// How long answers take.
    pub latency: Latency,
    /// Keep-alive comments before the first chunk of a stream.
    pub comments: u32,
    /// The form of the last chunk of a stream, which has the usage.
    pub usage_chunk: UsageChunk,
    /// Whether events of `/responses` have a name on a line of their own.
    pub response_events: EventNames,
    /// Output tokens of every answer; by default each request has its own length.
    pub output_tokens: Option<u64>,
    /// Milliseconds until `GET /generation` knows an answer that has ended.
    pub generation_delay_ms: u64,
    /// Which keys are good.
    pub keys: Keys,
    /// Who uses provider keys of their own for everything; keys stored by `POST /byok` come on top.
    pub byok: Byok,
    /// The fee on an answer through the user's own provider key, in percent of its price.
    pub byok_fee_percent: u32,
    /// The list price of answers through own keys that has no fee, per month, in US dollars
    /// (`byok_allowance = "25000"`); none by default.
    pub byok_allowance: NanoUsd,
    /// Credits bought, in US dollars (`credits = "0.05"`); once they are spent, requests get 402.
    pub credits: NanoUsd,
    /// Whether a failing provider is hidden by the next one.
    pub provider_failover: bool,
    /// Whether providers stop, and charge less, when a client leaves a stream.
    pub upstream_cancel: bool,
    /// Providers (names or slugs; `*` stands for any text) that go on and charge
    /// all of it even so.
    pub bills_on: Vec<String>,
    /// How many percent each further endpoint of a model is dearer than the one before.
    pub price_spread_percent: u32,
    /// Repeated input of at least this many tokens is read from the prompt cache.
    pub cache_min_tokens: u64,
    /// How many days pass before `GET /activity` shows a day; 1 shows whole days only, 0 today as well.
    pub activity_lag_days: u64,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            host: None,
            rules: Vec::new(),
            latency: Latency::Instant,
            comments: 1,
            usage_chunk: UsageChunk::RepeatsFinish,
            response_events: EventNames::Named,
            output_tokens: None,
            generation_delay_ms: 0,
            keys: Keys::Issued,
            byok: Byok::ByKey,
            byok_fee_percent: 0,
            byok_allowance: NanoUsd::ZERO,
            credits: NanoUsd::new(1_000_000_000_000),
            provider_failover: true,
            upstream_cancel: true,
            bills_on: Vec::new(),
            price_spread_percent: 0,
            cache_min_tokens: 1024,
            activity_lag_days: 1,
        }
    }
}

/// How long answers take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Latency {
    /// No time at all.
    #[default]
    Instant,
    /// What `GET /models/…/endpoints` says of the endpoint.
    Realistic,
    /// The same for all endpoints.
    Fixed {
        /// Milliseconds to the first token.
        first_token_ms: u64,
        /// Tokens per second after it.
        tokens_per_second: u64,
    },
}

/// The three forms of the usage chunk that have been recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UsageChunk {
    /// One choice that repeats the finish reason; the newest form.
    #[default]
    RepeatsFinish,
    /// One choice whose finish reason is null.
    NullFinish,
    /// No choices, as OpenAI has it.
    NoChoices,
}

/// How the events of a streamed response begin; both forms are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventNames {
    /// With an `event:` line, as OpenAI has it.
    #[default]
    Named,
    /// With `data:` alone, as OpenRouter documents it.
    Bare,
}

/// Which keys are good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Keys {
    /// Those of the host's own form, of at least 20 characters: `sk-or-…`, `sk-…`, `sk-ant-…`,
    /// `AIza…`.
    #[default]
    Issued,
    /// Any key, and none.
    Any,
    /// Only these.
    Only(Vec<String>),
}

/// Who uses provider keys of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Byok {
    /// Those whose key begins with `sk-or-byok`.
    #[default]
    ByKey,
    /// Everybody.
    Always,
    /// Nobody.
    Never,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// [`Error::Scenario`] with the line and the field, or the name that is not known.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let scenario: Self =
            toml::from_str(text).map_err(|error| Error::scenario(error.to_string()))?;
        scenario.check().map(|()| scenario)
    }

    /// Adds a rule after those there are.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Sets how long answers take.
    #[must_use]
    pub fn with_latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// Sets the output tokens of every answer.
    #[must_use]
    pub fn with_output_tokens(mut self, tokens: u64) -> Self {
        self.output_tokens = Some(tokens);
        self
    }

    /// Has these providers (names or slugs; `*` stands for any text) go on, and
    /// charge all of it, when a client leaves a stream.
    #[must_use]
    pub fn with_billing_on<T: Into<String>>(
        mut self,
        providers: impl IntoIterator<Item = T>,
    ) -> Self {
        self.bills_on = providers.into_iter().map(Into::into).collect();
        self
    }

    /// Whether a provider, by name and slug, stops when a client leaves.
    pub(crate) fn stops(&self, name: &str, slug: &str) -> bool {
        let goes_on = |pattern: &String| glob(pattern, name) || glob(pattern, slug);
        self.upstream_cancel && !self.bills_on.iter().any(goes_on)
    }

    /// Checks what the types cannot.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (index, rule) in self.rules.iter().enumerate() {
            rule.check()
                .map_err(|error| Error::scenario(format!("rule {}: {error}", index + 1)))?;
        }
        Ok(())
    }

    pub(crate) fn accepts(&self, host: Host, key: &str) -> bool {
        match &self.keys {
            Keys::Any => true,
            Keys::Issued => host.issues(key),
            Keys::Only(keys) => keys.iter().any(|good| good == key),
        }
    }

    /// Whether the key may see the whole account: those that begin with `sk-or-management`.
    pub(crate) fn is_management(&self, key: &str) -> bool {
        self.keys == Keys::Any || key.starts_with("sk-or-management")
    }

    pub(crate) fn is_byok(&self, host: Host, key: &str) -> bool {
        match self.byok {
            _ if host.is_direct() => false,
            Byok::ByKey => key.starts_with("sk-or-byok"),
            Byok::Always => true,
            Byok::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Keys, Latency, Scenario, UsageChunk};
    use crate::{Fault, RetryAfter, Rule};

    #[test]
    fn a_file_can_say_everything() {
        let scenario = Scenario::from_toml(
            r#"
            latency = { fixed = { first_token_ms = 20, tokens_per_second = 100 } }
            usage_chunk = "no-choices"
            keys = { only = ["sk-or-v1-the-only-good-key"] }

            [[rules]]
            provider = "alpha-cloud"
            times = 2
            fault = { status = 429, retry_after = { seconds = 7 }, delay_headers_ms = 5 }

            [[rules]]
            fault = "cut-event=4"
            "#,
        )
        .unwrap();
        assert_eq!(
            scenario.latency,
            Latency::Fixed {
                first_token_ms: 20,
                tokens_per_second: 100
            }
        );
        assert_eq!(scenario.usage_chunk, UsageChunk::NoChoices);
        assert_eq!(
            scenario.keys,
            Keys::Only(vec!["sk-or-v1-the-only-good-key".into()])
        );
        let limited = Fault::status(429)
            .with_retry_after(RetryAfter::Seconds(7))
            .delay_headers(std::time::Duration::from_millis(5));
        assert_eq!(
            scenario.rules[0],
            Rule::new(limited).for_provider("alpha-cloud").times(2)
        );
        assert_eq!(scenario.rules[1].fault.cut_event, Some(4));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("latncy = 1", "latncy"),
            ("[[rules]]\nfault = 'stal'", "did you mean `stall`"),
            ("[[rules]]\nfault = { status = 42 }", "between 200 and 599"),
            (
                "[[rules]]\nfault = { error = 'moderashun' }",
                "did you mean `moderation`",
            ),
            (
                "[[rules]]\nfault = 'stall'\nroute = 'mesages'",
                "did you mean `messages`",
            ),
            (
                "[[rules]]\nfault = 'stall'\nprobability = 1.5",
                "probability",
            ),
            (
                "[[rules]]\nfault = { headers = { 'a b' = 'c' } }",
                "HTTP header",
            ),
        ] {
            let message = Scenario::from_toml(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
