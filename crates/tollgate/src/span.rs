//! The spans of a call: one from its admission to its settlement, and below it
//! one for each step. This is the one place that names what they say.
//!
//! Where OpenTelemetry's conventions for generative AI have a name, it is used;
//! what is ours begins with `tollgate.`. Prompts, answers, keys, callers, tags
//! and whatever an upstream says in words are in none of them.

use tollgate_core::{
    AttemptRecord, Call, CallProfile, Delivery, Ended, Failure, FailureKind, Finish, Plan, Planned,
    Receipt, Surface, TokenUsage,
};
use tracing::Span;
use tracing::field::{Empty, display};

/// Longest name of a caller's choice that is shown, in bytes.
const LONGEST_NAME: usize = 128;

/// The span of a call, and that of the answer that is read.
///
/// It goes with the call wherever it is carried, so that it closes when the
/// call is settled: by its own end, by the settler's task, or after the rest of
/// an answer was read in the background.
pub(crate) struct CallSpan {
    call: Span,
    stream: Span,
}

/// Steps that take no time worth waiting for: each runs in a span of its own.
macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident)*) => {$(
        $(#[$doc])*
        pub(crate) fn $step<T>(&self, run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
            let step = tracing::info_span!(
                parent: &self.call,
                stringify!($step),
                error.type = Empty,
                otel.status_code = Empty,
            );
            step.in_scope(run).inspect_err(|failure| {
                note_failure(&step, failure.kind());
                self.refuse(failure);
            })
        }
    )*};
}

impl CallSpan {
    /// Opens the span of a call that is not admitted yet. What it belongs to is
    /// the span around it.
    pub(crate) fn open() -> Self {
        let call = tracing::info_span!(
            "call",
            otel.kind = "client",
            otel.status_code = Empty,
            error.type = Empty,
            gen_ai.operation.name = Empty,
            gen_ai.provider.name = Empty,
            gen_ai.request.model = Empty,
            gen_ai.request.max_tokens = Empty,
            gen_ai.request.stream = Empty,
            gen_ai.response.model = Empty,
            gen_ai.response.id = Empty,
            gen_ai.response.finish_reasons = Empty,
            gen_ai.response.time_to_first_chunk = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.cache_read.input_tokens = Empty,
            server.address = Empty,
            server.port = Empty,
            tollgate.call = Empty,
            tollgate.surface = Empty,
            tollgate.task = Empty,
            tollgate.policy = Empty,
            tollgate.model = Empty,
            tollgate.provider = Empty,
            tollgate.attempts = Empty,
            tollgate.ended = Empty,
            tollgate.cost_usd = Empty,
            tollgate.cost_source = Empty,
            tollgate.ttft_ms = Empty,
        );
        Self {
            call,
            stream: Span::none(),
        }
    }

    /// Takes the spans out, and leaves none.
    pub(crate) fn take(&mut self) -> Self {
        let [call, stream] =
            [&mut self.call, &mut self.stream].map(|span| std::mem::replace(span, Span::none()));
        Self { call, stream }
    }

    /// The span of the call, for what runs within it.
    pub(crate) fn call(&self) -> Span {
        self.call.clone()
    }

    steps! {
        /// From the caller's order to a call.
        admit
        /// What the call needs.
        profile
        /// What the ledger advises, and which candidates there are.
        plan
        /// The worst case is reserved.
        hold
    }

    /// Tells of the call as it was admitted.
    pub(crate) fn admitted(&self, call: &Call) {
        if self.call.is_disabled() {
            return;
        }
        let surface = call.request.surface();
        self.call
            .record("gen_ai.operation.name", operation(surface))
            .record("gen_ai.request.stream", call.delivery == Delivery::Stream)
            .record("tollgate.call", display(call.id))
            .record("tollgate.surface", surface.as_str());
        if let Some(limit) = call.request.max_output_tokens() {
            self.call.record("gen_ai.request.max_tokens", limit);
        }
    }

    /// Tells of what was asked for.
    pub(crate) fn profiled(&self, profile: &CallProfile) {
        if self.call.is_disabled() {
            return;
        }
        let target = profile.target.as_ref();
        let mut target = target.map_or_else(|| "tollgate/auto".to_owned(), ToString::to_string);
        target.truncate(target.floor_char_boundary(LONGEST_NAME));
        self.call
            .record("gen_ai.request.model", target)
            .record("tollgate.task", profile.task.as_str());
    }

    /// Tells of the decision.
    pub(crate) fn planned(&self, plan: &Plan) {
        self.call
            .record("tollgate.policy", &*plan.policy)
            .record("tollgate.model", plan.first().model.as_str());
    }

    /// A call that ended before anything was reserved for it.
    pub(crate) fn refuse(&self, failure: &Failure) {
        self.call.record("tollgate.ended", "refused");
        note_failure(&self.call, failure.kind());
    }

    // === the answer ===

