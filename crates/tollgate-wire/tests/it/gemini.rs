//! Schemas, signatures and absent members on the way to Gemini.

use serde_json::{Value, json};
use tollgate_wire::{
    ChatReply, ChatRequest, ChatResponse, ChatTranslator, Object, Request, StreamEvent,
    StreamTranslator, Surface, Thinking, UpstreamDialect, answer_from_chat, chat_from_answer,
    gemini_from_chat, to_chat,
};

fn value(object: &Object) -> Value {
    serde_json::from_slice(&object.to_vec()).unwrap()
}

fn chat(body: &Value) -> ChatRequest {
    ChatRequest::parse(body.to_string().as_bytes()).unwrap()
}

// === schemas ===

/// What becomes of a function's parameters, and the places in them that something is lost from.
fn check_schema(parameters: &Value, expected: &Value, losses: &[&str]) {
    let tool = json!({"type":"function","function":{"name":"f","parameters":parameters}});
    let body = json!({"messages":[{"role":"user","content":"x"}],"tools":[tool]});
    let translated = gemini_from_chat(&chat(&body), Thinking::Effort).unwrap();
    let path = "/tools/0/functionDeclarations/0/parametersJsonSchema";
    assert_eq!(value(&translated.value).pointer(path), Some(expected));
    let top = "tools[0].function.parameters.";
    let places = translated.losses.iter();
    let places: Vec<&str> = places
        .map(|loss| loss.place.strip_prefix(top).unwrap())
        .collect();
    assert_eq!(places, losses);
}

#[test]
fn references_into_definitions_find_them_by_their_new_name() {
    check_schema(
        &json!({"$ref":"#/definitions/node","definitions":{
            "node":{"type":"object","properties":{
                "definitions":{"type":"string"},
                "next":{"$ref":"#/definitions/node"},
                "again":{"$ref":"#/definitions/node/properties/definitions"},
                "leaf":{"$ref":"#/definitions/node/definitions/definitions"}},
                "definitions":{"definitions":{"type":"number"}}}}}),
        &json!({"$ref":"#/$defs/node","$defs":{
            "node":{"type":"object","properties":{
                "definitions":{"type":"string"},
                "next":{"$ref":"#/$defs/node"},
                "again":{"$ref":"#/$defs/node/properties/definitions"},
                "leaf":{"$ref":"#/$defs/node/$defs/definitions"}},
                "$defs":{"definitions":{"type":"number"}}}}}),
        &[],
    );
}

#[test]
fn definitions_under_both_names_are_one_set() {
    let (a, b) = (json!({"type":"string"}), json!({"type":"number"}));
    let merged = json!({"type":"object","$defs":{"a":a,"b":b}});
    check_schema(
        &json!({"type":"object","definitions":{"a":a},"$defs":{"b":b}}),
        &merged,
        &[],
    );
    check_schema(
        &json!({"type":"object","$defs":{"a":a},"definitions":{"a":a,"b":b}}),
        &merged,
        &[],
    );
    // The keys of a `Value` are sorted, so that `$defs` comes first.
    check_schema(
        &json!({"type":"object","$defs":{"a":a},"definitions":{"a":b,"b":b}}),
        &merged,
        &["definitions.a"],
    );
}

#[test]
fn nothing_stands_beside_a_reference() {
    check_schema(
        &json!({"type":"object","properties":{"a":{
            "$ref":"#/$defs/a","$id":"i","description":"d","title":"t","const":"c","default":1}},"$defs":{"a":{"type":"string"}}}),
        &json!({"type":"object","properties":{"a":{"$ref":"#/$defs/a","$id":"i"}},"$defs":{"a":{"type":"string"}}}),
        &[
            "properties.a.const",
            "properties.a.description",
            "properties.a.title",
        ],
    );
    // A property may be called so.
    let named = json!({"type":"object","properties":{"$ref":{"type":"string"}}});
    check_schema(&named, &named, &[]);
}

// === absent members ===

#[test]
fn members_that_are_null_are_absent() {
    let said = json!({"role":"assistant","content":"y","refusal":null,"annotations":null,"audio":null,"function_call":null,"tool_calls":null});
    let body = json!({"messages":[{"role":"user","content":"x"},said,{"role":"user","content":"z"}],"of_tomorrow":null,
        "tools":[{"type":"function","function":{"name":"f","description":null,"odd":null},"odd":null}]});
    let translated = gemini_from_chat(&chat(&body), Thinking::Effort).unwrap();
    assert_eq!(translated.losses, []);
    assert_eq!(
        value(&translated.value)["tools"],
        json!([{"functionDeclarations":[{"name":"f"}]}])
    );
}

// === signatures ===

fn answer(parts: &Value) -> ChatResponse {
    let body =
        json!({"candidates":[{"content":{"parts":parts},"finishReason":"STOP"}],"responseId":"r"});
    let answer = chat_from_answer(UpstreamDialect::Gemini, 0, body.to_string().as_bytes());
    answer.unwrap().value
}

/// The turns of a model in the request that goes on from a chat.
fn said_again(going_on: &ChatRequest) -> Vec<Value> {
    let body = gemini_from_chat(going_on, Thinking::Effort).unwrap();
    assert_eq!(body.losses, []);
    let contents = value(&body.value)["contents"].as_array().unwrap().clone();
    let is_model = |turn: &&Value| turn["role"] == "model";
    contents
        .iter()
        .filter(is_model)
        .map(|turn| turn["parts"].clone())
        .collect()
}

