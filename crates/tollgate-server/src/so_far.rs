//! What a stream has told so far, for the event that ends it when it breaks off.

mod response;

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use serde_json::{Value, json};
use tollgate::{Failure, Surface, TokenUsage};

use self::response::Begun;
use crate::words::Told;

/// What a stream of events of a surface has told. Only Responses end with all
/// of it; for the others it is the surface alone. Clones are of one stream.
#[derive(Clone)]
pub(crate) struct SoFar {
    surface: Surface,
    response: Option<Arc<Mutex<Begun>>>,
}

impl SoFar {
    /// Nothing yet.
    pub(crate) fn of(surface: Surface) -> Self {
        Self {
            surface,
            response: (surface == Surface::Responses).then(Arc::default),
        }
    }

    pub(crate) fn surface(&self) -> Surface {
        self.surface
    }

    /// Takes note of the data of an event.
    pub(crate) fn note(&self, data: &[u8]) {
        if let Some(response) = &self.response {
            let mut response = response.lock().unwrap_or_else(PoisonError::into_inner);
            response.note(data);
        }
    }

    /// The data of the event that tells that the answer is not complete, and
    /// what was used of it where that is known.
    pub(crate) fn failed(&self, failure: &Failure, used: Option<TokenUsage>) -> Bytes {
        self.error_event(failure, used).to_string().into()
    }

    fn error_event(&self, failure: &Failure, used: Option<TokenUsage>) -> Value {
        if let Some(response) = &self.response {
            let response = response.lock().unwrap_or_else(PoisonError::into_inner);
            return response.failed(failure, used);
        }
        let mut body = Told::of(failure).body(self.surface);
        // Without the `id` and `created` of a chunk: OpenRouter's clients refuse it then, where
        // they would hand a chunk over as one more, whose `error` few programs look at.
        let mut choice = json!({ "index": 0, "finish_reason": "error" });
        match self.surface {
            Surface::Messages => return body,
            Surface::Completions => choice["text"] = "".into(),
            _ => choice["delta"] = json!({ "content": "" }),
        }
        body["choices"] = json!([choice]);
        body
    }
}

#[cfg(test)]
mod tests;
