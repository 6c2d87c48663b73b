//! A conversation in the words of a surface, kept as that surface's own clients keep it: what was
//! answered goes back as it came.

mod chat;
mod messages;
mod responses;

use serde_json::{Value, json};
use tollgate::Surface;

/// A surface, and how its clients speak.
pub(super) struct Tongue {
    pub(super) name: &'static str,
    surface: Surface,
    /// What was said before the first turn: a picture, and calls of tools at the same time.
    prelude: fn(first: &str) -> Vec<Value>,
    /// What the user says.
    user: fn(&str) -> Value,
    /// The results of calls.
    results: fn(&[Call]) -> Vec<Value>,
    /// A request without its model and delivery.
    request: fn(&[Value]) -> Value,
    /// The whole answer that the events of a stream make.
    gather: fn(&[Value]) -> Value,
    hear: fn(&Value) -> Heard,
}

/// The surfaces on which conversations are held.
pub(super) const TONGUES: [Tongue; 3] = [chat::CHAT, messages::MESSAGES, responses::RESPONSES];

/// What a client has heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// What it keeps, to send it back.
    said: Vec<Value>,
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
    /// Whether the answer says that it waits for the results of tools.
    pub(super) is_for_tools: bool,
    /// What its model has signed or sealed.
    pub(super) signatures: Vec<String>,
}

/// A call of a tool.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Value,
}

/// A conversation on its way.
pub(super) struct Talk {
    tongue: &'static Tongue,
    history: Vec<Value>,
    /// Calls that have no results yet.
    open: Vec<Call>,
}

/// The tools, by turns of the one who asks for them.
const TOOLS: [&str; 2] = ["get_weather", "find_train"];

impl Talk {
    /// A conversation with that number, which its first words tell.
    pub(super) fn begin(tongue: &'static Tongue, number: u32) -> Self {
        let first = format!("Call {number}: how warm is it there, and in Bergen?");
        Self {
            tongue,
            history: (tongue.prelude)(&first),
            open: Vec::new(),
        }
    }

    pub(super) fn surface(&self) -> Surface {
        self.tongue.surface
    }

    /// The tool that a turn is to call; every second one tells its results.
    pub(super) fn tool(turn: usize) -> Option<&'static str> {
        let is_asked = turn.is_multiple_of(2);
        is_asked.then(|| TOOLS[turn / 2 % TOOLS.len()])
    }

    /// Says what the turn is about.
    pub(super) fn ask(&mut self, turn: usize) {
        match Self::tool(turn) {
            Some(tool) => {
                let text = format!("Please use {tool} for me.");
                self.history.push((self.tongue.user)(&text));
            }
            None => {
                let open = std::mem::take(&mut self.open);
                self.history.extend((self.tongue.results)(&open));
            }
        }
    }

    pub(super) fn request(&self, model: &str, is_stream: bool) -> Value {
        let mut request = (self.tongue.request)(&self.history);
        request["model"] = json!(model);
        request["stream"] = json!(is_stream);
        request
    }

    /// Takes an answer in.
    pub(super) fn hear(&mut self, pieces: &[Value], is_stream: bool) -> Heard {
        let answer = match (is_stream, pieces) {
            (false, [whole]) => whole.clone(),
            _ => (self.tongue.gather)(pieces),
        };
        let heard = (self.tongue.hear)(&answer);
        self.history.extend(heard.said.iter().cloned());
        self.open.clone_from(&heard.calls);
        heard
    }
}

// === what all surfaces share ===

/// One black pixel.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg==";

const SYSTEM: &str = "You are terse.";

/// What the two calls of the prelude asked and got, with their ids.
const EARLIER: [(&str, &str, &str); 2] = [
    ("call_first", "Oslo", "7 degrees"),
    ("call_second", "Bergen", "9 degrees"),
];

const EARLIER_ANSWER: &str = "7 and 9 degrees.";

const RESULT: &str = "It is as it was yesterday.";

const MAX_OUTPUT: u32 = 4_000;

fn parameters() -> Value {
    json!({
        "type": "object", "properties": {"city": {"type": "string"}},
        "required": ["city"], "additionalProperties": false,
    })
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Adds a piece of text to a member, if there is one.
fn grow(whole: &mut Value, piece: &Value) {
    let Some(piece) = piece.as_str().filter(|piece| !piece.is_empty()) else {
        return;
    };
    *whole = json!(text_of(whole) + piece);
}

fn parsed(arguments: &Value) -> Value {
    serde_json::from_str(arguments.as_str().unwrap_or_default()).unwrap_or_default()
}

/// The texts that are there and not empty.
fn some<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let texts = values.into_iter().map(text_of);
    texts.filter(|text| !text.is_empty()).collect()
}
