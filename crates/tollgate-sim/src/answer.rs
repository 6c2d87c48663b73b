//! What a model says: text, reasoning and tool calls in pieces of one token each.

use crate::ask::{Ask, Format, Subject, ToolAsk};
use crate::catalog::Model;
use crate::draw::Draw;
use crate::schema::instance;

/// A whole answer. Every piece is one output token, by definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) reasoning: Vec<String>,
    pub(crate) shows_reasoning: bool,
    pub(crate) content: Vec<String>,
    pub(crate) call: Option<Call>,
    /// `None` is the “no content” answer of a model that is warming up.
    pub(crate) finish: Option<Finish>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    Length,
    ToolCalls,
}

/// How long an answer is to be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Length {
    /// All output tokens of a text answer; its own length when absent.
    pub(crate) exact: Option<u64>,
    /// The most output tokens.
    pub(crate) limit: Option<u64>,
}

impl Answer {
    /// What `model` says to `ask`; the same draw gives the same answer.
    pub(crate) fn new(ask: &Ask, model: &Model, length: Length, draw: &mut Draw) -> Self {
        let wish = reasoning_tokens(ask, model, draw);
        let reasoning = size(length.exact.map_or(wish, |exact| wish.min(exact / 2)));
        let rest = length.exact.map(|exact| size(exact) - reasoning);
        let mut answer = Self {
            reasoning: prose(reasoning, draw),
            shows_reasoning: !ask.reasoning.exclude,
            content: Vec::new(),
            call: None,
            finish: Some(Finish::Stop),
        };
        match (&ask.call, &ask.format) {
            (Some(tool), _) => answer.set_call(tool, draw),
            (None, Format::Schema(schema)) => {
                answer.content = pieces(&instance(schema, draw).to_string())
            }
            (None, Format::Json) => answer.content = json_object(draw),
            (None, Format::Text) => answer.content = text(ask.subject, rest, draw),
        }
        if let Some(limit) = length.limit {
            answer.limit(size(limit));
        }
        answer
    }

    /// The answer of a model that generated nothing.
    pub(crate) fn empty() -> Self {
        Self {
            reasoning: Vec::new(),
            shows_reasoning: false,
            content: Vec::new(),
            call: None,
            finish: None,
        }
    }

    /// All output tokens; the name of a called tool is one.
    pub(crate) fn tokens(&self) -> u64 {
        let call = self
            .call
            .as_ref()
            .map_or(0, |call| call.arguments.len() + 1);
        (self.reasoning.len() + self.content.len() + call) as u64
    }

    /// The reasoning that the client sees.
    pub(crate) fn shown_reasoning(&self) -> &[String] {
        if self.shows_reasoning {
            &self.reasoning
        } else {
            &[]
        }
    }

    /// Tokens that the client is charged for and never sees.
    pub(crate) fn hidden_tokens(&self) -> u64 {
        (self.reasoning.len() - self.shown_reasoning().len()) as u64
    }

    fn set_call(&mut self, tool: &ToolAsk, draw: &mut Draw) {
        let arguments = match instance(&tool.parameters, draw) {
            serde_json::Value::Object(fields) => serde_json::Value::Object(fields).to_string(),
            _ => "{}".to_owned(),
        };
        let id = format!("call_{}", draw.alphanumerics(24));
        self.call = Some(Call {
            id,
            name: tool.name.clone(),
            arguments: pieces(&arguments),
        });
        self.finish = Some(Finish::ToolCalls);
    }

    /// Cuts the answer to at most `limit` tokens, the last ones first.
    fn limit(&mut self, limit: usize) {
        if size(self.tokens()) <= limit {
            return;
        }
        self.finish = Some(Finish::Length);
        self.reasoning.truncate(limit);
        let rest = limit - self.reasoning.len();
        self.content.truncate(rest);
        match &mut self.call {
            Some(call) if rest > 0 => call.arguments.truncate(rest - 1),
            call => *call = None,
        }
    }
}

impl Finish {
    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }

    /// A word as an invented provider would have it.
    pub(crate) fn native_word(self) -> &'static str {
        match self {
            Self::Stop => "completed",
            Self::Length => "max_output_tokens",
            Self::ToolCalls => "tool_use",
        }
    }
}

/// How much a model thinks before it speaks.
fn reasoning_tokens(ask: &Ask, model: &Model, draw: &mut Draw) -> u64 {
    /// Percent of the usual length for each word of effort.
    const EFFORTS: [(&str, u64); 7] = [
        ("none", 0),
        ("minimal", 20),
        ("low", 50),
        ("medium", 100),
        ("high", 200),
        ("xhigh", 300),
        ("max", 400),
    ];
    let Some(reasoning) = &model.reasoning else {
        return 0;
    };
    let asked = &ask.reasoning;
    let effort = asked
        .effort
        .as_deref()
        .and_then(|effort| EFFORTS.iter().find(|(word, _)| *word == effort));
    let on_by_default = reasoning.mandatory || reasoning.default_enabled.unwrap_or(false);
    let on = asked
        .enabled
        .unwrap_or(on_by_default || asked.max_tokens.is_some() || effort.is_some());
    if !on && !reasoning.mandatory {
        return 0;
    }
    let percent = effort.map_or(100, |(_, percent)| *percent);
    let natural = draw.between(20, 80) * percent / 100;
    asked.max_tokens.map_or(natural, |most| natural.min(most))
}

fn text(subject: Subject, length: Option<usize>, draw: &mut Draw) -> Vec<String> {
    match (subject, length) {
        (_, Some(length)) => prose(length, draw),
        (Subject::Prose, None) => prose(size(draw.between(20, 90)), draw),
        (Subject::Code, None) => code(draw),
        (Subject::Mathematics, None) => mathematics(draw),
    }
}

