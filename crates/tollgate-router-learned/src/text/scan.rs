//! Where the tokens of a text begin and end, and what its bytes are: 64 bytes at
//! a time, because looking at them one by one is most of the work of reading.

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

/// Where the class of the bytes of a text changes. It is memory to reuse.
#[derive(Debug, Clone)]
pub(super) struct Runs {
    bounds: Box<[u16]>,
    used: usize,
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            // One at each byte, and the end.
            bounds: vec![0; MOST_BYTES + 1].into(),
            used: 0,
        }
    }
}

impl Runs {
    /// Finds the runs of bytes of one class in a text of at most [`MOST_BYTES`],
    /// and counts what the text is made of.
    #[inline(always)]
    pub(super) fn find<S: Simd>(&mut self, simd: S, text: &[u8], tally: &mut Tally) {
        self.used = 0;
        let mut before = Masks::default();
        let mut at = 0;
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        for block in blocks {
            before = self.block(simd, block, at, before, tally);
            at += BLOCK;
        }
        if !rest.is_empty() {
            // Zero is a space, so the last run ends with the text.
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            self.block(simd, &block, at, before, tally);
        }
        tally.bytes += text.len() as u32;
        self.end(text.len());
    }

    /// The runs, each with its begin and its end. What is before the first is space.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let bounds = &self.bounds[..self.used];
        let ends = bounds.iter().skip(1);
        bounds
            .iter()
            .zip(ends)
            .map(|(begin, end)| (usize::from(*begin), usize::from(*end)))
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
        let mut changes = masks.changes(before, tally);
        while changes != 0 {
            self.bounds[self.used] = (at as u32 + changes.trailing_zeros()) as u16;
            self.used += 1;
            changes &= changes - 1;
        }
        masks
    }

    fn end(&mut self, end: usize) {
        let is_told = self.used > 0 && usize::from(self.bounds[self.used - 1]) == end;
        if !is_told {
            self.bounds[self.used] = end as u16;
            self.used += 1;
        }
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

    /// The bytes that are of another class than the one before them.
    #[inline(always)]
    fn changes(self, before: Self, tally: &mut Tally) -> u64 {
        let shifted = |own: u64, before: u64| (own << 1) | (before >> 63);
        let letters = self.letters ^ shifted(self.letters, before.letters);
        let digits = self.digits ^ shifted(self.digits, before.digits);
        let marks = self.marks ^ shifted(self.marks, before.marks);
        tally.words += (letters & self.letters).count_ones();
        tally.numbers += (digits & self.digits).count_ones();
        letters | digits | marks
    }
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    /// The same, byte by byte.
    fn plainly(text: &[u8]) -> (Vec<(usize, usize)>, Tally) {
        let class = |byte: u8| CLASSES[usize::from(byte)];
        let mut tally = Tally::default();
        let mut runs = Vec::new();
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
                runs.push((at, at + run.len()));
            }
            at += run.len();
        }
        (runs, tally)
    }

    fn found(text: &[u8]) -> (Vec<(usize, usize)>, Tally) {
        let (mut runs, mut tally) = (Runs::default(), Tally::default());
        dispatch!(Level::new(), simd => runs.find(simd, text, &mut tally));
        let tokens = runs.pairs().filter(|(begin, end)| {
            assert!(begin < end);
            CLASSES[usize::from(text[*begin])] != Class::Space
        });
        (tokens.collect(), tally)
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
    fn runs_are_found_wherever_blocks_end() {
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
    fn there_is_room_for_a_bound_at_each_byte() {
        let text: Vec<u8> = b"a1".iter().copied().cycle().take(MOST_BYTES).collect();
        assert_eq!(found(&text), plainly(&text));
    }
}
