//! Shapes of bodies. All objects are open: what is not described passes
//! through, and clients should bear what they do not know.

use serde_json::{Map, Value, json};
use tollgate::Surface;

use super::operations::request;

/// Fields that the gateway reads or sets in requests of every surface: name,
/// type and meaning.
const OWNED: &[(&str, &str, &str)] = &[
    (
        "model",
        "string",
        "a model's id, or a virtual one: `tollgate/auto` or `tollgate/POLICY`, with `:TASK` or without",
    ),
    (
        "models",
        "array",
        "models to fall back on, in order; OpenRouter's field",
    ),
    (
        "provider",
        "object",
        "preferences among providers; OpenRouter's field, to which the gateway adds price limits",
    ),
    (
        "user",
        "string",
        "the end user, who becomes the tag `user` in the ledger",
    ),
    ("metadata", "object", "texts that become tags in the ledger"),
];

const LIMIT: &str = "most tokens of the output; set or lowered when a ceiling asks for it";

/// What a request of a surface must have, with its types.
fn required(surface: Surface) -> (&'static str, Value) {
    match surface {
        Surface::Chat | Surface::Messages => {
            ("messages", json!({ "type": "array", "minItems": 1 }))
        }
        Surface::Responses | Surface::Embeddings => {
            ("input", json!({ "type": ["string", "array"] }))
        }
        Surface::Completions => ("prompt", json!({ "type": ["string", "array"] })),
    }
}

/// All schemas, by name.
pub(crate) fn components() -> Value {
    let requests = Surface::ALL
        .into_iter()
        .map(|surface| (request(surface), request_of(surface)));
    let answers = answers()
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema));
    Value::Object(requests.chain(answers).collect())
}

fn request_of(surface: Surface) -> Value {
    let owned = OWNED.iter().map(|(name, kind, what)| {
        (
            (*name).to_owned(),
            json!({ "type": kind, "description": what }),
        )
    });
    let limits = surface.output_limits().iter().map(|name| {
        (
            (*name).to_owned(),
            json!({ "type": "integer", "description": LIMIT }),
        )
    });
    let mut properties: Map<String, Value> = owned.chain(limits).collect();
    if surface.streams() {
        let what = "whether the answer comes as events";
        let stream = json!({ "type": "boolean", "description": what, "default": false });
        properties.insert("stream".to_owned(), stream);
    }
    let (name, kind) = required(surface);
    properties.insert(name.to_owned(), kind);
    json!({ "type": "object", "properties": properties, "required": [name] })
}

/// An object with these members, of which each is there.
fn object(members: &[(&str, Value)]) -> Value {
    let names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<_, _> = members
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({ "type": "object", "properties": properties, "required": names })
}

fn rating() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "description": "the x-request-id or the x-generation-id of an answer" },
            "score": { "type": "number", "minimum": 0, "maximum": 1 },
            "good": { "type": "boolean", "description": "in place of a score: 1 or 0" },
        },
        "required": ["id"],
        "oneOf": [{ "required": ["score"] }, { "required": ["good"] }],
        "additionalProperties": false,
    })
}

fn open(what: &str) -> Value {
    json!({ "type": "object", "description": what })
}

fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn list_of(schema: Value) -> Value {
    json!({ "type": "array", "items": schema })
}

