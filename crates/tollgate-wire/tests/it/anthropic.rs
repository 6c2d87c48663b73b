//! What Anthropic refuses, in chats on the way to it and in messages.

use serde_json::{Value, json};
use tollgate_wire::{
    ChatRequest, Object, Request, Surface, Thinking, anthropic_from_messages, from_chat,
};

fn value(object: &Object) -> Value {
    serde_json::from_slice(&object.to_vec()).unwrap()
}

/// A member of the message that a chat becomes, by its path, and every loss.
fn check_chat(chat: Value, path: &str, expected: Value, losses: &[&str]) {
    let request = ChatRequest::parse(chat.to_string().as_bytes()).unwrap();
    let message = from_chat(Surface::Messages, &request).unwrap();
    let found = value(message.value.object());
    assert_eq!(found.pointer(path).unwrap_or(&Value::Null), &expected);
    let found: Vec<String> = message.losses.iter().map(ToString::to_string).collect();
    assert_eq!(found, losses, "{chat}");
}

/// What becomes of a message, and the places that something is lost from.
fn check(style: Thinking, given: &Value, expected: &Value, losses: &[&str]) {
    let request = Request::parse(Surface::Messages, given.to_string().as_bytes()).unwrap();
    let narrowed = anthropic_from_messages(request, style).unwrap();
    assert_eq!(&value(narrowed.value.object()), expected);
    let places = narrowed.losses.iter().map(|loss| loss.place.as_str());
    assert_eq!(places.collect::<Vec<_>>(), losses, "{given}");
}

fn user(content: impl Into<Value>) -> Value {
    json!({"role":"user","content":content.into()})
}

fn asking(options: Value) -> Value {
    let mut chat = json!({"messages":[user("x")]});
    let options = options.as_object().unwrap().clone();
    chat.as_object_mut().unwrap().extend(options);
    chat
}

// === thinking ===

fn tool_loop(said: Value) -> Value {
    json!([
        user("x"),
        {"role":"assistant","content":said},
        user(json!([{"type":"tool_result","tool_use_id":"c","content":"r"}])),
    ])
}

#[test]
fn a_turn_that_goes_on_after_its_calls_thinks_only_if_it_began_so() {
    let call = json!({"type":"tool_use","id":"c","name":"f","input":{}});
    let signed = json!({"type":"thinking","thinking":"t","signature":"s"});
    let hidden = json!({"type":"redacted_thinking","data":"d"});
    let asked = json!({"type":"enabled","budget_tokens":2000});
    let with = |messages: &Value, thinking: &Value| json!({"messages":messages,"max_tokens":4000,"thinking":thinking});
    for style in [Thinking::Effort, Thinking::Budget] {
        let plain = tool_loop(json!([call]));
        let off = with(&plain, &json!({"type":"disabled"}));
        check(style, &with(&plain, &asked), &off, &["thinking"]);
        for thought in [&signed, &hidden] {
            let begun = with(&tool_loop(json!([thought, call])), &asked);
            check(style, &begun, &begun, &[]);
        }
        // What is asked anew may be thought about.
        let mut over = plain.clone();
        over.as_array_mut()
            .unwrap()
            .push(json!({"role":"assistant","content":"y"}));
        over.as_array_mut().unwrap().push(user("z"));
        check(style, &with(&over, &asked), &with(&over, &asked), &[]);
    }
    // Messages of one side in a row are one turn.
    let call_message = json!({"role":"assistant","content":[call]});
    let mut split = tool_loop(json!([signed])).as_array().unwrap().clone();
    split.insert(2, call_message);
    split.push(user("and?"));
    let split = with(&split.into(), &asked);
    check(Thinking::Effort, &split, &split, &[]);
    let mut plain_split = tool_loop(json!([call]));
    plain_split.as_array_mut().unwrap().push(user("and?"));
    let off = with(&plain_split, &json!({"type":"disabled"}));
    check(
        Thinking::Effort,
        &with(&plain_split, &asked),
        &off,
        &["thinking"],
    );
    // How turns before it began does not matter.
    let mut later = tool_loop(json!([signed, call])).as_array().unwrap().clone();
    later.splice(1..1, [json!({"role":"assistant","content":"y"}), user("z")]);
    let later = with(&later.into(), &asked);
    check(Thinking::Effort, &later, &later, &[]);
    // An effort may come in at any place; as a budget it may not.
    let plain = tool_loop(json!([call]));
    let mut effort = with(&plain, &json!({"type":"adaptive"}));
    effort["output_config"] = json!({"effort":"high"});
    check(Thinking::Effort, &effort, &effort, &[]);
    let off = with(&plain, &json!({"type":"disabled"}));
    check(Thinking::Budget, &effort, &off, &["thinking"]);
    // A thought that is taken out is no beginning.
    let unsigned = json!({"type":"thinking","thinking":"t","signature":""});
    let foreign = with(&tool_loop(json!([unsigned, call])), &asked);
    check(
        Thinking::Effort,
        &foreign,
        &off,
        &["messages[1].content[0]", "thinking"],
    );
}

