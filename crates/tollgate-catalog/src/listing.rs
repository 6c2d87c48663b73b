//! A list of models as it was accepted, in the shapes of the wire.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_core::{ModelId, Timestamp};
use tollgate_wire::{Architecture, Model, PageLinks, ParseError, Pricing};

use crate::quality::evidence;
use crate::{Refusal, facts};

/// The models in use, with the prices that are listed but not believed yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    /// What the catalog reads of each row; see [`Row`].
    pub(crate) models: Vec<Model>,
    /// The rows as they were written, in the same order.
    texts: Vec<Box<RawValue>>,
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

/// A row that can be read.
///
/// A row as the wire reads it keeps itself beside its fields, and each of its
/// parts once more: eight times its text. So the catalog keeps the text, and
/// the fields that it reads itself. Rows are read one by one, so that they are
/// never all in memory whole.
pub(crate) struct Row {
    model: Model,
    text: Box<RawValue>,
}

impl Row {
    pub(crate) fn read(text: &RawValue) -> Result<Self, ParseError> {
        Ok(Self {
            model: read_here(Model::parse(text.get().as_bytes())?),
            text: text.to_owned(),
        })
    }
}

/// The fields that are read in this crate. What they were read from is left behind.
fn read_here(row: Model) -> Model {
    let mut model = Model::default();
    model.id = row.id;
    model.canonical_slug = row.canonical_slug;
    model.name = row.name;
    model.created = row.created;
    model.hugging_face_id = row.hugging_face_id;
    model.context_length = row.context_length;
    model.architecture = Architecture::default();
    model.architecture.input_modalities = row.architecture.input_modalities;
    model.architecture.output_modalities = row.architecture.output_modalities;
    model.architecture.tokenizer = row.architecture.tokenizer;
    model.pricing = row.pricing;
    model.top_provider.max_completion_tokens = row.top_provider.max_completion_tokens;
    model.supported_parameters = row.supported_parameters;
    model.supported_parameters.retain(|one| facts::proves(one));
    model.supported_parameters.shrink_to_fit();
    model.reasoning = row.reasoning.map(facts::reasoning_read_here);
    model.expiration_date = row.expiration_date;
    model.alias_target = row.alias_target;
    model.benchmarks = row.benchmarks.map(evidence::benchmarks_read_here);
    model
}

impl Listing {
    /// Reads the body of a models endpoint. A row that cannot be read does not
    /// cost the others.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Page<'a> {
            #[serde(borrow)]
            data: Option<Vec<&'a RawValue>>,
            links: Option<PageLinks>,
        }
        let page: Page<'_> =
            serde_json::from_slice(body).map_err(|error| Refusal::Unreadable(error.into()))?;
        let listed = page.data.unwrap_or_default();
        let rows: Vec<Row> = listed.iter().flat_map(|text| Row::read(text)).collect();
        if page.links.is_some_and(|links| links.next.is_some()) {
            return Err(Refusal::Partial { rows: rows.len() });
        }
        let rejected = listed.len() - rows.len();
        Self::of(rows, BTreeMap::new(), rejected)
    }

    /// Keeps the rows whose ids are valid, the first of each id.
    pub(crate) fn of(
        mut rows: Vec<Row>,
        held: BTreeMap<String, Held>,
        rejected: usize,
    ) -> Result<Self, Refusal> {
        let readable = rows.len();
        let mut ids = HashSet::with_capacity(readable);
        rows.retain(|row| ModelId::new(&row.model.id).is_ok() && ids.insert(row.model.id.clone()));
        let rejected = rejected + readable - rows.len();
        if rows.is_empty() {
            return Err(Refusal::Empty { rejected });
        }
        let (models, texts) = rows.into_iter().map(|row| (row.model, row.text)).unzip();
        Ok(Self {
            models,
            texts,
            held,
            rejected,
        })
    }

    /// The day of the snapshot that the program was built with. To read it from
    /// the file is to read the file, and most starts do without.
    pub(crate) fn embedded_as_of() -> Timestamp {
        Timestamp::parse_date(SNAPSHOT_DAY).unwrap_or_default()
    }

    /// The snapshot that the program was built with.
    pub(crate) fn embedded() -> Result<Self, Refusal> {
        Self::parse(SNAPSHOT)
    }

    /// The rows, read anew: whole, with the prices that are believed.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Model> {
        let both = self.models.iter().zip(&self.texts);
        // They could be read before.
        both.filter_map(|(model, text)| self.row(model, text).ok())
    }

    /// The row of a model, as [`Listing::rows`] has it.
    pub(crate) fn find(&self, id: &str) -> Option<Model> {
        let place = self.models.iter().position(|model| model.id == id)?;
        self.row(&self.models[place], &self.texts[place]).ok()
    }

    fn row(&self, model: &Model, text: &RawValue) -> Result<Model, ParseError> {
        let mut row = Model::parse(text.get().as_bytes())?;
        if self.held.contains_key(&model.id) {
            row.pricing = model.pricing.clone();
        }
        Ok(row)
    }
}

