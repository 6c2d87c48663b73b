//! What a text is made of: its characters, counted by classes that predict tokens.

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
            beyond: bytes.simd_ge(all(0x80)).to_bitmask(),
            escapes: is(b'\\', bytes),
        }
    }

    /// What is left of them behind so many bytes.
    #[inline(always)]
    fn after(self, bytes: u32) -> Self {
        let left = |mask: u64| mask.checked_shr(bytes).unwrap_or(0);
        Self {
            letters: left(self.letters),
            digits: left(self.digits),
            marks: left(self.marks),
            newlines: left(self.newlines),
            spaces: left(self.spaces),
            code_marks: left(self.code_marks),
            backticks: left(self.backticks),
            beyond: left(self.beyond),
            escapes: left(self.escapes),
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
        let mut before = false;
        while let Some((mut masks, mut left)) = next_block(simd, rest) {
            loop {
                let plain = masks.escapes.trailing_zeros().min(left);
                beyond += u64::from((masks.beyond & first_bits(plain)).count_ones());
                before = self.add(masks, plain, before);
                rest = &rest[plain as usize..];
                if plain == left {
                    break;
                }
                let escaped = self.escape(rest).min(rest.len());
                rest = &rest[escaped..];
                before = false;
                let used = plain + escaped as u32;
                if used >= left {
                    break;
                }
                masks = masks.after(used);
                left -= used;
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

    /// Adds what a block has of its first bytes. A letter may stand `before` them;
    /// gives back whether one stands before what follows.
    #[inline(always)]
    fn add(&mut self, masks: Masks, bytes: u32, before: bool) -> bool {
        let kept = first_bits(bytes);
        let count = |mask: u64| u64::from((mask & kept).count_ones());
        self.words += count(masks.letters & !(masks.letters << 1 | u64::from(before)));
        self.letters += count(masks.letters);
        self.digits += count(masks.digits);
        self.marks += count(masks.marks);
        self.newlines += count(masks.newlines);
        self.spaces += count(masks.spaces);
        self.code_marks += count(masks.code_marks);
        self.backticks += count(masks.backticks);
        self.bytes += u64::from(bytes);
        match bytes {
            0 => before,
            _ => masks.letters >> (bytes - 1) & 1 == 1,
        }
    }

    /// Counts the escape that `rest` starts with; gives back how long it is, or would
    /// be if it were whole.
    fn escape(&mut self, rest: &[u8]) -> usize {
        let stands_for = match rest.get(1) {
            Some(b'n' | b'r' | b't') => b'\n',
            Some(b'u') => return self.unicode_escape(rest),
            Some(b'b' | b'f') => 0,
            Some(&other) => other,
            None => b'\\',
        };
        self.one(stands_for);
        2
    }

    fn unicode_escape(&mut self, rest: &[u8]) -> usize {
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
            Some(unit) if unit < 0x80 => self.one(unit as u8),
            Some(unit) => {
                self.bytes += if unit < 0x800 { 2 } else { 3 };
                self.character(unit);
            }
        }
        6
    }

    /// Counts a byte by itself, as [`Masks`] do. It begins no word: hardly anybody
    /// escapes letters.
    fn one(&mut self, byte: u8) {
        self.bytes += 1;
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => self.letters += 1,
            b'0'..=b'9' => self.digits += 1,
            b'\t' | b'\n' | b'\r' => self.newlines += 1,
            b' ' => self.spaces += 1,
            mark if mark.is_ascii_punctuation() => {
                self.marks += 1;
                self.code_marks += u64::from(b"(){}[];=<>".contains(&mark));
                self.backticks += u64::from(mark == b'`');
            }
            _ => {}
        }
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

    /// The same, byte by byte, of a text without characters beyond ASCII.
    fn plainly(json: &str) -> Classes {
        let mut classes = Classes::default();
        let mut rest = json.as_bytes();
        let mut before = false;
        while let [first, ..] = rest {
            let is_letter = first.is_ascii_alphabetic();
            let used = match first {
                b'\\' => classes.escape(rest).min(rest.len()),
                byte => {
                    classes.one(*byte);
                    classes.words += u64::from(is_letter && !before);
                    1
                }
            };
            before = is_letter;
            rest = &rest[used..];
        }
        classes
    }

    #[test]
    fn each_byte_counts_as_by_itself_wherever_blocks_end() {
        let all: String = (0..128_u8).map(char::from).collect();
        for filling in [
            &all,
            "a",
            "Wort ",
            "\\n",
            "\\\\",
            "a\\u0061b",
            "\\",
            "(`",
            "[1]; {x}",
        ] {
            for before in 0..130 {
                let text = format!("{}{}", "x".repeat(before), filling.repeat(40));
                assert_eq!(counted(&text), plainly(&text), "{before} {filling}");
                let cut = format!("{}{filling}", " ".repeat(before));
                assert_eq!(counted(&cut), plainly(&cut), "{before} {filling}");
            }
        }
    }

    #[test]
    fn words_end_at_characters_beyond_ascii_and_those_are_told_by_script() {
        for before in 0..130 {
            let classes = counted(&format!("{}é漢漢ж wörter∑", "a".repeat(before)));
            assert_eq!(classes.letters, before as u64 + 5);
            assert_eq!(classes.words, u64::from(before > 0) + 2);
            let of = |script: Script| classes.scripts[script as usize];
            assert_eq!((of(Script::Han), of(Script::Cyrillic)), (2, 1));
            assert_eq!((of(Script::Other), classes.maths), (3, 1));
        }
    }

    #[test]
    fn a_long_run_is_one_word() {
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