    /// A target answers, from its commit point on.
    pub(crate) fn begin_stream(&mut self, planned: &Planned, running: &AttemptRecord) {
        if self.call.is_disabled() {
            return;
        }
        self.stream = tracing::info_span!(
            parent: &self.call,
            "stream",
            error.type = Empty,
            otel.status_code = Empty,
            gen_ai.usage.output_tokens = Empty,
            tollgate.attempt = running.number,
            tollgate.end = Empty,
            tollgate.cost_usd = Empty,
            tollgate.cost_source = Empty,
        );
        let (host, port) = host_and_port(&planned.lane.authority);
        self.call.record("server.address", host);
        if let Some(port) = port {
            self.call.record("server.port", port);
        }
    }

    /// The attempt that answers has ended.
    pub(crate) fn end_stream(&mut self, record: &AttemptRecord, finish: Option<Finish>) {
        let stream = std::mem::replace(&mut self.stream, Span::none());
        if stream.is_disabled() {
            return;
        }
        let (end, kind, ..) = record.end.columns();
        stream
            .record("tollgate.end", end)
            .record("gen_ai.usage.output_tokens", record.tokens.output);
        note_kind(&stream, kind);
        if let Some(cost) = record.cost {
            stream
                .record("tollgate.cost_usd", display(cost.amount()))
                .record("tollgate.cost_source", cost.source.as_str());
        }
        if let Some(finish) = finish {
            self.call
                .record("gen_ai.response.finish_reasons", finish_name(finish));
        }
    }

    // === the end ===

    /// Runs the settlement in a span of its own, and tells what came of it.
    pub(crate) fn settle(self, run: impl FnOnce() -> Receipt) -> Receipt {
        let receipt = tracing::info_span!(parent: &self.call, "settle").in_scope(run);
        self.settled(&receipt);
        receipt
    }

    fn settled(&self, receipt: &Receipt) {
        let span = &self.call;
        if span.is_disabled() {
            return;
        }
        span.record("tollgate.attempts", receipt.attempts.len())
            .record("tollgate.ended", receipt.ended.as_str());
        if let Ended::Failed(kind) | Ended::Cut(kind) = receipt.ended {
            note_failure(span, kind);
        }
        if let Some(cost) = receipt.cost() {
            span.record("tollgate.cost_usd", display(cost.amount()))
                .record("tollgate.cost_source", cost.source.as_str());
        }
        if let Some(served) = receipt.served() {
            note_served(span, served);
        }
    }
}

fn note_served(span: &Span, served: &AttemptRecord) {
    span.record("gen_ai.provider.name", served.lane.as_str())
        .record("gen_ai.response.model", served.model().as_str());
    if let Some(generation) = served.generation() {
        span.record("gen_ai.response.id", generation.as_str());
    }
    if let Some(provider) = served.provider() {
        span.record("tollgate.provider", provider.as_str());
    }
    if served.tokens != TokenUsage::default() {
        span.record("gen_ai.usage.input_tokens", served.tokens.prompt_total())
            .record("gen_ai.usage.output_tokens", served.tokens.output)
            .record(
                "gen_ai.usage.cache_read.input_tokens",
                served.tokens.cache_read,
            );
    }
    if let Some(waited) = served.first_token_ms {
        let since_admission = served.started_ms.saturating_add(waited);
        // The convention counts in seconds.
        let seconds = std::time::Duration::from_millis(since_admission).as_secs_f64();
        span.record("gen_ai.response.time_to_first_chunk", seconds)
            .record("tollgate.ttft_ms", since_admission);
    }
}

fn note_failure(span: &Span, kind: FailureKind) {
    note_kind(span, Some(kind.rule().name));
}

fn note_kind(span: &Span, kind: Option<&str>) {
    if let Some(kind) = kind {
        span.record("error.type", kind)
            .record("otel.status_code", "ERROR");
    }
}

/// What the conventions call the work of a surface.
fn operation(surface: Surface) -> &'static str {
    match surface {
        Surface::Embeddings => "embeddings",
        Surface::Completions => "text_completion",
        Surface::Chat | Surface::Responses | Surface::Messages => "chat",
    }
}

/// Why an answer ended, in the words of OpenAI's dialect.
fn finish_name(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
        _ => "other",
    }
}

/// `example.com:8443` in its two parts. An address of IPv6 keeps its brackets.
fn host_and_port(authority: &str) -> (&str, Option<u16>) {
    let split = authority.rsplit_once(':');
    match split.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn an_authority_has_a_host_and_perhaps_a_port() {
        for (authority, host, port) in [
            ("openrouter.ai", "openrouter.ai", None),
            ("127.0.0.1:8080", "127.0.0.1", Some(8080)),
            ("[::1]:443", "[::1]", Some(443)),
            ("[::1]", "[::1]", None),
        ] {
            assert_eq!(host_and_port(authority), (host, port), "{authority}");
        }
    }
}
