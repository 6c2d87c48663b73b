//! Whole answers.

use super::*;

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

#[test]
fn the_sample_answer_as_responses() {
    let (response, losses) = whole(Surface::Responses, &answer("chat.json"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(pretty(&response));
}

#[test]
fn the_sample_answer_as_a_message() {
    let (message, losses) = whole(Surface::Messages, &answer("chat.json"));
    let place = "`choices[0].message.annotations`: citations of messages name no place in the text";
    assert_eq!(losses, [place]);
    insta::assert_snapshot!(pretty(&message));
}

#[test]
fn the_sample_calls_as_responses() {
    let (response, losses) = whole(Surface::Responses, &answer("chat-tools.json"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(pretty(&response["output"]));
}

#[test]
fn the_sample_calls_as_a_message() {
    let (message, losses) = whole(Surface::Messages, &answer("chat-tools.json"));
    assert_eq!(losses, [""; 0]);
    insta::assert_snapshot!(pretty(&message["content"]));
}

#[test]
fn replies_that_this_crate_reads_say_what_the_chat_said() {
    for name in ["chat.json", "chat-tools.json", "chat-byok.json"] {
        let chat = answer(name);
        let usage = chat.usage().unwrap();
        let response = answer_from_chat(&request(Surface::Responses), &chat).unwrap();
        let response = ResponsesReply::parse(&response.value.to_vec())
            .unwrap()
            .unwrap();
        let read: Usage = response.read_usage().unwrap().unwrap();
        assert_eq!(
            (response.finish_reason(), read.cost, response.id()),
            (chat.finish_reason(), usage.cost.clone(), chat.id()),
            "{name}"
        );
        let message = answer_from_chat(&request(Surface::Messages), &chat).unwrap();
        let message = MessagesReply::parse(&message.value.to_vec())
            .unwrap()
            .unwrap();
        let read = message.read_usage().unwrap().unwrap();
        let cached = usage.prompt_tokens_details.cached_tokens;
        assert_eq!(
            (
                message.finish_reason(),
                read.cost,
                read.cache_read_input_tokens
            ),
            (chat.finish_reason(), usage.cost, Some(cached)),
            "{name}"
        );
        assert_eq!(
            read.input_tokens,
            Some(usage.prompt_tokens - cached),
            "{name}"
        );
    }
}

#[test]
fn an_answer_ends_in_the_words_of_its_surface() {
    let check = |message: &str, finish: &str, status: &str, reason: Value, stop: &str| {
        let chat = chat(message, finish);
        let response = whole(Surface::Responses, &chat).0;
        assert_eq!(
            (text(&response, "status"), &response["incomplete_details"]),
            (status, &reason),
            "{finish}"
        );
        let message = whole(Surface::Messages, &chat).0;
        assert_eq!(text(&message, "stop_reason"), stop, "{finish}");
    };
    let said = r#"{"content":"t"}"#;
    let called = r#"{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}"#;
    let refused = r#"{"content":null,"refusal":"no"}"#;
    check(
        said,
        r#","finish_reason":"stop""#,
        "completed",
        Value::Null,
        "end_turn",
    );
    check(
        said,
        r#","finish_reason":"length""#,
        "incomplete",
        json!({"reason":"max_output_tokens"}),
        "max_tokens",
    );
    check(
        said,
        r#","finish_reason":"content_filter""#,
        "incomplete",
        json!({"reason":"content_filter"}),
        "refusal",
    );
    check(
        called,
        r#","finish_reason":"tool_calls""#,
        "completed",
        Value::Null,
        "tool_use",
    );
    check(
        called,
        r#","finish_reason":"stop""#,
        "completed",
        Value::Null,
        "tool_use",
    );
    check(
        refused,
        r#","finish_reason":"stop""#,
        "completed",
        Value::Null,
        "refusal",
    );
    check(
        said,
        r#","finish_reason":"stop","native_finish_reason":"stop_sequence""#,
        "completed",
        Value::Null,
        "stop_sequence",
    );
    check(
        said,
        r#","finish_reason":"stop","native_finish_reason":"pause_turn""#,
        "completed",
        Value::Null,
        "pause_turn",
    );
    check(
        said,
        r#","finish_reason":"length","native_finish_reason":"MAX_TOKENS""#,
        "incomplete",
        json!({"reason":"max_output_tokens"}),
        "max_tokens",
    );
}

#[test]
fn a_cut_or_failed_answer_is_never_told_as_whole() {
    let check = |rest: &str, expected: &str| {
        for surface in [Surface::Responses, Surface::Messages, Surface::Completions] {
            let error = answer_from_chat(&request(surface), &chat(r#"{"content":"t"}"#, rest));
            assert_eq!(error.unwrap_err().to_string(), expected);
        }
    };
    let cut = "`choices[0].finish_reason`: is missing at the end, so the answer was cut";
    check("", cut);
    check(r#","finish_reason":null"#, cut);
    check(r#","finish_reason":"""#, cut);
    let mut translator = StreamTranslator::new(&request(Surface::Messages)).unwrap();
    assert_eq!(translator.finish().unwrap_err().to_string(), cut);
    let embeddings = Request::parse(Surface::Embeddings, br#"{"input":"x"}"#).unwrap();
    assert_eq!(
        StreamTranslator::new(&embeddings).unwrap_err().to_string(),
        "vectors cannot be made from a chat's answer"
    );
}

/// Checks the items of the response and the blocks of the message that a chat's message becomes.
fn check_message(
    message: &str,
    rest: &str,
    items: Value,
    losses: &[&str],
    blocks: Value,
    messages_losses: &[&str],
) {
    let chat = chat(message, &format!(r#","finish_reason":"stop"{rest}"#));
    let (response, found) = whole(Surface::Responses, &chat);
    assert_eq!(response["output"], items, "{message}");
    assert_eq!(found, losses, "{message}");
    let (found_message, found) = whole(Surface::Messages, &chat);
    assert_eq!(found_message["content"], blocks, "{message}");
    assert_eq!(found, [messages_losses, &[NO_USAGE]].concat(), "{message}");
}

#[test]
fn a_refusal_is_a_part_of_its_own_or_text() {
    check_message(
        r#"{"content":"t","refusal":"no"}"#,
        "",
        json!([{"type":"message","id":"msg_0_g","role":"assistant","status":"completed","content":[
            {"type":"output_text","text":"t","annotations":[],"logprobs":[]},{"type":"refusal","refusal":"no"}]}]),
        &[],
        json!([{"type":"text","text":"t","citations":[]},{"type":"text","text":"no","citations":[]}]),
        &[],
    );
}

#[test]
fn reasoning_without_details_is_reasoning_all_the_same() {
    for key in ["reasoning", "reasoning_content"] {
        check_message(
            &format!(r#"{{"content":"t","{key}":"why"}}"#),
            "",
            json!([{"type":"reasoning","id":"rs_0_g","summary":[],"content":[{"type":"reasoning_text","text":"why"}]},
                {"type":"message","id":"msg_1_g","role":"assistant","status":"completed","content":[
                    {"type":"output_text","text":"t","annotations":[],"logprobs":[]}]}]),
            &[],
            json!([{"type":"thinking","thinking":"why","signature":""},{"type":"text","text":"t","citations":[]}]),
            &[],
        );
    }
}

#[test]
fn log_probabilities_are_carried_where_there_is_a_place() {
    let logprobs = r#","logprobs":{"content":[{"token":"t","logprob":-0.5,"bytes":[116],"top_logprobs":[{"token":"t","logprob":-0.5}]}]}"#;
    check_message(
        r#"{"content":"t"}"#,
        logprobs,
        json!([{"type":"message","id":"msg_0_g","role":"assistant","status":"completed","content":[
            {"type":"output_text","text":"t","annotations":[],"logprobs":[
                {"token":"t","logprob":-0.5,"bytes":[116],"top_logprobs":[{"token":"t","logprob":-0.5}]}]}]}]),
        &[],
        json!([{"type":"text","text":"t","citations":[]}]),
        &["`choices[0].logprobs`: messages have no log probabilities"],
    );
    let chat = chat(
        r#"{"content":"t"}"#,
        &format!(r#","finish_reason":"stop"{logprobs}"#),
    );
    assert_eq!(
        whole(Surface::Completions, &chat).0["choices"],
        json!([{"index":0,"text":"t","finish_reason":"stop","logprobs":{
            "tokens":["t"],"token_logprobs":[-0.5],"top_logprobs":[{"t":-0.5}],"text_offset":[0]}}])
    );
}

#[test]
fn what_a_surface_has_no_place_for_is_listed() {
    check_message(
        r#"{"content":null,"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}],"audio":{"data":"BB"},"annotations":[{"type":"file","file":{}}]}"#,
        "",
        json!([{"type":"image_generation_call","id":"ig_0_g","status":"completed","result":"AA"}]),
        &[
            "`choices[0].message.audio`: answers of this surface have no sound",
            "`choices[0].message.annotations[0]`: answers of this surface have citations of URLs only",
        ],
        json!([]),
        &[
            "`choices[0].message.audio`: answers of this surface have no sound",
            "`choices[0].message.annotations[0]`: answers of this surface have citations of URLs only",
            "`choices[0].message.images`: messages hold no images that a model made",
        ],
    );
    let chat = chat(
        r#"{"content":"t","reasoning":"why","tool_calls":[{"id":"c"}]}"#,
        r#","finish_reason":"stop"},{"index":1,"message":{"content":"u"},"finish_reason":"stop""#,
    );
    let (completion, losses) = whole(Surface::Completions, &chat);
    assert_eq!(completion["choices"][1]["text"], "u");
    assert_eq!(
        losses,
        [
            "`choices[0].message.reasoning`: completions are text only",
            "`choices[0].message.tool_calls`: completions are text only"
        ]
    );
    let error = answer_from_chat(&request(Surface::Messages), &chat).unwrap();
    assert_eq!(
        error.losses[0].to_string(),
        "`choices[1]`: an answer of this surface is always one"
    );
}

#[test]
fn arguments_that_are_no_object_become_an_empty_one_and_the_rest_of_the_answer_is_told() {
    const CUT: &str = "`choices[0].message.tool_calls`: arguments that were cut are no object";
    const NONE: &str =
        "`choices[0].message.tool_calls`: arguments of messages are an object, and these are none";
    let check = |arguments: &str, finish: &str, input: Value, losses: &[&str]| {
        let call = json!({"index":0,"id":"c","function":{"name":"f","arguments":arguments}});
        let message = json!({"content":"t","tool_calls":[call]});
        let finish = format!(r#","finish_reason":"{finish}""#);
        let (message_told, found) = whole(Surface::Messages, &chat(&message.to_string(), &finish));
        assert_eq!(message_told["content"][0]["text"], "t", "{arguments}");
        assert_eq!(message_told["content"][1]["input"], input, "{arguments}");
        assert_eq!(found, [losses, &[NO_USAGE]].concat(), "{arguments}");
        let chunk = format!(r#"{{"id":"g","choices":[{{"index":0,"delta":{message}{finish}}}]}}"#);
        let (events, _) = translate(Surface::Messages, &[chunk]);
        let told = values(&events);
        let told = told
            .iter()
            .filter_map(|event| event["delta"]["partial_json"].as_str());
        let told: String = told.collect();
        let object = arguments.trim_start().starts_with('{');
        assert_eq!(told, if object { arguments } else { "" });
    };
    check("", "tool_calls", json!({}), &[]);
    check("null", "tool_calls", json!({}), &[]);
    check(" {\"a\":1}", "tool_calls", json!({"a":1}), &[]);
    check("[1]", "tool_calls", json!({}), &[NONE]);
    check("\"Oslo\"", "tool_calls", json!({}), &[NONE]);
    check("{\"a\":", "tool_calls", json!({}), &[NONE]);
    check("{\"a\":", "length", json!({}), &[CUT]);
}

#[test]
fn an_answer_of_more_blocks_than_any_model_means_is_refused() {
    let mut translator = StreamTranslator::new(&request(Surface::Responses)).unwrap();
    let mut push = |index: usize| {
        let call = json!({"index":index,"function":{"name":"f","arguments":"{}"}});
        let chunk = json!({"id":"g","choices":[{"index":0,"delta":{"tool_calls":[call]}}]});
        let data = chunk.to_string();
        let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes()).unwrap() else {
            panic!("a chunk")
        };
        translator.push(&chunk).map(drop)
    };
    assert!((0..4096).all(|index| push(index).is_ok()));
    assert_eq!(
        push(4096).unwrap_err().to_string(),
        "`choices[0]`: has more than 4096 thoughts, texts and calls, which no model means"
    );
}

#[test]
fn losses_beyond_the_first_are_one_that_says_so() {
    let members: serde_json::Map<String, Value> = (0..100)
        .map(|number| (format!("new_{number}"), json!(1)))
        .collect();
    let mut message = json!({"tool_calls":[members]});
    message["tool_calls"][0]["function"] = json!({"name":"f"});
    let (_, losses) = whole(
        Surface::Responses,
        &chat(&message.to_string(), r#","finish_reason":"stop""#),
    );
    assert_eq!(losses.len(), 65);
    assert!(losses[63].contains("tool_calls[0].new_"), "{losses:?}");
    assert_eq!(losses[64], "`and more`: there are too many places to name");
}

#[test]
fn a_whole_answer_makes_the_events_that_its_chunks_would_have_made() {
    for (surface, kinds) in [
        (
            Surface::Messages,
            "message_start content_block_start content_block_delta content_block_stop message_delta message_stop",
        ),
        (Surface::Completions, "text_completion"),
        (Surface::Chat, "chat.completion.chunk"),
    ] {
        let mut answer = chat(r#"{"content":"t"}"#, r#","finish_reason":"stop""#);
        answer
            .object_mut()
            .set("object", "chat.completion")
            .unwrap();
        let mut translator = StreamTranslator::new(&request(surface)).unwrap();
        let mut events = translator.push_whole(&answer).unwrap();
        events.extend(translator.finish().unwrap());
        let told = values(&events);
        let told: Vec<&str> = told
            .iter()
            .map(|event| event["type"].as_str().or(event["object"].as_str()).unwrap())
            .collect();
        assert_eq!(told.join(" "), kinds, "{surface}");
    }
}

#[test]
fn usage_keeps_its_sums_in_the_names_of_the_surface() {
    let mut chat = chat(r#"{"content":"t"}"#, r#","finish_reason":"stop""#);
    let usage = br#"{"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"cost":1.50e-3,"is_byok":false,"prompt_tokens_details":{"cached_tokens":30,"cache_write_tokens":10,"audio_tokens":4},"completion_tokens_details":null,"cost_details":{"upstream_inference_cost":0.10,"upstream_inference_prompt_cost":0.04,"upstream_inference_completions_cost":0.06},"server_tool_use_details":{"web_search_requests":1},"odd":1.0}}"#;
    let usage: Object = Object::parse(usage)
        .unwrap()
        .read("usage")
        .unwrap()
        .unwrap();
    chat.object_mut().set("usage", &usage).unwrap();
    let check = |surface, expected: &str, losses: &[&str]| {
        let translated = answer_from_chat(&request(surface), &chat).unwrap();
        let usage = translated.value.get("usage").unwrap().get().to_owned();
        assert_eq!(usage, expected);
        let found: Vec<String> = translated.losses.iter().map(ToString::to_string).collect();
        assert_eq!(found, losses);
    };
    check(
        Surface::Responses,
        r#"{"input_tokens":100,"output_tokens":20,"total_tokens":120,"cost":1.50e-3,"is_byok":false,"server_tool_use_details":{"web_search_requests":1},"odd":1.0,"input_tokens_details":{"cached_tokens":30,"cache_write_tokens":10,"audio_tokens":4},"output_tokens_details":{"reasoning_tokens":0},"cost_details":{"upstream_inference_cost":0.10,"upstream_inference_input_cost":0.04,"upstream_inference_output_cost":0.06}}"#,
        &[],
    );
    check(
        Surface::Messages,
        r#"{"input_tokens":60,"output_tokens":20,"cache_creation_input_tokens":10,"cache_read_input_tokens":30,"output_tokens_details":{"thinking_tokens":0},"cost":1.50e-3,"is_byok":false,"cost_details":{"upstream_inference_cost":0.10,"upstream_inference_prompt_cost":0.04,"upstream_inference_completions_cost":0.06},"server_tool_use":{"web_search_requests":1},"odd":1.0}"#,
        &["`usage.prompt_tokens_details.audio_tokens`: it is counted in the whole only"],
    );
}

#[test]
fn values_stay_the_text_they_were() {
    let chat = chat(
        r#"{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"a\": 1.10}"}}]}"#,
        r#","finish_reason":"stop""#,
    );
    let message = answer_from_chat(&request(Surface::Messages), &chat).unwrap();
    let written = String::from_utf8(message.value.to_vec()).unwrap();
    assert!(written.contains(r#""input":{"a": 1.10}"#), "{written}");
    let response = answer_from_chat(&request(Surface::Responses), &chat).unwrap();
    let written = String::from_utf8(response.value.to_vec()).unwrap();
    assert!(
        written.contains(r#""temperature":0.50"#),
        "what is repeated of the request: {written}"
    );
}
