//! What a text is made of, counted in one pass over its bytes.

use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x64};

/// Counts of the classes of characters that predict tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Classes {
    /// Runs of ASCII letters.
    pub(crate) words: u64,
    pub(crate) letters: u64,
    pub(crate) digits: u64,
    /// ASCII punctuation.
    pub(crate) marks: u64,
    pub(crate) newlines: u64,
    pub(crate) spaces: u64,
    /// Those of `marks` that programs are full of: `(){}[];=<>`.
    pub(crate) code_marks: u64,
    pub(crate) backticks: u64,
    /// Characters beyond ASCII, by [`Script`].
    pub(crate) scripts: [u64; Script::COUNT],
    /// Mathematical operators (U+2200 to U+22FF), which `scripts` holds too.
    pub(crate) maths: u64,
    /// UTF-8 bytes, escapes undone.
    pub(crate) bytes: u64,
}

/// Families of characters beyond ASCII that differ in tokens per character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Han,
    Kana,
    Hangul,
    Cyrillic,
    Indic,
    Pictograph,
    Other,
}

impl Script {
    pub(crate) const COUNT: usize = 7;

    fn of(code_point: u32) -> Self {
        match code_point {
            0x0400..=0x052F => Self::Cyrillic,
            0x0900..=0x0DFF => Self::Indic,
            0x3040..=0x30FF => Self::Kana,
            0x3000..=0x303F | 0x3400..=0x9FFF | 0xF900..=0xFAFF | 0xFF00..=0xFFEF => Self::Han,
            0xAC00..=0xD7A3 => Self::Hangul,
            0x1F000..=0x1FFFF => Self::Pictograph,
            0x20000..=0x3FFFF => Self::Han,
            _ => Self::Other,
        }
    }
}

/// Bytes that are looked at together: each has a bit in a mask.
const BLOCK: usize = 64;

/// A bit for each byte of a block.
#[derive(Debug, Clone, Copy)]
struct Masks {
    letters: u64,
    digits: u64,
    marks: u64,
    newlines: u64,
    spaces: u64,
    code_marks: u64,
    backticks: u64,
    beyond: u64,
    escapes: u64,
}

impl Masks {
    #[inline(always)]
    fn of<S: Simd>(simd: S, block: &[u8; BLOCK]) -> Self {
        let bytes = u8x64::from_slice(simd, block);
        let all = |byte| u8x64::splat(simd, byte);
        let is = |byte, bytes: u8x64<S>| bytes.simd_eq(all(byte)).to_bitmask();
        let from =
            |low, count, bytes: u8x64<S>| (bytes - all(low)).simd_lt(all(count)).to_bitmask();
        // One bit is all that tells `[` from `{`, `]` from `}`, and an upper letter from a
        // lower one; another tells `(` from `)`.
        let (lower, even) = (bytes | all(0x20), bytes & all(0xfe));
        let letters = from(b'a', 26, lower);
        let digits = from(b'0', 10, bytes);
        let printable = from(b'!', b'~' - b'!' + 1, bytes);
        Self {
            letters,
            digits,
            marks: printable & !letters & !digits,
            newlines: from(b'\t', 2, bytes) | is(b'\r', bytes),
            spaces: is(b' ', bytes),
            code_marks: is(b'{', lower) | is(b'}', lower) | is(b'(', even) | from(b';', 4, bytes),
            backticks: is(b'`', bytes),
            beyond: from(0x80, 0x80, bytes),
            escapes: is(b'\\', bytes),
        }
    }
}

/// The masks of the first bytes, and how many these are; `None` at the end.
#[inline(always)]
fn next_block<S: Simd>(simd: S, rest: &[u8]) -> Option<(Masks, u32)> {
    if let Some(block) = rest.first_chunk() {
        return Some((Masks::of(simd, block), BLOCK as u32));
    }
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    (!rest.is_empty()).then(|| (Masks::of(simd, &block), rest.len() as u32))
}

/// A mask of so many first bytes.
fn first_bits(count: u32) -> u64 {
    u64::MAX.checked_shr(u64::BITS - count).unwrap_or(0)
}

impl Classes {
    /// Counts JSON text: escapes count as the character that they stand for.
    pub(crate) fn count(&mut self, json: &str) {
        let beyond = dispatch!(Level::new(), simd => self.count_bytes(simd, json.as_bytes()));
        if beyond > 0 {
            for character in json.chars().filter(|c| !c.is_ascii()) {
                self.character(character as u32);
            }
        }
    }

