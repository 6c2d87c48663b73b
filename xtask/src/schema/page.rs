//! A reference page from a JSON Schema: one section per table of the file, one
//! row per key.

use std::collections::VecDeque;
use std::fmt::Write as _;

use serde_json::{Map, Value};

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask schema` from the code; do not edit. -->

# Configuration reference

Every key of the configuration file. The same facts as a JSON Schema, for
editors, are in [config.schema.json](config.schema.json). Any key can be set by
an environment variable too: `TOLLGATE_`, then the path with `__` between its
parts, so `openrouter.base_url` is `TOLLGATE_OPENROUTER__BASE_URL`.

Defaults are those of the code; where the column is empty, the meaning says what
holds. The built-in file `config/default.toml` comes on top of them: it takes
`openrouter.api_key` from the environment variable `OPENROUTER_API_KEY`.

The command line keeps files where the library keeps none. Unless the
configuration says otherwise, `ledger.store` is `sqlite` there, and
`ledger.path`, `catalog.cache_path` and `record.path` are `ledger.db`,
`models.json` and `records` in `$XDG_DATA_HOME/tollgate`, or
`~/.local/share/tollgate`, with a ledger file for each process that runs at the
same time. A `ledger.path` that the configuration gives is for one process.
";

/// Deepest table that is followed; a schema may be recursive.
const DEPTH: usize = 8;

/// A table of the file that is still to be written.
struct Section<'a> {
    path: Vec<String>,
    schema: &'a Value,
    /// Whether the table may be repeated, `[[like.this]]`.
    repeated: bool,
}

/// How a key's value leads to another table.
enum Inner<'a> {
    /// `[path.key]`
    Table(&'a Value),
    /// `[path.key.NAME]`
    Named(&'a Value),
    /// `[[path.key]]`
    Repeated(&'a Value),
}

/// The page for a schema.
pub(crate) fn render(root: &Value) -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut open = VecDeque::from([Section {
        path: Vec::new(),
        schema: root,
        repeated: false,
    }]);
    while let Some(section) = open.pop_front() {
        let inner = write_section(&mut page, root, &section);
        // Tables follow the one that they belong to.
        for section in inner.into_iter().rev() {
            open.push_front(section);
        }
    }
    page
}

fn write_section<'a>(
    page: &mut String,
    root: &'a Value,
    section: &Section<'a>,
) -> Vec<Section<'a>> {
    let schema = resolve(root, section.schema);
    let mut inner = Vec::new();
    let mut rows = String::new();
    for (key, value) in properties(schema) {
        match inner_table(root, value) {
            Some(found) if section.path.len() < DEPTH => {
                inner.push(found.section(&section.path, key));
            }
            _ => write_row(&mut rows, root, schema, key, value),
        }
    }
    if !section.path.is_empty() {
        let name = section.name();
        let _ = write!(page, "\n## {name}\n");
        let mut abouts = [section.schema, schema].into_iter().filter_map(prose);
        if let Some(about) = abouts.find(|about| *about != name) {
            let _ = write!(page, "\n{about}\n");
        }
    }
    if !rows.is_empty() {
        page.push_str("\n| key | type | default | meaning |\n|---|---|---|---|\n");
        page.push_str(&rows);
    }
    inner
}

impl Section<'_> {
    /// The table's heading in a file, as code.
    fn name(&self) -> String {
        let path = self.path.join(".");
        if self.repeated {
            format!("`[[{path}]]`")
        } else {
            format!("`[{path}]`")
        }
    }
}

impl<'a> Inner<'a> {
    fn section(self, path: &[String], key: &str) -> Section<'a> {
        let mut path = path.to_vec();
        path.push(key.to_owned());
        let (schema, repeated) = match self {
            Self::Table(schema) => (schema, false),
            Self::Repeated(schema) => (schema, true),
            Self::Named(schema) => {
                path.push("NAME".to_owned());
                (schema, false)
            }
        };
        Section {
            path,
            schema,
            repeated,
        }
    }
}

fn write_row(rows: &mut String, root: &Value, parent: &Value, key: &str, value: &Value) {
    let required = parent["required"]
        .as_array()
        .is_some_and(|keys| keys.iter().any(|required| required == key));
    let resolved = resolve(root, value);
    let default = match (required, value.get("default")) {
        (true, _) => "required".to_owned(),
        (false, None) => String::new(),
        (false, Some(Value::Null)) => "none".to_owned(),
        (false, Some(default)) => format!("`{}`", literal(resolved, default)),
    };
    let about = prose(value)
        .or_else(|| prose(resolved))
        .map(|about| without_default(&about).to_owned())
        .into_iter()
        .chain(choices(resolved))
        .collect::<Vec<_>>()
        .join(" ");
    let _ = writeln!(
        rows,
        "| `{key}` | {} | {} | {} |",
        cell(&type_name(root, value)),
        cell(&default),
        cell(&about)
    );
}

/// The table that a key's value is, if it is one.
fn inner_table<'a>(root: &'a Value, value: &'a Value) -> Option<Inner<'a>> {
    let schema = resolve(root, value);
    if !properties(schema).is_empty() {
        return Some(Inner::Table(value));
    }
    let is_table = |schema: &&'a Value| !properties(resolve(root, schema)).is_empty();
    let named = schema.get("additionalProperties").filter(is_table);
    let repeated = schema.get("items").filter(is_table);
    named
        .map(Inner::Named)
        .or_else(|| repeated.map(Inner::Repeated))
}

fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    schema["properties"]
        .as_object()
        .map(Map::iter)
        .map(Iterator::collect)
        .unwrap_or_default()
}

/// Follows references, and the one alternative beside `null`.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..DEPTH {
        let next = schema["$ref"]
            .as_str()
            .and_then(|reference| root.pointer(reference.trim_start_matches('#')))
            .or_else(|| only_alternative(schema));
        match next {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

fn only_alternative(schema: &Value) -> Option<&Value> {
    let all = ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .find_map(|key| schema[key].as_array())?;
    let mut others = all.iter().filter(|schema| schema["type"] != "null");
    others.next().filter(|_| others.next().is_none())
}

fn type_name(root: &Value, value: &Value) -> String {
    let schema = resolve(root, value);
    if let Some(words) = words(schema) {
        return words;
    }
    if let Some(all) = ["anyOf", "oneOf"]
        .into_iter()
        .find_map(|key| schema[key].as_array())
    {
        let names: Vec<_> = all
            .iter()
            .filter(|schema| schema["type"] != "null")
            .map(|schema| type_name(root, schema))
            .collect();
        return names.join(" or ");
    }
    let name = match &schema["type"] {
        Value::Array(names) => names
            .iter()
            .find_map(|name| name.as_str().filter(|name| *name != "null")),
        name => name.as_str(),
    };
    match name {
        Some("array") => format!("list of {}", type_name(root, &schema["items"])),
        Some("object") => match schema.get("additionalProperties") {
            Some(inner) if inner.is_object() => format!("table of {}", type_name(root, inner)),
            _ => "table".to_owned(),
        },
        Some("boolean") => "true or false".to_owned(),
        Some(name) => name.to_owned(),
        None => "any".to_owned(),
    }
}

/// The words of a closed set.
fn words(schema: &Value) -> Option<String> {
    let quoted = |word: &Value| word.as_str().map(|word| format!("`{word}`"));
    let listed = schema["enum"].as_array();
    let described = schema["oneOf"].as_array();
    let words: Vec<_> = match (listed, described) {
        (Some(words), _) => words.iter().filter_map(quoted).collect(),
        (None, Some(choices)) => choices
            .iter()
            .map(|choice| quoted(&choice["const"]).or_else(|| words(choice)))
            .collect::<Option<_>>()?,
        (None, None) => vec![quoted(&schema["const"])?],
    };
    (!words.is_empty()).then(|| words.join(", "))
}

/// What each word of a closed set means, where that is described.
fn choices(schema: &Value) -> impl Iterator<Item = String> {
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    choices.filter_map(|choice| {
        let word = choice["const"].as_str()?;
        Some(format!("`{word}`: {}", prose(choice)?))
    })
}

/// A default as it can be written. A single-precision number is written in
/// its own digits, not in those of the double that JSON made of it.
fn literal(schema: &Value, default: &Value) -> String {
    match default {
        Value::Number(number) if schema["format"] == "float" => {
            let double = number.as_f64().unwrap_or_default();
            format!("{:?}", double as f32)
        }
        Value::Array(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|item| literal(&schema["items"], item))
                .collect();
            format!("[{}]", items.join(", "))
        }
        default => default.to_string(),
    }
}

/// A description without a last sentence that repeats the default, which has
/// a column of its own: "Attempts per call. Default 4."
fn without_default(about: &str) -> &str {
    about
        .rsplit_once(" Default ")
        .filter(|(_, rest)| rest.ends_with('.') && !rest.contains(' '))
        .map_or(about, |(about, _)| about)
}

/// The description as one paragraph, without its examples: they are Rust.
fn prose(schema: &Value) -> Option<String> {
    let text = schema["description"].as_str()?;
    let parts = text.split("```").step_by(2);
    let words: Vec<_> = parts.flat_map(str::split_whitespace).collect();
    Some(words.join(" "))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::{INTRODUCTION, render};

    #[test]
    fn every_key_has_a_row_in_the_section_of_its_table() {
        let schema = serde_json::json!({
            "description": "The whole file.",
            "properties": {
                "openrouter": { "$ref": "#/$defs/OpenRouter", "description": "The account." },
                "providers": { "additionalProperties": { "$ref": "#/$defs/Provider" }, "type": "object" },
            },
            "$defs": {
                "OpenRouter": {
                    "type": "object",
                    "properties": {
                        "mode": { "$ref": "#/$defs/Mode", "default": "credits" },
                        "attempts": { "type": "integer", "default": 4, "description": "Tries. Default 4." },
                        "models": { "type": "array", "items": { "type": "string" }, "default": [] },
                        "routing": {
                            "description": "`[openrouter.routing]`",
                            "anyOf": [{ "$ref": "#/$defs/Routing" }, { "type": "null" }],
                        },
                    },
                },
                "Routing": {
                    "description": "Lists\nby task.",
                    "properties": {
                        "floor": { "type": ["number", "null"], "default": null },
                        "shares": {
                            "type": "array",
                            "items": { "type": "number", "format": "float" },
                            "default": [f64::from(0.35_f32), 1.0],
                        },
                    },
                },
                "Mode": {
                    "description": "Who pays, a | b.\n\n```\nlet a = 1;\n```",
                    "oneOf": [
                        { "const": "credits", "description": "Credits." },
                        { "const": "byok", "description": "Own key." },
                    ],
                },
                "Provider": {
                    "required": ["base_url"],
                    "properties": {
                        "base_url": { "type": "string" },
                        "prices": {
                            "type": "array",
                            "items": { "properties": { "input": { "type": "string" } } },
                        },
                    },
                },
            },
        });
        let expected = "
## `[openrouter]`

The account.

| key | type | default | meaning |
|---|---|---|---|
| `attempts` | integer | `4` | Tries. |
| `mode` | `credits`, `byok` | `\"credits\"` | Who pays, a \\| b. `credits`: Credits. `byok`: Own key. |
| `models` | list of string | `[]` |  |

## `[openrouter.routing]`

Lists by task.

| key | type | default | meaning |
|---|---|---|---|
| `floor` | number | none |  |
| `shares` | list of number | `[0.35, 1.0]` |  |

## `[providers.NAME]`

| key | type | default | meaning |
|---|---|---|---|
| `base_url` | string | required |  |

## `[[providers.NAME.prices]]`

| key | type | default | meaning |
|---|---|---|---|
| `input` | string |  |  |
";
        assert_eq!(render(&schema).strip_prefix(INTRODUCTION), Some(expected));
    }
}
