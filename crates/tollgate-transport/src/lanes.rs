use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tollgate_core::{
    Attempt, CostLookup, Failure, FailureKind, GenerationId, LaneCheck, LaneId, LlmProvider,
    Origin, Reconciled, Reply, Scope, Standing,
};

/// All lanes as one provider: each attempt goes to the provider of its lane. One
/// for a lane that is not there fails as `NotFound`, and another lane may serve
/// the call.
///
/// ```
/// use tollgate_core::LaneId;
/// use tollgate_transport::{Lanes, DirectConfig, DirectProvider};
/// let config = DirectConfig { base_url: "http://127.0.0.1:8080/v1".into(), ..Default::default() };
/// let lanes = Lanes::new().with(LaneId::new("local")?, DirectProvider::new(config)?);
/// assert_eq!(lanes.to_string(), "Lanes(local: OpenAiCompatible(http://127.0.0.1:8080/v1))");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default, Clone)]
pub struct Lanes {
    lanes: BTreeMap<LaneId, Lane>,
    lookups: BTreeMap<LaneId, Arc<dyn CostLookup>>,
    checks: BTreeMap<LaneId, Arc<dyn LaneCheck>>,
}

#[derive(Clone)]
struct Lane {
    provider: Arc<dyn LlmProvider>,
    /// The provider's `Display`, taken while its type was known.
    label: String,
}

impl Lanes {
    /// No lanes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a lane, or replaces it.
    #[must_use]
    pub fn with<P>(mut self, lane: LaneId, provider: P) -> Self
    where
        P: LlmProvider + fmt::Display + 'static,
    {
        let label = provider.to_string();
        self.lanes.insert(
            lane,
            Lane {
                provider: Arc::new(provider),
                label,
            },
        );
        self
    }

    /// Adds who to ask what the generations of a lane cost.
    #[must_use]
    pub fn with_lookup(mut self, lane: LaneId, lookup: impl CostLookup + 'static) -> Self {
        self.lookups.insert(lane, Arc::new(lookup));
        self
    }

    /// Adds who to ask whether a lane can be used.
    #[must_use]
    pub fn with_check(mut self, lane: LaneId, check: impl LaneCheck + 'static) -> Self {
        self.checks.insert(lane, Arc::new(check));
        self
    }

    /// Adds a lane of others as it is, with whoever is asked about it: its
    /// connections are shared, and its limits count together. Adds nothing when
    /// the others have no such lane.
    #[must_use]
    pub fn with_lane_of(mut self, others: &Self, name: &LaneId) -> Self {
        fn take<T: Clone>(to: &mut BTreeMap<LaneId, T>, from: &BTreeMap<LaneId, T>, name: &LaneId) {
            to.extend(from.get(name).map(|one| (name.clone(), one.clone())));
        }
        take(&mut self.lanes, &others.lanes, name);
        take(&mut self.lookups, &others.lookups, name);
        take(&mut self.checks, &others.checks, name);
        self
    }

    /// The lanes, by name.
    pub fn names(&self) -> impl Iterator<Item = &LaneId> {
        self.lanes.keys()
    }

    fn get(&self, lane: &LaneId) -> Result<&Lane, Failure> {
        self.lanes.get(lane).ok_or_else(|| {
            let known = self
                .lanes
                .keys()
                .map(LaneId::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            // Another lane of the plan may be there, and nobody is to blame.
            Failure::new(FailureKind::NotFound, "there is no such lane")
                .with_origin(Origin::Gateway)
                .with_scope(Scope::None)
                .with("lane", lane)
                .with_hint(format!(
                    "lanes are named after their configuration tables; there are: {known}"
                ))
        })
    }
}

#[async_trait]
impl LlmProvider for Lanes {
    async fn send(&self, attempt: &Attempt) -> Result<Reply, Failure> {
        let lane = self.get(&attempt.lane)?;
        let reply = lane.provider.send(attempt).await;
        reply.map_err(|failure| failure.with("lane", &attempt.lane))
    }
}

#[async_trait]
impl CostLookup for Lanes {
    async fn look_up(
        &self,
        lane: &LaneId,
        generation: &GenerationId,
    ) -> Result<Option<Reconciled>, Failure> {
        match self.lookups.get(lane) {
            Some(lookup) => lookup.look_up(lane, generation).await,
            None => Err(mute(
                lane,
                "this lane cannot be asked what a generation cost",
            )),
        }
    }
}

#[async_trait]
impl LaneCheck for Lanes {
    async fn check(&self, lane: &LaneId) -> Result<Standing, Failure> {
        match self.checks.get(lane) {
            Some(check) => check.check(lane).await,
            None => Err(mute(lane, "this lane cannot be asked whether it works")),
        }
    }
}

fn mute(lane: &LaneId, message: &str) -> Failure {
    Failure::new(FailureKind::Configuration, message).with("lane", lane)
}

/// Shows the wiring of each lane.
impl fmt::Display for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lanes(")?;
        for (index, (name, lane)) in self.lanes.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name}: {}", lane.label)?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
