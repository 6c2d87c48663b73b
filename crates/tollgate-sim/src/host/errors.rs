//! What each direct provider says for a row of the error table ([`crate::refusal::ERRORS`]).

use super::Host;
use crate::complaint::Complaint;

/// What a direct provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// The row of the error table.
    row: &'static str,
    pub(crate) status: u16,
    /// OpenAI's `type`, Anthropic's `error.type`, Google's `status`; with status 200, the reason
    /// for which Google blocked a prompt.
    pub(crate) kind: &'static str,
    /// OpenAI's `code`, Google's `reason`; empty where there is none.
    pub(crate) code: &'static str,
    /// `{model}` stands for the model.
    pub(crate) message: &'static str,
}

impl Words {
    /// The message about this model.
    pub(crate) fn about(&self, model: &str) -> String {
        self.message.replace("{model}", model)
    }
}

impl Host {
    /// What this host says for a row of the error table; nothing where OpenRouter is spoken.
    pub(crate) fn words(self, row: &str) -> Option<&'static Words> {
        let table = match self {
            Self::OpenRouter => return None,
            Self::OpenAi => OPENAI,
            Self::Anthropic => ANTHROPIC,
            Self::Gemini => GEMINI,
        };
        let find = |name: &str| table.iter().find(|words| words.row == name);
        find(row).or_else(|| find("other"))
    }

    /// What a direct provider says of a model that it does not serve.
    pub(crate) fn unknown_model(self, model: &str) -> Option<Complaint> {
        const ROW: &str = "no-endpoints";
        let words = self.words(ROW)?;
        Some(Complaint::new(ROW, words.about(model)))
    }
}

const fn words(
    row: &'static str,
    status: u16,
    kind: &'static str,
    code: &'static str,
    message: &'static str,
) -> Words {
    Words {
        row,
        status,
        kind,
        code,
        message,
    }
}

const INVALID: &str = "invalid_request_error";
const QUOTA: &str = "insufficient_quota";
const QUOTA_MESSAGE: &str =
    "You exceeded your current quota, please check your plan and billing details.";
const SERVER: &str = "server_error";
const SERVER_MESSAGE: &str =
    "The server had an error while processing your request. Sorry about that!";

#[rustfmt::skip]
const OPENAI: &[Words] = &[
    words("bad-request", 400, INVALID, "", "Invalid request"),
    words("validation", 400, INVALID, "invalid_type", "Invalid type for 'messages': expected an array of objects."),
    words("context-length", 400, INVALID, "context_length_exceeded", "Your input exceeds the context window of this model. Please adjust your input and try again."),
    words("unauthorized", 401, INVALID, "invalid_api_key", "Incorrect API key provided."),
    words("missing-key", 401, INVALID, "", "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth."),
    words("wrong-key", 401, INVALID, "invalid_api_key", "Incorrect API key provided."),
    words("credits", 429, QUOTA, QUOTA, QUOTA_MESSAGE),
    words("affordable", 429, QUOTA, QUOTA, QUOTA_MESSAGE),
    words("in-flight-budget", 429, "requests", "rate_limit_exceeded", "Rate limit reached for {model} on requests in flight."),
    words("moderation", 400, INVALID, "invalid_prompt", "Invalid prompt: your prompt was flagged as potentially violating our usage policy."),
    words("guardrail", 400, INVALID, "invalid_prompt", "Invalid prompt: your prompt was flagged as potentially violating our usage policy."),
    words("key-limit", 429, QUOTA, QUOTA, "You have reached the monthly budget of this project."),
    words("region", 403, "request_forbidden", "unsupported_country_region_territory", "Country, region, or territory not supported"),
    words("no-endpoints", 404, INVALID, "model_not_found", "The model `{model}` does not exist or you do not have access to it."),
    words("no-route", 404, INVALID, "", "Invalid URL"),
    words("wrong-method", 405, INVALID, "method_not_supported", "Not allowed"),
    words("request-timeout", 408, SERVER, "", "Request timed out."),
    words("payload-too-large", 413, INVALID, "", "The request body is too large."),
    words("unprocessable", 422, INVALID, "", "The request could not be processed."),
    words("rate-limited", 429, "requests", "rate_limit_exceeded", "Rate limit reached for {model} on requests per min (RPM): Limit 500, Used 500, Requested 1."),
    words("free-daily-limit", 429, "requests", "rate_limit_exceeded", "Rate limit reached for {model} on requests per day (RPD): Limit 200, Used 200, Requested 1."),
    words("free-minute-limit", 429, "requests", "rate_limit_exceeded", "Rate limit reached for {model} on requests per min (RPM): Limit 3, Used 3, Requested 1."),
    words("internal", 500, SERVER, "", SERVER_MESSAGE),
    words("bad-gateway", 502, SERVER, "", "Bad gateway."),
    words("unavailable", 503, SERVER, "", "The engine is currently overloaded, please try again later"),
    words("gateway-timeout", 504, SERVER, "", "Gateway timeout."),
    words("overloaded", 503, SERVER, "", "The server is currently overloaded with other requests. Sorry about that! You can retry your request, or contact us if the error persists."),
    words("other", 500, SERVER, "", SERVER_MESSAGE),
];

const BILLING: &str = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.";

