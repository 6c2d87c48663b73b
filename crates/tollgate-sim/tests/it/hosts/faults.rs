//! Every fault of the table at every host, in that host's own words.

use serde_json::Value;
use tollgate_sim::{Host, Simulator, faults};

use super::peer::{PEERS, Peer, direct};
use crate::client::{End, Reply};
use crate::surface::{Wish, events};

/// The status and kind of an error.
type Error = (u16, &'static str);

/// What OpenAI, Anthropic and Google answer to each fault that is an error in the status line.
#[rustfmt::skip]
const REFUSALS: &[(&str, Error, Error, Error)] = &[
    ("status", (500, "server_error"), (500, "api_error"), (500, "INTERNAL")),
    ("bad-request", (400, INVALID), (400, INVALID), (400, ARGUMENT)),
    ("validation", (400, INVALID), (400, INVALID), (400, ARGUMENT)),
    ("context-length", (400, INVALID), (400, INVALID), (400, ARGUMENT)),
    ("unauthorized", (401, INVALID), (401, "authentication_error"), (401, "UNAUTHENTICATED")),
    ("credits", (429, QUOTA), (400, "billing_error"), (429, EXHAUSTED)),
    ("affordable", (429, QUOTA), (400, "billing_error"), (429, EXHAUSTED)),
    ("in-flight-budget", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("key-limit", (429, QUOTA), (400, "billing_error"), (429, EXHAUSTED)),
    ("region", (403, "request_forbidden"), (403, "permission_error"), (400, "FAILED_PRECONDITION")),
    ("no-endpoints", (404, INVALID), (404, "not_found_error"), (404, "NOT_FOUND")),
    ("request-timeout", (408, "server_error"), (408, "timeout_error"), (408, DEADLINE)),
    ("payload-too-large", (413, INVALID), (413, "request_too_large"), (413, ARGUMENT)),
    ("unprocessable", (422, INVALID), (422, INVALID), (422, ARGUMENT)),
    ("internal", (500, "server_error"), (500, "api_error"), (500, "INTERNAL")),
    ("bad-gateway", (502, "server_error"), (502, "api_error"), (502, "UNAVAILABLE")),
    ("unavailable", (503, "server_error"), (503, "api_error"), (503, "UNAVAILABLE")),
    ("gateway-timeout", (504, "server_error"), (504, "timeout_error"), (504, DEADLINE)),
    ("overloaded", (503, "server_error"), (529, "overloaded_error"), (503, "UNAVAILABLE")),
    ("rate-limited", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("free-daily-limit", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("free-minute-limit", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("retry-after-date", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("retry-after-ms", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("retry-after-body", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("retry-after-nested", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("retry-after-reset", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("retry-after-duration", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("retry-after-rfc3339", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("retry-after-availability", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
    ("retry-after-bogus", (429, "requests"), (429, LIMIT), (429, EXHAUSTED)),
];

const INVALID: &str = "invalid_request_error";
const ARGUMENT: &str = "INVALID_ARGUMENT";
const QUOTA: &str = "insufficient_quota";
const LIMIT: &str = "rate_limit_error";
const EXHAUSTED: &str = "RESOURCE_EXHAUSTED";
const DEADLINE: &str = "DEADLINE_EXCEEDED";

async fn replies(sim: &Simulator, peer: &Peer, fault: &str) -> [Reply; 2] {
    let ask = |stream| peer.ask(Wish::Text, stream).with("x-sim-fault", fault);
    [ask(false).send(sim).await, ask(true).send(sim).await]
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_the_table_can_be_seen_at_every_host() {
    for peer in PEERS {
        let sim = direct(peer.host).await;
        for fault in faults() {
            let replies = replies(&sim, &peer, fault.name).await;
            let row = REFUSALS.iter().find(|row| row.0 == fault.name);
            match row {
                Some(row) => refused(&peer, fault.name, &replies, row),
                None => seen(&peer, fault.name, &replies),
            }
            sim.idle().await;
            let is_noted = |seen: &tollgate_sim::Seen| seen.fault.as_deref() == Some(fault.name);
            assert!(
                sim.log().iter().all(is_noted),
                "{} {}",
                peer.name,
                fault.name
            );
            sim.reset();
        }
    }
}

fn refused(peer: &Peer, fault: &str, replies: &[Reply; 2], row: &(&str, Error, Error, Error)) {
    let (status, kind) = match peer.host {
        Host::OpenAi => row.1,
        Host::Anthropic => row.2,
        _ => row.3,
    };
    for reply in replies {
        let name = format!("{} {fault}: {}", peer.name, reply.text());
        assert_eq!(
            (reply.status, reply.end),
            (Some(status), End::Whole),
            "{name}"
        );
        let (told, message) = peer.error(&reply.json());
        assert_eq!(told, kind, "{name}");
        assert!(!message.is_empty(), "{name}");
        envelope(peer, status, reply);
    }
}

/// What the host has in every error beside its kind.
fn envelope(peer: &Peer, status: u16, reply: &Reply) {
    let body = reply.json();
    match peer.host {
        Host::OpenAi => {
            assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
            let error = body["error"].as_object().unwrap();
            assert_eq!(
                error.keys().collect::<Vec<_>>(),
                ["code", "message", "param", "type"]
            );
        }
        Host::Anthropic => {
            assert_eq!(body["type"], "error");
            assert_eq!(body["request_id"], reply.header("request-id").unwrap());
        }
        _ => assert_eq!(body["error"]["code"], status),
    }
}

/// What a client sees of a fault that is no plain error.
fn seen(peer: &Peer, fault: &str, replies: &[Reply; 2]) {
    let [whole, stream] = replies;
    let ends = |end: End| {
        for reply in replies {
            assert_eq!(
                (reply.status, reply.end),
                (Some(200), end),
                "{} {fault}",
                peer.name
            );
        }
    };
    let status = |status: Option<u16>, end: End| {
        for reply in replies {
            assert_eq!(
                (reply.status, reply.end),
                (status, end),
                "{} {fault}",
                peer.name
            );
        }
    };
    match fault {
        "moderation" | "guardrail" => blocked(peer, replies),
        "edge-timeout" => status(Some(524), End::Whole),
        "html" | "empty-body" => status(Some(502), End::Whole),
        "html-200" => {
            ends(End::Whole);
            assert!(whole.text().starts_with("<html>"));
        }
        "error-200" | "error-choice" => {
            ends(End::Whole);
            assert!(says_error(peer, &whole.json()), "{}", whole.text());
            assert!(says_error(peer, &events(stream).last().unwrap().1));
        }
        "error-mid-stream" | "error-mid-stream-bare" => {
            ends(End::Whole);
            let events = events(stream);
            assert_eq!(events.len(), 4, "{}", stream.text());
            assert!(says_error(peer, &events[3].1), "{} {fault}", peer.name);
            assert!(events[..3].iter().all(|(_, data)| !says_error(peer, data)));
        }
        "empty-answer" => {
            ends(End::Whole);
            assert!((peer.stream)(&events(stream)).text.is_empty());
        }
        "delay-headers" => {
            ends(End::Whole);
            assert!(
                replies
                    .iter()
                    .all(|reply| reply.headers_after.as_millis() >= 1_000)
            );
        }
        "delay-first-token" => {
            ends(End::Whole);
            assert!(
                replies
                    .iter()
                    .all(|reply| reply.all_after.as_millis() >= 1_000)
            );
        }
        "delay-between" => {
            ends(End::Whole);
            assert!(stream.all_after.as_millis() >= 1_000);
        }
        "no-headers" => status(None, End::Silent),
        "stall" => ends(End::Silent),
        "comments" => {
            ends(End::Endless);
            assert!(
                events(stream)
                    .iter()
                    .all(|(name, _)| name.as_deref() == Some("ping"))
            );
        }
        "reset" | "reset-billed" => status(None, End::Reset),
        "reset-event" => {
            ends(End::Reset);
            assert_eq!(events(stream).len(), 3);
        }
        "cut-event" => {
            ends(End::Closed);
            assert_eq!(events(stream).len(), 3);
        }
        "cut-byte" => {
            ends(End::Closed);
            assert!(replies.iter().all(|reply| reply.body.len() == 200));
        }
        "cut-clean" => {
            assert_eq!((stream.end, events(stream).len()), (End::Whole, 3));
        }
        "malformed" => {
            ends(End::Whole);
            assert!(serde_json::from_slice::<Value>(&whole.body).is_err());
        }
        "big-event" => assert!(replies.iter().all(|reply| reply.body.len() > 4 << 20)),
        "no-usage" => {
            ends(End::Whole);
            let names = ["\"usage\":{", "usageMetadata"];
            assert!(
                names.iter().all(|name| !stream.text().contains(name)),
                "{}",
                stream.text()
            );
        }
        "no-done" => {
            ends(End::Whole);
            let text = stream.text();
            assert!(!text.contains("[DONE]") && !text.contains("message_stop"));
        }
        "no-finish" => {
            ends(End::Whole);
            let words = ["\"stop\"", "\"end_turn\"", "\"STOP\"", "response.completed"];
            assert!(
                words.iter().all(|word| !stream.text().contains(word)),
                "{}",
                stream.text()
            );
        }
        "ignore-max-tokens" => ends(End::Whole),
        other => panic!("nothing is known of fault {other}; say here what a client must see"),
    }
}

fn says_error(peer: &Peer, body: &Value) -> bool {
    let (kind, message) = peer.error(body);
    // Responses has its error in an event of its own, or in a failed response.
    let is_event = body["type"] == "error" && body["message"].is_string();
    !message.is_empty() || !kind.is_empty() || is_event
}

/// Google answers that there is no answer; others refuse the request.
fn blocked(peer: &Peer, replies: &[Reply; 2]) {
    let [whole, stream] = replies;
    if peer.host != Host::Gemini {
        assert_eq!((whole.status, stream.status), (Some(400), Some(400)));
        assert_eq!(peer.error(&whole.json()).0, INVALID);
        return;
    }
    assert_eq!((whole.status, stream.status), (Some(200), Some(200)));
    for body in [whole.json(), events(stream)[0].1.clone()] {
        assert!(body["promptFeedback"]["blockReason"].is_string(), "{body}");
        assert!(body.get("candidates").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_tells_when_to_come_back_as_its_host_does() {
    for peer in PEERS {
        let sim = direct(peer.host).await;
        let reply = async |fault: &str| {
            let ask = peer.ask(Wish::Text, false).with("x-sim-fault", fault);
            ask.send(&sim).await
        };
        let limited = reply("rate-limited=75").await;
        let overloaded = reply("unavailable").await;
        match peer.host {
            Host::OpenAi => {
                assert_eq!(limited.header("retry-after"), Some("75"));
                assert_eq!(limited.header("x-ratelimit-remaining-requests"), Some("0"));
                assert_eq!(limited.header("x-ratelimit-reset-requests"), Some("1m15s"));
                let error = &limited.json()["error"];
                assert_eq!(error["code"], "rate_limit_exceeded");
                assert!(
                    error["message"]
                        .as_str()
                        .unwrap()
                        .contains("try again in 75s")
                );
            }
            Host::Anthropic => {
                assert_eq!(limited.header("retry-after"), Some("75"));
                let remaining = limited.header("anthropic-ratelimit-requests-remaining");
                assert_eq!(remaining, Some("0"));
                let reset = limited.header("anthropic-ratelimit-requests-reset");
                assert_eq!(reset, Some("2026-08-08T12:01:15Z"));
            }
            _ => {
                assert_eq!(limited.header("retry-after"), None);
                let details = &limited.json()["error"]["details"][0];
                assert_eq!(details["@type"], "type.googleapis.com/google.rpc.RetryInfo");
                assert_eq!(details["retryDelay"], "75s");
            }
        }
        // What is overloaded has reached no limit of the caller's.
        assert!(
            !overloaded.head.contains("ratelimit"),
            "{}",
            overloaded.head
        );
        for (fault, header) in [
            ("retry-after-date", "retry-after"),
            ("retry-after-ms", "retry-after-ms"),
            ("retry-after-bogus", "retry-after"),
        ] {
            assert!(
                reply(fault).await.header(header).is_some(),
                "{} {fault}",
                peer.name
            );
        }
        let in_body = reply("retry-after-body=9").await;
        assert!(in_body.text().contains(" in 9s."), "{}", in_body.text());
        assert_eq!(in_body.header("retry-after"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_can_be_asked_for_by_the_name_of_a_model() {
    for peer in PEERS {
        let sim = direct(peer.host).await;
        let ask = peer.ask_model("sim/cut-event=2", Wish::Text, true);
        let reply = ask.send(&sim).await;
        assert_eq!(
            (reply.status, reply.end),
            (Some(200), End::Closed),
            "{}",
            peer.name
        );
        assert_eq!(events(&reply).len(), 2, "{}", peer.name);
    }
}