/// The items of the response that an answer becomes part by part.
fn streamed_items(parts: &Value) -> Vec<Value> {
    let mut chat = ChatTranslator::new(UpstreamDialect::Gemini);
    let asked = Request::parse(Surface::Responses, br#"{"model":"m","input":"x"}"#).unwrap();
    let mut responses = StreamTranslator::new(&asked).unwrap();
    let mut events = Vec::new();
    let mut pass_on = |chunks: Vec<Object>| {
        for chunk in chunks {
            let data = chunk.to_vec();
            let StreamEvent::Chunk(chunk) = StreamEvent::parse(&data).unwrap() else {
                panic!("{chunk:?}")
            };
            events.extend(responses.push(&chunk).unwrap());
        }
    };
    let part = |part: &Value| json!({"candidates":[{"content":{"parts":[part]}}],"responseId":"r"});
    let mut data: Vec<Value> = parts.as_array().unwrap().iter().map(part).collect();
    data.push(json!({"candidates":[{"finishReason":"STOP"}]}));
    for data in data {
        pass_on(chat.push(data.to_string().as_bytes()).unwrap());
    }
    pass_on(chat.finish().unwrap());
    events.extend(responses.finish().unwrap());
    let last = value(events.last().unwrap());
    last["response"]["output"].as_array().unwrap().clone()
}

/// The items of the response that an answer becomes as a whole.
fn whole_items(parts: &Value) -> Vec<Value> {
    let asked = Request::parse(Surface::Responses, br#"{"model":"m","input":"x"}"#).unwrap();
    let response = answer_from_chat(&asked, &answer(parts)).unwrap();
    let output = value(&response.value)["output"].clone();
    output.as_array().unwrap().clone()
}

/// The chat that goes on from items, with a result for each call.
fn going_on_from(items: &[Value]) -> ChatRequest {
    let result = |call: &Value| json!({"type":"function_call_output","call_id":call["call_id"],"output":"r"});
    let calls = items.iter().filter(|item| item["type"] == "function_call");
    let mut input = vec![json!({"role":"user","content":"x"})];
    input.extend(items.iter().cloned());
    input.extend(calls.map(result));
    let body = json!({"model":"m","input":input}).to_string();
    let request = Request::parse(Surface::Responses, body.as_bytes()).unwrap();
    to_chat(&request).unwrap().value
}

fn call(id: &str, signature: Option<&str>) -> Value {
    let mut part = json!({"functionCall":{"id":id,"name":"f","args":{}}});
    if let Some(signature) = signature {
        part["thoughtSignature"] = signature.into();
    }
    part
}

#[test]
fn signatures_of_calls_come_back_through_responses() {
    let thought = json!({"text":"why","thought":true});
    for parts in [
        json!([thought, call("c0", Some("s0")), call("c1", None)]),
        json!([
            thought,
            call("c0", Some("s0")),
            call("c1", None),
            call("c2", Some("s2"))
        ]),
        json!([{"text":"I look."}, call("c0", Some("s0"))]),
    ] {
        for items in [streamed_items(&parts), whole_items(&parts)] {
            let again = said_again(&going_on_from(&items));
            assert_eq!(again, std::slice::from_ref(&parts), "{items:?}");
        }
    }
}

#[test]
fn what_is_thought_and_called_in_one_step_stays_one_message() {
    let parts = json!([{"text":"why","thought":true}, call("c0", Some("s0")), call("c1", None)]);
    for items in [streamed_items(&parts), whole_items(&parts)] {
        let kinds: Vec<&Value> = items.iter().map(|item| &item["type"]).collect();
        let expected = ["reasoning", "reasoning", "function_call", "function_call"];
        assert_eq!(kinds, expected);
        // The question, the turn and two results.
        assert_eq!(going_on_from(&items).messages().unwrap().len(), 4);
    }
}

#[test]
fn signatures_of_images_come_back_on_their_images() {
    let image = |data: &str| json!({"inlineData":{"mimeType":"image/png","data":data}});
    let signed = |data: &str, signature: &str| {
        let mut image = image(data);
        image["thoughtSignature"] = signature.into();
        image
    };
    for parts in [
        json!([{"text":"Two cats.","thoughtSignature":"st"}, signed("AA", "s0"), signed("BB", "s1")]),
        json!([image("AA"), signed("BB", "s1")]),
        json!([{"text":"A cat.","thoughtSignature":"st"}, image("AA")]),
        json!([signed("AA", "s0"), {"functionCall":{"id":"c","name":"f","args":{}},"thoughtSignature":"sc"}]),
    ] {
        let answer = answer(&parts);
        let ChatReply::Answer(answer) = ChatReply::parse(&answer.object().to_vec()).unwrap() else {
            panic!("{answer:?}")
        };
        let mut said = value(answer.object())["choices"][0]["message"].clone();
        said["role"] = "assistant".into();
        let body =
            json!({"messages":[{"role":"user","content":"x"},said,{"role":"user","content":"y"}]});
        assert_eq!(said_again(&chat(&body)), [parts]);
    }
}
