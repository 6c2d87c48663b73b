//! Chunks that are alike but for their text, as nearly all chunks of a stream are.

use tollgate_core::Facts;
use tollgate_wire::{ChatChunk, Text};

use super::saturate;

/// What stands around the text of the last chunk that was read with care. A chunk with the same
/// around another text is the same JSON but for that text, so that is all there is to read of it.
#[derive(Debug, Default)]
pub(super) struct Mould {
    /// Up to the quote before the text; empty while there is no mould.
    before: Vec<u8>,
    /// From the quote behind it on.
    after: Vec<u8>,
    /// Output beside the text, in bytes.
    beside: u32,
}

impl Mould {
    /// Takes the mould of a chunk that adds a text, and neither ends the answer nor says what it
    /// used. Any other leaves none.
    pub(super) fn take(&mut self, chunk: &ChatChunk<'_>, facts: &Facts) {
        self.before.clear();
        let [choice] = chunk.choices.as_slice() else {
            return;
        };
        let Some(written) = choice.delta.content.or(choice.text) else {
            return;
        };
        // Parts have no one text to stand around.
        if !written.get().starts_with('"') {
            return;
        }
        let text = choice.content().map_or(0, |text| text.len());
        if text == 0 || facts.finish.is_some() || facts.usage.is_some() {
            return;
        }
        let written = written.get();
        let start = written.as_ptr().addr() - chunk.data.as_ptr().addr();
        let (before, rest) = chunk.data.split_at(start + 1);
        self.before.extend_from_slice(before);
        self.after.clear();
        self.after.extend_from_slice(&rest[written.len() - 2..]);
        self.beside = facts.output_bytes.saturating_sub(saturate(text));
    }

    /// The facts of a chunk that fits, and adds a text. Who serves it was told before.
    pub(super) fn facts(&self, data: &[u8]) -> Option<Facts> {
        let start = self.before.len().checked_sub(1)?;
        let rest = data.strip_prefix(&self.before[..])?;
        let text = rest.strip_suffix(&self.after[..])?;
        // The quotes are those of the mould.
        let text: Text<'_> = serde_json::from_slice(&data[start..start + text.len() + 2]).ok()?;
        (!text.is_empty()).then(|| Facts {
            semantic: true,
            output_bytes: saturate(text.len()).saturating_add(self.beside),
            ..Facts::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::Billing;

    use super::super::Event;
    use super::super::chat::Reader;

    fn chunk(delta: &str, more: &str) -> String {
        format!(
            r#"{{"id":"gen-1","model":"a/b","choices":[{{"index":0,"delta":{{{delta}}}{more}}}]}}"#
        )
    }

    /// A reader that was told who serves, so that no chunk has news of it.
    fn reader() -> Reader {
        let mut reader = Reader::new(Billing::Credits);
        let begin = br#"{"id":"gen-1","model":"a/b","choices":[]}"#;
        reader.event(begin).unwrap();
        reader
    }

    /// Reads each chunk after the first, and by itself: what is learned of it is the same.
    fn check(first: &str, others: &[String]) {
        let mut after_first = reader();
        // One that cannot be read leaves no mould.
        let _ = after_first.event(first.as_bytes());
        for other in others {
            let after = after_first.event(other.as_bytes());
            let alone = reader().event(other.as_bytes());
            assert_eq!(format!("{after:?}"), format!("{alone:?}"), "{other}");
        }
    }

    #[test]
    fn a_chunk_is_read_alike_whatever_came_before_it() {
        let texts = [
            r#""content":"b""#,
            r#""content":"Gr\u00fc\u00dfe\n \"b\"""#,
            r#""content":"Grüße""#,
            r#""content":"""#,
            r#""content":null"#,
            r#""content":"b","refusal":"no""#,
            r#""content":"b","content":"c""#,
            r#""content":"\ud800""#,
            r#""content":"\q""#,
            r#""content":"","reasoning":"c""#,
            r#""reasoning":"b","content":"cd""#,
            r#""reasoning":"b","content":"c""#,
        ];
        let ends = ["", r#","finish_reason":"stop""#, r#","finish_reason":null"#];
        let of = |text: &&str| ends.map(|end| chunk(text, end));
        let others: Vec<String> = texts.iter().flat_map(of).collect();
        for first in &others {
            if !first.contains("\\q") && !first.contains(r#""c""}"#) {
                check(first, &others);
            }
        }
    }

    #[test]
    fn whoever_serves_again_is_news_as_ever() {
        let here = chunk(r#""content":"a""#, "");
        let there = here.replace(r#""a/b""#, r#""c/d""#);
        let silent = there.replace(r#""content":"a""#, r#""content":"""#);
        for between in [&there, &silent] {
            let mut reader = reader();
            for chunk in [&here, between] {
                reader.event(chunk.as_bytes()).unwrap();
            }
            let Ok(Event::Piece(facts)) = reader.event(here.as_bytes()) else {
                panic!("a piece");
            };
            assert!(facts.served.is_some(), "{between}");
        }
    }

    #[test]
    fn a_text_does_not_end_the_string_that_it_stands_in() {
        let first = chunk(r#""content":"a""#, "");
        let broken = first.replace(r#""a""#, "\"a\nb\"");
        let other = first.replace(r#""a""#, r#""a","x":"b""#);
        check(&first, &[broken, other]);
    }

    #[test]
    fn what_stands_beside_the_text_is_counted() {
        let first = chunk(r#""reasoning":"abc","content":"d""#, "");
        let mut reader = Reader::new(Billing::Credits);
        for (text, bytes) in [("d", 4), ("de", 5), ("\\n", 4)] {
            let chunk = first.replace(r#""d""#, &format!("\"{text}\""));
            let Ok(Event::Piece(facts)) = reader.event(chunk.as_bytes()) else {
                panic!("a piece");
            };
            assert_eq!(facts.output_bytes, bytes, "{chunk}");
        }
    }
}
