//! Thoughts on their way to somebody who did not think them.

use serde_json::{Value, json};
use tollgate_wire::{
    ChatRequest, Loss, Request, Surface, Thinking, anthropic_from_messages, from_chat, to_chat,
    without_foreign_thoughts,
};

fn request(surface: Surface, body: &Value) -> Request {
    Request::parse(surface, body.to_string().as_bytes()).unwrap()
}

fn value(request: &Request) -> Value {
    serde_json::from_slice(&request.object().to_vec()).unwrap()
}

fn places(losses: &[Loss]) -> Vec<&str> {
    losses.iter().map(|loss| loss.place.as_str()).collect()
}

/// What providers get of a request; nothing where it goes as it came.
fn check(surface: Surface, body: Value, expected: Option<Value>, lost: &[&str]) {
    let narrowed = without_foreign_thoughts(&request(surface, &body)).unwrap();
    let losses = narrowed
        .as_ref()
        .map_or(&[][..], |narrowed| &narrowed.losses);
    assert_eq!(places(losses), lost, "{body}");
    assert_eq!(
        narrowed.map(|narrowed| value(&narrowed.value)),
        expected,
        "{body}"
    );
}

#[test]
fn details_of_reasoning_stay_out_of_the_chats_of_providers() {
    let user = json!({"role":"user","content":"reasoning_details"});
    let detail = json!({"type":"reasoning.text","text":"t","format":"anthropic-claude-v1"});
    check(
        Surface::Chat,
        json!({"messages":[user,{"role":"assistant","content":"a","reasoning":"t","reasoning_details":[detail]},user]}),
        Some(json!({"messages":[user,{"role":"assistant","content":"a"},user]})),
        &["messages[1].reasoning_details"],
    );
    check(
        Surface::Chat,
        json!({"messages":[{"role":"assistant","content":"a","reasoning_details":null}]}),
        Some(json!({"messages":[{"role":"assistant","content":"a"}]})),
        &[],
    );
    // Words that a provider of chats has for its own thoughts stay.
    let own = json!({"role":"assistant","content":"a","reasoning":"t","reasoning_content":"t"});
    check(Surface::Chat, json!({"messages":[user, own]}), None, &[]);
    check(Surface::Messages, json!({"messages":[user]}), None, &[]);
}

#[test]
fn thoughts_of_others_stay_out_of_responses() {
    let item = |fields: Value| {
        let mut item = json!({"type":"reasoning","summary":[]});
        item.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        item
    };
    let user = json!({"role":"user","content":"\"reasoning\""});
    let own = item(json!({"id":"rs_0a","encrypted_content":"E","format":"openai-responses-v1"}));
    check(
        Surface::Responses,
        json!({"input":[user,own]}),
        Some(json!({"input":[user,item(json!({"id":"rs_0a","encrypted_content":"E"}))]})),
        &[],
    );
    let foreign = [
        json!({"id":"rs_1_gen","signature":"S","format":"anthropic-claude-v1"}),
        json!({"id":"call_1","encrypted_content":"E","format":"google-gemini-v1"}),
        json!({"signature":"S"}),
        // Its id was made by a translation, and nobody keeps it.
        json!({"id":"rs_0_gen-1","content":[{"type":"reasoning_text","text":"t"}]}),
    ];
    for fields in foreign {
        check(
            Surface::Responses,
            json!({"input":[user,item(fields)]}),
            Some(json!({"input":[user]})),
            &["input[1]"],
        );
    }
    let plain = item(json!({"id":"rs_0a1b"}));
    check(Surface::Responses, json!({"input":[user,plain]}), None, &[]);
    check(
        Surface::Responses,
        json!({"input":"\"reasoning\""}),
        None,
        &[],
    );
}

/// What Anthropic gets of a chat, with what was lost of it.
fn message(messages: Value) -> (Value, Vec<String>) {
    let chat = json!({"max_tokens":4000,"reasoning":{"max_tokens":1024},"messages":messages});
    let chat = ChatRequest::parse(chat.to_string().as_bytes()).unwrap();
    narrowed(from_chat(Surface::Messages, &chat).unwrap().value)
}

