//! What callers may ask of the gateway by header.

use std::fmt::Display;
use std::str::FromStr;

use crate::own_keys;
use axum::http::HeaderMap;
use tollgate::{Criticality, Failure, FailureKind, Hints};

/// Header names start with this.
pub(crate) const PREFIX: &str = "x-tollgate-";

/// Longest value of a header, in bytes. Only tags come near it.
const LONGEST: usize = 8 * 1024;

/// Most tags of a request.
const MOST_TAGS: usize = 64;

/// A header that callers may send.
pub(crate) struct Known {
    /// What follows the prefix.
    pub(crate) name: &'static str,
    /// What it does, for documentation.
    pub(crate) what: &'static str,
    /// A value that it takes.
    pub(crate) example: &'static str,
    read: fn(&mut Hints, &str) -> Result<(), String>,
}

/// All of them. An unknown one is refused: a misspelt limit that nobody obeys
/// costs money.
pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "policy",
        what: "ranks by the policy of this name",
        example: "cheapest",
        read: |hints, value| set(&mut hints.policy, value),
    },
    Known {
        name: "task",
        what: "what the request is about, instead of having it guessed: chat, code or reasoning",
        example: "code",
        read: |hints, value| set(&mut hints.task, value),
    },
    Known {
        name: "max-cost",
        what: "most that the call may cost in total, in dollars",
        example: "0.05",
        read: |hints, value| set(&mut hints.max_cost, value),
    },
    Known {
        name: "prefer-free",
        what: "whether free variants go first: true or false",
        example: "true",
        read: |hints, value| flag(&mut hints.prefer_free, value),
    },
    Known {
        name: "hold-back",
        what: "whether a stream may be held back to its end so that its answer can be judged, for a policy that does so: true or false",
        example: "true",
        read: |hints, value| flag(&mut hints.hold_back, value),
    },
    Known {
        name: "strict",
        what: "whether lanes are passed over on which the request would lose something: true or false",
        example: "true",
        read: |hints, value| flag(&mut hints.strict, value),
    },
    Known {
        name: "criticality",
        what: "how much the call matters when not all can be served: sheddable, default or critical; never more than the caller's key allows",
        example: "sheddable",
        // Whoever lets calls in takes note of it.
        read: |_, value| {
            let read = value.parse::<Criticality>();
            read.map(drop).map_err(|error| error.to_string())
        },
    },
    Known {
        name: "after-commit",
        what: "what becomes of an answer that breaks off after some of it was shown",
        example: "restart",
        read: |hints, value| set(&mut hints.after_commit, value),
    },
    Known {
        name: "upstream-stream",
        what: "whether an answer in one piece is asked for as a stream",
        example: "always",
        read: |hints, value| set(&mut hints.upstream_stream, value),
    },
    Known {
        name: "tags",
        what: "tags for the ledger, as name=value, separated by commas; may come again",
        example: "team=search, env=test",
        read: |hints, value| tags(&mut hints.tags, value),
    },
];

/// OpenRouter's header for the name of a conversation.
const SESSION: &str = "x-session-id";

/// The one header that may come again.
const REPEATED: &str = "tags";

/// Reads the hints among the headers.
///
/// # Errors
/// `InvalidRequest` for a header that there is not, one that comes twice, and
/// a value that does not fit.
pub(crate) fn read(headers: &HeaderMap) -> Result<Hints, Failure> {
    let session = headers.get(SESSION).and_then(|value| value.to_str().ok());
    let mut hints = Hints {
        session: session.map(str::to_owned),
        ..Hints::default()
    };
    for name in headers.keys() {
        let hint = name.as_str().strip_prefix(PREFIX);
        let Some(hint) = hint.filter(|hint| !hint.starts_with(own_keys::KEY)) else {
            continue;
        };
        let Some(known) = KNOWN.iter().find(|known| known.name == hint) else {
            return Err(unknown(hint));
        };
        let bad = |why: &str| bad(name.as_str(), why);
        let values = headers.get_all(name);
        if known.name != REPEATED && values.iter().count() > 1 {
            return Err(bad("comes more than once"));
        }
        for value in values {
            if value.len() > LONGEST {
                return Err(bad(&format!("is longer than {LONGEST} bytes")));
            }
            let value = value
                .to_str()
                .map_err(|_| bad("holds bytes that are no text"))?;
            (known.read)(&mut hints, value.trim()).map_err(|why| bad(&why))?;
        }
    }
    Ok(hints)
}

fn set<T: FromStr<Err: Display>>(field: &mut Option<T>, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err("has no value".to_owned());
    }
    *field = Some(value.parse().map_err(|error: T::Err| error.to_string())?);
    Ok(())
}

fn flag(field: &mut Option<bool>, value: &str) -> Result<(), String> {
    set(field, value).map_err(|_| "is true or false".to_owned())
}

/// `name=value, name=value`; how long each may be is checked where all tags are.
fn tags(tags: &mut Vec<(String, String)>, text: &str) -> Result<(), String> {
    for pair in text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()))
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| {
                let pair: String = pair.chars().take(40).collect();
                format!("holds {pair:?}, which is no name=value; pairs are separated by commas")
            })?;
        tags.push((name.to_owned(), value.to_owned()));
    }
    match tags.len() > MOST_TAGS {
        true => Err(format!("has more than {MOST_TAGS} tags")),
        false => Ok(()),
    }
}

fn unknown(hint: &str) -> Failure {
    let likeness = |known: &&Known| strsim::jaro_winkler(hint, known.name);
    let closest = KNOWN
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let shown: String = hint.chars().take(40).collect();
    let failure = Failure::new(
        FailureKind::InvalidRequest,
        format!("there is no header {PREFIX}{shown} to ask with"),
    );
    match closest.filter(|known| likeness(known) > ALIKE) {
        Some(known) => failure.with_hint(format!("did you mean {PREFIX}{}?", known.name)),
        None => {
            let names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
            failure.with_hint(format!("after {PREFIX} there are: {}", names.join(", ")))
        }
    }
}

/// Two names that are closer than this were probably meant to be one; as for
/// the keys of the configuration.
const ALIKE: f64 = 0.8;

fn bad(header: &str, why: &str) -> Failure {
    Failure::new(
        FailureKind::InvalidRequest,
        format!("header {header}: {why}"),
    )
}

#[cfg(test)]
mod tests;
