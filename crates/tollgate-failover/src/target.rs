//! What one attempt is sent to: one candidate, or several of one lane as a list.

use std::ops::Range;
use std::sync::Arc;

use tollgate_core::{
    Attempt, CallProfile, Delivery, EndpointPreferences, Failure, ModelId, Planned, Pricing, Rate,
    Rates, Served, Trip, Usd,
};

/// Tokens. A ceiling that leaves room for less is not worth paying a prompt for.
const SHORTEST_ANSWER: u64 = 256;

/// Candidates of a plan that travel as one attempt. There is at least one, the
/// first is wanted, the others are the upstream's to fall back on.
#[derive(Debug, Clone)]
pub(crate) struct Target<'p> {
    first: Member<'p>,
    rest: Vec<Member<'p>>,
}

/// How all attempts of a call are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) delivery: Delivery,
    /// Whether nothing of the request may be lost on the way.
    pub(crate) strict: bool,
}

/// A candidate and its place in the plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'p> {
    pub(crate) place: usize,
    pub(crate) planned: &'p Planned,
}

impl<'p> Target<'p> {
    pub(crate) fn one(first: Member<'p>) -> Self {
        Self {
            first,
            rest: Vec::new(),
        }
    }

    /// As many of the following candidates as may travel in one list: of the
    /// same lane, which takes lists, and with the same output limit, since one
    /// attempt has one. The first candidate of another kind ends the list, so
    /// that the plan's order is kept.
    pub(crate) fn list(
        first: Member<'p>,
        following: impl Iterator<Item = Member<'p>>,
        size: usize,
    ) -> Self {
        let lane = &first.planned.lane;
        let alike = |member: &Member<'_>| {
            member.planned.lane.id == lane.id
                && member.planned.candidate.clamp == first.planned.candidate.clamp
        };
        let room = if lane.takes_model_lists {
            size.saturating_sub(1)
        } else {
            0
        };
        Self {
            first,
            rest: following.take_while(alike).take(room).collect(),
        }
    }

    pub(crate) fn first(&self) -> Member<'p> {
        self.first
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = Member<'p>> {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }

    pub(crate) fn get(&self, index: usize) -> Option<Member<'p>> {
        self.members().nth(index)
    }

    pub(crate) fn len(&self) -> usize {
        1 + self.rest.len()
    }

    /// The attempt, as it is sent and recorded. `room` is what earlier attempts
    /// have left of the call's ceiling.
    pub(crate) fn attempt(
        &self,
        trip: &Trip<'_>,
        manner: Manner,
        number: u32,
        room: Option<Usd>,
    ) -> Attempt {
        let (call, profile) = (trip.call, &trip.plan.profile);
        let lane = &self.first.planned.lane.id;
        let (max_output, worst) = self.output_limit(profile, room);
        Attempt {
            call: call.id,
            number,
            lane: lane.clone(),
            models: self
                .members()
                .map(|member| member.planned.upstream_id.clone())
                .collect(),
            planned: self
                .members()
                .map(|member| member.planned.model.clone())
                .collect(),
            request: Arc::clone(&call.request),
            delivery: manner.delivery,
            strict: manner.strict,
            session: call.hints.session.clone(),
            max_output,
            max_price: self.max_price(profile.prompt.high),
            endpoints: self.endpoints(),
            worst,
            key: call.keys.of(lane).cloned(),
        }
    }

    /// The output limit to set, and the most that the attempt then costs. When
    /// the plan's own figures do not fit into the room that is left, and the
    /// caller set no limit, answers become shorter instead of failing; the
    /// ledger refuses what does not fit even so.
    fn output_limit(&self, profile: &CallProfile, room: Option<Usd>) -> (Option<u64>, Usd) {
        let planned = self.first.planned.candidate.clamp.map(u64::from);
        let worst = self.members().map(|member| member.planned.candidate.worst);
        let worst = worst.max().unwrap_or_default();
        let Some(room) = room.filter(|room| worst > *room && profile.max_output.is_none()) else {
            return (planned, worst);
        };
        let quotes = || self.members().map(|member| member.planned.quote);
        let longest = quotes().map(|quote| quote.longest_within(room)).min();
        let Some(longest) = longest.filter(|tokens| *tokens >= SHORTEST_ANSWER) else {
            return (planned, worst);
        };
        let limit = planned.map_or(longest, |planned| planned.min(longest));
        let worst = quotes().map(|quote| quote.at(limit)).max();
        (Some(limit), worst.unwrap_or_default())
    }

    /// The member that answers, by the model that the upstream names: the same
    /// id, else the longest id of which it is a dated form. `None` when it
    /// names none, or one that was not asked for.
    pub(crate) fn answering(&self, served: &Served) -> Option<usize> {
        let served = served.model.as_ref()?;
        let ids = || {
            self.members()
                .map(|member| &member.planned.upstream_id)
                .enumerate()
        };
        ids()
            .find(|(_, id)| *id == served)
            .or_else(|| {
                ids()
                    .filter(|(_, id)| is_dated_form(served, id))
                    .max_by_key(|(_, id)| id.as_str().len())
            })
            .map(|(index, _)| index)
    }

    /// Which members a failed attempt has used up, and which of those it is
    /// evidence against.
    ///
    /// An upstream walks its list from the first to the last. So if it names a
    /// model, those before it were tried too, but nobody knows why they failed;
    /// if it answers with an error status and names none, it tried them all;
    /// and if it says nothing (silence, a broken connection), the first is
    /// what it was busy with as far as we know, and the others are still fresh.
    pub(crate) fn spent(&self, failure: &Failure, served: &Served) -> Spent {
        match (self.answering(served), failure.status()) {
            (Some(index), _) => Spent {
                used_up: 0..index + 1,
                blamed: index..index + 1,
            },
            (None, Some(300..)) => Spent {
                used_up: 0..self.len(),
                blamed: 0..self.len(),
            },
            (None, _) => Spent {
                used_up: 0..1,
                blamed: 0..1,
            },
        }
    }

    /// What the first member asks of the choice among endpoints: it is the one
    /// that is wanted. The others meet the same words where they share hosts.
    fn endpoints(&self) -> EndpointPreferences {
        let choice = self.first.planned.endpoints.as_ref();
        choice.map_or_else(EndpointPreferences::default, |choice| {
            choice.preferences.clone()
        })
    }

    /// The dearest price of each class that any member may meet; `None` when
    /// one has no price.
    fn max_price(&self, longest_prompt: u64) -> Option<Rates> {
        self.members()
            .map(|member| match &member.planned.pricing {
                Pricing::Known(price) => Some(price.ceiling(longest_prompt)),
                Pricing::Free => Some(Rates::default()),
                _ => None,
            })
            .reduce(|one, other| Some(dearer(&one?, &other?)))
            .flatten()
    }
}

