//! What holds in every dialect: answers, faults and the bill are the same behind all of them.

use serde_json::{Value, json};
use tollgate_sim::{NanoUsd, Simulator};

use crate::client::{Ask, BYOK_KEY, End, KEY, Reply, sim};
use crate::surface::{Event, SURFACES, Surface, Wish, events, fits_schema};

#[tokio::test(start_paused = true)]
async fn a_stream_says_the_same_as_the_whole_answer() {
    let sim = sim("").await;
    for surface in SURFACES {
        for wish in [
            Wish::Text,
            Wish::Limited(3),
            Wish::Reasoning,
            Wish::Tool,
            Wish::Structured,
        ] {
            let (whole, stream) = surface.both(&sim, wish).await;
            assert_eq!(whole, stream, "{} {wish:?}", surface.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wish_is_granted_in_every_dialect() {
    let sim = sim("").await;
    for surface in SURFACES {
        let name = surface.name;
        let [stop, length, tool] = surface.finishes;
        let (text, _) = surface.both(&sim, Wish::Text).await;
        assert!(
            !text.text.is_empty() && text.reasoning.is_empty() && text.finish == stop,
            "{name} {text:?}"
        );

        let (limited, _) = surface.both(&sim, Wish::Limited(3)).await;
        assert_eq!(
            (limited.tokens.1, limited.finish.as_str()),
            (3, length),
            "{name}"
        );

        let (reasoned, _) = surface.both(&sim, Wish::Reasoning).await;
        assert!(
            !reasoned.text.is_empty() && !reasoned.reasoning.is_empty(),
            "{name} {reasoned:?}"
        );

        let (structured, _) = surface.both(&sim, Wish::Structured).await;
        assert!(fits_schema(&structured.text), "{name} {structured:?}");

        let (called, _) = surface.both(&sim, Wish::Tool).await;
        match called.call {
            Some((function, arguments)) => {
                assert_eq!(
                    (function.as_str(), called.finish.as_str()),
                    ("get_weather", tool),
                    "{name}"
                );
                assert!(fits_schema(&arguments), "{name} {arguments}");
            }
            None => assert!(!surface.calls_tools, "{name} {called:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_words_count_the_same_in_every_dialect() {
    let sim = sim("").await;
    let mut counts = Vec::new();
    for surface in SURFACES {
        counts.push(surface.both(&sim, Wish::Text).await.0.tokens.0);
    }
    assert!(
        counts[0] > 3 && counts.iter().all(|count| *count == counts[0]),
        "{counts:?}"
    );
}

/// `cost` as it was written, if it was.
fn cost(text: &str) -> Option<NanoUsd> {
    let (_, rest) = text.split_once("\"cost\":")?;
    NanoUsd::parse(&rest[..rest.find(',').unwrap()])
}

async fn record(sim: &Simulator, reply: &Reply) -> Value {
    let id = reply.header("x-generation-id").unwrap();
    let reply = Ask::get(&format!("/api/v1/generation?id={id}"))
        .send(sim)
        .await;
    assert_eq!(reply.status, Some(200), "{}", reply.text());
    reply.json()["data"].clone()
}

#[tokio::test(start_paused = true)]
async fn what_is_told_is_what_is_billed_and_recorded() {
    let sim = sim("byok_fee_percent = 5").await;
    for surface in SURFACES {
        for key in [KEY, BYOK_KEY] {
            for stream in [false, true] {
                for wish in [Wish::Text, Wish::Reasoning, Wish::Limited(3), Wish::Tool] {
                    let ask = surface.ask(wish, json!({"stream": stream}));
                    let reply = ask
                        .with("authorization", &format!("Bearer {key}"))
                        .send(&sim)
                        .await;
                    let told = if stream {
                        (surface.stream)(&events(&reply))
                    } else {
                        (surface.whole)(&reply.json())
                    };
                    let bill = sim.bill();
                    let line = bill.line(reply.header("x-generation-id").unwrap()).unwrap();
                    let name = format!("{} {key} {stream} {wish:?}", surface.name);
                    assert_eq!(
                        (line.prompt_tokens, line.completion_tokens),
                        told.tokens,
                        "{name}"
                    );
                    assert!(
                        line.credits + line.fee + line.provider_cost > NanoUsd::ZERO,
                        "{name}"
                    );
                    let hides_cost = surface.name == "messages" && stream;
                    let told_cost = cost(&reply.text());
                    assert_eq!(
                        told_cost,
                        (!hides_cost).then_some(line.credits + line.fee),
                        "{name}"
                    );
                    let record = record(&sim, &reply).await;
                    assert_eq!(
                        record["native_tokens_completion"], line.completion_tokens,
                        "{name}"
                    );
                    assert_eq!(record["streamed"], stream, "{name}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reasoning_that_is_hidden_is_billed() {
    let sim = sim("").await;
    let hidden = json!({"exclude": true});
    // Messages has no such wish.
    for surface in SURFACES.iter().filter(|surface| surface.name != "messages") {
        for stream in [false, true] {
            let more = json!({"stream": stream, "reasoning": hidden});
            let reply = surface.ask(Wish::Reasoning, more).send(&sim).await;
            let told = if stream {
                (surface.stream)(&events(&reply))
            } else {
                (surface.whole)(&reply.json())
            };
            let bill = sim.bill();
            let line = bill.lines.last().unwrap();
            assert!(
                told.reasoning.is_empty() && line.reasoning_tokens > 0,
                "{} {line:?}",
                surface.name
            );
            assert_eq!(
                line.completion_tokens, told.tokens.1,
                "{} {stream}",
                surface.name
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ids_models_and_latency_are_the_same_behind_every_dialect() {
    let slow = "latency = { fixed = { first_token_ms = 400, tokens_per_second = 10 } }\noutput_tokens = 20";
    let sim = sim(slow).await;
    for surface in SURFACES {
        let stream = surface
            .ask(Wish::Text, json!({"stream": true}))
            .send(&sim)
            .await;
        let whole = surface.ask(Wish::Text, json!({})).send(&sim).await;
        assert_eq!(
            stream.first_event_after.unwrap().as_millis() / 10,
            40,
            "{}",
            surface.name
        );
        assert_eq!(stream.all_after.as_millis() / 100, 24, "{}", surface.name);
        assert_eq!(
            whole.headers_after.as_millis() / 100,
            24,
            "{}",
            surface.name
        );
        let body = whole.json();
        assert_eq!(
            body["id"].as_str(),
            whole.header("x-generation-id"),
            "{}",
            surface.name
        );
        assert_eq!(body["model"], "openai/gpt-4o-mini", "{}", surface.name);
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_comes_on_the_last_event_when_asked_for() {
    let sim = sim("").await;
    for surface in SURFACES {
        for stream in [false, true] {
            let ask = surface.ask(Wish::Text, json!({"stream": stream}));
            let without = ask.send(&sim).await.text();
            assert!(!without.contains("openrouter_metadata"), "{}", surface.name);
            let with = ask
                .with("x-openrouter-metadata", "enabled")
                .send(&sim)
                .await;
            assert_eq!(
                with.text().matches("openrouter_metadata").count(),
                1,
                "{}",
                surface.name
            );
            if stream {
                let last = events(&with).pop().unwrap().1;
                assert!(
                    last.to_string().contains("openrouter_metadata"),
                    "{}: {last}",
                    surface.name
                );
            }
        }
    }
}

// === Faults ===

async fn struck(sim: &Simulator, surface: &Surface, fault: &str, stream: bool) -> Reply {
    let ask = surface.ask(Wish::Text, json!({"stream": stream}));
    ask.with("x-sim-fault", fault).send(sim).await
}

#[tokio::test(start_paused = true)]
async fn a_status_error_is_told_in_the_dialect_and_costs_nothing() {
    let sim = sim("").await;
    let words = [
        ("bad-request", 400, "invalid_request_error"),
        ("unauthorized", 401, "authentication_error"),
        ("credits", 402, "billing_error"),
        ("moderation", 403, "permission_error"),
        ("no-endpoints", 404, "not_found_error"),
        ("payload-too-large", 413, "invalid_request_error"),
        ("unprocessable", 422, "invalid_request_error"),
        ("rate-limited", 429, "rate_limit_error"),
        ("internal", 500, "api_error"),
        ("bad-gateway", 502, "api_error"),
        ("unavailable", 503, "overloaded_error"),
        ("gateway-timeout", 504, "timeout_error"),
        ("overloaded", 529, "overloaded_error"),
    ];
    for surface in SURFACES {
        for (fault, status, word) in words {
            for stream in [false, true] {
                let reply = struck(&sim, &surface, fault, stream).await;
                let body = reply.json();
                let name = format!("{} {fault} {body}", surface.name);
                assert_eq!(
                    (reply.status, reply.end),
                    (Some(status), End::Whole),
                    "{name}"
                );
                let (code, message) = surface.error(&body);
                assert!(!message.is_empty(), "{name}");
                if surface.name == "messages" {
                    assert_eq!(
                        (&body["type"], code),
                        (&json!("error"), json!(word)),
                        "{name}"
                    );
                    assert!(body["request_id"].is_string(), "{name}");
                } else {
                    assert_eq!(code, json!(status), "{name}");
                }
                if fault == "rate-limited" {
                    assert_eq!(reply.header("retry-after"), Some("7"), "{name}");
                }
            }
        }
        // The kind of error is where each dialect has it.
        let place = match surface.name {
            "messages" => "/error/error_type",
            "responses" => "/error_type",
            _ => "/error/metadata/error_type",
        };
        let body = struck(&sim, &surface, "overloaded", false).await.json();
        assert_eq!(
            body.pointer(place),
            Some(&json!("provider_overloaded")),
            "{body}"
        );
        assert_eq!(body.to_string().matches("error_type").count(), 1, "{body}");
    }
    assert!(sim.bill().lines.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_error_can_hide_in_a_200_and_costs_nothing() {
    let sim = sim("").await;
    for surface in SURFACES {
        for fault in ["error-200", "error-choice"] {
            for stream in [false, true] {
                let reply = struck(&sim, &surface, fault, stream).await;
                let name = format!("{} {fault} {stream} {}", surface.name, reply.text());
                assert_eq!((reply.status, reply.end), (Some(200), End::Whole), "{name}");
                let body = if stream {
                    events(&reply).pop().unwrap().1
                } else {
                    reply.json()
                };
                let (code, message) = surface.error(&body);
                assert_eq!(message, "Provider returned error", "{name}");
                let expected = match (surface.name, fault, stream) {
                    ("messages", ..) => json!("api_error"),
                    ("responses", "error-choice", _) | ("responses", _, true) => {
                        json!("server_error")
                    }
                    _ => json!(502),
                };
                assert_eq!(code, expected, "{name}");
            }
        }
    }
    assert!(sim.bill().lines.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_error_event_ends_a_stream_and_what_came_before_is_billed() {
    let sim = sim("output_tokens = 60").await;
    for surface in SURFACES {
        for (fault, last) in [
            ("error-mid-stream=9", "response.failed"),
            ("error-mid-stream-bare=9", "error"),
        ] {
            let reply = struck(&sim, &surface, fault, true).await;
            let events = events(&reply);
            let (name, body) = events.last().unwrap();
            assert_eq!(
                (events.len(), reply.end),
                (10, End::Whole),
                "{}",
                reply.text()
            );
            let (_, message) = surface.error(body);
            assert_eq!(message, "Provider returned error", "{body}");
            match surface.name {
                "responses" => {
                    assert_eq!(
                        (name.as_deref(), &body["sequence_number"]),
                        (Some(last), &json!(9))
                    );
                }
                "messages" => assert_eq!(name.as_deref(), Some("error")),
                _ => assert_eq!(
                    body.get("choices").is_some(),
                    fault.starts_with("error-mid-stream=")
                ),
            }
            let bill = sim.bill();
            let line = bill.lines.last().unwrap();
            assert!(
                (1..60).contains(&line.completion_tokens),
                "{} {line:?}",
                surface.name
            );
            assert!(line.credits > NanoUsd::ZERO);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_stream_is_billed_for_what_was_sent() {
    let sim = sim("output_tokens = 60").await;
    for surface in SURFACES {
        for (fault, end) in [
            ("cut-event=9", End::Closed),
            ("reset-event=9", End::Reset),
            ("cut-clean=9", End::Whole),
        ] {
            let reply = struck(&sim, &surface, fault, true).await;
            assert_eq!(
                (reply.end, events(&reply).len()),
                (end, 9),
                "{} {fault}",
                surface.name
            );
            let bill = sim.bill();
            let line = bill.lines.last().unwrap();
            assert!(
                (1..60).contains(&line.completion_tokens),
                "{} {line:?}",
                surface.name
            );
            let record = record(&sim, &reply).await;
            assert_eq!(record["native_tokens_completion"], line.completion_tokens);
            assert_eq!(record["finish_reason"], Value::Null);
        }
        let half = struck(&sim, &surface, "cut-event", false).await;
        assert_eq!(half.end, End::Closed);
        assert_eq!(
            sim.bill().lines.last().unwrap().completion_tokens,
            60,
            "{}",
            surface.name
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_comments_has_no_events_and_costs_nothing() {
    let sim = sim("").await;
    for surface in SURFACES {
        let reply = struck(&sim, &surface, "comments", true).await;
        assert_eq!(
            (reply.end, events(&reply).len()),
            (End::Endless, 0),
            "{}",
            surface.name
        );
        assert!(reply.text().starts_with(": OPENROUTER PROCESSING\n\n"));
        sim.idle().await;
        assert_eq!(sim.bill().total(), NanoUsd::ZERO, "{}", surface.name);
    }
}

#[tokio::test(start_paused = true)]
async fn parts_can_be_missing() {
    const USAGE: [&str; 3] = ["\"total_tokens\"", "\"output_tokens\"", "\"cost\""];
    const ENDS: [&str; 2] = ["[DONE]", "message_stop"];
    /// Leaves nothing out.
    const HARMLESS: &str = "delay-headers";
    let sim = sim("").await;
    for surface in SURFACES {
        for stream in [false, true] {
            let has = async |fault: &str, parts: &[&str]| {
                let text = struck(&sim, &surface, fault, stream).await.text();
                parts.iter().any(|part| text.contains(part))
            };
            let finish = format!("\"{}\"", surface.finishes[0]);
            let name = format!("{} {stream}", surface.name);
            assert!(has(HARMLESS, &USAGE).await, "{name}");
            assert!(!has("no-usage", &USAGE).await, "{name}");
            assert!(has(HARMLESS, &[&finish]).await, "{name}");
            // The text of a response is whole even where the response is not.
            let finish = if stream {
                "response.completed"
            } else {
                finish.as_str()
            };
            assert!(!has("no-finish", &[finish]).await, "{name}");
            assert_eq!(has(HARMLESS, &ENDS).await, stream, "{name}");
            assert!(!has("no-done", &ENDS).await, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_whole_and_costs_nothing() {
    let sim = sim("").await;
    for surface in SURFACES {
        for stream in [false, true] {
            let reply = struck(&sim, &surface, "empty-answer", stream).await;
            assert_eq!((reply.status, reply.end), (Some(200), End::Whole));
            let told = if stream {
                (surface.stream)(&events(&reply))
            } else {
                (surface.whole)(&reply.json())
            };
            assert!(
                told.text.is_empty() && told.call.is_none(),
                "{} {told:?}",
                surface.name
            );
            assert!(
                !surface.finishes.contains(&told.finish.as_str()),
                "{} {told:?}",
                surface.name
            );
        }
    }
    assert!(sim.bill().lines.len() == 8 && sim.bill().total() == NanoUsd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_event_is_an_event_that_is_not_json() {
    let sim = sim("").await;
    for surface in SURFACES {
        let ask = surface.ask(Wish::Text, json!({"stream": true}));
        let whole = events(&ask.send(&sim).await);
        let broken = struck(&sim, &surface, "malformed=4", true).await;
        let mut without = whole.clone();
        without.remove(3);
        let names = |events: &[Event]| -> Vec<String> {
            events
                .iter()
                .map(|(_, body)| body["type"].to_string())
                .collect()
        };
        assert_eq!(names(&events(&broken)), names(&without), "{}", surface.name);
        let body = struck(&sim, &surface, "malformed", false).await.body;
        assert!(
            serde_json::from_slice::<Value>(&body).is_err(),
            "{}",
            surface.name
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_without_a_route_strikes_every_dialect_and_one_with_a_route_only_its_own() {
    for (route, struck) in [
        (
            "",
            ["chat", "completions", "responses", "messages"].as_slice(),
        ),
        (
            "route = 'text'",
            &["chat", "completions", "responses", "messages"],
        ),
        ("route = 'messages'", &["messages"]),
        ("route = 'chat'", &["chat"]),
        ("route = 'embeddings'", &[]),
    ] {
        let sim = sim(&format!(
            "[[rules]]\n{route}\nmodel = 'openai/*'\nfault = 'overloaded'"
        ))
        .await;
        for surface in SURFACES {
            let reply = surface.ask(Wish::Text, json!({})).send(&sim).await;
            assert_eq!(
                reply.status == Some(529),
                struck.contains(&surface.name),
                "{route} {}",
                surface.name
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_model_is_hidden_by_the_next_of_the_list_in_every_dialect() {
    let sim = sim("[[rules]]\nmodel = 'openai/*'\nfault = 'unavailable'").await;
    for surface in SURFACES {
        let more = json!({"models": ["anthropic/claude-haiku-4.5"]});
        let reply = surface.ask(Wish::Text, more).send(&sim).await;
        assert_eq!(reply.status, Some(200), "{}", reply.text());
        let seen = sim.log().pop().unwrap();
        assert_eq!(
            seen.model.as_deref(),
            Some("anthropic/claude-haiku-4.5"),
            "{}",
            surface.name
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_answered_says_why_in_the_dialect() {
    let sim = sim("").await;
    for surface in SURFACES {
        let ask = surface.ask(Wish::Text, json!({}));
        for (ask, status, part) in [
            (
                ask.clone().without("authorization"),
                401,
                "No auth credentials",
            ),
            (ask.clone().raw_body("{"), 400, "Invalid JSON"),
            (ask.clone().raw_body("{}"), 400, ""),
            (
                surface.ask(Wish::Text, json!({"model": "nobody/nothing"})),
                400,
                "not a valid model ID",
            ),
            (
                surface.ask(Wish::Limited(0), json!({})),
                400,
                "positive integer",
            ),
            (ask.method("GET"), 405, "No route"),
        ] {
            let reply = ask.send(&sim).await;
            let (_, message) = surface.error(&reply.json());
            assert_eq!(reply.status, Some(status), "{}", reply.text());
            assert!(
                !message.is_empty() && message.contains(part),
                "{}",
                reply.text()
            );
        }
    }
    assert!(sim.bill().lines.is_empty());
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_are_accepted_and_the_body_is_kept_byte_for_byte() {
    let sim = sim("").await;
    for (index, surface) in SURFACES.into_iter().enumerate() {
        let prompt = match surface.name {
            "completions" => r#""prompt":"hi""#,
            "responses" => r#""input":"hi""#,
            _ => r#""messages":[{"role":"user","content":"hi","x_note":1.50}]"#,
        };
        let body =
            format!(r#"{{ "x_future":{{"a":1e2}}, "model":"openai/gpt-4o-mini",{prompt} }}"#);
        let ask = Ask::post(&format!("{}?beta=true", surface.path), &json!({})).raw_body(&body);
        let reply = ask.send(&sim).await;
        assert_eq!(reply.status, Some(200), "{}", reply.text());
        let seen = &sim.log()[index];
        assert_eq!(seen.body.as_ref(), body.as_bytes());
        assert_eq!(seen.path, format!("{}?beta=true", surface.path));
    }
}
