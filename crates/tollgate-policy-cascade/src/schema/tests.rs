use serde_json::{Value, json};

use super::follows;

fn check(schema: Value, good: &[Value], bad: &[Value]) {
    for value in good {
        assert!(follows(value, &schema), "{value} follows {schema}");
    }
    for value in bad {
        assert!(!follows(value, &schema), "{value} does not follow {schema}");
    }
}

#[test]
fn types_are_told_apart() {
    check(
        json!({"type": "integer"}),
        &[json!(3), json!(3.0), json!(-1)],
        &[json!(3.5), json!("3"), json!(null)],
    );
    check(
        json!({"type": ["string", "null"]}),
        &[json!("a"), json!(null)],
        &[json!(1), json!([])],
    );
    check(json!({"type": "boolean"}), &[json!(true)], &[json!(0)]);
    check(json!({"type": "number"}), &[json!(0.5)], &[json!({})]);
}

#[test]
fn objects_have_what_is_required_and_nothing_that_is_barred() {
    check(
        json!({
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name"],
            "additionalProperties": false,
        }),
        &[json!({"name": "Ada"}), json!({"name": "Ada", "age": 36})],
        &[
            json!({}),
            json!({"name": 1}),
            json!({"name": "Ada", "born": 1815}),
            json!([]),
        ],
    );
    check(
        json!({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}),
        &[json!({"a": "x", "b": 1}), json!("no object")],
        &[json!({"b": "x"})],
    );
}

#[test]
fn values_come_from_a_list() {
    check(
        json!({"enum": ["a", 1]}),
        &[json!("a"), json!(1), json!(1.0)],
        &[json!("b")],
    );
    check(
        json!({"const": {"a": 1}}),
        &[json!({"a": 1})],
        &[json!({"a": 2})],
    );
}

#[test]
fn items_follow_their_schema_and_their_number_is_bound() {
    check(
        json!({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2}),
        &[json!(["a"]), json!(["a", "b"])],
        &[json!([]), json!([1]), json!(["a", "b", "c"])],
    );
}

#[test]
fn numbers_and_lengths_are_bound() {
    check(
        json!({"minimum": 0, "exclusiveMaximum": 10}),
        &[json!(0), json!(9.9), json!("no number")],
        &[json!(-1), json!(10)],
    );
    check(
        json!({"minLength": 2, "maxLength": 3}),
        &[json!("äö"), json!("abc")],
        &[json!("ä"), json!("abcd")],
    );
}

#[test]
fn schemas_combine() {
    let (text, short) = (json!({"type": "string"}), json!({"maxLength": 2}));
    check(
        json!({"allOf": [text, short]}),
        &[json!("ab")],
        &[json!("abc"), json!(1)],
    );
    check(
        json!({"anyOf": [text, {"type": "null"}]}),
        &[json!("ab"), json!(null)],
        &[json!(1)],
    );
    check(
        json!({"oneOf": [text, {"type": "null"}]}),
        &[json!("ab"), json!(null)],
        &[json!(1)],
    );
}

#[test]
fn references_lead_into_the_document() {
    check(
        json!({
            "$ref": "#/$defs/node",
            "$defs": {"node": {
                "type": "object",
                "required": ["value"],
                "properties": {"next": {"$ref": "#/$defs/node"}},
            }},
        }),
        &[json!({"value": 1, "next": {"value": 2}})],
        &[json!({"value": 1, "next": {}})],
    );
}

#[test]
fn what_is_not_understood_rejects_nothing() {
    check(
        json!({"format": "date", "pattern": "^a$", "type": "odd", "$ref": "https://example.com/"}),
        &[json!("b"), json!(1)],
        &[],
    );
    let [date, id] = ["date", "uuid"].map(|format| json!({"type": "string", "format": format}));
    check(json!({"oneOf": [date, id]}), &[json!("2026-01-01")], &[]);
    check(json!(true), &[json!(1)], &[]);
    check(json!(false), &[], &[json!(1)]);
}

#[test]
fn a_schema_that_leads_to_itself_comes_to_an_end() {
    let twice = json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}]});
    assert!(follows(&json!(1), &twice));
}
