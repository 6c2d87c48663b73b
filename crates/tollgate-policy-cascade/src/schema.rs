//! Whether JSON follows a JSON Schema, as far as answers are concerned.
//!
//! It knows the keywords that structured output and tools are made of, and
//! passes over all others: an answer is never rejected for a rule that is not
//! understood.

use std::cell::Cell;

use serde_json::{Map, Value};

/// Comparisons after which everything passes, so that a schema which refers to
/// itself in many ways cannot hold up a call.
const MOST_STEPS: u32 = 100_000;

/// Schemas within schemas after which everything passes. JSON that is read is
/// no deeper, but what refers to itself has no end.
const MOST_DEEP: u32 = 128;

/// Whether a value follows a schema.
pub(crate) fn follows(value: &Value, schema: &Value) -> bool {
    let check = Check {
        root: schema,
        steps: Cell::new(MOST_STEPS),
        depth: Cell::new(0),
    };
    check.follows(value, schema)
}

struct Check<'a> {
    root: &'a Value,
    /// How many are left.
    steps: Cell<u32>,
    depth: Cell<u32>,
}

impl Check<'_> {
    fn follows(&self, value: &Value, schema: &Value) -> bool {
        let (steps, depth) = (self.steps.get(), self.depth.get());
        if steps == 0 || depth == MOST_DEEP {
            return true;
        }
        self.steps.set(steps - 1);
        self.depth.set(depth + 1);
        let follows = match schema {
            Value::Bool(anything) => *anything,
            Value::Object(rules) => rules
                .iter()
                .all(|(keyword, rule)| self.keeps(value, keyword, rule, rules)),
            _ => true,
        };
        self.depth.set(depth);
        follows
    }

    /// Whether a value keeps one rule; `rules` are all that stand beside it.
    fn keeps(
        &self,
        value: &Value,
        keyword: &str,
        rule: &Value,
        rules: &Map<String, Value>,
    ) -> bool {
        let all = |rule: &Value, is_kept: &dyn Fn(&Value) -> bool| {
            rule.as_array().is_none_or(|list| list.iter().all(is_kept))
        };
        match keyword {
            "$ref" => self
                .referred(rule)
                .is_none_or(|schema| self.follows(value, schema)),
            "type" => is_of(value, rule),
            "enum" => rule
                .as_array()
                .is_none_or(|list| list.iter().any(|one| is_same(value, one))),
            "const" => is_same(value, rule),
            "allOf" => all(rule, &|schema| self.follows(value, schema)),
            // Which of several it is may hang on a rule that is not understood.
            "anyOf" | "oneOf" => rule
                .as_array()
                .is_none_or(|list| list.iter().any(|schema| self.follows(value, schema))),
            "required" => value.as_object().is_none_or(|object| {
                all(rule, &|key| {
                    key.as_str().is_none_or(|key| object.contains_key(key))
                })
            }),
            "properties" => self.members(value, |key| rule.get(key)),
            "additionalProperties" => {
                let known = |key: &str| rules.get("properties").and_then(|known| known.get(key));
                let by_pattern = rules.contains_key("patternProperties");
                by_pattern || self.members(value, |key| known(key).is_none().then_some(rule))
            }
            "items" => value
                .as_array()
                .filter(|_| !rules.contains_key("prefixItems"))
                .is_none_or(|list| list.iter().all(|item| self.follows(item, rule))),
            _ => is_within(value, keyword, rule),
        }
    }

    /// Whether all members of an object follow the schemas that they have.
    fn members<'s>(&self, value: &Value, schema: impl Fn(&str) -> Option<&'s Value>) -> bool {
        let mut members = value.as_object().into_iter().flatten();
        members.all(|(key, member)| schema(key).is_none_or(|schema| self.follows(member, schema)))
    }

    /// The schema that a reference within the document leads to.
    fn referred(&self, reference: &Value) -> Option<&Value> {
        let pointer = reference.as_str()?.strip_prefix('#')?;
        self.root.pointer(pointer)
    }
}

/// Whether two values are the same: 1 is 1.0.
fn is_same(value: &Value, other: &Value) -> bool {
    value == other
        || value
            .as_f64()
            .is_some_and(|number| other.as_f64() == Some(number))
}

/// Whether a value is of a type, or of one of several.
fn is_of(value: &Value, types: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(is_whole),
        _ => true,
    };
    match types {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().any(|name| name.as_str().is_none_or(is)),
        _ => true,
    }
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0
}

/// Whether a number, or a length, is within a bound.
fn is_within(value: &Value, keyword: &str, bound: &Value) -> bool {
    let count = |count: usize| Some(count as f64);
    let measured = match keyword {
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.as_f64(),
        "minLength" | "maxLength" => value.as_str().and_then(|text| count(text.chars().count())),
        "minItems" | "maxItems" => value.as_array().and_then(|list| count(list.len())),
        "minProperties" | "maxProperties" => value.as_object().and_then(|it| count(it.len())),
        _ => None,
    };
    let (Some(measured), Some(bound)) = (measured, bound.as_f64()) else {
        return true;
    };
    match keyword {
        "exclusiveMinimum" => measured > bound,
        "exclusiveMaximum" => measured < bound,
        _ if keyword.starts_with("min") => measured >= bound,
        _ => measured <= bound,
    }
}

#[cfg(test)]
mod tests;
