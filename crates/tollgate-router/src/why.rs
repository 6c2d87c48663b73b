//! Why a candidate stands where it stands, in one sentence for people.

use std::fmt::Write;

use tollgate_core::{CallProfile, Planned, Tally, Usd, Warm};

use crate::record::Standing;
use crate::screen::LIMIT_WHEN_UNKNOWN;

pub(crate) fn why(profile: &CallProfile, planned: &Planned, standing: Standing) -> String {
    let mut why = match standing {
        Standing::Named { number: 0 } => match profile.target {
            Some(_) => "named by the caller".to_owned(),
            None => "the configured default model".to_owned(),
        },
        Standing::Named { number } => {
            format!("{} of the models that the caller lists", ordinal(number))
        }
        Standing::Chain { number } => format!("{} in the fallback chain", ordinal(number)),
        Standing::Ranked { number, of } => ranked(planned, number, of),
        Standing::OnTrial { of } => on_trial(planned, of),
        Standing::OtherHost { of } => format!(
            "{}, should the hosts of all others be down",
            best_on(&planned.lane.authority, of)
        ),
        Standing::LastResort => {
            "out of service for the moment; tried when all others have failed".to_owned()
        }
    };
    if let Some(clamp) = planned.candidate.clamp {
        let reason = why_clamped(profile, planned, clamp);
        let _ = write!(why, "; at most {clamp} output tokens, {reason}");
    }
    if let Some(warm) = profile.warm.as_ref().filter(|warm| is_at(warm, planned)) {
        write_warm(&mut why, profile, warm, planned);
    }
    why
}

/// Which limit an answer is cut to, as the screen has it.
fn why_clamped(profile: &CallProfile, planned: &Planned, clamp: u32) -> &'static str {
    let is_unlimited = planned.window == u64::from(u32::MAX) && clamp == LIMIT_WHEN_UNKNOWN;
    let Some(ceiling) = profile.ceiling.filter(|_| !is_unlimited) else {
        return "as nothing else limits them";
    };
    let worst = planned.candidate.worst;
    let half = Usd::from_nanos(ceiling.nanos() / 2);
    match profile.share {
        Some(share) if share < half && worst <= share => {
            "so that budgets have something left for others"
        }
        _ if worst <= half => "so that a second attempt stays within the limit",
        _ => "so that it stays within the limit",
    }
}

/// Whether the answer will do is seen when it is there.
fn on_trial(planned: &Planned, of: u32) -> String {
    let cost = planned.candidate.expected;
    let mut why = format!("one of {of}, at ${cost}; its answer is judged before it is shown");
    let terms = planned.terms.iter();
    let terms = terms.filter(|(name, _)| !matches!(*name, "" | "dollars"));
    for (position, &(name, value)) in terms.enumerate() {
        why.push_str(if position == 0 { ": " } else { ", " });
        Term { name, value }.write(&mut why);
    }
    why
}

fn is_at(warm: &Warm, planned: &Planned) -> bool {
    warm.model == planned.model && warm.lane == planned.lane.id
}

/// What a candidate has read of the conversation, and what that saves.
fn write_warm(why: &mut String, profile: &CallProfile, warm: &Warm, planned: &Planned) {
    // Earlier turns may have been longer than what is sent now.
    let tokens = warm.tokens.min(profile.prompt.likely);
    let _ = write!(why, "; has read {tokens} tokens of this conversation");
    let rates = planned.rates(profile.prompt.likely, profile.at);
    if let Some((rates, read)) = rates.and_then(|rates| Some((rates, rates.cache_read?))) {
        let cost = |rate| {
            let mut tally = Tally::default();
            tally.add(rate, tokens);
            tally.add_basis_points(planned.lane.fee_basis_points);
            tally.half_even()
        };
        let (cached, anew) = (cost(read), cost(rates.input));
        let _ = write!(
            why,
            ", which are expected to cost ${cached} from its cache instead of ${anew}"
        );
    }
}

/// The policy's reason: what its first term leads to, and the other terms.
fn ranked(planned: &Planned, number: u32, of: u32) -> String {
    let terms = planned.terms.map(|(name, value)| Term { name, value });
    let terms: Vec<Term> = terms
        .into_iter()
        .filter(|term| !term.name.is_empty())
        .collect();
    let (mut why, rest) = match terms.as_slice() {
        [
            Term {
                name: "dollars", ..
            },
            rest @ ..,
        ] => {
            let cost = planned.candidate.expected;
            (format!("{} at ${cost}", best(number, "cheapest", of)), rest)
        }
        [
            Term {
                name: "behind_best",
                value: behind,
            },
            Term {
                name: "tolerance",
                value: tolerance,
            },
            rest @ ..,
        ] => (behind_best(*behind, *tolerance, number, of), rest),
        [
            Term {
                name: "below_floor",
                value,
            },
            rest @ ..,
        ] => (
            format!("none of {of} reaches the quality floor; {value:.2} below it"),
            rest,
        ),
        rest => (best(number, "best", of), rest),
    };
    for (position, term) in rest.iter().enumerate() {
        why.push_str(if position == 0 { ": " } else { ", " });
        term.write(&mut why);
    }
    why
}

fn behind_best(behind: f32, tolerance: f32, number: u32, of: u32) -> String {
    if behind > tolerance {
        return format!("{behind:.2} behind the best quality of {of}");
    }
    match (behind > 0.0, number) {
        (false, 0) => format!("best quality of {of}"),
        (true, 0) => format!("within {tolerance} of the best quality of {of}, and cheaper"),
        (_, _) => {
            format!("within {tolerance} of the best quality of {of}, but dearer than the choice")
        }
    }
}

fn best_on(host: &str, of: u32) -> String {
    match of {
        1 => format!("the only one on {host}"),
        _ => format!("best of {of} on {host}"),
    }
}

/// "best of 3", "second best of 3" and so on; `number` counts from 0.
fn best(number: u32, superlative: &str, of: u32) -> String {
    match (number, of) {
        (_, 1) => "the only one that competes".to_owned(),
        (0, _) => format!("{superlative} of {of}"),
        _ => format!("{} {superlative} of {of}", ordinal(number)),
    }
}

fn ordinal(number: u32) -> String {
    const WORDS: [&str; 10] = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
        "tenth",
    ];
    match WORDS.get(number as usize) {
        Some(word) => (*word).to_owned(),
        None => {
            let number = u64::from(number) + 1;
            let ending = match (number % 10, number % 100) {
                (_, 11..=13) => "th",
                (1, _) => "st",
                (2, _) => "nd",
                (3, _) => "rd",
                _ => "th",
            };
            format!("{number}{ending}")
        }
    }
}

/// A part of a score.
struct Term {
    name: &'static str,
    value: f32,
}

impl Term {
    fn write(&self, text: &mut String) {
        let value = self.value;
        let _ = match self.name {
            "dollars" => write!(text, "${value:.6}"),
            "seconds" => write!(text, "{value:.1} s"),
            // A minus that reads as one, and none before what is written as 0.
            name if value <= -0.005 => write!(text, "{name} \u{2212}{:.2}", -value),
            name => write!(text, "{name} {:.2}", value.max(0.0)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_read_well() {
        let read = [0, 1, 9, 10, 11, 12, 20, 21, 22, 110].map(ordinal);
        let expected = [
            "first", "second", "tenth", "11th", "12th", "13th", "21st", "22nd", "23rd", "111th",
        ];
        assert_eq!(read, expected);
    }
}