#[test]
fn the_least_effort_is_low() {
    let given = |effort| json!({"messages":[user("x")],"max_tokens":10000,"thinking":{"type":"adaptive"},"output_config":{"effort":effort}});
    let place = "output_config.effort";
    check(Thinking::Effort, &given("minimal"), &given("low"), &[place]);
    check(Thinking::Effort, &given("low"), &given("low"), &[]);
    let mut budget = given("minimal");
    budget.as_object_mut().unwrap().remove("output_config");
    budget["thinking"] = json!({"type":"enabled","budget_tokens":1024});
    check(Thinking::Budget, &given("minimal"), &budget, &[]);
}

#[test]
fn what_is_shown_of_thoughts_does_not_ask_for_any() {
    for options in [
        json!({"include_reasoning":false}),
        json!({"include_reasoning":true}),
        json!({"reasoning":{"exclude":true}}),
    ] {
        check_chat(asking(options), "/thinking", Value::Null, &[]);
    }
    check_chat(
        asking(json!({"include_reasoning":false,"temperature":0.5})),
        "/temperature",
        json!(0.5),
        &[],
    );
    check_chat(
        asking(json!({"include_reasoning":false,"reasoning":{"enabled":true}})),
        "/thinking",
        json!({"type":"adaptive","display":"omitted"}),
        &[],
    );
}

// === messages ===

#[test]
fn members_that_are_null_are_absent() {
    let said = json!({"role":"assistant","content":"y","refusal":null,"annotations":null,"audio":null,"function_call":null,"tool_calls":null});
    let chat = json!({"messages":[user("x"),said,{"role":"user","content":[{"type":"text","text":"z","odd":null}],"odd":null}],
        "of_tomorrow":null,"temperature":null,
        "tools":[{"type":"function","function":{"name":"f","description":null},"odd":null}]});
    let expected = json!({"messages":[user("x"),{"role":"assistant","content":[{"type":"text","text":"y"}]},user(json!([{"type":"text","text":"z"}]))],
        "tools":[{"name":"f","input_schema":{"type":"object"}}]});
    check_chat(chat, "", expected, &[]);
}

