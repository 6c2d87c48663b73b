//! The one decision function. Live routing, dry runs, replays and explanations
//! run it; they differ in who listens.

use std::sync::Arc;

use tollgate_core::{
    Breaker, CallProfile, Candidate, Capabilities, CatalogView, DropCounts, Failure, Health,
    HealthView, Lane, LaneIndex, ModelId, OfferIndex, Place, Planned, Quote, Ranked, Ranking, Task,
    Terms, Usd,
};
use tollgate_router_learned::Insight;

use crate::aim::{self, Aim, Listed};
use crate::learned::{self, Seen, Verdict};
use crate::nothing;
use crate::optimizer::{CostOptimizer, NamedPolicy};
use crate::overlay::Overlay;
use crate::record::{Collected, Recorder, Standing};
use crate::screen::ordinary::Ordinary;
use crate::screen::{Breakers, Screen};

/// Name of the policy in plans for which none was asked: the caller or the
/// configuration named the models.
pub const NO_POLICY: &str = "named";

/// What was decided.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) planned: Vec<Planned>,
    pub(crate) policy: Arc<str>,
    pub(crate) warnings: Vec<String>,
    /// What a look at the prompt changed of the choice.
    pub(crate) verdict: Option<Verdict>,
}

/// Memory that is used again by the next plan of the thread.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    overlay: Overlay,
    seen: Seen,
    paid: Vec<Candidate>,
    free: Vec<Candidate>,
    there: Vec<Candidate>,
}

/// Decides which models serve a call.
///
/// Breakers are obeyed unless that leaves nothing: then everything that could
/// serve the call is out of service, and whoever walks the plan knows better
/// than a refusal which target deserves a probe. For the same reason what is
/// out of service stands behind everything else, rather than nowhere.
pub(crate) fn decide<R: Recorder + Default>(
    optimizer: &CostOptimizer,
    profile: &CallProfile,
    view: &CatalogView,
    health: &HealthView,
    scratch: &mut Scratch,
) -> (Result<Decision, Failure>, R) {
    scratch.overlay.fill(view, health);
    let is_open = |entry: &Health| entry.breaker == Breaker::Open;
    let has_own_keys = !profile.own_keys.is_empty();
    let rounds: &[Breakers] = match health.entries().iter().any(is_open) {
        // Health tells of the gateway's own keys too; whoever walks the plan
        // tells them from the caller's.
        true if has_own_keys => &[Breakers::Passed],
        true => &[Breakers::Obeyed, Breakers::Advice],
        false => &[Breakers::Obeyed],
    };
    for &breakers in rounds {
        let mut recorder = R::default();
        match Round::run(optimizer, profile, view, scratch, breakers, &mut recorder) {
            Ok(decision) if decision.planned.is_empty() => {}
            Ok(mut decision) => {
                if rounds.len() > 1 && breakers == Breakers::Obeyed && optimizer.config().fallback {
                    let found = last_resorts(optimizer, profile, view, scratch, &decision);
                    for planned in found {
                        recorder.last_resort(planned.candidate.offer);
                        decision.planned.push(planned);
                    }
                }
                return (Ok(decision), recorder);
            }
            decided => return (decided, recorder),
        }
    }
    // Nothing is left: once more, to say what would have to change.
    let mut recorder = R::default();
    let mut dropped = Collected::default();
    let breakers = rounds[rounds.len() - 1];
    let failure = Round::run(optimizer, profile, view, scratch, breakers, &mut dropped)
        .and_then(|decision| Err(nothing::failure(&dropped.dropped, &decision.warnings)));
    for (offer, reason) in &dropped.dropped {
        recorder.dropped(*offer, *reason);
    }
    (failure, recorder)
}

/// That the worst case is not of all that the call may cost, where that counts.
fn beyond_ceiling(profile: &CallProfile) -> Option<String> {
    let (unbounded, ceiling) = (profile.unbounded.as_ref()?, profile.ceiling?);
    Some(format!(
        "what {unbounded} does at the upstream is billed beside the tokens, and nobody can say \
         how much: the call can cost more than its limit of ${ceiling}"
    ))
}

