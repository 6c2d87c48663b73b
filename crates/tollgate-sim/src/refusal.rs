//! The errors that OpenRouter sends, as a table, and their bodies.

use serde_json::{Map, Value, json};

use crate::clock::next_midnight;
use crate::complaint::Complaint;
use crate::error::Error;
use crate::host::{Host, Words};
use crate::json::{Object, object};
use crate::nearest::nearest;
use crate::request::Request;
use crate::retry_after::{Hints, RetryAfter};

/// One kind of error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorRow {
    /// The name that faults use.
    pub(crate) name: &'static str,
    pub(crate) status: u16,
    /// `metadata.error_type`; empty where OpenRouter sends none.
    error_type: &'static str,
    message: &'static str,
    metadata: fn(&Scene<'_>) -> Value,
    /// The form of “come back later” that usually goes with it, given the time of day.
    retry_after: Option<fn(u64) -> RetryAfter>,
    /// What OpenRouter sends in place of its usual envelope.
    body: Option<&'static str>,
}

/// What an error body can mention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) model: &'a str,
    pub(crate) provider: Option<&'a str>,
    pub(crate) is_byok: bool,
    /// Seconds since 1970.
    pub(crate) now: u64,
    /// In whose words it is told.
    pub(crate) host: Host,
}

impl Scene<'_> {
    /// No model, no provider.
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            model: "",
            provider: None,
            is_byok: false,
            now: request.now,
            host: request.host,
        }
    }
}

/// An error about to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) error: ErrorObject,
    /// What only a direct host tells.
    pub(crate) told: Told,
    /// A body in place of the usual envelope.
    pub(crate) body: Option<&'static str>,
    /// Failed attempts that came before, as the metadata lists them.
    pub(crate) trail: Option<Object>,
}

/// What direct hosts tell of an error beside its message; empty for OpenRouter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    host: Host,
    /// OpenAI's `type`, Anthropic's `error.type`, Google's `status`.
    pub(crate) kind: &'static str,
    /// OpenAI's `code`, Google's `reason`; empty where there is none.
    pub(crate) code: &'static str,
    /// The field at fault.
    pub(crate) param: Option<String>,
    /// Seconds to wait, where they are told in the body.
    pub(crate) delay: Option<u64>,
}

/// The `error` object.
#[derive(Clone, Debug)]
pub(crate) struct ErrorObject {
    pub(crate) code: u16,
    pub(crate) message: String,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) availability: Option<Value>,
}

