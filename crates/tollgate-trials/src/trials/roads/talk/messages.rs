//! Anthropic's Messages.

use serde_json::{Value, json};
use tollgate::Surface;

use super::{
    Call, EARLIER, EARLIER_ANSWER, Heard, MAX_OUTPUT, PICTURE, RESULT, SYSTEM, TOOLS, Tongue, grow,
    list, parameters, parsed, some, text_of,
};

pub(super) const MESSAGES: Tongue = Tongue {
    name: "messages",
    surface: Surface::Messages,
    prelude,
    user: |text| json!({"role": "user", "content": text}),
    results: |calls| {
        let results: Vec<Value> = calls.iter().map(|call| result(&call.id, RESULT)).collect();
        vec![json!({"role": "user", "content": results})]
    },
    request,
    gather,
    hear,
};

fn result(id: &str, text: &str) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": text})
}

fn prelude(first: &str) -> Vec<Value> {
    let source = json!({"type": "base64", "media_type": "image/png", "data": PICTURE});
    let calls = EARLIER.map(|(id, city, _)| {
        json!({"type": "tool_use", "id": id, "name": TOOLS[0], "input": {"city": city}})
    });
    vec![
        json!({"role": "user", "content": [
            {"type": "text", "text": first}, {"type": "image", "source": source},
        ]}),
        json!({"role": "assistant", "content": calls}),
        json!({"role": "user", "content": EARLIER.map(|(id, _, told)| result(id, told))}),
        json!({"role": "assistant", "content": EARLIER_ANSWER}),
    ]
}

fn request(history: &[Value]) -> Value {
    let tools = TOOLS.map(|name| json!({"name": name, "input_schema": parameters()}));
    json!({
        "system": SYSTEM, "messages": history, "tools": tools, "max_tokens": MAX_OUTPUT,
        "thinking": {"type": "enabled", "budget_tokens": 1_024},
    })
}

/// Pieces, by their type: which member of the block they make longer.
const DELTAS: [(&str, &str); 4] = [
    ("text_delta", "text"),
    ("thinking_delta", "thinking"),
    ("signature_delta", "signature"),
    ("input_json_delta", "partial_json"),
];

fn gather(events: &[Value]) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    let mut stop = Value::Null;
    for event in events {
        match event["type"].as_str() {
            Some("content_block_start") => blocks.push(event["content_block"].clone()),
            Some("content_block_delta") => {
                let delta = &event["delta"];
                let row = DELTAS.iter().find(|(kind, _)| delta["type"] == *kind);
                if let (Some((_, key)), Some(block)) = (row, blocks.last_mut()) {
                    grow(&mut block[key], &delta[key]);
                }
            }
            Some("message_delta") => stop = event["delta"]["stop_reason"].clone(),
            _ => {}
        }
    }
    for block in &mut blocks {
        let Some(members) = block.as_object_mut() else {
            continue;
        };
        if let Some(input) = members.remove("partial_json") {
            members.insert("input".to_owned(), parsed(&input));
        }
    }
    json!({"content": blocks, "stop_reason": stop})
}

fn hear(answer: &Value) -> Heard {
    let blocks = list(&answer["content"]);
    let of_kind = |kind: &'static str| blocks.iter().filter(move |block| block["type"] == kind);
    let calls = of_kind("tool_use").map(|block| Call {
        id: text_of(&block["id"]),
        name: text_of(&block["name"]),
        arguments: block["input"].clone(),
    });
    let sealed = blocks
        .iter()
        .flat_map(|block| [&block["signature"], &block["data"]]);
    Heard {
        text: of_kind("text")
            .map(|block| text_of(&block["text"]))
            .collect(),
        calls: calls.collect(),
        is_for_tools: answer["stop_reason"] == "tool_use",
        signatures: some(sealed),
        said: vec![json!({"role": "assistant", "content": blocks})],
    }
}