    /// Counts everything but what is beyond ASCII; gives back how many bytes are.
    #[inline(always)]
    fn count_bytes<S: Simd>(&mut self, simd: S, mut rest: &[u8]) -> u64 {
        let mut beyond = 0;
        let mut before = 0;
        while let Some((masks, length)) = next_block(simd, rest) {
            let till_escape = masks.escapes.trailing_zeros().min(length);
            let kept = first_bits(till_escape);
            beyond += u64::from((masks.beyond & kept).count_ones());
            before = self.add(masks, kept, before);
            self.bytes += u64::from(till_escape);
            rest = &rest[till_escape as usize..];
            if rest.first() == Some(&b'\\') {
                rest = self.escape(simd, rest);
                before = 0;
            }
        }
        beyond
    }

    /// Adds the counts of another text.
    pub(crate) fn add_all(&mut self, other: &Self) {
        self.words += other.words;
        self.letters += other.letters;
        self.digits += other.digits;
        self.marks += other.marks;
        self.newlines += other.newlines;
        self.spaces += other.spaces;
        self.code_marks += other.code_marks;
        self.backticks += other.backticks;
        self.maths += other.maths;
        self.bytes += other.bytes;
        for (ours, theirs) in self.scripts.iter_mut().zip(other.scripts) {
            *ours += theirs;
        }
    }

    /// Adds what a block has of the `kept` bytes. `before` is 1 if a letter stands
    /// before them; gives back whether one stands before the next.
    #[inline(always)]
    fn add(&mut self, masks: Masks, kept: u64, before: u64) -> u64 {
        let count = |mask: u64| u64::from((mask & kept).count_ones());
        self.words += count(masks.letters & !(masks.letters << 1 | before));
        self.letters += count(masks.letters);
        self.digits += count(masks.digits);
        self.marks += count(masks.marks);
        self.newlines += count(masks.newlines);
        self.spaces += count(masks.spaces);
        self.code_marks += count(masks.code_marks);
        self.backticks += count(masks.backticks);
        masks.letters >> 63
    }

    /// Counts the escape that `rest` starts with; gives back what follows it.
    #[inline(always)]
    fn escape<'a, S: Simd>(&mut self, simd: S, rest: &'a [u8]) -> &'a [u8] {
        let stands_for = match rest.get(1) {
            Some(b'n' | b'r' | b't') => b'\n',
            Some(b'u') => return self.unicode_escape(simd, rest),
            Some(b'b' | b'f') => 0,
            Some(&other) => other,
            None => b'\\',
        };
        self.one(simd, stands_for);
        rest.get(2..).unwrap_or_default()
    }

    #[inline(always)]
    fn unicode_escape<'a, S: Simd>(&mut self, simd: S, rest: &'a [u8]) -> &'a [u8] {
        let unit = rest
            .get(2..6)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let unit = unit.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match unit {
            // The first half of a pair stands for the whole of a character
            // beyond the basic plane, nearly always a pictograph.
            Some(0xD800..=0xDBFF) => {
                self.bytes += 4;
                self.scripts[Script::Pictograph as usize] += 1;
            }
            Some(0xDC00..=0xDFFF) | None => {}
            Some(unit) if unit < 0x80 => self.one(simd, unit as u8),
            Some(unit) => {
                self.bytes += if unit < 0x800 { 2 } else { 3 };
                self.character(unit);
            }
        }
        rest.get(6..).unwrap_or_default()
    }

    /// Counts an escaped character of ASCII. It begins no word: hardly anybody escapes letters.
    #[inline(always)]
    fn one<S: Simd>(&mut self, simd: S, byte: u8) {
        self.bytes += 1;
        self.add(Masks::of(simd, &[byte; BLOCK]), 1, 1);
    }

    fn character(&mut self, code_point: u32) {
        self.scripts[Script::of(code_point) as usize] += 1;
        self.maths += u64::from((0x2200..=0x22FF).contains(&code_point));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(json: &str) -> Classes {
        let mut classes = Classes::default();
        classes.count(json);
        classes
    }

    #[test]
    fn escapes_count_as_what_they_stand_for() {
        let plain = counted("let a = 1;\n\"two\" é 漢");
        let escaped = counted(r#"let a = 1;\n\"two\" \u00e9 \u6f22"#);
        assert_eq!(plain, escaped);
        assert_eq!(plain.bytes, "let a = 1;\n\"two\" é 漢".len() as u64);
        assert_eq!((plain.words, plain.newlines, plain.digits), (3, 1, 1));
    }

    #[test]
    fn counters_survive_more_than_a_window_of_one_class() {
        let classes = counted(&"a".repeat(10_000));
        assert_eq!((classes.letters, classes.words), (10_000, 1));
    }

    #[test]
    fn truncated_escapes_do_not_panic() {
        for text in ["\\", "\\u", "\\u12", "\\uzzzz", "\\ud83d", "a\\"] {
            counted(text);
        }
    }
}