fn narrowed(message: Request) -> (Value, Vec<String>) {
    let narrowed = anthropic_from_messages(message, Thinking::Budget).unwrap();
    let lost = places(&narrowed.losses).into_iter().map(str::to_owned);
    (value(&narrowed.value), lost.collect())
}

#[test]
fn a_thought_of_claudes_that_openrouter_has_given_an_id_is_still_its_own() {
    let input = json!([
        {"role":"user","content":"x"},
        {"type":"reasoning","id":"rs_0a","summary":[],"content":[{"type":"reasoning_text","text":"t"}],
         "signature":"S","format":"anthropic-claude-v1"},
        {"type":"reasoning","id":"rs_0b","summary":[],"encrypted_content":"R","format":"anthropic-claude-v1"},
        {"type":"reasoning","id":"rs_0c","summary":[],"encrypted_content":"E","format":"openai-responses-v1"},
        {"role":"assistant","content":"a"},
        {"role":"user","content":"y"},
    ]);
    let responses = request(Surface::Responses, &json!({"input":input}));
    let chat = to_chat(&responses).unwrap().value;
    let (sent, lost) = narrowed(from_chat(Surface::Messages, &chat).unwrap().value);
    assert_eq!(
        sent["messages"][1]["content"],
        json!([
            {"type":"thinking","thinking":"t","signature":"S"},
            {"type":"redacted_thinking","data":"R"},
            {"type":"text","text":"a"},
        ])
    );
    assert_eq!(lost, ["messages[1].content[2]"]);
}

#[test]
fn a_turn_that_another_model_began_goes_on_without_thinking() {
    let call = json!({"id":"c","type":"function","function":{"name":"f","arguments":"{}"}});
    let result = json!({"role":"tool","tool_call_id":"c","content":"r"});
    let user = json!({"role":"user","content":"x"});
    let called = |details: Value| json!({"role":"assistant","content":null,"tool_calls":[call],"reasoning_details":details});
    let own = json!([{"type":"reasoning.text","text":"t","signature":"S","format":"anthropic-claude-v1"}]);
    let (thinks, disabled) = (
        json!({"type":"enabled","budget_tokens":1024}),
        json!({"type":"disabled"}),
    );
    for (messages, thinking, is_lost) in [
        (json!([user, called(json!([])), result]), &disabled, true),
        (json!([user, called(own.clone()), result]), &thinks, false),
        // It thinks once for a turn, which may have several steps.
        (
            json!([user, called(own.clone()), result, called(json!([])), result]),
            &thinks,
            false,
        ),
        (
            json!([user, called(json!([])), result, called(own.clone()), result]),
            &disabled,
            true,
        ),
        // The turn is over.
        (
            json!([user, called(json!([])), result, {"role":"assistant","content":"a"}, user]),
            &thinks,
            false,
        ),
        (json!([user]), &thinks, false),
    ] {
        let (sent, lost) = message(messages.clone());
        assert_eq!(&sent["thinking"], thinking, "{messages}");
        assert_eq!(lost.contains(&"thinking".to_owned()), is_lost, "{messages}");
    }
}

#[test]
fn the_signature_of_a_call_belongs_to_it_also_when_it_comes_after_it() {
    let input = json!([
        {"role":"user","content":"x"},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
        {"type":"reasoning","id":"c","summary":[],"encrypted_content":"S","format":"google-gemini-v1"},
        {"type":"function_call_output","call_id":"c","output":"r"},
        {"type":"reasoning","id":"rs_0a","summary":[],"encrypted_content":"E","format":"google-gemini-v1"},
        {"role":"assistant","content":"a"},
    ]);
    let chat = to_chat(&request(Surface::Responses, &json!({"input":input}))).unwrap();
    let chat: Value = serde_json::from_slice(&chat.value.to_vec()).unwrap();
    let messages = chat["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages
        .iter()
        .map(|one| one["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "assistant", "tool", "assistant"]);
    assert_eq!(messages[1]["tool_calls"][0]["id"], "c");
    assert_eq!(messages[1]["reasoning_details"][0]["data"], "S");
    assert_eq!(messages[3]["reasoning_details"][0]["data"], "E");
}
