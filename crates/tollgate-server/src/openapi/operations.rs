//! One row per path.

use serde_json::{Value, json};
use tollgate::Surface;

use super::parameters;
use crate::pages::filter::PARAMETERS;

/// What can be done at a path.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// Whether the path is not below `/v1`.
    pub(crate) is_at_the_root: bool,
    id: String,
    tag: &'static str,
    summary: String,
    asks: Asks,
    answer: Answer,
}

/// What goes with a request, beside what its path names.
#[derive(Debug, Clone, Copy)]
enum Asks {
    Nothing,
    /// The filter of lists of models.
    Filter,
    /// A query parameter that must be there.
    Query(&'static str, &'static str),
    /// The body of a surface, with the gateway's own headers.
    Body(Surface),
    /// The body of any surface, which the query names.
    AnyBody,
    /// A body of the gateway's own, by the name of its schema.
    Own(&'static str),
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    /// A status alone.
    Nothing,
    Json(&'static str),
    /// One body or events, as the request says.
    Events(&'static str),
    Text(&'static str),
}

pub(crate) fn operations() -> Vec<Operation> {
    let surfaces = Surface::ALL.into_iter().map(surface);
    surfaces.chain(OTHERS.iter().map(Row::operation)).collect()
}

fn surface(surface: Surface) -> Operation {
    Operation {
        method: "post",
        path: format!("/{}", surface.path()),
        is_at_the_root: false,
        id: surface.as_str().to_owned(),
        tag: "inference",
        summary: format!("A request of the surface {}", surface.as_str()),
        asks: Asks::Body(surface),
        answer: match surface.streams() {
            true => Answer::Events("Answer"),
            false => Answer::Json("Answer"),
        },
    }
}

/// A row of the table: method, path, id, tag, summary.
struct Row(
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Asks,
    Answer,
);

const ID: Asks = Asks::Query("id", "the x-generation-id or the x-request-id of an answer");

#[rustfmt::skip]
const OTHERS: &[Row] = &[
    Row("post", "/messages/count_tokens", "countTokens", "inference", "The tokens of a prompt, as they are estimated for routing", Asks::Body(Surface::Messages), Answer::Json("TokenCount")),
    Row("post", "/plan", "plan", "inference", "Which models would be tried, and why; spends nothing", Asks::AnyBody, Answer::Json("Plan")),
    Row("get", "/models", "listModels", "models", "The virtual models, then all that some lane offers", Asks::Filter, Answer::Json("ModelList")),
    Row("get", "/models/user", "listUserModels", "models", "The same", Asks::Filter, Answer::Json("ModelList")),
    Row("get", "/models/count", "countModels", "models", "How many models the filter leaves", Asks::Filter, Answer::Json("Count")),
    Row("get", "/embeddings/models", "listEmbeddingModels", "models", "Models that give vectors", Asks::Filter, Answer::Json("ModelList")),
    Row("get", "/models/{id}", "getModelById", "models", "A model, the slashes of its id escaped", Asks::Nothing, Answer::Json("ModelAlone")),
    Row("get", "/models/{author}/{slug}", "getModel", "models", "A model", Asks::Nothing, Answer::Json("ModelAlone")),
    Row("get", "/model/{author}/{slug}", "getOneModel", "models", "The same", Asks::Nothing, Answer::Json("ModelAlone")),
    Row("get", "/models/{author}/{slug}/endpoints", "listEndpoints", "models", "Who serves a model: OpenRouter's providers, and direct lanes", Asks::Nothing, Answer::Json("EndpointList")),
    Row("get", "/providers", "listProviders", "models", "OpenRouter's providers, and direct lanes", Asks::Nothing, Answer::Json("ProviderList")),
    Row("get", "/generation", "getGeneration", "account", "What became of one of the caller's own calls", ID, Answer::Json("Generation")),
    Row("post", "/feedback", "rate", "account", "How good the answer to one of the caller's own calls was; costs nothing", Asks::Own("Rating"), Answer::Json("Rated")),
    Row("get", "/key", "getKey", "account", "What the caller has spent, and may still spend", Asks::Nothing, Answer::Json("Key")),
    Row("get", "/credits", "getCredits", "account", "What is there to be spent: of the account for the operator, of the tightest budget for others", Asks::Nothing, Answer::Json("Credits")),
    Row("get", "/openapi.json", "getDocument", "operation", "This document", Asks::Nothing, Answer::Json("Anything")),
    Row("get", "/health/live", "isLive", "operation", "Whether the process runs", Asks::Nothing, Answer::Nothing),
    Row("get", "/health/ready", "isReady", "operation", "Whether there is a catalog to choose from; 503 otherwise", Asks::Nothing, Answer::Nothing),
    Row("get", "/health/targets", "listTargets", "operation", "What was seen of each host, account, key and model", Asks::Nothing, Answer::Json("Anything")),
    Row("get", "/metrics", "getMetrics", "operation", "Counters and latencies, where the server has them", Asks::Nothing, Answer::Text("application/openmetrics-text; version=1.0.0; charset=utf-8")),
];

impl Row {
    fn operation(&self) -> Operation {
        let Self(method, path, id, tag, summary, asks, answer) = *self;
        Operation {
            method,
            path: path.to_owned(),
            is_at_the_root: tag == "operation",
            id: id.to_owned(),
            tag,
            summary: summary.to_owned(),
            asks,
            answer,
        }
    }
}

impl Operation {
    /// The Operation Object.
    pub(crate) fn describe(&self) -> Value {
        let mut described = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "parameters": self.parameters(),
            "responses": {
                "200": self.success(),
                "4XX": { "$ref": self.refusal() },
                "5XX": { "$ref": self.refusal() },
            },
        });
        if let Some(body) = self.body() {
            let content = json!({ "application/json": { "schema": body } });
            described["requestBody"] = json!({ "required": true, "content": content });
        }
        described
    }

    fn parameters(&self) -> Vec<Value> {
        let mut parameters: Vec<Value> = in_path(&self.path).map(path_parameter).collect();
        match self.asks {
            Asks::Nothing | Asks::Own(_) => {}
            Asks::Filter => parameters.extend(PARAMETERS.iter().map(|(name, kind, what)| {
                json!({ "name": name, "in": "query", "description": what, "schema": { "type": kind } })
            })),
            Asks::Query(name, what) => parameters.push(json!({
                "name": name, "in": "query", "required": true, "description": what,
                "schema": { "type": "string" },
            })),
            Asks::Body(_) => parameters.extend(parameters::references()),
            Asks::AnyBody => {
                let names = Surface::ALL.map(|surface| surface.as_str());
                parameters.push(json!({
                    "name": "surface", "in": "query",
                    "description": "what the body is a request of",
                    "schema": { "type": "string", "enum": names, "default": Surface::Chat.as_str() },
                }));
                parameters.extend(parameters::references());
            }
        }
        parameters
    }

    fn body(&self) -> Option<Value> {
        let of = |surface: Surface| json!({ "$ref": format!("#/components/schemas/{}", request(surface)) });
        match self.asks {
            Asks::Body(surface) => Some(of(surface)),
            Asks::AnyBody => Some(json!({ "anyOf": Surface::ALL.map(of) })),
            Asks::Own(name) => Some(json!({ "$ref": format!("#/components/schemas/{name}") })),
            Asks::Nothing | Asks::Filter | Asks::Query(..) => None,
        }
    }

    fn success(&self) -> Value {
        let schema = |name| json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
        match self.answer {
            Answer::Nothing => json!({ "description": "yes" }),
            Answer::Text(kind) => {
                json!({ "description": "text", "content": { kind: { "schema": { "type": "string" } } } })
            }
            Answer::Json(name) => json!({
                "description": "done",
                "headers": self.headers(),
                "content": { "application/json": schema(name) },
            }),
            Answer::Events(name) => json!({
                "description": "one body, or a stream of events when the request has `stream: true`",
                "headers": self.headers(),
                "content": {
                    "application/json": schema(name),
                    "text/event-stream": schema("Events"),
                },
            }),
        }
    }

    fn headers(&self) -> Value {
        match (self.asks, self.answer) {
            (Asks::Body(_), Answer::Events(_)) | (Asks::Body(_), Answer::Json("Answer")) => {
                parameters::answer_header_references()
            }
            _ => json!({}),
        }
    }

    fn refusal(&self) -> String {
        let name = match self.asks {
            Asks::Body(Surface::Messages) => "AnthropicRefusal",
            _ => "Refusal",
        };
        format!("#/components/responses/{name}")
    }
}

/// The name of a surface's request among the schemas.
pub(crate) fn request(surface: Surface) -> String {
    let name = surface.as_str();
    let (first, rest) = name.split_at(1);
    format!("{}{rest}Request", first.to_ascii_uppercase())
}

/// The responses that are no answers.
pub(crate) fn refusals() -> Value {
    let refusal = |what: &str, schema: &str| {
        json!({
            "description": what,
            "headers": {
                "retry-after": {
                    "description": "seconds after which it may work, with 429 and 503",
                    "schema": { "type": "integer" },
                },
                "x-should-retry": {
                    "description": "`false` when the gateway has tried in the caller's place",
                    "schema": { "type": "string" },
                },
            },
            "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } },
        })
    };
    json!({
        "Refusal": refusal("what is wrong, and how to mend it", "Error"),
        "AnthropicRefusal": refusal("the same, in Anthropic's words", "AnthropicError"),
    })
}

fn in_path(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
}
