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
const POWERS: u32 = 2;
const STEP_BY_STEP: u32 = 2;
const WORD_PROBLEM: u32 = 2;
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
            + points(words.powers >= 1, POWERS)
            + points(words.steps >= 2, STEP_BY_STEP)
            + points(words.asks_amount && words.numbers >= 3, WORD_PROBLEM)
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
    numbers: u32,
    /// Names with an exponent, such as `x^2`.
    powers: u32,
    /// Whether it is asked how many, how long and so on.
    asks_amount: bool,
    /// How many words were read.
    count: u32,
    /// The number of the last word of each kind, from 1.
    last: [u32; Kind::COUNT],
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
            self.word(&text[at..at + length], &text[at + length..]);
            at += length;
        }
        // Words of the other end of a text stand beside none of this end.
        self.count += MOST_APART;
    }

    fn word(&mut self, word: &[u8], after: &[u8]) {
        self.count += 1;
        match after {
            [b'(', ..] => self.calls += u32::from(word.len() > 2),
            [b'^', exponent, ..] => {
                self.powers += u32::from(exponent.is_ascii_alphanumeric() || *exponent == b'{');
            }
            _ => {}
        }
        if word[0].is_ascii_digit() {
            self.numbers += 1;
        } else if let Some(cue) = find_word(word) {
            self.code += cue.code;
            self.reasoning += cue.reasoning;
            if cue.kind != Kind::Alone {
                self.beside(cue.kind);
            }
        } else if word.len() > 3 && word[1..word.len() - 1].contains(&b'_') {
            self.identifiers += 1;
        }
    }

    /// Counts what a word of that kind says together with those before it.
    fn beside(&mut self, kind: Kind) {
        for pair in PAIRS.iter().filter(|pair| pair.second == kind) {
            let first = self.last[pair.first as usize];
            if first > 0 && self.count - first <= pair.within {
                self.code += pair.code;
                self.reasoning += pair.reasoning;
                self.asks_amount |= pair.first == Kind::How;
            }
        }
        self.steps += u32::from(kind == Kind::Step);
        self.last[kind as usize] = self.count;
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What a word can be to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Says what it says by itself.
    Alone,
    /// What one does to make a text of any kind.
    Make,
    /// What one does to programs, and to few other things.
    Mend,
    /// A part of programs that people ask for by that name.
    Part,
    /// A part of programs, and of much else.
    Thing,
    /// A language or framework, by a name that may mean something else.
    Language,
    Think,
    Step,
    Show,
    Reasoning,
    How,
    Amount,
}

impl Kind {
    const COUNT: usize = 12;
}

/// Two words that say more together, the second at most `within` words later.
struct Pair {
    first: Kind,
    second: Kind,
    within: u32,
    code: u32,
    reasoning: u32,
}

const fn pair(first: Kind, second: Kind, within: u32, code: u32, reasoning: u32) -> Pair {
    Pair {
        first,
        second,
        within,
        code,
        reasoning,
    }
}

/// Further apart than any pair of words that counts.
const MOST_APART: u32 = 16;

#[rustfmt::skip]
static PAIRS: [Pair; 11] = [
    // "Write a function", but not "write an essay about the function of art".
    pair(Kind::Make, Kind::Part, 4, 3, 0),
    pair(Kind::Mend, Kind::Part, 4, 3, 0),
    // "Fix the failing unit test"; one writes tests at school, too.
    pair(Kind::Mend, Kind::Thing, 4, 3, 0),
    // "A Python class", "a query in SQL".
    pair(Kind::Language, Kind::Part, 4, 3, 0), pair(Kind::Part, Kind::Language, 4, 3, 0),
    pair(Kind::Language, Kind::Thing, 4, 3, 0), pair(Kind::Thing, Kind::Language, 4, 3, 0),
    // "Think step by step", "show your reasoning", "how many".
    pair(Kind::Think, Kind::Step, 2, 0, 1),
    pair(Kind::Show, Kind::Reasoning, 2, 0, 2),
    pair(Kind::How, Kind::Amount, 1, 0, 0),
    pair(Kind::Think, Kind::Reasoning, 3, 0, 1),
];

/// A word, what it is to its neighbours, and what it says by itself.
struct Cue {
    word: &'static str,
    kind: Kind,
    code: u32,
    reasoning: u32,
}

const fn cue(word: &'static str, kind: Kind, code: u32, reasoning: u32) -> Cue {
    Cue {
        word,
        kind,
        code,
        reasoning,
    }
}

const fn code(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Alone, points, 0)
}

const fn reasoning(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Alone, 0, points)
}

const fn make(word: &'static str) -> Cue {
    cue(word, Kind::Make, 0, 0)
}

const fn mend(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Mend, points, 0)
}

const fn part(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Part, points, 0)
}

const fn thing(word: &'static str) -> Cue {
    cue(word, Kind::Thing, 0, 0)
}

const fn language(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Language, points, 0)
}