const SNAPSHOT: &[u8] = include_bytes!("../catalog/models-2026-08-08.json");
const SNAPSHOT_DAY: &str = "2026-08-08";

#[cfg(test)]
mod tests {
    use tollgate_core::{Billing, CatalogSource, CatalogView, Lane, LaneId, OfferIndex};

    use super::*;
    use crate::assemble::{Known, Stamp, assemble};
    use crate::lane::{LaneSpec, Serves};
    use crate::{PriceTable, ProviderModels};

    #[test]
    fn the_snapshot_is_of_the_day_that_the_file_says() {
        #[derive(Deserialize)]
        struct Header {
            snapshot: String,
        }
        let header: Header = serde_json::from_slice(SNAPSHOT).unwrap();
        assert_eq!(header.snapshot, SNAPSHOT_DAY);
        assert_ne!(Listing::embedded_as_of(), Timestamp::default());
    }

    /// A field that is read in this crate and is not in `read_here` shows as a
    /// model that is known less of.
    #[test]
    fn nothing_that_the_view_is_made_of_is_left_behind() {
        let listing = Listing::embedded().unwrap();
        let whole = Listing {
            models: listing.rows().collect(),
            ..listing.clone()
        };
        let (lean, whole) = (assembled(&listing), assembled(&whole));
        for (one, other) in lean.models().iter().zip(whole.models()) {
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
        assert_eq!(lean.offers(), whole.offers());
        let names = |view: &CatalogView| {
            let offers = (0..).map(OfferIndex).take(view.offers().len());
            let shown =
                offers.map(|one| format!("{} {:?}", view.upstream_id(one), view.pricing(one)));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(names(&lean), names(&whole));
    }

    #[test]
    fn what_rows_were_read_from_is_left_behind() {
        for model in Listing::embedded().unwrap().models {
            let parts = [model.kept(), model.architecture.kept()];
            assert!(parts.iter().all(|kept| kept.is_empty()), "{}", model.id);
            let scores = model.benchmarks.iter().flat_map(|all| &all.design_arena);
            assert_eq!(scores.map(|score| score.kept().len()).sum::<usize>(), 0);
        }
    }

    fn assembled(listing: &Listing) -> CatalogView {
        let direct = Serves::Provider(ProviderModels::of("deepinfra"));
        let lanes = [("openrouter", Serves::All), ("deepinfra", direct)];
        let lanes = lanes.map(|(name, serves)| LaneSpec {
            lane: Lane::new(LaneId::new(name).unwrap(), Billing::Credits),
            serves,
        });
        let prices = PriceTable::embedded();
        let known = Known {
            now: Listing::embedded_as_of(),
            prices: Some(&prices),
            scores: None,
            feedback: None,
            endpoints: None,
            habits: None,
        };
        let stamp = Stamp {
            version: 1,
            source: CatalogSource::Embedded,
            as_of: Listing::embedded_as_of(),
        };
        assemble(listing, &lanes, known, stamp)
    }

    #[test]
    fn rows_are_given_as_they_came_and_with_the_price_that_is_believed() {
        const ROW: &str = r#"{"id":"a/b","new":[1.10],"pricing":{"prompt":"1","completion":"2"},"architecture":{"new":1}}"#;
        let body = format!(r#"{{"data":[{ROW},{{"name":"no id"}},{ROW}]}}"#);
        let mut listing = Listing::parse(body.as_bytes()).unwrap();
        assert_eq!((listing.models.len(), listing.rejected), (1, 2));
        let rows: Vec<Model> = listing.rows().collect();
        assert_eq!(rows[0].to_object().to_vec(), ROW.as_bytes());

        listing.held.insert(
            "a/b".into(),
            Held {
                listed: rows[0].pricing.clone(),
                seen: 1,
            },
        );
        listing.models[0].pricing = Pricing::parse(br#"{"prompt":"0.5"}"#).unwrap();
        let row = listing.find("a/b").unwrap();
        let believed = ROW.replace(r#""1","completion":"2""#, r#""0.5""#);
        assert_eq!(row.to_object().to_vec(), believed.as_bytes());
        assert_eq!(listing.find("a/c"), None);
    }
}
