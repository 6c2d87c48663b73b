//! Heads and bodies of answers, read for how long to wait. The input is an answer as it would be
//! written: a header on each line, an empty line, and the body.

#![no_main]

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tollgate_core::Timestamp;
use tollgate_transport::{LONGEST_RETRY_AFTER, retry_after};
use tollgate_wire::ErrorBody;

/// 2026-08-08T12:00:00Z, and the ends of time.
const MOMENTS: [Timestamp; 3] = [
    Timestamp::from_secs(1_786_190_400),
    Timestamp::from_millis(i64::MIN),
    Timestamp::from_millis(i64::MAX),
];

fuzz_target!(|answer: &[u8]| {
    let (headers, body) = parts(answer);
    let body = ErrorBody::lossy(body);
    for now in MOMENTS {
        for body in [None, Some(&body)] {
            let delay = retry_after(&headers, body, now).unwrap_or(LONGEST_RETRY_AFTER);
            assert!(delay > Duration::ZERO && delay <= LONGEST_RETRY_AFTER);
        }
    }
});

/// Lines that are no header are left out, as a server could not send them.
fn parts(answer: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = answer;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        headers.extend(header(line));
    }
    (headers, rest)
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}
