//! Signatures: what a client must send back unchanged.

use crate::base64::encode;
use crate::draw::Draw;

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
    use super::seal;

    #[test]
    fn a_seal_is_of_its_kind_and_text() {
        assert_eq!(seal("thinking", "a"), seal("thinking", "a"));
        assert_ne!(seal("thinking", "a"), seal("thinking", "b"));
        assert_ne!(seal("thinking", "a"), seal("call", "a"));
        assert_eq!(seal("thinking", "").len(), 64);
    }
}
