//! What there is to call, as an OpenAPI 3.1 document, made of the tables that
//! the code itself goes by.

mod operations;
mod parameters;
mod schemas;

use std::sync::LazyLock;

use axum::Json;
use serde_json::{Map, Value, json};

use self::operations::operations;

/// The OpenAPI 3.1 document of all that [`router`](crate::router) serves.
///
/// Requests and answers of models are other people's shapes, so they are open
/// objects: what the gateway itself reads or sets in them is described.
///
/// ```
/// let document = tollgate_server::openapi();
/// assert!(document["paths"]["/chat/completions"]["post"].is_object());
/// ```
pub fn openapi() -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let item = paths
            .entry(operation.path.clone())
            .or_insert_with(|| json!({}));
        item[operation.method] = operation.describe();
        if operation.is_at_the_root {
            item["servers"] = json!([{ "url": "/" }]);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "One gateway to all models",
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [
            { "url": "/v1", "description": "for clients of OpenAI and Anthropic" },
            { "url": "/api/v1", "description": "the same, for clients of OpenRouter" },
        ],
        "tags": [
            { "name": "inference", "description": "What costs money" },
            { "name": "models", "description": "What there is" },
            { "name": "account", "description": "What was done, and what it cost" },
            { "name": "operation", "description": "For whoever runs the gateway" },
        ],
        "paths": paths,
        "components": {
            "parameters": parameters::components(),
            "headers": parameters::answer_headers(),
            "responses": operations::refusals(),
            "schemas": schemas::components(),
        },
    })
}

const DESCRIPTION: &str = "Speaks the dialects of OpenRouter, OpenAI and Anthropic. \
    Bodies keep fields that are not described here. \
    A stream ends with `data: [DONE]` (on /messages with `message_stop`) only when it is complete; \
    one that broke off ends with an error event.";

/// `GET /openapi.json`
pub(crate) async fn page() -> Json<&'static Value> {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi);
    Json(&DOCUMENT)
}

#[cfg(test)]
mod tests;
