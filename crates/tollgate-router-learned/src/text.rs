//! What a prompt looks like: hashed n-grams and a few bounded figures, in one
//! pass over at most 4 KB of its bytes.

/// Buckets of n-grams; a bucket is the low 16 bits of a hash.
pub(crate) const BUCKETS: usize = 1 << 16;
/// Figures beside the n-grams, in the order of [`figures`].
pub(crate) const FIGURES: usize = 12;

/// Bytes that are read from the beginning of a prompt, and from its end.
const HALF: usize = 2_048;

/// A prompt, or what is read of a long one.
///
/// What the learner calls a prompt is everything that a model is told in one
/// text, as in rows of outcomes: of a chat the system prompt, a newline, and
/// the last message of the user.
#[derive(Debug, Clone, Copy)]
pub struct Prompt<'a> {
    beginning: &'a [u8],
    end: &'a [u8],
    bytes: usize,
}

impl<'a> Prompt<'a> {
    /// Bytes that are read from the beginning of a prompt, and from its end.
    pub const HALF: usize = HALF;

    /// A prompt of so many bytes, of which only the first and the last
    /// [`HALF`](Self::HALF) are at hand.
    pub fn of_ends(beginning: &'a [u8; HALF], end: &'a [u8; HALF], bytes: usize) -> Self {
        Self {
            beginning,
            end,
            bytes,
        }
    }
}

impl<'a> From<&'a [u8]> for Prompt<'a> {
    fn from(prompt: &'a [u8]) -> Self {
        let (beginning, end) = match prompt.len() <= 2 * HALF {
            true => (prompt, &[][..]),
            false => (&prompt[..HALF], &prompt[prompt.len() - HALF..]),
        };
        Self {
            beginning,
            end,
            bytes: prompt.len(),
        }
    }
}

/// What a byte is to the tokenizer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Letter,
    Digit,
    Mark,
}

const CLASSES: [Class; 256] = {
    let mut table = [Class::Letter; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'0'..=b'9' => Class::Digit,
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'!'..=b'~' => Class::Mark,
            _ => Class::Space,
        };
        byte += 1;
    }
    table
};

/// A prompt as the learner sees it. It is memory to reuse: reading the next
/// prompt overwrites it, and nothing is allocated after the first.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// How often each bucket was met; all zero between prompts.
    counts: Box<[u8; BUCKETS]>,
    /// Buckets that were met, each once, and the weight of each.
    met: Vec<(u16, f32)>,
    figures: [f32; FIGURES],
}

impl Default for Text {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            // Two n-grams a token, and a token has a byte at least.
            met: Vec::with_capacity(4 * HALF),
            figures: [0.0; FIGURES],
        }
    }
}

impl Text {
    /// Reads a prompt.
    pub(crate) fn read(&mut self, prompt: Prompt<'_>) {
        self.met.clear();
        let mut tally = Tally::default();
        self.part(prompt.beginning, &mut tally);
        self.part(prompt.end, &mut tally);
        self.figures = figures(prompt.bytes, &tally);
        self.weigh();
    }

    /// The buckets that the prompt has, with weights whose squares add up to 1.
    pub(crate) fn ngrams(&self) -> &[(u16, f32)] {
        &self.met
    }

    /// The figures, before they are scaled.
    pub(crate) fn figures(&self) -> &[f32; FIGURES] {
        &self.figures
    }

    fn part(&mut self, bytes: &[u8], tally: &mut Tally) {
        let mut at = 0;
        let mut before = 0_u32;
        while at < bytes.len() {
            let class = CLASSES[usize::from(bytes[at])];
            let begun = at;
            let mut hash = SEED ^ class as u32;
            while at < bytes.len() && CLASSES[usize::from(bytes[at])] == class {
                hash = step(hash, bytes[at]);
                at += 1;
            }
            let run = &bytes[begun..at];
            match class {
                Class::Space => {
                    tally.space(run);
                    continue;
                }
                // How long a number is says more than which number it is.
                Class::Digit => {
                    tally.digits(run);
                    hash = step(SEED, b'0' + run.len().min(9) as u8);
                }
                Class::Letter => tally.letters(run),
                Class::Mark => tally.marks(run),
            }
            self.meet(hash);
            if before != 0 {
                self.meet(before.rotate_left(7) ^ hash.wrapping_mul(MIX));
            }
            before = hash;
        }
    }

    fn meet(&mut self, hash: u32) {
        let mixed = (hash ^ (hash >> 15)).wrapping_mul(MIX);
        let bucket = (mixed >> 16) as u16;
        let count = &mut self.counts[usize::from(bucket)];
        if *count == 0 {
            self.met.push((bucket, 0.0));
        }
        *count = count.saturating_add(1);
    }

    fn weigh(&mut self) {
        let mut squares = 0.0;
        for (bucket, weight) in &mut self.met {
            let count = &mut self.counts[usize::from(*bucket)];
            *weight = LOGS[usize::from(*count).min(LOGS.len() - 1)];
            *count = 0;
            squares += *weight * *weight;
        }
        let scale = if squares > 0.0 {
            1.0 / squares.sqrt()
        } else {
            0.0
        };
        for (_, weight) in &mut self.met {
            *weight *= scale;
        }
    }
}

