//! Requests of other surfaces as chats.

use tollgate_wire::{ChatRequest, Request, Surface, from_chat, to_chat};

/// Checks the chat that a request becomes, its messages apart, and what is lost.
fn check(surface: Surface, body: &str, expected: &str, losses: &[&str]) {
    let request = Request::parse(surface, body.as_bytes()).unwrap();
    let chat = to_chat(&request).unwrap();
    assert_eq!(
        String::from_utf8(chat.value.to_vec()).unwrap(),
        expected,
        "{body}"
    );
    let found: Vec<String> = chat.losses.iter().map(ToString::to_string).collect();
    assert_eq!(found, losses, "{body}");
}

/// Checks the messages of the chat that a Responses input becomes.
fn check_input(input: &str, messages: &str, losses: &[&str]) {
    let expected = format!(r#"{{"messages":{messages}}}"#);
    check(
        Surface::Responses,
        &format!(r#"{{"input":{input}}}"#),
        &expected,
        losses,
    );
}

/// Checks the messages of the chat that the messages of Messages become.
fn check_messages(given: &str, messages: &str, losses: &[&str]) {
    let expected = format!(r#"{{"messages":{messages}}}"#);
    check(
        Surface::Messages,
        &format!(r#"{{"messages":{given}}}"#),
        &expected,
        losses,
    );
}

/// Checks options beside one short message.
fn check_option(surface: Surface, option: &str, expected: &str, losses: &[&str]) {
    let prompt = match surface {
        Surface::Responses => r#""input":"x""#,
        Surface::Messages => r#""messages":[{"role":"user","content":"x"}]"#,
        _ => r#""prompt":"x""#,
    };
    let comma = if expected.is_empty() { "" } else { "," };
    check(
        surface,
        &format!("{{{prompt},{option}}}"),
        &format!(r#"{{"messages":[{{"role":"user","content":"x"}}]{comma}{expected}}}"#),
        losses,
    );
}

#[test]
fn keys_that_callers_choose_are_shortened_in_places() {
    let (long, shown) = ("k".repeat(1_000), "k".repeat(64));
    let schema = format!(r#"{{"properties":{{"{long}":{{"minLength":1}}}}}}"#);
    let chat = format!(
        r#"{{"messages":[{{"role":"user","content":"x"}}],"response_format":{{"type":"json_schema","json_schema":{{"schema":{schema}}}}}}}"#
    );
    let chat = ChatRequest::parse(chat.as_bytes()).unwrap();
    let message = from_chat(Surface::Messages, &chat).unwrap();
    let places: Vec<_> = message.losses.iter().map(|loss| &loss.place).collect();
    let place = format!("response_format.json_schema.schema.properties.{shown}….minLength");
    assert_eq!(places, [&place]);
}

fn refuse(surface: Surface, body: &str, expected: &str) {
    let request = Request::parse(surface, body.as_bytes()).unwrap();
    assert_eq!(
        to_chat(&request).unwrap_err().to_string(),
        expected,
        "{body}"
    );
}

#[test]
fn a_chat_stays_as_it_is() {
    let body = r#"{"messages":[{"role":"user","content":"x"}],"temperature":1.10,"odd":[1, 2]}"#;
    check(Surface::Chat, body, body, &[]);
}

#[test]
fn what_has_the_same_name_or_no_known_one_goes_on_as_the_text_it_was() {
    let same = r#""model":"a/b","models":["c/d"],"provider":{"order":["x"]},"plugins":[{"id":"web"}],"temperature":1.10,"top_p":0.90,"parallel_tool_calls":false,"user":"u","service_tier":"flex","cache_control":{"type":"ephemeral"},"session_id":"s","trace":{"a":1.0},"stream":true,"of_tomorrow":1.50"#;
    for surface in [Surface::Responses, Surface::Messages, Surface::Completions] {
        check_option(surface, same, same, &[]);
    }
}

#[test]
fn limits_and_stops_get_the_names_that_chats_have() {
    check_option(
        Surface::Responses,
        r#""max_output_tokens":7,"stop":["a"],"metadata":{"k":"v"}"#,
        r#""max_completion_tokens":7,"stop":["a"],"metadata":{"k":"v"}"#,
        &[],
    );
    check_option(
        Surface::Messages,
        r#""max_tokens":7,"stop_sequences":["a"],"metadata":{"user_id":"m"},"top_k":3"#,
        r#""max_tokens":7,"stop":["a"],"top_k":3,"user":"m""#,
        &[],
    );
    check_option(
        Surface::Messages,
        r#""user":"u","metadata":{"user_id":"m","k":"v"}"#,
        r#""user":"u","metadata":{"k":"v"}"#,
        &["`metadata.user_id`: a chat has one user, and `user` is sent"],
    );
    check_option(
        Surface::Completions,
        r#""max_tokens":7,"stop":"a","n":2,"seed":1"#,
        r#""max_tokens":7,"stop":"a","n":2,"seed":1"#,
        &[],
    );
}

#[test]
fn instructions_and_systems_are_the_first_message() {
    check(
        Surface::Responses,
        r#"{"instructions":"i","input":"x"}"#,
        r#"{"messages":[{"role":"system","content":"i"},{"role":"user","content":"x"}]}"#,
        &[],
    );
    check(
        Surface::Messages,
        r#"{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":"x"}]}"#,
        r#"{"messages":[{"role":"system","content":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}]},{"role":"user","content":"x"}]}"#,
        &[],
    );
    check_input(
        r#"[{"role":"developer","content":"d"},{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}]"#,
        r#"[{"role":"developer","content":"d"},{"role":"user","content":"x"}]"#,
        &[],
    );
}

#[test]
fn parts_of_responses_are_parts_of_chats() {
    check_input(
        r#"[{"role":"user","content":[{"type":"input_text","text":"t","cache_control":{"type":"ephemeral"}},{"type":"input_image","image_url":"data:image/png;base64,AA","detail":"low"},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,BB"},{"type":"input_file","file_url":"https://example.com/a.pdf"},{"type":"input_file","file_id":"file-1"},{"type":"input_audio","input_audio":{"data":"CC","format":"wav"}},{"type":"input_video","video_url":"https://example.com/a.mp4"}]}]"#,
        r#"[{"role":"user","content":[{"type":"text","text":"t","cache_control":{"type":"ephemeral"}},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA","detail":"low"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,BB"}},{"type":"file","file":{"file_data":"https://example.com/a.pdf"}},{"type":"file","file":{"file_id":"file-1"}},{"type":"input_audio","input_audio":{"data":"CC","format":"wav"}},{"type":"video_url","video_url":{"url":"https://example.com/a.mp4"}}]}]"#,
        &[],
    );
}

#[test]
fn blocks_of_messages_are_parts_of_chats() {
    check_messages(
        r#"[{"role":"user","content":[{"type":"text","text":"t"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"},"cache_control":{"type":"ephemeral"}},{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"BB"},"title":"a.pdf","citations":{"enabled":true}},{"type":"document","source":{"type":"text","media_type":"text/plain","data":"plain"},"cache_control":{"type":"ephemeral"}},{"type":"document","source":{"type":"content","content":[{"type":"text","text":"c"}]},"context":"k"}]}]"#,
        r#"[{"role":"user","content":[{"type":"text","text":"t"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"},"cache_control":{"type":"ephemeral"}},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,BB"}},{"type":"text","text":"plain","cache_control":{"type":"ephemeral"}},{"type":"text","text":"c"}]}]"#,
        &[
            "`messages[0].content[3].citations`: chats cannot be asked to cite a file",
            "`messages[0].content[5].context`: files of chats have nothing said about them",
        ],
    );
}

#[test]
fn what_an_assistant_thought_said_and_called_in_several_items_is_one_message() {
    check_input(
        r#"[{"role":"user","content":"x"},{"type":"reasoning","id":"rs_0a","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":"E","format":"openai-responses-v1"},{"type":"message","id":"msg_1","role":"assistant","status":"completed","phase":"commentary","content":[{"type":"output_text","text":"t","annotations":[{"type":"url_citation","url":"https://example.com","title":"e","start_index":0,"end_index":1}],"logprobs":[]},{"type":"refusal","refusal":"no"}]},{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":1.0}","status":"completed"},{"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"o"},{"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"p"},{"type":"input_image","image_url":"https://example.com/a.png"}]},{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"plain"}]},{"type":"web_search_call","id":"ws_1"},{"role":"assistant","content":"a"},{"role":"assistant","content":"b"}]"#,
        r#"[{"role":"user","content":"x"},{"role":"assistant","content":"t","refusal":"no","reasoning_details":[{"type":"reasoning.summary","summary":"s","format":"openai-responses-v1","id":"rs_0a","index":0},{"type":"reasoning.encrypted","data":"E","format":"openai-responses-v1","id":"rs_0a","index":1}],"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1.0}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}],"annotations":[{"type":"url_citation","url_citation":{"url":"https://example.com","title":"e","start_index":0,"end_index":1}}]},{"role":"tool","tool_call_id":"c1","content":"o"},{"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"p"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]},{"role":"assistant","content":"a","reasoning":"plain"},{"role":"assistant","content":"b"}]"#,
        &[
            "`input[2].phase`: chats have no phases",
            "`input[8]`: chats have no items of this kind",
        ],
    );
}

#[test]
fn thinking_calls_and_results_of_messages_stand_where_chats_have_them() {
    check_messages(
        r#"[{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"S"},{"type":"redacted_thinking","data":"R"},{"type":"thinking","thinking":"p","signature":""},{"type":"text","text":"t"},{"type":"tool_use","id":"c1","name":"f","input":{"a": 1.0},"caller":{"type":"direct"}},{"type":"server_tool_use","id":"x","name":"web_search","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"o","cache_control":{"type":"ephemeral"}},{"type":"tool_result","tool_use_id":"c2","is_error":true,"content":[{"type":"text","text":"bad"}]},{"type":"tool_result","tool_use_id":"c3"},{"type":"text","text":"next"}]}]"#,
        r#"[{"role":"assistant","content":"t","reasoning":"p","reasoning_details":[{"type":"reasoning.text","format":"anthropic-claude-v1","text":"a","signature":"S","index":0},{"type":"reasoning.encrypted","format":"anthropic-claude-v1","data":"R","index":1}],"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\": 1.0}"}}]},{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"o","cache_control":{"type":"ephemeral"}}]},{"role":"tool","tool_call_id":"c2","content":"bad"},{"role":"tool","tool_call_id":"c3","content":""},{"role":"user","content":"next"}]"#,
        &[
            "`messages[0].content[5]`: chats have no blocks of this kind",
            "`messages[1].content[1].is_error`: chats do not mark results that are errors; the text says it",
        ],
    );
}

#[test]
fn functions_are_wrapped_as_chats_wrap_them() {
    check_option(
        Surface::Responses,
        r#""tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true,"cache_control":{"type":"ephemeral"}},{"type":"openrouter:datetime"}]"#,
        r#""tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true},"cache_control":{"type":"ephemeral"}},{"type":"openrouter:datetime"}]"#,
        &[],
    );
    check_option(
        Surface::Messages,
        r#""tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"},"input_examples":[{}]},{"type":"custom","name":"g","input_schema":{}}]"#,
        r#""tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}},"cache_control":{"type":"ephemeral"}},{"type":"function","function":{"name":"g","parameters":{}}}]"#,
        &["`tools[0].input_examples`: functions of chats have no such hint"],
    );
}

#[test]
fn the_choice_of_a_tool_keeps_its_meaning() {
    let responses = |choice: &str, expected: &str| {
        check_option(
            Surface::Responses,
            &format!(r#""tool_choice":{choice}"#),
            &format!(r#""tool_choice":{expected}"#),
            &[],
        );
    };
    responses(r#""required""#, r#""required""#);
    responses(r#""none""#, r#""none""#);
    responses(
        r#"{"type":"function","name":"f"}"#,
        r#"{"type":"function","function":{"name":"f"}}"#,
    );
    responses(
        r#"{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]}"#,
        r#"{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}"#,
    );
    let messages = |choice: &str, expected: &str| {
        check_option(
            Surface::Messages,
            &format!(r#""tool_choice":{choice}"#),
            expected,
            &[],
        );
    };
    messages(r#"{"type":"auto"}"#, r#""tool_choice":"auto""#);
    messages(
        r#"{"type":"any","disable_parallel_tool_use":true}"#,
        r#""tool_choice":"required","parallel_tool_calls":false"#,
    );
    messages(r#"{"type":"none"}"#, r#""tool_choice":"none""#);
    messages(
        r#"{"type":"tool","name":"f"}"#,
        r#""tool_choice":{"type":"function","function":{"name":"f"}}"#,
    );
}

#[test]
fn the_form_of_the_answer_is_carried() {
    check_option(
        Surface::Responses,
        r#""text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true},"verbosity":"low"}"#,
        r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}},"verbosity":"low""#,
        &[],
    );
    check_option(
        Surface::Responses,
        r#""text":{"format":{"type":"json_object"},"odd":1}"#,
        r#""response_format":{"type":"json_object"}"#,
        &["`text.odd`: chats have no such option of text"],
    );
    check_option(
        Surface::Messages,
        r#""output_config":{"format":{"type":"json_schema","schema":{"type":"object"}},"task_budget":{}}"#,
        r#""response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"},"strict":true}}"#,
        &["`output_config.task_budget`: chats have no budget of a task"],
    );
}

#[test]
fn reasoning_keeps_its_effort_or_its_budget() {
    check_option(
        Surface::Responses,
        r#""reasoning":{"effort":"high","summary":"auto"}"#,
        r#""reasoning":{"effort":"high","summary":"auto"}"#,
        &[],
    );
    let thinking = |option: &str, expected: &str, losses: &[&str]| {
        let expected = format!(r#""reasoning":{expected}"#);
        check_option(Surface::Messages, option, &expected, losses);
    };
    thinking(
        r#""thinking":{"type":"enabled","budget_tokens":2000}"#,
        r#"{"max_tokens":2000}"#,
        &[],
    );
    thinking(
        r#""thinking":{"type":"disabled"}"#,
        r#"{"enabled":false}"#,
        &[],
    );
    thinking(
        r#""thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"low"}"#,
        r#"{"effort":"low","exclude":true}"#,
        &[],
    );
    thinking(
        r#""thinking":{"type":"enabled","budget_tokens":9},"output_config":{"effort":"low"}"#,
        r#"{"max_tokens":9}"#,
        &["`output_config.effort`: a chat takes a budget or an effort"],
    );
}

#[test]
fn log_probabilities_are_asked_for_in_the_words_of_chats() {
    check_option(
        Surface::Responses,
        r#""top_logprobs":3,"include":["reasoning.encrypted_content","message.output_text.logprobs","file_search_call.results"]"#,
        r#""logprobs":true,"top_logprobs":3"#,
        &["`include[2]`: chats have nothing of the kind to include"],
    );
    check_option(
        Surface::Completions,
        r#""logprobs":2"#,
        r#""logprobs":true,"top_logprobs":2"#,
        &[],
    );
    check_option(
        Surface::Completions,
        r#""logprobs":0"#,
        r#""logprobs":true"#,
        &[],
    );
}

#[test]
fn fallbacks_are_models_and_tiers_have_other_names() {
    check_option(
        Surface::Messages,
        r#""fallbacks":[{"model":"a/b"},{"model":"c/d","max_tokens":1}],"service_tier":"standard_only""#,
        r#""service_tier":"default","models":["a/b","c/d"]"#,
        &["`fallbacks[1].max_tokens`: the fallbacks of a chat differ in model only"],
    );
}

#[test]
fn what_says_no_more_than_its_absence_is_no_loss() {
    check_option(
        Surface::Responses,
        r#""store":false,"background":false,"truncation":"disabled","previous_response_id":null,"prompt":null,"tools":null"#,
        "",
        &[],
    );
    check_option(
        Surface::Completions,
        r#""echo":false,"best_of":1,"suffix":null"#,
        "",
        &[],
    );
}

#[test]
fn each_option_without_a_counterpart_is_listed() {
    check_option(
        Surface::Responses,
        r#""store":true,"truncation":"auto","max_tool_calls":2,"n":2"#,
        "",
        &[
            "`store`: answers are not kept",
            "`truncation`: chats are not shortened",
            "`max_tool_calls`: chats do not count calls of tools",
            "`n`: an answer of this surface is always one",
        ],
    );
    check_option(
        Surface::Messages,
        r#""context_management":{"edits":[]},"speed":"fast","inference_geo":"eu""#,
        "",
        &[
            "`context_management`: chats do not clear what they were sent",
            "`speed`: chats have no speed; see `service_tier`",
            "`inference_geo`: chats have no regions",
        ],
    );
    check_option(
        Surface::Completions,
        r#""echo":true,"best_of":3"#,
        "",
        &[
            "`echo`: a chat's answer does not repeat the prompt",
            "`best_of`: a chat does not choose among answers",
        ],
    );
}

#[test]
fn what_no_chat_can_mean_is_refused_with_its_place() {
    let responses = |body: &str, expected: &str| refuse(Surface::Responses, body, expected);
    responses(
        r#"{"input":"x","previous_response_id":"r"}"#,
        "`previous_response_id`: a chat does not go on from a stored answer; send the whole history in `input`",
    );
    responses(
        r#"{"input":"x","prompt":{"id":"p"}}"#,
        "`prompt`: a chat has no stored prompts; send the text in `instructions` and `input`",
    );
    responses(
        r#"{"input":"x","background":true}"#,
        "`background`: a chat answers while the caller waits; leave it out",
    );
    responses(
        r#"{"input":"x","tools":[{"type":"function","name":"f"},{"type":"web_search"}]}"#,
        "`tools[1].type`: a chat has no tool `web_search`; send functions, or use a provider that speaks this surface",
    );
    responses(
        r#"{"input":"x","tool_choice":{"type":"file_search"}}"#,
        "`tool_choice`: a chat cannot be made to use `file_search`; choose \"auto\", \"required\", \"none\" or a function by name",
    );
    responses(
        r#"{"input":[{"type":"item_reference","id":"i"}]}"#,
        "`input[0]`: a chat has no stored items; send the item itself",
    );
    responses(
        r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","file_id":"f"}]}]}"#,
        "`input[0].content[1].file_id`: a chat has no stored images; send `image_url`, an https or a data URL",
    );
    responses(
        r#"{"input":[{"role":"user","content":[{"type":"odd"}]}]}"#,
        "`input[0].content[0].type`: a chat has no part `odd`; it has text, image, file, audio and video",
    );
    responses(
        r#"{"input":[{"type":"function_call","name":"f","arguments":"{}"}]}"#,
        "`input[0].call_id`: is required",
    );
    let messages = |body: &str, expected: &str| refuse(Surface::Messages, body, expected);
    messages(
        r#"{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"bash_20250124","name":"bash"}]}"#,
        "`tools[0].type`: a chat has no tool `bash_20250124`; send functions, or use a provider that speaks this surface",
    );
    messages(
        r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}"#,
        "`messages[0].content[0].source.type`: a chat has no source `file`; send `base64` or `url`",
    );
    messages(
        r#"{"messages":[{"role":"user","content":"x"}],"mcp_servers":[{}]}"#,
        "`mcp_servers`: a chat does not reach servers of tools; send functions and run them yourself",
    );
    messages(
        r#"{"messages":[{"role":"user"}]}"#,
        "`messages[0].content`: is required",
    );
    let completions = |body: &str, expected: &str| refuse(Surface::Completions, body, expected);
    completions(
        r#"{"prompt":["a","b"]}"#,
        "`prompt`: a chat reads one text; send one request for each prompt",
    );
    completions(
        r#"{"prompt":[1,2]}"#,
        "`prompt`: a chat reads one text, not token ids; send the prompt as a text",
    );
    completions(
        r#"{"prompt":"a","suffix":"b"}"#,
        "`suffix`: a chat cannot fill in a gap; leave it out or use a provider of completions",
    );
    refuse(
        Surface::Embeddings,
        r#"{"input":"a"}"#,
        "`input`: asks for vectors, and a chat answers in words; use a provider of embeddings",
    );
}
