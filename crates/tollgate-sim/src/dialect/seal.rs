//! Signatures: what a client must send back unchanged.

use serde_json::Value;

use crate::base64::encode;
use crate::draw::Draw;

/// Whose thoughts they are that OpenRouter passes on, by the author in a model's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Anthropic,
    Google,
    Another,
}

/// The authors whose signatures OpenRouter passes on, and what it calls their form.
const MAKERS: [(&str, Maker, &str); 2] = [
    ("anthropic", Maker::Anthropic, "anthropic-claude-v1"),
    ("google", Maker::Google, "google-gemini-v1"),
];

impl Maker {
    /// The maker of a model, by its id.
    pub(super) fn of(model: &str) -> Self {
        let author = model.split('/').next().unwrap_or_default();
        let row = MAKERS.iter().find(|(known, ..)| *known == author);
        row.map_or(Self::Another, |(_, maker, _)| *maker)
    }

    /// What OpenRouter calls the form of its thoughts.
    pub(super) fn format(self) -> &'static str {
        let row = MAKERS.iter().find(|(_, maker, _)| *maker == self);
        row.map_or("unknown", |(.., format)| *format)
    }
}

/// The signature of a thought of Anthropic's.
pub(super) fn thought_seal(thought: &str) -> String {
    seal("thinking", thought)
}

/// The signature of a call of Google's: of its name and arguments, in any order of their keys.
pub(super) fn call_seal(name: &str, arguments: &Value) -> String {
    seal("call", &format!("{name} {arguments}"))
}

/// How many numbers of eight bytes a signature has.
const WORDS: u32 = 6;

/// The signature of a text. It depends on nothing else, so that every simulator of the host knows
/// what another one signed, and none has to remember it.
pub(super) fn seal(kind: &str, text: &str) -> String {
    let mut draw = Draw::new(0, &[b"seal", kind.as_bytes(), text.as_bytes()]);
    let bytes: Vec<u8> = (0..WORDS).flat_map(|_| draw.next().to_le_bytes()).collect();
    encode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::{Maker, seal};

    #[test]
    fn the_maker_of_a_model_is_its_author() {
        for (model, maker, format) in [
            (
                "anthropic/claude-haiku-4.5",
                Maker::Anthropic,
                "anthropic-claude-v1",
            ),
            ("google/gemini-2.5-flash", Maker::Google, "google-gemini-v1"),
            ("anthropical/claude", Maker::Another, "unknown"),
            ("", Maker::Another, "unknown"),
        ] {
            assert_eq!(Maker::of(model), maker, "{model}");
            assert_eq!(Maker::of(model).format(), format, "{model}");
        }
    }

    #[test]
    fn a_seal_is_of_its_kind_and_text() {
        assert_eq!(seal("thinking", "a"), seal("thinking", "a"));
        assert_ne!(seal("thinking", "a"), seal("thinking", "b"));
        assert_ne!(seal("thinking", "a"), seal("call", "a"));
        assert_eq!(seal("thinking", "").len(), 64);
    }
}
