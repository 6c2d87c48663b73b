//! What a call is about, read off its words. Deliberately conservative: a call
//! is chat until enough points speak for something else.

mod table;
mod words;

use tollgate_core::Task;

use self::words::Words;
use super::classes::Classes;

/// Points that make a call code or reasoning.
const ENOUGH: u32 = 3;
/// Most points that words of one task can bring, so that one long text about
/// programs does not outweigh everything else.
const MOST_FROM_WORDS: u32 = 4;
/// Bytes that are read at each end of the last message of the user.
const END: usize = 512;

const FENCE_HERE: u32 = 3;
const FENCE_BEFORE: u32 = 1;
const DENSE_CODE_MARKS: u32 = 2;
const IDENTIFIERS: u32 = 1;
const CALLS: u32 = 1;
const CODE_TOOLS: u32 = 2;
const MATHS_SIGNS: u32 = 2;
const POWERS: u32 = 2;
const STEP_BY_STEP: u32 = 2;
const FORMULAS: u32 = 2;
const SUMS: u32 = 2;
const WORD_PROBLEM: u32 = 3;
const EFFORT: u32 = 2;

/// Whether the caller asked for hard thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Effort {
    #[default]
    Ordinary,
    High,
}

/// What a request shows of its task.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cues<'a> {
    /// The last message of the user, as JSON text.
    pub(crate) last: &'a str,
    /// What that message is made of.
    pub(crate) last_classes: Classes,
    /// Code fences in earlier messages.
    pub(crate) fence_before: bool,
    /// The tool definitions, as JSON text.
    pub(crate) tools: &'a str,
    pub(crate) effort: Effort,
}

impl Cues<'_> {
    /// The task that the cues speak for. Programs compute, so code goes before
    /// reasoning; but formulas look like programs.
    pub(crate) fn task(&self) -> Task {
        let words = self.words();
        let code = self.code(&words);
        let reasoning = self.reasoning(&words);
        let is_code = code >= ENOUGH && (words.formulas == 0 || code >= reasoning);
        match (is_code, reasoning >= ENOUGH) {
            (true, _) => Task::Code,
            (false, true) => Task::Reasoning,
            (false, false) => Task::Chat,
        }
    }

    fn code(&self, words: &Words) -> u32 {
        let classes = &self.last_classes;
        let fence_here = classes.backticks >= 3 && self.last.contains("```");
        // Prose has about one such mark in a hundred characters, programs one in ten.
        let dense = classes.code_marks >= 8 && classes.code_marks * 16 >= classes.bytes;
        words.code.min(MOST_FROM_WORDS)
            + points(fence_here, FENCE_HERE)
            + points(self.fence_before, FENCE_BEFORE)
            + points(dense, DENSE_CODE_MARKS)
            + points(words.identifiers >= 2, IDENTIFIERS)
            + points(words.calls >= 2, CALLS)
            + points(names_code_tool(self.tools), CODE_TOOLS)
    }

    fn reasoning(&self, words: &Words) -> u32 {
        words.reasoning.min(MOST_FROM_WORDS)
            + points(self.last_classes.maths >= 2, MATHS_SIGNS)
            + points(words.powers >= 1, POWERS)
            + points(words.steps >= 2, STEP_BY_STEP)
            + words.formulas.min(2) * FORMULAS
            + points(words.sums >= 1, SUMS)
            + points(is_word_problem(words), WORD_PROBLEM)
            + points(self.effort == Effort::High, EFFORT)
    }

    fn words(&self) -> Words {
        let text = self.last.as_bytes();
        let mut words = Words::default();
        if text.len() <= 2 * END {
            words.read(text);
        } else {
            words.read(&text[..END]);
            words.read(&text[text.len() - END..]);
        }
        words
    }
}

/// Whether it is asked for a figure that follows from others.
fn is_word_problem(words: &Words) -> bool {
    let are_related = words.relations >= 1 || words.measured >= 2 || words.numbers >= 3;
    words.asks_figure && words.figures >= 2 && are_related
}

fn points(cue: bool, worth: u32) -> u32 {
    if cue { worth } else { 0 }
}

/// Names by which agents know the tools that work on programs.
const CODE_TOOLS_NAMES: &[&str] = &[
    "apply_patch",
    "bash",
    "edit",
    "edit_file",
    "execute_code",
    "glob",
    "grep",
    "multiedit",
    "notebookedit",
    "python",
    "read",
    "read_file",
    "run_command",
    "run_terminal_cmd",
    "search_replace",
    "shell",
    "str_replace_editor",
    "str_replace_based_edit_tool",
    "terminal",
    "write_file",
    "write_to_file",
];

