//! Plans, and hints that are misspelt.

use super::*;

#[tokio::test]
async fn a_plan_is_made_for_every_surface() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    for (query, body) in [
        ("", r#"{"messages":[{"role":"user","content":"hello"}]}"#),
        (
            "?surface=chat",
            r#"{"messages":[{"role":"user","content":"hello"}]}"#,
        ),
        ("?surface=responses", r#"{"input":"hello"}"#),
        (
            "?surface=messages",
            r#"{"max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#,
        ),
        ("?surface=completions", r#"{"prompt":"hello"}"#),
    ] {
        let reply = server
            .send("POST", &format!("/v1/plan{query}"), JSON, body)
            .await;
        let reply = reply.rest().await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{query}: {reply}");
        assert!(reply.contains("\"candidates\":[{"), "{query}: {reply}");
    }
    for (query, body, why) in [
        (
            "?surface=telepathy",
            "{}",
            "one of chat, responses, messages",
        ),
        ("?surface=responses", r#"{"messages":[]}"#, "input"),
    ] {
        let reply = server
            .send("POST", &format!("/v1/plan{query}"), JSON, body)
            .await;
        let reply = reply.rest().await;
        assert!(
            reply.starts_with("HTTP/1.1 400") && reply.contains(why),
            "{query}: {reply}"
        );
    }
}

#[tokio::test]
async fn a_misspelt_limit_stops_the_call() {
    let simulator = simulator().await;
    let server = server(&simulator, "").await;
    let headers = format!("{JSON}x-tollgate-maxcost: 0.01\r\n");
    for path in ["/v1/chat/completions", "/v1/plan"] {
        let reply = server
            .send("POST", path, &headers, &chat(false))
            .await
            .rest()
            .await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
        assert!(
            reply.contains("did you mean x-tollgate-max-cost?"),
            "{reply}"
        );
    }
    assert_eq!(asked(&simulator, "/chat/completions"), 0);
}
