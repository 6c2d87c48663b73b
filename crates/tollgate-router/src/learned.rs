//! A learned router in decisions: the policy ranks without a look at the
//! prompt and with one, and a guard decides which ranking stands.

use tollgate_core::{
    CallProfile, Candidate, CatalogView, Guarded, Look, LookVerdict, Outlook, Ranking,
    RoutingPolicy,
};
use tollgate_router_learned::{Insight, Learned, Panel};

/// What was looked up for the last catalog view of a thread.
#[derive(Debug, Default)]
pub(crate) struct Seen(Option<(u64, Box<Panel>)>);

impl Seen {
    /// The models of a view as a router sees them, looked up if they are not
    /// those of the last time.
    fn panel(&mut self, learned: &Learned, view: &CatalogView) -> &mut Panel {
        let is_same = |(seen, panel): &(u64, Box<Panel>)| {
            *seen == view.identity() && panel.by() == learned.id()
        };
        let kept = self.0.take().filter(is_same);
        let (_, panel) = self
            .0
            .insert(kept.unwrap_or_else(|| (view.identity(), panel(learned, view).into())));
        panel
    }
}

fn panel(learned: &Learned, view: &CatalogView) -> Panel {
    let published: Vec<_> = view.models().iter().map(|model| model.quality).collect();
    learned.panel(&published, |name| Some(view.find(name)?.0 as usize))
}

/// What there is to see in the prompt of a call; `None` without a learned
/// router, and for a prompt that another one has read.
pub(crate) fn insight<'a>(
    learned: Option<&'a Learned>,
    profile: &CallProfile,
    view: &CatalogView,
    seen: &'a mut Seen,
) -> Option<Insight<'a>> {
    let learned = learned?;
    let assessment = learned.recall(profile.task, profile.reading.as_ref()?)?;
    Some(learned.insight(seen.panel(learned, view), assessment))
}

/// What to say of a prompt that another router has read, or nobody.
pub(crate) fn warning(learned: Option<&Learned>, profile: &CallProfile) -> Option<String> {
    let read_by = profile.reading.as_ref().map(|reading| reading.by);
    let in_use = learned.map(Learned::id);
    if read_by == in_use {
        return None;
    }
    let named = |id: Option<_>| id.map_or_else(|| "none".to_owned(), |id| format!("{id}"));
    Some(format!(
        "chosen without a look at the prompt: the learned router that read it is {}, the one in use is {}",
        named(read_by),
        named(in_use)
    ))
}

/// The two choices, and which of them stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdict {
    verdict: LookVerdict,
    usual: Candidate,
    other: Candidate,
    doubt: f32,
}

impl Verdict {
    /// Whether the ranking is by what was expected on this prompt.
    pub(crate) fn is_by_look(self) -> bool {
        self.verdict != LookVerdict::Kept
    }
}

/// Ranks by what is expected on this prompt where the guard allows it, else by
/// what is `published`, in the order of the offers. Who is in the ranking then has
/// the quality that it is ranked by.
pub(crate) fn rank(
    policy: &dyn RoutingPolicy,
    profile: &CallProfile,
    candidates: &mut [Candidate],
    published: &[Outlook],
    insight: &Insight<'_>,
) -> (Ranking, Option<Verdict>) {
    let usual = policy.rank(profile, candidates);
    for candidate in &mut *candidates {
        candidate.quality = insight.quality(candidate.model.0 as usize);
    }
    let looked = policy.rank(profile, candidates);
    let first = |ranking: &Ranking| candidates.get(ranking.choices().first()?.place as usize);
    let verdict = match (first(&usual), first(&looked)) {
        (Some(usual), Some(other)) => Some(judge(policy, profile, insight, usual, other)),
        _ => None,
    };
    if verdict.is_some_and(|verdict| verdict.verdict == LookVerdict::Kept) {
        for ranked in usual.as_slice() {
            if let Some(candidate) = candidates.get_mut(ranked.place as usize) {
                candidate.quality = published[candidate.offer.0 as usize].quality;
            }
        }
        return (usual, verdict);
    }
    (looked, verdict)
}

/// Asks the policy itself whether the gain is worth the risk: the usual choice
/// is left only if the policy prefers the other to it even with the doubt taken
/// off its quality. So it holds for any policy, whatever its scores mean.
fn judge(
    policy: &dyn RoutingPolicy,
    profile: &CallProfile,
    insight: &Insight<'_>,
    usual: &Candidate,
    other: &Candidate,
) -> Verdict {
    let seen = |candidate: &Candidate| (candidate.model.0 as usize, candidate.quality);
    let doubt = insight.doubt(seen(usual), seen(other));
    let prefers_other = || {
        let mut doubted = *other;
        doubted.quality.mean -= doubt;
        let again = policy.rank(profile, &[*usual, doubted]);
        again
            .choices()
            .first()
            .is_some_and(|first| first.place == 1)
    };
    let verdict = match usual.model == other.model {
        true => LookVerdict::Agrees,
        false if prefers_other() => LookVerdict::Left,
        false => LookVerdict::Kept,
    };
    Verdict {
        verdict,
        usual: *usual,
        other: *other,
        doubt,
    }
}

/// What was seen in the prompt of a call, for its explanation.
pub(crate) fn look(
    learned: &Learned,
    profile: &CallProfile,
    view: &CatalogView,
    verdict: Option<Verdict>,
) -> Option<Look> {
    let reading = profile.reading.as_ref()?;
    if reading.by != learned.id() {
        return None;
    }
    let name = |candidate: Candidate| view.model(candidate.model).id.clone();
    Some(Look {
        by: reading.by,
        difficulty: reading.difficulty,
        trust: reading.trust,
        guarded: verdict.map(|verdict| Guarded {
            verdict: verdict.verdict,
            usual: name(verdict.usual),
            usual_quality: verdict.usual.quality,
            other: name(verdict.other),
            other_quality: verdict.other.quality,
            doubt: verdict.doubt,
        }),
    })
}
