//! Where the tokens of a text begin and end, and what its bytes are: 64 bytes at
//! a time, because looking at them one by one is most of the work of reading.

use std::ops::Range;

use fearless_simd::{Simd, prelude::*, u8x64};

use super::MOST_BYTES;

/// Bytes of which each has a bit in a mask.
const BLOCK: usize = 64;

/// What a byte is to the tokenizer; of letters, whether or not they are of ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Space,
    Letter,
    Digit,
    Mark,
}

pub(super) const CLASSES: [Class; 256] = {
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

/// Counts of what a text is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) bytes: u32,
    pub(super) lines: u32,
    pub(super) words: u32,
    pub(super) letters: u32,
    pub(super) upper: u32,
    /// Bytes of letters beyond ASCII.
    pub(super) foreign: u32,
    /// Runs of digits.
    pub(super) numbers: u32,
    pub(super) digits: u32,
    pub(super) marks: u32,
}

/// Where the tokens of a text begin and end. It is memory to reuse.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens {
    begins: Places,
    ends: Places,
}

impl Tokens {
    /// Finds the runs of bytes of one class, but for space, in a text of at most
    /// [`MOST_BYTES`], and counts what the text is made of.
    #[inline(always)]
    pub(super) fn find<S: Simd>(&mut self, simd: S, text: &[u8], tally: &mut Tally) {
        (self.begins.used, self.ends.used) = (0, 0);
        let mut before = Masks::default();
        let mut at = 0;
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        for block in blocks {
            before = self.block(simd, block, at, before, tally);
            at += BLOCK;
        }
        // Zero is a space, so the last token ends with the text.
        let mut block = [0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        self.block(simd, &block, at, before, tally);
        tally.bytes += text.len() as u32;
    }

    /// The tokens, each from its begin to its end.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let pairs = self.begins.all().iter().zip(self.ends.all());
        pairs.map(|(begin, end)| usize::from(*begin)..usize::from(*end))
    }

    #[inline(always)]
    fn block<S: Simd>(
        &mut self,
        simd: S,
        block: &[u8; BLOCK],
        at: usize,
        before: Masks,
        tally: &mut Tally,
    ) -> Masks {
        let masks = Masks::of(simd, block, tally);
        let (begins, ends) = masks.changes(before, tally);
        self.begins.add(begins, at);
        self.ends.add(ends, at);
        masks
    }
}

/// Places in a text.
#[derive(Debug, Clone)]
struct Places {
    places: Box<[u16]>,
    used: usize,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            // No token is shorter than a byte.
            places: vec![0; MOST_BYTES].into(),
            used: 0,
        }
    }
}

impl Places {
    fn all(&self) -> &[u16] {
        &self.places[..self.used]
    }

    /// Adds the places of a block that has its first byte there.
    #[inline(always)]
    fn add(&mut self, mut mask: u64, block: usize) {
        let places = &mut self.places[self.used..];
        let mut used = 0;
        while mask != 0 {
            places[used] = (block as u32 + mask.trailing_zeros()) as u16;
            used += 1;
            mask &= mask - 1;
        }
        self.used += used;
    }
}

/// A bit for each byte of a block; what has none in any mask is space.
#[derive(Debug, Clone, Copy, Default)]
struct Masks {
    letters: u64,
    digits: u64,
    marks: u64,
}

impl Masks {
    #[inline(always)]
    fn of<S: Simd>(simd: S, block: &[u8; BLOCK], tally: &mut Tally) -> Self {
        let bytes = u8x64::from_slice(simd, block);
        let all = |byte| u8x64::splat(simd, byte);
        let from = |low: u8, count: u8, bytes: u8x64<S>| {
            (bytes - all(low)).simd_lt(all(count)).to_bitmask()
        };
        let foreign = bytes.simd_ge(all(0x80)).to_bitmask();
        let ascii = from(b'a', 26, bytes | all(b'a' ^ b'A'));
        let digits = from(b'0', 10, bytes);
        let printable = from(b'!', b'~' - b'!' + 1, bytes);
        let marks = printable & !ascii & !digits;
        let lines = bytes.simd_eq(all(b'\n')).to_bitmask();
        tally.lines += lines.count_ones();
        tally.letters += (ascii | foreign).count_ones();
        tally.upper += from(b'A', 26, bytes).count_ones();
        tally.foreign += foreign.count_ones();
        tally.digits += digits.count_ones();
        tally.marks += marks.count_ones();
        Self {
            letters: ascii | foreign,
            digits,
            marks,
        }
    }

