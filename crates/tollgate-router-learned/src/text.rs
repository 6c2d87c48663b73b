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
    /// Buckets that were met, each once, and the weight of each; the first `used`
    /// count.
    met: Box<[(u16, f32)]>,
    used: usize,
    weight_of_one: f32,
    figures: [f32; FIGURES],
}

impl Default for Text {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            // Two n-grams a token, and a token has a byte at least; one to spare.
            met: vec![(0, 0.0); 4 * HALF + 1].into(),
            used: 0,
            weight_of_one: 0.0,
            figures: [0.0; FIGURES],
        }
    }
}

impl Text {
    /// Reads a prompt.
    pub(crate) fn read(&mut self, prompt: Prompt<'_>) {
        self.used = 0;
        let mut tally = Tally::default();
        self.part(prompt.beginning, &mut tally);
        self.part(prompt.end, &mut tally);
        self.figures = figures(prompt.bytes, &tally);
        self.weigh();
    }

    /// The buckets that the prompt has, with weights whose squares add up to 1.
    pub(crate) fn ngrams(&self) -> &[(u16, f32)] {
        &self.met[..self.used]
    }

    /// The weight of a bucket that was met once.
    pub(crate) fn weight_of_one(&self) -> f32 {
        self.weight_of_one
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
            let hash = match class {
                Class::Space => {
                    at = end_of(class, bytes, at);
                    tally.space(&bytes[begun..at]);
                    continue;
                }
                Class::Letter => word(bytes, &mut at, tally),
                // How long a number is says more than which number it is.
                Class::Digit => {
                    at = end_of(class, bytes, at);
                    tally.digits(at - begun);
                    step(SEED, b'0' + (at - begun).min(9) as u8)
                }
                Class::Mark => {
                    at = end_of(class, bytes, at);
                    tally.marks(&bytes[begun..at]);
                    bytes[begun..at].iter().copied().fold(SEED, step)
                }
            };
            self.meet(hash);
            if before != 0 {
                self.meet(before.rotate_left(7) ^ hash.wrapping_mul(MIX));
            }
            before = hash;
        }
    }

    /// Without a branch: whether a bucket is new is as good as chance, and to
    /// guess wrong costs more than to write what is not kept.
    fn meet(&mut self, hash: u32) {
        let mixed = (hash ^ (hash >> 15)).wrapping_mul(MIX);
        let bucket = (mixed >> 16) as u16;
        let count = &mut self.counts[usize::from(bucket)];
        self.met[self.used] = (bucket, 0.0);
        self.used += usize::from(*count == 0);
        *count = count.saturating_add(1);
    }

    fn weigh(&mut self) {
        let mut squares = 0.0;
        let met = &mut self.met[..self.used];
        for (bucket, weight) in &mut *met {
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
        for (_, weight) in met {
            *weight *= scale;
        }
        self.weight_of_one = LOGS[1] * scale;
    }
}

const SEED: u32 = 0x811c_9dc5;
const MIX: u32 = 0x85eb_ca6b;

/// FNV-1a.
fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

fn end_of(class: Class, bytes: &[u8], begun: usize) -> usize {
    let rest = bytes[begun..].iter();
    begun
        + rest
            .take_while(|byte| CLASSES[usize::from(**byte)] == class)
            .count()
}

/// The hash of a word without its case. It is read in eights of bytes, because
/// looking for its end byte by byte is most of the work of reading.
fn word(bytes: &[u8], at: &mut usize, tally: &mut Tally) -> u32 {
    let mut hash = u64::from(SEED);
    tally.words += 1;
    loop {
        let eight = eight_at(bytes, *at);
        let letters = letters_of(eight);
        let kept = match letters {
            8 => eight,
            fewer => eight & ((1 << (8 * fewer)) - 1),
        };
        tally.letters(letters, kept);
        hash = (hash ^ without_case(kept)).wrapping_mul(MIX_OF_EIGHT);
        hash ^= hash >> 32;
        *at += letters as usize;
        if letters < 8 {
            return hash as u32;
        }
    }
}

const MIX_OF_EIGHT: u64 = 0x9e37_79b9_7f4a_7c15;
/// The same bit of all eight bytes.
const HIGHEST: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;
const OF_CASE: u64 = 0x2020_2020_2020_2020;

