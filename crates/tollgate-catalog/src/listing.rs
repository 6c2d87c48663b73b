//! A list of models as it was accepted, in the shapes of the wire.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use tollgate_core::{ModelId, Timestamp};
use tollgate_wire::{Model, ModelsPage, Pricing};

use crate::Refusal;

/// The models in use, with the prices that are listed but not believed yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) models: Vec<Model>,
    pub(crate) held: BTreeMap<String, Held>,
    /// Rows that could not be used.
    pub(crate) rejected: usize,
}

/// A listed price that jumped, kept out until it was seen often enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) listed: Pricing,
    /// In how many refreshes in a row.
    pub(crate) seen: u32,
}

impl Listing {
    /// Reads the body of a models endpoint.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let page = ModelsPage::parse(body).map_err(Refusal::Unreadable)?;
        if page.links.next.is_some() {
            return Err(Refusal::Partial {
                rows: page.data.len(),
            });
        }
        let rejected = page.data.rejected.len();
        Self::of(page.data.rows, BTreeMap::new(), rejected)
    }

    /// Keeps the rows whose ids are valid, the first of each id.
    pub(crate) fn of(
        mut models: Vec<Model>,
        held: BTreeMap<String, Held>,
        mut rejected: usize,
    ) -> Result<Self, Refusal> {
        let rows = models.len();
        let mut ids = HashSet::with_capacity(rows);
        models.retain(|model| ModelId::new(&model.id).is_ok() && ids.insert(model.id.clone()));
        rejected += rows - models.len();
        if models.is_empty() {
            return Err(Refusal::Empty { rejected });
        }
        Ok(Self {
            models,
            held,
            rejected,
        })
    }

    /// The snapshot that the program was built with, and its date.
    pub(crate) fn embedded() -> Result<(Self, Timestamp), Refusal> {
        const SNAPSHOT: &[u8] = include_bytes!("../catalog/models-2026-08-08.json");
        #[derive(Deserialize)]
        struct Header {
            snapshot: String,
        }
        let header: Header =
            serde_json::from_slice(SNAPSHOT).map_err(|error| Refusal::Unreadable(error.into()))?;
        let date = Timestamp::parse_date(&header.snapshot).unwrap_or_default();
        Ok((Self::parse(SNAPSHOT)?, date))
    }
}
