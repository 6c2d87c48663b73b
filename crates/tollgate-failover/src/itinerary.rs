//! Which candidates of a plan are still worth a try, and which is next. Pure:
//! time, pauses and health are arguments.

use std::cell::OnceCell;
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{AttemptRecord, Failure, Next, Plan, Planned, Scope, Spot, Usd};

use crate::budget::Repeat;
use crate::dice::happens;
use crate::door::Door;
use crate::limits::Limits;
use crate::target::{Member, Spent, Target, answers_as};

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
    /// The same model failed at the same host with another key: to be tried
    /// after everything else.
    put_off: bool,
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
    /// To a candidate that has no slot free, once it has one.
    Crowded(Target<'p>),
    /// Breakers refuse everything that is left, in the plan's order; one may be
    /// worth a try all the same.
    Refused(Vec<Refused<'p>>),
}

/// A candidate that is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused<'p> {
    pub(crate) member: Member<'p>,
    /// Whether this call has tried it already.
    pub(crate) repeat: Repeat,
    /// When this call may go there at the earliest.
    pub(crate) start: Instant,
    /// When another call may go there.
    pub(crate) opens_at: Instant,
    /// Until when it is limited, if that is all that is wrong with it.
    pub(crate) limited_until: Option<Instant>,
}

/// What a walk has to know of targets in order to choose.
pub(crate) trait Doors {
    /// How a candidate would be met at that moment.
    fn door(&self, planned: &Planned, at: Instant) -> Door;
    /// When a call that has no other choice may go there.
    fn opens_at(&self, planned: &Planned, now: Instant) -> Instant;
    /// Until when it is limited, by the upstream's word, if nothing else is
    /// wrong with it.
    fn limited_until(&self, planned: &Planned, now: Instant) -> Option<Instant>;
    /// Whether a probe of it costs no more than most calls do.
    fn is_fair_probe(&self, planned: &Planned) -> bool;
    /// How much is going on there, and how much with one call more.
    fn load(&self, planned: &Planned) -> Load;
    /// The next roll of the dice.
    fn roll(&self) -> u64;
}

/// How much is going on at a target, for choosing among equals: how soon it
/// answers, times how many wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) now: f64,
    pub(crate) with_one_more: f64,
}

/// A candidate that this call has not tried. How it would be met is asked when it
/// matters: mostly the first few of a plan are enough.
struct Fresh<'p, 'd, D> {
    member: Member<'p>,
    door: OnceCell<Door>,
    doors: &'d D,
    now: Instant,
}

impl<D: Doors> Fresh<'_, '_, D> {
    fn door(&self) -> Door {
        let ask = || self.doors.door(self.member.planned, self.now);
        *self.door.get_or_init(ask)
    }
}

impl<'p> Itinerary<'p> {
    pub(crate) fn new(plan: &'p Plan, earlier: &[AttemptRecord]) -> Self {
        let mut itinerary = Self {
            plan,
            visits: vec![Visit::default(); plan.len()],
        };
        // What broke off once is not asked again.
        for record in earlier {
            itinerary.rule_out(|Member { planned, .. }| {
                let served = record.served.model.as_ref();
                let broke = served.is_some_and(|served| answers_as(&planned.upstream_id, served));
                planned.lane.id == record.lane && (planned.model == record.requested || broke)
            });
        }
        itinerary
    }

