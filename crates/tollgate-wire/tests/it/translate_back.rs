//! Chats as requests of other surfaces, and back.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_wire::{ChatRequest, Object, Surface, from_chat, to_chat};

fn chat(value: &Value) -> ChatRequest {
    ChatRequest::parse(value.to_string().as_bytes()).unwrap()
}

fn value(object: &Object) -> Value {
    serde_json::from_slice(&object.to_vec()).unwrap()
}

/// Checks the request that a chat becomes beside a short message, and what is lost.
fn check(surface: Surface, option: Value, expected: Value, losses: &[&str]) {
    let mut body = json!({"messages":[{"role":"user","content":"x"}]});
    body.as_object_mut()
        .unwrap()
        .extend(option.as_object().unwrap().clone());
    let translated = from_chat(surface, &chat(&body)).unwrap();
    let mut found = value(translated.value.object());
    let prompt = match surface {
        Surface::Responses => "input",
        _ => "messages",
    };
    let prompt = found.as_object_mut().unwrap().remove(prompt);
    assert_eq!(prompt, Some(json!([{"role":"user","content":"x"}])));
    assert_eq!(found, expected, "{body}");
    let found: Vec<String> = translated.losses.iter().map(ToString::to_string).collect();
    assert_eq!(found, losses, "{body}");
}

