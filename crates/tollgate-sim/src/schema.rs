//! A value that satisfies a JSON Schema, for structured answers and tool calls.

use std::slice;

use serde_json::{Map, Value, json};

use crate::draw::Draw;

/// As many items as are made for a schema that wants at least so many.
const MOST_ITEMS: usize = 1_000;

/// How often an item that must be different is drawn.
const TRIES: usize = 100;

/// Texts of the formats that clients check.
const FORMATS: [(&str, &str); 10] = [
    ("date-time", "2026-08-08T12:00:00Z"),
    ("date", "2026-08-08"),
    ("time", "12:00:00Z"),
    ("duration", "P1D"),
    ("email", "someone@example.com"),
    ("hostname", "example.com"),
    ("ipv4", "192.0.2.1"),
    ("ipv6", "2001:db8::1"),
    ("uri", "https://example.com/"),
    ("uuid", "00000000-0000-4000-8000-000000000001"),
];

/// Makes a value that is valid for the schema, as far as `type`, `properties`, `required`,
/// `additionalProperties`, `items`, `prefixItems`, `enum`, `const`, `allOf`, `anyOf`, `oneOf`, local
/// `$ref`, `format` and the bounds go. Others, `pattern` above all, are not looked at.
pub(crate) fn instance(schema: &Value, draw: &mut Draw) -> Value {
    let mut maker = Maker {
        root: schema,
        inside: vec!["#".to_owned()],
    };
    maker.make(schema, draw).unwrap_or(Value::Null)
}

struct Maker<'a> {
    root: &'a Value,
    /// The references that the current value is inside of. A schema inside itself is left out
    /// where it can be, so that recursive ones end.
    inside: Vec<String>,
}

impl<'a> Maker<'a> {
    /// `None` where only a schema inside itself, or nothing at all, is valid.
    fn make(&mut self, schema: &Value, draw: &mut Draw) -> Option<Value> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return self.referred(reference, draw);
        }
        if let Some(value) = schema.get("const") {
            return Some(value.clone());
        }
        if let Some(values) = list(schema, "enum") {
            return Some(draw.pick(&values.iter().collect::<Vec<_>>()).clone());
        }
        if let Some(parts) = list(schema, "allOf") {
            return self.all(without(schema, "allOf"), parts, draw);
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(choices) = list(schema, key) {
                let rest = without(schema, key);
                return choices
                    .iter()
                    .find_map(|choice| self.all(rest.clone(), slice::from_ref(choice), draw));
            }
        }
        match type_of(schema) {
            "object" => self.object(schema, draw),
            "array" => self.array(schema, draw),
            "string" => Some(json!(string(schema, draw))),
            "integer" => Some(integer(schema, draw)),
            "number" => Some(number(schema)),
            "boolean" => Some(json!(draw.below(2) == 1)),
            _ => (schema != &Value::Bool(false)).then_some(Value::Null),
        }
    }

    fn referred(&mut self, reference: &str, draw: &mut Draw) -> Option<Value> {
        let target = self.enter(reference)?;
        let value = self.make(target, draw);
        self.inside.pop();
        value
    }

    /// A value for a schema and all of the parts.
    fn all(&mut self, mut whole: Value, parts: &[Value], draw: &mut Draw) -> Option<Value> {
        let outside = self.inside.len();
        let mut is_possible = true;
        for part in parts {
            let reference = part.get("$ref").and_then(Value::as_str);
            match reference.map(|reference| self.enter(reference)) {
                None => whole = merged(&whole, part),
                Some(Some(target)) => whole = merged(&whole, target),
                Some(None) => is_possible = false,
            }
        }
        let value = is_possible.then(|| self.make(&whole, draw)).flatten();
        self.inside.truncate(outside);
        value
    }

    /// The schema of a reference, unless it is inside itself.
    fn enter(&mut self, reference: &str) -> Option<&'a Value> {
        if self.inside.iter().any(|outer| outer == reference) {
            return None;
        }
        let target = self.root.pointer(reference.strip_prefix('#')?)?;
        self.inside.push(reference.to_owned());
        Some(target)
    }

    fn object(&mut self, schema: &Value, draw: &mut Draw) -> Option<Value> {
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut fields = Map::new();
        for (name, schema) in properties.into_iter().flatten() {
            match self.make(schema, draw) {
                Some(value) => drop(fields.insert(name.clone(), value)),
                None if required.contains(&name.as_str()) => return None,
                None => {}
            }
        }
        // What is required and has no schema of its own has that of all others.
        for name in required {
            if !fields.contains_key(name) {
                let others = schema.get("additionalProperties").unwrap_or(&Value::Null);
                fields.insert(name.to_owned(), self.make(others, draw)?);
            }
        }
        Some(Value::Object(fields))
    }

    fn array(&mut self, schema: &Value, draw: &mut Draw) -> Option<Value> {
        let least = size(schema, "minItems").unwrap_or(0);
        let most = size(schema, "maxItems").unwrap_or(usize::MAX);
        let is_unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let first = list(schema, "prefixItems").map_or(&[][..], Vec::as_slice);
        let others = schema.get("items").filter(|items| items.is_object());
        // One item shows more than none.
        let wish = first.len().max(usize::from(others.is_some()));
        let count = least.max(wish).min(most).min(MOST_ITEMS);
        let mut items: Vec<Value> = Vec::new();
        for index in 0..count {
            let schema = first.get(index).or(others).unwrap_or(&Value::Null);
            let mut item = self.make(schema, draw);
            // Drawing again finds another, most likely, if there is one.
            for _ in 0..TRIES {
                if !is_unique || item.as_ref().is_none_or(|item| !items.contains(item)) {
                    break;
                }
                item = self.make(schema, draw);
            }
            match item {
                Some(item) if is_unique && items.contains(&item) => break,
                Some(item) => items.push(item),
                None => break,
            }
        }
        (items.len() >= least.min(MOST_ITEMS)).then_some(Value::Array(items))
    }
}