const SEED: u32 = 0x811c_9dc5;
const MIX: u32 = 0x85eb_ca6b;

/// FNV-1a over bytes without their case.
fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
}

/// `ln(1 + count)` for small counts; more often than this says nothing new.
#[expect(
    clippy::approx_constant,
    reason = "a table of logarithms has ln 2 in it"
)]
const LOGS: [f32; 16] = [
    0.0, 0.693_147, 1.098_612, 1.386_294, 1.609_438, 1.791_759, 1.945_91, 2.079_442, 2.197_225,
    2.302_585, 2.397_895, 2.484_907, 2.564_949, 2.639_057, 2.708_05, 2.772_589,
];

/// Counts that the figures are made of.
#[derive(Debug, Default)]
struct Tally {
    bytes: u32,
    lines: u32,
    words: u32,
    letters: u32,
    upper: u32,
    foreign: u32,
    numbers: u32,
    digits: u32,
    marks: u32,
    code: u32,
    formula: u32,
    questions: u32,
    stops: u32,
}

impl Tally {
    fn space(&mut self, run: &[u8]) {
        self.bytes += run.len() as u32;
        self.lines += run.iter().filter(|byte| **byte == b'\n').count() as u32;
    }

    fn digits(&mut self, run: &[u8]) {
        self.bytes += run.len() as u32;
        self.digits += run.len() as u32;
        self.numbers += 1;
    }

    fn letters(&mut self, run: &[u8]) {
        self.bytes += run.len() as u32;
        self.words += 1;
        self.letters += run.len() as u32;
        for byte in run {
            self.upper += u32::from(byte.is_ascii_uppercase());
            self.foreign += u32::from(!byte.is_ascii());
        }
    }

    fn marks(&mut self, run: &[u8]) {
        self.bytes += run.len() as u32;
        self.marks += run.len() as u32;
        for byte in run {
            match byte {
                b'{' | b'}' | b';' | b'=' | b'<' | b'>' | b'_' | b'(' | b')' | b'[' | b']' => {
                    self.code += 1;
                }
                b'\\' | b'$' | b'^' => self.formula += 1,
                b'?' => self.questions += 1,
                _ => {}
            }
        }
        // Sentences end with these, and so do the letters of options.
        self.stops += u32::from(matches!(run, b"." | b")" | b"):" | b":"));
    }
}

/// Logarithms of sizes and square roots of shares, so that none has a long tail.
fn figures(length: usize, tally: &Tally) -> [f32; FIGURES] {
    let share = |part: u32, whole: u32| (part as f32 / whole.max(1) as f32).sqrt();
    let size = |count: u32| (1.0 + count as f32).ln();
    [
        (1.0 + length as f32).ln(),
        size(tally.lines),
        size(tally.numbers),
        size(tally.questions),
        share(tally.digits, tally.bytes),
        share(tally.marks, tally.bytes),
        share(tally.foreign, tally.letters),
        share(tally.upper, tally.letters),
        share(tally.code, tally.bytes),
        share(tally.formula, tally.bytes),
        share(tally.stops, tally.words),
        tally.letters as f32 / tally.words.max(1) as f32,
    ]
}

#[cfg(test)]
mod tests {
    use super::{HALF, Text};

    #[test]
    fn no_prompt_needs_more_memory_than_there_is_from_the_start() {
        let mut text = Text::default();
        let before = text.met.capacity();
        // A token for each byte, and hardly two n-grams the same.
        let dense: Vec<u8> = (0..3 * HALF)
            .map(|place| match place % 2 {
                0 => b'a' + (place * 7 % 26) as u8,
                _ => b'!' + (place * 5 % 14) as u8,
            })
            .collect();
        for prompt in [&dense[..], b"", &[0xff; 9_000], b"one two three"] {
            text.read(prompt.into());
            assert_eq!(text.met.capacity(), before);
        }
    }

    #[test]
    fn weights_are_of_length_one_and_case_does_not_matter() {
        let (mut lower, mut upper) = (Text::default(), Text::default());
        lower.read(b"how many apples, how many?"[..].into());
        upper.read(b"HOW many Apples, how MANY?"[..].into());
        assert_eq!(lower.ngrams(), upper.ngrams());
        let squares: f32 = lower
            .ngrams()
            .iter()
            .map(|(_, weight)| weight * weight)
            .sum();
        assert!((squares - 1.0).abs() < 1e-5);
    }

    #[test]
    fn the_middle_of_a_long_prompt_is_not_read() {
        let (mut left, mut right) = (Text::default(), Text::default());
        let long = |middle: &str| {
            format!(
                "{}{}{}",
                "begin ".repeat(400),
                middle.repeat(400),
                " finish".repeat(400)
            )
        };
        left.read(long("middle").as_bytes().into());
        right.read(long("centre").as_bytes().into());
        assert_eq!(left.ngrams(), right.ngrams());
    }
}
