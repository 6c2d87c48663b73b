//! Those who call: what they ask for, how long they stay, and what they got.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tollgate::{
    ChatRequest, Failure, FailureKind, Frame, FrameKind, Gateway, Message, Order, StreamEvent,
    StreamMode,
};

/// What one caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    mode: StreamMode,
    leaves: Option<Duration>,
    model: &'static str,
}

/// The model that callers name unless they name another; all hosts serve it.
pub const MODEL: &str = "mistralai/mistral-nemo";

/// The tag that carries a call's number into its receipt.
pub(crate) const NUMBER: &str = "number";

impl Ask {
    /// Asks for a stream.
    #[must_use]
    pub fn stream() -> Self {
        Self::of(StreamMode::Stream)
    }

    /// Asks for an answer in one piece.
    #[must_use]
    pub fn whole() -> Self {
        Self::of(StreamMode::Whole)
    }

    /// Streams for even numbers, whole answers for odd ones.
    #[must_use]
    pub fn either(number: u32) -> Self {
        if number.is_multiple_of(2) {
            Self::stream()
        } else {
            Self::whole()
        }
    }

    fn of(mode: StreamMode) -> Self {
        Self {
            mode,
            leaves: None,
            model: MODEL,
        }
    }

    /// Goes away after this time, if the answer is not complete by then.
    #[must_use]
    pub fn leaving_after(mut self, stay: Duration) -> Self {
        self.leaves = Some(stay);
        self
    }

    /// Names another model.
    #[must_use]
    pub fn with_model(mut self, model: &'static str) -> Self {
        self.model = model;
        self
    }

    fn order(&self, number: u32) -> Result<Order, Failure> {
        let prompt = format!("{MARK}{number}: say something about rivers.");
        let request = ChatRequest::new([Message::user(&prompt)]).map_err(|error| {
            Failure::new(FailureKind::Internal, "the request cannot be made").with_source(error)
        })?;
        let request = request.with_model(self.model).with_stream(self.mode);
        Ok(Order::from(request).with_tag(NUMBER, number.to_string()))
    }
}

/// What stands in a prompt before the number of its call.
const MARK: &str = "Call ";

/// The number of the call that a request belongs to.
pub(crate) fn number_in(body: &[u8]) -> Option<u32> {
    let mark = MARK.as_bytes();
    let at = body.windows(mark.len()).position(|window| window == mark)?;
    let digits = body[at + mark.len()..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    std::str::from_utf8(&digits.copied().collect::<Vec<_>>())
        .ok()?
        .parse()
        .ok()
}

/// What one caller got.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The number of the call, from 0.
    pub number: u32,
    /// What was asked for.
    pub ask: Ask,
    /// When it was asked.
    pub asked: Instant,
    /// When there was an answer to read.
    pub committed: Option<Instant>,
    /// When the last piece of text came.
    pub last_text: Option<Instant>,
    /// When it was over.
    pub ended: Instant,
    /// How it ended.
    pub end: End,
    /// The text that was read.
    pub text: String,
}

/// How a call ended, as its caller saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a complete answer.
    Complete,
    /// With a failure in place of an answer, or of the rest of one.
    Failed(FailureKind),
    /// The caller went away.
    Left,
}

impl Outcome {
    /// How long it took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.ended - self.asked
    }

    /// Whether it ended with a complete answer.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.end == End::Complete
    }

    /// What went wrong, if anything did.
    #[must_use]
    pub fn failure(&self) -> Option<FailureKind> {
        match self.end {
            End::Failed(kind) => Some(kind),
            End::Complete | End::Left => None,
        }
    }

    /// Whether it went wrong after some of the answer was shown.
    #[must_use]
    pub fn was_cut(&self) -> bool {
        self.failure().is_some() && self.committed.is_some()
    }
}

/// Makes one call, and reads its answer for as long as the caller stays.
pub(crate) async fn call(gateway: Gateway, ask: Ask, number: u32) -> Outcome {
    let mut outcome = Outcome {
        number,
        asked: Instant::now(),
        committed: None,
        last_text: None,
        ended: Instant::now(),
        end: End::Left,
        text: String::new(),
        ask,
    };
    let stay = outcome.ask.leaves.unwrap_or(Duration::MAX);
    // A caller who leaves drops the future or the answer, whatever it was at.
    let read = timeout(stay, read(&gateway, &mut outcome)).await;
    outcome.end = match read {
        Ok(Ok(())) => End::Complete,
        Ok(Err(kind)) => End::Failed(kind),
        Err(_) => End::Left,
    };
    outcome.ended = Instant::now();
    outcome
}

async fn read(gateway: &Gateway, outcome: &mut Outcome) -> Result<(), FailureKind> {
    let order = outcome
        .ask
        .order(outcome.number)
        .map_err(|failure| failure.kind())?;
    let mut answer = gateway.chat(order).await.map_err(|error| error.kind())?;
    outcome.committed = Some(Instant::now());
    while let Some(frame) = answer.next().await {
        let frame = frame.map_err(|failure| failure.kind())?;
        if starts_anew(&frame) {
            outcome.text.clear();
        }
        let text = text_of(&frame);
        if !text.is_empty() {
            outcome.text.push_str(&text);
            outcome.last_text = Some(Instant::now());
        }
    }
    Ok(())
}

/// Whether the gateway says that the answer begins once more.
fn starts_anew(frame: &Frame) -> bool {
    let event = |notice: Value| notice["tollgate"]["event"] == "restarted";
    frame.kind == FrameKind::Notice && serde_json::from_slice(&frame.data).is_ok_and(event)
}

/// The visible text of a frame.
fn text_of(frame: &Frame) -> String {
    let chunk = match frame.kind {
        FrameKind::Body => return body_text(frame),
        FrameKind::Event => StreamEvent::parse(&frame.data),
        _ => return String::new(),
    };
    match chunk {
        Ok(StreamEvent::Chunk(chunk)) => {
            let choices = chunk.choices.iter();
            choices.filter_map(|choice| choice.content()).collect()
        }
        _ => String::new(),
    }
}

fn body_text(frame: &Frame) -> String {
    match tollgate::ChatReply::parse(&frame.data) {
        Ok(tollgate::ChatReply::Answer(response)) => response.text(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, number_in};

    #[test]
    fn the_number_of_a_call_is_found_in_its_request() {
        for (body, number) in [
            (r#"{"content":"Call 120: say"}"#, Some(120)),
            (r#"{"content":"Call me"}"#, None),
            ("", None),
        ] {
            assert_eq!(number_in(body.as_bytes()), number, "{body}");
        }
        assert!(Ask::stream().order(7).is_ok());
    }
}
