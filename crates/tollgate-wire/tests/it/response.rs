//! Answers, and the view of a chunk.

use tollgate_wire::{ChatReply, ChatResponse, StreamEvent, TextLength};

fn answer(text: &str) -> ChatResponse {
    match ChatReply::parse(text.as_bytes()).unwrap() {
        ChatReply::Answer(answer) => answer,
        ChatReply::Error(error) => panic!("{error:?}"),
    }
}

#[test]
fn an_empty_answer_is_seen() {
    let empty = [
        r#"{"choices":[]}"#,
        r#"{"choices":null}"#,
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        r#"{"choices":[{"message":{"content":""},"finish_reason":""}]}"#,
        r#"{"choices":[{"message":{"content":null,"tool_calls":[],"reasoning_details":[]}}]}"#,
    ];
    for text in empty {
        assert!(answer(text).is_empty_answer(), "{text}");
    }
    let full = [
        r#"{"choices":[{"message":{"content":""},"finish_reason":"length"}]}"#,
        r#"{"choices":[{"message":{"content":"x"}}]}"#,
        r#"{"choices":[{"message":{"content":[{"type":"text","text":"x"}]}}]}"#,
        r#"{"choices":[{"message":{"content":null,"reasoning":"x"}}]}"#,
        r#"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"a"}]}}]}"#,
        r#"{"choices":[{"text":"x"}]}"#,
    ];
    for text in full {
        assert!(!answer(text).is_empty_answer(), "{text}");
    }
}

#[test]
fn an_error_anywhere_is_no_answer() {
    for text in [
        r#"{"error":{"message":"m"},"choices":[{"message":{"content":"x"}}]}"#,
        r#"{"choices":[{"message":{"content":"x"}},{"error":{"message":"m"}}]}"#,
        r#"{"message":"m"}"#,
    ] {
        let ChatReply::Error(error) = ChatReply::parse(text.as_bytes()).unwrap() else {
            panic!("{text}")
        };
        assert_eq!(error.message, "m");
    }
    assert!(matches!(
        ChatReply::parse(br#"{"error":null,"choices":[{"error":null}]}"#).unwrap(),
        ChatReply::Answer(_)
    ));
    assert!(ChatReply::parse(b"{}").is_err());
}

#[test]
fn parts_are_read_as_text() {
    let text = r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{}},{"type":"text","text":"b"}]}}]}"#;
    assert_eq!(answer(text).text(), "ab");
}

#[test]
fn thinking_among_the_parts_is_reasoning() {
    let text = r#"{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm."}]},{"type":"text","text":"Hi"}],"reasoning":"So"}}]}"#;
    let length = TextLength {
        content: 2,
        reasoning: 5,
    };
    assert_eq!(answer(text).choices()[0].text_length(), length);
    assert_eq!(answer(text).text(), "Hi");
    let only = text.replace(r#",{"type":"text","text":"Hi"}"#, "");
    assert!(!answer(&only).is_empty_answer());
}

#[test]
fn the_first_semantic_chunk_is_seen() {
    let check = |delta: &str, semantic: bool, content: usize, reasoning: usize| {
        let data = format!(
            r#"{{"id":"g","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#
        );
        let StreamEvent::Chunk(chunk) = StreamEvent::parse(data.as_bytes()).unwrap() else {
            panic!("{data}")
        };
        assert_eq!(
            (chunk.is_semantic(), chunk.text_length()),
            (semantic, TextLength { content, reasoning }),
            "{delta}"
        );
        assert_eq!(chunk.data, data.as_bytes());
    };
    check(r#"{"role":"assistant","content":""}"#, false, 0, 0);
    check(
        r#"{"content":null,"reasoning":null,"reasoning_details":[],"tool_calls":[],"images":[]}"#,
        false,
        0,
        0,
    );
    check("null", false, 0, 0);
    check(r#"{"content":"\u00fc\n"}"#, true, 3, 0);
    check(
        r#"{"reasoning":"ab","reasoning_details":[{"text":"ab"}]}"#,
        true,
        0,
        2,
    );
    check(r#"{"reasoning_content":"abc"}"#, true, 0, 3);
    check(r#"{"refusal":"no"}"#, true, 0, 0);
    check(r#"{"tool_calls":[{"index":0}]}"#, true, 0, 0);
    check(r#"{"images":[{"type":"image_url"}]}"#, true, 0, 0);
    check(r#"{"audio":{"data":"AA"}}"#, true, 0, 0);
}
