//! Headers of requests. Their sum is bounded below, where they are read.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::Limits;
use crate::reply::Refusal;

/// Refuses requests with too many headers, or with one that is too long.
pub(crate) async fn check_headers(
    State(limits): State<Arc<Limits>>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let (count, bytes) = (limits.config.max_headers, limits.config.max_header_bytes);
    check(request.headers(), count, bytes)?;
    Ok(next.run(request).await)
}

fn check(headers: &HeaderMap, most: usize, most_bytes: usize) -> Result<(), Refusal> {
    let refused = |message: &str, hint: String| {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Err(Refusal::of_http(status, message).with_hint(hint))
    };
    if headers.len() > most {
        return refused(
            "the request has too many headers",
            format!("send at most {most}; server.max_headers is the limit"),
        );
    }
    let length = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        name.as_str().len() + value.len()
    };
    if headers.iter().map(length).any(|length| length > most_bytes) {
        return refused(
            "a header of the request is too long",
            format!("send at most {most_bytes} bytes; server.max_header_bytes is the limit"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_counted_with_repeats_and_measured_with_their_names() {
        let check = |headers: &[(&'static str, &'static str)], expected: bool| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().unwrap());
            }
            assert_eq!(check(&map, 2, 8).is_ok(), expected, "{headers:?}");
        };
        check(&[], true);
        check(&[("a", "1"), ("a", "2")], true);
        check(&[("a", "1"), ("a", "2"), ("a", "3")], false);
        check(&[("name", "1234")], true);
        check(&[("name", "12345")], false);
    }
}
