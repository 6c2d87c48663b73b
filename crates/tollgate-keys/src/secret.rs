//! What a key looks like, and where new ones come from.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_core::ApiKey;

use crate::hash::KeyDigest;

const START: &str = "tg-";

/// Characters of the part of a key that is no secret.
pub const PREFIX_LEN: usize = 8;

/// Characters of the secret: 256 bits at six each.
const SECRET_LEN: usize = 43;

/// Characters of a whole key, `tg-PREFIX-SECRET`.
pub const TEXT_LEN: usize = START.len() + PREFIX_LEN + 1 + SECRET_LEN;

/// The part of a key that is no secret: it finds the key, and stands in lists.
/// Eight hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix([u8; PREFIX_LEN]);

impl Prefix {
    pub(crate) const ZERO: Self = Self([b'0'; PREFIX_LEN]);

    /// Reads the eight digits; `None` when they are none.
    pub fn read(text: &str) -> Option<Self> {
        let digits: [u8; PREFIX_LEN] = text.as_bytes().try_into().ok()?;
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        digits.iter().all(is_digit).then_some(Self(digits))
    }
}

/// With the start of the key: `tg-1a2b3c4d`.
impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(START)?;
        self.0.iter().try_for_each(|digit| {
            let digit = char::from(*digit);
            fmt::Write::write_char(f, digit)
        })
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({self})")
    }
}

/// A text that cannot be a key. It says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no key of Tollgate, which is {TEXT_LEN} characters long: tg-, {PREFIX_LEN} \
     hexadecimal digits, a hyphen and {SECRET_LEN} of letters, digits, - and _"
)]
pub struct Malformed;

/// Checks the shape of a text, before anything is looked up by it. Returns the
/// prefix.
pub(crate) fn check_shape(text: &str) -> Result<Prefix, Malformed> {
    // Also bounds the work that a text can cause.
    if text.len() != TEXT_LEN {
        return Err(Malformed);
    }
    let rest = text.strip_prefix(START).ok_or(Malformed)?;
    let (prefix, secret) = rest.split_once('-').ok_or(Malformed)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match Prefix::read(prefix) {
        Some(prefix) if secret.len() == SECRET_LEN && secret.bytes().all(fits) => Ok(prefix),
        _ => Err(Malformed),
    }
}

/// A key that was just made: the only moment at which its text is known.
///
/// ```
/// let key = tollgate_keys::NewKey::generate()?;
/// assert!(key.text().reveal().starts_with("tg-"));
/// assert_eq!(format!("{key:?}"), format!("NewKey({}…)", key.prefix()));
/// # Ok::<(), tollgate_keys::NoRandomness>(())
/// ```
pub struct NewKey {
    text: ApiKey,
    prefix: Prefix,
    digest: KeyDigest,
}

/// The system's generator of random numbers does not work.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers, so no key can be made; try again")]
pub struct NoRandomness(#[source] getrandom::Error);

impl NewKey {
    /// Makes a key of 256 bits from the system's generator, which no other key
    /// has anything to do with.
    ///
    /// # Errors
    /// [`NoRandomness`] when the system gives none.
    pub fn generate() -> Result<Self, NoRandomness> {
        let (mut secret, mut prefix) = ([0; 32], [0; PREFIX_LEN / 2]);
        getrandom::fill(&mut secret).map_err(NoRandomness)?;
        getrandom::fill(&mut prefix).map_err(NoRandomness)?;
        let prefix = u32::from_be_bytes(prefix);
        let secret = URL_SAFE_NO_PAD.encode(secret);
        let text = ApiKey::new(format!("{START}{prefix:08x}-{secret}"));
        let prefix = check_shape(text.reveal()).expect("it was made in this shape");
        Ok(Self {
            digest: KeyDigest::of(prefix, text.reveal()),
            prefix,
            text,
        })
    }

    /// The key itself, to be shown once.
    pub fn text(&self) -> &ApiKey {
        &self.text
    }

    /// The part that is no secret.
    pub fn prefix(&self) -> Prefix {
        self.prefix
    }

    /// What is kept of it.
    pub fn digest(&self) -> &KeyDigest {
        &self.digest
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewKey({}…)", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_";

    fn check(text: &str, expected: Option<&str>) {
        let found = check_shape(text).ok().map(|prefix| prefix.to_string());
        assert_eq!(found.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn only_the_one_shape_is_looked_up() {
        check(&format!("tg-1a2b3c4d-{SECRET}"), Some("tg-1a2b3c4d"));
        for text in [
            "",
            "tg-",
            "sk-or-v1-0123456789012345678901234567890123456789012345",
            &format!("tg-1a2b3c4d-{SECRET}A"),
            &format!("tg-1a2b3c4d-{}", &SECRET[1..]),
            &format!("tg-1A2b3c4d-{SECRET}"),
            &format!("tg-1a2b3c4g-{SECRET}"),
            &format!("TG-1a2b3c4d-{SECRET}"),
            &format!("tg-1a2b3c4-A{SECRET}"),
            &format!("tg-1a2b3c4dA{SECRET}"),
            &format!("tg-1a2b3c4d-{}+", &SECRET[1..]),
            &format!("tg-1a2b3c4d-{}é", &SECRET[2..]),
            &format!("tg-1a2b3c4d-{} ", &SECRET[1..]),
        ] {
            check(text, None);
        }
    }

    #[test]
    fn new_keys_have_the_shape_and_differ() {
        let keys: Vec<_> = (0..64).map(|_| NewKey::generate().unwrap()).collect();
        let secrets: BTreeSet<_> = keys
            .iter()
            .map(|key| key.text().reveal()[START.len() + PREFIX_LEN + 1..].to_owned())
            .collect();
        assert_eq!(secrets.len(), keys.len());
        for key in keys {
            assert_eq!(check_shape(key.text().reveal()), Ok(key.prefix()));
            assert!(!format!("{key:?}").contains(&key.text().reveal()[12..]));
        }
    }

    #[test]
    fn the_text_is_long_enough_for_every_client() {
        // One refuses keys below 20 characters.
        assert_eq!(TEXT_LEN, 55);
    }
}