fn names_code_tool(tools: &str) -> bool {
    tools.split("\"name\"").skip(1).any(|after| {
        let value = after.trim_start_matches([':', ' ', '\n']);
        let name = value
            .strip_prefix('"')
            .and_then(|rest| rest.split('"').next());
        name.is_some_and(|name| {
            CODE_TOOLS_NAMES
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Task) {
        let mut last_classes = Classes::default();
        last_classes.count(text);
        let cues = Cues {
            last: text,
            last_classes,
            ..Cues::default()
        };
        assert_eq!(cues.task(), expected, "{text}");
    }

    #[test]
    fn conversation_is_chat() {
        for text in [
            "Write a short thank-you note to my neighbour (the one with the dog).",
            "What is the function of the liver?",
            "Write an essay about the function of art.",
            "My python died yesterday, how do I tell my children?",
            "Can you solve this riddle for my party?",
            "What should I see in Lisbon in two days?",
            "Suggest a name for a small bakery by the sea.",
            "Translate into French: the boats are on the water.",
            "Write a poem about rust and iron",
            "Swift is my favourite singer",
            "Write a short test for my biology class.",
            "How many days should I stay in Java?",
            "Explain step by step how to bake bread.",
            "What is the largest town on the island of Java?",
            "Give me a list of films like The Matrix.",
            "How long is the flight from Paris to New York?",
            "What is the price of the 2019 edition?",
            "Find me a quiet hotel for two people for three nights.",
            "You have 5 minutes: what would you say at the wedding of two friends?",
            "Evaluate my plan for 2025 and 2026.",
            "Set PATH to $HOME/bin and say what $SHELL is.",
            "Born on 2001-09-11, I weigh 70 kg.",
        ] {
            check(text, Task::Chat);
        }
    }

    #[test]
    fn programs_are_code() {
        for text in [
            "Why does this fail?\\n```\\nx = 1\\n```",
            "Refactor this Python script to be faster",
            "fn main() { let total_sum = add_all(&[1, 2]); println!(\\\"{total_sum}\\\"); }",
            "Write a Rust function that merges two sorted slices into one sorted vector, and explain its complexity.",
            "Write a SQL query for the three customers with the highest total of orders.",
            "Write a Python function that removes duplicates from a list and keeps the order.",
            "Why does my React component render twice?",
            "Fix the failing unit test",
            "How do I sort a list of dicts in Python?",
            "Write a regex that matches an e-mail address.",
            "Debug this script, please.",
        ] {
            check(text, Task::Code);
        }
    }

    #[test]
    fn mathematics_is_reasoning() {
        for text in [
            "Prove that there is no largest prime. Think step by step.",
            "Evaluate \\\\frac{1}{2} + \\\\sqrt{3}",
            "Is ∀x ∈ S: x ≤ y? Give a proof.",
            "A train leaves at 9:40 and arrives at 13:05 after two stops of 12 minutes. How long did it move? Think step by step.",
            "Prove that the sum of two odd integers is even.",
            "If $f(x)=x^2-4x+7$, what is its minimum? Show your reasoning.",
            "Cody eats three times as many cookies as Amir. If Amir eats 5 cookies, how many do both of them eat?",
            "Compute $\\\\sin 270^\\\\circ$.",
            "A wire of diameter 1 mm is 2.5 m long. What is its resistance at 20 °C?",
            "What is the sum of 12, 15 and 40?",
            "Calculate the tip on $45.50 at 18%.",
            "Simplify 3 × (4 + 5).",
            "Prove that there are infinitely many primes of the form 4k+3.",
            "The line $x = k$ meets the parabola $x = -2y^2 - 3y + 5$ at one point. What is $k$?",
        ] {
            check(text, Task::Reasoning);
        }
    }

    #[test]
    fn words_far_apart_do_not_speak_together() {
        let filler = "and so on ".repeat(200);
        check(
            &format!("Fix the roof {filler} before the test"),
            Task::Chat,
        );
    }

    #[test]
    fn tools_of_agents_speak_for_code() {
        let tools = r#"[{"type":"function","function":{"name": "apply_patch","parameters":{}}}]"#;
        assert!(
            names_code_tool(tools) && !names_code_tool(r#"[{"function":{"name":"get_weather"}}]"#)
        );
    }
}
