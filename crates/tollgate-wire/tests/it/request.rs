//! Chat and embeddings requests.

use tollgate_wire::{
    CacheControl, ChatRequest, ContentPart, Decimal, Delivery, EmbeddingsRequest, JsonSchema,
    MaxPrice, Message, Modality, Object, Plugin, ProviderPreferences, Raw, Reasoning,
    ReasoningEffort, ResponseFormat, Role, ServiceTier, Tool, ToolChoice,
};

#[test]
fn refusals_name_the_place() {
    let check = |text: &str, expected: &str| {
        let error = ChatRequest::parse(text.as_bytes())
            .and_then(|request| request.messages().map(drop))
            .unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    };
    check(
        "{}",
        "`messages`: is required: an array of at least one message",
    );
    check(
        r#"{"messages":null}"#,
        "`messages`: is required: an array of at least one message",
    );
    check(
        r#"{"messages":[ ]}"#,
        "`messages`: must have at least one message",
    );
    check(
        r#"{"messages":"hi"}"#,
        "`messages`: must be an array of messages",
    );
    check(
        r#"{"messages":[{"role":"user"}],"max_tokens":1,"max_tokens":9}"#,
        "`max_tokens`: is there twice; send it once",
    );
    check(
        r#"{"messages":[{"role":"user"},{"content":"x"}]}"#,
        "`messages[1]`: missing field `role` at line 1 column 15",
    );
    assert!(
        ChatRequest::parse(br#"{"prompt":"Once"}"#)
            .unwrap()
            .messages()
            .unwrap()
            .is_empty()
    );
    assert!(ChatRequest::new([]).is_err());
}

#[test]
fn messages_are_borrowed_views() {
    let request = ChatRequest::parse(
        br#"{"messages":[{"role":"system","content":"a\nb"},{"role":"user","content":[{"type":"text","text":"t"},{"type":"image_url","image_url":{"url":"u"}}],"x":1},{"role":"assistant","content":null,"tool_calls":[]},{"role":"tool","tool_call_id":"c","content":"r"},{"role":"critic","content":"hm"}]}"#,
    )
    .unwrap();
    let messages = request.messages().unwrap();
    let roles: Vec<&str> = messages
        .iter()
        .map(|message| message.role.as_str())
        .collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "critic"]);
    assert_eq!(messages[4].role, Role::Other("critic".to_owned()));
    assert_eq!(messages[0].text().as_deref(), Some("a\nb"));
    assert!(messages[1].text().is_none());
    let parts = messages[1].parts().unwrap();
    assert_eq!(
        (
            parts.len(),
            parts[0].text.as_deref(),
            parts[1].image_url.is_some()
        ),
        (2, Some("t"), true)
    );
    assert!(messages[2].content.is_none() && messages[2].tool_calls.is_some());
    assert_eq!(messages[3].tool_call_id.as_deref(), Some("c"));
}

#[test]
fn a_gateway_changes_only_the_members_it_owns() {
    let text = br#"{"messages":[ {"role":"user","content":"\u0041"} ],"model":"a","temperature":1.0,"seed":1e2}"#;
    let mut request = ChatRequest::parse(text).unwrap();
    request.object_mut().set("model", "b").unwrap();
    let expected = br#"{"messages":[ {"role":"user","content":"\u0041"} ],"model":"b","temperature":1.0,"seed":1e2}"#;
    assert_eq!(request.to_vec(), expected);
}

