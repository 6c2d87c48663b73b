//! What a prompt looks like: hashed n-grams and a few bounded figures, of at most
//! 4 KB of its bytes.

mod scan;

use std::ops::Range;

use fearless_simd::{Level, Simd, dispatch};

use self::scan::{CLASSES, Class, Tally, Tokens};

/// Buckets of n-grams; a bucket is the low 16 bits of a hash.
pub(crate) const BUCKETS: usize = 1 << 16;
/// Figures beside the n-grams, in the order of [`figures`].
pub(crate) const FIGURES: usize = 12;

/// Bytes that are read from the beginning of a prompt, and from its end.
const HALF: usize = 2_048;
/// Most bytes that are read in one piece: a prompt of that many is read whole.
const MOST_BYTES: usize = 2 * HALF;

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
        let (beginning, end) = match prompt.len() <= MOST_BYTES {
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

/// A prompt as the learner sees it. It is memory to reuse: reading the next
/// prompt overwrites it, and nothing is allocated after the first.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// How often each bucket was met; all zero between prompts.
    counts: Box<[u8; BUCKETS]>,
    /// The buckets of all n-grams, in their order; the first `read` count.
    all: Box<[u16]>,
    read: usize,
    /// Buckets that were met, each once, and the weight of each; the first `used`
    /// count.
    met: Box<[(u16, f32)]>,
    used: usize,
    weight_of_one: f32,
    figures: [f32; FIGURES],
    tokens: Tokens,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            // Two n-grams a token, and a token has a byte at least.
            all: vec![0; 2 * MOST_BYTES].into(),
            read: 0,
            // One to spare, since what is not kept is written too.
            met: vec![(0, 0.0); 2 * MOST_BYTES + 1].into(),
            used: 0,
            weight_of_one: 0.0,
            figures: [0.0; FIGURES],
            tokens: Tokens::default(),
        }
    }
}

impl Text {
    /// Reads a prompt.
    pub(crate) fn read(&mut self, prompt: Prompt<'_>) {
        dispatch!(Level::new(), simd => self.read_with(simd, prompt));
    }