/// Every error by name. For a bare status the first row with that status is taken.
pub(crate) const ERRORS: &[ErrorRow] = &[
    row("bad-request", 400, "invalid_request", "Invalid request", nothing),
    row("validation", 400, "invalid_request", "Invalid request", nothing).body(VALIDATION),
    CONTEXT_LENGTH,
    row("unauthorized", 401, "authentication", "User not found.", nothing),
    row("wrong-key", 401, "authentication", "User not found.", nothing),
    row("missing-key", 401, "authentication", "No auth credentials found", nothing),
    row("credits", 402, "payment_required", "Insufficient credits. Add more to continue.", |_| {
        json!({"limit_source": "openrouter_credits"})
    }),
    row("affordable", 402, "", "This request requires more credits, or fewer max_tokens: up to 64000 requested, 5213 affordable", |_| {
        json!({"limit_source": "openrouter_credits", "reason": "weight_exceeds_budget"})
    }),
    row("in-flight-budget", 402, "payment_required", "Requests in flight hold the remaining budget", |_| {
        json!({
            "limit_source": "openrouter_in_flight_budget", "reason": "in_flight_budget_exhausted",
            "remedy_hint": "wait for running requests to end, or add credits",
        })
    })
    .retry_after(|_| RetryAfter::Seconds(120)),
    row("moderation", 403, "content_policy_violation", "The input was flagged by moderation", |scene| {
        json!({
            "reasons": ["violence"], "flagged_input": "the first part ... the last part",
            "provider_name": scene.provider, "model_slug": scene.model,
        })
    }),
    row("guardrail", 403, "", "Request blocked by a guardrail", |_| json!({"patterns": ["prompt injection"]})),
    row("key-limit", 403, "permission_denied", "Key limit exceeded (total limit).", |_| {
        json!({"limit_source": "openrouter_key_limit"})
    }),
    row("region", 403, "permission_denied", "This model is not available in your region.", nothing),
    row("no-endpoints", 404, "not_found", "No endpoints found that can handle the requested parameters.", |_| {
        json!({
            "input_endpoint_count": 2, "failed_routing_step": "Filter by parameters",
            "routing_funnel": [
                {"step": "All endpoints", "endpoint_count": 2}, {"step": "Filter by parameters", "endpoint_count": 0},
            ],
        })
    }),
    row("no-route", 404, "not_found", "No route", nothing),
    row("wrong-method", 405, "", "No route", nothing),
    row("request-timeout", 408, "timeout", PROVIDER_FAILED, provider),
    row("payload-too-large", 413, "payload_too_large", "Payload too large", nothing),
    row("unprocessable", 422, "unprocessable", PROVIDER_FAILED, provider),
    row("rate-limited", 429, "rate_limit_exceeded", PROVIDER_FAILED, |scene| {
        json!({
            "provider_name": scene.provider, "is_byok": scene.is_byok, "limit_source": "upstream_provider_shared_pool",
            "remedy_hint": "add your own key for this provider, or try again later",
            "raw": format!("{} is rate-limited upstream for the moment", scene.model),
        })
    })
    .retry_after(|_| RetryAfter::Seconds(7)),
    row("free-daily-limit", 429, "", "Rate limit exceeded: free-models-per-day.", |_| {
        json!({"limit_source": "openrouter_free_tier_daily", "provider_name": null})
    })
    .retry_after(|now| RetryAfter::ResetMs(next_midnight(now) - now)),
    row("free-minute-limit", 429, "", "Rate limit exceeded: free-models-per-min.", |_| json!({"provider_name": null}))
        .retry_after(|now| RetryAfter::ResetMs(60 - now % 60)),
    row("internal", 500, "server", "Internal Server Error", nothing),
    row("bad-gateway", 502, "provider_unavailable", PROVIDER_FAILED, provider),
    row("unavailable", 503, "provider_overloaded", PROVIDER_FAILED, provider).retry_after(|_| RetryAfter::Seconds(2)),
    row("gateway-timeout", 504, "timeout", PROVIDER_FAILED, provider),
    row("edge-timeout", 524, "", "A timeout occurred", nothing),
    row("overloaded", 529, "provider_overloaded", PROVIDER_FAILED, provider),
];

/// The validator's own envelope.
const VALIDATION: &str = r#"{"success":false,"error":{"name":"ZodError","message":"[{\"code\":\"invalid_type\",\"path\":[\"messages\"]}]"}}"#;

/// The row that is also sent unasked.
pub(crate) const CONTEXT_LENGTH: ErrorRow = row(
    "context-length",
    400,
    "context_length_exceeded",
    "The request is longer than the context of this endpoint",
    provider,
);

/// What OpenRouter says when the useful text is in the metadata.
const PROVIDER_FAILED: &str = "Provider returned error";

/// For a status of which the table knows nothing.
const OTHER: ErrorRow = row("other", 500, "", PROVIDER_FAILED, nothing);

const fn row(
    name: &'static str,
    status: u16,
    error_type: &'static str,
    message: &'static str,
    metadata: fn(&Scene<'_>) -> Value,
) -> ErrorRow {
    ErrorRow {
        name,
        status,
        error_type,
        message,
        metadata,
        retry_after: None,
        body: None,
    }
}

impl ErrorRow {
    const fn retry_after(mut self, form: fn(u64) -> RetryAfter) -> Self {
        self.retry_after = Some(form);
        self
    }

    const fn body(mut self, body: &'static str) -> Self {
        self.body = Some(body);
        self
    }
}

fn nothing(_: &Scene<'_>) -> Value {
    Value::Null
}

/// An error of the provider that OpenRouter passes on.
fn provider(scene: &Scene<'_>) -> Value {
    json!({
        "provider_name": scene.provider, "is_byok": scene.is_byok,
        "raw": "{\"error\":{\"message\":\"simulated failure\"}}",
    })
}

/// The row of a name.
///
/// # Errors
/// [`Error::Scenario`] with the closest name.
pub(crate) fn find(name: &str) -> Result<&'static ErrorRow, Error> {
    ERRORS.iter().find(|row| row.name == name).ok_or_else(|| {
        let closest = nearest(name, ERRORS.iter().map(|row| row.name));
        Error::scenario(format!(
            "there is no error `{name}`; did you mean `{closest}`?"
        ))
    })
}

