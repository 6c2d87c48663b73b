//! The simulator as a direct provider: what holds at every host, and what each one insists on.

mod anthropic;
mod billing;
mod faults;
mod gemini;
mod openai;
mod peer;
mod signatures;

use serde_json::{Value, json};
use tollgate_sim::{Host, Scenario, SimConfig, Simulator};

use self::peer::{PEERS, direct};
use crate::client::{Ask, KEY};
use crate::surface::{Wish, fits_schema};

#[tokio::test(start_paused = true)]
async fn a_wish_is_granted_whole_and_in_a_stream_at_every_host() {
    for peer in PEERS {
        let sim = direct(peer.host).await;
        let [stop, length, tool] = peer.finishes;
        for (wish, finish) in [
            (Wish::Text, stop),
            (Wish::Reasoning, stop),
            (Wish::Structured, stop),
            (Wish::Limited(20), length),
            (Wish::Tool, tool),
        ] {
            let name = format!("{} {wish:?}", peer.name);
            let (whole, stream) = peer.both(&sim, wish).await;
            assert_eq!(whole, stream, "{name}");
            assert_eq!(whole.finish, finish, "{name}");
            match wish {
                Wish::Text => assert!(!whole.text.is_empty() && whole.call.is_none(), "{name}"),
                Wish::Reasoning => {
                    assert_eq!(!whole.reasoning.is_empty(), peer.thinks_aloud, "{name}")
                }
                Wish::Structured => assert!(fits_schema(&whole.text), "{name} {whole:?}"),
                Wish::Limited(tokens) => assert_eq!(whole.tokens.1, tokens, "{name}"),
                Wish::Tool => {
                    let (function, arguments) = whole.call.unwrap();
                    assert_eq!(function, "get_weather", "{name}");
                    assert!(fits_schema(&arguments), "{name} {arguments}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_word_of_openrouter_is_in_the_answer_of_a_direct_provider() {
    const WORDS: [&str; 8] = [
        "openrouter",
        "OPENROUTER",
        "\"provider\"",
        "\"cost",
        "native_finish_reason",
        "x-generation-id",
        "is_byok",
        "user_id",
    ];
    for peer in PEERS {
        let sim = direct(peer.host).await;
        for stream in [false, true] {
            for fault in [
                None,
                Some("unavailable"),
                Some("error-200"),
                Some("comments=1"),
            ] {
                let ask = peer.ask(Wish::Tool, stream);
                let ask = ask.with("x-openrouter-metadata", "enabled");
                let ask = fault.map_or(ask.clone(), |fault| ask.with("x-sim-fault", fault));
                let reply = ask.send(&sim).await;
                for word in WORDS {
                    let said = reply.head.contains(word) || reply.text().contains(word);
                    assert!(!said, "{} {fault:?}: {word} in {}", peer.name, reply.text());
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_openai_tells_its_usage_only_when_asked() {
    let sim = direct(Host::OpenAi).await;
    let peer = PEERS[0];
    for (options, told) in [
        (json!({}), false),
        (json!({"stream_options": {"include_usage": false}}), false),
        (json!({"stream_options": {"include_usage": true}}), true),
    ] {
        let reply = peer.ask_with(Wish::Text, true, options).send(&sim).await;
        let chunks = reply.chunks();
        let with_usage = |chunk: &&Value| chunk["usage"]["total_tokens"].is_u64();
        assert_eq!(chunks.iter().filter(with_usage).count(), usize::from(told));
        if told {
            let (last, others) = chunks.split_last().unwrap();
            assert_eq!(last["choices"], json!([]));
            assert!(others.iter().all(|chunk| chunk["usage"].is_null()));
        } else {
            assert!(!reply.text().contains("usage"), "{}", reply.text());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_host_is_refused_in_the_words_of_this_one() {
    for peer in PEERS {
        let sim = direct(peer.host).await;
        let (missing, wrong) = match peer.host {
            Host::OpenAi => (
                (401, "invalid_request_error"),
                (401, "invalid_request_error"),
            ),
            Host::Anthropic => ((401, "authentication_error"), (401, "authentication_error")),
            _ => ((403, "PERMISSION_DENIED"), (400, "INVALID_ARGUMENT")),
        };
        let (header, _) = peer.key;
        let ask = peer.ask(Wish::Text, false);
        for (ask, (status, kind)) in [
            (ask.clone().without(header), missing),
            (
                ask.clone().with(header, &format!("{}{KEY}", peer.scheme())),
                wrong,
            ),
        ] {
            let reply = ask.send(&sim).await;
            assert_eq!(reply.status, Some(status), "{} {}", peer.name, reply.text());
            assert_eq!(peer.error(&reply.json()).0, kind, "{}", peer.name);
        }
        assert!(sim.bill().lines.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_model_or_path_is_not_found() {
    for peer in PEERS {
        let sim = direct(peer.host).await;
        let kind = match peer.host {
            Host::OpenAi => "invalid_request_error",
            Host::Anthropic => "not_found_error",
            _ => "NOT_FOUND",
        };
        // OpenRouter's name of the model is none here.
        let ask = peer.ask_model(peer.id, Wish::Text, false);
        let nowhere = ask
            .clone()
            .at(&format!("{}/nowhere", peer.host.base_path()));
        for ask in [ask, nowhere] {
            let reply = ask.send(&sim).await;
            assert_eq!(reply.status, Some(404), "{} {}", peer.name, reply.text());
            let (found, message) = peer.error(&reply.json());
            assert_eq!(found, kind, "{}", peer.name);
            assert!(
                message.contains(peer.id) || message.contains("nowhere"),
                "{message}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whom_to_answer_as_is_told_by_a_scenario_or_from_outside() {
    let openai = Ask::get("/v1/models").with("authorization", "Bearer sk-simulated-key-0000001");
    let owner = async |sim: &Simulator| {
        let body = openai.send(sim).await.json();
        body["data"][0]["owned_by"].as_str().map(str::to_owned)
    };
    let scenario = Scenario::from_toml("as = \"openai\"").unwrap();
    let by_scenario = Simulator::builder()
        .scenario(scenario.clone())
        .start()
        .await
        .unwrap();
    assert_eq!(owner(&by_scenario).await.as_deref(), Some("openai"));
    assert_eq!(by_scenario.base_url(), format!("{}/v1", by_scenario.url()));
    // Another scenario can make it another host, unless it was told from outside.
    by_scenario.set_scenario(Scenario::default()).unwrap();
    assert_eq!(owner(&by_scenario).await, None);
    let builder = Simulator::builder()
        .host(Host::Anthropic)
        .scenario(scenario);
    let outside = builder.start().await.unwrap();
    assert_eq!(outside.service().host(), Host::Anthropic);

    let config = SimConfig {
        host: Some(Host::Gemini),
        listen: "127.0.0.1:0".parse().unwrap(),
        ..SimConfig::default()
    };
    let sim = config.start().await.unwrap();
    assert!(sim.base_url().ends_with("/v1beta"));
    let message = Scenario::from_toml("as = \"antropic\"")
        .unwrap_err()
        .to_string();
    assert!(message.contains("anthropic"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_request_give_the_same_bytes_at_every_host() {
    for peer in PEERS {
        let mut bodies = Vec::new();
        for _ in 0..2 {
            let sim = direct(peer.host).await;
            let whole = peer.ask(Wish::Tool, false).send(&sim).await.body;
            let stream = peer.ask(Wish::Reasoning, true).send(&sim).await.body;
            bodies.push((whole, stream));
        }
        assert_eq!(bodies[0], bodies[1], "{}", peer.name);
    }
}
