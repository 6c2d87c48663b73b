//! A value that satisfies a JSON Schema, for structured answers and tool calls.

use serde_json::{Map, Value, json};

use crate::draw::Draw;

/// Deep enough for any sensible schema, and an end for recursive ones.
const MAX_DEPTH: u32 = 8;

/// Makes a value for the common keywords (`type`, `properties`, `items`, `enum`,
/// `const`, `anyOf`, `oneOf`, local `$ref`, minima); others are not looked at.
pub(crate) fn instance(schema: &Value, draw: &mut Draw) -> Value {
    Maker { root: schema }.make(schema, draw, 0)
}

struct Maker<'a> {
    root: &'a Value,
}

impl Maker<'_> {
    fn make(&self, schema: &Value, draw: &mut Draw, depth: u32) -> Value {
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = reference
                .strip_prefix('#')
                .and_then(|pointer| self.root.pointer(pointer));
            return target.map_or(Value::Null, |target| self.make(target, draw, depth + 1));
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = list(schema, "enum") {
            return draw.pick(&values.iter().collect::<Vec<_>>()).clone();
        }
        if let Some(choices) = list(schema, "anyOf").or_else(|| list(schema, "oneOf")) {
            return self.make(&choices[0], draw, depth + 1);
        }
        match type_of(schema) {
            "object" => self.object(schema, draw, depth),
            "array" => self.array(schema, draw, depth),
            "string" => json!(format!("text {}", draw.below(100))),
            "integer" => json!(
                bound(schema, "minimum")
                    .unwrap_or(0)
                    .saturating_add(draw.below(3).cast_signed())
            ),
            "number" => json!(bound(schema, "minimum").unwrap_or(1)),
            "boolean" => json!(draw.below(2) == 1),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &Value, draw: &mut Draw, depth: u32) -> Value {
        let properties = schema.get("properties").and_then(Value::as_object);
        let fields: Map<String, Value> = properties
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.clone(), self.make(schema, draw, depth + 1)))
            .collect();
        Value::Object(fields)
    }

    fn array(&self, schema: &Value, draw: &mut Draw, depth: u32) -> Value {
        let Some(items) = schema.get("items") else {
            return json!([]);
        };
        let count = bound(schema, "minItems").unwrap_or(1).clamp(0, 20);
        (0..count)
            .map(|_| self.make(items, draw, depth + 1))
            .collect()
    }
}

/// The first type that is not null; an object when there are properties.
fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or("null"),
        _ if schema.get("properties").is_some() => "object",
        _ => "null",
    }
}

fn list<'a>(schema: &'a Value, key: &str) -> Option<&'a Vec<Value>> {
    schema
        .get(key)
        .and_then(Value::as_array)
        .filter(|values| !values.is_empty())
}

fn bound(schema: &Value, key: &str) -> Option<i64> {
    schema.get(key).and_then(Value::as_i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::instance;
    use crate::draw::Draw;

    #[test]
    fn values_have_the_shape_of_their_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"enum": ["c"]},
                "days": {"type": ["integer", "null"], "minimum": 5},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2},
            },
            "$defs": {"tag": {"const": "x"}},
        });
        let value = instance(&schema, &mut Draw::new(1, &[]));
        assert!(
            value["city"].is_string() && value["days"].as_i64() >= Some(5),
            "{value}"
        );
        assert_eq!(
            (&value["unit"], &value["tags"]),
            (&json!("c"), &json!(["x", "x"]))
        );
    }

    #[test]
    fn a_recursive_schema_ends() {
        let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}}});
        assert!(instance(&schema, &mut Draw::new(1, &[])).to_string().len() < 200);
    }
}