/// Members of a target, by their place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) used_up: Range<usize>,
    pub(crate) blamed: Range<usize>,
}

/// Whether the model that an upstream names is the one of that id.
pub(crate) fn answers_as(id: &ModelId, served: &ModelId) -> bool {
    id == served || is_dated_form(served, id)
}

/// Whether `served` is `id` with a date behind it, as answers report it:
/// `author/slug` and `author/slug-20260101`, variants aside.
fn is_dated_form(served: &ModelId, id: &ModelId) -> bool {
    served
        .without_variant()
        .strip_prefix(id.without_variant())
        .is_some_and(|rest| {
            let mut characters = rest.chars();
            match characters.next() {
                None => true,
                Some('-') => characters.next().is_some_and(|c| c.is_ascii_digit()),
                Some(_) => false,
            }
        })
}

fn dearer(one: &Rates, other: &Rates) -> Rates {
    // A class without a price of its own inherits another one, so it must not
    // lose against one that has: both are compared as inherited.
    let of = |price: fn(&Rates) -> Option<Rate>, inherited: fn(&Rates) -> Rate| {
        let either = price(one).or(price(other));
        either.map(|_| {
            let cost = |rates: &Rates| price(rates).unwrap_or(inherited(rates));
            cost(one).max(cost(other))
        })
    };
    let input = |rates: &Rates| rates.input;
    let output = |rates: &Rates| rates.output;
    let nothing = |_: &Rates| Rate::default();
    Rates {
        input: one.input.max(other.input),
        output: one.output.max(other.output),
        cache_read: of(|rates| rates.cache_read, input),
        cache_write: of(|rates| rates.cache_write, input),
        cache_write_1h: of(|rates| rates.cache_write_1h.or(rates.cache_write), input),
        audio_input: of(|rates| rates.audio_input, input),
        audio_output: of(|rates| rates.audio_output, output),
        image_output: of(|rates| rates.image_output, output),
        reasoning: of(|rates| rates.reasoning, output),
        image: of(|rates| rates.image, nothing),
        request: of(|rates| rates.request, nothing),
        web_search: of(|rates| rates.web_search, nothing),
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::FailureKind;
    use tollgate_testkit::builders::{model, planned};

    use super::*;

    fn check_answering(served: &str, expected: Option<usize>) {
        let ids = [
            "a/gpt-4o:free",
            "a/gpt-4o-mini",
            "a/gpt-4o",
            "b/sonnet-4",
            "b/sonnet-4-5",
        ];
        let plans = ids.map(|id| planned(id, "openrouter"));
        let mut members = plans
            .iter()
            .enumerate()
            .map(|(place, planned)| Member { place, planned });
        let first = members.next().unwrap();
        let target = Target::list(first, members, ids.len());
        let served = Served {
            model: Some(model(served)),
            ..Served::default()
        };
        assert_eq!(target.answering(&served), expected, "{served:?}");
    }

    #[test]
    fn the_answering_member_is_found_by_its_id_or_the_dated_form_of_it() {
        check_answering("a/gpt-4o", Some(2));
        check_answering("a/gpt-4o:free", Some(0));
        check_answering("a/gpt-4o-mini-2026-01-01", Some(1));
        check_answering("b/sonnet-4-20250514", Some(3));
        check_answering("b/sonnet-4-5-20250929", Some(4));
        check_answering("a/gpt-4o-mini-pro", None);
        check_answering("a/gpt-5", None);
    }

    #[test]
    fn a_failed_list_spends_what_the_upstream_has_tried() {
        let plans = ["a/one", "b/two", "c/three"].map(|id| planned(id, "openrouter"));
        let mut members = plans
            .iter()
            .enumerate()
            .map(|(place, planned)| Member { place, planned });
        let target = Target::list(members.next().unwrap(), members, 3);
        let failure = || Failure::new(FailureKind::Upstream, "it failed");
        let named = Served {
            model: Some(model("b/two")),
            ..Served::default()
        };
        let nobody = Served::default();

        let spent = |failure, served| target.spent(&failure, served);
        assert_eq!(
            spent(failure(), &named),
            Spent {
                used_up: 0..2,
                blamed: 1..2
            }
        );
        assert_eq!(
            spent(failure().with_status(502), &nobody),
            Spent {
                used_up: 0..3,
                blamed: 0..3
            }
        );
        assert_eq!(
            spent(failure(), &nobody),
            Spent {
                used_up: 0..1,
                blamed: 0..1
            }
        );
    }
}
