//! Blocks told one after the other, though their pieces may come mixed.

use super::block::Block;
use super::chat::Chat;
use crate::translate::losses::Losses;
use crate::translate::place::Place;
use crate::{ChatChunk, FinishReason, Object, ParseError};

/// A surface that writes down what it is told, as events and as a whole.
pub(super) trait Target {
    /// The answer has begun.
    fn open(&mut self, chat: &Chat, events: &mut Vec<Object>);
    /// A block has begun.
    fn begin(&mut self, block: &Block, losses: &mut Losses, events: &mut Vec<Object>);
    /// A block has grown: by the text from a byte on, and by the probabilities from an element on.
    fn grow(&mut self, block: &Block, from: Told, losses: &mut Losses, events: &mut Vec<Object>);
    /// A block is over.
    fn end(
        &mut self,
        block: &Block,
        ending: Option<&Ending>,
        losses: &mut Losses,
        events: &mut Vec<Object>,
    ) -> Result<(), ParseError>;
    /// The answer is over.
    fn close(
        &mut self,
        chat: &Chat,
        ending: &Ending,
        losses: &mut Losses,
        events: &mut Vec<Object>,
    ) -> Result<(), ParseError>;
}

/// How an answer ended.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    /// In the words of chats.
    pub(super) finish: FinishReason,
    /// In the provider's own.
    pub(super) native: Option<String>,
    /// Whether there is a call, whatever the words say.
    pub(super) called: bool,
    /// Whether the model would not.
    pub(super) refused: bool,
}

/// How much of a block has been told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) text: usize,
    pub(super) logprobs: usize,
}

/// A chat on its way to a target.
#[derive(Debug)]
pub(super) struct Sequence<T> {
    chat: Chat,
    target: T,
    is_open: bool,
    /// Whether the first block that is not over has begun, and what was told of it.
    has_begun: bool,
    told: Told,
}

impl<T: Target> Sequence<T> {
    pub(super) fn new(target: T) -> Self {
        Self {
            chat: Chat::default(),
            target,
            is_open: false,
            has_begun: false,
            told: Told::default(),
        }
    }

    pub(super) fn push(
        &mut self,
        chunk: &ChatChunk<'_>,
        losses: &mut Losses,
    ) -> Result<Vec<Object>, ParseError> {
        let mut events = Vec::new();
        self.chat.push(chunk, losses)?;
        if !self.is_open {
            self.is_open = true;
            self.target.open(&self.chat, &mut events);
        }
        self.advance(None, losses, &mut events)?;
        Ok(events)
    }

    pub(super) fn finish(&mut self, losses: &mut Losses) -> Result<Vec<Object>, ParseError> {
        let mut events = Vec::new();
        let ending = self.ending()?;
        self.advance(Some(&ending), losses, &mut events)?;
        self.chat.check_rest(losses);
        self.target
            .close(&self.chat, &ending, losses, &mut events)?;
        Ok(events)
    }

    pub(super) fn into_target(self) -> T {
        self.target
    }

    /// Tells what is certain: all of the blocks that are over, and what there is of the next.
    fn advance(
        &mut self,
        ending: Option<&Ending>,
        losses: &mut Losses,
        events: &mut Vec<Object>,
    ) -> Result<(), ParseError> {
        while let Some(block) = self.chat.blocks.get(self.chat.over) {
            let is_last = self.chat.over + 1 == self.chat.blocks.len();
            let is_over = ending.is_some() || (!is_last && block.is_complete());
            if !self.has_begun && (is_over || block.can_begin()) {
                self.has_begun = true;
                self.target.begin(block, losses, events);
            }
            if self.has_begun && block.text().len() > self.told.text {
                self.target.grow(block, self.told, losses, events);
                self.told = Told {
                    text: block.text().len(),
                    logprobs: block.logprobs.len(),
                };
            }
            if !is_over {
                return Ok(());
            }
            self.target.end(block, ending, losses, events)?;
            self.chat.over += 1;
            (self.has_begun, self.told) = (false, Told::default());
        }
        Ok(())
    }

    fn ending(&self) -> Result<Ending, ParseError> {
        use super::block::Kind;
        let has = |kind| self.chat.blocks.iter().any(|block| block.kind == kind);
        let place = Place::Top.key("choices");
        let place = place.index(0);
        let place = place.key("finish_reason");
        match &self.chat.finish {
            None => Err(place.error("is missing at the end, so the answer was cut")),
            Some(FinishReason::Error) => Err(place.error("says that the answer failed")),
            Some(finish) => Ok(Ending {
                finish: finish.clone(),
                native: self.chat.native_finish.clone(),
                called: has(Kind::Call),
                refused: has(Kind::Refusal),
            }),
        }
    }
}
