//! Requests of every surface, and the answers of Responses and Messages.

use tollgate_wire::{
    ChatRequest, FinishReason, GeminiReply, MessagesEvent, MessagesReply, MessagesUsage, Request,
    ResponsesEvent, ResponsesReply, SseDecoder, SseItem, Surface, UpstreamDialect,
    answer_from_chat, chat_from_answer, from_chat,
};

use crate::fixtures::{decode, sample};

fn request(surface: Surface, text: &str) -> Request {
    Request::parse(surface, text.as_bytes()).unwrap()
}

#[test]
fn what_the_model_reads_is_required_and_the_error_names_it() {
    let check = |surface, text: &str, expected: &str| {
        let error = Request::parse(surface, text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    };
    check(
        Surface::Responses,
        "{}",
        "`input`: is required: a text or an array of items",
    );
    check(
        Surface::Responses,
        r#"{"input":[ ]}"#,
        "`input`: is required: a text or an array of items",
    );
    check(
        Surface::Messages,
        r#"{"messages":null}"#,
        "`messages`: is required: an array of at least one message",
    );
    check(
        Surface::Embeddings,
        "{}",
        "`input`: is required: a text, texts, or token ids",
    );
    check(
        Surface::Completions,
        "{}",
        "`prompt`: is required: a text or texts",
    );
    check(
        Surface::Chat,
        "{}",
        "`messages`: is required: an array of at least one message",
    );
    check(
        Surface::Responses,
        r#"{"input":"a","input":"b"}"#,
        "`input`: is there twice; send it once",
    );
}

#[test]
fn each_surface_keeps_the_same_things_in_places_of_its_own() {
    let check = |surface, text: &str, limit, user: Option<&str>, forced, format: Option<&str>| {
        let request = request(surface, text);
        assert_eq!(request.max_output_tokens(), limit, "{text}");
        assert_eq!(request.user().as_deref(), user, "{text}");
        assert_eq!(request.forces_tool(), forced, "{text}");
        assert_eq!(
            request
                .answer_format()
                .map(|raw| raw.get().to_owned())
                .as_deref(),
            format,
            "{text}"
        );
    };
    check(
        Surface::Chat,
        r#"{"messages":[{"role":"user"}],"max_tokens":9,"max_completion_tokens":5,"user":"u","tool_choice":"required","response_format":{"type":"json_object"}}"#,
        Some(5),
        Some("u"),
        true,
        Some(r#"{"type":"json_object"}"#),
    );
    check(
        Surface::Responses,
        r#"{"input":"a","max_output_tokens":7,"safety_identifier":"s","tool_choice":{"type":"function","name":"f"},"text":{"format":{"type":"text"}}}"#,
        Some(7),
        Some("s"),
        true,
        Some(r#"{"type":"text"}"#),
    );
    check(
        Surface::Messages,
        r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":3,"metadata":{"user_id":"m"},"tool_choice":{"type":"auto"}}"#,
        Some(3),
        Some("m"),
        false,
        None,
    );
    check(
        Surface::Messages,
        r#"{"messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"any"},"output_config":{"format":{"type":"json_schema"}}}"#,
        None,
        None,
        true,
        Some(r#"{"type":"json_schema"}"#),
    );
    check(
        Surface::Embeddings,
        r#"{"input":"a","max_tokens":3,"user":"e"}"#,
        None,
        Some("e"),
        false,
        None,
    );
    check(
        Surface::Completions,
        r#"{"prompt":["a"],"max_tokens":4}"#,
        Some(4),
        None,
        false,
        None,
    );
}

#[test]
fn what_the_model_reads_comes_in_turns() {
    let check = |surface, text: &str, expected: &[(&str, Option<&str>, Option<&str>)]| {
        let request = request(surface, text);
        let turns = request.turns().unwrap();
        let found: Vec<_> = turns
            .iter()
            .map(|turn| {
                (
                    turn.role.as_str(),
                    turn.content.map(|raw| raw.get()),
                    turn.extras[0].map(|raw| raw.get()),
                )
            })
            .collect();
        assert_eq!(found, expected, "{text}");
    };
    check(
        Surface::Responses,
        r#"{"instructions":"i","input":[{"role":"user","content":"c"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"t"}]},{"type":"function_call_output","call_id":"1","output":"o"}]}"#,
        &[
            ("system", Some(r#""i""#), None),
            ("user", Some(r#""c""#), None),
            (
                "assistant",
                Some(r#"[{"type":"output_text","text":"t"}]"#),
                None,
            ),
            ("tool", Some(r#""o""#), None),
        ],
    );
    check(
        Surface::Messages,
        r#"{"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":"c"}]}"#,
        &[
            ("system", Some(r#"[{"type":"text","text":"s"}]"#), None),
            ("user", Some(r#""c""#), None),
        ],
    );
    check(
        Surface::Embeddings,
        r#"{"input":["a","b"]}"#,
        &[
            ("user", Some(r#""a""#), None),
            ("user", Some(r#""b""#), None),
        ],
    );
    check(
        Surface::Embeddings,
        r#"{"input":[{"content":[{"type":"text","text":"a"}]}]}"#,
        &[("user", Some(r#"[{"type":"text","text":"a"}]"#), None)],
    );
    check(
        Surface::Completions,
        r#"{"prompt":"p"}"#,
        &[("user", Some(r#""p""#), None)],
    );
    // A text by its tokens is one turn, however many they are.
    check(
        Surface::Completions,
        r#"{"prompt":[ 1,2,3]}"#,
        &[("user", Some("[ 1,2,3]"), None)],
    );
    check(
        Surface::Embeddings,
        r#"{"input":[[1,2],[-3]]}"#,
        &[("user", Some("[1,2]"), None), ("user", Some("[-3]"), None)],
    );
    let numbers = request(Surface::Chat, r#"{"messages":[1,2]}"#);
    assert!(
        numbers
            .turns()
            .unwrap_err()
            .to_string()
            .starts_with("`messages[0]`: invalid type: integer `1`")
    );
    let broken = request(
        Surface::Messages,
        r#"{"messages":[{"role":"user"},{"content":1}]}"#,
    );
    assert!(
        broken
            .turns()
            .unwrap_err()
            .to_string()
            .starts_with("`messages[1]`: missing field `role`")
    );
}

#[test]
fn every_answer_that_is_paid_is_counted() {
    let check = |surface, text: &str, expected| {
        assert_eq!(request(surface, text).answers(), Ok(expected), "{text}");
    };
    check(Surface::Completions, r#"{"prompt":"a"}"#, 1);
    check(Surface::Completions, r#"{"prompt":["a","b","c"],"n":2}"#, 6);
    check(
        Surface::Completions,
        r#"{"prompt":["a","b"],"n":2,"best_of":5}"#,
        10,
    );
    check(Surface::Completions, r#"{"prompt":[1,2,3]}"#, 1);
    check(Surface::Completions, r#"{"prompt":[1,"a","b"]}"#, 1);
    check(Surface::Completions, r#"{"prompt":[[1,2],[3]]}"#, 2);
    check(Surface::Responses, r#"{"input":["a","b"]}"#, 1);
}

#[test]
fn fallbacks_and_thinking_are_read_in_the_words_of_messages() {
    let asked = request(
        Surface::Messages,
        r#"{"messages":[{"role":"user"}],"fallbacks":[{"model":"a/b"},{"model":"c/d","max_tokens":1}],"thinking":{"type":"enabled","budget_tokens":2000},"output_config":{"effort":"high"}}"#,
    );
    assert_eq!(asked.models(), ["a/b", "c/d"]);
    let reasoning = asked.reasoning().unwrap().unwrap();
    assert_eq!(
        (reasoning.enabled, reasoning.max_tokens),
        (Some(true), Some(2000))
    );
    assert_eq!(reasoning.effort.unwrap().as_str(), "high");
    let off = request(
        Surface::Messages,
        r#"{"messages":[{"role":"user"}],"thinking":{"type":"disabled"}}"#,
    );
    assert_eq!(off.reasoning().unwrap().unwrap().enabled, Some(false));
    let none = request(Surface::Messages, r#"{"messages":[{"role":"user"}]}"#);
    assert!(none.reasoning().unwrap().is_none());
}

fn events(name: &str) -> Vec<Vec<u8>> {
    let items = decode(&mut SseDecoder::new(), &sample(name));
    let data = items.into_iter().filter_map(|item| match item {
        SseItem::Event { data, .. } => Some(data.to_vec()),
        SseItem::Comment(_) => None,
    });
    data.collect()
}

#[test]
fn a_responses_stream_is_read_to_its_end() {
    let (mut bytes, mut items, mut ended, mut done) = (0, 0, None, false);
    for data in events("responses-stream.sse") {
        match ResponsesEvent::parse(&data).unwrap() {
            ResponsesEvent::Begun(reply) => assert!(reply.id().unwrap().starts_with("gen-")),
            ResponsesEvent::Delta { text_bytes } => bytes += text_bytes,
            ResponsesEvent::Item => items += 1,
            ResponsesEvent::Ended(reply) => ended = Some(reply),
            ResponsesEvent::Done => done = true,
            ResponsesEvent::Error(error) => panic!("{}", error.message),
            ResponsesEvent::Other(_) => {}
        }
    }
    let ended = ended.unwrap();
    assert_eq!(ended.finish_reason(), Some(FinishReason::ToolCalls));
    assert_eq!(
        ended.text_bytes(),
        bytes,
        "deltas and the whole say the same"
    );
    assert_eq!(
        (items, done),
        (1, true),
        "a call is there from its first event"
    );
    assert!(ended.read_usage().unwrap().is_some());
}

#[test]
fn a_messages_stream_is_read_to_its_end_and_its_usage_adds_up() {
    let (mut usage, mut bytes, mut blocks, mut stopped, mut why) =
        (MessagesUsage::default(), 0, 0, false, None);
    for data in events("messages-stream.sse") {
        match MessagesEvent::parse(&data).unwrap() {
            MessagesEvent::Begun(reply) => usage = reply.read_usage().unwrap().unwrap(),
            MessagesEvent::Delta { text_bytes } => bytes += text_bytes,
            MessagesEvent::Block => blocks += 1,
            MessagesEvent::Ending {
                finish,
                usage: newer,
            } => {
                why = finish;
                usage = usage.updated(&newer.unwrap().unwrap());
            }
            MessagesEvent::Stop => stopped = true,
            MessagesEvent::Done => panic!("messages end with an event"),
            MessagesEvent::Error(error) => panic!("{}", error.message),
            MessagesEvent::Other(_) => {}
        }
    }
    assert_eq!(
        (why, stopped, blocks),
        (Some(FinishReason::ToolCalls), true, 1)
    );
    assert_eq!(
        (usage.input_tokens, usage.output_tokens),
        (Some(410), Some(85))
    );
    assert_eq!(usage.thinking_tokens(), 12);
    assert_eq!(
        bytes,
        "One city asked.Checking Oslo.{\"city\": \"Oslo\"}".len()
    );
}

#[test]
fn a_count_that_is_null_keeps_its_earlier_value() {
    let first = MessagesUsage::parse(
        br#"{"input_tokens":5,"cache_read_input_tokens":3,"output_tokens":0}"#,
    )
    .unwrap();
    let last =
        MessagesUsage::parse(br#"{"input_tokens":null,"output_tokens":9,"cost":0.1}"#).unwrap();
    let all = first.updated(&last);
    assert_eq!(
        (
            all.input_tokens,
            all.cache_read_input_tokens,
            all.output_tokens
        ),
        (Some(5), Some(3), Some(9))
    );
    assert_eq!(all.cost.unwrap().as_str(), "0.1");
}

#[test]
fn errors_are_told_from_answers() {
    let overloaded = events("messages-stream-error.sse");
    let MessagesEvent::Error(error) = MessagesEvent::parse(overloaded.last().unwrap()).unwrap()
    else {
        panic!("an error")
    };
    assert_eq!(error.kind.as_deref(), Some("overloaded_error"));
    let failed = br#"{"type":"response.failed","response":{"id":"gen-1","status":"failed","error":{"code":"server_error","message":"down"}}}"#;
    let ResponsesEvent::Error(error) = ResponsesEvent::parse(failed).unwrap() else {
        panic!("an error")
    };
    assert_eq!(
        (
            error.message.as_str(),
            error.code_text.as_deref(),
            error.id.as_deref()
        ),
        ("down", Some("server_error"), Some("gen-1"))
    );
    let bare =
        br#"{"type":"error","code":"rate_limit_exceeded","message":"slow","sequence_number":3}"#;
    let ResponsesEvent::Error(error) = ResponsesEvent::parse(bare).unwrap() else {
        panic!("an error")
    };
    assert_eq!(error.message, "slow");
    assert!(
        ResponsesReply::parse(br#"{"status":"failed","error":null,"output":[]}"#)
            .unwrap()
            .is_err()
    );
    assert!(
        MessagesReply::parse(br#"{"type":"error","error":{"type":"api_error","message":"x"}}"#)
            .unwrap()
            .is_err()
    );
    assert!(MessagesReply::parse(b"{}").is_err() && ResponsesReply::parse(b"{}").is_err());
}

#[test]
fn an_end_of_responses_that_holds_a_failure_is_an_error_whatever_its_name() {
    let check = |event: &str, response: &str, message: &str| {
        let text = format!(
            r#"{{"type":"{event}","response":{{"id":"gen-1","output":[],"usage":{{"input_tokens":3,"output_tokens":2}},{response}}}}}"#
        );
        let ResponsesEvent::Error(error) = ResponsesEvent::parse(text.as_bytes()).unwrap() else {
            panic!("an error: {text}")
        };
        let usage = error.usage().unwrap();
        let input: Option<u64> = usage.raw().read("input_tokens").unwrap();
        assert_eq!(
            (error.message.as_str(), error.id.as_deref(), input),
            (message, Some("gen-1"), Some(3)),
            "{text}"
        );
    };
    const SILENT: &str = "the answer failed without saying why";
    let down = r#""status":"failed","error":{"code":"server_error","message":"down"}"#;
    for event in ["response.done", "response.completed", "response.failed"] {
        check(event, down, "down");
        check(event, r#""status":"failed","error":null"#, SILENT);
        check(event, r#""status":"cancelled""#, SILENT);
        check(event, r#""status":"completed","error":"down""#, "down");
    }
    check("response.cancelled", r#""error":null"#, SILENT);
    let whole = ResponsesReply::parse(br#"{"status":"cancelled","output":[]}"#).unwrap();
    assert_eq!(whole.unwrap_err().message, SILENT);
}

#[test]
fn an_end_marker_of_chats_is_known_among_messages() {
    let event = MessagesEvent::parse(b" [DONE]\n").unwrap();
    assert!(matches!(event, MessagesEvent::Done));
}

#[test]
fn of_two_output_limits_the_lower_one_holds() {
    let check = |limits: &str, expected: Option<u64>| {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"x"}}],{limits}}}"#);
        let request = Request::parse(Surface::Chat, body.as_bytes()).unwrap();
        assert_eq!(request.max_output_tokens(), expected, "{limits}");
        let chat = ChatRequest::parse(body.as_bytes()).unwrap();
        assert_eq!(chat.max_output_tokens(), expected, "{limits}");
        for surface in [Surface::Messages, Surface::Responses] {
            let there = from_chat(surface, &chat).unwrap().value;
            assert_eq!(there.max_output_tokens(), expected, "{limits}");
        }
    };
    check(r#""max_tokens":5,"max_completion_tokens":9"#, Some(5));
    check(r#""max_tokens":9,"max_completion_tokens":5"#, Some(5));
    check(r#""max_tokens":null,"max_completion_tokens":9"#, Some(9));
    check(r#""max_tokens":5"#, Some(5));
    check(r#""n":1"#, None);
}

#[test]
fn whole_answers_say_why_they_ended_and_how_long_they_are() {
    let check = |text: &str, finish: FinishReason, bytes| {
        let reply = ResponsesReply::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (reply.finish_reason(), reply.text_bytes()),
            (Some(finish), bytes),
            "{text}"
        );
    };
    check(
        r#"{"status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"Hello"}]}]}"#,
        FinishReason::Stop,
        5,
    );
    check(
        r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}"#,
        FinishReason::Length,
        0,
    );
    check(
        r#"{"status":"incomplete","incomplete_details":{"reason":"content_filter"},"output":[]}"#,
        FinishReason::ContentFilter,
        0,
    );
    check(
        r#"{"status":"completed","output":[{"type":"function_call","arguments":"{}"}]}"#,
        FinishReason::ToolCalls,
        2,
    );
    let message = MessagesReply::parse(br#"{"content":[{"type":"text","text":"Hi"},{"type":"tool_use","input":{"a":1}}],"stop_reason":"max_tokens"}"#).unwrap().unwrap();
    assert_eq!(
        (message.finish_reason(), message.text_bytes()),
        (Some(FinishReason::Length), 9)
    );
}

#[test]
fn a_pause_is_told_to_everybody_as_cut_short() {
    let body = br#"{"id":"m","content":[{"type":"text","text":"Hi"}],"stop_reason":"pause_turn","usage":{"output_tokens":2}}"#;
    let message = MessagesReply::parse(body).unwrap().unwrap();
    assert_eq!(message.finish_reason(), Some(FinishReason::Length));
    let event = br#"{"type":"message_delta","delta":{"stop_reason":"pause_turn"}}"#;
    let event = MessagesEvent::parse(event).unwrap();
    let MessagesEvent::Ending { finish, .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!(finish, Some(FinishReason::Length));
    let chat = chat_from_answer(UpstreamDialect::Messages, 0, body).unwrap();
    assert_eq!(chat.value.finish_reason(), Some(FinishReason::Length));
    // Callers of Messages hear the word itself.
    let asked = br#"{"messages":[{"role":"user","content":"x"}],"max_tokens":9}"#;
    let request = Request::parse(Surface::Messages, asked).unwrap();
    let again = answer_from_chat(&request, &chat.value).unwrap().value;
    let reason: Option<String> = again.read("stop_reason").unwrap();
    assert_eq!(reason.as_deref(), Some("pause_turn"));
}

#[test]
fn an_empty_word_for_why_an_answer_ended_is_none() {
    let message = br#"{"content":[{"type":"text","text":"Hi"}],"stop_reason":""}"#;
    let message = MessagesReply::parse(message).unwrap().unwrap();
    assert_eq!(message.finish_reason(), None);
    let event = br#"{"type":"message_delta","delta":{"stop_reason":""}}"#;
    let event = MessagesEvent::parse(event).unwrap();
    let MessagesEvent::Ending { finish, .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!(finish, None);
    let reply =
        br#"{"candidates":[{"index":null,"content":{"parts":[{"text":"Hi"}]},"finishReason":""}]}"#;
    let reply = GeminiReply::parse(reply).unwrap().unwrap();
    assert_eq!(reply.candidates()[0].finish_reason(), None);
}
