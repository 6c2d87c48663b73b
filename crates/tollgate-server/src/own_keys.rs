//! Keys of providers that callers bring with a request.

use axum::http::HeaderMap;
use tollgate::{ApiKey, Failure, FailureKind, KeyEntry, LaneId, Order};

use crate::hints;

/// What follows the prefix of all headers here, before the provider's name.
pub(crate) const KEY: &str = "key-";

/// Longest key, in bytes.
const LONGEST: usize = 1024;

/// Adds the keys among the headers to an order: `x-tollgate-key-PROVIDER: KEY`.
///
/// # Errors
/// `Forbidden` when the caller's own key does not allow it, `InvalidRequest`
/// for a value that is no key.
pub(crate) fn add(
    mut order: Order,
    headers: &HeaderMap,
    entry: Option<&KeyEntry>,
) -> Result<Order, Failure> {
    for name in headers.keys() {
        let rest = name.as_str().strip_prefix(hints::PREFIX);
        let Some(provider) = rest.and_then(|rest| rest.strip_prefix(KEY)) else {
            continue;
        };
        if entry.is_some_and(|entry| !entry.may_bring_keys()) {
            return Err(Failure::new(
                FailureKind::Forbidden,
                "this key may not bring keys of providers",
            )
            .with_hint(
                "leave the header out, or have the operator set `byok = true` for the key",
            ));
        }
        let bad =
            |why: &str| Failure::new(FailureKind::InvalidRequest, format!("header {name}: {why}"));
        let mut values = headers.get_all(name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(bad("comes more than once"));
        };
        let key = value
            .to_str()
            .map_err(|_| bad("holds bytes that are no text"))?;
        let key = ApiKey::new(key);
        if key.is_empty() || value.len() > LONGEST {
            return Err(bad("is empty, or too long for a key"));
        }
        let provider = LaneId::new(provider).map_err(|error| bad(&error.to_string()))?;
        order = order.with_key(provider, key);
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate::{ChatRequest, Message};

    fn read(headers: &[(&'static str, &'static str)]) -> Result<Order, Failure> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let order = ChatRequest::new([Message::user("Hello")]).unwrap().into();
        add(order, &headers, None)
    }

    #[test]
    fn a_key_is_added_by_the_name_of_its_provider_and_never_shown() {
        let order = read(&[
            ("x-tollgate-key-openai", "sk-canary"),
            ("x-tollgate-task", "code"),
        ]);
        let shown = format!("{:?}", order.unwrap());
        assert!(shown.contains("openai"), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for headers in [
            &[("x-tollgate-key-openai", "")][..],
            &[("x-tollgate-key-", "sk-1")],
        ] {
            assert_eq!(
                read(headers).unwrap_err().kind(),
                FailureKind::InvalidRequest,
                "{headers:?}"
            );
        }
    }
}
