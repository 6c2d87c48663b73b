#![doc = include_str!("../README.md")]

mod config;
mod error;
mod lane;
mod source;

mod cache;
mod listing;
mod screen;

mod assemble;
mod facts;
mod habits;
mod price;
mod quality;

pub mod names;
mod table;

mod carried;
mod endpoints;
mod model_catalog;
mod recent;
mod refresh;

mod card;
mod resolve;
mod search;
mod similarity;
mod suggest;

pub use crate::card::{ModelCard, OfferCard, PriceCard, QualityCard};
pub use crate::config::CatalogConfig;
pub use crate::error::{CatalogError, Refusal};
pub use crate::habits::{AnswerLength, LearnedHabits, LengthPriors};
pub use crate::lane::{LaneSpec, ProviderModels, Served, Serves};
pub use crate::model_catalog::{ListedRows, ModelCatalog, RefreshGuard};
pub use crate::quality::feedback::Feedback;
pub use crate::quality::import::{
    ImportOptions, ImportedScores, ScoresForm, ScoresInput, import_scores,
};
pub use crate::quality::layers::{QualityLayer, QualityLayers};
pub use crate::recent::RecentModels;
pub use crate::resolve::{Resolution, resolve};
pub use crate::screen::{Jump, Quarantined, RefreshReport};
pub use crate::search::{SearchQuery, SortBy, UnknownSort, search};
pub use crate::source::{EndpointSource, ModelSource};
pub use crate::suggest::did_you_mean;
pub use crate::table::{CallMode, InvalidTable, PriceRow, PriceTable, ProviderPrices, TableInUse};
