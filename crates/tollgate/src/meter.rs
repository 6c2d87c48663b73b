//! Counts what goes past.

use std::time::Duration;

use tollgate_core::{
    AttemptEnd, AttemptRecord, Billed, Call, Doubts, Failure, FailureKind, Finish, Frame,
    FrameKind, Observed, Plan, Planned, Served, Timestamp, UsageReport, Usd, Won, book, doubts,
};

/// The meter of one attempt's answer.
#[derive(Clone)]
pub(crate) struct Meter {
    planned: Planned,
    running: AttemptRecord,
    at: Timestamp,
    prompt_likely: u64,
    /// What earlier attempts have left of the call's ceiling.
    room: Option<Usd>,
    worst: Usd,
    output_bytes: u64,
    /// Bytes of output up to which the running cost is known to be within the room.
    within_room: u64,
    usage: Option<Box<UsageReport>>,
    /// Whether the answer has said why it ends: only then is usage the whole.
    finished: bool,
    /// Why it ends, in frames that were read.
    finish: Option<Finish>,
    /// Whether the upstream's end was seen.
    complete: bool,
    /// Whether the upstream goes on beyond what is read, at our expense.
    runs_on: bool,
    /// What of the answer a translation could not carry over.
    lost: Vec<String>,
    /// How many of the coming frames were counted before.
    seen_before: usize,
}

impl Meter {
    /// The meter of the attempt that won; earlier ones may have cost `kept`.
    pub(crate) fn new(call: &Call, plan: &Plan, won: &Won, kept: Usd) -> Self {
        Self {
            planned: plan.get(won.place).unwrap_or_else(|| plan.first()).clone(),
            running: won.running.clone(),
            at: call.at,
            prompt_likely: plan.profile.prompt.likely,
            room: plan.profile.ceiling.map(|ceiling| ceiling - kept),
            worst: won.worst,
            output_bytes: won.seen.output_bytes,
            within_room: 0,
            usage: won.seen.usage.clone(),
            finished: won.seen.finished,
            finish: None,
            complete: won.seen.complete,
            runs_on: false,
            lost: Vec::new(),
            seen_before: won.seen.frames,
        }
    }

    /// Number of the attempt.
    pub(crate) fn number(&self) -> u32 {
        self.running.number
    }

    /// The candidate that answers.
    pub(crate) fn planned(&self) -> &Planned {
        &self.planned
    }

    /// Who serves the answer, as far as known.
    pub(crate) fn served(&self) -> &Served {
        &self.running.served
    }

    /// What of the answer a translation could not carry over.
    pub(crate) fn lost(&self) -> &[String] {
        &self.lost
    }

    /// Whether the answer has said why it ends.
    pub(crate) fn finished(&self) -> bool {
        self.finished
    }

    /// Why the answer ends, as far as it was read.
    pub(crate) fn finish(&self) -> Option<Finish> {
        self.finish
    }

    /// Whether the upstream's end was seen, be it before anybody read it.
    pub(crate) fn complete(&self) -> bool {
        self.complete
    }

    /// Whether the answer has said what all of it used.
    pub(crate) fn knows_usage(&self) -> bool {
        self.usage.is_some() && (self.complete || self.finished)
    }

    /// Reads one frame; refuses it when the running cost is over the line.
    pub(crate) fn read(&mut self, frame: Frame) -> Result<Frame, Failure> {
        if !self.note(&frame) {
            return Ok(frame);
        }
        // What is paid for in one piece is not taken back.
        let may_be_cut = frame.kind == FrameKind::Event && !self.finished;
        let room = self.room.filter(|_| may_be_cut);
        match room {
            Some(room) if self.is_over(room) => Err(Failure::new(
                FailureKind::CostLimit,
                "the answer reached the call's cost limit",
            )
            .with("limit", room)
            .with_hint("raise the limit, or ask for fewer tokens")
            .stop()),
            _ => Ok(frame),
        }
    }

    /// Whether the running cost is over the line. It grows with the bytes and with nothing else, so
    /// where twice as many would be within it, it is not looked at again before they have come.
    fn is_over(&mut self, room: Usd) -> bool {
        if self.output_bytes <= self.within_room {
            return false;
        }
        let ahead = self.output_bytes.saturating_mul(2);
        if self.cost_of(ahead) <= room {
            self.within_room = ahead;
            return false;
        }
        self.cost_of(self.output_bytes) > room
    }

    /// Counts one frame. Whether it is new: those that were held back have been
    /// counted.
    pub(crate) fn note(&mut self, frame: &Frame) -> bool {
        if let Some(served) = &frame.facts.served {
            self.running.served.update(served);
        }
        self.lost.extend_from_slice(&frame.facts.lost);
        self.finish = frame.facts.finish.or(self.finish);
        if self.seen_before > 0 {
            self.seen_before -= 1;
            return false;
        }
        self.output_bytes += u64::from(frame.facts.output_bytes);
        self.finished |= frame.facts.finish.is_some();
        self.complete |= frame.kind == FrameKind::Done;
        if frame.facts.usage.is_some() {
            self.usage.clone_from(&frame.facts.usage);
        }
        true
    }

    /// Takes note that the upstream's end was seen.
    pub(crate) fn note_end(&mut self) {
        self.complete = true;
    }

    /// Takes note that the first `frames` frames, which were read, come again.
    pub(crate) fn rewind(&mut self, frames: usize) {
        self.seen_before = frames;
        // What is lost is told with the frames.
        self.lost.clear();
    }

    /// Takes note that the rest is not read, and is charged for all the same.
    pub(crate) fn note_running_on(&mut self) {
        self.runs_on = true;
    }

    /// The attempt's record, `took` after the call's start.
    pub(crate) fn record(
        &self,
        end: AttemptEnd,
        billed: Option<Billed>,
        took: Duration,
    ) -> AttemptRecord {
        let complete = self.complete || end == AttemptEnd::Complete;
        let usage = self.whole_usage(complete);
        let seen = Observed {
            usage,
            complete,
            output_bytes: self.output_bytes,
            runs_on: self.runs_on,
            billed,
        };
        let (tokens, cost) = book(&self.planned, self.prompt_likely, self.at, self.worst, seen);
        let mut record = self.running.clone();
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        record.took_ms = took_ms.saturating_sub(record.started_ms);
        record.billing = usage
            .and_then(|usage| usage.billing)
            .unwrap_or(record.billing);
        record.end = end;
        record.tokens = tokens;
        record.cost = cost;
        record
    }

    /// What cannot be right in the upstream's report.
    pub(crate) fn doubts(&self) -> Doubts {
        let usage = self.whole_usage(self.complete);
        usage.map_or_else(Doubts::default, |usage| {
            doubts(usage, &self.planned, self.worst, self.output_bytes)
        })
    }

    /// Some upstreams report usage all along; what an unfinished answer
    /// reported is not the whole.
    fn whole_usage(&self, complete: bool) -> Option<&UsageReport> {
        let usage = self.usage.as_deref();
        usage.filter(|_| complete || self.finished)
    }

    /// The cost of so many bytes of output, as it is estimated while they come; none of none.
    fn cost_of(&self, output_bytes: u64) -> Usd {
        let seen = Observed {
            output_bytes,
            ..Observed::default()
        };
        let (_, cost) = book(&self.planned, self.prompt_likely, self.at, Usd::ZERO, seen);
        cost.map(|cost| cost.amount()).unwrap_or_default()
    }
}
