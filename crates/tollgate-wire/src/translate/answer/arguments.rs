//! Arguments of a call that come in pieces: whether they are all there, in one look at each byte.

/// Text that is to become one JSON value, and how far it has come.
///
/// Only its structure is followed. Whether it is JSON is for whoever reads it once; asking at every piece would make a
/// long call cost the square of its length.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    text: String,
    /// Brackets that are open, of either kind.
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    is_closed: bool,
}

/// Longest value that has no end of its own to see, such as a number, and is read to find out.
const LONGEST_WORD: usize = 32;

impl Arguments {
    pub(super) fn push(&mut self, piece: &str) {
        self.text.push_str(piece);
        for byte in piece.bytes() {
            self.follow(byte);
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the value has come to its end.
    pub(super) fn is_complete(&self) -> bool {
        self.is_closed
            || (self.text.len() <= LONGEST_WORD
                && serde_json::from_str::<serde::de::IgnoredAny>(&self.text).is_ok())
    }

    fn follow(&mut self, byte: u8) {
        if self.is_in_string {
            self.is_in_string = byte != b'"' || self.is_escaped;
            self.is_escaped = byte == b'\\' && !self.is_escaped;
        } else {
            match byte {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => return,
            }
        }
        self.is_closed |= self.depth == 0 && !self.is_in_string;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes have to come until the value is complete.
    fn check(text: &str, expected: Option<usize>) {
        let mut arguments = Arguments::default();
        let complete = text.char_indices().find_map(|(index, letter)| {
            arguments.push(letter.encode_utf8(&mut [0; 4]));
            let end = index + letter.len_utf8();
            arguments.is_complete().then_some(end)
        });
        assert_eq!(complete, expected, "{text}");
    }

    #[test]
    fn a_value_is_complete_with_the_byte_that_closes_it() {
        check("", None);
        check("{}", Some(2));
        check(r#" {"a": [1, {"b": null}]} "#, Some(24));
        check(r#"{"a": "}\"}\\"}"#, Some(15));
        check(r#"{"a": "é\\\"}"#, None);
        check(r#""all \" of it""#, Some(14));
        check("[[]", None);
        check("null", Some(4));
        check("-1", Some(2));
        check(r#"{"a":"#, None);
    }

    #[test]
    fn what_opens_nothing_closes_nothing_that_follows() {
        check("}{", Some(1));
        check("no json at all, but long enough for a word", None);
    }
}