#[test]
fn options_get_the_names_of_responses() {
    check(
        Surface::Responses,
        json!({"max_tokens":9,"reasoning_effort":"low","response_format":{"type":"json_object"},"verbosity":"high","logprobs":true,"top_logprobs":2,
            "tool_choice":{"type":"function","function":{"name":"f"}},"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}),
        json!({"max_output_tokens":9,"reasoning":{"effort":"low"},"text":{"format":{"type":"json_object"},"verbosity":"high"},
            "include":["message.output_text.logprobs"],"top_logprobs":2,
            "tool_choice":{"type":"function","name":"f"},"tools":[{"type":"function","name":"f","parameters":{}}]}),
        &[],
    );
    check(
        Surface::Responses,
        json!({"n":2,"prediction":{},"stream":true,"stream_options":{"include_usage":true}}),
        json!({"stream":true}),
        &[
            "`n`: an answer of this surface is always one",
            "`prediction`: responses cannot be predicted",
        ],
    );
}

#[test]
fn options_get_the_names_of_messages() {
    check(
        Surface::Messages,
        json!({"max_completion_tokens":9,"stop":"a","user":"u","parallel_tool_calls":false,"seed":1,"logprobs":false,
            "reasoning":{"effort":"high","summary":"auto","exclude":true},
            "tools":[{"type":"function","function":{"name":"f"}}],
            "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{},"strict":true}}}),
        json!({"max_tokens":9,"stop_sequences":["a"],"metadata":{"user_id":"u"},"tools":[{"name":"f","input_schema":{"type":"object"}}],
            "tool_choice":{"type":"auto","disable_parallel_tool_use":true},"thinking":{"type":"adaptive","display":"omitted"},
            "output_config":{"effort":"high","format":{"type":"json_schema","schema":{}}}}),
        &[
            "`seed`: messages are not sampled so",
            "`reasoning.summary`: thinking has no such option",
            "`response_format.json_schema.name`: a schema has no name",
        ],
    );
    check(
        Surface::Messages,
        json!({"reasoning_effort":"none","response_format":{"type":"json_object"},"tool_choice":"required",
            "tools":[{"type":"function","function":{"name":"f"}}]}),
        json!({"thinking":{"type":"disabled"},"tool_choice":{"type":"any"},"tools":[{"name":"f","input_schema":{"type":"object"}}]}),
        &["`response_format`: messages are text or JSON by a schema"],
    );
}

/// Checks `system` and `messages`, and what is lost.
fn check_turns(messages: Value, expected: Value, losses: &[&str]) {
    let translated = from_chat(Surface::Messages, &chat(&json!({"messages":messages}))).unwrap();
    assert_eq!(value(translated.value.object()), expected);
    let found: Vec<String> = translated.losses.iter().map(ToString::to_string).collect();
    assert_eq!(found, losses);
}

#[test]
fn turns_of_messages_alternate_and_instructions_stand_first() {
    check_turns(
        json!([{"role":"system","content":"a"},{"role":"developer","content":[{"type":"text","text":"b"}]},
            {"role":"user","content":"c"},{"role":"user","content":[{"type":"text","text":"d"}]},
            {"role":"assistant","content":"e"},{"role":"assistant","content":""},{"role":"system","content":"f"},{"role":"user","content":"g"}]),
        json!({"system":[{"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"text","text":"f"}],
            "messages":[{"role":"user","content":[{"type":"text","text":"c"},{"type":"text","text":"d"}]},
                {"role":"assistant","content":[{"type":"text","text":"e"}]},{"role":"user","content":"g"}]}),
        &["`messages[6].role`: instructions stand before all else; they are told there"],
    );
}

#[test]
fn results_of_tools_are_blocks_with_their_marks_and_images() {
    check_turns(
        json!([{"role":"user","content":"x"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c0","type":"function","function":{"name":"f","arguments":""}}]},
            {"role":"tool","tool_call_id":"c0","is_error":true,"content":[{"type":"text","text":"r"},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AA"},"cache_control":{"type":"ephemeral"}}]},
            {"role":"user","content":"y"}]),
        json!({"messages":[{"role":"user","content":"x"},
            {"role":"assistant","content":[{"type":"tool_use","id":"c0","name":"f","input":{}}]},
            {"role":"user","content":[
                {"type":"tool_result","tool_use_id":"c0","content":[{"type":"text","text":"r"},
                    {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}],
                    "cache_control":{"type":"ephemeral"},"is_error":true},
                {"type":"text","text":"y"}]}]}),
        &[],
    );
}

#[test]
fn marks_of_a_cache_have_the_name_that_messages_have() {
    check_turns(
        json!([{"role":"user","content":[{"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}},
            {"type":"text","text":"b","prompt_cache_breakpoint":null}]}]),
        json!({"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},
            {"type":"text","text":"b"}]}]}),
        &[
            "`messages[0].content[0].prompt_cache_breakpoint.ttl`: marks of messages are kept for 5 minutes or an hour",
        ],
    );
}

#[test]
fn a_prefill_ends_in_what_can_be_gone_on_with() {
    check_turns(
        json!([{"role":"user","content":"x"},{"role":"assistant","content":"Sure: "}]),
        json!({"messages":[{"role":"user","content":"x"},
            {"role":"assistant","content":[{"type":"text","text":"Sure:"}]}]}),
        &["`messages[1].content`: what is to be gone on with cannot end in white space"],
    );
}

#[test]
fn messages_are_not_asked_for_what_they_refuse_together() {
    check(
        Surface::Messages,
        json!({"reasoning":{"max_tokens":2000},"temperature":0.5,"top_p":0.9,"top_k":4,"tool_choice":"auto","max_tokens":9000,
            "tools":[{"type":"function","function":{"name":"f","strict":null}}]}),
        json!({"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":2000},"tool_choice":{"type":"auto"},
            "tools":[{"name":"f","input_schema":{"type":"object"}}]}),
        &[
            "`temperature`: messages that think are not sampled so",
            "`top_p`: messages that think are not sampled so",
            "`top_k`: messages that think are not sampled so",
        ],
    );
    check(
        Surface::Messages,
        json!({"reasoning":{"max_tokens":2000},"temperature":1.0,"top_p":0.95}),
        json!({"temperature":1.0,"thinking":{"type":"enabled","budget_tokens":2000}}),
        &["`top_p`: messages are sampled by `temperature` or `top_p`, not both"],
    );
    check(
        Surface::Messages,
        json!({"reasoning":{"effort":"low"},"temperature":1.5,"tool_choice":{"type":"function","function":{"name":"f"}},
            "tools":[{"type":"function","function":{"name":"f"}}],"parallel_tool_calls":false,"prompt_cache_key":"k","modalities":["text"]}),
        json!({"temperature":1,"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true}}),
        &[
            "`prompt_cache_key`: messages are cached up to marks in them",
            "`temperature`: messages are sampled at 1 at most",
            "`reasoning`: messages do not think before a call that they must make",
        ],
    );
}

#[test]
fn what_a_surface_cannot_mean_is_refused_with_its_place() {
    let check = |surface, body: Value, expected: &str| {
        let error = from_chat(surface, &chat(&body)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let parts = |part: Value| json!({"messages":[{"role":"user","content":[part]}]});
    check(
        Surface::Messages,
        parts(json!({"type":"input_audio","input_audio":{}})),
        "`messages[0].content[0].type`: messages have no part `input_audio`; they have text, images and files",
    );
    check(
        Surface::Messages,
        parts(json!({"type":"file","file":{"file_id":"f"}})),
        "`messages[0].content[0].file.file_data`: is required: an https or a data URL",
    );
    check(
        Surface::Responses,
        parts(json!({"type":"odd"})),
        "`messages[0].content[0].type`: responses have no part `odd`; they have text, image, file, audio and video",
    );
    check(
        Surface::Messages,
        json!({"messages":[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{"}}]}]}),
        "`messages[0].tool_calls[0].function.arguments`: must be a JSON object in a string",
    );
    check(
        Surface::Completions,
        json!({"messages":[{"role":"user","content":"x"}]}),
        "`messages`: a chat cannot be sent as completions; send it as a chat, or as responses or messages",
    );
    check(
        Surface::Responses,
        json!({"prompt":"x"}),
        "`messages`: is required; a prompt without messages has no form here",
    );
}

/// Text, so short that what it is between shows, with what has to be escaped.
const TEXT: &str = "[a\u{e9}\"]{1,3}";

fn part() -> impl Strategy<Value = Value> {
    let mark = json!({"type":"ephemeral"});
    prop_oneof![
        TEXT.prop_map(|text| json!({"type":"text","text":text})),
        TEXT.prop_map(move |text| json!({"type":"text","text":text,"cache_control":mark})),
        Just(json!({"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}})),
        Just(json!({"type":"image_url","image_url":{"url":"https://example.com/a.png"}})),
        Just(
            json!({"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,BB"}})
        ),
        Just(json!({"type":"file","file":{"file_data":"https://example.com/a.pdf"}})),
    ]
}

/// A string, or parts that a string could not hold.
fn content() -> impl Strategy<Value = Value> {
    prop_oneof![
        TEXT.prop_map(Value::from),
        (part(), prop::collection::vec(part(), 1..3)).prop_map(|(first, mut rest)| {
            rest.push(first);
            Value::from(rest)
        }),
    ]
}

fn detail() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"type":"reasoning.text","text":"u","format":"anthropic-claude-v1"})),
        Just(
            json!({"type":"reasoning.text","text":"a","signature":"S","format":"anthropic-claude-v1"})
        ),
        Just(json!({"type":"reasoning.encrypted","data":"R","format":"anthropic-claude-v1"})),
        Just(
            json!({"type":"reasoning.text","text":"b","signature":"T","format":"google-gemini-v1","odd":1})
        ),
        Just(
            json!({"type":"reasoning.summary","summary":"c","format":"openai-responses-v1","id":"rs_0a"})
        ),
        Just(
            json!({"type":"reasoning.encrypted","data":"V","format":"openai-responses-v1","id":"rs_0a"})
        ),
    ]
}

/// What a user says, and what comes of it: thoughts, text, calls with their results.
fn exchange() -> impl Strategy<Value = Vec<Value>> {
    let details = prop::collection::vec(detail(), 0..4);
    let said = prop::option::of(TEXT);
    let plain = any::<bool>();
    let results = prop::collection::vec(content(), 0..3);
    (content(), details, said, plain, results).prop_map(|(asked, mut details, said, plain, results)| {
        let mut assistant = json!({"role":"assistant","content":said});
        for (index, detail) in details.iter_mut().enumerate() {
            detail["index"] = index.into();
        }
        match details.is_empty() {
            true if plain => assistant["reasoning"] = "why".into(),
            true => {}
            false => assistant["reasoning_details"] = details.into(),
        }
        let call = |index| json!({"id":format!("c{index}"),"type":"function","function":{"name":"f","arguments":"{\"a\": 1.0}"}});
        if !results.is_empty() {
            assistant["tool_calls"] = (0..results.len()).map(call).collect();
        }
        let mut messages = vec![json!({"role":"user","content":asked})];
        // Two messages of a user in a row would be one turn of Messages.
        if assistant.as_object().unwrap().len() == 2 && said.is_none() {
            assistant["content"] = "a".into();
        }
        messages.push(assistant);
        let results = results.into_iter().enumerate();
        messages.extend(results.map(|(index, content)| json!({"role":"tool","tool_call_id":format!("c{index}"),"content":content})));
        messages
    })
}

/// Options that both surfaces have. Each is there or not.
fn options() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let all = vec![
        ("model", json!("a/b")),
        ("models", json!(["c/d"])),
        ("provider", json!({"order":["x"]})),
        ("plugins", json!([{"id":"web"}])),
        ("temperature", json!(0.5)),
        ("stream", json!(true)),
        ("metadata", json!({"k":"v"})),
        ("user", json!("u")),
        ("service_tier", json!("flex")),
        ("parallel_tool_calls", json!(false)),
        (
            "tools",
            json!([{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","additionalProperties":false},"strict":true},"cache_control":{"type":"ephemeral"}}]),
        ),
        (
            "response_format",
            json!({"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object","additionalProperties":false},"strict":true}}),
        ),
        ("of_tomorrow", json!([1])),
    ];
    prop::sample::subsequence(all.clone(), 0..=all.len())
}

/// Options of which there is one value.
fn choices() -> impl Strategy<Value = (Value, Value)> {
    let tools = vec![
        json!("auto"),
        json!("required"),
        json!({"type":"function","function":{"name":"f"}}),
    ];
    let reasoning = vec![
        Value::Null,
        json!({"effort":"low"}),
        json!({"max_tokens":2000}),
        json!({"enabled":false}),
        json!({"effort":"high","exclude":true}),
    ];
    (prop::sample::select(tools), prop::sample::select(reasoning))
}

proptest! {
    #[test]
    fn a_chat_comes_back_as_it_was(
        system in prop::option::of(content()),
        exchanges in prop::collection::vec(exchange(), 1..4),
        options in options(),
        (tool_choice, reasoning) in choices(),
    ) {
        for (surface, limit) in [(Surface::Responses, "max_completion_tokens"), (Surface::Messages, "max_tokens")] {
            let mut messages: Vec<Value> = system.iter().map(|content| json!({"role":"system","content":content})).collect();
            messages.extend(exchanges.concat());
            let mut body = json!({"messages":messages,"tool_choice":tool_choice,limit:9,"stop":["a","b"]});
            if !reasoning.is_null() {
                body["reasoning"] = reasoning.clone();
            }
            for (key, option) in &options {
                body[key] = option.clone();
            }
            if surface == Surface::Messages && body["tools"].is_null() {
                // There is nothing to choose from.
                body.as_object_mut().unwrap().remove("tool_choice");
                body.as_object_mut().unwrap().remove("parallel_tool_calls");
            }
            // Messages that think are neither made to call nor sampled in another way.
            let thinks = !reasoning.is_null() && reasoning["enabled"] != json!(false);
            if surface == Surface::Messages && thinks {
                if !body["tool_choice"].is_null() {
                    body["tool_choice"] = "auto".into();
                }
                body.as_object_mut().unwrap().remove("temperature");
            }
            let there = from_chat(surface, &chat(&body)).unwrap();
            prop_assert_eq!(&there.losses, &[]);
            let back = to_chat(&there.value).unwrap();
            prop_assert_eq!(&back.losses, &[]);
            prop_assert_eq!(value(back.value.object()), body, "{}", surface);
        }
    }
}
