//! A text read once for what its words and figures say.

use super::table::{self, Kind, MOST_APART, PAIRS, QUESTIONS};

/// What the words of a text say.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) code: u32,
    pub(super) reasoning: u32,
    /// Names with an underscore inside.
    pub(super) identifiers: u32,
    /// Names with a parenthesis right after them.
    pub(super) calls: u32,
    /// How often "step" stands there; "step by step" has two.
    pub(super) steps: u32,
    /// Figures in digits.
    pub(super) numbers: u32,
    /// Figures in digits or letters.
    pub(super) figures: u32,
    /// Those with a unit, a currency or a percent sign.
    pub(super) measured: u32,
    /// Figures with a sign of arithmetic between them.
    pub(super) sums: u32,
    /// Words such as "twice" and "left".
    pub(super) relations: u32,
    /// Names with an exponent, such as `x^2`.
    pub(super) powers: u32,
    /// Formulas between dollar signs, as in `$x$`.
    pub(super) formulas: u32,
    /// Whether it is asked for a figure: how many, what the total is.
    pub(super) asks_figure: bool,
    /// How many words were read.
    count: u32,
    /// The number of the last figure, as a word from 1.
    last_figure: u32,
    /// The number of the last word of each kind, from 1.
    last: [u32; Kind::COUNT],
}

impl Words {
    /// Reads a text as JSON writes it.
    pub(super) fn read(&mut self, text: &[u8]) {
        let mut at = 0;
        let mut closing = None;
        while at < text.len() {
            let (before, here) = text.split_at(at);
            at += match here[0] {
                // An escape separates words; of `\\frac`, `frac` remains.
                b'\\' => 2,
                b'$' if closing == Some(at) => 1,
                b'$' => {
                    let formula = formula(&here[1..]);
                    self.formulas += u32::from(formula.is_some());
                    closing = formula.map(|length| at + 1 + length);
                    1
                }
                digit if digit.is_ascii_digit() => {
                    let length = number_length(here);
                    self.number(before, &here[..length], &here[length..]);
                    length
                }
                byte if is_name(byte) => {
                    let length = here.iter().take_while(|byte| is_name(**byte)).count();
                    self.word(&here[..length], &here[length..]);
                    length
                }
                _ => 1,
            };
        }
        // Words of the other end of a text stand beside none of this end.
        self.count += MOST_APART;
    }

    fn number(&mut self, before: &[u8], number: &[u8], after: &[u8]) {
        self.count += 1;
        self.last_figure = self.count;
        self.numbers += 1;
        self.figures += 1;
        let letters = number.iter().position(u8::is_ascii_alphabetic);
        let glued = letters.and_then(|at| table::find_word(&number[at..]));
        let has_unit = glued.is_some_and(|cue| cue.kind == Kind::Unit)
            || before.ends_with(b"$")
            || after.starts_with(b"%")
            || after.starts_with(br"\\%");
        self.measured += u32::from(has_unit);
        self.sums += u32::from(is_operated(after));
        self.exponent(after);
    }

    fn word(&mut self, word: &[u8], after: &[u8]) {
        self.count += 1;
        self.calls += u32::from(after.starts_with(b"(") && word.len() > 2);
        self.exponent(after);
        if let Some(cue) = table::find_word(word) {
            self.code += cue.code;
            self.reasoning += cue.reasoning;
            self.beside(cue.kind);
        } else if word.len() > 3 && word[1..word.len() - 1].contains(&b'_') {
            self.identifiers += 1;
        }
    }

    fn exponent(&mut self, after: &[u8]) {
        if let [b'^', exponent, ..] = after {
            self.powers += u32::from(exponent.is_ascii_alphanumeric() || *exponent == b'{');
        }
    }

    /// Counts what a word of that kind says together with those before it.
    fn beside(&mut self, kind: Kind) {
        match kind {
            Kind::Alone => return,
            Kind::Step => self.steps += 1,
            Kind::Relation => self.relations += 1,
            Kind::Solve => self.asks_figure = true,
            Kind::Figure => {
                self.figures += 1;
                self.last_figure = self.count;
            }
            Kind::Unit => self.measured += u32::from(self.is_near(self.last_figure, 1)),
            _ => {}
        }
        for pair in PAIRS.iter().filter(|pair| pair.second == kind) {
            if self.is_near(self.last[pair.first as usize], pair.within) {
                self.code += pair.code;
                self.reasoning += pair.reasoning;
            }
        }
        self.asks_figure |= QUESTIONS.iter().any(|(first, second, within)| {
            *second == kind && self.is_near(self.last[*first as usize], *within)
        });
        self.last[kind as usize] = self.count;
    }

    /// Whether the word of that number stands at most so many words before this.
    fn is_near(&self, number: u32, within: u32) -> bool {
        number > 0 && self.count - number <= within
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Bytes of a number with its separators, and of letters that hang on it.
fn number_length(text: &[u8]) -> usize {
    let is_part = |at: usize| match text[at] {
        b'.' | b',' => text.get(at + 1).is_some_and(u8::is_ascii_digit),
        byte => is_name(byte),
    };
    (0..text.len()).take_while(|at| is_part(*at)).count()
}

/// Whether a sign of arithmetic and another number follow a number. What also
/// joins dates and ranges counts with spaces around it.
fn is_operated(after: &[u8]) -> bool {
    const SIGNS: [&[u8]; 7] = [b"+", b"*", b"=", b"^", "×".as_bytes(), "÷".as_bytes(), b"<"];
    const SPACED: [&[u8]; 3] = [b" - ", b" / ", " – ".as_bytes()];
    let begins_number = |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit);
    let spaced = SPACED.iter().find_map(|sign| after.strip_prefix(*sign));
    let trimmed = after.trim_ascii_start();
    let sign = SIGNS.iter().find_map(|sign| trimmed.strip_prefix(*sign));
    spaced.is_some_and(begins_number)
        || sign.is_some_and(|rest| begins_number(rest.trim_ascii_start()))
}

/// Bytes up to the dollar sign that ends a formula; `None` where the text after
/// a dollar sign is none: an amount, or a variable of a shell.
fn formula(text: &[u8]) -> Option<usize> {
    const LONGEST: usize = 120;
    let length = text.iter().take(LONGEST).position(|byte| *byte == b'$')?;
    let (body, after) = (&text[..length], &text[length + 1..]);
    let is_plain = |byte: &u8| byte.is_ascii_digit() || *byte == b' ';
    let is_formula = body.first().is_some_and(|first| !is_plain(first))
        && !after.first().is_some_and(|byte| is_name(*byte));
    is_formula.then_some(length)
}
