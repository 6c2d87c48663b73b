//! What comes in pieces: reasoning, citations, calls, usage.

use super::*;

/// Checks the items of the response and the blocks of the message that pieces become, and what is lost with both.
fn check_pieces(deltas: &[Value], items: Value, blocks: Value, losses: [&[&str]; 2]) {
    let choice =
        |delta: &Value| json!({"id":"g","model":"m","choices":[{"index":0,"delta":delta}]});
    let mut chunks: Vec<String> = deltas
        .iter()
        .map(|delta| choice(delta).to_string())
        .collect();
    chunks.push(
        json!({"id":"g","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}).to_string(),
    );
    let (events, found) = translate(Surface::Responses, &chunks);
    assert_eq!(
        read_responses(&values(&events))["output"],
        items,
        "{deltas:?}"
    );
    assert_eq!(found, losses[0], "{deltas:?}");
    let (events, found) = translate(Surface::Messages, &chunks);
    assert_eq!(
        read_messages(&values(&events))["content"],
        blocks,
        "{deltas:?}"
    );
    assert_eq!(found, [losses[1], &[NO_USAGE]].concat(), "{deltas:?}");
}

fn call_item(position: usize, id: &str, name: &str, arguments: &str) -> Value {
    json!({"type":"function_call","id":format!("fc_{position}_g"),"call_id":id,"name":name,"arguments":arguments,"status":"completed"})
}

fn call_block(id: &str, name: &str, input: Value) -> Value {
    json!({"type":"tool_use","id":id,"name":name,"input":input})
}

#[test]
fn what_only_its_model_can_read_is_told_in_one_piece() {
    let piece = |data: &str| json!({"reasoning_details":[{"type":"reasoning.encrypted","index":0,"format":"anthropic-claude-v1","data":data}]});
    check_pieces(
        &[piece("X"), piece("Y")],
        json!([{"type":"reasoning","id":"rs_0_g","summary":[],"format":"anthropic-claude-v1","encrypted_content":"XY"}]),
        json!([{"type":"redacted_thinking","data":"XY"}]),
        [&[], &[]],
    );
}

#[test]
fn reasoning_as_text_beside_details_that_are_none_is_kept() {
    check_pieces(
        &[
            json!({"reasoning":"why","reasoning_details":[{"type":"reasoning.encrypted","index":0,"format":"anthropic-claude-v1","data":"X"}]}),
        ],
        json!([{"type":"reasoning","id":"rs_0_g","summary":[],"content":[{"type":"reasoning_text","text":"why"}]},
            {"type":"reasoning","id":"rs_1_g","summary":[],"format":"anthropic-claude-v1","encrypted_content":"X"}]),
        json!([{"type":"thinking","thinking":"why","signature":""},{"type":"redacted_thinking","data":"X"}]),
        [&[], &[]],
    );
}

#[test]
fn what_is_told_of_reasoning_after_its_beginning_or_its_end_is_listed() {
    let detail = |members: Value| json!({"reasoning_details":[members]});
    let text = json!({"type":"output_text","text":"t","annotations":[],"logprobs":[]});
    check_pieces(
        &[
            detail(json!({"type":"reasoning.text","index":0,"format":"f","text":"a"})),
            detail(json!({"index":0,"id":"late"})),
            json!({"content":"t"}),
            detail(json!({"index":0,"signature":"S"})),
        ],
        json!([{"type":"reasoning","id":"rs_0_g","summary":[],"format":"f","content":[{"type":"reasoning_text","text":"a"}]},
            {"type":"message","id":"msg_1_g","role":"assistant","status":"completed","content":[text]}]),
        json!([{"type":"thinking","thinking":"a","signature":"","detail":{"type":"reasoning.text","format":"f"}},
            {"type":"text","text":"t","citations":[]}]),
        [
            &[
                "`choices[0].message.reasoning_details.id`: it came after the item had begun",
                "`choices[0].message.reasoning_details[0]`: it came after its end had been told",
            ],
            &[
                "`choices[0].message.reasoning_details`: some of it came after the block had begun",
                "`choices[0].message.reasoning_details[0]`: it came after its end had been told",
            ],
        ],
    );
}

#[test]
fn reasoning_without_a_signature_is_told_as_text_and_its_format_is_listed() {
    check_pieces(
        &[
            json!({"reasoning_details":[{"type":"reasoning.text","index":0,"format":"anthropic-claude-v1","text":"a"}]}),
        ],
        json!([{"type":"reasoning","id":"rs_0_g","summary":[],"format":"anthropic-claude-v1","content":[{"type":"reasoning_text","text":"a"}]}]),
        json!([{"type":"thinking","thinking":"a","signature":""}]),
        [
            &[],
            &[
                "`choices[0].message.reasoning_details`: without a signature it comes back as text alone",
            ],
        ],
    );
}

#[test]
fn citations_wait_for_their_text_and_come_too_late_after_it() {
    let cite =
        json!({"annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t"}}]});
    let call =
        json!({"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]});
    let late = "`choices[0].message.annotations[0]`: it came after its end had been told";
    check_pieces(
        &[cite.clone(), json!({"content":"x"}), call, cite.clone()],
        json!([{"type":"message","id":"msg_0_g","role":"assistant","status":"completed","content":[
                {"type":"output_text","text":"x","annotations":[{"type":"url_citation","url":"u","title":"t"}],"logprobs":[]}]},
            call_item(1, "c", "f", "{}")]),
        json!([{"type":"text","text":"x","citations":[{"type":"web_search_result_location","url":"u","title":"t","cited_text":"","encrypted_index":""}]},
            call_block("c", "f", json!({}))]),
        [&[late], &[late]],
    );
    let homeless = "`choices[0].message.annotations`: there is no text that they belong to";
    check_pieces(&[cite], json!([]), json!([]), [&[homeless], &[homeless]]);
}

#[test]
fn a_call_begins_when_its_name_is_known() {
    let piece = |function: Value| json!({"tool_calls":[{"index":0,"id":"c","function":function}]});
    check_pieces(
        &[
            piece(json!({"arguments":""})),
            piece(json!({"name":"f","arguments":"{}"})),
        ],
        json!([call_item(0, "c", "f", "{}")]),
        json!([call_block("c", "f", json!({}))]),
        [&[], &[]],
    );
}

#[test]
fn calls_are_told_apart_by_index_id_or_name() {
    let calls = |pieces: &[Value], ids: [&str; 2]| {
        let deltas: Vec<Value> = pieces
            .iter()
            .map(|piece| json!({"tool_calls":[piece]}))
            .collect();
        check_pieces(
            &deltas,
            json!([
                call_item(0, ids[0], "f", "{\"a\":1}"),
                call_item(1, ids[1], "g", "{}")
            ]),
            json!([
                call_block(ids[0], "f", json!({"a":1})),
                call_block(ids[1], "g", json!({}))
            ]),
            [&[], &[]],
        );
    };
    calls(
        &[
            json!({"index":0,"id":"a","function":{"name":"f","arguments":"{\"a\":1}"}}),
            json!({"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}),
        ],
        ["a", "b"],
    );
    calls(
        &[
            json!({"id":"a","function":{"name":"f","arguments":"{\"a\""}}),
            json!({"id":"b","function":{"name":"g","arguments":"{}"}}),
            json!({"id":"a","function":{"arguments":":1}"}}),
        ],
        ["a", "b"],
    );
    calls(
        &[
            json!({"function":{"name":"f","arguments":"{\"a\""}}),
            json!({"function":{"arguments":":1}"}}),
            json!({"function":{"name":"g","arguments":{}}}),
        ],
        ["call_0_g", "call_1_g"],
    );
}

#[test]
fn usage_is_taken_from_each_of_its_three_forms() {
    for choices in [
        json!([]),
        json!([{"index":0,"delta":{"content":""},"finish_reason":null}]),
        json!([{"index":0,"delta":{"content":""},"finish_reason":"stop"}]),
    ] {
        let chunks = [
            json!({"id":"g","choices":[{"index":0,"delta":{"content":"t"},"finish_reason":"stop"}]}).to_string(),
            json!({"id":"g","choices":choices,"usage":{"completion_tokens":7}}).to_string(),
        ];
        let (events, _) = translate(Surface::Responses, &chunks);
        let response = read_responses(&values(&events));
        assert_eq!(
            response["usage"],
            json!({"input_tokens":0,"output_tokens":7,"total_tokens":7,
                "input_tokens_details":{"cached_tokens":0},"output_tokens_details":{"reasoning_tokens":0}})
        );
        // Chunks that do not say who serves: it is told as asked.
        assert_eq!(response["model"], "asked/for");
        let (events, losses) = translate(Surface::Messages, &chunks);
        let message = read_messages(&values(&events));
        assert_eq!(
            (&message["usage"]["output_tokens"], &message["model"]),
            (&json!(7), &json!("asked/for"))
        );
        assert_eq!(losses, [""; 0]);
    }
}

#[test]
fn log_probabilities_come_with_their_text_and_count_from_its_beginning() {
    let chunk = |text: &str| {
        json!({"id":"g","choices":[{"index":0,"delta":{"content":text},"finish_reason":"stop",
            "logprobs":{"content":[{"token":text,"logprob":-1}]}}]})
        .to_string()
    };
    let chunks = [chunk("\u{e9}"), chunk("b")];
    let (events, _) = translate(Surface::Responses, &chunks);
    let events = values(&events);
    let deltas = events
        .iter()
        .filter(|event| text(event, "type").ends_with(".delta"));
    let told: Vec<&Value> = deltas.map(|event| &event["logprobs"]).collect();
    assert_eq!(
        told,
        [
            &json!([{"token":"\u{e9}","logprob":-1}]),
            &json!([{"token":"b","logprob":-1}])
        ]
    );
    let (events, _) = translate(Surface::Completions, &chunks);
    let offsets: Vec<Value> = values(&events)
        .iter()
        .map(|event| event["choices"][0]["logprobs"]["text_offset"].clone())
        .collect();
    assert_eq!(offsets, [json!([0]), json!([1])]);
}
