//! Every value is checked by a reader of schemas that shares nothing with the maker.

use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::{collection, option, proptest};
use serde_json::{Map, Value, json};

use super::instance;
use crate::draw::Draw;

/// Whether `value` is valid for `schema`, by the keywords that the maker knows.
fn is_valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let at = |key: &str| schema.get(key);
    let number = |key: &str| at(key).and_then(Value::as_f64);
    let all = |key: &str, check: &dyn Fn(&Value) -> bool| {
        at(key)
            .and_then(Value::as_array)
            .is_none_or(|list| list.iter().all(check))
    };
    let some = |key: &str, check: &dyn Fn(&Value) -> bool| {
        at(key)
            .and_then(Value::as_array)
            .is_none_or(|list| list.iter().any(check))
    };
    let of_type = |name: &Value| match name.as_str().unwrap() {
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_null(),
    };
    let typed = match at("type") {
        None => true,
        Some(Value::Array(names)) => names.iter().any(of_type),
        Some(name) => of_type(name),
    };
    let within = |found: f64, least: &str, most: &str| {
        number(least).is_none_or(|least| found >= least)
            && number(most).is_none_or(|most| found <= most)
    };
    let sub = |schema: &Value| is_valid(root, schema, value);
    let fits = match value {
        Value::String(text) => within(text.chars().count() as f64, "minLength", "maxLength"),
        Value::Number(found) => {
            let found = found.as_f64().unwrap();
            within(found, "minimum", "maximum")
                && number("exclusiveMinimum").is_none_or(|low| found > low)
                && number("exclusiveMaximum").is_none_or(|high| found < high)
                && number("multipleOf").is_none_or(|step| (found / step).fract() == 0.0)
        }
        Value::Array(items) => {
            let first = at("prefixItems")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            let unique = at("uniqueItems") != Some(&json!(true))
                || items
                    .iter()
                    .enumerate()
                    .all(|(index, item)| !items[..index].contains(item));
            within(items.len() as f64, "minItems", "maxItems")
                && unique
                && items.iter().enumerate().all(|(index, item)| {
                    let schema = if index < first {
                        &schema["prefixItems"][index]
                    } else {
                        at("items").unwrap_or(&Value::Null)
                    };
                    is_valid(root, schema, item)
                })
        }
        Value::Object(fields) => {
            all("required", &|name| {
                fields.contains_key(name.as_str().unwrap())
            }) && fields.iter().all(|(name, field)| {
                let own = at("properties").and_then(|properties| properties.get(name));
                let schema = own.or(at("additionalProperties")).unwrap_or(&Value::Null);
                is_valid(root, schema, field)
            })
        }
        _ => true,
    };
    schema != &Value::Bool(false)
        && at("$ref")
            .is_none_or(|reference| sub(root.pointer(&reference.as_str().unwrap()[1..]).unwrap()))
        && at("const").is_none_or(|wanted| wanted == value)
        && some("enum", &|wanted| wanted == value)
        && all("allOf", &sub)
        && some("anyOf", &sub)
        && some("oneOf", &sub)
        && typed
        && fits
}