#[test]
fn the_output_limit_has_two_names_and_the_lower_one_holds() {
    let limit = |members: &str| {
        let text = format!(r#"{{"messages":[{{"role":"user"}}],{members}}}"#);
        ChatRequest::parse(text.as_bytes())
            .unwrap()
            .max_output_tokens()
    };
    assert_eq!(limit(r#""max_tokens":5"#), Some(5));
    assert_eq!(
        limit(r#""max_tokens":5,"max_completion_tokens":7.0"#),
        Some(5)
    );
    assert_eq!(
        limit(r#""max_tokens":5,"max_completion_tokens":null"#),
        Some(5)
    );
    assert_eq!(limit(r#""max_tokens":"lots""#), None);
}

#[test]
fn shorthands_of_reasoning_are_read() {
    let reasoning = |members: &str| {
        let text = format!(r#"{{"messages":[{{"role":"user"}}],{members}}}"#);
        ChatRequest::parse(text.as_bytes())
            .unwrap()
            .reasoning()
            .unwrap()
            .unwrap()
    };
    assert_eq!(
        reasoning(r#""reasoning_effort":"xhigh""#).effort,
        Some(ReasoningEffort::XHigh)
    );
    assert_eq!(
        reasoning(r#""include_reasoning":false"#).exclude,
        Some(true)
    );
    assert_eq!(
        reasoning(r#""reasoning":{"effort":"low"},"reasoning_effort":"high""#).effort,
        Some(ReasoningEffort::Low)
    );
}

#[test]
fn every_builder_writes_its_key() {
    let object = |text: &str| Object::parse(text.as_bytes()).unwrap();
    let mut ceiling = MaxPrice::default();
    ceiling.completion = Some(Decimal::quoted("1.50").unwrap());
    let mut preferences = ProviderPreferences::default();
    preferences.order = Some(vec!["deepinfra/turbo".to_owned()]);
    preferences.max_price = Some(ceiling);
    let schema = Raw::parse(r#"{"type":"object"}"#).unwrap();
    let part = ContentPart::text("t").with_cache_control(CacheControl {
        ttl: Some("1h".to_owned()),
    });
    let request = ChatRequest::new([Message::system("s"), Message::user_parts(&[part])])
        .unwrap()
        .with_model("a/b")
        .with_models(["c/d"])
        .with_provider(preferences)
        .with_max_tokens(9)
        .with_temperature(0.5)
        .with_stop(["x"])
        .with_tool_choice(ToolChoice::Function("f".to_owned()))
        .with_response_format(ResponseFormat::JsonSchema(JsonSchema::new(
            "n",
            schema.clone(),
        )))
        .with_reasoning(Reasoning::with_budget(64))
        .with_modalities(vec![Modality::Text, Modality::Other("smell".to_owned())])
        .with_image_config(object(r#"{"aspect_ratio":"16:9"}"#))
        .with_service_tier(ServiceTier::Flex)
        .with_session_id("s1")
        .with_stream(Delivery::Stream)
        .with_prediction("p")
        .with_tool(&Tool::function("f", "d", schema))
        .unwrap()
        .with_tool(&Tool::server("openrouter:web_search"))
        .unwrap()
        .with_plugin(&Plugin::off("web"))
        .unwrap()
        .with_option("brand_new", &[1, 2])
        .unwrap();
    let expected = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"t","cache_control":{"type":"ephemeral","ttl":"1h"}}]}],"model":"a/b","models":["c/d"],"provider":{"order":["deepinfra/turbo"],"max_price":{"completion":"1.50"}},"max_tokens":9,"temperature":0.5,"stop":["x"],"tool_choice":{"type":"function","function":{"name":"f"}},"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}},"reasoning":{"max_tokens":64},"modalities":["text","smell"],"image_config":{"aspect_ratio":"16:9"},"service_tier":"flex","session_id":"s1","stream":true,"prediction":{"type":"content","content":"p"},"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}},{"type":"openrouter:web_search"}],"plugins":[{"id":"web","enabled":false}],"brand_new":[1,2]}"#;
    assert_eq!(String::from_utf8(request.to_vec()).unwrap(), expected);
    assert!(request.stream());
    assert_eq!(request.models(), ["c/d"]);
    assert_eq!(request.service_tier(), Some(ServiceTier::Flex));
    assert_eq!(request.session_id().as_deref(), Some("s1"));
}

#[test]
fn embeddings_need_input() {
    assert_eq!(
        EmbeddingsRequest::parse(b"{}").unwrap_err().place(),
        "input"
    );
    let request =
        EmbeddingsRequest::parse(br#"{"model":"m","input":[1,2],"dimensions":8.0}"#).unwrap();
    assert_eq!(
        (request.model().as_deref(), request.dimensions()),
        (Some("m"), Some(8))
    );
}
