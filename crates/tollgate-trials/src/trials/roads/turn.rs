//! One turn: a request, its answer, and what became of both.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use serde_json::Value;
use tollgate::{
    Answer, AttemptRecord, Billing, Failure, FailureKind, FrameKind, Order, Receipt, Request,
    Surface,
};
use tollgate_sim::Seen;

use super::journeys::TURNS;
use super::talk::{Heard, Talk};
use crate::caller::NUMBER;
use crate::contact::{Contact, asks_for_text};
use crate::host::Host;
use crate::rig::{Error, Rig};

/// What is told of one turn.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) is_answered: bool,
    /// The lane that answered, by the receipt.
    pub(super) lane: String,
    pub(super) attempts: usize,
    /// Nano-dollars that were booked.
    pub(super) cost: i64,
    /// Places of the request and the answer that did not get through.
    pub(super) lost: Vec<String>,
    /// Signatures of earlier turns that their maker got back.
    pub(super) signed: usize,
    /// Calls of earlier turns that the host got back by their ids.
    pub(super) called: usize,
    /// What the answer brought that must come back.
    kept: Kept,
    pub(super) wrong: Vec<String>,
}

/// What a client has to send back as it was.
#[derive(Debug, Default)]
struct Kept {
    /// Author of the model that signed.
    maker: String,
    signatures: Vec<String>,
    calls: Vec<String>,
}

/// Takes a turn; what was answered becomes part of the talk.
pub(super) async fn take(
    rig: &Rig,
    talk: &mut Talk,
    model: &str,
    is_stream: bool,
    earlier: &[Told],
) -> Result<Told, Error> {
    let request = talk.request(model, is_stream);
    let order = order(talk, &request, earlier.len())?;
    let mut told = Told::default();
    let mut answer = match rig.gateway.chat(order).await {
        Ok(answer) => answer,
        Err(error) => {
            let tried = error.receipt().map(tried).unwrap_or_default();
            told.wrong
                .push(format!("is not answered: {error}; {tried}"));
            return Ok(told);
        }
    };
    match read(&mut answer).await {
        Ok(pieces) => {
            let heard = talk.hear(&pieces, is_stream);
            told.wrong.extend(looks(&heard, earlier.len()));
            told.is_answered = true;
            told.see(talk, &answer, &heard);
        }
        Err(failure) => told.wrong.push(format!("breaks off: {failure}")),
    }
    told.look_back(rig, earlier);
    Ok(told)
}

/// The lanes that were tried, in their order.
fn tried(receipt: &Receipt) -> String {
    let lanes = receipt.attempts.iter().map(|attempt| attempt.lane.as_str());
    lanes.collect::<Vec<_>>().join(", ")
}

fn order(talk: &Talk, request: &Value, turn: usize) -> Result<Order, Failure> {
    let body = request.to_string();
    let request = Request::parse(talk.surface(), body.as_bytes()).map_err(|error| {
        Failure::new(FailureKind::Internal, "the request cannot be made").with_source(error)
    })?;
    Ok(Order::from(request).with_tag(NUMBER, turn.to_string()))
}

/// The JSON of all that was answered: a body, or events.
async fn read(answer: &mut Answer) -> Result<Vec<Value>, Failure> {
    let mut pieces = Vec::new();
    while let Some(frame) = answer.next().await {
        let frame = frame?;
        if matches!(frame.kind, FrameKind::Body | FrameKind::Event) {
            pieces.push(serde_json::from_slice(&frame.data).unwrap_or_default());
        }
    }
    Ok(pieces)
}

/// What of an answer is not as its caller expects it, whoever gave it: turns by turns a call of the
/// tool that was asked for, and words.
fn looks(heard: &Heard, turn: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let calls: Vec<&str> = heard.calls.iter().map(|call| call.name.as_str()).collect();
    let expected: &[&str] = match Talk::tool(turn) {
        Some(tool) => &[tool],
        None => &[],
    };
    if calls != expected {
        wrong.push(format!("calls {calls:?}, not {expected:?}"));
    }
    if heard.is_for_tools == expected.is_empty() {
        wrong.push("the reason of its end is the wrong one".to_owned());
    }
    if expected.is_empty() && heard.text.is_empty() {
        wrong.push("says nothing".to_owned());
    }
    let has_city = |arguments: &Value| arguments["city"].is_string();
    if !heard.calls.iter().all(|call| has_city(&call.arguments)) {
        wrong.push(format!("arguments do not fit: {:?}", heard.calls));
    }
    wrong
}

