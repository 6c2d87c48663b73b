//! The tests for offers about which there is nothing special, which are nearly
//! all of a catalog: the same answers as [`Screen::check_open`] by a shorter way,
//! because neither fees nor further prices nor more than 64 bits come into it.
//! The rest is asked the long way.

use std::ops::Range;

use tollgate_core::{
    Brief, Candidate, Capabilities, Contest, DropReason, OfferIndex, Outlook, Usd,
};

use super::Screen;
use crate::overlay::Condition;

const ATTOS_PER_NANO: u64 = 1_000_000_000;

/// What the tests read of the call, side by side.
#[derive(Debug)]
pub(crate) struct Ordinary<'a> {
    screen: &'a Screen<'a>,
    needs: Capabilities,
    /// Flags of briefs that are asked the long way.
    special: u8,
    /// Tokens that must be below every conditional price and fit the context.
    room: u32,
    least_wanted: u32,
    longest_wanted: u32,
    shortest_useful: u32,
    prompt_low: u32,
    likely: u32,
    prompt_high: u64,
    answers: u64,
    visible_output: u64,
    least_stretch: u32,
    speed: (f32, f32),
    max_latency_ms: f32,
    share: Usd,
    share_attos: u64,
    ceiling_attos: u64,
}

/// A flag of all briefs that are asked about.
const ALL: u8 = Brief::PRICED;

impl<'a> Ordinary<'a> {
    pub(crate) fn of(screen: &'a Screen<'a>) -> Self {
        let prompt = screen.profile.prompt;
        let room = u32::try_from(screen.room.max(prompt.high));
        let likely = u32::try_from(prompt.likely);
        let least_wanted = u32::try_from(screen.least_wanted);
        let is_ordinary = room.is_ok()
            && likely.is_ok()
            && least_wanted.is_ok()
            && !screen.has_own_keys()
            && !screen.share.is_negative();
        Self {
            screen,
            needs: screen.profile.needs,
            special: match is_ordinary {
                true => {
                    screen.intricate | Brief::FREE | Brief::EXPIRES | Brief::UNLIMITED | Brief::FEE
                }
                false => ALL,
            },
            room: room.unwrap_or(u32::MAX),
            least_wanted: least_wanted.unwrap_or(u32::MAX),
            longest_wanted: screen.longest_wanted,
            shortest_useful: screen.shortest_useful,
            prompt_low: screen.prompt_low,
            likely: likely.unwrap_or(u32::MAX),
            prompt_high: prompt.high,
            answers: u64::from(screen.answers),
            visible_output: screen.visible_output,
            least_stretch: screen.least_stretch,
            speed: screen.speed,
            max_latency_ms: screen.max_latency_ms,
            share: screen.share,
            share_attos: in_attos(screen.share),
            ceiling_attos: in_attos(screen.ceiling),
        }
    }

    /// Makes the offers of a contest candidates, those that can serve the call, and
    /// tells why the others cannot.
    pub(crate) fn gather(
        &self,
        contest: Contest<'_>,
        candidates: &mut Vec<Candidate>,
        mut dropped: impl FnMut(OfferIndex, DropReason),
    ) {
        let count = contest.offers.len();
        // Places to write to, so that no candidate is moved once it is made.
        candidates.resize(count, Candidate::neutral(0));
        let (mut at, mut filled) = (0, 0);
        while at < count {
            // Offers of which the lane says all stand in runs between the few others.
            let apart = self.next_apart(contest.offers, at);
            filled += self.run(contest, at..apart, &mut candidates[filled..], &mut dropped);
            if apart < count {
                match self.admit_apart(contest, apart, &mut candidates[filled]) {
                    Ok(()) => filled += 1,
                    Err(reason) => dropped(contest.offers[apart], reason),
                }
            }
            at = apart + 1;
        }
        candidates.truncate(filled);
    }

    /// Where the next offer stands that has a condition of its own, or that has read
    /// the prompt's beginning; the end if there is none.
    fn next_apart(&self, offers: &[OfferIndex], at: usize) -> usize {
        let begin = offers[at];
        let warm = self.screen.warm.map(|(warm, _)| warm);
        let next = [
            self.screen.overlay.next(begin),
            warm.filter(|warm| *warm >= begin),
        ];
        let Some(next) = next.into_iter().flatten().min() else {
            return offers.len();
        };
        at + offers[at..].partition_point(|offer| *offer < next)
    }

