//! What is kept of a key, and how a shown key is compared with it.
//!
//! A key is 256 random bits, so nobody can try all of them: a fast hash keeps
//! it as safe as a slow one would, and costs a call nothing. The pepper is for
//! whoever wants a stolen list of hashes to be worth nothing at all.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use tollgate_core::ApiKey;

use crate::secret::{Malformed, Prefix, check_shape};

type Bytes = [u8; 32];

/// SHA-256 of a key, and its prefix: all that is kept of a key in clear text
/// from the moment it was read.
///
/// Written `key = "…"` in a configuration; the text itself is dropped while it
/// is read.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyDigest {
    pub(crate) prefix: Prefix,
    sha256: Bytes,
}

impl KeyDigest {
    /// Takes the digest of a key.
    ///
    /// # Errors
    /// [`Malformed`] when the text has not the shape of a key.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        Ok(Self::of(check_shape(text)?, text))
    }

    pub(crate) fn of(prefix: Prefix, text: &str) -> Self {
        Self {
            prefix,
            sha256: Sha256::digest(text).into(),
        }
    }

    /// What is kept at rest: with a pepper, the HMAC of the digest under it.
    pub fn hash(&self, pepper: Option<&Pepper>) -> KeyHash {
        let (scheme, digest) = match pepper {
            None => (Scheme::Sha256, self.sha256),
            Some(pepper) => (Scheme::HmacSha256, pepper.mac(&self.sha256)),
        };
        KeyHash {
            scheme,
            prefix: self.prefix,
            digest,
        }
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigest({}…)", self.prefix)
    }
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = KeyDigest;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key as text, such as \"${MY_KEY}\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<KeyDigest, E> {
                KeyDigest::read(text.trim()).map_err(|malformed| {
                    E::custom(format!("{malformed}; `tollgate keys create` makes one"))
                })
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// A secret of the server that goes into the hashes of keys, so that a list of
/// hashes is of no use without it.
#[derive(Clone)]
pub struct Pepper(ApiKey);

impl Pepper {
    /// Takes a secret.
    pub fn new(secret: ApiKey) -> Self {
        Self(secret)
    }

    fn mac(&self, message: &Bytes) -> Bytes {
        let key = self.0.reveal().as_bytes();
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.chain_update(message).finalize().into_bytes().into()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(***)")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Sha256,
    HmacSha256,
}

const SCHEMES: [(&str, Scheme); 2] = [
    ("sha256", Scheme::Sha256),
    ("hmac-sha256", Scheme::HmacSha256),
];

/// What is kept of a key at rest, as text `SCHEME:PREFIX:DIGEST`.
///
/// ```
/// use tollgate_keys::{KeyHash, NewKey};
/// let key = NewKey::generate()?;
/// let hash = key.digest().hash(None);
/// assert_eq!(hash.to_string().parse::<KeyHash>()?, hash);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHash {
    pub(crate) scheme: Scheme,
    pub(crate) prefix: Prefix,
    digest: Bytes,
}

/// A text that is no hash of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHash {
    /// Not what `create` printed.
    #[error(
        "this is no hash of a key; take what `tollgate keys create` printed, such as \
         sha256:1a2b3c4d:…"
    )]
    Shape,
    /// A key where its hash has to be.
    #[error(
        "this is a key itself, not its hash; write it as `key`, or better make another one with \
         `tollgate keys create`, as this one was shown"
    )]
    Key,
}

impl KeyHash {
    /// A hash of no key, to compare with what has nothing to be compared with.
    pub(crate) fn nobodys(peppered: bool) -> Self {
        Self {
            scheme: match peppered {
                true => Scheme::HmacSha256,
                false => Scheme::Sha256,
            },
            prefix: Prefix::ZERO,
            digest: [0; 32],
        }
    }

    /// The part of the key that is no secret.
    pub fn prefix(&self) -> Prefix {
        self.prefix
    }

    /// Whether it can be compared only by whoever has the pepper.
    pub fn is_peppered(&self) -> bool {
        self.scheme == Scheme::HmacSha256
    }
}