/// What would be in the plan but for its breaker.
fn last_resorts(
    optimizer: &CostOptimizer,
    profile: &CallProfile,
    view: &CatalogView,
    scratch: &mut Scratch,
    decision: &Decision,
) -> Vec<Planned> {
    let mut unheard = DropCounts::default();
    let advice = Breakers::Advice;
    let all = Round::run(optimizer, profile, view, scratch, advice, &mut unheard);
    let Ok(all) = all else {
        return Vec::new();
    };
    let is_out_of_service = |planned: &Planned| {
        let Candidate { offer, lane, .. } = planned.candidate;
        let is_new = decision
            .planned
            .iter()
            .all(|held| held.candidate.offer != offer);
        is_new && scratch.overlay.of(offer, lane).is_open
    };
    let mut found = all.planned;
    found.retain(is_out_of_service);
    for planned in &mut found {
        planned.place = Place::LastResort;
    }
    found
}

/// Share of reasoning in the output from which on a model is one that reasons:
/// the catalog's figure for models that do so unless told otherwise.
const USUALLY_REASONS: f32 = 0.4;

/// One pass over what the call asks for.
struct Round<'a, R> {
    view: &'a CatalogView,
    screen: Screen<'a>,
    recorder: &'a mut R,
    planned: Vec<Planned>,
    /// Offers of lists that were looked at, each once.
    seen: Vec<OfferIndex>,
    /// What a learned router sees in the prompt.
    insight: Option<Insight<'a>>,
    verdict: Option<Verdict>,
}

impl<'a, R: Recorder> Round<'a, R> {
    fn run(
        optimizer: &CostOptimizer,
        profile: &'a CallProfile,
        view: &'a CatalogView,
        scratch: &'a mut Scratch,
        breakers: Breakers,
        recorder: &'a mut R,
    ) -> Result<Decision, Failure> {
        let Scratch {
            overlay,
            seen,
            paid,
            free,
            there,
        } = scratch;
        let config = optimizer.config();
        let mut warnings = Vec::from_iter(beyond_ceiling(profile));
        let aim = Aim::of(optimizer, profile, view, &mut warnings)?;
        // A vector of another model is no substitute.
        let chain = match profile.needs.contains(Capabilities::EMBEDDINGS_OUTPUT) {
            true => Vec::new(),
            false => aim::listed(&config.fallback_chain, view, &mut warnings),
        };
        let screen = Screen::new(config, view, profile, overlay, breakers);
        let mut round = Round {
            view,
            screen,
            recorder,
            planned: Vec::with_capacity(config.plan_limit),
            seen: Vec::new(),
            insight: None,
            verdict: None,
        };

        let (policy, is_open) = match &aim {
            Aim::Named(models) => {
                round.take(models, Place::Named);
                round.take(&chain, Place::Chain);
                (None, false)
            }
            Aim::Ranked { policy, list } => {
                let learned = optimizer.learned();
                warnings.extend(learned::warning(learned, profile));
                round.insight = learned::insight(learned, profile, view, seen);
                free.clear();
                let is_open = list.is_none();
                let mut pool = Pool { paid, free };
                match list {
                    Some(list) => round.gather_listed(list, &mut pool),
                    None => round.gather_all(profile.task, &chain, &mut pool),
                }
                let prefers_free = profile.prefer_free.unwrap_or(config.prefer_free_tier);
                pool.settle(prefers_free);
                // What would be cut off is not ranked.
                let limit = if config.fallback {
                    config.plan_limit
                } else {
                    1
                };
                let list = list.as_deref().unwrap_or_default();
                round.rank(policy, profile, &mut pool, list, limit, &mut warnings);
                round.take(&chain, Place::Chain);
                if config.fallback {
                    round.add_other_hosts(policy, profile, &pool, list, there);
                }
                (Some(*policy), is_open)
            }
        };
        if !config.fallback {
            round.planned.truncate(1);
        }
        if !is_open {
            round.recorder.not_listed(view, &round.seen);
        }
        if breakers == Breakers::Advice && !round.planned.is_empty() {
            warnings.push(
                "everything that could serve the call is out of service for the moment".into(),
            );
        }
        warnings.sort_unstable();
        warnings.dedup();
        Ok(Decision {
            planned: round.planned,
            policy: policy.map_or_else(|| NO_POLICY.into(), |policy| policy.name.clone()),
            warnings,
            verdict: round.verdict,
        })
    }

