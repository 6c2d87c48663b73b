use super::*;

fn found(surface: Surface, tools: &str) -> Option<String> {
    let body = match surface {
        Surface::Responses => format!(r#"{{"input":"x","tools":{tools}}}"#),
        _ => format!(
            r#"{{"max_tokens":9,"messages":[{{"role":"user","content":"x"}}],"tools":{tools}}}"#
        ),
    };
    Request::parse(surface, body.as_bytes())
        .unwrap()
        .server_tool()
}

#[test]
fn tools_that_the_provider_runs_are_found() {
    for (surface, kinds) in [
        (
            Surface::Messages,
            &[
                "web_search_20250305",
                "web_fetch_20250910",
                "code_execution_20250825",
                "tool_search_tool_regex_20251119",
                "mcp_toolset",
                "openrouter:web_search",
                "of_tomorrow",
            ][..],
        ),
        (
            Surface::Responses,
            &[
                "web_search",
                "web_search_preview",
                "file_search",
                "code_interpreter",
                "image_generation",
                "mcp",
                "computer_use_preview",
                "shell",
                "bash_20250124",
            ][..],
        ),
        (
            Surface::Chat,
            &[
                "web_search",
                "browser_search",
                "live_search",
                "openrouter:web_search",
                "local_shell",
            ][..],
        ),
    ] {
        for kind in kinds {
            let tools = format!(r#"[{{"type":"function"}},{{"type":"{kind}","name":"x"}}]"#);
            assert_eq!(found(surface, &tools).as_deref(), Some(*kind), "{surface}");
        }
    }
    for hidden in [
        r#"[{"type":"web_s\u0065arch"}]"#,
        r#"[{"type":"web_search","type":"function"}]"#,
        r#"[1,{"type":"web_search"}]"#,
    ] {
        assert_eq!(found(Surface::Chat, hidden).as_deref(), Some("web_search"));
    }
    let long = "x".repeat(10_000);
    let shown = found(Surface::Chat, &format!(r#"[{{"type":"{long}"}}]"#));
    assert_eq!(shown.unwrap().len(), SHOWN);
}

#[test]
fn tools_that_the_caller_runs_are_not() {
    for (surface, kinds) in [
        (
            Surface::Messages,
            &[
                "bash_20250124",
                "text_editor_20250728",
                "computer_20251124",
                "memory_20250818",
            ][..],
        ),
        (Surface::Responses, &["local_shell", "apply_patch"][..]),
        (Surface::Chat, &[][..]),
    ] {
        for kind in kinds.iter().chain(OWN) {
            let tools = format!(r#"[{{"type":"{kind}","name":"x"}}]"#);
            assert_eq!(found(surface, &tools), None, "{surface}");
        }
        for untyped in ["[]", r#"[{"name":"x"}]"#, r#"[{"type":null}]"#, "null", "7"] {
            assert_eq!(found(surface, untyped), None, "{surface} {untyped}");
        }
    }
}

#[test]
fn servers_of_tools_are_found_without_a_tool() {
    let body = br#"{"max_tokens":9,"messages":[{"role":"user","content":"x"}],"mcp_servers":[{"type":"url"}]}"#;
    let request = Request::parse(Surface::Messages, body).unwrap();
    assert_eq!(request.server_tool().as_deref(), Some("mcp_servers"));
}
