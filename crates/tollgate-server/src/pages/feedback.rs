//! What a caller says of an answer.

use axum::Json;
use serde::Deserialize;
use tollgate::{Failure, FailureKind, Gateway, Rated};

use crate::allowance;
use crate::pages::caller;
use crate::pages::members::Data;
use crate::posted::Posted;
use crate::reply::Refusal;

/// The body of a rating.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rating {
    id: String,
    #[serde(default)]
    score: Option<f32>,
    #[serde(default)]
    good: Option<bool>,
}

/// `POST /v1/feedback`: how good the answer to one of the caller's own calls
/// was. The id is the answer's `x-request-id`, or its `x-generation-id`.
pub(crate) async fn rate(gateway: Gateway, posted: Posted) -> Result<Json<Data<Rated>>, Refusal> {
    allowance::take_one_request(posted.extensions())?;
    // A list of its values would pass for a rating too.
    if posted.body().trim_ascii_start().first() != Some(&b'{') {
        return Err(unreadable("it is no object").into());
    }
    let rating: Rating =
        serde_json::from_slice(posted.body()).map_err(|error| unreadable(&error.to_string()))?;
    let score = rating.score()?;
    let caller = caller::of(posted.extensions());
    let data = gateway.feedback(&caller, rating.id.trim(), score)?;
    Ok(Json(Data { data }))
}

impl Rating {
    fn score(&self) -> Result<f32, Failure> {
        match (self.score, self.good) {
            (Some(score), None) => Ok(score),
            (None, Some(is_good)) => Ok(if is_good { 1.0 } else { 0.0 }),
            _ => Err(unreadable("it has one of score and good")),
        }
    }
}

fn unreadable(why: &str) -> Failure {
    Failure::new(
        FailureKind::InvalidRequest,
        format!("the rating cannot be read: {why}"),
    )
    .with_hint(
        "send {\"id\": …, \"score\": 0 to 1}, or {\"id\": …, \"good\": true or false}, with the \
         x-request-id of an answer",
    )
}