fn nullable(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn integer() -> Value {
    json!({ "type": "integer" })
}

fn number() -> Value {
    json!({ "type": "number" })
}

fn answers() -> Vec<(&'static str, Value)> {
    vec![
        ("Anything", open("an object")),
        (
            "Answer",
            open("the model's answer, in the shape of the surface"),
        ),
        (
            "Events",
            json!({
                "type": "string",
                "description": "server-sent events in the shape of the surface. The last one with usage has the member `tollgate`: what the headers of a whole answer tell. Comments (lines that begin with `:`) keep the connection alive.",
            }),
        ),
        (
            "Error",
            object(&[(
                "error",
                object(&[
                    (
                        "code",
                        json!({ "type": "integer", "description": "the HTTP status" }),
                    ),
                    ("message", text()),
                    (
                        "metadata",
                        json!({
                            "type": "object",
                            "properties": {
                                "error_type": { "type": "string", "description": "what kind of failure it is, in a stable word" },
                                "remedy_hint": { "type": "string", "description": "how to mend it" },
                                "retry_after_seconds": { "type": "integer" },
                            },
                            "required": ["error_type"],
                        }),
                    ),
                ]),
            )]),
        ),
        (
            "AnthropicError",
            object(&[
                ("type", json!({ "const": "error" })),
                ("error", object(&[("type", text()), ("message", text())])),
            ]),
        ),
        ("TokenCount", object(&[("input_tokens", integer())])),
        (
            "Plan",
            open(
                "the candidates in order, each with its expected and its worst cost and why it stands there, and what was dropped and why",
            ),
        ),
        (
            "Model",
            object(&[
                ("id", text()),
                ("canonical_slug", text()),
                ("object", json!({ "const": "model" })),
                ("owned_by", text()),
                ("name", text()),
                (
                    "created",
                    json!({ "type": "integer", "description": "seconds since 1970" }),
                ),
                ("context_length", nullable("integer")),
                ("architecture", open("modalities and tokenizer")),
                (
                    "pricing",
                    json!({
                        "type": "object",
                        "description": "dollars for one unit, as texts; `-1` when it depends on the call, or is not known",
                        "properties": { "prompt": text(), "completion": text() },
                        "required": ["prompt", "completion"],
                    }),
                ),
                ("top_provider", open("limits")),
                ("per_request_limits", nullable("object")),
                ("supported_parameters", list_of(text())),
                ("default_parameters", nullable("object")),
                ("supported_voices", nullable("array")),
                ("links", object(&[("details", text())])),
                (
                    "tollgate",
                    open(
                        "the lanes that offer it and what it can do there; of a virtual model, policy and task",
                    ),
                ),
            ]),
        ),
        (
            "ModelAlone",
            json!({
                "description": "the model, for OpenAI's clients, and again under `data`, for OpenRouter's",
                "allOf": [of("Model"), object(&[("data", of("Model"))])],
            }),
        ),
        (
            "ModelList",
            object(&[
                ("object", json!({ "const": "list" })),
                ("data", list_of(of("Model"))),
                ("total_count", integer()),
                ("links", object(&[("next", nullable("string"))])),
            ]),
        ),
        (
            "Count",
            object(&[("data", object(&[("count", integer())]))]),
        ),
        (
            "Endpoint",
            object(&[
                ("name", text()),
                ("provider_name", text()),
                ("tag", text()),
                ("context_length", integer()),
                ("pricing", open("as a model's")),
                ("supported_parameters", list_of(text())),
                (
                    "supports_tool_choice",
                    open("`auto`, `none`, `required` and `function`, each true or false"),
                ),
            ]),
        ),
        (
            "EndpointList",
            object(&[(
                "data",
                object(&[
                    ("id", text()),
                    ("name", text()),
                    ("created", integer()),
                    ("architecture", open("as a model's")),
                    ("endpoints", list_of(of("Endpoint"))),
                ]),
            )]),
        ),
        (
            "ProviderList",
            object(&[(
                "data",
                list_of(object(&[("name", text()), ("slug", text())])),
            )]),
        ),
        (
            "Generation",
            object(&[(
                "data",
                object(&[
                    ("id", text()),
                    ("model", text()),
                    ("created_at", text()),
                    ("total_cost", number()),
                    ("latency", nullable("number")),
                    ("native_tokens_prompt", nullable("integer")),
                    ("native_tokens_completion", nullable("integer")),
                    ("provider_responses", nullable("array")),
                    (
                        "tollgate",
                        open(
                            "the gateway's own receipt: all attempts, and what they cost together",
                        ),
                    ),
                ]),
            )]),
        ),
        ("Rating", rating()),
        (
            "Rated",
            object(&[(
                "data",
                object(&[
                    ("call", text()),
                    ("model", text()),
                    ("task", json!({ "enum": ["chat", "code", "reasoning"] })),
                    ("score", number()),
                    (
                        "replaces",
                        json!({ "type": "boolean", "description": "whether the call was rated before" }),
                    ),
                ]),
            )]),
        ),
        (
            "Budget",
            object(&[
                (
                    "scope",
                    json!({ "enum": ["workspace", "api_key"], "description": "`workspace` when all callers share it" }),
                ),
                ("limit_usd", number()),
                ("spend_usd", number()),
                (
                    "remaining_usd",
                    json!({ "type": "number", "description": "the limit without what is spent and what calls under way hold" }),
                ),
                ("reset_interval", nullable("string")),
                ("resets_at", nullable("string")),
                (
                    "budget_id",
                    json!({ "type": "string", "description": "its name in the configuration" }),
                ),
            ]),
        ),
        (
            "Key",
            object(&[(
                "data",
                object(&[
                    ("label", text()),
                    ("limit", nullable("number")),
                    ("limit_remaining", nullable("number")),
                    ("limit_reset", nullable("string")),
                    ("usage", number()),
                    ("usage_daily", number()),
                    ("usage_weekly", number()),
                    ("usage_monthly", number()),
                    ("byok_usage", number()),
                    ("budgets", list_of(of("Budget"))),
                    (
                        "effective_budget",
                        json!({
                            "description": "the budget that blocks first",
                            "anyOf": [of("Budget"), { "type": "null" }],
                        }),
                    ),
                    (
                        "rate_limit",
                        open("the key's `requests_per_minute`, or the largest number"),
                    ),
                    ("expires_at", nullable("string")),
                ]),
            )]),
        ),
        (
            "Credits",
            object(&[(
                "data",
                object(&[("total_credits", number()), ("total_usage", number())]),
            )]),
        ),
    ]
}
