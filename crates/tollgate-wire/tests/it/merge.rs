//! Chunks merged into an answer.

use proptest::prelude::*;
use tollgate_wire::{
    ChatResponse, ChunkMerger, FinishReason, MessagesMerger, Object, SseDecoder, SseItem,
    StreamEvent,
};

use crate::fixtures::{decode, read_stream, sample};

fn merge<T: AsRef<str>>(deltas: &[T]) -> ChatResponse {
    let mut merger = ChunkMerger::new();
    for delta in deltas {
        let data = format!(
            r#"{{"id":"g","choices":[{{"index":0,"delta":{}}}]}}"#,
            delta.as_ref()
        );
        let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes()).unwrap() else {
            panic!("{data}")
        };
        merger.push(&chunk).unwrap();
    }
    merger.finish()
}

/// Checks the member of the merged message.
fn check(deltas: &[&str], key: &str, expected: &str) {
    let message = merge(deltas).choices().remove(0).message.to_object();
    assert_eq!(
        message.get(key).map(|raw| raw.get()),
        Some(expected),
        "{deltas:?}"
    );
}

#[test]
fn the_sample_stream_becomes_the_answer_that_would_have_come_whole() {
    let answer = read_stream(&sample("chat-stream.sse")).merger.finish();
    let value: serde_json::Value = serde_json::from_slice(&answer.to_vec()).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn content_in_parts_is_put_together() {
    let text = |text: &str| format!(r#"{{"type":"text","text":"{text}"}}"#);
    let check = |pieces: &[&str], expected: &str| {
        let deltas: Vec<String> = pieces
            .iter()
            .map(|piece| format!(r#"{{"content":{piece}}}"#))
            .collect();
        let deltas: Vec<&str> = deltas.iter().map(String::as_str).collect();
        check(&deltas, "content", expected);
    };
    let (hel, lo) = (format!("[{}]", text("Hel")), format!("[{}]", text("lo")));
    let hello = format!("[{}]", text("Hello"));
    check(&[&hel, &lo], &hello);
    check(&[r#""Hel""#, &lo], &hello);
    check(&[&hel, r#""lo""#, "null", "[]"], &hello);
    check(&[r#""""#, "null", &hel, r#""""#, &lo], &hello);
    check(&["[]"], "[]");
    // A part that is more than its text stays what it is.
    let thinking = r#"{"type":"thinking","thinking":[{"type":"text","text":"Hm"}]}"#;
    let marked = r#"{"type":"text","text":"lo","n":1.10}"#;
    check(
        &[
            &format!("[{thinking}]"),
            &format!("[{thinking},{}]", text("Hel")),
            &format!("[{marked}]"),
            r#""!""#,
        ],
        &format!(
            "[{thinking},{thinking},{},{marked},{}]",
            text("Hel"),
            text("!")
        ),
    );
    // Of any other kind the last stays.
    check(&[r#""Hel""#, r#"{"a":1}"#, r#"{"a":2.0}"#], r#"{"a":2.0}"#);
}

#[test]
fn reasoning_items_are_put_together_by_index_and_type() {
    check(
        &[
            r#"{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"a","format":"f"}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.encrypted","index":0,"data":"x"},{"type":"reasoning.text","index":1,"text":"c"}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"b"},{"index":1,"signature":"s"}]}"#,
        ],
        "reasoning_details",
        r#"[{"type":"reasoning.text","index":0,"text":"ab","format":"f"},{"type":"reasoning.encrypted","index":0,"data":"x"},{"type":"reasoning.text","index":1,"text":"c","signature":"s"}]"#,
    );
}

#[test]
fn reasoning_items_without_an_index_join_the_last_one_of_their_kind() {
    check(
        &[
            r#"{"reasoning_details":[{"type":"reasoning.text","text":"a","n":1.10}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.text","text":"b"}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"x","id":"1"},{"type":"reasoning.encrypted","data":"y","id":"2"}]}"#,
        ],
        "reasoning_details",
        r#"[{"type":"reasoning.text","text":"ab","n":1.10},{"type":"reasoning.encrypted","data":"x","id":"1"},{"type":"reasoning.encrypted","data":"y","id":"2"}]"#,
    );
}

#[test]
fn calls_are_put_together_by_index() {
    check(
        &[
            r#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\""}},{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"","function":{"name":"","arguments":"x\":1}"}}]}"#,
        ],
        "tool_calls",
        r#"[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{}"}},{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]"#,
    );
}

#[test]
fn a_new_id_on_an_old_index_is_a_new_call() {
    let calls = |deltas: &[&str]| {
        let calls = merge(deltas).choices().remove(0).message.tool_calls;
        calls
            .iter()
            .map(|call| (call.id.clone(), call.function.arguments_text().into_owned()))
            .collect::<Vec<_>>()
    };
    let found = calls(&[
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
        r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"[1"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"]"}}]}"#,
    ]);
    assert_eq!(
        found,
        [
            (Some("a".into()), "{}".into()),
            (Some("b".into()), "[1]".into())
        ]
    );
    // Neither index nor id: a name after complete arguments begins a call, anything else goes on.
    let found = calls(&[
        r#"{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\""}}]}"#,
        r#"{"tool_calls":[{"index":null,"function":{"name":"f","arguments":":1}"}},{"function":{"name":"g","arguments":{"b":2}}}]}"#,
    ]);
    assert_eq!(
        found,
        [(None, r#"{"a":1}"#.into()), (None, r#"{"b":2}"#.into())]
    );
    // Ids alone.
    let found = calls(&[
        r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}},{"id":"b","function":{"name":"g"}}]}"#,
        r#"{"tool_calls":[{"id":"a","function":{"arguments":"}"}}]}"#,
    ]);
    assert_eq!(
        found,
        [
            (Some("a".into()), "{}".into()),
            (Some("b".into()), "{}".into())
        ]
    );
}

#[test]
fn each_piece_finds_its_own_of_many_calls() {
    const MANY: usize = 2_000;
    let check = |key: &str, begin: &dyn Fn(usize) -> String, go_on: &dyn Fn(usize) -> String| {
        let delta = |piece: &dyn Fn(usize) -> String| {
            let pieces: Vec<String> = (0..MANY).map(piece).collect();
            format!(r#"{{"{key}":[{}]}}"#, pieces.join(","))
        };
        let message = merge(&[delta(begin), delta(go_on)])
            .choices()
            .remove(0)
            .message
            .to_object();
        let items: Vec<Object> = message.read(key).unwrap().unwrap();
        assert_eq!(items.len(), MANY, "{key}");
        let whole = [r#""ab""#, r#"{"arguments":"ab"}"#];
        for item in items {
            let grown = item.get("text").or(item.get("function")).unwrap().get();
            assert!(whole.contains(&grown), "{grown}");
        }
    };
    check(
        "tool_calls",
        &|at| format!(r#"{{"index":{at},"function":{{"arguments":"a"}}}}"#),
        &|at| format!(r#"{{"index":{at},"function":{{"arguments":"b"}}}}"#),
    );
    check(
        "tool_calls",
        &|at| format!(r#"{{"id":"c{at}","function":{{"arguments":"a"}}}}"#),
        &|at| format!(r#"{{"id":"c{at}","function":{{"arguments":"b"}}}}"#),
    );
    check(
        "reasoning_details",
        &|at| format!(r#"{{"index":{at},"text":"a"}}"#),
        &|at| format!(r#"{{"index":{at},"type":"t","text":"b"}}"#),
    );
    check(
        "reasoning_details",
        &|at| format!(r#"{{"index":0,"type":"t{at}","text":"a"}}"#),
        &|at| format!(r#"{{"index":0,"type":"t{at}","text":"b"}}"#),
    );
}

#[test]
fn images_and_annotations_are_listed_and_sound_is_appended() {
    check(
        &[
            r#"{"images":[{"n":1}]}"#,
            r#"{"images":null}"#,
            r#"{"images":[{"n":2.0}]}"#,
        ],
        "images",
        r#"[{"n":1},{"n":2.0}]"#,
    );
    check(
        &[
            r#"{"annotations":[1]}"#,
            r#"{"annotations":[]}"#,
            r#"{"annotations":[2]}"#,
        ],
        "annotations",
        "[1,2]",
    );
    check(
        &[
            r#"{"audio":{"id":"a","data":"AA","transcript":"x"}}"#,
            r#"{"audio":{"data":"BB","transcript":"y","expires_at":1}}"#,
        ],
        "audio",
        r#"{"id":"a","data":"AABB","transcript":"xy","expires_at":1}"#,
    );
}

#[test]
fn nothing_said_is_null_and_no_calls_are_no_key() {
    let message = merge(&[r#"{"role":"assistant","tool_calls":null,"refusal":null}"#])
        .choices()
        .remove(0)
        .message;
    assert_eq!(
        message.to_object().to_vec(),
        br#"{"role":"assistant","content":null,"refusal":null}"#
    );
    assert!(merge(&[r#"{"content":null}"#, r#"{"content":""}"#]).is_empty_answer());
}

#[test]
fn the_repeated_finish_reason_is_one_and_null_does_not_undo_it() {
    let mut merger = ChunkMerger::new();
    assert_eq!(merger.finish_reason(), None);
    for finish in [r#""""#, r#""stop""#, r#""stop""#, "null", r#""""#] {
        let data = format!(
            r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":{finish},"native_finish_reason":{finish}}}]}}"#
        );
        let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes()).unwrap() else {
            panic!()
        };
        merger.push(&chunk).unwrap();
    }
    assert_eq!(merger.finish_reason(), Some(FinishReason::Stop));
    let answer = merger.finish();
    assert_eq!(answer.choices().len(), 1);
    assert_eq!(
        answer.choices()[0].native_finish_reason.as_deref(),
        Some("stop")
    );
}

#[test]
fn an_empty_finish_reason_is_none_when_the_answer_is_put_together() {
    let data = br#"{"choices":[{"delta":{"content":"a"},"finish_reason":""}]}"#;
    let StreamEvent::Chunk(chunk) = StreamEvent::parse(data).unwrap() else {
        panic!()
    };
    assert_eq!(chunk.finish_reason(), None);
    let mut merger = ChunkMerger::new();
    merger.push(&chunk).unwrap();
    assert_eq!(merger.finish_reason(), None);
    let answer = merger.finish();
    assert_eq!(
        String::from_utf8(answer.to_vec()).unwrap(),
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":null}]}"#
    );
}

#[test]
fn choices_logprobs_and_unknown_members_are_kept() {
    let mut merger = ChunkMerger::new();
    let chunks = [
        r#"{"id":"g","object":"chat.completion.chunk","choices":[{"index":1,"delta":{"content":"b","odd":1.10},"logprobs":{"content":[{"logprob":-0.10}],"refusal":null}}],"alignment":{"calls":[]}}"#,
        r#"{"id":"g","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{},"logprobs":{"content":[{"logprob":1e-2}]}}],"usage":{"prompt_tokens":1}}"#,
    ];
    for data in chunks {
        let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes()).unwrap() else {
            panic!()
        };
        merger.push(&chunk).unwrap();
    }
    let expected = r#"{"id":"g","object":"chat.completion","alignment":{"calls":[]},"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":null},{"index":1,"message":{"role":"assistant","content":"b","odd":1.10},"finish_reason":null,"logprobs":{"content":[{"logprob":-0.10},{"logprob":1e-2}],"refusal":null}}],"usage":{"prompt_tokens":1}}"#;
    assert_eq!(
        String::from_utf8(merger.finish().to_vec()).unwrap(),
        expected
    );
}

#[test]
fn the_sample_message_becomes_the_answer_that_would_have_come_whole() {
    let mut merger = MessagesMerger::new();
    for item in decode(&mut SseDecoder::new(), &sample("messages-stream.sse")) {
        if let SseItem::Event { data, .. } = item {
            merger.push(&data).unwrap();
        }
    }
    merger.push(b"[DONE]").unwrap();
    let answer = merger.finish();
    assert_eq!(answer.finish_reason(), Some(FinishReason::ToolCalls));
    let usage = answer.read_usage().unwrap().unwrap();
    assert_eq!(
        (usage.input_tokens, usage.output_tokens),
        (Some(410), Some(85))
    );
    let content = answer.object().get("content").unwrap().get();
    assert_eq!(
        content,
        r#"[{"type":"thinking","thinking":"One city asked.","signature":"c2FtcGxlLXNpZ25hdHVyZS0z"},{"type":"text","text":"Checking Oslo.","citations":[]},{"type":"tool_use","id":"toolu_01Oslo","name":"get_weather","input":{"city": "Oslo"},"caller":{"type":"direct"}}]"#
    );
    assert!(answer.object().contains("openrouter_metadata"));
}

#[test]
fn pieces_of_a_message_go_into_the_block_that_they_belong_to() {
    let block = |start: &str, deltas: &[&str]| {
        let mut merger = MessagesMerger::new();
        merger
            .push(
                format!(r#"{{"type":"content_block_start","index":1,"content_block":{start}}}"#)
                    .as_bytes(),
            )
            .unwrap();
        for delta in deltas {
            let event = format!(r#"{{"type":"content_block_delta","index":1,"delta":{delta}}}"#);
            merger.push(event.as_bytes()).unwrap();
        }
        String::from_utf8(merger.finish().content()[0].to_vec()).unwrap()
    };
    assert_eq!(
        block(
            r#"{"type":"text","text":"","citations":null}"#,
            &[
                r#"{"type":"citations_delta","citation":{"n":1.0}}"#,
                r#"{"type":"text_delta","text":"a"}"#,
                r#"{"type":"citations_delta","citation":{"n":2}}"#,
                r#"{"type":"delta_of_tomorrow","new":"b"}"#,
            ],
        ),
        r#"{"type":"text","text":"a","citations":[{"n":1.0},{"n":2}],"new":"b"}"#
    );
    // Arguments that were cut stay text; without any, those of the start stay.
    let call = r#"{"type":"tool_use","id":"c","input":{}}"#;
    let piece = r#"{"type":"input_json_delta","partial_json":"{\"a\""}"#;
    assert_eq!(
        block(call, &[piece]),
        r#"{"type":"tool_use","id":"c","input":"{\"a\""}"#
    );
    assert_eq!(block(call, &[]), call);
}

proptest! {
    #[test]
    fn text_does_not_depend_on_how_it_was_cut(pieces in prop::collection::vec(any::<String>(), 1..8)) {
        let deltas: Vec<String> = pieces
            .iter()
            .map(|piece| {
                let mut delta = Object::new();
                delta.set("content", piece).unwrap();
                delta.set("reasoning", piece).unwrap();
                String::from_utf8(delta.to_vec()).unwrap()
            })
            .collect();
        let answer = merge(&deltas);
        prop_assert_eq!(answer.text(), pieces.concat());
        prop_assert_eq!(answer.choices().remove(0).message.reasoning, Some(pieces.concat()));
    }
}
