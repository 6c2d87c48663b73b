//! The ledger as a book, and models by one name.

use tollgate::{
    Book, CatalogView, Config, CostSource, Dimension, Entry, Figures, ModelId, Timestamp,
    UsageQuery, UsageRow,
};

use crate::exit::Trouble;
use crate::ledgers;

/// What the ledger says of a lane, by day and model.
pub(super) async fn of_lane(
    config: &Config,
    lane: &str,
    period: &UsageQuery,
) -> Result<Book, Trouble> {
    let query = UsageQuery {
        by: vec![
            Dimension::Lane,
            Dimension::Day,
            Dimension::Model,
            Dimension::Source,
        ],
        ..period.clone()
    };
    let mut book = Book::default();
    for row in ledgers::usage(config, &query).await? {
        let [of_lane, day, model, source] = row.key.as_slice() else {
            continue;
        };
        // Attempts that were not billed are on no bill.
        if of_lane != lane || source == "none" {
            continue;
        }
        if let Some(day) = Timestamp::parse_date(day) {
            let (day, model) = (day.day(), model.clone());
            book.add(Entry { day, model }, figures(&row, source));
        }
    }
    Ok(book)
}

fn figures(row: &UsageRow, source: &str) -> Figures {
    let ours = [CostSource::Computed, CostSource::Estimated];
    let is_ours = ours.iter().any(|one| one.as_str() == source);
    Figures {
        credits: row.credits,
        provider: row.provider,
        requests: Some(row.attempts),
        prompt: Some(row.tokens.prompt_total()),
        output: Some(row.tokens.output_total()),
        unresolved: row.unresolved,
        computed: if is_ours { row.attempts } else { 0 },
        one_sum: false,
    }
}

/// The book with the catalog's names of models, where it knows them: answers
/// and bills may name the same model otherwise.
pub(super) fn renamed(book: &Book, view: &CatalogView) -> Book {
    let mut renamed = Book::default();
    for (entry, figures) in book.iter() {
        let found = ModelId::new(&entry.model)
            .ok()
            .and_then(|id| view.find_served(&id));
        let model = found.map_or(entry.model.as_str(), |place| view.model(place).id.as_str());
        let (day, model) = (entry.day, model.to_owned());
        renamed.add(Entry { day, model }, *figures);
    }
    renamed
}
