//! What a text is made of, counted in one pass over its bytes.

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

// Eight counters of one byte each travel in one u64: a byte costs one load and
// one addition, whatever its class.
const LETTER: u64 = 1;
const DIGIT: u64 = 1 << 8;
const MARK: u64 = 1 << 16;
const NEWLINE: u64 = 1 << 24;
const SPACE: u64 = 1 << 32;
const CODE: u64 = 1 << 40;
const BACKTICK: u64 = 1 << 48;
const BEYOND: u64 = 1 << 56;

/// A counter of one byte is full after this many.
const WINDOW: usize = 255;

const LANES: [u64; 256] = {
    let mut lanes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        lanes[byte] = lane(byte as u8);
        byte += 1;
    }
    lanes
};

const fn lane(byte: u8) -> u64 {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => LETTER,
        b'0'..=b'9' => DIGIT,
        b'\t' | b'\n' | b'\r' => NEWLINE,
        b' ' => SPACE,
        b'(' | b')' | b'{' | b'}' | b'[' | b']' | b';' | b'=' | b'<' | b'>' => MARK | CODE,
        b'`' => MARK | BACKTICK,
        0x80.. => BEYOND,
        b if b.is_ascii_punctuation() => MARK,
        _ => 0,
    }
}

impl Classes {
    /// Counts JSON text: escapes count as the character that they stand for.
    pub(crate) fn count(&mut self, json: &str) {
        let before_bytes = self.bytes;
        let mut beyond = 0;
        let mut rest = json.as_bytes();
        let mut before = 0;
        while !rest.is_empty() {
            let window = &rest[..rest.len().min(WINDOW)];
            let length = window
                .iter()
                .position(|byte| *byte == b'\\')
                .unwrap_or(window.len());
            let mut sum = 0_u64;
            let mut starts = 0;
            for &byte in &window[..length] {
                let lane = LANES[usize::from(byte)];
                sum += lane;
                starts += lane & !before & LETTER;
                before = lane;
            }
            self.words += starts;
            beyond += self.add(sum);
            self.bytes += length as u64;
            rest = &rest[length..];
            if rest.first() == Some(&b'\\') {
                rest = self.escape(rest);
                before = 0;
            }
        }
        if beyond > 0 {
            for character in json.chars().filter(|c| !c.is_ascii()) {
                self.character(character as u32);
            }
        }
        debug_assert!(self.bytes - before_bytes <= json.len() as u64);
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

    /// Spreads the packed counters; gives back the count of bytes beyond ASCII.
    fn add(&mut self, sum: u64) -> u64 {
        let [
            letters,
            digits,
            marks,
            newlines,
            spaces,
            code,
            backticks,
            beyond,
        ] = sum.to_le_bytes().map(u64::from);
        self.letters += letters;
        self.digits += digits;
        self.marks += marks;
        self.newlines += newlines;
        self.spaces += spaces;
        self.code_marks += code;
        self.backticks += backticks;
        beyond
    }

    /// Counts the escape that `rest` starts with; gives back what follows it.
    fn escape<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let stands_for = match rest.get(1) {
            Some(b'n' | b'r' | b't') => b'\n',
            Some(b'u') => return self.unicode_escape(rest),
            Some(b'b' | b'f') => 0,
            Some(&other) => other,
            None => b'\\',
        };
        self.bytes += 1;
        self.add(lane(stands_for));
        rest.get(2..).unwrap_or_default()
    }

    fn unicode_escape<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
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
            Some(unit) if unit < 0x80 => {
                self.bytes += 1;
                self.add(lane(unit as u8));
            }
            Some(unit) => {
                self.bytes += if unit < 0x800 { 2 } else { 3 };
                self.character(unit);
            }
        }
        rest.get(6..).unwrap_or_default()
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
