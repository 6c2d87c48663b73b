//! The tests for offers about which there is nothing special, which are nearly
//! all of a catalog: the same answers as [`Screen::check_open`] by a shorter way,
//! because neither fees nor further prices nor more than 64 bits come into it.
//! The rest is asked the long way.

use fearless_simd::{Level, Simd, dispatch};
use tollgate_core::{
    Brief, Candidate, Capabilities, Columns, Contest, DropReason, OfferIndex, Outlook, Usd,
};

use super::Screen;
use crate::overlay::Condition;

const ABREAST: usize = Columns::ABREAST;
const ATTOS_PER_NANO: u64 = 1_000_000_000;
/// The most that can be rounded up within 64 bits.
const MOST_ATTOS: u64 = u64::MAX - ATTOS_PER_NANO;

/// What the tests read of the call, side by side.
#[derive(Debug)]
pub(crate) struct Ordinary<'a> {
    screen: &'a Screen<'a>,
    needs: Capabilities,
    /// Flags of briefs that are asked the long way.
    special: u8,
    /// Flags of briefs of which further prices count.
    intricate: u8,
    /// Tokens that must be below every conditional price and fit the context.
    room: u32,
    least_wanted: u32,
    longest_wanted: u32,
    shortest_useful: u32,
    prompt_low: u32,
    likely: u32,
    prompt_high: u64,
    answers: u64,
    visible_output: u32,
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
        let visible_output = u32::try_from(screen.visible_output);
        let expires = match screen.view.first_expiry() <= screen.at_secs {
            true => Brief::EXPIRES,
            false => 0,
        };
        let is_ordinary = room.is_ok()
            && likely.is_ok()
            && least_wanted.is_ok()
            && visible_output.is_ok()
            && !screen.has_own_keys()
            && !screen.share.is_negative();
        Self {
            screen,
            needs: screen.profile.needs,
            special: match is_ordinary {
                true => Brief::FREE | expires | Brief::UNLIMITED | Brief::FEE,
                false => ALL,
            },
            intricate: screen.intricate,
            room: room.unwrap_or(u32::MAX),
            least_wanted: least_wanted.unwrap_or(u32::MAX),
            longest_wanted: screen.longest_wanted,
            shortest_useful: screen.shortest_useful,
            prompt_low: screen.prompt_low,
            likely: likely.unwrap_or(u32::MAX),
            prompt_high: prompt.high,
            answers: u64::from(screen.answers),
            visible_output: visible_output.unwrap_or(u32::MAX),
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
        dropped: impl FnMut(OfferIndex, DropReason),
    ) {
        dispatch!(Level::new(), simd => self.gather_with(simd, contest, candidates, dropped));
    }

    /// Inlined, with all that it runs, so that the compiler makes it of the
    /// instructions that were chosen.
    #[inline(always)]
    fn gather_with<S: Simd>(
        &self,
        _: S,
        contest: Contest<'_>,
        candidates: &mut Vec<Candidate>,
        mut dropped: impl FnMut(OfferIndex, DropReason),
    ) {
        // Places to write to, so that no candidate is moved once it is made.
        candidates.resize(contest.offers.len(), Candidate::neutral(0));
        let lanes = self.screen.overlay.lanes();
        let mut filled = 0;
        // Offers of which their lane says all stand in runs between the few others.
        let mut apart = self.next_apart(OfferIndex(0));
        let offers = contest.offers.chunks(ABREAST);
        let briefs = contest.briefs.chunks(ABREAST);
        let outlooks = contest.outlooks.chunks(ABREAST);
        for (((offers, briefs), outlooks), columns) in
            offers.zip(briefs).zip(outlooks).zip(contest.columns)
        {
            let figures = self.figures(columns);
            for (at, ((&offer, brief), outlook)) in
                offers.iter().zip(briefs).zip(outlooks).enumerate()
            {
                let slot = &mut candidates[filled];
                let admission = if offer < apart {
                    let condition = &lanes[usize::from(brief.lane.0)];
                    self.admit(offer, brief, outlook, &figures.at(at), condition, slot)
                } else {
                    apart = self.next_apart(OfferIndex(offer.0 + 1));
                    self.admit_apart(offer, brief, outlook, &figures.at(at), slot)
                };
                match self.settle(admission, offer, slot) {
                    Ok(()) => filled += 1,
                    Err(reason) => dropped(offer, reason),
                }
            }
        }
        candidates.truncate(filled);
    }

    /// The next offer, from one on, that has a condition of its own, or that has read
    /// the prompt's beginning; one behind all offers if there is none.
    fn next_apart(&self, begin: OfferIndex) -> OfferIndex {
        let warm = self.screen.warm.map(|(warm, _)| warm);
        let next = [
            self.screen.overlay.next(begin),
            warm.filter(|warm| *warm >= begin),
        ];
        let first = next.into_iter().flatten().min();
        first.unwrap_or(OfferIndex(u32::MAX))
    }

    /// What needs no product of 64 bits, for many offers at once.
    #[inline(always)]
    fn figures(&self, columns: &Columns) -> Figures {
        let mut figures = Figures::default();
        for at in 0..ABREAST {
            let stretch = columns.stretch[at];
            let known = columns.answer_tokens[at];
            let window = columns.context[at].saturating_sub(self.prompt_low);
            let limit = self.longest_wanted.min(columns.max_output[at]).min(window);
            let usual = u64::from(self.visible_output) * u64::from(stretch.max(self.least_stretch));
            let output = if known == 0 {
                (usual >> 32) as u32
            } else {
                known
            };
            let output = output.min(limit).max(1);
            // Chosen by bits: a choice between places to read from is not made side by side.
            let is_known = columns.flags[at] & u32::from(Brief::SPEED_KNOWN) != 0;
            let known_bits = u32::from(is_known).wrapping_neg();
            let choose = |known: f32, usual: f32| {
                f32::from_bits(known.to_bits() & known_bits | usual.to_bits() & !known_bits)
            };
            let first = choose(columns.first_token_ms[at], self.speed.0);
            let per_token = choose(columns.token_ms[at], self.speed.1);
            figures.limit[at] = limit;
            figures.output[at] = output;
            figures.first_token_ms[at] = first;
            figures.rest_ms[at] = output as f32 * per_token;
            figures.is_intricate[at] = columns.flags[at] & u32::from(self.intricate) != 0;
            figures.is_special[at] = (columns.flags[at] & u32::from(self.special) != 0)
                | (self.room > columns.untiered_room[at])
                | (self.least_wanted > columns.max_output[at])
                | !columns.can[at].contains(self.needs)
                | (known != 0) & (self.least_stretch > stretch);
        }
        figures
    }

    /// An offer that may have a condition of its own.
    #[inline(never)]
    fn admit_apart(
        &self,
        offer: OfferIndex,
        brief: &Brief,
        outlook: &Outlook,
        figure: &Figure,
        slot: &mut Candidate,
    ) -> Admission {
        match self.screen.warm {
            Some((warm, _)) if warm == offer => Admission::Special,
            _ => {
                let condition = self.screen.overlay.of(offer, brief.lane);
                self.admit(offer, brief, outlook, figure, &condition, slot)
            }
        }
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
        figure: &Figure,
        condition: &Condition,
        slot: &mut Candidate,
    ) -> Admission {
        if figure.is_special || condition.is_open {
            return match brief.any(Brief::FREE) && !self.screen.free_competes {
                true => Admission::Free,
                false => Admission::Special,
            };
        }
        let Figure { output, limit, .. } = *figure;
        let first_token_ms = condition.first_token_ms.unwrap_or(figure.first_token_ms);
        let latency_ms = first_token_ms + figure.rest_ms;
        if latency_ms > self.max_latency_ms {
            return Admission::Special;
        }

        let costs = match figure.is_intricate {
            true => self.intricate_costs(offer, brief, output, limit),
            false => self.costs(brief, outlook, output, limit),
        };
        let Some((expected, mut worst, bill)) = costs else {
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

    /// The expected cost, the worst, and what that is made of; `None` where 64
    /// bits are too few, or more is expected than the worst case is of.
    #[inline(always)]
    fn costs(
        &self,
        brief: &Brief,
        outlook: &Outlook,
        output: u32,
        limit: u32,
    ) -> Option<(Usd, Usd, Bill)> {
        let likely = (u64::from(self.likely) * u64::from(outlook.tokens_per_estimate)) >> 16;
        if likely > self.prompt_high || output > limit {
            return None;
        }
        let dearest = Bill {
            fixed: brief.dearest_input.attos().checked_mul(self.prompt_high)?,
            per_token: brief.output.attos().checked_mul(self.answers)?,
        };
        let worst = dearest.at(limit)?;
        // Fewer tokens at no dearer prices: what holds the worst case holds this.
        let prompt = brief.input.attos().wrapping_mul(likely);
        let answers = dearest.per_token.wrapping_mul(u64::from(output));
        let expected = rounded_up(prompt.wrapping_add(answers));
        Some((expected, worst, dearest))
    }

    /// The same where further prices count; `None` where the worst case is above
    /// the share.
    #[inline(never)]
    fn intricate_costs(
        &self,
        offer: OfferIndex,
        brief: &Brief,
        output: u32,
        limit: u32,
    ) -> Option<(Usd, Usd, Bill)> {
        let (expected, worst) = self.screen.intricate_costs(offer, brief, output, limit);
        (worst <= self.share).then_some((expected, worst, Bill::default()))
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

/// What was worked out for offers side by side.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    /// Whether an offer needs more than the sums below, or may fail a test that
    /// needs no sum.
    is_special: [bool; ABREAST],
    /// Whether further prices count.
    is_intricate: [bool; ABREAST],
    /// The most tokens of one answer, and the expected ones.
    limit: [u32; ABREAST],
    output: [u32; ABREAST],
    /// Milliseconds to the first token, where its condition says nothing else,
    /// and from there to the last.
    first_token_ms: [f32; ABREAST],
    rest_ms: [f32; ABREAST],
}

impl Figures {
    #[inline(always)]
    fn at(&self, at: usize) -> Figure {
        Figure {
            is_special: self.is_special[at],
            is_intricate: self.is_intricate[at],
            limit: self.limit[at],
            output: self.output[at],
            first_token_ms: self.first_token_ms[at],
            rest_ms: self.rest_ms[at],
        }
    }
}

/// The same of one offer.
#[derive(Debug, Clone, Copy)]
struct Figure {
    is_special: bool,
    is_intricate: bool,
    limit: u32,
    output: u32,
    first_token_ms: f32,
    rest_ms: f32,
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
#[derive(Debug, Clone, Copy, Default)]
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
        (attos <= MOST_ATTOS).then(|| rounded_up(attos))
    }
}

/// At most [`MOST_ATTOS`] as money. A billionth of 64 bits fits into 63.
#[inline(always)]
fn rounded_up(attos: u64) -> Usd {
    // As `div_ceil`, without a remainder to look at.
    Usd::from_nanos((attos.wrapping_add(ATTOS_PER_NANO - 1) / ATTOS_PER_NANO) as i64)
}

/// An amount in atto-dollars, or the most that 64 bits hold: nothing that they
/// hold too is above that.
fn in_attos(amount: Usd) -> u64 {
    let nanos = u64::try_from(amount.nanos()).unwrap_or(0);
    nanos.saturating_mul(ATTOS_PER_NANO)
}

#[cfg(test)]
mod tests;
