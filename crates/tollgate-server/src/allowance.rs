//! What a call takes of the limits of its caller's key.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tollgate::{
    Admitted, Error, Failure, FailureKind, Frame, Gateway, KeyEntry, Order, Receipt, Surface,
    Target,
};

use crate::infer::Pending;
use crate::reply::Refusal;

/// Tokens that each answer is taken to have until it has ended, where the
/// request does not limit it: four screens of text, whatever the model.
const USUAL_ANSWER: u64 = 1_024;

/// Bytes of text to a token, as the ledger has it for answers whose upstream
/// does not count.
const BYTES_PER_TOKEN: u64 = 4;

/// What a call took of its key's minute, and its place among those that run.
///
/// Dropped, it is corrected by what was seen of a stream. An answer in one piece
/// of which nothing was seen stays as it was estimated.
pub(crate) struct Allowance {
    admitted: Option<Admitted>,
    prompt: u64,
    /// Bytes of a stream that went past.
    seen: Option<u64>,
}

impl Allowance {
    /// Takes one request, and the tokens that it may come to. What is given back
    /// makes the call.
    ///
    /// # Errors
    /// `RateLimited` when the key's minute has no room for it, with the time
    /// after which it has.
    pub(crate) fn take(
        entry: Option<&Arc<KeyEntry>>,
        gateway: Gateway,
        order: Order,
    ) -> Result<(Self, Pending), Failure> {
        let mut allowance = Self {
            admitted: None,
            prompt: 0,
            seen: order.request().stream().then_some(0),
        };
        let admit = |entry: &KeyEntry, tokens| {
            let admitted = entry.gate().admit(tokens, Instant::now().into_std());
            admitted.map_err(Failure::from)
        };
        let counts_tokens = |entry: &&Arc<KeyEntry>| entry.gate().limits().tokens.is_some();
        let Some(entry) = entry.filter(counts_tokens) else {
            allowance.admitted = entry.map(|entry| admit(entry, 0)).transpose()?;
            return Ok((
                allowance,
                Box::pin(async move { gateway.chat(order).await }),
            ));
        };
        let answers = answers(&order);
        // The prompt is measured once, for the limit and for the plan.
        let measured = gateway.measure(order).map_err(Error::into_failure)?;
        allowance.prompt = measured.prompt().likely;
        let tokens = allowance.prompt.saturating_add(answers);
        match admit(entry, tokens) {
            Ok(admitted) => allowance.admitted = Some(admitted),
            Err(failure) => return Err(measured.refuse(failure)),
        }
        Ok((allowance, Box::pin(measured.send())))
    }

    /// Takes note of a frame of a stream.
    pub(crate) fn note_frame(&mut self, frame: &Frame) {
        if let Some(seen) = &mut self.seen {
            *seen += u64::from(frame.facts.output_bytes);
        }
    }

    /// Counts what the call came to in place of what it was taken to come to.
    pub(crate) fn correct(&mut self, receipt: &Receipt) {
        self.came_to(tokens_of(receipt));
    }

    /// The same for a call that has failed, which may have come to nothing.
    pub(crate) fn note(&mut self, error: Error) -> Error {
        match error.receipt() {
            Some(receipt) => self.correct(receipt),
            None => self.came_to(0),
        }
        error
    }

    /// The same where it has failed.
    pub(crate) fn noting<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|error| self.note(error))
    }

    fn came_to(&mut self, tokens: u64) {
        if let Some(Admitted { taken, permit }) = self.admitted.take() {
            taken.correct(tokens, Instant::now().into_std());
            drop(permit);
        }
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        if let Some(seen) = self.seen {
            let seen = seen.div_ceil(BYTES_PER_TOKEN);
            self.came_to(self.prompt.saturating_add(seen));
        }
    }
}

/// Tokens of all attempts of a call. Upstreams report them, and may report
/// anything.
fn tokens_of(receipt: &Receipt) -> u64 {
    let tokens = receipt.tokens();
    tokens.prompt_total().saturating_add(tokens.output_total())
}

/// Tokens that all answers of a request may have together. Vectors are none.
fn answers(order: &Order) -> u64 {
    let request = order.request();
    if request.surface() == Surface::Embeddings {
        return 0;
    }
    let each = request.max_output_tokens().unwrap_or(USUAL_ANSWER);
    // What cannot be read is refused elsewhere.
    request.answers().unwrap_or(1).saturating_mul(each)
}

/// A layer of routes that make no call: each request counts as one, of no
/// tokens, in the minute of its caller's key. It takes no place among those that
/// run, so that a caller can look around beside its streams.
pub(crate) async fn of_one_request(request: Request, next: Next) -> Result<Response, Refusal> {
    take_one_request(request.extensions())?;
    Ok(next.run(request).await)
}

/// The same for one request.
///
/// # Errors
/// `RateLimited`, as for calls.
pub(crate) fn take_one_request(extensions: &Extensions) -> Result<(), Failure> {
    if let Some(entry) = extensions.get::<Arc<KeyEntry>>() {
        let taken = entry.gate().take(0, Instant::now().into_std());
        // It came to what was taken.
        drop(taken.map_err(Failure::from)?);
    }
    Ok(())
}

/// Whether a key may be used for what a call names.
///
/// # Errors
/// `Forbidden`, with what it may be used for.
pub(crate) fn check(entry: &KeyEntry, order: &Order) -> Result<(), Failure> {
    let request = order.request();
    // The first of them is the target, the others follow when it fails; as
    // routing has it.
    let first = request.model().map(Cow::into_owned);
    let mut named: Vec<String> = first.into_iter().chain(request.models()).collect();
    if named.is_empty() {
        named.push("tollgate/auto".to_owned());
    }
    let has_preset = request.object().has_value("preset")
        || named.iter().any(|model| model.contains("@preset/"));
    if has_preset && entry.is_restricted() {
        return Err(no_presets());
    }
    if let Some(policy) = &order.hints().policy {
        entry.allows_policy(policy)?;
    }
    for model in &named {
        entry.allows_model(model)?;
        if let Ok(Target::Policy {
            policy: Some(policy),
            ..
        }) = model.parse()
        {
            entry.allows_policy(&policy)?;
        }
    }
    Ok(())
}

/// A preset is kept at OpenRouter, and can choose another model and price.
fn no_presets() -> Failure {
    Failure::new(
        FailureKind::Forbidden,
        "a key that is for some models or policies alone may not use presets",
    )
    .with_hint("leave `preset` and `@preset/…` out, and name a model that the key is for")
}

#[cfg(test)]
mod tests {
    use tollgate::{TokenUsage, Usd};
    use tollgate_testkit::builders::{facts, record};

    use super::*;

    #[test]
    fn counts_that_cannot_be_summed_come_to_the_most_there_is() {
        let attempt = |number, input, output| {
            let mut attempt = record(number, "a/one", 1);
            attempt.tokens = TokenUsage {
                input,
                output,
                ..TokenUsage::default()
            };
            attempt
        };
        let check = |attempts, expected| {
            let receipt = Receipt::kept(facts(1), Usd::ZERO, attempts);
            assert_eq!(tokens_of(&receipt), expected);
        };
        check(vec![attempt(1, 10, 5), attempt(2, 20, 7)], 42);
        check(vec![attempt(1, u64::MAX, 5)], u64::MAX);
        check(
            vec![attempt(1, u64::MAX - 5, 5), attempt(2, 0, 5)],
            u64::MAX,
        );
    }
}
