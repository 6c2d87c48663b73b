//! The tests for offers about which there is nothing special, which are nearly
//! all of a catalog: the same answers as [`Screen::check_open`] by a shorter way,
//! because neither fees nor further prices nor more than 64 bits come into it.
//! The rest is asked the long way.

use tollgate_core::{Brief, Candidate, Capabilities, DropReason, OfferIndex, Quality, Usd};

use super::Screen;
use crate::overlay::{Condition, Walk};

const ATTOS_PER_NANO: u64 = 1_000_000_000;

/// What the tests read of the call, side by side.
#[derive(Debug)]
pub(crate) struct Ordinary<'a> {
    screen: &'a Screen<'a>,
    briefs: &'a [Brief],
    quality: &'a [Quality],
    answer_tokens: &'a [u32],
    tokens_per_estimate: &'a [u32],
    needs: Capabilities,
    /// Flags of briefs that are asked the long way.
    special: u8,
    /// The offer that has read the prompt's beginning.
    warm: OfferIndex,
    /// Tokens that must be below every conditional price and fit the context.
    room: u32,
    least_wanted: u32,
    longest_wanted: u32,
    shortest_useful: u32,
    prompt_low: u32,
    likely: u64,
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
/// Behind all offers.
const NONE: OfferIndex = OfferIndex(u32::MAX);

impl Screen<'_> {
    #[inline(never)]
    fn admit_special(&self, place: OfferIndex, slot: &mut Candidate) -> Result<(), DropReason> {
        *slot = self.check_open(place)?;
        Ok(())
    }
}

impl<'a> Ordinary<'a> {
    pub(crate) fn of(screen: &'a Screen<'a>) -> Self {
        let prompt = screen.profile.prompt;
        // All as long as the first, so that one place is within all of them.
        let briefs = screen.view.briefs();
        let offers = briefs.len();
        let room = u32::try_from(screen.room.max(prompt.high));
        let least_wanted = u32::try_from(screen.least_wanted);
        let is_ordinary = room.is_ok()
            && least_wanted.is_ok()
            && !screen.has_own_keys()
            && !screen.share.is_negative();
        Self {
            screen,
            briefs,
            quality: &screen.quality[..offers],
            answer_tokens: &screen.answer_tokens[..offers],
            tokens_per_estimate: screen.tokens_per_estimate,
            needs: screen.profile.needs,
            special: match is_ordinary {
                true => {
                    screen.intricate | Brief::FREE | Brief::EXPIRES | Brief::UNLIMITED | Brief::FEE
                }
                false => ALL,
            },
            warm: screen.warm.map_or(NONE, |(warm, _)| warm),
            room: room.unwrap_or(u32::MAX),
            least_wanted: least_wanted.unwrap_or(u32::MAX),
            longest_wanted: screen.longest_wanted,
            shortest_useful: screen.shortest_useful,
            prompt_low: screen.prompt_low,
            likely: prompt.likely,
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

    /// Makes an offer of the open competition a candidate, at `slot`; what is
    /// barred from that is not asked about. `slot` is anything after an error.
    ///
    /// Inlined and written in place: in the loop over all of the catalog,
    /// handing a candidate from function to function costs as much as the tests.
    ///
    /// # Errors
    /// As [`Screen::check_open`].
    #[inline(always)]
    pub(crate) fn admit(
        &self,
        place: OfferIndex,
        walk: &mut Walk<'_>,
        slot: &mut Candidate,
    ) -> Result<(), DropReason> {
        let at = place.0 as usize;
        let brief = &self.briefs[at];
        let condition = walk.of(place, brief.lane);
        if self.is_special(place, brief, condition) {
            return self.screen.admit_special(place, slot);
        }
        let quality = self.quality[at];
        let window = brief.context.saturating_sub(self.prompt_low);
        let limit = self.longest_wanted.min(brief.max_output).min(window);
        let output = match self.answer_tokens[at] {
            0 => {
                let stretch = brief.stretch.max(self.least_stretch);
                ((self.visible_output * u64::from(stretch)) >> 32) as u32
            }
            known => self.screen.with_reasoning(known, brief),
        };
        let output = output.min(limit).max(1);

        let is_known = brief.any(Brief::SPEED_KNOWN);
        let first = if is_known {
            brief.first_token_ms
        } else {
            self.speed.0
        };
        let per_token = if is_known {
            brief.token_ms
        } else {
            self.speed.1
        };
        let latency_ms = condition.first_token_ms.unwrap_or(first) + output as f32 * per_token;
        if latency_ms > self.max_latency_ms && brief.is_speed_known() {
            return Err(self.screen.too_slow(latency_ms));
        }

        let Some((expected, mut worst, bill)) = self.costs(at, brief, output, limit) else {
            return self.screen.admit_special(place, slot);
        };
        let mut clamp = None;
        if worst > self.share {
            (worst, clamp) = self.squeeze(worst, bill, output, limit)?;
        }
        slot.offer = place;
        slot.model = brief.model;
        slot.lane = brief.lane;
        slot.expected = expected;
        slot.worst = worst;
        slot.clamp = clamp;
        slot.output_tokens = output;
        slot.quality = quality;
        slot.latency_ms = latency_ms;
        slot.latency_known = brief.is_speed_known();
        slot.failure_share = condition.failure_share;
        slot.free = false;
        Ok(())
    }

    /// Whether an offer needs more than the sums below, or may fail a test that
    /// needs no sum. One test after the other: nearly all go the same way.
    #[inline(always)]
    fn is_special(&self, place: OfferIndex, brief: &Brief, condition: &Condition) -> bool {
        brief.any(self.special)
            || self.room > brief.untiered_room
            || self.least_wanted > brief.max_output
            || !brief.can.contains(self.needs)
            || condition.is_open
            || place == self.warm
    }

    /// The expected cost, the worst, and what that is made of; `None` where 64
    /// bits are too few.
    #[inline(always)]
    fn costs(&self, at: usize, brief: &Brief, output: u32, limit: u32) -> Option<(Usd, Usd, Bill)> {
        let likely = match self.tokens_per_estimate.get(at) {
            None => self.likely,
            Some(factor) => self.likely.saturating_mul(u64::from(*factor)) >> 16,
        };
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
    #[inline(always)]
    fn squeeze(
        &self,
        worst: Usd,
        bill: Bill,
        output: u32,
        limit: u32,
    ) -> Result<(Usd, Option<u32>), DropReason> {
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
        Err(DropReason::OverCeiling {
            worst: rounded_up(needed),
            ceiling: self.screen.ceiling,
        })
    }
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
        answers.checked_add(self.fixed).map(rounded_up)
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
