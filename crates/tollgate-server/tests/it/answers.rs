use tollgate::FrameKind;

use crate::support::{After, Server, Upstream, frame, gateway};

const BODY: &str = r#"{
    "id": "gen-1", "object": "chat.completion", "created": 7, "model": "openai/gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Red."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "cost": 0.00001230}
}"#;

fn whole() -> Upstream {
    Upstream {
        headers: Vec::new(),
        frames: vec![frame(FrameKind::Body, BODY)],
        after: After::End,
    }
}

#[tokio::test]
async fn a_whole_answer_passes_byte_for_byte() {
    let server = Server::start(gateway(whole(), "").await).await;
    let reply = server.chat(false).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(reply.ends_with(BODY), "{reply}");
    assert!(reply.contains("x-tollgate-attempts: 1\r\n"), "{reply}");
    assert!(reply.contains("x-tollgate-cost: "), "{reply}");
}

#[tokio::test]
async fn a_stream_that_comes_whole_becomes_chunks() {
    let server = Server::start(gateway(whole(), "").await).await;
    let reply = server.chat(true).await;
    assert!(reply.contains("text/event-stream"), "{reply}");
    let data: Vec<_> = reply
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    let (done, chunks) = data.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    let chunks: Vec<serde_json::Value> = chunks
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    assert_eq!(chunks.len(), 3, "{reply}");
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["id"], "gen-1");
        assert_eq!(chunk["created"], 7);
    }
    let first = &chunks[0]["choices"][0];
    assert_eq!(first["delta"]["content"], "Red.");
    assert!(first["finish_reason"].is_null());
    assert_eq!(chunks[1]["choices"][0]["finish_reason"], "stop");
    assert_eq!(chunks[2]["usage"]["total_tokens"], 11);
    assert!(reply.contains("\"cost\": 0.00001230"), "{reply}");
}

#[tokio::test]
async fn a_body_that_cannot_be_streamed_is_an_error_and_not_an_end() {
    let upstream = Upstream {
        frames: vec![frame(FrameKind::Body, r#"{"choices":7}"#)],
        ..whole()
    };
    let server = Server::start(gateway(upstream, "").await).await;
    let reply = server.chat(true).await;
    assert!(reply.contains("\"finish_reason\":\"error\""), "{reply}");
    assert!(!reply.contains("[DONE]"), "{reply}");
}

#[tokio::test]
async fn what_the_upstream_may_show_is_shown_and_framing_is_ours() {
    let headers = [
        ("x-tollgate-dropped", "plugins, reasoning"),
        ("x-generation-id", "gen-of-the-head"),
        ("x-ratelimit-remaining", "41"),
        ("content-length", "3"),
        ("content-type", "text/html"),
    ];
    let upstream = Upstream {
        headers: headers
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        ..whole()
    };
    let server = Server::start(gateway(upstream, "").await).await;
    for stream in [false, true] {
        let reply = server.chat(stream).await;
        for line in [
            "x-tollgate-dropped: plugins, reasoning\r\n",
            "x-generation-id: gen-of-the-head\r\n",
            "x-ratelimit-remaining: 41\r\n",
        ] {
            assert!(reply.contains(line), "{reply}");
        }
        assert!(!reply.contains("text/html"), "{reply}");
        assert!(!reply.contains("content-length: 3\r\n"), "{reply}");
    }
}

#[tokio::test]
async fn a_limit_that_the_gateway_set_and_its_warnings_are_disclosed() {
    let toml = "[openrouter.optimization]\nmax_cost_per_request = 0.001\nfallback_chain = [\"openai/gpt-4o-mini\", \"no/such-model\"]\n";
    let server = Server::start(gateway(whole(), toml).await).await;
    let reply = server.chat(false).await;
    let limit: u64 = reply
        .lines()
        .find_map(|line| line.strip_prefix("x-tollgate-max-tokens: "))
        .unwrap_or_else(|| panic!("no limit in {reply}"))
        .parse()
        .unwrap();
    // A tenth of a cent, at 60 cents for a million tokens.
    assert!((1..=1_666).contains(&limit), "{limit}");
    assert!(reply.contains("x-tollgate-warning: "), "{reply}");
    assert!(reply.contains("no/such-model"), "{reply}");
}
