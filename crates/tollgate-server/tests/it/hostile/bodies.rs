//! Bodies that are no request of their surface, or are one in two ways.

use super::Fate::{Borne, Refused};
use super::draw::Draw;
use super::{Fate, Input, JSON, post_to};
use crate::support::MODEL;

/// A surface, and what an honest request to it looks like.
pub(super) struct At {
    path: &'static str,
    /// What holds the prompt, and an honest one.
    prompt: (&'static str, &'static str),
}

pub(super) const SURFACES: [At; 5] = [
    At {
        path: "chat/completions",
        prompt: ("messages", CHAT),
    },
    At {
        path: "messages",
        prompt: ("messages", CHAT),
    },
    At {
        path: "responses",
        prompt: ("input", TEXT),
    },
    At {
        path: "completions",
        prompt: ("prompt", TEXT),
    },
    At {
        path: "embeddings",
        prompt: ("input", TEXT),
    },
];

const CHAT: &str = r#"[{"role":"user","content":"Name a colour."}]"#;
const TEXT: &str = r#""Name a colour.""#;

impl At {
    fn honest(&self) -> String {
        let (key, prompt) = self.prompt;
        format!(r#"{{"model":"{MODEL}","stream":false,"{key}":{prompt}}}"#)
    }

    /// An honest body with more members.
    fn with(&self, members: &str) -> String {
        self.honest().replacen('{', &format!("{{{members},"), 1)
    }

    fn post(&self, kind: &'static str, body: impl Into<Vec<u8>>, fate: Fate) -> Input {
        post_to(self.path, kind, JSON, body, fate)
    }

    fn is_a_chat(&self) -> bool {
        self.prompt.1 == CHAT
    }
}

pub(super) fn all(draw: &mut Draw) -> Vec<Input> {
    let mut inputs: Vec<_> = SURFACES.iter().flat_map(|at| at.all(draw)).collect();
    // Many megabytes each, and no surface reads them.
    inputs.extend(huge(&SURFACES[0]));
    inputs
}

impl At {
    fn all(&self, draw: &mut Draw) -> Vec<Input> {
        let mut inputs = Vec::new();
        inputs.extend(truncated(self, draw));
        inputs.extend(deep(self, draw));
        inputs.extend(wide(self));
        inputs.extend(duplicates(self, draw));
        inputs.extend(other_case(self, draw));
        inputs.extend(numbers(self));
        inputs.extend(wrong_types(self));
        inputs.extend(bad_text(self, draw));
        inputs.extend(marks(self));
        inputs.extend(controls(self, draw));
        inputs.extend(no_objects(self));
        inputs.extend(flipped(self, draw));
        inputs
    }
}

fn truncated(at: &At, draw: &mut Draw) -> Vec<Input> {
    let whole = at.with(r#""tools":[{"type":"function","function":{"name":"f"}}],"seed":12"#);
    let cut = |_| {
        let length = draw.below(whole.len());
        at.post("truncated", &whole.as_bytes()[..length], Refused)
    };
    (0..100).map(cut).collect()
}

fn deep(at: &At, draw: &mut Draw) -> Vec<Input> {
    let fields = [
        "messages",
        "metadata",
        "tools",
        "provider",
        "x",
        "response_format",
    ];
    let nest = |_| {
        let depth = 64 + draw.below(2_000);
        let (open, close) = draw.of(&[("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")]);
        let field = draw.of(&fields);
        // Half of them never end.
        let end = draw.of(&["", close]).repeat(depth);
        let body = format!("{{\"{field}\":{}1{end}}}", open.repeat(depth));
        at.post("deep", body, Refused)
    };
    (0..60).map(nest).collect()
}

fn wide(at: &At) -> Vec<Input> {
    let members = |count: usize| -> String {
        let members: Vec<_> = (0..count).map(|n| format!("\"k{n}\":0")).collect();
        members.join(",")
    };
    let wide = [10_001, 50_000].map(|count| {
        [
            at.with(&members(count)),
            at.with(&format!("\"metadata\":{{{}}}", members(count))),
        ]
    });
    let wide = wide.into_iter().flatten();
    wide.map(|body| at.post("wide", body, Refused)).collect()
}

/// A key with some of its letters escaped.
fn escaped(draw: &mut Draw, key: &str) -> String {
    let escape = |letter: char| match draw.below(3) {
        0 => format!("\\u{:04x}", u32::from(letter)),
        1 => format!("\\u{:04X}", u32::from(letter)),
        _ => letter.to_string(),
    };
    key.chars().map(escape).collect()
}

fn duplicates(at: &At, draw: &mut Draw) -> Vec<Input> {
    let objects = [
        ("", ""),
        (r#""provider":{"#, "}"),
        (r#""stream_options":{"#, "}"),
        (r#""reasoning":{"#, "}"),
        (r#""tools":[{"type":"function","function":{"#, "}}]"),
        (r#""x":[[{"y":{"#, "}}]]"),
    ];
    let keys = [
        "order",
        "max_price",
        "include_usage",
        "effort",
        "name",
        "é",
        "",
        "allow_fallbacks",
    ];
    let twice = |_| {
        let (open, close) = draw.of(&objects);
        let key = draw.of(&keys);
        let (one, two) = (escaped(draw, key), escaped(draw, key));
        let members = format!("{open}\"{one}\":1,\"between\":[],\"{two}\":2{close}");
        at.post("duplicate key", at.with(&members), Refused)
    };
    let nested: Vec<_> = (0..100).map(twice).collect();
    let known = ["model", at.prompt.0, "stream"]
        .into_iter()
        .cycle()
        .take(60);
    let known = known.map(|key| {
        let key = escaped(draw, key);
        at.post(
            "duplicate key",
            at.with(&format!("\"{key}\":null")),
            Refused,
        )
    });
    nested
        .into_iter()
        .chain(known.collect::<Vec<_>>())
        .collect()
}

fn other_case(at: &At, draw: &mut Draw) -> Vec<Input> {
    let keys = [
        "model",
        "messages",
        "stream",
        "max_tokens",
        "provider",
        "models",
        "n",
        "stream_options",
        "api_base",
        "temperature",
        "usage",
        "plugins",
    ];
    let vary = |place: usize| {
        let key = keys[place % keys.len()];
        let mut varied: String = key
            .chars()
            .map(|letter| match draw.below(2) {
                0 => letter.to_ascii_uppercase(),
                _ => letter,
            })
            .collect();
        if varied == key {
            varied = key.to_ascii_uppercase();
        }
        at.post(
            "case of a key",
            at.with(&format!("\"{varied}\":null")),
            Refused,
        )
    };
    (0..100).map(vary).collect()
}

fn numbers(at: &At) -> Vec<Input> {
    let counts = ["max_tokens", "max_completion_tokens", "n"];
    let others = [
        "temperature",
        "top_p",
        "seed",
        "top_k",
        "frequency_penalty",
        "min_p",
    ];
    let never = [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "1e99999999999",
        "0x10",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "--1",
        "\"1\"",
        "1_000",
        "१",
    ];
    let never_counted = [
        "0",
        "-1",
        "1.5",
        "1e3",
        "4294967296",
        "99999999999999999999999",
    ];
    let cases = |fields: &[&'static str], values: &[&'static str]| -> Vec<Input> {
        let cases = fields.iter().flat_map(|field| {
            values
                .iter()
                .map(move |value| format!("\"{field}\":{value}"))
        });
        cases
            .map(|members| at.post("number", at.with(&members), Refused))
            .collect()
    };
    let long = format!("\"seed\":{}", "9".repeat(100_000));
    [
        cases(&counts, &never),
        cases(&others, &never),
        cases(&counts, &never_counted),
        vec![at.post("number", at.with(&long), Refused)],
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What each kind of value looks like.
const VALUES: [(&str, &str); 6] = [
    ("text", "\"x\""),
    ("number", "7.5"),
    ("flag", "true"),
    ("list", "[[]]"),
    ("object", "{\"x\":{}}"),
    ("list", "[7,{}]"),
];

fn wrong_types(at: &At) -> Vec<Input> {
    // Each field with what it may be.
    let fields = [
        ("max_tokens", &["whole"][..]),
        ("max_completion_tokens", &["whole"]),
        ("n", &["whole"]),
        ("seed", &["whole"]),
        ("top_k", &["whole"]),
        ("top_logprobs", &["whole"]),
        ("temperature", &["number"]),
        ("top_p", &["number"]),
        ("min_p", &["number"]),
        ("frequency_penalty", &["number"]),
        ("presence_penalty", &["number"]),
        ("logprobs", &["flag"]),
        ("parallel_tool_calls", &["flag"]),
        ("structured_outputs", &["flag"]),
        ("provider", &["object"]),
        ("reasoning", &["object"]),
        ("stream_options", &["object"]),
        ("response_format", &["object"]),
        ("metadata", &["object"]),
        ("logit_bias", &["object"]),
        ("usage", &["object"]),
        ("tools", &["list"]),
        ("plugins", &["list"]),
        ("models", &["list of texts"]),
        ("stop", &["text", "list"]),
        ("tool_choice", &["text", "object"]),
        ("user", &["text"]),
        ("session_id", &["text"]),
        ("service_tier", &["text"]),
    ];
    let mut inputs = Vec::new();
    for (field, kinds) in fields {
        for (_, value) in VALUES.iter().filter(|(kind, _)| !kinds.contains(kind)) {
            let members = format!("\"{field}\":{value}");
            inputs.push(at.post("wrong type", at.with(&members), Refused));
        }
    }
    let (key, _) = at.prompt;
    let prompts: &[&str] = match at.is_a_chat() {
        true => &["list"],
        false => &["text", "list", "object"],
    };
    for (field, own) in [
        ("model", &["text"][..]),
        (key, prompts),
        ("stream", &["flag"]),
    ] {
        for (_, value) in VALUES.iter().filter(|(kind, _)| !own.contains(kind)) {
            let body = match field {
                "model" => at.honest().replace(&format!("\"{MODEL}\""), value),
                "stream" => at.honest().replace("false", value),
                _ => format!("{{\"model\":\"{MODEL}\",\"{key}\":{value}}}"),
            };
            inputs.push(at.post("wrong type", body, Refused));
        }
    }
    let messages = [
        "7",
        "null",
        "\"x\"",
        "[]",
        "{}",
        "{\"role\":7}",
        "{\"content\":\"x\"}",
    ];
    for message in messages.iter().filter(|_| at.is_a_chat()) {
        let body = format!("{{\"model\":\"{MODEL}\",\"messages\":[{message}]}}");
        inputs.push(at.post("wrong type", body, Refused));
    }
    inputs
}

fn bad_text(at: &At, draw: &mut Draw) -> Vec<Input> {
    let spoil = |_| {
        let mut body = at.honest().into_bytes();
        let place = draw.below(body.len());
        let bad = draw.of(&[
            &b"\xff"[..],
            b"\xfe",
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf5\x80\x80\x80",
            b"\x80",
            b"\xe2\x82",
        ]);
        body.splice(place..place, bad.iter().copied());
        at.post("no UTF-8", body, Refused)
    };
    (0..100).map(spoil).collect()
}

fn marks(at: &At) -> Vec<Input> {
    let body = at.honest();
    let units: Vec<u16> = body.encode_utf16().collect();
    let little = units.iter().flat_map(|unit| unit.to_le_bytes());
    let big = units.iter().flat_map(|unit| unit.to_be_bytes());
    let wide = body
        .chars()
        .flat_map(|letter| u32::from(letter).to_be_bytes());
    let marked = |mark: &[u8], body: Vec<u8>| [mark.to_vec(), body].concat();
    let bodies = [
        marked(b"\xef\xbb\xbf", body.clone().into_bytes()),
        marked(b"\xff\xfe", little.clone().collect()),
        marked(b"\xfe\xff", big.clone().collect()),
        marked(b"\0\0\xfe\xff", wide.clone().collect()),
        little.collect(),
        big.collect(),
        wide.collect(),
    ];
    bodies
        .map(|body| at.post("byte order mark", body, Refused))
        .into()
}

fn controls(at: &At, draw: &mut Draw) -> Vec<Input> {
    let spoil = |_| {
        let body = at.honest();
        let control = loop {
            let control = u8::try_from(draw.below(0x20)).unwrap();
            // White space that JSON allows between its parts.
            if !matches!(control, b'\n' | b'\r' | b'\t') {
                break control;
            }
        };
        let mut body = body.into_bytes();
        let place = draw.below(body.len() + 1);
        body.insert(place, control);
        at.post("control character", body, Refused)
    };
    (0..60).map(spoil).collect()
}

fn no_objects(at: &At) -> Vec<Input> {
    let chat = at.honest();
    let bodies = [
        String::new(),
        " ".into(),
        "null".into(),
        "true".into(),
        "0".into(),
        "\"chat\"".into(),
        "[]".into(),
        "{}".into(),
        format!("[{chat}]"),
        format!("{chat}{chat}"),
        format!("{chat},"),
        format!("{chat}\n{chat}"),
        format!("{chat}//"),
        format!("/**/{chat}"),
        format!("{chat}\0"),
        chat.replace('"', "'"),
        chat.replace("\"model\"", "model"),
        chat.replace("false", "False"),
        chat.replace(":", "="),
        format!("data: {chat}\n\n"),
        format!(")]}}'\n{chat}"),
        "model=x&messages=y".into(),
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>"
            .into(),
        "--b\r\ncontent-disposition: form-data; name=model\r\n\r\nx\r\n--b--".into(),
        "{{7*7}}".into(),
        "${jndi:ldap://127.0.0.1/a}".into(),
        "!!python/object/apply:os.system [id]".into(),
        r#"{"__proto__":{"model":"x"}}"#.into(),
        r#"{"messages":null}"#.into(),
        r#"{"messages":[]}"#.into(),
    ];
    let bodies = bodies.into_iter();
    bodies
        .map(|body| at.post("no chat", body, Refused))
        .collect()
}

/// A few bits of a good chat changed: it may still be one.
fn flipped(at: &At, draw: &mut Draw) -> Vec<Input> {
    let flip = |_| {
        let mut body = at
            .with(r#""temperature":0.5,"provider":{"order":["a"]}"#)
            .into_bytes();
        for _ in 0..=draw.below(3) {
            let place = draw.below(body.len());
            body[place] ^= 1 << draw.below(8);
        }
        at.post("flipped bits", body, Borne)
    };
    (0..300).map(flip).collect()
}

fn huge(at: &At) -> Vec<Input> {
    let most = 32 << 20;
    let padded = format!("{}{}", " ".repeat(most), at.honest());
    let text = at.honest().replace("Name", &"x".repeat(most));
    [padded, text]
        .map(|body| at.post("huge", body, Refused))
        .into()
}