#[test]
fn values_are_valid_for_their_schema() {
    let tree = json!({
        "type": "object", "required": ["name", "children"], "additionalProperties": false,
        "properties": {
            "name": {"type": "string"}, "parent": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
            "children": {"type": "array", "items": {"$ref": "#"}},
        },
    });
    let model = json!({
        "$defs": {"City": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "minLength": 12}}}},
        "type": "object", "required": ["city", "other", "third", "twin", "note", "more"],
        "properties": {
            "city": {"allOf": [{"$ref": "#/$defs/City"}], "description": "where"},
            "other": {"allOf": [{"$ref": "#/$defs/City"}]}, "third": {"$ref": "#/$defs/City"}, "twin": {"$ref": "#/$defs/City"},
            "note": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
        },
        "additionalProperties": {"type": "integer", "exclusiveMinimum": 4, "multipleOf": 5},
    });
    for schema in [
        tree,
        model,
        json!({"$ref": "#/$defs/Node", "$defs": {"Node": {
            "type": "object", "properties": {"next": {"allOf": [{"$ref": "#/$defs/Node"}]}}, "required": [],
        }}}),
        json!({"anyOf": [true, {"type": "null"}]}),
        json!({}),
        json!(true),
        json!({"type": "object", "required": ["x"]}),
        json!({"properties": {"x": {"const": "y"}}, "required": ["x"]}),
        json!({"type": ["null", "boolean"]}),
        json!({"type": "string", "format": "uuid"}),
        json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
        json!({"type": "number", "maximum": -0.5}),
        json!({"type": "integer", "minimum": 1.5, "maximum": 2}),
        json!({"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": true, "minItems": 3}),
        json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false, "minItems": 2}),
        json!({"type": "array", "items": {"type": "string"}, "maxItems": 0}),
        json!({"type": "object", "properties": {"kind": {"type": "string"}}, "oneOf": [
            {"properties": {"kind": {"const": "a"}, "a": {"type": "integer"}}, "required": ["kind", "a"]},
            {"properties": {"kind": {"const": "b"}}, "required": ["kind"]},
        ]}),
    ] {
        for seed in 0..20 {
            let value = instance(&schema, &mut Draw::new(seed, &[]));
            assert!(is_valid(&schema, &schema, &value), "{schema}: {value}");
        }
    }
}

#[test]
fn the_reader_of_these_tests_can_say_no() {
    for (schema, value) in [
        (json!({"type": "string"}), json!(1)),
        (json!({"enum": ["a"]}), json!("b")),
        (json!({"type": "object", "required": ["x"]}), json!({})),
        (
            json!({"type": "array", "items": {"type": "null"}}),
            json!([1]),
        ),
        (json!({"type": "integer", "maximum": 3}), json!(4)),
        (json!({"type": "array", "uniqueItems": true}), json!([1, 1])),
        (json!({"anyOf": [{"type": "null"}]}), json!(0)),
    ] {
        assert!(!is_valid(&schema, &schema, &value), "{schema}: {value}");
    }
}

/// Schemas as clients write them, three deep. Bounds are close together, so that they meet.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (option::of(0..20_u8), 0..20_u8).prop_map(|(least, more)| match least {
            Some(least) => json!({"type": "string", "minLength": least, "maxLength": least + more}),
            None => json!({"type": "string", "maxLength": more}),
        }),
        (-9..9_i8, 5..9_i8, option::of(1..4_u8)).prop_map(|(low, more, step)| {
            let mut schema = json!({"type": "integer", "minimum": low, "maximum": low + more});
            if let Some(step) = step {
                schema["multipleOf"] = json!(step);
            }
            schema
        }),
        (-9..9_i8, 1..9_i8).prop_map(|(low, more)| {
            json!({"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + more})
        }),
        collection::vec(any::<u8>(), 1..4).prop_map(|values| json!({"enum": values})),
        any::<i32>().prop_map(|value| json!({"const": value})),
        any::<bool>().prop_map(|_| json!({"type": ["boolean", "null"]})),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let field = ("[a-d]", inner.clone(), any::<bool>());
        prop_oneof![
            collection::vec(field, 0..4).prop_map(|fields| {
                let required: Vec<&String> = fields.iter().filter(|field| field.2).map(|field| &field.0).collect();
                let properties: Map<String, Value> =
                    fields.iter().map(|field| (field.0.clone(), field.1.clone())).collect();
                json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
            }),
            (inner.clone(), 0..4_u8, 0..4_u8).prop_map(|(items, least, more)| {
                json!({"type": "array", "items": items, "minItems": least, "maxItems": least + more})
            }),
            collection::vec(inner, 1..3).prop_map(|choices| json!({"anyOf": choices})),
        ]
    })
}

proptest! {
    #[test]
    fn any_schema_gets_a_valid_value(schema in schemas(), seed in any::<u64>()) {
        let value = instance(&schema, &mut Draw::new(seed, &[]));
        proptest::prop_assert!(is_valid(&schema, &schema, &value), "{schema}: {value}");
    }
}
