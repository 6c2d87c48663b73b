//! Who hears of events: the log, and whoever the program adds.

use std::sync::Arc;

use tollgate_core::{Breaker, Event, Observer};

/// Hands each event to the log and to all others.
pub(crate) struct Everyone(pub(crate) Vec<Arc<dyn Observer>>);

impl Observer for Everyone {
    fn on(&self, event: &Event) {
        log(event);
        for observer in &self.0 {
            observer.on(event);
        }
    }
}

/// One log line per event. Prompts, answers and keys are not in events.
fn log(event: &Event) {
    match event {
        Event::AttemptStarted {
            call,
            attempt,
            lane,
            models,
        } => {
            let model = models
                .first()
                .map(|model| model.as_str())
                .unwrap_or_default();
            tracing::debug!(%call, attempt, %lane, model, "attempt started");
        }
        Event::AttemptFailed {
            call,
            record,
            goes_on,
            wait_ms,
        } => tracing::warn!(
            %call,
            attempt = record.number,
            lane = %record.lane,
            model = %record.requested,
            goes_on,
            wait_ms,
            end = ?record.end,
            "attempt failed"
        ),
        Event::Committed {
            call,
            attempt,
            first_token_ms,
        } => {
            tracing::debug!(%call, attempt, first_token_ms, "answer begins");
        }
        Event::Hedged {
            call,
            attempt,
            waited_ms,
        } => tracing::info!(%call, attempt, waited_ms, "second attempt beside a slow one"),
        Event::Rejoined { call, record, anew } => tracing::warn!(
            %call,
            attempt = record.number,
            lane = %record.lane,
            anew,
            end = ?record.end,
            "answer broke off, and goes on elsewhere"
        ),
        Event::Judged {
            call,
            attempt,
            model,
            judgement,
        } => tracing::info!(
            %call,
            attempt,
            %model,
            score = judgement.score(),
            rejected = judgement.rejection(),
            "answer judged"
        ),
        Event::BreakerChanged { spot, breaker, why } => match breaker {
            Breaker::Open => tracing::warn!(%spot, why, "breaker open"),
            _ => tracing::info!(%spot, breaker = breaker.as_str(), why, "breaker"),
        },
        Event::Alarm { spot, what } => tracing::error!(%spot, what, "alarm"),
        Event::Doubted {
            call,
            attempt,
            lane,
            generation,
            doubts,
            earlier,
        } => tracing::error!(
            %call,
            attempt,
            %lane,
            generation = generation.as_ref().map(|id| id.as_str()),
            %doubts,
            earlier = earlier.map(|call| call.to_string()),
            "the upstream's report cannot be right; what can be trusted is booked"
        ),
        Event::Settled { receipt } => {
            let cost = receipt.cost();
            tracing::info!(
                call = %receipt.facts.call,
                model = receipt.served().map(|attempt| attempt.model().as_str()),
                attempts = receipt.attempts.len(),
                usd = cost.map(|cost| cost.amount().to_string()),
                source = cost.map(|cost| cost.source.as_str()),
                ended = receipt.ended.as_str(),
                took_ms = receipt.took_ms,
                "call settled"
            );
        }
        Event::BudgetWarned {
            window,
            used,
            limit,
        } => tracing::warn!(%window, %used, %limit, "a budget is nearly spent"),
        Event::Overspent {
            window,
            spent,
            limit,
        } => {
            tracing::error!(%window, %spent, %limit, "more was billed than a budget allows");
        }
        Event::Catalog { what, taken: true } => tracing::info!(what, "catalog"),
        Event::Catalog { what, taken: false } => tracing::warn!(what, "catalog kept"),
        Event::EndpointsKept { what } => tracing::warn!(what, "endpoints kept"),
        _ => {}
    }
}