    /// The bytes that begin tokens, and those before which tokens end.
    #[inline(always)]
    fn changes(self, before: Self, tally: &mut Tally) -> (u64, u64) {
        let shifted = |own: u64, before: u64| (own << 1) | (before >> 63);
        let last = Self {
            letters: shifted(self.letters, before.letters),
            digits: shifted(self.digits, before.digits),
            marks: shifted(self.marks, before.marks),
        };
        let words = self.letters & !last.letters;
        let numbers = self.digits & !last.digits;
        tally.words += words.count_ones();
        tally.numbers += numbers.count_ones();
        let begins = words | numbers | (self.marks & !last.marks);
        let [was_letter, was_digit, was_mark] = [last.letters, last.digits, last.marks];
        let ends =
            (was_letter & !self.letters) | (was_digit & !self.digits) | (was_mark & !self.marks);
        (begins, ends)
    }
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    /// The same, byte by byte.
    fn plainly(text: &[u8]) -> (Vec<Range<usize>>, Tally) {
        let class = |byte: u8| CLASSES[usize::from(byte)];
        let mut tally = Tally::default();
        let mut tokens = Vec::new();
        let mut at = 0;
        for run in text.chunk_by(|one, next| class(*one) == class(*next)) {
            let length = run.len() as u32;
            let count = |test: fn(&u8) -> bool| run.iter().filter(|byte| test(byte)).count() as u32;
            tally.bytes += length;
            tally.lines += count(|byte| *byte == b'\n');
            match class(run[0]) {
                Class::Space => {}
                Class::Letter => {
                    tally.words += 1;
                    tally.letters += length;
                    tally.upper += count(u8::is_ascii_uppercase);
                    tally.foreign += count(|byte| !byte.is_ascii());
                }
                Class::Digit => {
                    tally.numbers += 1;
                    tally.digits += length;
                }
                Class::Mark => tally.marks += length,
            }
            if class(run[0]) != Class::Space {
                tokens.push(at..at + run.len());
            }
            at += run.len();
        }
        (tokens, tally)
    }

    fn found(text: &[u8]) -> (Vec<Range<usize>>, Tally) {
        let (mut tokens, mut tally) = (Tokens::default(), Tally::default());
        dispatch!(Level::new(), simd => tokens.find(simd, text, &mut tally));
        (tokens.ranges().collect(), tally)
    }

    #[test]
    fn every_byte_beside_every_other_is_read_as_if_alone() {
        let text: Vec<u8> = (0..=255_u8)
            .flat_map(|byte| [byte, byte, byte.wrapping_mul(7), byte ^ 0x20, b' ', byte])
            .collect();
        for begin in 0..70 {
            for end in [
                begin,
                begin + 1,
                begin + 63,
                begin + 64,
                begin + 65,
                text.len(),
            ] {
                let text = &text[begin..end];
                assert_eq!(found(text), plainly(text), "{begin}..{end}");
            }
        }
    }

    #[test]
    fn tokens_are_found_wherever_blocks_end() {
        for word in [
            "a",
            "Zz",
            "42",
            "straßenbahnhaltestelle",
            "日本語",
            "):",
            "\n",
        ] {
            for before in 0..130 {
                let text = format!("{}{word}{}", " ".repeat(before), "x".repeat(before % 3));
                assert_eq!(found(text.as_bytes()), plainly(text.as_bytes()), "{text:?}");
                let text = word.repeat(before);
                assert_eq!(found(text.as_bytes()), plainly(text.as_bytes()), "{text:?}");
            }
        }
    }

    #[test]
    fn there_is_room_for_a_token_at_each_byte() {
        let text: Vec<u8> = b"a1".iter().copied().cycle().take(MOST_BYTES).collect();
        assert_eq!(found(&text), plainly(&text));
    }
}