/// The eight bytes from there on, the first one lowest; zero after the end.
fn eight_at(bytes: &[u8], at: usize) -> u64 {
    let rest = &bytes[at..];
    match rest.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            eight[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(eight)
        }
    }
}

/// How many of the eight bytes are letters before the first that is none: those
/// of ASCII, and all bytes beyond it.
fn letters_of(eight: u64) -> u32 {
    let low = (eight | OF_CASE) & !HIGHEST;
    // Adding sets the highest bit of what is `a` or more, and of what is more than `z`.
    let from_a = low + ONES * (0x80 - b'a' as u64);
    let beyond_z = low + ONES * (0x7f - b'z' as u64);
    let letters = (from_a & !beyond_z) | eight;
    (!letters & HIGHEST).trailing_zeros() / 8
}

/// How many of the highest bits are set; no others may be.
fn count_highest(bits: u64) -> u32 {
    ((bits >> 7).wrapping_mul(ONES) >> 56) as u32
}

fn without_case(letters: u64) -> u64 {
    letters | ((!letters & HIGHEST) >> 2)
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

    fn digits(&mut self, count: usize) {
        self.bytes += count as u32;
        self.digits += count as u32;
        self.numbers += 1;
    }

    /// Up to eight letters of a word; zero where there are fewer.
    fn letters(&mut self, count: u32, eight: u64) {
        self.bytes += count;
        self.letters += count;
        let beyond = eight & HIGHEST;
        self.foreign += count_highest(beyond);
        let lower = (eight & OF_CASE) << 2;
        self.upper += count - count_highest(lower | beyond);
    }

    fn marks(&mut self, run: &[u8]) {
        self.bytes += run.len() as u32;
        self.marks += run.len() as u32;
        for byte in run {
            let kind = MARKS[usize::from(*byte)];
            self.code += u32::from(kind & CODE);
            self.formula += u32::from((kind & FORMULA) / FORMULA);
            self.questions += u32::from((kind & QUESTION) / QUESTION);
        }
        // Sentences end with these, and so do the letters of options.
        let ends = match run {
            [mark] => MARKS[usize::from(*mark)] & STOP == STOP,
            run => run == b"):",
        };
        self.stops += u32::from(ends);
    }
}

const CODE: u8 = 1;
const FORMULA: u8 = 2;
const QUESTION: u8 = 4;
const STOP: u8 = 8;

/// What a mark may be a sign of.
const MARKS: [u8; 256] = {
    let mut table = [0; 256];
    let all: [(&[u8], u8); 4] = [
        (b"{};=<>_()[]", CODE),
        (b"\\$^", FORMULA),
        (b"?", QUESTION),
        (b".):", STOP),
    ];
    let mut kind = 0;
    while kind < all.len() {
        let (marks, bit) = all[kind];
        let mut place = 0;
        while place < marks.len() {
            table[marks[place] as usize] |= bit;
            place += 1;
        }
        kind += 1;
    }
    table
};

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
    use super::{HALF, Tally, Text};

    #[test]
    fn no_prompt_needs_more_memory_than_there_is_from_the_start() {
        let mut text = Text::default();
        // A token for each byte, and hardly two n-grams the same.
        let dense: Vec<u8> = (0..3 * HALF)
            .map(|place| match place % 2 {
                0 => b'a' + (place * 7 % 26) as u8,
                _ => b'!' + (place * 5 % 14) as u8,
            })
            .collect();
        for prompt in [&dense[..], b"", &[0xff; 9_000], b"one two three"] {
            text.read(prompt.into());
            assert!(text.used < text.met.len());
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
    fn words_are_read_to_their_end_whatever_they_are_made_of() {
        for word in [
            "a",
            "Zz",
            "letters",
            "eighteen",
            "straßenbahnhaltestelle",
            "日本語",
            "Ünïcödé",
        ] {
            for around in ["@", "[", "`", "{", "5", " ", "", "\0"] {
                let text = format!("{around}{word}{around}");
                let (mut at, mut tally) = (around.len(), Tally::default());
                super::word(text.as_bytes(), &mut at, &mut tally);
                assert_eq!(&text[around.len()..at], word);
                let count = |test: fn(&u8) -> bool| word.bytes().filter(test).count() as u32;
                assert_eq!(tally.letters, word.len() as u32);
                assert_eq!(tally.upper, count(u8::is_ascii_uppercase), "{word}");
                assert_eq!(tally.foreign, count(|byte| !byte.is_ascii()), "{word}");
            }
        }
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
