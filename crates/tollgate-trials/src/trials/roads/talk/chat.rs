//! Chats.

use serde_json::{Value, json};
use tollgate::Surface;

use super::{
    Call, EARLIER, EARLIER_ANSWER, Heard, MAX_OUTPUT, PICTURE, RESULT, SYSTEM, TOOLS, Tongue, grow,
    list, parameters, parsed, some, text_of,
};

pub(super) const CHAT: Tongue = Tongue {
    name: "chat",
    surface: Surface::Chat,
    prelude,
    user: |text| json!({"role": "user", "content": text}),
    results: |calls| calls.iter().map(|call| result(&call.id, RESULT)).collect(),
    request,
    gather,
    hear,
};

fn result(id: &str, text: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": text})
}

fn prelude(first: &str) -> Vec<Value> {
    let picture = format!("data:image/png;base64,{PICTURE}");
    let calls = EARLIER.map(|(id, city, _)| {
        let arguments = json!({"city": city}).to_string();
        let function = json!({"name": TOOLS[0], "arguments": arguments});
        json!({"id": id, "type": "function", "function": function})
    });
    let [one, another] = EARLIER.map(|(id, _, told)| result(id, told));
    vec![
        json!({"role": "system", "content": SYSTEM}),
        json!({"role": "user", "content": [
            {"type": "text", "text": first},
            {"type": "image_url", "image_url": {"url": picture}},
        ]}),
        json!({"role": "assistant", "content": null, "tool_calls": calls}),
        one,
        another,
        json!({"role": "assistant", "content": EARLIER_ANSWER}),
    ]
}

fn request(history: &[Value]) -> Value {
    let tools = TOOLS.map(
        |name| json!({"type": "function", "function": {"name": name, "parameters": parameters()}}),
    );
    json!({
        "messages": history, "tools": tools, "max_tokens": MAX_OUTPUT,
        "reasoning": {"effort": "low"},
    })
}

fn gather(events: &[Value]) -> Value {
    let mut message = json!({"role": "assistant", "content": null});
    let mut finish = Value::Null;
    for choice in events
        .iter()
        .filter_map(|event| event.pointer("/choices/0"))
    {
        let delta = &choice["delta"];
        for key in ["content", "reasoning"] {
            grow(&mut message[key], &delta[key]);
        }
        for piece in list(&delta["tool_calls"]) {
            let call = element(&mut message["tool_calls"], piece, &["index"]);
            grow(
                &mut call["function"]["arguments"],
                &piece["function"]["arguments"],
            );
            take(&mut call["function"], &piece["function"], &["arguments"]);
            take(call, piece, &["function", "index"]);
        }
        for piece in list(&delta["reasoning_details"]) {
            let detail = element(&mut message["reasoning_details"], piece, &["index", "type"]);
            for key in ["text", "summary", "data"] {
                grow_member(detail, piece, key);
            }
            take(detail, piece, &["text", "summary", "data"]);
        }
        if choice["finish_reason"].is_string() {
            finish = choice["finish_reason"].clone();
        }
    }
    json!({"choices": [{"message": message, "finish_reason": finish}]})
}

/// The element of a list that a piece belongs to, by these members of both; a new one if there is none.
fn element<'a>(elements: &'a mut Value, piece: &Value, by: &[&str]) -> &'a mut Value {
    if !elements.is_array() {
        *elements = json!([]);
    }
    let is_it = |element: &Value| by.iter().all(|key| element["_by"][key] == piece[key]);
    let place = list(elements).iter().position(is_it);
    let place = place.unwrap_or_else(|| {
        let marks: Value = by
            .iter()
            .map(|key| ((*key).to_owned(), piece[key].clone()))
            .collect();
        if let Some(elements) = elements.as_array_mut() {
            elements.push(json!({"_by": marks}));
        }
        list(elements).len() - 1
    });
    &mut elements[place]
}

/// Takes members over, but for those that are seen to elsewhere.
fn take(to: &mut Value, from: &Value, apart: &[&str]) {
    for (key, value) in from.as_object().into_iter().flatten() {
        if !apart.contains(&key.as_str()) && !value.is_null() {
            to[key] = value.clone();
        }
    }
}

fn grow_member(to: &mut Value, from: &Value, key: &str) {
    if from[key].is_string() {
        grow(&mut to[key], &from[key]);
    }
}

fn hear(answer: &Value) -> Heard {
    let choice = &answer["choices"][0];
    let mut message = choice["message"].clone();
    for key in ["tool_calls", "reasoning_details"] {
        for element in message[key].as_array_mut().into_iter().flatten() {
            let members = element.as_object_mut();
            members.and_then(|members| members.remove("_by"));
        }
    }
    if let Some(members) = message.as_object_mut() {
        members.retain(|key, value| key == "content" || !value.is_null());
    }
    let calls = list(&message["tool_calls"]).iter().map(|call| Call {
        id: text_of(&call["id"]),
        name: text_of(&call["function"]["name"]),
        arguments: parsed(&call["function"]["arguments"]),
    });
    let details = list(&message["reasoning_details"]);
    let sealed = details
        .iter()
        .flat_map(|detail| [&detail["signature"], &detail["data"]]);
    Heard {
        text: text_of(&message["content"]),
        calls: calls.collect(),
        is_for_tools: choice["finish_reason"] == "tool_calls",
        signatures: some(sealed),
        said: vec![message.clone()],
    }
}
