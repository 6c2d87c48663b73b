//! The way of an answer: into a chat where it is none, and on to the caller's surface.

use std::sync::Arc;

use tollgate_wire::{
    ChatReply, ChatResponse, ChatTranslator, Loss, Object, ParseError, Request, StreamEvent,
    StreamTranslator, Surface, answer_from_chat,
};

/// Both legs of the way, for one answer.
pub(crate) struct Legs {
    /// The first leg, for upstreams that speak no chat.
    into_chat: Option<ChatTranslator>,
    stream: StreamTranslator,
    request: Arc<Request>,
    /// How many of the losses of each leg were told.
    told: (usize, usize),
}

impl Legs {
    pub(crate) fn new(
        request: &Arc<Request>,
        into_chat: Option<ChatTranslator>,
    ) -> Result<Self, ParseError> {
        Ok(Self {
            into_chat,
            stream: StreamTranslator::new(request)?,
            request: Arc::clone(request),
            told: (0, 0),
        })
    }

    /// The surface that they lead to.
    pub(crate) fn surface(&self) -> Surface {
        self.request.surface()
    }

    /// What an event makes certain.
    pub(crate) fn event(&mut self, data: &[u8]) -> Result<Vec<Object>, ParseError> {
        match &mut self.into_chat {
            None => self.chunk(data),
            Some(into_chat) => {
                let chunks = into_chat.push(data)?;
                self.chunks(&chunks)
            }
        }
    }

    /// The last events.
    pub(crate) fn finish(&mut self) -> Result<Vec<Object>, ParseError> {
        let chunks = match &mut self.into_chat {
            Some(into_chat) => into_chat.finish()?,
            None => Vec::new(),
        };
        let mut events = self.chunks(&chunks)?;
        events.extend(self.stream.finish()?);
        Ok(events)
    }

    /// A whole answer, and what was lost of it.
    pub(crate) fn whole(&mut self, data: &[u8]) -> Result<(Object, Vec<String>), ParseError> {
        let answer = self.chat(data)?;
        let answer = answer_from_chat(&self.request, &answer)?;
        let mut lost = self.news();
        lost.extend(places(&answer.losses));
        Ok((answer.value, lost))
    }

    /// A whole answer as all of its events but the last.
    pub(crate) fn whole_as_events(&mut self, data: &[u8]) -> Result<Vec<Object>, ParseError> {
        let Some(into_chat) = &mut self.into_chat else {
            let answer = self.chat(data)?;
            return self.stream.push_whole(&answer);
        };
        let chunks = into_chat.push_whole(data)?;
        self.chunks(&chunks)
    }

    /// The losses that were not told yet.
    pub(crate) fn news(&mut self) -> Vec<String> {
        let into_chat = self.into_chat.as_ref();
        let first = into_chat.map_or(&[][..], ChatTranslator::losses);
        let mut news = new(first, &mut self.told.0);
        news.extend(new(self.stream.losses(), &mut self.told.1));
        news
    }

    fn chat(&mut self, data: &[u8]) -> Result<ChatResponse, ParseError> {
        if let Some(into_chat) = &mut self.into_chat {
            return into_chat.whole(data);
        }
        match ChatReply::parse(data)? {
            ChatReply::Answer(answer) => Ok(answer),
            ChatReply::Error(_) => Err(ParseError::new("expected an answer, found an error")),
        }
    }

    fn chunks(&mut self, chunks: &[Object]) -> Result<Vec<Object>, ParseError> {
        let mut events = Vec::new();
        for chunk in chunks {
            events.extend(self.chunk(&chunk.to_vec())?);
        }
        Ok(events)
    }

    fn chunk(&mut self, data: &[u8]) -> Result<Vec<Object>, ParseError> {
        match StreamEvent::parse(data)? {
            StreamEvent::Chunk(chunk) => self.stream.push(&chunk),
            StreamEvent::Error(_) | StreamEvent::Done => Ok(Vec::new()),
        }
    }
}

/// Where losses left their places.
pub(crate) fn places(losses: &[Loss]) -> Vec<String> {
    losses.iter().map(|loss| loss.place.clone()).collect()
}

fn new(losses: &[Loss], told: &mut usize) -> Vec<String> {
    let new = places(&losses[*told..]);
    *told = losses.len();
    new
}
