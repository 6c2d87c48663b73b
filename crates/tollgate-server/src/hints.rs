//! What callers may ask of the gateway by header.

use axum::http::HeaderMap;
use tollgate::{Failure, FailureKind, Hints};

/// Header names start with this.
const PREFIX: &str = "x-tollgate-";

/// Reads the hints among the headers.
pub(crate) fn read(headers: &HeaderMap) -> Result<Hints, Failure> {
    let mut hints = Hints::default();
    for (name, value) in headers {
        let Some(hint) = name.as_str().strip_prefix(PREFIX) else {
            continue;
        };
        let value = value
            .to_str()
            .map_err(|_| bad(name.as_str(), "holds bytes that are no text"))?
            .trim();
        match hint {
            "policy" => hints.policy = Some(value.to_owned()),
            "task" => {
                hints.task = Some(value.parse().map_err(|error| bad(name.as_str(), error))?);
            }
            "max-cost" => {
                hints.max_cost = Some(value.parse().map_err(|error| bad(name.as_str(), error))?);
            }
            "prefer-free" => {
                hints.prefer_free = Some(
                    value
                        .parse()
                        .map_err(|_| bad(name.as_str(), "is true or false"))?,
                );
            }
            "strict" => {
                hints.strict = Some(
                    value
                        .parse()
                        .map_err(|_| bad(name.as_str(), "is true or false"))?,
                );
            }
            "after-commit" => {
                hints.after_commit =
                    Some(value.parse().map_err(|error| bad(name.as_str(), error))?);
            }
            "upstream-stream" => {
                hints.upstream_stream =
                    Some(value.parse().map_err(|error| bad(name.as_str(), error))?);
            }
            "tags" => hints.tags.extend(tags(value)),
            _ => {}
        }
    }
    Ok(hints)
}

/// `name=value, name=value`
fn tags(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split(',').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    })
}

fn bad(header: &str, why: impl std::fmt::Display) -> Failure {
    Failure::new(
        FailureKind::InvalidRequest,
        format!("header {header}: {why}"),
    )
}
