//! Embeddings: always whole.

use tollgate_core::{Billing, Facts, Finish};
use tollgate_wire::{EmbeddingsResponse, ErrorBody, ParseError};

use super::{Body, report};
use crate::served::served;
use crate::usage::usage_report;

pub(super) fn body(data: &[u8], lane: Billing) -> Result<Body, ParseError> {
    let answer = match EmbeddingsResponse::parse(data) {
        Ok(answer) => answer,
        Err(error) => return ErrorBody::parse(data).map(Body::Error).map_err(|_| error),
    };
    let facts = Facts {
        semantic: true,
        // Vectors are no text.
        output_bytes: 0,
        finish: Some(Finish::Stop),
        usage: report(answer.read_usage(), |usage| usage_report(usage, lane)),
        served: Some(Box::new(served(
            answer.model().as_deref(),
            answer.provider().as_deref(),
            answer.id().as_deref(),
        ))),
        lost: Vec::new(),
    };
    Ok(match answer.data().is_empty() {
        true => Body::Empty(facts),
        false => Body::Answer(facts),
    })
}
