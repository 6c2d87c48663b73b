//! What was saved against a policy: the recorded calls of the period, replayed.

use serde_json::{Value, json};
use tollgate::{ReplayReport, UsageQuery, Usd};

use crate::args::Global;
use crate::commands::replay;
use crate::config;
use crate::exit::Trouble;
use crate::ui::{dollars, percent};

/// The recorded calls of a period under another policy.
pub(super) struct Saved {
    report: ReplayReport,
    nothing: String,
}

impl Saved {
    pub(super) async fn against(
        policy: &str,
        period: &UsageQuery,
        global: &Global,
    ) -> Result<Self, Trouble> {
        let folder = config::load(global)?.record.path;
        let gateway = config::onlooker(global).await?;
        Ok(Self {
            report: replay::recorded(&gateway, policy, &folder, period)?.report,
            nothing: replay::nothing(&folder),
        })
    }

    /// One sentence, of a period with that many calls.
    pub(super) fn text(&self, calls: u64) -> String {
        let sums = &self.report.compared;
        if sums.calls == 0 {
            return format!("saved against {}: {}", self.report.policy, self.nothing);
        }
        let saved = self.saved();
        let (word, amount) = match saved.is_negative() {
            true => ("spent more than under", Usd::ZERO - saved),
            false => ("saved against", saved),
        };
        format!(
            "{word} {}: {} of {} ({}) by the choice of models, at today's prices and without \
             failover, by {} recorded calls of {calls}",
            self.report.policy,
            dollars(amount),
            dollars(sums.replayed),
            percent(amount, sums.replayed),
            sums.calls,
        )
    }

    pub(super) fn json(&self) -> Value {
        let sums = &self.report.compared;
        json!({
            "policy": self.report.policy,
            "calls": sums.calls,
            "actual": sums.actual,
            "baseline": sums.replayed,
            "saved": self.saved(),
        })
    }

    /// By the choice alone: prices that have changed since, and failing over, are
    /// nobody's saving.
    fn saved(&self) -> Usd {
        self.report.compared.difference.choice
    }
}
