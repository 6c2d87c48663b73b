//! OpenAI's Responses.

use serde_json::{Value, json};
use tollgate::Surface;

use super::{
    Call, EARLIER, EARLIER_ANSWER, Heard, MAX_OUTPUT, PICTURE, RESULT, SYSTEM, TOOLS, Tongue, list,
    parameters, parsed, some, text_of,
};

pub(super) const RESPONSES: Tongue = Tongue {
    name: "responses",
    surface: Surface::Responses,
    prelude,
    user: |text| json!({"role": "user", "content": text}),
    results: |calls| calls.iter().map(|call| result(&call.id, RESULT)).collect(),
    request,
    gather,
    hear,
};

fn result(id: &str, text: &str) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": text})
}

fn prelude(first: &str) -> Vec<Value> {
    let picture = format!("data:image/png;base64,{PICTURE}");
    let asked = json!({"role": "user", "content": [
        {"type": "input_text", "text": first}, {"type": "input_image", "image_url": picture},
    ]});
    let calls = EARLIER.map(|(id, city, _)| {
        let arguments = json!({"city": city}).to_string();
        json!({"type": "function_call", "call_id": id, "name": TOOLS[0], "arguments": arguments})
    });
    let results = EARLIER.map(|(id, _, told)| result(id, told));
    let answered = json!({"role": "assistant", "content": EARLIER_ANSWER});
    let said = std::iter::once(asked).chain(calls).chain(results);
    said.chain([answered]).collect()
}

fn request(history: &[Value]) -> Value {
    let tools =
        TOOLS.map(|name| json!({"type": "function", "name": name, "parameters": parameters()}));
    json!({
        "instructions": SYSTEM, "input": history, "tools": tools, "max_output_tokens": MAX_OUTPUT,
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"], "store": false,
    })
}

/// The last event has all of it.
fn gather(events: &[Value]) -> Value {
    let is_last = |event: &&Value| event["type"] == "response.completed";
    let last = events.iter().find(is_last);
    last.map_or(Value::Null, |event| event["response"].clone())
}

fn hear(answer: &Value) -> Heard {
    let items = list(&answer["output"]);
    let of_kind = |kind: &'static str| items.iter().filter(move |item| item["type"] == kind);
    let calls: Vec<Call> = of_kind("function_call")
        .map(|item| Call {
            id: text_of(&item["call_id"]),
            name: text_of(&item["name"]),
            arguments: parsed(&item["arguments"]),
        })
        .collect();
    let parts = of_kind("message").flat_map(|item| list(&item["content"]));
    let sealed = items
        .iter()
        .flat_map(|item| [&item["signature"], &item["encrypted_content"]]);
    Heard {
        text: parts.map(|part| text_of(&part["text"])).collect(),
        is_for_tools: answer["status"] == "completed" && !calls.is_empty(),
        calls,
        signatures: some(sealed),
        said: items.to_vec(),
    }
}
