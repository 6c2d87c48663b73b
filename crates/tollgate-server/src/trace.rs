//! Goes on with the trace that a caller is in: `traceparent` of W3C's Trace
//! Context. Without a listener that knows traces, nothing comes of it.

use axum::http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

/// The trace that a request's header names, for what answers it to run within.
/// A header that is malformed, or there twice, is as good as none: the standard
/// wants a new trace then. `tracestate` is not gone on with.
pub(crate) fn remote(headers: &HeaderMap) -> Option<Context> {
    let span = remote_span(headers)?;
    Some(Context::new().with_remote_span_context(span))
}

fn remote_span(headers: &HeaderMap) -> Option<SpanContext> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?;
    values.next().is_none().then(|| parse(value.as_bytes()))?
}

/// `VERSION-TRACE-SPAN-FLAGS`. Later versions may have more behind it.
fn parse(value: &[u8]) -> Option<SpanContext> {
    let (known, more) = value.split_at_checked(55)?;
    let known = std::str::from_utf8(known).ok()?;
    let [version, trace, span, flags] = {
        let mut parts = known.split('-');
        let parts = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        parts.map(|part| hex(part).then_some(part))
    };
    let (version, trace, span, flags) = (version?, trace?, span?, flags?);
    let lengths = [version.len(), trace.len(), span.len(), flags.len()] == [2, 32, 16, 2];
    let ends_well = match version {
        "00" => more.is_empty(),
        "ff" => false,
        _ => more.is_empty() || more.starts_with(b"-"),
    };
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let trace = TraceId::from_hex(trace).ok()?;
    let span = SpanId::from_hex(span).ok()?;
    let remote = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    (lengths && ends_well && remote.is_valid()).then_some(remote)
}

/// The standard has small letters only.
fn hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::remote_span;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    /// The trace and whether it is sampled, of these headers.
    fn check(values: &[&str], expected: Option<(&str, bool)>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("traceparent", HeaderValue::from_str(value).unwrap());
        }
        let remote = remote_span(&headers);
        let found = remote.map(|span| (span.trace_id().to_string(), span.is_sampled()));
        let expected = expected.map(|(trace, sampled)| (trace.to_owned(), sampled));
        assert_eq!(found, expected, "{values:?}");
    }

    #[test]
    fn a_well_formed_header_is_gone_on_with() {
        for (version, flags, more, sampled) in [
            ("00", "01", "", true),
            ("00", "00", "", false),
            ("00", "03", "", true),
            ("01", "01", "-what-the-future-brings", true),
        ] {
            let value = format!("{version}-{TRACE}-00f067aa0ba902b7-{flags}{more}");
            check(&[&value], Some((TRACE, sampled)));
        }
    }

    #[test]
    fn a_malformed_header_is_as_good_as_none() {
        let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
        for bad in [
            "",
            "00",
            &good.to_uppercase(),
            &good.replace('-', "_"),
            &good.replace(TRACE, &"0".repeat(32)),
            &good.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &good.replace("00f067aa0ba902b7-01", "00f067aa0ba902b70-1"),
            &good.replacen("00", "ff", 1),
            &format!("{good}-more"),
            &format!("{good}0"),
            &format!(" {good}"),
        ] {
            check(&[bad], None);
        }
        check(&[&good, &good], None);
        check(&[], None);
    }
}
