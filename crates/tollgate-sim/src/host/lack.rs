//! What a model cannot do for a request, in the words of each host.

use super::Host;

/// Why a model cannot serve a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    Batch,
    TextOutput,
    Images,
    Tools,
    /// More output tokens than the model has at most.
    Length {
        asked: u64,
        most: u64,
    },
    /// A parameter, where `provider.require_parameters` insists on all.
    Parameters,
    /// Thoughts that cannot be turned off.
    Silence,
}

impl Lack {
    /// The status it is refused with: OpenRouter looks for an endpoint that can, while the request is
    /// a bad one where there is no other to look for.
    pub(crate) fn status(self, host: Host) -> u16 {
        match self {
            Self::Silence => 400,
            _ if host.is_direct() => 400,
            _ => 404,
        }
    }

    pub(crate) fn message(self, host: Host, model: &str) -> String {
        match host {
            Host::OpenRouter => self.of_openrouter().to_owned(),
            _ => self.of_provider(host, model),
        }
    }

    fn of_openrouter(self) -> &'static str {
        match self {
            Self::Batch => "This model can be used through the Batch API only",
            Self::TextOutput => "No endpoints found that support text output",
            Self::Images => "No endpoints found that support image input",
            Self::Tools => "No endpoints found that support tool use",
            Self::Silence => "Reasoning is mandatory for this endpoint and cannot be disabled.",
            Self::Length { .. } | Self::Parameters => {
                "No endpoints found that can handle the requested parameters"
            }
        }
    }

    fn of_provider(self, host: Host, model: &str) -> String {
        match (self, host) {
            (Self::Length { asked, most }, Host::OpenAi) => format!(
                "max_tokens is too large: {asked}. This model supports at most {most} completion tokens, whereas you provided {asked}."
            ),
            (Self::Length { asked, most }, Host::Anthropic) => format!(
                "max_tokens: {asked} > {most}, which is the maximum allowed number of output tokens for {model}"
            ),
            (Self::Length { asked, most }, _) => format!(
                "Unable to submit request because it has a maxOutputTokens value of {asked} but the supported range is from 1 (inclusive) to {} (exclusive).",
                most + 1
            ),
            (Self::Images, _) => format!("{model} does not support image input"),
            (Self::Tools, _) => format!("{model} does not support tools"),
            (Self::Batch | Self::TextOutput | Self::Parameters | Self::Silence, _) => {
                format!("{model} does not support this request")
            }
        }
    }
}

/// What is said of a request that is longer than the context of its model; nothing of one that fits.
/// At Google the answer has a window of its own.
pub(crate) fn too_long(host: Host, prompt: u64, limit: u64, window: u64) -> Option<String> {
    let needed = prompt + limit;
    let is_prompt = prompt > window;
    let message = match host {
        Host::Gemini if !is_prompt => return None,
        _ if needed <= window => return None,
        Host::OpenRouter => format!(
            "The maximum context length is {window} tokens, but about {needed} were requested"
        ),
        Host::OpenAi => format!(
            "This model's maximum context length is {window} tokens. However, you requested {needed} tokens ({prompt} in the messages, {limit} in the completion). Please reduce the length of the messages or completion."
        ),
        Host::Anthropic if is_prompt => {
            format!("prompt is too long: {prompt} tokens > {window} maximum")
        }
        Host::Anthropic => format!(
            "input length and `max_tokens` exceed context limit: {prompt} + {limit} > {window}, decrease input length or `max_tokens` and try again"
        ),
        Host::Gemini => format!(
            "The input token count ({prompt}) exceeds the maximum number of tokens allowed ({window})."
        ),
    };
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::{Host, too_long};

    #[test]
    fn the_limit_counts_where_the_window_is_shared() {
        for (host, prompt, limit, part) in [
            (Host::OpenRouter, 60, 50, Some("about 110")),
            (
                Host::OpenAi,
                60,
                50,
                Some("60 in the messages, 50 in the completion"),
            ),
            (Host::Anthropic, 60, 50, Some("60 + 50 > 100")),
            (Host::Anthropic, 101, 1, Some("101 tokens > 100 maximum")),
            (Host::Gemini, 60, 50, None),
            (Host::Gemini, 101, 1, Some("(101)")),
            (Host::OpenAi, 60, 40, None),
        ] {
            let said = too_long(host, prompt, limit, 100);
            let is_right = match part {
                Some(part) => said.as_ref().is_some_and(|said| said.contains(part)),
                None => said.is_none(),
            };
            assert!(is_right, "{host} {prompt} {limit}: {said:?}");
        }
    }
}
