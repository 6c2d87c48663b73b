//! What the operator should know of a configuration that works.

use tollgate_catalog::did_you_mean;

use super::ledger::forgetful_budgets;
use crate::gateway::Parts;
use crate::learned;

impl Parts {
    pub(crate) fn find_warnings(&self) -> Vec<String> {
        let mut warnings = self.config.warnings.clone();
        warnings.extend(self.unknown_models());
        warnings.extend(self.unknown_to_the_catalog());
        warnings.extend(self.unmatched_scores());
        warnings.extend(forgetful_budgets(&self.config));
        warnings
    }

    fn unmatched_scores(&self) -> Option<String> {
        let rows = self.learning.catalog()?.unmatched_scores();
        let named = rows.iter().take(5).map(String::as_str);
        let named: Vec<&str> = named.collect();
        let more = if rows.len() > named.len() {
            ", …"
        } else {
            ""
        };
        (!rows.is_empty()).then(|| {
            format!(
                "{} row(s) of catalog.scores_path fit no model of the catalog: {}{more}",
                rows.len(),
                named.join(", ")
            )
        })
    }

    fn unknown_to_the_catalog(&self) -> Option<String> {
        learned::warning(self.optimizer.learned()?, &self.catalog.view())
    }

    fn unknown_models(&self) -> Vec<String> {
        let view = self.catalog.view();
        self.optimizer
            .unknown_models(&view)
            .into_iter()
            .map(|model| {
                let live = did_you_mean(&view, model.as_str(), 3);
                let live: Vec<_> = live
                    .iter()
                    .map(|place| view.model(*place).id.as_str())
                    .collect();
                match live.is_empty() {
                    true => format!("{model} is not in the catalog"),
                    false => format!(
                        "{model} is not in the catalog; closest: {}",
                        live.join(", ")
                    ),
                }
            })
            .collect()
    }
}