#[rustfmt::skip]
const ANTHROPIC: &[Words] = &[
    words("bad-request", 400, INVALID, "", "Invalid request"),
    words("validation", 400, INVALID, "", "messages: Input should be a valid list"),
    words("context-length", 400, INVALID, "", "prompt is too long: 210000 tokens > 200000 maximum"),
    words("unauthorized", 401, "authentication_error", "", "invalid x-api-key"),
    words("missing-key", 401, "authentication_error", "", "x-api-key header is required"),
    words("wrong-key", 401, "authentication_error", "", "invalid x-api-key"),
    words("credits", 400, "billing_error", "", BILLING),
    words("affordable", 400, "billing_error", "", BILLING),
    words("in-flight-budget", 429, "rate_limit_error", "", "Number of concurrent connections has exceeded your rate limit."),
    words("moderation", 400, INVALID, "", "Output blocked by content filtering policy"),
    words("guardrail", 400, INVALID, "", "Output blocked by content filtering policy"),
    words("key-limit", 400, "billing_error", "", "You have reached your specified API usage limits."),
    words("region", 403, "permission_error", "", "Request not allowed"),
    words("no-endpoints", 404, "not_found_error", "", "model: {model}"),
    words("no-route", 404, "not_found_error", "", "Not Found"),
    words("wrong-method", 405, INVALID, "", "Method Not Allowed"),
    words("request-timeout", 408, "timeout_error", "", "Request timed out"),
    words("payload-too-large", 413, "request_too_large", "", "Request exceeds the maximum size"),
    words("unprocessable", 422, INVALID, "", "The request could not be processed"),
    words("rate-limited", 429, "rate_limit_error", "", "This request would exceed the rate limit of your organization of 50 requests per minute."),
    words("free-daily-limit", 429, "rate_limit_error", "", "This request would exceed the daily rate limit of your organization."),
    words("free-minute-limit", 429, "rate_limit_error", "", "This request would exceed the rate limit of your organization of 5 requests per minute."),
    words("internal", 500, "api_error", "", "Internal server error"),
    words("bad-gateway", 502, "api_error", "", "Bad gateway"),
    words("unavailable", 503, "api_error", "", "Service unavailable"),
    words("gateway-timeout", 504, "timeout_error", "", "Request timed out"),
    words("overloaded", 529, "overloaded_error", "", "Overloaded"),
    words("other", 500, "api_error", "", "Internal server error"),
];

const ARGUMENT: &str = "INVALID_ARGUMENT";
const EXHAUSTED: &str = "RESOURCE_EXHAUSTED";

#[rustfmt::skip]
const GEMINI: &[Words] = &[
    words("bad-request", 400, ARGUMENT, "", "Request contains an invalid argument."),
    words("validation", 400, ARGUMENT, "", "Invalid value at 'contents' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content)"),
    words("context-length", 400, ARGUMENT, "", "The input token count exceeds the maximum number of tokens allowed."),
    words("unauthorized", 401, "UNAUTHENTICATED", "ACCESS_TOKEN_TYPE_UNSUPPORTED", "Request had invalid authentication credentials."),
    words("missing-key", 403, "PERMISSION_DENIED", "", "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API."),
    words("wrong-key", 400, ARGUMENT, "API_KEY_INVALID", "API key not valid. Please pass a valid API key."),
    words("credits", 429, EXHAUSTED, "", "Your prepayment credits are depleted."),
    words("affordable", 429, EXHAUSTED, "", "Your prepayment credits are depleted."),
    words("in-flight-budget", 429, EXHAUSTED, "", "You exceeded your current quota of concurrent requests."),
    words("moderation", 200, "PROHIBITED_CONTENT", "", "The prompt was blocked."),
    words("guardrail", 200, "BLOCKLIST", "", "The prompt was blocked."),
    words("key-limit", 429, EXHAUSTED, "", "Your project has exceeded its monthly spending cap."),
    words("region", 400, "FAILED_PRECONDITION", "", "User location is not supported for the API use."),
    words("no-endpoints", 404, "NOT_FOUND", "", "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods."),
    words("no-route", 404, "NOT_FOUND", "", "Not found"),
    words("wrong-method", 405, ARGUMENT, "", "Method not allowed"),
    words("request-timeout", 408, "DEADLINE_EXCEEDED", "", "Deadline expired before operation could complete."),
    words("payload-too-large", 413, ARGUMENT, "", "Request payload size exceeds the limit: 20971520 bytes."),
    words("unprocessable", 422, ARGUMENT, "", "Request contains an invalid argument."),
    words("rate-limited", 429, EXHAUSTED, "", "You exceeded your current quota, please check your plan and billing details."),
    words("free-daily-limit", 429, EXHAUSTED, "", "You exceeded your current quota of requests per day."),
    words("free-minute-limit", 429, EXHAUSTED, "", "You exceeded your current quota of requests per minute."),
    words("internal", 500, "INTERNAL", "", "An internal error has occurred. Please retry."),
    words("bad-gateway", 502, "UNAVAILABLE", "", "The service is currently unavailable."),
    words("unavailable", 503, "UNAVAILABLE", "", "The model is overloaded. Please try again later."),
    words("gateway-timeout", 504, "DEADLINE_EXCEEDED", "", "Deadline expired before operation could complete."),
    words("overloaded", 503, "UNAVAILABLE", "", "The model is overloaded. Please try again later."),
    words("other", 500, "INTERNAL", "", "An internal error has occurred. Please retry."),
];

#[cfg(test)]
mod tests {
    use super::Host;
    use crate::refusal::ERRORS;

    #[test]
    fn every_host_has_words_for_every_error() {
        for host in [Host::OpenAi, Host::Anthropic, Host::Gemini] {
            for error in ERRORS {
                // A status alone, 524, has the words for whatever is not known.
                let words = host.words(error.name).unwrap();
                let is_own = words.row == error.name;
                assert!(
                    is_own || error.name == "edge-timeout",
                    "{host} {}",
                    error.name
                );
                assert!(!words.message.is_empty() && !words.kind.is_empty());
            }
        }
    }
}