    /// Gives back how many candidates were made.
    #[inline(always)]
    fn run(
        &self,
        contest: Contest<'_>,
        run: Range<usize>,
        slots: &mut [Candidate],
        dropped: &mut impl FnMut(OfferIndex, DropReason),
    ) -> usize {
        let lanes = self.screen.overlay.lanes();
        let offers = contest.offers[run.clone()].iter();
        let briefs = contest.briefs[run.clone()].iter();
        let mut filled = 0;
        for ((&offer, brief), outlook) in offers.zip(briefs).zip(&contest.outlooks[run]) {
            let slot = &mut slots[filled];
            let condition = &lanes[usize::from(brief.lane.0)];
            let admission = self.admit(offer, brief, outlook, condition, slot);
            match self.settle(admission, offer, slot) {
                Ok(()) => filled += 1,
                Err(reason) => dropped(offer, reason),
            }
        }
        filled
    }

    /// An offer that stands in no run.
    ///
    /// # Errors
    /// As [`Screen::check_open`].
    #[inline(never)]
    fn admit_apart(
        &self,
        contest: Contest<'_>,
        at: usize,
        slot: &mut Candidate,
    ) -> Result<(), DropReason> {
        let (offer, brief) = (contest.offers[at], &contest.briefs[at]);
        let condition = self.screen.overlay.of(offer, brief.lane);
        let admission = match self.screen.warm {
            Some((warm, _)) if warm == offer => Admission::Special,
            _ => self.admit(offer, brief, &contest.outlooks[at], &condition, slot),
        };
        self.settle(admission, offer, slot)
    }

    #[inline(always)]
    fn settle(
        &self,
        admission: Admission,
        offer: OfferIndex,
        slot: &mut Candidate,
    ) -> Result<(), DropReason> {
        match admission {
            Admission::Made => Ok(()),
            Admission::Free => Err(DropReason::FreeTier),
            Admission::Special => self.admit_special(offer, slot),
            Admission::OverCeiling { worst } => Err(DropReason::OverCeiling {
                worst,
                ceiling: self.screen.ceiling,
            }),
        }
    }

    #[inline(never)]
    fn admit_special(&self, offer: OfferIndex, slot: &mut Candidate) -> Result<(), DropReason> {
        *slot = self.screen.check_open(offer)?;
        Ok(())
    }

    /// Makes an offer a candidate, at `slot`, which is anything if it was not made.
    ///
    /// Inlined and written in place: in the loop over all of the catalog,
    /// handing a candidate from function to function costs as much as the tests.
    #[inline(always)]
    fn admit(
        &self,
        offer: OfferIndex,
        brief: &Brief,
        outlook: &Outlook,
        condition: &Condition,
        slot: &mut Candidate,
    ) -> Admission {
        if self.is_special(brief, condition) {
            return match brief.any(Brief::FREE) && !self.screen.free_competes {
                true => Admission::Free,
                false => Admission::Special,
            };
        }
        let window = brief.context.saturating_sub(self.prompt_low);
        let limit = self.longest_wanted.min(brief.max_output).min(window);
        let output = match outlook.answer_tokens {
            0 => {
                let stretch = brief.stretch.max(self.least_stretch);
                ((self.visible_output * u64::from(stretch)) >> 32) as u32
            }
            known => self.screen.with_reasoning(known, brief),
        };
        let output = output.min(limit).max(1);

        let (first, per_token) = match brief.any(Brief::SPEED_KNOWN) {
            true => (brief.first_token_ms, brief.token_ms),
            false => self.speed,
        };
        let latency_ms = condition.first_token_ms.unwrap_or(first) + output as f32 * per_token;
        if latency_ms > self.max_latency_ms {
            return Admission::Special;
        }

        let Some((expected, mut worst, bill)) = self.costs(brief, outlook, output, limit) else {
            return Admission::Special;
        };
        let mut clamp = None;
        if worst > self.share {
            match self.squeeze(worst, bill, output, limit) {
                Ok(squeezed) => (worst, clamp) = squeezed,
                Err(worst) => return Admission::OverCeiling { worst },
            }
        }
        slot.offer = offer;
        slot.model = brief.model;
        slot.lane = brief.lane;
        slot.expected = expected;
        slot.worst = worst;
        slot.clamp = clamp;
        slot.output_tokens = output;
        slot.quality = outlook.quality;
        slot.latency_ms = latency_ms;
        slot.latency_known = brief.is_speed_known();
        slot.failure_share = condition.failure_share;
        slot.free = false;
        Admission::Made
    }

