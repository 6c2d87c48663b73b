//! What is checked. The order matters: OpenRouter dies on the way, and the books are closed last.

use serde_json::Value;

use super::http;
use super::model::{NAME, Tokens};
use super::rig::{DISTANT, LEDGERS, MODEL, Rig, request, turn};

/// A check, and what was found: a remark, or what is wrong.
pub(super) struct Checked {
    pub(super) what: &'static str,
    pub(super) found: Found,
}

type Found = Result<String, String>;

type Check = (&'static str, fn(&mut Rig) -> Found);

const CHECKS: &[Check] = &[
    (
        "`tollgate chat` streams an answer and tells its receipt",
        chat,
    ),
    (
        "usage: the answer's, the receipt's and the server's own count agree",
        usage,
    ),
    ("`tollgate serve`: a chat, whole", whole),
    ("`tollgate serve`: a chat, as a stream", stream),
    (
        "turn 1 of a conversation is answered by OpenRouter",
        first_turn,
    ),
    (
        "OpenRouter is killed; turn 2 is answered by the model",
        second_turn,
    ),
    (
        "the receipt of turn 2 has both attempts and the lane `local`",
        receipt,
    ),
    ("the gateway stops with all calls booked", stop),
    ("the ledgers have each token that the server counted", books),
];

/// Checks everything.
pub(super) fn all(rig: &mut Rig) -> Vec<Checked> {
    let check = |(what, check): &Check| Checked {
        what,
        found: check(rig),
    };
    CHECKS.iter().map(check).collect()
}

const QUESTION: &str = "Name three colours.";

fn chat(rig: &mut Rig) -> Found {
    let command = rig.command(&["chat", "--model", MODEL, "--max-tokens", "16", QUESTION]);
    let (text, pieces, told) = Rig::text(command)?;
    that(!text.trim().is_empty(), || "it prints nothing".into())?;
    that(pieces > 1, || format!("the answer came in {pieces} piece"))?;
    let has_receipt = told.contains("receipt call-") && told.contains(NAME);
    that(has_receipt, || format!("no receipt: {told}"))?;
    Ok(format!("{pieces} pieces: {}", start_of(&text)))
}

fn usage(rig: &mut Rig) -> Found {
    let before = Tokens::counted(&rig.model)?;
    let file = rig.file(&request(MODEL, &[turn("user", QUESTION)]))?;
    let printed = Rig::json(rig.command(&["--json", "chat", "--request", &file]))?;
    let counted = Tokens::counted(&rig.model)? - before;
    let answered = Tokens::of_usage(&printed["response"]["usage"]);
    let attempts = attempts(&printed)?;
    let [attempt] = attempts.as_slice() else {
        return Err(format!("one attempt, not {}", attempts.len()));
    };
    let booked = Tokens::of_books(&attempt["tokens"]);
    that(counted.output > 0, || {
        "the server has counted nothing".into()
    })?;
    that(answered == counted && booked == counted, || {
        format!("counted {counted}; answered {answered}; booked {booked}")
    })?;
    equal("lane", &attempt["lane"], "local")?;
    equal("billing", &attempt["billing"], "direct")?;
    equal("cost", &printed["receipt"]["total"], "0")?;
    equal("source", &printed["receipt"]["cost"]["source"], "computed")?;
    Ok(format!("{booked}; $0, computed"))
}

fn whole(rig: &mut Rig) -> Found {
    let before = Tokens::counted(&rig.model)?;
    let answer = http::post(&rig.chats(), &request(MODEL, &[turn("user", QUESTION)]))?;
    let body = answer.json()?;
    let text = text_of(&body["choices"][0]["message"]["content"])?;
    let counted = Tokens::counted(&rig.model)? - before;
    let answered = Tokens::of_usage(&body["usage"]);
    that(answered == counted, || {
        format!("counted {counted}; answered {answered}")
    })?;
    header(&answer, "x-tollgate-model", MODEL)?;
    header(&answer, "x-tollgate-attempts", "1")?;
    header(&answer, "x-tollgate-cost", "0")?;
    Ok(format!("{answered}: {}", start_of(&text)))
}

fn stream(rig: &mut Rig) -> Found {
    let before = Tokens::counted(&rig.model)?;
    let mut wanted = request(MODEL, &[turn("user", QUESTION)]);
    wanted["stream"] = true.into();
    wanted["stream_options"] = serde_json::json!({"include_usage": true});
    let events = http::post(&rig.chats(), &wanted)?.events()?;
    let pieces: Vec<&str> = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .filter(|piece| !piece.is_empty())
        .collect();
    let counted = Tokens::counted(&rig.model)? - before;
    let last = events.iter().find(|event| !event["usage"].is_null());
    let last = last.ok_or("no event has the usage")?;
    let answered = Tokens::of_usage(&last["usage"]);
    that(pieces.len() > 1, || {
        format!("{} events with text", pieces.len())
    })?;
    that(answered == counted, || {
        format!("counted {counted}; answered {answered}")
    })?;
    equal("model", &last["tollgate"]["model"], MODEL)?;
    equal("cost", &last["tollgate"]["cost"], "0")?;
    Ok(format!("{} events with text; {answered}", pieces.len()))
}

fn first_turn(rig: &mut Rig) -> Found {
    rig.turns.push(turn("user", "Name a colour."));
    let answer = http::post(&rig.chats(), &request(DISTANT, &rig.turns))?;
    let text = text_of(&answer.json()?["choices"][0]["message"]["content"])?;
    rig.turns.push(turn("assistant", &text));
    header(&answer, "x-tollgate-model", DISTANT)?;
    header(&answer, "x-tollgate-attempts", "1")?;
    let cost = answer.header("x-tollgate-cost").unwrap_or("?");
    Ok(format!("{DISTANT}, ${cost}"))
}

fn second_turn(rig: &mut Rig) -> Found {
    drop(rig.openrouter.take());
    rig.turns.push(turn("user", "And another one?"));
    let answer = http::post(&rig.chats(), &request(DISTANT, &rig.turns))?;
    let body = answer.json()?;
    let text = text_of(&body["choices"][0]["message"]["content"])?;
    header(&answer, "x-tollgate-model", MODEL)?;
    header(&answer, "x-tollgate-attempts", "2")?;
    equal("model", &body["model"], NAME)?;
    Ok(format!("attempt 2, {MODEL}: {}", start_of(&text)))
}

/// The gateway tells no whole receipts over HTTP, so the same turn is sent by a command.
fn receipt(rig: &mut Rig) -> Found {
    let file = rig.file(&request(DISTANT, &rig.turns))?;
    let printed = Rig::json(rig.command(&["--json", "chat", "--request", &file]))?;
    let attempts = attempts(&printed)?;
    let [dead, alive] = attempts.as_slice() else {
        return Err(format!("two attempts, not {}", attempts.len()));
    };
    for (name, expected) in [
        ("lane", "openrouter"),
        ("end", "failed"),
        ("kind", "connect"),
    ] {
        equal(name, &dead[name], expected)?;
    }
    that(dead["cost"].is_null(), || {
        format!("the dead attempt cost {}", dead["cost"])
    })?;
    for (name, expected) in [("lane", "local"), ("end", "complete"), ("requested", MODEL)] {
        equal(name, &alive[name], expected)?;
    }
    Ok(format!(
        "openrouter: failed ({}); local: complete",
        dead["kind"].as_str().unwrap_or("?")
    ))
}

fn stop(rig: &mut Rig) -> Found {
    let status = rig.stop_gateway()?;
    that(status.success(), || format!("it ended with {status}"))?;
    Ok(status.to_string())
}

fn books(rig: &mut Rig) -> Found {
    let counted = Tokens::counted(&rig.model)? - rig.before;
    let [gateway, commands] = LEDGERS;
    let booked = rig.booked(gateway)? + rig.booked(commands)?;
    that(counted.output > 0, || {
        "the server has counted nothing".into()
    })?;
    that(booked == counted, || {
        format!("counted {counted}; booked {booked}")
    })?;
    Ok(booked.to_string())
}

// === words ===

fn that(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn equal(what: &str, found: &Value, expected: &str) -> Result<(), String> {
    that(found == expected, || {
        format!("{what} is {found}, not {expected:?}")
    })
}

fn header(answer: &http::Answer, name: &str, expected: &str) -> Result<(), String> {
    let found = answer.header(name);
    that(found == Some(expected), || {
        format!("{name} is {found:?}, not {expected:?}")
    })
}

fn attempts(printed: &Value) -> Result<Vec<Value>, String> {
    let attempts = printed["receipt"]["attempts"].as_array();
    attempts
        .cloned()
        .ok_or_else(|| format!("no attempts in {printed}"))
}

fn text_of(content: &Value) -> Result<String, String> {
    let text = content.as_str().unwrap_or_default();
    that(!text.is_empty(), || {
        format!("the answer has no text: {content}")
    })?;
    Ok(text.to_owned())
}

/// The first words of an answer, on one line.
fn start_of(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(6).collect();
    format!("“{} …”", words.join(" "))
}