impl Told {
    fn see(&mut self, talk: &Talk, answer: &Answer, heard: &Heard) {
        // A loss of the same kind in each message is one kind of loss.
        let lost: BTreeSet<String> = answer.lost().map(without_numbers).collect();
        self.lost = lost.into_iter().collect();
        let Some(receipt) = answer.receipt() else {
            self.wrong.push("has no receipt".to_owned());
            return;
        };
        self.attempts = receipt.attempts.len();
        self.cost = receipt.cost().map_or(0, |cost| cost.amount().nanos());
        let Some(served) = receipt.served() else {
            self.wrong
                .push("its receipt names nobody who answered".to_owned());
            return;
        };
        self.lane = served.lane.to_string();
        self.kept = Kept {
            maker: maker(served.requested.as_str()),
            signatures: match is_told(talk, served) {
                true => heard.signatures.clone(),
                false => Vec::new(),
            },
            calls: heard.calls.iter().map(|call| call.id.clone()).collect(),
        };
    }

    /// Whether what earlier answers brought is in the request that was answered now.
    fn look_back(&mut self, rig: &Rig, earlier: &[Self]) {
        let Some((host, seen)) = answered(rig) else {
            return;
        };
        let body = seen.body_text();
        for (number, before) in (1..=TURNS).zip(earlier) {
            for call in &before.kept.calls {
                // Google's calls have no ids.
                match (host, body.contains(call.as_str())) {
                    (Host::Gemini, _) => {}
                    (_, true) => self.called += 1,
                    (_, false) => self
                        .wrong
                        .push(format!("the id of turn {number}'s call is gone")),
                }
            }
            if before.kept.maker != self.kept.maker {
                continue;
            }
            for signature in &before.kept.signatures {
                match body.contains(signature.as_str()) {
                    true => self.signed += 1,
                    false => self
                        .wrong
                        .push(format!("turn {number}'s signature is gone")),
                }
            }
        }
    }
}

/// Where OpenRouter tells what a maker has signed or sealed, and the simulator does.
const TOLD: [(&str, &[Surface]); 3] = [
    (
        "anthropic",
        &[Surface::Chat, Surface::Messages, Surface::Responses],
    ),
    ("google", &[Surface::Chat]),
    ("openai", &[Surface::Responses]),
];

/// Whether an answer tells its maker's own signatures, as makers themselves always do.
fn is_told(talk: &Talk, served: &AttemptRecord) -> bool {
    let maker = maker(served.requested.as_str());
    let row = TOLD.iter().find(|(author, _)| *author == maker);
    let by_openrouter = row.is_some_and(|(_, surfaces)| surfaces.contains(&talk.surface()));
    served.billing == Billing::Direct || by_openrouter
}

/// The author of a model.
fn maker(model: &str) -> String {
    model.split('/').next().unwrap_or_default().to_owned()
}

/// The last request that was answered well, of all hosts.
fn answered(rig: &Rig) -> Option<(Host, Seen)> {
    let last = rig.network.contacts(|contacts| {
        let good = |contact: &&Contact| contact.is_chat() && contact.status == Some(200);
        contacts.iter().rev().find(good).map(|contact| contact.host)
    })?;
    let log = rig.network.service(last).log().into_iter();
    let is_good = |seen: &Seen| {
        let path = seen.path.split('?').next().unwrap_or_default();
        seen.status == Some(200) && asks_for_text(path)
    };
    log.filter(is_good).last().map(|seen| (last, seen))
}

/// A place without the numbers in it.
fn without_numbers(place: &str) -> String {
    let kept = place.chars().filter(|char| !char.is_ascii_digit());
    kept.collect()
}