    /// Whether an offer needs more than the sums below, or may fail a test that
    /// needs no sum. One test after the other: nearly all go the same way.
    #[inline(always)]
    fn is_special(&self, brief: &Brief, condition: &Condition) -> bool {
        brief.any(self.special)
            || self.room > brief.untiered_room
            || self.least_wanted > brief.max_output
            || !brief.can.contains(self.needs)
            || condition.is_open
    }

    /// The expected cost, the worst, and what that is made of; `None` where 64
    /// bits are too few.
    #[inline(always)]
    fn costs(
        &self,
        brief: &Brief,
        outlook: &Outlook,
        output: u32,
        limit: u32,
    ) -> Option<(Usd, Usd, Bill)> {
        let likely = (u64::from(self.likely) * u64::from(outlook.tokens_per_estimate)) >> 16;
        let usual = Bill {
            fixed: brief.input.attos().checked_mul(likely)?,
            per_token: brief.output.attos().checked_mul(self.answers)?,
        };
        let dearest = Bill {
            fixed: brief.dearest_input.attos().checked_mul(self.prompt_high)?,
            ..usual
        };
        Some((usual.at(output)?, dearest.at(limit)?, dearest))
    }

    /// As [`Screen::clamp`], for a worst case above the share.
    ///
    /// # Errors
    /// The worst case of the shortest useful answer, if that is above the ceiling.
    #[inline(always)]
    fn squeeze(
        &self,
        worst: Usd,
        bill: Bill,
        output: u32,
        limit: u32,
    ) -> Result<(Usd, Option<u32>), Usd> {
        let least = self.shortest_useful.max(output).min(limit);
        // No more than the worst case, which 64 bits hold.
        let needed = bill.fixed + bill.per_token * u64::from(least);
        for (room, attos) in [
            (self.share, self.share_attos),
            (self.screen.ceiling, self.ceiling_attos),
        ] {
            if worst <= room {
                return Ok((worst, None));
            }
            if needed <= attos {
                // Not all of the limit fits, so a token costs something.
                let longest = (attos - bill.fixed) / bill.per_token.max(1);
                let worst = rounded_up(bill.fixed + bill.per_token * longest);
                return Ok((worst, Some(longest as u32)));
            }
        }
        Err(rounded_up(needed))
    }
}

/// What became of an offer.
#[derive(Debug, Clone, Copy)]
enum Admission {
    /// It is a candidate.
    Made,
    /// It is free, and such do not compete.
    Free,
    /// It has to be asked about the long way.
    Special,
    /// Even the shortest useful answer may cost more than the call may.
    OverCeiling { worst: Usd },
}

/// What a call costs on one offer, in atto-dollars: the prompt, and one more
/// token in every answer.
#[derive(Debug, Clone, Copy)]
struct Bill {
    fixed: u64,
    per_token: u64,
}

impl Bill {
    /// The cost with answers of so many tokens each.
    #[inline(always)]
    fn at(self, tokens: u32) -> Option<Usd> {
        let answers = self.per_token.checked_mul(u64::from(tokens))?;
        let attos = answers.checked_add(self.fixed)?;
        // As `rounded_up`, without a remainder to look at.
        let nanos = attos.checked_add(ATTOS_PER_NANO - 1)? / ATTOS_PER_NANO;
        Some(Usd::from_nanos(nanos as i64))
    }
}

/// Atto-dollars as money. A billionth of 64 bits fits into 63.
#[inline(always)]
fn rounded_up(attos: u64) -> Usd {
    Usd::from_nanos(attos.div_ceil(ATTOS_PER_NANO) as i64)
}

/// An amount in atto-dollars, or the most that 64 bits hold: nothing that they
/// hold too is above that.
fn in_attos(amount: Usd) -> u64 {
    let nanos = u64::try_from(amount.nanos()).unwrap_or(0);
    nanos.saturating_mul(ATTOS_PER_NANO)
}

#[cfg(test)]
mod tests;