    /// As [`read`](Self::read), for who has chosen the instructions already.
    #[inline(always)]
    pub(crate) fn read_with<S: Simd>(&mut self, simd: S, prompt: Prompt<'_>) {
        self.read = 0;
        let (mut tally, mut signs) = (Tally::default(), Signs::default());
        for part in [prompt.beginning, prompt.end] {
            self.tokens.find(simd, part, &mut tally);
            self.part(part, &mut signs);
        }
        self.figures = figures(prompt.bytes, &tally, &signs);
        self.count();
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

    #[inline(always)]
    fn part(&mut self, text: &[u8], signs: &mut Signs) {
        let (all, mut read) = (&mut self.all[..], self.read);
        let mut before = 0_u32;
        for token in self.tokens.ranges() {
            let run = &text[token.clone()];
            let hash = match CLASSES[usize::from(run[0])] {
                Class::Letter => word(text, token),
                // How long a number is says more than which number it is.
                Class::Digit => step(SEED, b'0' + run.len().min(9) as u8),
                _ => {
                    signs.note(run);
                    run.iter().copied().fold(SEED, step)
                }
            };
            all[read] = bucket(hash);
            read += 1;
            if before != 0 {
                all[read] = bucket(before.rotate_left(7) ^ hash.wrapping_mul(MIX));
                read += 1;
            }
            before = hash;
        }
        self.read = read;
    }

    /// Finds how often each bucket was met. It is apart from reading, because what
    /// is read from far away waits for each wrong guess before it; and without a
    /// branch, because whether a bucket is new is as good as chance.
    #[inline(always)]
    fn count(&mut self) {
        let (counts, met) = (&mut *self.counts, &mut self.met[..]);
        let mut used = 0;
        for bucket in &self.all[..self.read] {
            let count = &mut counts[usize::from(*bucket)];
            met[used] = (*bucket, 0.0);
            used += usize::from(*count == 0);
            *count = count.saturating_add(1);
        }
        self.used = used;
    }

    #[inline(always)]
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

/// The bucket of a hash.
#[inline(always)]
fn bucket(hash: u32) -> u16 {
    let mixed = (hash ^ (hash >> 15)).wrapping_mul(MIX);
    (mixed >> 16) as u16
}

const SEED: u32 = 0x811c_9dc5;
const MIX: u32 = 0x85eb_ca6b;

/// FNV-1a.
fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

/// The hash of a word without its case, eight bytes at a time.
#[inline(always)]
fn word(text: &[u8], word: Range<usize>) -> u32 {
    let mut hash = u64::from(SEED);
    let mut at = word.start;
    loop {
        let letters = (word.end - at).min(8);
        let kept = eight_at(text, at) & FIRST[letters];
        hash = (hash ^ without_case(kept)).wrapping_mul(MIX_OF_EIGHT);
        hash ^= hash >> 32;
        at += letters;
        if letters < 8 {
            return hash as u32;
        }
    }
}

const MIX_OF_EIGHT: u64 = 0x9e37_79b9_7f4a_7c15;
/// The same bit of all eight bytes.
const HIGHEST: u64 = 0x8080_8080_8080_8080;
/// So many of the first bytes of eight.
const FIRST: [u64; 9] = {
    let mut masks = [u64::MAX; 9];
    let mut bytes = 0;
    while bytes < 8 {
        masks[bytes] = (1 << (8 * bytes)) - 1;
        bytes += 1;
    }
    masks
};

/// The eight bytes from there on, the first one lowest; zero after the end.
#[inline(always)]
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

/// Lower case, of ASCII; other letters as they are.
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

/// What marks are signs of, counted.
#[derive(Debug, Default)]
struct Signs {
    code: u32,
    formula: u32,
    questions: u32,
    stops: u32,
}

impl Signs {
    #[inline(always)]
    fn note(&mut self, run: &[u8]) {
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
fn figures(length: usize, tally: &Tally, signs: &Signs) -> [f32; FIGURES] {
    let share = |part: u32, whole: u32| (part as f32 / whole.max(1) as f32).sqrt();
    let size = |count: u32| (1.0 + count as f32).ln();
    [
        (1.0 + length as f32).ln(),
        size(tally.lines),
        size(tally.numbers),
        size(signs.questions),
        share(tally.digits, tally.bytes),
        share(tally.marks, tally.bytes),
        share(tally.foreign, tally.letters),
        share(tally.upper, tally.letters),
        share(signs.code, tally.bytes),
        share(signs.formula, tally.bytes),
        share(signs.stops, tally.words),
        tally.letters as f32 / tally.words.max(1) as f32,
    ]
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::{HALF, Text};

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
        let whole = &dense[..2 * HALF];
        for prompt in [&dense[..], whole, b"", &[0xff; 9_000], b"one two three"] {
            text.read(prompt.into());
            assert!(text.used < text.met.len());
        }
    }

    #[test]
    fn narrow_and_wide_vectors_read_the_same() {
        let text = "Wie viele Äpfel hat Mary? {x = 42}; 日本語 end.\n".repeat(30);
        for begin in 0..70 {
            let prompt = &text.as_bytes()[begin..];
            let (mut narrow, mut wide) = (Text::default(), Text::default());
            dispatch!(Level::baseline(), simd => narrow.read_with(simd, prompt.into()));
            wide.read(prompt.into());
            assert_eq!(narrow.ngrams(), wide.ngrams());
            assert_eq!(narrow.figures(), wide.figures());
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

    /// The buckets of a text, in order.
    fn buckets(text: &str) -> Vec<u16> {
        let mut read_text = Text::default();
        read_text.read(text.as_bytes().into());
        read_text
            .ngrams()
            .iter()
            .map(|(bucket, _)| *bucket)
            .collect()
    }

    #[test]
    fn a_word_is_the_same_whatever_stands_beside_it() {
        for word in [
            "a",
            "Zz",
            "letters",
            "eighteen",
            "straßenbahnhaltestelle",
            "日本語",
        ] {
            let alone = buckets(word);
            assert_eq!(alone.len(), 1);
            for around in ["@", "[", "`", "{", "5", " ", "\0"] {
                let among = buckets(&format!("{around}{word}{around}"));
                assert!(among.contains(&alone[0]), "{around}{word}");
            }
            // More of the same letters is another word.
            assert_ne!(buckets(&format!("{word}x")), alone);
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