/// Sentences without meaning, of exactly so many tokens.
fn prose(length: usize, draw: &mut Draw) -> Vec<String> {
    const WORDS: [&str; 32] = [
        "the", "river", "keeps", "a", "quiet", "measure", "of", "every", "stone", "and", "light",
        "moves", "over", "open", "water", "while", "small", "boats", "carry", "grain", "to",
        "towns", "that", "wait", "for", "morning", "with", "patient", "doors", "along", "grey",
        "hills",
    ];
    let mut words = Vec::with_capacity(length);
    let mut left_in_sentence = 0;
    while words.len() < length {
        let begins = left_in_sentence == 0;
        if begins {
            left_in_sentence = draw.between(6, 14);
        }
        left_in_sentence -= 1;
        let word = draw.pick(&WORDS);
        words.push(match (begins, left_in_sentence) {
            (true, _) if words.is_empty() => capital(word),
            (true, _) => format!(" {}", capital(word)),
            (false, 0) => ".".to_owned(),
            (false, _) => format!(" {word}"),
        });
    }
    if let (Some(last), true) = (words.last_mut(), length > 1) {
        ".".clone_into(last);
    }
    words
}

fn code(draw: &mut Draw) -> Vec<String> {
    let mut text = String::from("```rust\n");
    for step in 0..draw.between(3, 6) {
        let (left, right) = (draw.below(100), draw.below(100));
        text.push_str(&format!(
            "fn step_{step}(input: u32) -> u32 {{\n    input * {left} + {right}\n}}\n"
        ));
    }
    text.push_str("```\n");
    pieces(&text)
}

fn mathematics(draw: &mut Draw) -> Vec<String> {
    let mut total = draw.between(1, 99);
    let mut text = format!("Start with {total}.");
    for _ in 0..draw.between(2, 6) {
        let more = draw.between(1, 99);
        text.push_str(&format!(" Then {total} + {more} = {}.", total + more));
        total += more;
    }
    text.push_str(&format!(" The answer is {total}."));
    pieces(&text)
}

fn json_object(draw: &mut Draw) -> Vec<String> {
    let answer: String = prose(size(draw.between(4, 12)), draw).concat();
    pieces(&serde_json::json!({"answer": answer, "confidence": draw.below(100)}).to_string())
}

/// Splits a text into tokens: a space with up to six letters or digits, or one other character.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for character in text.chars() {
        match pieces.last_mut() {
            Some(piece) if character.is_alphanumeric() && is_open(piece) => piece.push(character),
            _ => pieces.push(character.to_string()),
        }
    }
    pieces
}

fn is_open(piece: &str) -> bool {
    let word = piece.strip_prefix(' ').unwrap_or(piece);
    word.len() < 6 && word.chars().all(char::is_alphanumeric)
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Answer, Finish, Length, pieces};
    use crate::catalog::Catalog;
    use crate::dialect::CHAT;
    use crate::draw::Draw;

    fn answer(model: &str, body: serde_json::Value, length: Length) -> Answer {
        let ask = CHAT.read(body.as_object().unwrap()).unwrap();
        let model = Catalog::embedded().find(model).unwrap().model;
        Answer::new(&ask, &model, length, &mut Draw::new(7, &[b"answer"]))
    }

    fn hello() -> serde_json::Value {
        json!({"messages": [{"role": "user", "content": "hello"}]})
    }

    #[test]
    fn pieces_join_to_the_text() {
        let text = "fn main() { let quite_long_name = 12345678; }\n";
        assert_eq!(pieces(text).concat(), text);
        assert!(pieces(text).iter().all(|piece| piece.len() <= 7));
    }

    #[test]
    fn an_exact_length_is_kept_and_a_limit_cuts() {
        let exact = Length {
            exact: Some(50),
            limit: None,
        };
        for model in ["openai/gpt-4o-mini", "deepseek/deepseek-r1"] {
            assert_eq!(answer(model, hello(), exact).tokens(), 50, "{model}");
            let cut = answer(
                model,
                hello(),
                Length {
                    limit: Some(10),
                    ..exact
                },
            );
            assert_eq!(
                (cut.tokens(), cut.finish),
                (10, Some(Finish::Length)),
                "{model}"
            );
        }
    }

    #[test]
    fn a_reasoning_model_can_spend_its_whole_limit_on_reasoning() {
        let cut = answer(
            "deepseek/deepseek-r1",
            hello(),
            Length {
                exact: None,
                limit: Some(5),
            },
        );
        assert_eq!(
            (cut.reasoning.len(), cut.content.len(), cut.finish),
            (5, 0, Some(Finish::Length))
        );
    }

    #[test]
    fn json_is_json_and_a_required_tool_is_called() {
        let body = json!({
            "messages": [{"role": "user", "content": "hello"}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}},
        });
        let text = answer("openai/gpt-4o-mini", body, Length::default())
            .content
            .concat();
        assert!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["n"].is_i64(),
            "{text}"
        );

        let body = json!({
            "messages": [{"role": "user", "content": "hello"}], "tool_choice": "required",
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}],
        });
        let answer = answer("openai/gpt-4o-mini", body, Length::default());
        let call = answer.call.unwrap();
        assert_eq!(
            (call.name.as_str(), answer.finish),
            ("f", Some(Finish::ToolCalls))
        );
        assert!(
            serde_json::from_str::<serde_json::Value>(&call.arguments.concat()).unwrap()["a"]
                .is_string()
        );
    }
}
