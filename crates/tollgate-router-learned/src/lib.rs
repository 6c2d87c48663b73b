#![doc = include_str!("../README.md")]

mod error;
mod outcomes;

mod text;

mod learned;
mod panel;
mod predict;

mod format;
mod train;

pub use crate::error::LearnError;
pub use crate::learned::Learned;
pub use crate::outcomes::{OutcomeModel, OutcomeRow, Outcomes};
pub use crate::panel::{Insight, Panel};
pub use crate::predict::{Assessment, Contender, Estimate, Scope, Scratch, Seat};
pub use crate::text::Prompt;
pub use crate::train::{TrainConfig, train, train_neutral};

/// How hard prompts are, learned from public outcomes of many models: a
/// [`Learned`] that knows no model, as bytes for [`Learned::from_bytes`].
/// `data/README.md` of this crate says from which outcomes, and how.
pub const NEUTRAL_DIFFICULTY: &[u8] = include_bytes!("../data/difficulty.bin");
