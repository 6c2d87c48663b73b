//! Every fault of the table, as a client sees it, streaming and not.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_sim::{Simulator, faults};
use tollgate_wire::{ChatReply, ErrorBody, StreamEvent};

use crate::client::{Ask, End, Reply, sim};

/// Both replies to one fault: the whole one and the stream.
struct Replies {
    whole: Reply,
    stream: Reply,
}

async fn replies(sim: &Simulator, fault: &str) -> Replies {
    let ask = |stream: bool| Ask::chat(json!({"stream": stream})).with("x-sim-fault", fault);
    Replies {
        whole: ask(false).send(sim).await,
        stream: ask(true).send(sim).await,
    }
}

impl Replies {
    fn both(&self, check: impl Fn(&Reply)) {
        check(&self.whole);
        check(&self.stream);
    }

    /// Both are the same error, of this status.
    fn refused(&self, status: u16) -> Value {
        self.both(|reply| {
            assert_eq!((reply.status, reply.end), (Some(status), End::Whole));
            let error = ErrorBody::parse(&reply.body).unwrap();
            assert_eq!(error.code, Some(i64::from(status)));
            assert!(!error.message.is_empty());
        });
        assert_eq!(self.whole.body, self.stream.body);
        self.whole.json()["error"].clone()
    }

