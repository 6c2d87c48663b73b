//! What a call takes of the limits of its caller's key.

use std::sync::Arc;

use tokio::time::Instant;
use tollgate::{Admitted, Error, Failure, Gateway, KeyEntry, Order, Receipt, Target};

/// Tokens that an answer is taken to have until it has ended, where the request
/// does not limit it: four screens of text.
const USUAL_ANSWER: u64 = 1_024;

/// What a call took of its key's minute, and its place among those that run.
pub(crate) struct Allowance(Option<Admitted>);

impl Allowance {
    /// Takes one request, and the tokens that it may come to.
    ///
    /// # Errors
    /// `RateLimited` when the key's minute has no room for it, with the time
    /// after which it has.
    pub(crate) fn take(
        entry: Option<&Arc<KeyEntry>>,
        gateway: &Gateway,
        order: &Order,
    ) -> Result<Self, Failure> {
        let Some(entry) = entry else {
            return Ok(Self(None));
        };
        let gate = entry.gate();
        let tokens = match gate.limits().tokens {
            None => 0,
            Some(_) => {
                let answer = order.request().max_output_tokens();
                let prompt = gateway.prompt_tokens(order.clone());
                let prompt = prompt.map_err(Error::into_failure)?;
                prompt.likely.saturating_add(answer.unwrap_or(USUAL_ANSWER))
            }
        };
        let now = Instant::now().into_std();
        Ok(Self(Some(gate.admit(tokens, now).map_err(Failure::from)?)))
    }

    /// Counts what the call came to in place of what it was taken to come to.
    pub(crate) fn correct(&mut self, receipt: &Receipt) {
        let attempts = receipt.attempts.iter();
        let tokens = attempts
            .map(|attempt| attempt.tokens.prompt_total() + attempt.tokens.output_total())
            .sum();
        self.came_to(tokens);
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
        if let Some(Admitted { taken, permit }) = self.0.take() {
            taken.correct(tokens, Instant::now().into_std());
            drop(permit);
        }
    }
}

/// Whether a key may be used for what a call names.
///
/// # Errors
/// `Forbidden`, with what it may be used for.
pub(crate) fn check(entry: &KeyEntry, order: &Order) -> Result<(), Failure> {
    let request = order.request();
    let model = request.model();
    let model = model.as_deref().unwrap_or("tollgate/auto");
    entry.allows_model(model)?;
    for fallback in request.models() {
        entry.allows_model(&fallback)?;
    }
    if let Ok(Target::Policy {
        policy: Some(policy),
        ..
    }) = model.parse()
    {
        entry.allows_policy(&policy)?;
    }
    match &order.hints().policy {
        Some(policy) => Ok(entry.allows_policy(policy)?),
        None => Ok(()),
    }
}
