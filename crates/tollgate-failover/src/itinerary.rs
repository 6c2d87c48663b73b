//! Which candidates of a plan are still worth a try, and which is next. Pure:
//! time, pauses and health are arguments.

use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{Failure, Next, Plan, Planned, Scope, Usd};

use crate::config::Limits;
use crate::target::{Member, Spent, Target};

/// A plan with what was tried of it so far.
#[derive(Debug)]
pub(crate) struct Itinerary<'p> {
    plan: &'p Plan,
    visits: Vec<Visit>,
}

/// What happened to one candidate.
#[derive(Debug, Clone, Default)]
struct Visit {
    tries: u32,
    /// Not to be tried any more, whatever happens.
    ruled_out: bool,
    /// May be tried once more, from this moment on.
    again_from: Option<Instant>,
    /// Until when the upstream asked to wait, without jitter.
    asked_until: Option<Instant>,
}

/// How long an upstream asked to be left alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Until when, if it asked at all.
    pub(crate) until: Option<Instant>,
    /// When to come back at the earliest; now, if it did not ask.
    pub(crate) jittered: Instant,
}

/// Where to go next.
#[derive(Debug)]
pub(crate) enum Leg<'p> {
    /// To candidates that this call has not tried.
    Fresh(Target<'p>),
    /// To a candidate that it has tried, from this moment on.
    Again(Target<'p>, Instant),
    /// Breakers refuse everything that is left; these could be asked to let
    /// one through, the one that opens soonest first.
    Refused(Vec<(Instant, Member<'p>)>),
}

impl<'p> Itinerary<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            visits: vec![Visit::default(); plan.len()],
        }
    }

    /// The next leg: the first fresh candidate that may pass, else whichever
    /// tried one may be repeated soonest, not before `pause` has passed.
    pub(crate) fn next(
        &self,
        now: Instant,
        pause: Duration,
        limits: &Limits,
        ready_at: impl Fn(&Planned) -> Option<Instant>,
    ) -> Leg<'p> {
        let mut fresh = self.open(limits).filter(|(visit, _)| visit.tries == 0);
        let passes =
            |member: &Member<'_>, at| ready_at(member.planned).is_none_or(|moment| moment <= at);
        if let Some((_, first)) = fresh.by_ref().find(|(_, member)| passes(member, now)) {
            // Only what is in good health rides along: a probe must show its own result.
            let following = fresh
                .map(|(_, member)| member)
                .filter(|member| ready_at(member.planned).is_none());
            return Leg::Fresh(Target::list(first, following, limits.group_size));
        }
        let repeat = self
            .open(limits)
            .filter_map(|(visit, member)| Some((visit.again_from?.max(now + pause), member)))
            .filter(|(start, member)| passes(member, *start))
            .min_by_key(|(start, member)| (*start, member.place));
        if let Some((start, member)) = repeat {
            return Leg::Again(Target::one(member), start);
        }
        let mut refused: Vec<_> = self
            .open(limits)
            .filter(|(visit, _)| visit.tries == 0 || visit.again_from.is_some())
            .filter_map(|(_, member)| Some((ready_at(member.planned)?, member)))
            .collect();
        refused.sort_by_key(|(moment, member)| (*moment, member.place));
        Leg::Refused(refused)
    }

    /// Whether something is left beside what is being tried.
    pub(crate) fn has_more_than(&self, target: &Target<'_>, limits: &Limits) -> bool {
        self.open(limits).any(|(visit, member)| {
            visit.tries == 0 && target.members().all(|tried| tried.place != member.place)
        })
    }

    /// Takes note of a failed attempt. What concerns the whole lane rules out
    /// its other candidates: they would meet the same key, account or host.
    pub(crate) fn failed(
        &mut self,
        target: &Target<'p>,
        spent: &Spent,
        failure: &Failure,
        asked: Asked,
    ) {
        let again = matches!(failure.next(), Next::Again { .. });
        for index in spent.used_up.clone() {
            let Some(member) = target.get(index) else {
                continue;
            };
            let visit = &mut self.visits[member.place];
            visit.tries += 1;
            visit.again_from = again.then_some(asked.jittered);
            visit.asked_until = asked.until;
        }
        if matches!(
            failure.rule().scope,
            Scope::Key | Scope::Account | Scope::Authority
        ) {
            self.rule_out(|member| {
                member.planned.lane.id == target.first().planned.lane.id
                    && member.place != target.first().place
            });
        }
    }

    /// Rules out everything that can cost as much as this.
    pub(crate) fn too_dear(&mut self, worst: Usd) {
        self.rule_out(|member| member.planned.candidate.worst >= worst);
    }

    /// The soonest moment still to come that an upstream of the plan asked to
    /// wait for.
    pub(crate) fn asked_until(&self, now: Instant) -> Option<Instant> {
        self.visits
            .iter()
            .filter_map(|visit| visit.asked_until)
            .filter(|moment| *moment > now)
            .min()
    }

    fn rule_out(&mut self, which: impl Fn(Member<'p>) -> bool) {
        for (place, planned) in self.plan.candidates().enumerate() {
            self.visits[place].ruled_out |= which(Member { place, planned });
        }
    }

    /// Candidates that are not used up, in the plan's order.
    fn open(&self, limits: &Limits) -> impl Iterator<Item = (&Visit, Member<'p>)> {
        self.visits
            .iter()
            .zip(self.plan.candidates().enumerate())
            .filter(|(visit, _)| !visit.ruled_out && visit.tries < limits.per_target)
            .map(|(visit, (place, planned))| (visit, Member { place, planned }))
    }
}
