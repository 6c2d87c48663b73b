//! How plans are walked, on paused time.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a failed unwrap is a failed test"
)]

mod beside;
mod bounds;
mod commit;
mod doors;
mod health;
mod hold_back;
mod keys;
mod limits;
mod lists;
mod lock_free;
mod money;
mod properties;
mod rejoin;
mod spells;
mod walk;

/// In the place of the module of that name in the crate, for the files of it
/// that are explored here.
mod sync {
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tollgate_core::{
    Breaker, Call, Delivery, Event, Exhausted, Failover, Failure, FailureKind, Frame, Health, Hold,
    LaneCheck, Ledger, LlmProvider, Plan, Planned, Trip, Won,
};
use tollgate_failover::{FailoverConfig, FailoverManager};
use tollgate_testkit::builders::{self, planned};
use tollgate_testkit::providers::{Fault, Journal, NullLedger, Script, ScriptedProvider};

/// A manager with everything around it.
struct Rig {
    call: Call,
    plan: Plan,
    ledger: NullLedger,
    provider: ScriptedProvider,
    manager: FailoverManager,
    events: Arc<Mutex<Vec<Event>>>,
    journal: Journal,
}

impl Rig {
    /// A rig over candidates written as `lane model`.
    fn new(candidates: &[&str], provider: ScriptedProvider) -> Self {
        Self::with(candidates, provider, |_| {})
    }

    fn with(
        candidates: &[&str],
        provider: ScriptedProvider,
        configure: impl FnOnce(&mut FailoverConfig),
    ) -> Self {
        let mut config = FailoverConfig::default();
        configure(&mut config);
        config.check().unwrap();
        let candidates = candidates.iter().map(|candidate| {
            let (lane, model) = candidate.split_once(' ').unwrap();
            planned(model, lane)
        });
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = events.clone();
        let observer = move |event: &Event| heard.lock().unwrap().push(event.clone());
        let journal = Journal::new();
        Self {
            call: builders::call(1, "a/one"),
            plan: builders::plan(candidates.collect()),
            ledger: NullLedger::new().with_journal(&journal),
            provider: provider.with_journal(&journal),
            manager: FailoverManager::new(config, 7, Arc::new(observer)),
            events,
            journal,
        }
    }

    /// Changes the candidates, by their place.
    fn planned(mut self, change: impl Fn(usize, &mut Planned)) -> Self {
        let mut candidates: Vec<_> = self.plan.candidates().cloned().collect();
        for (place, planned) in candidates.iter_mut().enumerate() {
            change(place, planned);
        }
        self.plan = builders::plan(candidates);
        self
    }

    /// Asks `check` about keys and accounts.
    fn checked_by(mut self, check: impl LaneCheck + 'static) -> Self {
        let heard = self.events.clone();
        let observer = move |event: &Event| heard.lock().unwrap().push(event.clone());
        let config = FailoverConfig::default();
        let (observer, check) = (Arc::new(observer), Arc::new(check));
        self.manager = FailoverManager::with_check(config, 7, observer, check);
        self
    }

    fn whole(mut self) -> Self {
        self.call.delivery = Delivery::Whole;
        self
    }

    fn timeout(mut self, timeout: Duration) -> Self {
        self.call.timeout = timeout;
        self
    }

    fn hold(&self) -> Hold {
        self.ledger.hold(&self.call, &self.plan).unwrap()
    }

    async fn run(&self) -> Result<Won, Exhausted> {
        self.run_on(&mut self.hold(), &self.provider).await
    }

    async fn run_on(&self, hold: &mut Hold, provider: &dyn LlmProvider) -> Result<Won, Exhausted> {
        let Self {
            call, plan, ledger, ..
        } = self;
        self.manager
            .run(Trip::new(call, plan, hold, ledger, provider))
            .await
    }

    /// The lanes and models of the attempts that were sent, as in `new`.
    fn sent(&self) -> Vec<String> {
        let attempts = self.provider.sent();
        let text = |attempt: &tollgate_core::Attempt| {
            let models: Vec<_> = attempt.models.iter().map(|model| model.as_str()).collect();
            format!("{} {}", attempt.lane, models.join("+"))
        };
        attempts.iter().map(text).collect()
    }

    fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// Health of a spot, in words: `key a`, `endpoint a b/c`.
    fn health(&self, spot: &str) -> Option<Health> {
        let view = self.manager.health();
        let mut entries = view.entries().iter();
        entries
            .find(|entry| entry.spot.to_string() == spot)
            .cloned()
    }

    fn breaker(&self, spot: &str) -> Breaker {
        self.health(spot)
            .map_or(Breaker::Closed, |health| health.breaker)
    }
}

/// A whole answer: its text, and how it broke if it did.
struct Heard {
    text: String,
    frames: Vec<Frame>,
    broke: Option<Failure>,
}

/// Reads an answer to its end, which must be the end.
async fn hear(won: Won) -> Heard {
    let mut frames = won.reply.frames;
    let mut heard = Heard {
        text: String::new(),
        frames: Vec::new(),
        broke: None,
    };
    while let Some(item) = frames.next().await {
        assert!(heard.broke.is_none(), "nothing follows a failure");
        match item {
            Ok(frame) => {
                heard.text += &text_of(&frame);
                heard.frames.push(frame);
            }
            Err(failure) => heard.broke = Some(failure),
        }
    }
    heard
}

/// The place of the candidate that answers, when its answer was heard.
async fn call(rig: &Rig) -> usize {
    let won = rig.run().await.unwrap();
    let place = won.place;
    hear(won).await;
    place
}

fn text_of(frame: &Frame) -> String {
    let json = serde_json::from_slice::<serde_json::Value>(&frame.data).unwrap_or_default();
    let choice = &json["choices"][0];
    let content = choice["delta"]["content"]
        .as_str()
        .or(choice["message"]["content"].as_str());
    content.unwrap_or_default().to_owned()
}

fn fault(kind: FailureKind) -> Fault {
    Fault::new(kind)
}

/// A refusal with that status, before the head.
fn refuses(kind: FailureKind, status: u16) -> Script {
    Script::refuse(fault(kind).status(status))
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn kinds(failed: &[tollgate_core::AttemptRecord]) -> Vec<FailureKind> {
    failed
        .iter()
        .map(|record| match record.end {
            tollgate_core::AttemptEnd::Failed { kind, .. } => kind,
            ref other => panic!("{other:?} is no failed attempt"),
        })
        .collect()
}