/// A text of a fitting length.
fn string(schema: &Value, draw: &mut Draw) -> String {
    let text = format!("text {}", draw.below(100));
    let format = schema.get("format").and_then(Value::as_str);
    if let Some((_, sample)) = FORMATS.iter().find(|(name, _)| Some(*name) == format) {
        return (*sample).to_owned();
    }
    let least = size(schema, "minLength").unwrap_or(0);
    let most = size(schema, "maxLength").unwrap_or(usize::MAX);
    text.chars()
        .chain(std::iter::repeat('x'))
        .take(text.len().max(least).min(most))
        .collect()
}

fn integer(schema: &Value, draw: &mut Draw) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let above = bound("exclusiveMinimum").map(|above| above.floor() + 1.0);
    let below = bound("exclusiveMaximum").map(|below| below.ceil() - 1.0);
    let low = bound("minimum").map(f64::ceil).or(above).unwrap_or(0.0);
    let high = bound("maximum").map(f64::floor).or(below);
    whole(stepped(low + draw.below(3) as f64, high, schema))
}

fn number(schema: &Value) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let (above, below) = (bound("exclusiveMinimum"), bound("exclusiveMaximum"));
    let (low, high) = (bound("minimum").or(above), bound("maximum").or(below));
    let is_open = above.is_some() || below.is_some();
    let wish = match (low, high) {
        (Some(low), Some(high)) if is_open => f64::midpoint(low, high),
        (Some(low), None) if is_open => low + 1.0,
        (None, Some(high)) if is_open => high - 1.0,
        _ => low.unwrap_or(1.0),
    };
    let number = stepped(wish, high, schema);
    if number.fract() == 0.0 {
        whole(number)
    } else {
        json!(number)
    }
}

/// The multiple of the schema's step next to a wish, at most the upper bound.
fn stepped(wish: f64, high: Option<f64>, schema: &Value) -> f64 {
    let wish = high.map_or(wish, |high| wish.min(high));
    let step = schema.get("multipleOf").and_then(Value::as_f64);
    let Some(step) = step.filter(|step| *step > 0.0) else {
        return wish;
    };
    let above = (wish / step).ceil() * step;
    if high.is_some_and(|high| above > high) {
        (wish / step).floor() * step
    } else {
        above
    }
}

/// A whole number, written as one.
fn whole(number: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it saturates, and bounds so wide get a bound"
    )]
    let number = number as i64;
    json!(number)
}

/// The first type that is not null; where there is none, the one that the other keys speak of.
fn type_of(schema: &Value) -> &str {
    const TELLING: [(&str, &str); 8] = [
        ("properties", "object"),
        ("required", "object"),
        ("items", "array"),
        ("prefixItems", "array"),
        ("minLength", "string"),
        ("format", "string"),
        ("minimum", "number"),
        ("maximum", "number"),
    ];
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or("null"),
        _ => TELLING
            .iter()
            .find(|(key, _)| schema.get(key).is_some())
            .map_or("null", |(_, name)| name),
    }
}

/// Both schemas in one: properties and required names of both, and else the second's word.
fn merged(first: &Value, second: &Value) -> Value {
    let (Some(first), Some(second)) = (first.as_object(), second.as_object()) else {
        let is_free = second == &Value::Bool(true);
        return if is_free { first } else { second }.clone();
    };
    let mut whole = first.clone();
    for (key, value) in second {
        match (whole.get_mut(key), value) {
            (Some(Value::Object(known)), Value::Object(more)) if key == "properties" => {
                known.extend(more.clone());
            }
            (Some(Value::Array(known)), Value::Array(more)) if key == "required" => {
                known.extend(more.clone());
            }
            _ => drop(whole.insert(key.clone(), value.clone())),
        }
    }
    Value::Object(whole)
}

fn without(schema: &Value, key: &str) -> Value {
    let mut fields = schema.as_object().cloned().unwrap_or_default();
    fields.remove(key);
    Value::Object(fields)
}

fn list<'a>(schema: &'a Value, key: &str) -> Option<&'a Vec<Value>> {
    schema
        .get(key)
        .and_then(Value::as_array)
        .filter(|values| !values.is_empty())
}

fn size(schema: &Value, key: &str) -> Option<usize> {
    let number = schema.get(key).and_then(Value::as_u64)?;
    Some(usize::try_from(number).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests;
