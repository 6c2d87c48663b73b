//! Properties of any chat.

use super::*;

/// The chunks of a chat: thoughts, then text, then calls whose pieces are dealt out in turns, then the end.
fn any_chunks() -> impl Strategy<Value = Vec<String>> {
    // Few letters, so that pieces are short and characters of several bytes are cut apart from others.
    let words = || prop::collection::vec("[a-c\u{e9}\u{1f686}\"]{1,3}", 0..4);
    let arguments = "[a-c]{0,6}".prop_map(|text| json!({ "k": text }).to_string());
    let calls = prop::collection::vec((arguments, 1..4_usize), 0..4);
    let finish = prop::sample::select(vec!["stop", "length", "content_filter", "tool_calls"]);
    let signed = any::<bool>();
    (words(), signed, words(), words(), calls, finish, any::<u16>()).prop_map(
        |(thoughts, signed, plain, texts, calls, finish, tokens)| {
            let mut deltas: Vec<Value> = Vec::new();
            for thought in &thoughts {
                deltas.push(json!({"reasoning":thought,"reasoning_details":[
                    {"type":"reasoning.text","index":0,"format":"anthropic-claude-v1","text":thought}]}));
            }
            if signed && !thoughts.is_empty() {
                deltas.push(json!({"reasoning_details":[{"type":"reasoning.text","index":0,"signature":"S"}]}));
            }
            if thoughts.is_empty() {
                deltas.extend(plain.iter().map(|text| json!({"reasoning":text})));
            }
            deltas.extend(texts.iter().map(|text| json!({"content":text})));
            deltas.extend(dealt(&calls));
            let mut chunks: Vec<String> = deltas
                .into_iter()
                .map(|delta| json!({"id":"g","created":5,"model":"m","choices":[{"index":0,"delta":delta,"finish_reason":null}]}).to_string())
                .collect();
            chunks.push(json!({"id":"g","created":5,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":finish}]}).to_string());
            chunks.push(json!({"id":"g","choices":[],"usage":{"prompt_tokens":tokens,"completion_tokens":7,"total_tokens":7 + u32::from(tokens)}}).to_string());
            chunks
        },
    )
}

/// The first pieces of all calls in order, then the second ones, and so on.
fn dealt(calls: &[(String, usize)]) -> Vec<Value> {
    let mut deltas = Vec::new();
    for round in 0..4 {
        for (index, (arguments, pieces)) in calls.iter().enumerate() {
            let size = arguments.len().div_ceil(*pieces);
            let Some(piece) = arguments.as_bytes().chunks(size).nth(round) else {
                continue;
            };
            let mut call =
                json!({"index":index,"function":{"arguments":String::from_utf8_lossy(piece)}});
            if round == 0 {
                call["id"] = json!(format!("c{index}"));
                call["function"]["name"] = json!("f");
            }
            deltas.push(json!({"tool_calls":[call]}));
        }
    }
    deltas
}

/// The message that the crate itself puts together.
fn merged_messages(events: &[Object]) -> Value {
    let mut merger = MessagesMerger::new();
    for event in events {
        merger.push(&event.to_vec()).unwrap();
    }
    value(merger.finish().object())
}

proptest! {
    #[test]
    fn a_stream_and_the_whole_of_the_same_chat_are_the_same_answer(chunks in any_chunks()) {
        let answer = merged(&chunks);
        let (events, losses) = translate(Surface::Responses, &chunks);
        let (response, whole_losses) = whole(Surface::Responses, &answer);
        prop_assert_eq!(read_responses(&values(&events)), response);
        prop_assert_eq!(losses, whole_losses);
        let (events, losses) = translate(Surface::Messages, &chunks);
        let (message, whole_losses) = whole(Surface::Messages, &answer);
        prop_assert_eq!(read_messages(&values(&events)), message.clone());
        prop_assert_eq!(merged_messages(&events), message);
        prop_assert_eq!(losses, whole_losses);
        let (events, _) = translate(Surface::Completions, &chunks);
        let text: String = values(&events).iter().map(|event| text(&event["choices"][0], "text").to_owned()).collect();
        prop_assert_eq!(text, answer.text());
    }

    #[test]
    fn nothing_is_told_before_what_comes_first_and_nothing_waits_without_need(texts in prop::collection::vec("[a-z]{1,3}", 1..6)) {
        let mut translator = StreamTranslator::new(&request(Surface::Messages)).unwrap();
        for said in &texts {
            let data = json!({"id":"g","choices":[{"index":0,"delta":{"content":said}}]}).to_string();
            let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes()).unwrap() else { panic!() };
            let events = values(&translator.push(&chunk).unwrap());
            prop_assert_eq!(&events.last().unwrap()["delta"]["text"], said);
        }
    }
}

#[test]
fn a_call_streams_at_once_and_the_next_waits_until_it_is_complete() {
    let piece = |index: usize, arguments: &str, name: &str| {
        let mut call = json!({"index":index,"function":{"arguments":arguments}});
        if !name.is_empty() {
            call["id"] = json!(name);
            call["function"]["name"] = json!(name);
        }
        json!({"id":"g","choices":[{"index":0,"delta":{"tool_calls":[call]}}]}).to_string()
    };
    let mut translator = StreamTranslator::new(&request(Surface::Responses)).unwrap();
    let mut push = |data: String| -> Vec<String> {
        let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes()).unwrap() else {
            panic!("{data}")
        };
        let events = values(&translator.push(&chunk).unwrap());
        events
            .iter()
            .map(|event| {
                let name = text(event, "type").trim_start_matches("response.");
                format!("{name} {}", event["output_index"])
            })
            .collect()
    };
    assert_eq!(
        push(piece(0, "{", "a"))[2..],
        ["output_item.added 0", "function_call_arguments.delta 0"]
    );
    assert_eq!(push(piece(1, "{}", "b")), [""; 0]);
    assert_eq!(
        push(piece(0, "}", "")),
        [
            "function_call_arguments.delta 0",
            "function_call_arguments.done 0",
            "output_item.done 0",
            "output_item.added 1",
            "function_call_arguments.delta 1"
        ]
    );
}

#[test]
fn a_finish_reason_of_chats_is_read_back_from_the_words_of_both() {
    for (finish, expected) in [
        ("stop", FinishReason::Stop),
        ("length", FinishReason::Length),
        ("content_filter", FinishReason::ContentFilter),
    ] {
        let chat = chat(
            r#"{"content":"t"}"#,
            &format!(r#","finish_reason":"{finish}""#),
        );
        let response = answer_from_chat(&request(Surface::Responses), &chat).unwrap();
        let response = ResponsesReply::parse(&response.value.to_vec())
            .unwrap()
            .unwrap();
        assert_eq!(response.finish_reason(), Some(expected.clone()));
        let message = answer_from_chat(&request(Surface::Messages), &chat).unwrap();
        let message = MessagesReply::parse(&message.value.to_vec())
            .unwrap()
            .unwrap();
        assert_eq!(message.finish_reason(), Some(expected));
    }
}