#[test]
fn texts_of_white_space_stay_only_in_the_results_of_tools() {
    let mark = json!({"type":"ephemeral"});
    let call = json!({"id":"c","type":"function","function":{"name":"f","arguments":"{}"}});
    let text = |text: &str| json!({"type":"text","text":text});
    let marked = |text: &str| json!({"type":"text","text":text,"cache_control":mark});
    let chat = json!({"messages":[
        {"role":"system","content":" "},
        user(json!([text("a"), marked("\n"), text("")])),
        user("\t"),
        {"role":"assistant","content":"\n\n","tool_calls":[call]},
        {"role":"tool","tool_call_id":"c","content":" "},
        user(json!([marked(" "), text("b")])),
    ]});
    let expected = json!({"messages":[
        user(json!([marked("a")])),
        {"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{}}]},
        user(json!([{"type":"tool_result","tool_use_id":"c","content":" "}, text("b")])),
    ]});
    let blank = "a text of white space is refused";
    let mut losses: Vec<String> = [
        "[0].content",
        "[1].content[1]",
        "[2].content",
        "[3].content",
        "[5].content[0]",
    ]
    .map(|place| format!("`messages{place}`: {blank}"))
    .into();
    losses.push(
        "`messages[5].content[0].cache_control`: it marks a text of white space, with nothing before it"
            .to_owned(),
    );
    let losses: Vec<&str> = losses.iter().map(String::as_str).collect();
    check_chat(chat, "", expected, &losses);

    let chat = json!({"messages":[{"role":"system","content":"a"},user(" ")]}).to_string();
    let chat = ChatRequest::parse(chat.as_bytes()).unwrap();
    assert_eq!(
        from_chat(Surface::Messages, &chat).unwrap_err().to_string(),
        "`messages`: must have one that is no instruction, with more than white space"
    );
}

#[test]
fn ids_of_calls_are_in_the_alphabet_and_still_belong_together() {
    let turn = |first: &str, second: &str| {
        json!({"max_tokens":9,"messages":[user("x"),
            {"role":"assistant","content":[
                {"type":"tool_use","id":first,"name":"f","input":{"id":"a.b"}},
                {"type":"tool_use","id":second,"name":"f","input":{}}]},
            user(json!([
                {"type":"tool_result","tool_use_id":second,"content":"r"},
                {"type":"tool_result","tool_use_id":first,"content":"r"}]))]})
    };
    let taken = turn("toolu_01-aZ", "call_2");
    check(Thinking::Effort, &taken, &taken, &[]);
    // The hashes are FNV-1a of `functions.f:0` and `functions_f:0`.
    check(
        Thinking::Effort,
        &turn("functions.f:0", "functions_f:0"),
        &turn(
            "functions_f_0_4be0e962e9dcd7b8",
            "functions_f_0_75ebc6cdc779b77d",
        ),
        &[],
    );
    check(
        Thinking::Effort,
        &turn("", "c"),
        &turn("_cbf29ce484222325", "c"),
        &[],
    );
}

// === options ===

#[test]
fn there_is_no_choice_among_no_tools() {
    let named = json!({"type":"function","function":{"name":"f"}});
    let lost = ["`tool_choice`: there are no tools to choose from"];
    for (options, losses) in [
        (json!({"tool_choice":"auto"}), &[][..]),
        (json!({"tool_choice":"none","tools":[]}), &[]),
        (json!({"parallel_tool_calls":false}), &[]),
        (json!({"tool_choice":"required","tools":null}), &lost),
        (json!({"tool_choice":named}), &lost),
    ] {
        check_chat(asking(options), "", asking(json!({})), losses);
    }
}

#[test]
fn white_space_ends_no_answer() {
    let check = |stop: Value, expected: Value, places: &[&str]| {
        let losses: Vec<String> = places
            .iter()
            .map(|place| format!("`{place}`: messages do not stop at white space"))
            .collect();
        let losses: Vec<&str> = losses.iter().map(String::as_str).collect();
        check_chat(
            asking(json!({"stop":stop})),
            "/stop_sequences",
            expected,
            &losses,
        );
    };
    check(json!("\n\n"), Value::Null, &["stop"]);
    check(json!(["\n", " "]), Value::Null, &["stop[0]", "stop[1]"]);
    check(json!(["a", "\n", " b"]), json!(["a", " b"]), &["stop[1]"]);
    check(json!(["a"]), json!(["a"]), &[]);
    check(json!([1]), json!([1]), &[]);
}

#[test]
fn a_temperature_and_a_nucleus_do_not_go_together() {
    let lost = "`top_p`: messages are sampled by `temperature` or `top_p`, not both";
    let both = asking(json!({"temperature":0.5,"top_p":0.9}));
    check_chat(both, "", asking(json!({"temperature":0.5})), &[lost]);
    let alone = asking(json!({"top_p":0.9}));
    check_chat(alone.clone(), "", alone, &[]);
    // The temperature cannot stay where there is thinking, so the nucleus can.
    let thinking = asking(json!({"temperature":0.5,"top_p":0.95,"reasoning":{"enabled":true}}));
    let expected = asking(json!({"top_p":0.95,"thinking":{"type":"adaptive"}}));
    let lost = "`temperature`: messages that think are not sampled so";
    check_chat(thinking, "", expected, &[lost]);
}

#[test]
fn schemas_that_are_kept_to_are_closed_and_have_no_bounds() {
    let given = json!({"type":"object","additionalProperties":true,"required":["minimum"],"$defs":{"n":{"type":"number","exclusiveMinimum":0}},
        "properties":{
            "minimum":{"type":"integer","minimum":0,"maximum":9,"multipleOf":3,"enum":[1,2]},
            "list":{"type":"array","minItems":2,"maxItems":4,"items":{"type":["object","null"],"properties":{"a":{"type":"string","minLength":1,"maxLength":2}}}},
            "one":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/n"}},
            "any":{"anyOf":[{"type":"string","pattern":"^a"},{"type":"object","additionalProperties":false}]}}});
    let expected = json!({"type":"object","additionalProperties":false,"required":["minimum"],"$defs":{"n":{"type":"number"}},
        "properties":{
            "minimum":{"type":"integer","enum":[1,2]},
            "list":{"type":"array","items":{"type":["object","null"],"additionalProperties":false,"properties":{"a":{"type":"string"}}}},
            "one":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/n"}},
            "any":{"anyOf":[{"type":"string","pattern":"^a"},{"type":"object","additionalProperties":false}]}}});
    let lost = [
        "$defs.n.exclusiveMinimum",
        "additionalProperties",
        "properties.list.items.properties.a.maxLength",
        "properties.list.items.properties.a.minLength",
        "properties.list.maxItems",
        "properties.list.minItems",
        "properties.minimum.maximum",
        "properties.minimum.minimum",
        "properties.minimum.multipleOf",
    ];
    let tool = |strict: bool| json!({"type":"function","function":{"name":"f","strict":strict,"parameters":given}});
    for (options, path, top) in [
        (
            json!({"response_format":{"type":"json_schema","json_schema":{"schema":given}}}),
            "/output_config/format/schema",
            "response_format.json_schema.schema",
        ),
        (
            json!({"tools":[tool(true)]}),
            "/tools/0/input_schema",
            "tools[0].function.parameters",
        ),
    ] {
        let chat = asking(options).to_string();
        let chat = ChatRequest::parse(chat.as_bytes()).unwrap();
        let message = from_chat(Surface::Messages, &chat).unwrap();
        assert_eq!(value(message.value.object()).pointer(path), Some(&expected));
        let mut places: Vec<&str> = message
            .losses
            .iter()
            .map(|loss| loss.place.as_str())
            .collect();
        places.sort_unstable();
        let expected: Vec<String> = lost.iter().map(|place| format!("{top}.{place}")).collect();
        assert_eq!(places, expected);
    }
    // Nobody is held to it.
    check_chat(
        asking(json!({"tools":[tool(false)]})),
        "/tools/0/input_schema",
        given,
        &[],
    );
}

#[test]
fn members_of_betas_do_not_go_without_their_header() {
    let format = json!({"type":"json_schema","schema":{}});
    let with = |options: Value| {
        let mut request = asking(json!({"max_tokens":9}));
        request
            .as_object_mut()
            .unwrap()
            .extend(options.as_object().unwrap().clone());
        request
    };
    for (given, expected, losses) in [
        (
            json!({"context_management":{"edits":[]},"speed":"fast"}),
            json!({}),
            &["context_management", "speed"][..],
        ),
        (
            json!({"context_management":null,"speed":"standard","mcp_servers":[],"output_format":null}),
            json!({}),
            &[],
        ),
        (
            json!({"output_format":format,"output_config":{"effort":"low"}}),
            json!({"output_config":{"effort":"low","format":format}}),
            &[],
        ),
        (
            json!({"output_format":{},"output_config":{"format":format}}),
            json!({"output_config":{"format":format}}),
            &["output_format"],
        ),
    ] {
        check(Thinking::Effort, &with(given), &with(expected), losses);
    }
    let servers = with(json!({"mcp_servers":[{"type":"url","url":"https://example.com"}]}));
    let request = Request::parse(Surface::Messages, servers.to_string().as_bytes()).unwrap();
    let error = anthropic_from_messages(request, Thinking::Effort).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`mcp_servers`: is a beta and cannot be sent; send functions and run them yourself"
    );
}
