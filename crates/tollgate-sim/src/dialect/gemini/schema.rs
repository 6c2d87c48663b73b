//! Google's schemas as JSON Schema.

use serde_json::{Map, Value, json};

/// The same schema with its types in small letters, as JSON Schema has them. `nullable` only allows
/// a null, so it asks for nothing.
pub(super) fn json_schema(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => Value::Object(fields.iter().map(field).collect::<Map<_, _>>()),
        Value::Array(schemas) => schemas.iter().map(json_schema).collect(),
        other => other.clone(),
    }
}

fn field((key, value): (&String, &Value)) -> (String, Value) {
    let value = match (key.as_str(), value) {
        ("type", Value::String(kind)) => json!(kind.to_lowercase()),
        // What can be said is no schema.
        ("enum" | "example" | "default", value) => value.clone(),
        // Numbers that Google writes as texts.
        ("minItems" | "maxItems" | "minLength" | "maxLength", Value::String(number)) => number
            .parse::<u64>()
            .map_or_else(|_| value.clone(), Value::from),
        (_, value) => json_schema(value),
    };
    (key.clone(), value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::json_schema;

    #[test]
    fn types_are_small_and_everything_else_stays() {
        let google = json!({
            "type": "OBJECT",
            "properties": {"type": {"type": "STRING", "enum": ["A"]}, "n": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "2"}},
        });
        let plain = json!({
            "type": "object",
            "properties": {"type": {"type": "string", "enum": ["A"]}, "n": {"type": "array", "items": {"type": "integer"}, "minItems": 2}},
        });
        assert_eq!(json_schema(&google), plain);
    }
}
