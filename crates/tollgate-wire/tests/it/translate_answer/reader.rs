//! How clients put an answer together from its events; they refuse another order.

use super::*;

/// Reads the events of Responses as a strict client: one item after the other, in it one part after the other, deltas
/// that make what the ends say, numbers without a gap. Gives the response at the end.
pub(super) fn read_responses(events: &[Value]) -> Value {
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
    }
    let mut rest = events.iter().peekable();
    let mut next = |kind: &str| {
        let event = rest.next().unwrap();
        assert_eq!(text(event, "type"), kind, "{event}");
        event
    };
    for kind in ["response.created", "response.in_progress"] {
        let response = &next(kind)["response"];
        assert_eq!(
            (&response["status"], &response["usage"], &response["output"]),
            (&json!("in_progress"), &Value::Null, &json!([]))
        );
    }
    let mut items: Vec<Value> = Vec::new();
    let body = &events[2..events.len() - 1];
    let mut position = 0;
    while position < body.len() {
        position += read_item(&body[position..], items.len(), &mut items);
    }
    let last = events.last().unwrap();
    let status = text(&last["response"], "status");
    assert_eq!(text(last, "type"), format!("response.{status}"));
    assert_eq!(last["response"]["output"], Value::from(items));
    last["response"].clone()
}

/// Reads the events of one item; gives how many they are.
fn read_item(events: &[Value], index: usize, items: &mut Vec<Value>) -> usize {
    let added = &events[0];
    assert_eq!(text(added, "type"), "response.output_item.added", "{added}");
    let (mut grown, mut is_part_open) = (String::new(), false);
    for (position, event) in events.iter().enumerate() {
        assert_eq!(event["output_index"], index, "{event}");
        if position > 0 && event.get("item_id").is_some() {
            assert_eq!(event["item_id"], added["item"]["id"], "{event}");
        }
        match text(event, "type") {
            "response.output_item.added" => assert_eq!(position, 0, "{event}"),
            "response.output_item.done" => {
                assert!(!is_part_open);
                assert_eq!(event["item"]["id"], added["item"]["id"]);
                items.push(event["item"].clone());
                return position + 1;
            }
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                assert!(!is_part_open, "{event}");
                is_part_open = true;
            }
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                assert!(is_part_open, "{event}");
                is_part_open = false;
            }
            kind if kind.ends_with(".delta") => grown.push_str(text(event, "delta")),
            "response.output_text.annotation.added" => assert!(is_part_open),
            kind if kind.ends_with(".done") => {
                let said = ["text", "refusal", "arguments"].iter();
                let said: String = said.map(|key| text(event, key)).collect();
                let nothing = grown.is_empty() && said == "{}";
                assert!(nothing || said == grown, "{event} after {grown}");
                grown.clear();
            }
            kind => panic!("unexpected {kind}"),
        }
    }
    panic!("the item has no end")
}

/// Reads the events of Messages as a strict client. Gives the message that they make.
pub(super) fn read_messages(events: &[Value]) -> Value {
    let (first, last) = (&events[0], events.last().unwrap());
    assert_eq!(text(first, "type"), "message_start");
    assert_eq!(text(last, "type"), "message_stop");
    let mut message = first["message"].clone();
    assert_eq!(message["content"], json!([]));
    let mut open: Option<(Value, String)> = None;
    for event in &events[1..events.len() - 1] {
        match text(event, "type") {
            "content_block_start" => {
                assert!(open.is_none(), "{event}");
                assert_eq!(event["index"], message["content"].as_array().unwrap().len());
                open = Some((event["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                assert_eq!(event["index"], message["content"].as_array().unwrap().len());
                let (block, arguments) = open.as_mut().unwrap();
                grow(block, arguments, &event["delta"]);
            }
            "content_block_stop" => {
                let (mut block, arguments) = open.take().unwrap();
                if !arguments.is_empty() {
                    block["input"] = serde_json::from_str(&arguments).unwrap();
                }
                message["content"].as_array_mut().unwrap().push(block);
            }
            "message_delta" => {
                assert!(open.is_none());
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["usage"] = event["usage"].clone();
            }
            kind => panic!("unexpected {kind}"),
        }
    }
    let late = last.as_object().unwrap().iter();
    for (key, value) in late.filter(|(key, _)| *key != "type") {
        message[key] = value.clone();
    }
    message
}

fn grow(block: &mut Value, arguments: &mut String, delta: &Value) {
    let key = match text(delta, "type") {
        "text_delta" => "text",
        "thinking_delta" => "thinking",
        "signature_delta" => "signature",
        "input_json_delta" => return arguments.push_str(text(delta, "partial_json")),
        "citations_delta" => {
            let citations = block["citations"].as_array_mut().unwrap();
            return citations.push(delta["citation"].clone());
        }
        kind => panic!("unexpected {kind}"),
    };
    block[key] = Value::from(format!("{}{}", text(block, key), text(delta, key)));
}