    fn ended(&self, end: End) {
        self.both(|reply| {
            assert_eq!(
                (reply.status, reply.end),
                (Some(200), end),
                "{}",
                reply.text()
            )
        });
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_the_table_can_be_seen() {
    let sim = sim("").await;
    for fault in faults() {
        let replies = replies(&sim, fault.name).await;
        println!("{}", fault.name);
        check(fault.name, &replies);
        sim.idle().await;
        // Only a client that runs out of patience leaves.
        let left = |reply: &Reply| matches!(reply.end, End::Silent | End::Endless);
        let leaving = [left(&replies.whole), left(&replies.stream)];
        let log = sim.log();
        assert!(log.iter().map(|seen| seen.cancelled).eq(leaving), "{log:?}");
        assert!(
            sim.log()
                .iter()
                .all(|seen| seen.finished && seen.fault.as_deref() == Some(fault.name))
        );
        sim.reset();
    }
}

fn check(fault: &str, replies: &Replies) {
    let (whole, stream) = (&replies.whole, &replies.stream);
    match fault {
        "status" | "internal" => drop(replies.refused(500)),
        "bad-request" => assert_eq!(
            replies.refused(400)["metadata"]["error_type"],
            "invalid_request"
        ),
        "validation" => replies.both(|reply| {
            assert_eq!(
                (reply.status, &reply.json()["success"]),
                (Some(400), &json!(false))
            )
        }),
        "context-length" => assert_eq!(
            replies.refused(400)["metadata"]["error_type"],
            "context_length_exceeded"
        ),
        "unauthorized" => assert_eq!(
            replies.refused(401)["metadata"]["error_type"],
            "authentication"
        ),
        "credits" => assert_eq!(
            replies.refused(402)["metadata"]["limit_source"],
            "openrouter_credits"
        ),
        "affordable" => assert_eq!(
            replies.refused(402)["metadata"]["reason"],
            "weight_exceeds_budget"
        ),
        "in-flight-budget" => {
            let error = replies.refused(402);
            assert_eq!(
                error["metadata"]["limit_source"],
                "openrouter_in_flight_budget"
            );
            assert_eq!(whole.header("retry-after"), Some("120"));
            assert_eq!(error["metadata"]["headers"]["Retry-After"], "120");
        }
        "moderation" => assert!(replies.refused(403)["metadata"]["reasons"].is_array()),
        "guardrail" => assert!(replies.refused(403)["metadata"]["patterns"].is_array()),
        "key-limit" => assert_eq!(
            replies.refused(403)["metadata"]["limit_source"],
            "openrouter_key_limit"
        ),
        "region" => assert_eq!(
            replies.refused(403)["metadata"]["error_type"],
            "permission_denied"
        ),
        "no-endpoints" => assert!(replies.refused(404)["metadata"]["routing_funnel"].is_array()),
        "request-timeout" => drop(replies.refused(408)),
        "payload-too-large" => drop(replies.refused(413)),
        "unprocessable" => drop(replies.refused(422)),
        "bad-gateway" => assert!(replies.refused(502)["metadata"]["raw"].is_string()),
        "unavailable" => {
            replies.refused(503);
            assert_eq!(whole.header("retry-after"), Some("2"));
        }
        "gateway-timeout" => drop(replies.refused(504)),
        "overloaded" => drop(replies.refused(529)),
        "edge-timeout" => page(replies, 524),
        "html" => page(replies, 502),
        "html-200" => page(replies, 200),
        "empty-body" => replies.both(|reply| {
            assert_eq!(
                (reply.status, reply.body.len(), reply.end),
                (Some(502), 0, End::Whole)
            )
        }),
        "rate-limited" => {
            let error = replies.refused(429);
            assert_eq!(
                error["metadata"]["limit_source"],
                "upstream_provider_shared_pool"
            );
            assert_eq!(error["metadata"]["retry_after_seconds"], 7);
            assert_eq!(whole.header("retry-after"), Some("7"));
        }
        "free-daily-limit" => {
            // The frozen clock stands at noon, so the limit ends at the next midnight.
            let error = replies.refused(429);
            assert_eq!(
                error["metadata"]["limit_source"],
                "openrouter_free_tier_daily"
            );
            assert_eq!(
                error["metadata"]["headers"]["X-RateLimit-Reset"],
                "1786233600000"
            );
            assert_eq!(whole.header("x-ratelimit-reset"), Some("1786233600000"));
        }
        "free-minute-limit" => {
            replies.refused(429);
            assert_eq!(whole.header("x-ratelimit-reset"), Some("1786190460000"));
        }
        "retry-after-date" => hint(replies, "retry-after", "Sat, 08 Aug 2026 12:00:07 GMT"),
        "retry-after-ms" => hint(replies, "retry-after-ms", "7000"),
        "retry-after-reset" => hint(replies, "x-ratelimit-reset", "1786190407000"),
        "retry-after-duration" => hint(replies, "x-ratelimit-reset-requests", "0m7s"),
        "retry-after-rfc3339" => hint(
            replies,
            "anthropic-ratelimit-requests-reset",
            "2026-08-08T12:00:07Z",
        ),
        "retry-after-bogus" => hint(replies, "retry-after", "soon, NaN"),
        "retry-after-body" => {
            assert_eq!(replies.refused(429)["metadata"]["retry_after_seconds"], 7);
            assert_eq!(whole.header("retry-after"), None);
        }
        "retry-after-nested" => {
            assert_eq!(
                replies.refused(429)["metadata"]["headers"]["Retry-After"],
                "7"
            );
            assert_eq!(whole.header("retry-after"), None);
        }
        "retry-after-availability" => {
            assert_eq!(replies.refused(429)["availability"]["retry_after"], 7);
            assert_eq!(whole.header("retry-after"), None);
        }
        "error-200" => {
            replies.ended(End::Whole);
            assert!(
                matches!(ChatReply::parse(&whole.body), Ok(ChatReply::Error(error)) if error.code == Some(502))
            );
            assert!(whole.json().get("choices").is_none());
            assert_eq!(stream.events().len(), 1);
            assert_eq!(stream.chunks()[0]["error"]["code"], 502);
        }
        "error-choice" => {
            replies.ended(End::Whole);
            assert!(
                matches!(ChatReply::parse(&whole.body), Ok(ChatReply::Error(error)) if error.code == Some(502))
            );
            assert_eq!(whole.json()["choices"][0]["error"]["code"], 502);
            assert_eq!(stream.chunks()[0]["choices"][0]["error"]["code"], 502);
        }
        "error-mid-stream" | "error-mid-stream-bare" => {
            assert_eq!(stream.end, End::Whole);
            let events = stream.events();
            assert_eq!(events.len(), 4);
            assert!(matches!(
                StreamEvent::parse(events[2].as_bytes()),
                Ok(StreamEvent::Chunk(_))
            ));
            assert!(
                matches!(StreamEvent::parse(events[3].as_bytes()), Ok(StreamEvent::Error(error)) if error.code == Some(502))
            );
            assert_eq!(
                stream.chunks()[3].get("choices").is_none(),
                fault == "error-mid-stream-bare"
            );
            // Without a stream there is no middle: the error is in the choice.
            assert_eq!(whole.json()["choices"][0]["error"]["code"], 502);
        }
        "empty-answer" => {
            replies.ended(End::Whole);
            assert_eq!(whole.json()["choices"][0]["finish_reason"], Value::Null);
            assert_eq!(whole.json()["choices"][0]["message"]["content"], "");
            assert_eq!(whole.json()["usage"]["cost"], 0);
            assert!(
                stream
                    .chunks()
                    .iter()
                    .all(|chunk| chunk["choices"][0]["finish_reason"].is_null())
            );
        }
        "delay-headers" => replies.both(|reply| assert_eq!(seconds(reply.headers_after), 1.0)),
        "delay-first-token" => {
            replies.both(|reply| assert!(seconds(reply.headers_after) < 0.1));
            replies.both(|reply| assert!(seconds(reply.all_after) >= 1.0));
            assert!(
                stream
                    .first_event_after
                    .is_some_and(|after| seconds(after) >= 1.0)
            );
        }
        "delay-between" => {
            let pauses = stream.events().len() - 1;
            assert_eq!(stream.all_after.as_millis() / 100, pauses as u128);
        }
        "no-headers" => {
            replies.both(|reply| assert_eq!((reply.status, reply.end), (None, End::Silent)))
        }
        "stall" => {
            replies.ended(End::Silent);
            replies.both(|reply| assert!(reply.body.is_empty(), "{}", reply.text()));
        }
        "comments" => {
            replies.ended(End::Endless);
            replies.both(|reply| {
                assert!(
                    reply
                        .text()
                        .lines()
                        .all(|line| line.is_empty() || line.starts_with(": "))
                )
            });
        }
        "reset" | "reset-billed" => {
            replies.both(|reply| assert_eq!((reply.status, reply.end), (None, End::Reset)))
        }
        "reset-event" => {
            replies.ended(End::Reset);
            assert_eq!(stream.events().len(), 3);
        }
        "cut-event" => {
            replies.ended(End::Closed);
            assert_eq!(stream.events().len(), 3);
            let declared: usize = whole.header("content-length").unwrap().parse().unwrap();
            assert_eq!(whole.body.len(), declared / 2);
        }
        "cut-byte" => {
            replies.ended(End::Closed);
            replies.both(|reply| assert_eq!(reply.body.len(), 200));
        }
        "cut-clean" => {
            assert_eq!((stream.end, stream.events().len()), (End::Whole, 3));
        }
        "malformed" => {
            replies.ended(End::Whole);
            assert!(serde_json::from_slice::<Value>(&whole.body).is_err());
            let events = stream.events();
            let broken: Vec<usize> = (0..events.len() - 1)
                .filter(|index| serde_json::from_str::<Value>(&events[*index]).is_err())
                .collect();
            assert_eq!(broken, [1]);
        }
        "big-event" => {
            replies.both(|reply| assert!(reply.end == End::Whole && reply.body.len() > 4 << 20))
        }
        "no-usage" => {
            replies.ended(End::Whole);
            assert!(whole.json().get("usage").is_none());
            assert!(
                stream
                    .chunks()
                    .iter()
                    .all(|chunk| chunk.get("usage").is_none())
            );
        }
        "no-done" => {
            replies.ended(End::Whole);
            assert!(!stream.text().contains("[DONE]") && stream.text().contains("\"usage\""));
        }
        "no-finish" => {
            replies.ended(End::Whole);
            assert!(whole.json()["choices"][0]["finish_reason"].is_null());
            assert!(
                stream
                    .chunks()
                    .iter()
                    .all(|chunk| chunk["choices"][0]["finish_reason"].is_null())
            );
        }
        // Seen only with a limit; the test below has one.
        "ignore-max-tokens" => replies.ended(End::Whole),
        other => panic!("nothing is known of fault {other}; say here what a client must see"),
    }
}

fn page(replies: &Replies, status: u16) {
    replies.both(|reply| {
        assert_eq!((reply.status, reply.end), (Some(status), End::Whole));
        assert_eq!(
            reply.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(reply.text().starts_with("<html>"));
    });
}

fn hint(replies: &Replies, header: &str, value: &str) {
    replies.refused(429);
    replies.both(|reply| assert_eq!(reply.header(header), Some(value)));
}

/// Tokio's timer counts whole milliseconds and rounds up.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100.0).round() / 100.0
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_ignored_when_asked_to() {
    let sim = sim("output_tokens = 40").await;
    let used = async |fault: Option<&str>| {
        let ask = Ask::chat(json!({"max_tokens": 5}));
        let ask = fault.map_or(ask.clone(), |fault| ask.with("x-sim-fault", fault));
        let body = ask.send(&sim).await.json();
        (
            body["usage"]["completion_tokens"].as_u64(),
            body["choices"][0]["finish_reason"]
                .as_str()
                .map(str::to_owned),
        )
    };
    assert_eq!(used(None).await, (Some(5), Some("length".into())));
    assert_eq!(
        used(Some("ignore-max-tokens")).await,
        (Some(40), Some("stop".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_fault_can_be_asked_for_by_header_model_or_rule() {
    let sim = sim("[[rules]]\nkey = '*-0002'\nfault = 'overloaded'").await;
    let by_header = Ask::chat(json!({}))
        .with("x-sim-fault", "status=418")
        .send(&sim)
        .await;
    let by_model = Ask::chat(json!({"model": "sim/status=418"}))
        .send(&sim)
        .await;
    let by_rule = Ask::chat(json!({}))
        .with("authorization", "Bearer sk-or-v1-simulated-key-0002")
        .send(&sim)
        .await;
    assert_eq!(
        (by_header.status, by_model.status, by_rule.status),
        (Some(418), Some(418), Some(529))
    );
    let unknown = Ask::chat(json!({}))
        .with("x-sim-fault", "stal")
        .send(&sim)
        .await;
    assert_eq!(unknown.status, Some(400));
    assert!(
        unknown.text().contains("did you mean `stall`"),
        "{}",
        unknown.text()
    );
}

#[tokio::test(start_paused = true)]
async fn any_status_body_and_header_can_be_sent() {
    let sim = sim(
        r#"
        [[rules]]
        route = "*"
        fault = { status = 507, body = "full", headers = { "Content-Type" = "text/plain", "X-Disk" = "0" } }
        "#,
    )
    .await;
    for ask in [
        Ask::chat(json!({})),
        Ask::get("/api/v1/models"),
        Ask::get("/api/v1/key"),
    ] {
        let reply = ask.send(&sim).await;
        assert_eq!(
            (reply.status, reply.text().as_str(), reply.header("x-disk")),
            (Some(507), "full", Some("0"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn faults_by_probability_strike_their_share() {
    let sim = sim("[[rules]]\nprobability = 0.3\nfault = 'unavailable'").await;
    let mut struck = 0;
    for _ in 0..200 {
        struck += usize::from(Ask::chat(json!({})).send(&sim).await.status == Some(503));
    }
    assert!((45..=75).contains(&struck), "{struck} of 200");
}

/// What was sent before a break must arrive, however threads interleave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_before_a_break_arrives() {
    let sim = sim("").await;
    for fault in ["cut-event=3", "reset-event=3"] {
        for seed in 0..40 {
            let ask = Ask::chat(json!({"stream": true, "seed": seed})).with("x-sim-fault", fault);
            let reply = ask.send(&sim).await;
            assert_eq!(reply.events().len(), 3, "{fault} {seed}: {}", reply.text());
            assert_eq!(
                reply.end == End::Reset,
                fault.starts_with("reset"),
                "{fault} {seed}"
            );
        }
    }
}

/// The table of the README, from the table of the code.
fn fault_rows() -> String {
    let mut rows = String::from("| fault | what it does | number |\n|---|---|---|\n");
    for fault in faults() {
        let number = fault.argument.map_or_else(String::new, |(meaning, usual)| {
            format!("{meaning}, usually {usual}")
        });
        rows.push_str(&format!(
            "| `{}` | {} | {number} |\n",
            fault.name, fault.sentence
        ));
    }
    rows
}

#[test]
fn the_readme_lists_every_fault() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("<!-- faults: begin -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- faults: end -->").unwrap();
    assert_eq!(
        table,
        fault_rows(),
        "put the right-hand side into README.md"
    );
}