    /// Takes the models of a list into the plan as they stand there.
    fn take(&mut self, models: &[Listed<'_>], place: Place) {
        for model in models {
            for offer in model.offers(self.view) {
                if self
                    .planned
                    .iter()
                    .any(|planned| planned.candidate.offer == offer)
                {
                    continue;
                }
                let is_new = self.see(offer);
                match self.screen.check_listed(offer) {
                    Ok(candidate) => {
                        let upstream_id = model.upstream_id(offer, self.view);
                        let unranked = Ranked {
                            place: 0,
                            score: 0.0,
                            terms: Terms::default(),
                        };
                        self.recorder.planned(match place {
                            Place::Named => Standing::Named {
                                number: model.number,
                            },
                            _ => Standing::Chain {
                                number: model.number,
                            },
                        });
                        self.planned.push(planned(
                            &self.screen,
                            candidate,
                            upstream_id,
                            place,
                            unranked,
                        ));
                    }
                    Err(reason) if is_new => self.recorder.dropped(offer, reason),
                    Err(_) => {}
                }
            }
        }
    }

    /// Gathers the offers of a list for the policy.
    fn gather_listed(&mut self, list: &[Listed<'_>], pool: &mut Pool<'_>) {
        pool.paid.clear();
        for model in list {
            for offer in model.offers(self.view) {
                if !self.see(offer) {
                    continue;
                }
                match self.screen.check_listed(offer) {
                    Ok(candidate) => pool.paid.push(candidate),
                    Err(reason) => self.recorder.dropped(offer, reason),
                }
            }
        }
    }

    /// Gathers every offer of the catalog for the policy. What the chain lists
    /// is judged again there, by the rules for listed models, and told then.
    #[inline(never)]
    fn gather_all(&mut self, task: Task, chain: &[Listed<'_>], pool: &mut Pool<'_>) {
        let view = self.view;
        let mut in_chain: Vec<OfferIndex> =
            chain.iter().flat_map(|model| model.offers(view)).collect();
        in_chain.sort_unstable();
        in_chain.dedup();
        self.recorder.barred(view, &in_chain);
        let contest = view.contest(task);
        Ordinary::of(&self.screen).gather(contest, pool.paid, |place, reason| {
            if !in_chain.contains(&place) {
                self.recorder.dropped(place, reason);
            }
        });
    }

    /// Asks the policy, free candidates apart from paid ones where they go first.
    fn rank(
        &mut self,
        policy: &NamedPolicy,
        profile: &CallProfile,
        pool: &mut Pool<'_>,
        list: &[Listed<'_>],
        limit: usize,
        warnings: &mut Vec<String>,
    ) {
        // Free variants are rate-limited: some paid ones must stand behind them.
        let free_limit = if pool.paid.is_empty() {
            limit
        } else {
            limit.div_ceil(2)
        };
        for (candidates, limit) in [(&mut *pool.free, free_limit), (&mut *pool.paid, limit)] {
            if candidates.is_empty() {
                continue;
            }
            let of = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
            let mut number = 0;
            let mut groups = self.planned.len();
            let ranking = self.ranking(policy, profile, candidates);
            warnings.extend(ranking.warning().map(str::to_owned));
            // Nobody is on trial where nobody else may answer.
            let trial = ranking.trial().filter(|_| groups + 1 < limit);
            for ranked in trial.into_iter().chain(ranking.choices()) {
                // A policy may be anyone's: places that do not exist, or come
                // twice, are passed over.
                let Some(candidate) = candidates.get(ranked.place as usize) else {
                    continue;
                };
                let is_new = self
                    .planned
                    .iter()
                    .all(|held| held.candidate.offer != candidate.offer);
                let sibling = self.has_sibling(candidate);
                if is_new && (sibling || groups < limit) {
                    groups += usize::from(!sibling);
                    let on_trial = trial.is_some_and(|trial| std::ptr::eq(trial, ranked));
                    let (place, standing) = match on_trial {
                        true => (Place::OnTrial, Standing::OnTrial { of }),
                        false => (Place::Ranked, Standing::Ranked { number, of }),
                    };
                    self.recorder.planned(standing);
                    number += u32::from(!on_trial);
                    let upstream_id = upstream_id(self.view, list, candidate.offer);
                    self.planned.push(planned(
                        &self.screen,
                        *candidate,
                        upstream_id,
                        place,
                        *ranked,
                    ));
                }
            }
        }
    }

    /// Adds the policy's choice on each host that nothing of the plan is on: if all
    /// that it ranked best is on one host, that may be the one which is down.
    fn add_other_hosts(
        &mut self,
        policy: &NamedPolicy,
        profile: &CallProfile,
        pool: &Pool<'_>,
        list: &[Listed<'_>],
        there: &mut Vec<Candidate>,
    ) {
        let view = self.view;
        let host = |lane: LaneIndex| &view.lane(lane).authority;
        for lane in view.lanes() {
            let is_planned = |planned: &Planned| planned.lane.authority == lane.authority;
            if self.planned.iter().any(is_planned) {
                continue;
            }
            let all = pool.paid.iter().chain(&*pool.free);
            there.clear();
            there.extend(all.filter(|candidate| *host(candidate.lane) == lane.authority));
            if there.is_empty() {
                continue;
            }
            if !self.verdict.is_some_and(Verdict::is_by_look) {
                let published = view.outlooks(profile.task);
                for candidate in &mut *there {
                    candidate.quality = published[candidate.offer.0 as usize].quality;
                }
            }
            let ranking = policy.policy.rank(profile, there);
            // A policy may be anyone's: see `rank`.
            let first = ranking.choices().first();
            let Some((ranked, candidate)) =
                first.and_then(|ranked| Some((*ranked, *there.get(ranked.place as usize)?)))
            else {
                continue;
            };
            let of = u32::try_from(there.len()).unwrap_or(u32::MAX);
            let place = Place::OtherHost;
            self.recorder.planned(Standing::OtherHost { of });
            let upstream_id = upstream_id(view, list, candidate.offer);
            self.planned
                .push(planned(&self.screen, candidate, upstream_id, place, ranked));
        }
    }

    /// The policy's ranking, with a look at the prompt where there was one.
    fn ranking(
        &mut self,
        policy: &NamedPolicy,
        profile: &CallProfile,
        candidates: &mut [Candidate],
    ) -> Ranking {
        let Some(insight) = &self.insight else {
            return policy.policy.rank(profile, candidates);
        };
        let published = self.view.outlooks(profile.task);
        let (ranking, verdict) =
            learned::rank(&*policy.policy, profile, candidates, published, insight);
        // Of free and paid candidates apart, those that go first decide.
        self.verdict = self.verdict.or(verdict);
        ranking
    }

    /// Whether the plan has the model on another lane to the same host: keys of
    /// one provider take no places of other models.
    fn has_sibling(&self, candidate: &Candidate) -> bool {
        let authority = &self.view.lane(candidate.lane).authority;
        self.planned.iter().any(|held| {
            held.candidate.model == candidate.model && held.lane.authority == *authority
        })
    }

    /// Remembers an offer; `true` when it was not seen before.
    fn see(&mut self, offer: OfferIndex) -> bool {
        let is_new = !self.seen.contains(&offer);
        if is_new {
            self.seen.push(offer);
        }
        is_new
    }
}

/// Candidates that wait for the policy.
struct Pool<'a> {
    paid: &'a mut Vec<Candidate>,
    free: &'a mut Vec<Candidate>,
}

impl Pool<'_> {
    /// Takes the free candidates apart when they go first; else they compete
    /// with the others.
    fn settle(&mut self, prefers_free: bool) {
        if prefers_free {
            self.free
                .extend(self.paid.extract_if(.., |candidate| candidate.free));
        }
    }
}

fn upstream_id(view: &CatalogView, list: &[Listed<'_>], offer: OfferIndex) -> ModelId {
    let listed = list
        .iter()
        .find(|model| model.offers(view).any(|own| own == offer));
    listed.map_or_else(
        || view.upstream_id(offer).clone(),
        |model| model.upstream_id(offer, view),
    )
}

fn planned(
    screen: &Screen<'_>,
    mut candidate: Candidate,
    upstream_id: ModelId,
    place: Place,
    ranked: Ranked,
) -> Planned {
    let view = screen.view;
    let lane = view.lane(candidate.lane);
    // Such a call costs the gateway nothing. What it is expected to cost the caller,
    // and the prices that it was ranked by, stay.
    let is_callers = screen.has_own_keys();
    if is_callers {
        candidate.worst = Usd::ZERO;
    }
    Planned {
        candidate,
        model: view.model(candidate.model).id.clone(),
        upstream_id,
        lane: match is_callers {
            true => Lane::clone(lane).with_callers_key().into(),
            false => lane.clone(),
        },
        pricing: view.pricing(candidate.offer).clone(),
        quote: match is_callers {
            true => Quote {
                answers: screen.quote(candidate.offer).answers,
                ..Quote::FREE
            },
            false => screen.quote(candidate.offer),
        },
        reasons: view.model(candidate.model).reasoning_share >= USUALLY_REASONS,
        window: u64::from(view.brief(candidate.offer).context),
        endpoints: None,
        place,
        score: ranked.score,
        terms: ranked.terms,
    }
}
