//! Figures as a table in Markdown, as benches/README.md has them.

use super::side::Figures;

/// One row: a question that is asked of every side.
struct Question {
    text: &'static str,
    /// Digits after the point.
    digits: usize,
    of: fn(&mut Figures) -> Option<f64>,
    /// Whether what a direct call takes is taken off.
    beyond_direct: bool,
    goal: Goal,
}

/// What is to be reached.
#[derive(Debug, Clone, Copy)]
enum Goal {
    /// Nothing: it is told for what it is.
    None,
    /// At most so many times the bare proxy's.
    Ratio(f64),
    /// At most so much.
    AtMost(f64),
}

#[rustfmt::skip]
const QUESTIONS: &[Question] = &[
    question("one at a time, p50, µs", 0, |it| it.whole.quantile(50), Goal::Ratio(1.4)),
    question("one at a time, p99, µs", 0, |it| it.whole.quantile(99), Goal::Ratio(2.0)),
    added("added to p50, µs", |it| it.whole.quantile(50)),
    added("added to p99, µs", |it| it.whole.quantile(99)),
    question("64 at once, requests/s", 0, |it| Some(it.together.rate()), Goal::None),
    question("64 at once, CPU per request, µs", 1, |it| it.together.cpu_each(), Goal::Ratio(1.6)),
    question("stream, first chunk, p50, µs", 0, |it| it.first_chunk.quantile(50), Goal::None),
    question("stream of 43 chunks, 8 at once, CPU, µs", 1, |it| it.streams.cpu_each(), Goal::AtMost(120.0)),
    question("memory, idle, MiB", 1, |it| it.idle, Goal::AtMost(25.0)),
    question("memory, after the load, MiB", 1, |it| it.loaded, Goal::None),
    question("start to first answer, ms", 0, |it| Some(it.starts.quantile(50)? / 1_000.0), Goal::AtMost(100.0)),
];

const fn question(
    text: &'static str,
    digits: usize,
    of: fn(&mut Figures) -> Option<f64>,
    goal: Goal,
) -> Question {
    Question {
        text,
        digits,
        of,
        beyond_direct: false,
        goal,
    }
}

const fn added(text: &'static str, of: fn(&mut Figures) -> Option<f64>) -> Question {
    Question {
        beyond_direct: true,
        ..question(text, 0, of, Goal::None)
    }
}

/// The answers of all sides: first that of direct calls, then the bare proxy's,
/// last that of the gateway whose goals they are.
pub(super) fn table(mut sides: Vec<(&'static str, Figures)>) -> String {
    let names: Vec<_> = sides.iter().map(|(name, _)| *name).collect();
    let rule = "|---".repeat(names.len() + 3);
    let mut table = format!("| | {} | ratio | goal |\n{rule}|\n", names.join(" | "));
    for question in QUESTIONS {
        let figures = sides.iter_mut().map(|(_, figures)| (question.of)(figures));
        table.push_str(&question.row(figures.collect()));
    }
    table
}

impl Question {
    fn row(&self, mut values: Vec<Option<f64>>) -> String {
        if self.beyond_direct {
            let direct = values
                .first_mut()
                .and_then(Option::take)
                .unwrap_or_default();
            values
                .iter_mut()
                .flatten()
                .for_each(|value| *value -= direct);
        }
        let proxy = values.get(1).copied().flatten();
        let gateway = values.last().copied().flatten();
        let ratio = gateway.zip(proxy).map(|(gateway, proxy)| gateway / proxy);
        let goal = match self.goal {
            Goal::None => String::new(),
            Goal::Ratio(most) => told(format!("{most} ×"), ratio, most),
            Goal::AtMost(most) => told(most.to_string(), gateway, most),
        };
        let digits = self.digits;
        let cells = values.iter().map(|value| match value {
            Some(value) => format!("{value:.digits$}"),
            None => String::new(),
        });
        let ratio = ratio.map(|ratio| format!("{ratio:.2} ×"));
        let cells: Vec<_> = cells.chain([ratio.unwrap_or_default(), goal]).collect();
        format!("| {} | {} |\n", self.text, cells.join(" | "))
    }
}

fn told(goal: String, found: Option<f64>, most: f64) -> String {
    match found.is_some_and(|found| found <= most) {
        true => goal,
        false => format!("{goal}, missed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(question: &Question, values: &[Option<f64>], expected: &str) {
        assert_eq!(
            question.row(values.to_vec()),
            format!("| it | {expected} |\n")
        );
    }

    fn plain(goal: Goal) -> Question {
        question("it", 1, |it| it.idle, goal)
    }

    #[test]
    fn a_ratio_is_to_the_bare_proxy() {
        let values = [Some(1.0), Some(10.0), Some(15.0)];
        check(&plain(Goal::None), &values, "1.0 | 10.0 | 15.0 | 1.50 × | ");
        check(
            &plain(Goal::Ratio(1.6)),
            &values,
            "1.0 | 10.0 | 15.0 | 1.50 × | 1.6 ×",
        );
        check(
            &plain(Goal::Ratio(1.4)),
            &values,
            "1.0 | 10.0 | 15.0 | 1.50 × | 1.4 ×, missed",
        );
    }

    #[test]
    fn the_goals_are_those_of_the_last_build() {
        let values = [None, Some(5.0), Some(30.0), Some(10.0)];
        check(
            &plain(Goal::AtMost(10.0)),
            &values,
            " | 5.0 | 30.0 | 10.0 | 2.00 × | 10",
        );
    }

    #[test]
    fn what_nobody_measured_is_empty_and_reaches_no_goal() {
        let goal = plain(Goal::AtMost(10.0));
        check(
            &goal,
            &[None, None, Some(11.0)],
            " |  | 11.0 |  | 10, missed",
        );
        check(&goal, &[None; 3], " |  |  |  | 10, missed");
    }

    #[test]
    fn what_is_added_is_beyond_a_direct_call() {
        let values = [Some(10.0), Some(30.0), Some(70.0)];
        check(
            &added("it", |it| it.idle),
            &values,
            " | 20 | 60 | 3.00 × | ",
        );
    }
}
