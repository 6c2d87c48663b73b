//! What a call is about, read off its words. Deliberately conservative: a call
//! is chat until enough points speak for something else.

use tollgate_core::Task;

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
const STEP_BY_STEP: u32 = 2;
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
    /// The task that the cues speak for; code wins a tie.
    pub(crate) fn task(&self) -> Task {
        let words = self.words();
        let code = self.code(&words);
        let reasoning = self.reasoning(&words);
        match code.max(reasoning) {
            points if points < ENOUGH => Task::Chat,
            points if points == code => Task::Code,
            _ => Task::Reasoning,
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
            + points(words.steps >= 2, STEP_BY_STEP)
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

fn points(cue: bool, worth: u32) -> u32 {
    if cue { worth } else { 0 }
}

#[derive(Debug, Default)]
struct Words {
    code: u32,
    reasoning: u32,
    /// Names with an underscore inside.
    identifiers: u32,
    /// Names with a parenthesis right after them.
    calls: u32,
    /// How often "step" stands there; "step by step" has two.
    steps: u32,
}

impl Words {
    fn read(&mut self, text: &[u8]) {
        let mut at = 0;
        while at < text.len() {
            if text[at] == b'\\' {
                // An escape separates words; of `\\frac`, `frac` remains.
                at += 2;
                continue;
            }
            let length = text[at..].iter().take_while(|byte| is_name(**byte)).count();
            if length == 0 {
                at += 1;
                continue;
            }
            self.word(&text[at..at + length], text.get(at + length).copied());
            at += length;
        }
    }

    fn word(&mut self, word: &[u8], next: Option<u8>) {
        self.calls += u32::from(next == Some(b'(') && word.len() > 2);
        if let Some(cue) = find_word(word) {
            match cue.task {
                Task::Code => self.code += cue.points,
                Task::Reasoning => self.reasoning += cue.points,
                Task::Chat => self.steps += 1,
            }
        } else if word.len() > 3 && word[1..word.len() - 1].contains(&b'_') {
            self.identifiers += 1;
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

struct Cue {
    word: &'static str,
    task: Task,
    points: u32,
}

const fn code(word: &'static str, points: u32) -> Cue {
    Cue {
        word,
        task: Task::Code,
        points,
    }
}

const fn reasoning(word: &'static str, points: u32) -> Cue {
    Cue {
        word,
        task: Task::Reasoning,
        points,
    }
}

/// Sorted by first letter. Two points for what is hardly said otherwise, one
/// for what also occurs in conversation. Case does not matter.
#[rustfmt::skip]
static CUES: [Cue; 78] = [
    code("async", 1), code("await", 1), code("algorithm", 1),
    code("bash", 1), code("bug", 1), code("bugs", 1),
    code("codebase", 2), code("compile", 1), code("compiler", 2), code("const", 2), code("css", 1),
    reasoning("calculate", 1), reasoning("cdot", 2), reasoning("combinatorics", 2), reasoning("contradiction", 1), reasoning("corollary", 2),
    code("debug", 1), code("def", 2), code("django", 2), code("docker", 1),
    reasoning("deduce", 1), reasoning("derivative", 1),
    code("elif", 2), code("enum", 2),
    reasoning("equation", 2), reasoning("equations", 2),
    code("fn", 2), code("func", 2), code("function", 1),
    reasoning("factorial", 1), reasoning("frac", 2),
    code("golang", 2),
    code("html", 1),
    reasoning("hypotenuse", 2),
    code("impl", 2), code("import", 1),
    reasoning("induction", 1), reasoning("inequality", 1), reasoning("infty", 2), reasoning("integral", 1),
    code("java", 1), code("javascript", 2),
    code("kotlin", 2), code("kubernetes", 1),
    code("lambda", 1),
    reasoning("lemma", 2),
    reasoning("mathbb", 2), reasoning("modulo", 1),
    code("npm", 2), code("nullptr", 2),
    code("parser", 1), code("php", 1), code("println", 2), code("python", 2),
    reasoning("polynomial", 2), reasoning("prime", 1), reasoning("probability", 1), reasoning("proof", 1), reasoning("prove", 2), reasoning("puzzle", 1),
    code("react", 1), code("refactor", 2), code("regex", 2), code("rust", 1),
    reasoning("riddle", 1),
    code("sql", 1), code("stacktrace", 2), code("stdout", 2), code("struct", 2),
    reasoning("solve", 1), reasoning("sqrt", 2), Cue { word: "step", task: Task::Chat, points: 0 },
    code("traceback", 2), code("typescript", 2),
    reasoning("theorem", 2), reasoning("triangle", 1),
    code("unittest", 2),
    code("void", 1),
];

/// Where each letter's cues start.
const LETTERS: [usize; 27] = {
    let mut starts = [0; 27];
    let mut letter = 0;
    let mut at = 0;
    while letter < 26 {
        starts[letter] = at;
        while at < CUES.len() && CUES[at].word.as_bytes()[0] == b'a' + letter as u8 {
            at += 1;
        }
        letter += 1;
    }
    starts[26] = at;
    starts
};

fn find_word(word: &[u8]) -> Option<&'static Cue> {
    let first = word.first()?.to_ascii_lowercase();
    let letter = usize::from(first.checked_sub(b'a')?);
    let cues = CUES.get(*LETTERS.get(letter)?..*LETTERS.get(letter + 1)?)?;
    cues.iter()
        .find(|cue| word.eq_ignore_ascii_case(cue.word.as_bytes()))
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

    #[test]
    fn every_cue_is_found() {
        assert_eq!(
            LETTERS[26],
            CUES.len(),
            "the table is not sorted by first letter"
        );
        for cue in &CUES {
            assert_eq!(
                find_word(cue.word.to_uppercase().as_bytes()).map(|found| found.word),
                Some(cue.word)
            );
        }
    }

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
        check(
            "Write a short thank-you note to my neighbour (the one with the dog).",
            Task::Chat,
        );
        check("What is the function of the liver?", Task::Chat);
        check(
            "My python died yesterday, how do I tell my children?",
            Task::Chat,
        );
        check("Can you solve this riddle for my party?", Task::Chat);
    }

    #[test]
    fn programs_are_code() {
        check("Why does this fail?\\n```\\nx = 1\\n```", Task::Code);
        check("Refactor this Python script to be faster", Task::Code);
        check(
            "fn main() { let total_sum = add_all(&[1, 2]); println!(\\\"{total_sum}\\\"); }",
            Task::Code,
        );
    }

    #[test]
    fn mathematics_is_reasoning() {
        check(
            "Prove that there is no largest prime. Think step by step.",
            Task::Reasoning,
        );
        check("Evaluate \\\\frac{1}{2} + \\\\sqrt{3}", Task::Reasoning);
        check("Is ∀x ∈ S: x ≤ y? Give a proof.", Task::Reasoning);
    }

    #[test]
    fn tools_of_agents_speak_for_code() {
        let tools = r#"[{"type":"function","function":{"name": "apply_patch","parameters":{}}}]"#;
        assert!(
            names_code_tool(tools) && !names_code_tool(r#"[{"function":{"name":"get_weather"}}]"#)
        );
    }
}