    /// The next leg: the first fresh candidate that may pass, else whichever
    /// tried one may be repeated soonest, not before `pause` has passed.
    pub(crate) fn next(
        &self,
        now: Instant,
        pause: Duration,
        limits: &Limits,
        doors: &impl Doors,
    ) -> Leg<'p> {
        let mut fresh: Vec<_> = self
            .open(limits)
            .filter(|(visit, _)| visit.tries == 0)
            .map(|(_, member)| Fresh {
                member,
                door: OnceCell::new(),
                doors,
                now,
            })
            .collect();
        fresh.sort_by_key(|fresh| self.visits[fresh.member.place].put_off);
        if let Some(target) = first_fresh(&fresh, limits, doors) {
            return Leg::Fresh(target);
        }
        let repeat = self
            .open(limits)
            .filter_map(|(visit, member)| Some((visit.again_from?.max(now + pause), member)))
            .filter(|(start, member)| doors.door(member.planned, *start).passes())
            .min_by_key(|(start, member)| (*start, member.place));
        if let Some((start, member)) = repeat {
            return Leg::Again(Target::one(member), start);
        }
        if let Some(crowded) = fresh.iter().find(|fresh| fresh.door() == Door::Full) {
            return Leg::Crowded(Target::one(crowded.member));
        }
        let refused = self
            .open(limits)
            .filter(|(visit, _)| visit.tries == 0 || visit.again_from.is_some())
            .map(|(visit, member)| Refused {
                member,
                repeat: match visit.tries {
                    0 => Repeat::Call,
                    _ => Repeat::Target,
                },
                start: visit
                    .again_from
                    .map_or(now, |moment| moment.max(now + pause)),
                opens_at: doors.opens_at(member.planned, now),
                limited_until: doors.limited_until(member.planned, now),
            });
        Leg::Refused(refused.collect())
    }

    /// A candidate for a second attempt beside a running one: fresh, in good
    /// health, and on a lane where being the slower one costs little.
    pub(crate) fn beside(
        &self,
        running: &Target<'p>,
        now: Instant,
        limits: &Limits,
        doors: &impl Doors,
    ) -> Option<Target<'p>> {
        self.open(limits)
            .filter(|(visit, _)| visit.tries == 0)
            .map(|(_, member)| member)
            .filter(|member| running.members().all(|tried| tried.place != member.place))
            .find(|member| {
                member.planned.lane.stops_billing && doors.door(member.planned, now) == Door::Open
            })
            .map(Target::one)
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
        let tried = target.first();
        let spots = |planned: &Planned| Spot::of(&planned.lane, &planned.model);
        let shares =
            |planned: &Planned, spot: usize| spots(planned)[spot] == spots(tried.planned)[spot];
        let shared = match failure.rule().scope {
            Scope::Authority => 0,
            Scope::Account => 1,
            Scope::Key => 2,
            Scope::Endpoint => return self.put_off_siblings(tried),
            Scope::None | Scope::KeyModel => return,
        };
        self.rule_out(|member| member.place != tried.place && shares(member.planned, shared));
    }

    /// What a model answers at a host, it most likely answers to another key.
    fn put_off_siblings(&mut self, tried: Member<'p>) {
        for (place, planned) in self.plan.candidates().enumerate() {
            self.visits[place].put_off |= planned.model == tried.planned.model
                && planned.lane.authority == tried.planned.lane.authority;
        }
    }

    /// Leaves only candidates whose window is larger than that of those which
    /// the prompt did not fit into, and holds so many tokens.
    pub(crate) fn too_long(&mut self, target: &Target<'p>, tokens: u64) {
        let refused = target.members().map(|member| member.planned.window);
        let refused = refused.max().unwrap_or_default();
        self.rule_out(|member| member.planned.window <= refused.max(tokens));
    }

    /// Rules out everything that can cost as much as this.
    pub(crate) fn too_dear(&mut self, worst: Usd) {
        self.rule_out(|member| member.planned.candidate.worst >= worst);
    }

    /// Rules out one candidate, whose own budget has no room.
    pub(crate) fn not_affordable(&mut self, place: usize) {
        self.rule_out(|member| member.place == place);
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

/// The first candidate that may be tried, and what may travel with it.
fn first_fresh<'p, D: Doors>(
    fresh: &[Fresh<'p, '_, D>],
    limits: &Limits,
    doors: &D,
) -> Option<Target<'p>> {
    let is_open = |fresh: &Fresh<'_, '_, D>| fresh.door().is_open();
    let place = fresh.iter().enumerate().position(|(place, candidate)| {
        let others = || fresh[place + 1..].iter().any(is_open);
        match candidate.door() {
            Door::Open => true,
            // Traffic grows slowly where others can take the rest.
            Door::Warming { kept_away } => !others() || !happens(kept_away, doors.roll()),
            // A call that probes must have somewhere to go when the probe fails.
            Door::Probe => others() && doors.is_fair_probe(candidate.member.planned),
            Door::Full | Door::Shut(_) => false,
        }
    });
    // Nothing behind it takes calls at the moment, but it does.
    let place = place.or_else(|| fresh.iter().position(is_open))?;
    let first = &fresh[place];
    if first.door() != Door::Open {
        // A probe must show its own result.
        return Some(Target::one(first.member));
    }
    let first = among_equals(first, &fresh[place + 1..], doors);
    let following = fresh[place + 1..]
        .iter()
        .filter(|fresh| fresh.member.place != first.place && fresh.door() == Door::Open)
        .map(|fresh| fresh.member);
    Some(Target::list(first, following, limits.group_size))
}

/// Of candidates that the plan could have put in any order, the less loaded of
/// two that are drawn by weight (the power of two choices). Where weights
/// differ the same one may be drawn twice, and the first is left only when it
/// carries more for its weight than the other would with this call: else a
/// light one would carry as much as a heavy one.
fn among_equals<'p, D: Doors>(
    first: &Fresh<'p, '_, D>,
    behind: &[Fresh<'p, '_, D>],
    doors: &D,
) -> Member<'p> {
    let equal = |other: &&Fresh<'_, '_, D>| {
        let (one, other) = (first.member.planned, other.member.planned);
        one.model == other.model
            && one.candidate.expected == other.candidate.expected
            && one.lane.billing == other.lane.billing
    };
    if !behind.first().is_some_and(|next| equal(&next)) {
        return first.member;
    }
    let mut equals: Vec<_> = std::iter::once(first)
        .chain(behind.iter().take_while(equal))
        .filter(|fresh| fresh.door() == Door::Open)
        .map(|fresh| fresh.member)
        .collect();
    let weight = |member: &Member<'_>| member.planned.lane.weight;
    let alike = equals
        .windows(2)
        .all(|two| weight(&two[0]) == weight(&two[1]));
    let drawn = draw(&equals, doors.roll());
    let one = equals[drawn];
    if alike {
        equals.remove(drawn);
    }
    let Some(other) = equals.get(draw(&equals, doors.roll())) else {
        return one;
    };
    let (load, others) = (doors.load(one.planned), doors.load(other.planned));
    let share = |member: &Member<'_>| f64::from(weight(member).get());
    let is_lighter = match alike {
        true => others.with_one_more < load.with_one_more,
        false => others.with_one_more / share(other) < load.now / share(&one),
    };
    match is_lighter {
        true => *other,
        false => one,
    }
}

/// The place of one of them, each with a chance in proportion to its weight.
fn draw(members: &[Member<'_>], roll: u64) -> usize {
    let weight = |member: &Member<'_>| u128::from(member.planned.lane.weight.get());
    let total: u128 = members.iter().map(weight).sum();
    let mut left = (u128::from(roll) * total) >> 64;
    let drawn = members
        .iter()
        .position(|member| match left.checked_sub(weight(member)) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        });
    drawn.unwrap_or_default()
}