/// Sorted by first letter. By themselves, two points for what is hardly said
/// otherwise, one for what also occurs in conversation. Case does not matter.
#[rustfmt::skip]
static CUES: [Cue; 166] = [
    code("async", 1), code("await", 1), part("algorithm", 1), thing("api"), thing("array"), language("angular", 0),
    language("bash", 0), thing("bug"), thing("bugs"), make("build"),
    part("codebase", 2), mend("compile", 1), part("compiler", 2), code("const", 2), language("css", 1),
    thing("class"), thing("component"), thing("code"), thing("crash"), thing("column"), make("create"), language("csharp", 2),
    reasoning("calculate", 1), reasoning("cdot", 2), reasoning("combinatorics", 2), reasoning("contradiction", 1), reasoning("corollary", 2),
    mend("debug", 1), code("def", 2), language("django", 2), language("docker", 1), part("dataframe", 2), thing("dict"), thing("dicts"), thing("database"), part("dockerfile", 2),
    reasoning("deduce", 1), reasoning("derivative", 1),
    code("elif", 2), code("enum", 2), part("endpoint", 1), thing("error"), thing("exception"),
    reasoning("equation", 2), reasoning("equations", 2),
    mend("fix", 0), code("fn", 2), code("func", 2), part("function", 1), part("functions", 1), cue("far", Kind::Amount, 0, 0), cue("fast", Kind::Amount, 0, 0),
    reasoning("factorial", 1), reasoning("frac", 2),
    language("golang", 2), make("generate"), make("give"),
    language("html", 1), thing("hook"), cue("how", Kind::How, 0, 0),
    reasoning("hypotenuse", 2),
    code("impl", 2), code("import", 1), mend("implement", 0), thing("interface"),
    reasoning("induction", 1), reasoning("inequality", 1), reasoning("infty", 2), reasoning("integral", 1), reasoning("integer", 1), reasoning("integers", 1),
    language("java", 0), language("javascript", 2), language("julia", 0), thing("json"),
    language("kotlin", 2), language("kubernetes", 1),
    code("lambda", 1), thing("library"), thing("list"), thing("loop"), thing("loops"), cue("long", Kind::Amount, 0, 0),
    reasoning("lemma", 2),
    make("make"), thing("method"), thing("module"), cue("many", Kind::Amount, 0, 0), cue("much", Kind::Amount, 0, 0), language("mysql", 2),
    reasoning("mathbb", 2), reasoning("modulo", 1),
    code("npm", 2), code("nullptr", 2), language("node", 0), language("nodejs", 2), language("numpy", 2),
    mend("optimise", 0), mend("optimize", 0), cue("old", Kind::Amount, 0, 0), thing("object"),
    part("parser", 1), language("php", 1), language("perl", 0), code("println", 2), language("python", 1), thing("program"), thing("package"), language("pandas", 0), language("postgres", 2), language("postgresql", 2), language("powershell", 2),
    reasoning("polynomial", 2), reasoning("prime", 1), reasoning("probability", 1), reasoning("proof", 1), reasoning("prove", 2), reasoning("puzzle", 1),
    thing("query"), thing("queries"),
    language("react", 0), mend("refactor", 2), part("regex", 2), mend("rewrite", 0), language("rust", 0), language("ruby", 0), cue("reasoning", Kind::Reasoning, 0, 0),
    reasoning("riddle", 1),
    language("sql", 1), code("stacktrace", 2), code("stdout", 2), part("struct", 2), thing("script"), thing("server"), thing("slice"), thing("slices"), thing("string"), thing("strings"), language("swift", 0), language("sqlite", 2), part("subroutine", 2), cue("show", Kind::Show, 0, 0),
    reasoning("solve", 1), reasoning("sqrt", 2), reasoning("sum", 1), cue("step", Kind::Step, 0, 0), cue("steps", Kind::Step, 0, 0),
    code("traceback", 2), language("typescript", 2), thing("test"), thing("tests"), thing("thread"), thing("type"),
    reasoning("theorem", 2), reasoning("triangle", 1), cue("think", Kind::Think, 0, 0),
    part("unittest", 2),
    code("void", 1), thing("variable"), thing("vector"), language("vue", 0),
    make("write"), part("webhook", 1), cue("work", Kind::Reasoning, 0, 0), cue("working", Kind::Reasoning, 0, 0),
    language("yaml", 1),
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

/// The lengths of each letter's cues as bits: most words are turned away here.
const LENGTHS: [u32; 26] = {
    let mut lengths = [0; 26];
    let mut at = 0;
    while at < CUES.len() {
        let word = CUES[at].word.as_bytes();
        lengths[(word[0] - b'a') as usize] |= 1 << word.len();
        at += 1;
    }
    lengths
};

fn find_word(word: &[u8]) -> Option<&'static Cue> {
    let first = word.first()?.to_ascii_lowercase();
    let letter = usize::from(first.checked_sub(b'a')?);
    let lengths = *LENGTHS.get(letter)?;
    if word.len() >= 32 || lengths & (1 << word.len()) == 0 {
        return None;
    }
    let cues = CUES.get(LETTERS[letter]..LETTERS[letter + 1])?;
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