/// The usual row of a status.
pub(crate) fn for_status(status: u16) -> &'static ErrorRow {
    ERRORS
        .iter()
        .find(|row| row.status == status)
        .unwrap_or(&OTHER)
}

impl Refusal {
    /// An error of the table, in the words of its host.
    pub(crate) fn new(row: &ErrorRow, scene: &Scene<'_>) -> Self {
        let refusal = match scene.host.words(row.name) {
            Some(words) => Self::of_provider(words, scene),
            None => Self::of_openrouter(row, scene),
        };
        match row.retry_after {
            Some(form) => refusal.with_retry_after(&form(scene.now), scene.now),
            None => refusal,
        }
    }

    fn of_provider(words: &Words, scene: &Scene<'_>) -> Self {
        let name = scene.host.name_of_id(scene.model);
        let model = name.as_deref().unwrap_or(scene.model);
        Self {
            status: words.status,
            headers: Vec::new(),
            error: ErrorObject {
                code: words.status,
                message: words.about(model),
                metadata: Map::new(),
                availability: None,
            },
            told: Told {
                host: scene.host,
                kind: words.kind,
                code: words.code,
                ..Told::default()
            },
            body: None,
            trail: None,
        }
    }

    fn of_openrouter(row: &ErrorRow, scene: &Scene<'_>) -> Self {
        let mut metadata = object_or_empty((row.metadata)(scene));
        if !row.error_type.is_empty() {
            metadata.insert("error_type".into(), row.error_type.into());
        }
        Self {
            status: row.status,
            headers: Vec::new(),
            error: ErrorObject {
                code: row.status,
                message: row.message.to_owned(),
                metadata,
                availability: None,
            },
            told: Told::default(),
            body: row.body,
            trail: None,
        }
    }

    /// What is wrong with a request.
    pub(crate) fn of(complaint: Complaint, scene: &Scene<'_>) -> Self {
        let row = find(complaint.row).unwrap_or_else(|_| for_status(400));
        let mut refusal = Self::new(row, scene);
        if let Some(message) = complaint.message {
            refusal.error.message = message;
        }
        if let Some(code) = complaint.code {
            refusal.told.code = code;
        }
        refusal.told.param = complaint.param;
        refusal
    }

    /// An error with a message of its own.
    pub(crate) fn with_message(mut self, message: impl Into<String>) -> Self {
        self.error.message = message.into();
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self.error.code = status;
        self
    }

    /// Replaces whatever the error said about coming back.
    pub(crate) fn with_retry_after(mut self, retry_after: &RetryAfter, now: u64) -> Self {
        for key in ["retry_after_seconds", "headers"] {
            self.error.metadata.remove(key);
        }
        let Hints {
            headers,
            metadata,
            availability,
            delay,
        } = retry_after.hints(self.told.host, self.status, now);
        if let Some(seconds) = delay {
            self.error.message =
                format!("{} {}", self.error.message, wait(self.told.host, seconds));
        }
        self.told.delay = delay;
        self.headers = headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        self.error.metadata.extend(metadata);
        self.error.availability = availability;
        self
    }

    /// True when this is no error on the wire but an answer that says why there is none.
    pub(crate) fn is_block(&self) -> bool {
        self.status == 200
    }

    /// The kind of error, and the refusal without it, for dialects that tell it elsewhere.
    pub(crate) fn without_type(&self) -> (Option<Value>, Self) {
        let mut refusal = self.clone();
        (refusal.error.metadata.remove("error_type"), refusal)
    }
}

impl ErrorObject {
    pub(crate) fn to_json(&self) -> Object {
        let metadata = Some(&self.metadata).filter(|metadata| !metadata.is_empty());
        object! { "code": self.code, "message": self.message }
            .with_some("metadata", metadata)
            .with_some("availability", self.availability.as_ref())
    }
}

/// When to come back, as a sentence.
fn wait(host: Host, seconds: u64) -> String {
    let verb = if host == Host::Gemini {
        "retry"
    } else {
        "try again"
    };
    format!("Please {verb} in {seconds}s.")
}

/// The account that every key belongs to.
pub(crate) const USER: &str = "user_simulated";

fn object_or_empty(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
