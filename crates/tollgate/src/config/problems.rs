//! What the types of the configuration cannot say.

use std::collections::BTreeSet;

use tollgate_core::Usd;
use tollgate_ledger::{InvalidConfig, LedgerConfig};
use tollgate_policy_cascade::CascadeConfig;

use super::error::did_you_mean;
use super::{Config, ConfigError, ConfigOrigin, OPENROUTER_LANE, Problem, hosts, known};
use crate::lanes::roads;

impl Config {
    /// Checks what the types cannot say; `origin` tells where a key was set.
    pub(crate) fn check(&self, origin: &dyn Fn(&str) -> ConfigOrigin) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        let mut report = |key: &str, message: String, hint: &str| {
            problems.push(Problem {
                key: key.to_owned(),
                message,
                origin: origin(key),
                hint: Some(hint.to_owned()),
            });
        };
        if self.openrouter.timeout_ms == 0 {
            report(
                "openrouter.timeout_ms",
                "is 0".into(),
                "600000 is ten minutes",
            );
        }
        if let Some(limit) = self.openrouter.optimization.max_cost_per_request
            && limit <= Usd::ZERO
        {
            report(
                "openrouter.optimization.max_cost_per_request",
                format!("{limit} lets nothing through"),
                "give a limit above 0, or leave the key out for none",
            );
        }
        self.report_providers(&mut report);
        self.report_lanes(&mut report);
        for clash in hosts::clashes(self) {
            report(
                &format!("{}.host_rate_limit", clash.key),
                format!(
                    "differs from that of {}, which leads to the same host",
                    clash.other
                ),
                "give both the same, or only one of them",
            );
        }
        if let Err(error) = self.failover.check() {
            report(
                "failover",
                error.to_string(),
                "see the configuration reference",
            );
        }
        if let Err(error) = self.ledger.validate() {
            report(
                "ledger",
                error.to_string(),
                "see the configuration reference",
            );
        }
        let with_budgets = LedgerConfig {
            budgets: self.budgets.clone(),
            ..LedgerConfig::default()
        };
        if let Err(InvalidConfig::Budget { name, key, message }) = with_budgets.validate() {
            report(
                &format!("budgets.{name}.{key}"),
                message,
                "see the configuration reference",
            );
        }
        for (key, message, hint) in self.telemetry.problems() {
            report(key, message, hint);
        }
        if let Some((key, message, hint)) = self.feedback.problem() {
            report(key, message, hint);
        }
        let cascade = self.policies.cascade.as_ref();
        let of_policies = [
            ("cheapest", self.policies.cheapest.problem()),
            ("balanced", self.policies.balanced.problem()),
            ("quality", self.policies.quality.problem()),
            ("cascade", cascade.and_then(CascadeConfig::problem)),
        ];
        for (policy, problem) in of_policies {
            if let Some((key, message)) = problem {
                report(
                    &format!("policies.{policy}.{key}"),
                    message,
                    "see the configuration reference",
                );
            }
        }
        if let Some(key) = self.record.zero() {
            report(
                &format!("record.{key}"),
                "is 0".into(),
                "give at least 1, or set `record.enabled = false`",
            );
        }
        if let Some((key, message)) = self.server.problem() {
            report(
                &format!("server.{key}"),
                message,
                "see the configuration reference",
            );
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(ConfigError { problems }),
        }
    }

    fn report_providers(&self, report: &mut dyn FnMut(&str, String, &str)) {
        let known = known::names();
        for (name, provider) in &self.providers {
            let table = format!("providers.{name}");
            if name == OPENROUTER_LANE {
                report(
                    &table,
                    "is no name for a provider".into(),
                    "use another name; `openrouter` is taken",
                );
            }
            if let Some(row) = &provider.provider
                && !known.contains(row)
            {
                let likely = did_you_mean(row, known.iter().map(String::as_str));
                let hint = match likely {
                    Some(likely) => format!("did you mean {likely:?}?"),
                    None => format!("leave it out, or one of {}", known.join(", ")),
                };
                report(
                    &format!("{table}.provider"),
                    format!("{row:?} is not known"),
                    &hint,
                );
            } else if !provider.price_table && provider.models.is_none() {
                report(
                    &table,
                    "nobody knows the models of this provider".into(),
                    "name them in `models`, catalog id to the provider's own name",
                );
            }
            if provider.api_keys.iter().any(|more| more.mode.is_some()) {
                report(
                    &format!("{table}.api_keys"),
                    "a direct key has no mode".into(),
                    "leave `mode` out; it says how OpenRouter is paid",
                );
            }
        }
    }

    fn report_lanes(&self, report: &mut dyn FnMut(&str, String, &str)) {
        let mut taken = BTreeSet::new();
        for road in roads::all(self) {
            let table = match road.provider {
                OPENROUTER_LANE => OPENROUTER_LANE.to_owned(),
                name => format!("providers.{name}"),
            };
            match road.lane() {
                Err(error) => report(
                    &table,
                    format!("is no name for a lane: {error}"),
                    "use names without white space",
                ),
                Ok(lane) if !taken.insert(lane.clone()) => report(
                    &table,
                    format!("makes a second lane that is called {lane}"),
                    "give the provider or the key another name",
                ),
                Ok(_) => {}
            }
        }
    }
}