impl FromStr for KeyHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        if check_shape(text).is_ok() {
            return Err(InvalidHash::Key);
        }
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(InvalidHash::Shape);
        let (scheme, prefix, digest) = (part()?, part()?, part()?);
        let scheme = SCHEMES.iter().find(|(name, _)| *name == scheme);
        let digest = URL_SAFE_NO_PAD.decode(digest).ok();
        Ok(Self {
            scheme: scheme.ok_or(InvalidHash::Shape)?.1,
            prefix: Prefix::read(prefix).ok_or(InvalidHash::Shape)?,
            digest: digest
                .and_then(|digest| digest.try_into().ok())
                .ok_or(InvalidHash::Shape)?,
        })
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = SCHEMES.iter().find(|(_, scheme)| *scheme == self.scheme);
        let prefix = self.prefix.to_string();
        let digits = prefix.trim_start_matches("tg-");
        let digest = URL_SAFE_NO_PAD.encode(self.digest);
        write!(
            f,
            "{}:{digits}:{digest}",
            scheme.map_or("", |(name, _)| name)
        )
    }
}

/// Without the digest.
impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({:?}, {}…)", self.scheme, self.prefix)
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.trim().parse().map_err(serde::de::Error::custom)
    }
}

/// A shown key as every scheme hashes it, whichever the kept hash is of: the
/// work does not tell which keys there are.
pub(crate) struct Shown {
    sha256: Bytes,
    hmac: Option<Bytes>,
}

impl Shown {
    pub(crate) fn new(text: &str, pepper: Option<&Pepper>) -> Self {
        let sha256: Bytes = Sha256::digest(text).into();
        Self {
            hmac: pepper.map(|pepper| pepper.mac(&sha256)),
            sha256,
        }
    }

    /// Compares in the same time wherever the first difference is. Both sides
    /// are 32 bytes by their type.
    pub(crate) fn is(&self, kept: &KeyHash) -> Choice {
        let shown = match kept.scheme {
            Scheme::Sha256 => &self.sha256,
            // Without a pepper no book has such a hash.
            Scheme::HmacSha256 => self.hmac.as_ref().unwrap_or(&[0; 32]),
        };
        shown.ct_eq(&kept.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "tg-1a2b3c4d-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_";

    fn pepper(text: &str) -> Pepper {
        Pepper::new(ApiKey::new(text))
    }

    #[test]
    fn hashes_are_those_of_the_standards() {
        // printf %s KEY | openssl dgst -sha256 -binary, and its HMAC under "pepper".
        let digest = KeyDigest::read(KEY).unwrap();
        assert_eq!(
            digest.hash(None).to_string(),
            "sha256:1a2b3c4d:m3d6TZefRK3fAmmnFX3YNr54cDQe9kH68ZaMT5fxjC8"
        );
        assert_eq!(
            digest.hash(Some(&pepper("pepper"))).to_string(),
            "hmac-sha256:1a2b3c4d:n6eIf668DEZC29YnCzi8J-ePLQEEp_UuljRJJ-jd6UM"
        );
    }

    #[test]
    fn a_key_is_known_by_the_pepper_that_it_was_hashed_with_and_no_other() {
        let digest = KeyDigest::read(KEY).unwrap();
        let (one, two) = (pepper("one"), pepper("two"));
        let kept = [None, Some(&one), Some(&two)].map(|pepper| digest.hash(pepper));
        let check = |pepper: Option<&Pepper>, expected: [bool; 3]| {
            let shown = Shown::new(KEY, pepper);
            let found = [0, 1, 2].map(|at| bool::from(shown.is(&kept[at])));
            assert_eq!(found, expected);
        };
        check(None, [true, false, false]);
        check(Some(&one), [true, true, false]);
        check(Some(&two), [true, false, true]);
    }

    #[test]
    fn nothing_shows_a_key_or_its_digest() {
        let digest = KeyDigest::read(KEY).unwrap();
        let hash = digest.hash(None);
        let shown = format!("{digest:?} {hash:?} {:?}", pepper("secret"));
        assert_eq!(
            shown,
            "KeyDigest(tg-1a2b3c4d…) KeyHash(Sha256, tg-1a2b3c4d…) Pepper(***)"
        );
    }

    #[test]
    fn what_is_no_hash_is_refused_without_being_quoted() {
        let good = KeyDigest::read(KEY).unwrap().hash(None).to_string();
        for (text, expected) in [
            (KEY, InvalidHash::Key),
            ("", InvalidHash::Shape),
            ("sha256", InvalidHash::Shape),
            ("md5:1a2b3c4d:AAAA", InvalidHash::Shape),
            (&good[..good.len() - 1], InvalidHash::Shape),
            (&good.replace("1a2b", "1A2B"), InvalidHash::Shape),
            (&format!("{good}A"), InvalidHash::Shape),
        ] {
            assert_eq!(text.parse::<KeyHash>(), Err(expected));
        }
        for message in [InvalidHash::Key, InvalidHash::Shape] {
            assert!(!message.to_string().contains("AAAA"));
        }
    }
}
