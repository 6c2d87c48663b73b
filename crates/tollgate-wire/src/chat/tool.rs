//! Tools, the choice among them, and the form of an answer.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::document::document;
use crate::{Object, Raw};

document! {
    /// A tool that the model may call.
    pub struct Tool {
        /// `function`, or the name of a server tool.
        kind: String = "type",
        /// The function, when it is one.
        function: Option<FunctionSpec> = "function",
        /// Parameters of a server tool.
        parameters: Option<Object> = "parameters",
        /// Cache breakpoint.
        cache_control: Option<Object> = "cache_control",
    }

    /// A function that the caller runs.
    pub struct FunctionSpec {
        /// Up to 64 letters, digits, `_` and `-`.
        name: String = "name",
        /// What it does, for the model.
        description: Option<String> = "description",
        /// JSON Schema of its arguments.
        parameters: Option<Raw> = "parameters",
        /// Whether the arguments must follow the schema.
        strict: Option<bool> = "strict",
    }

    /// A JSON Schema that an answer must follow.
    pub struct JsonSchema {
        /// Up to 64 letters, digits, `_` and `-`.
        name: String = "name",
        /// What it is, for the model.
        description: Option<String> = "description",
        /// The schema.
        schema: Option<Raw> = "schema",
        /// Whether the answer must follow it in all points.
        strict: Option<bool> = "strict",
    }
}

impl Tool {
    /// A function with its JSON Schema.
    pub fn function(name: &str, description: &str, parameters: Raw) -> Self {
        let spec = FunctionSpec {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            parameters: Some(parameters),
            ..FunctionSpec::default()
        };
        Self {
            kind: "function".to_owned(),
            function: Some(spec),
            ..Self::default()
        }
    }

    /// A tool that the server runs: `openrouter:web_search`.
    pub fn server(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }
}

impl JsonSchema {
    /// A schema with its name.
    pub fn new(name: &str, schema: Raw) -> Self {
        Self {
            name: name.to_owned(),
            schema: Some(schema),
            ..Self::default()
        }
    }
}

/// Which tool must or may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolChoice {
    /// None.
    None,
    /// As the model likes.
    Auto,
    /// At least one.
    Required,
    /// This function.
    Function(String),
    /// This server tool, by its type.
    Server(String),
}

impl Serialize for ToolChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Auto => serializer.serialize_str("auto"),
            Self::Required => serializer.serialize_str("required"),
            Self::Function(name) => {
                let mut function = Object::new();
                function.put("name", name);
                tagged(serializer, "function", Some(("function", &function)))
            }
            Self::Server(kind) => tagged::<S, Object>(serializer, kind, None),
        }
    }
}

/// The form of an answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ResponseFormat {
    /// Text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON by a schema.
    JsonSchema(JsonSchema),
    /// Text by a grammar.
    Grammar(String),
    /// Python.
    Python,
}

impl Serialize for ResponseFormat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text => tagged::<S, Object>(serializer, "text", None),
            Self::JsonObject => tagged::<S, Object>(serializer, "json_object", None),
            Self::JsonSchema(schema) => {
                tagged(serializer, "json_schema", Some(("json_schema", schema)))
            }
            Self::Grammar(grammar) => tagged(serializer, "grammar", Some(("grammar", grammar))),
            Self::Python => tagged::<S, Object>(serializer, "python", None),
        }
    }
}

fn tagged<S: Serializer, T: Serialize>(
    serializer: S,
    kind: &str,
    member: Option<(&str, &T)>,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("type", kind)?;
    if let Some((key, value)) = member {
        map.serialize_entry(key, value)?;
    }
    map.end()
}
