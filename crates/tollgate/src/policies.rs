//! The policies that there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_core::{Failure, FailureKind, RoutingPolicy};
use tollgate_policy_balanced::Balanced;
use tollgate_policy_cascade::{Cascade, CascadeConfig};
use tollgate_policy_cheapest::Cheapest;
use tollgate_policy_quality::BestQuality;

use crate::config::Config;

/// Policies by the names by which they are selected.
pub(crate) type ByName = BTreeMap<String, Arc<dyn RoutingPolicy>>;

/// Name of the policy that tries a cheap model first.
pub(crate) const CASCADE: &str = "cascade";

/// Those of a configuration, and the program's own, which replace those of the
/// same name.
///
/// # Errors
/// `Configuration` when the cascade stands on a policy that is not there.
pub(crate) fn all(config: &Config, own: &ByName) -> Result<ByName, Failure> {
    let knobs = &config.policies;
    let built_in: [(&str, Arc<dyn RoutingPolicy>); 3] = [
        ("cheapest", Arc::new(Cheapest::new(knobs.cheapest))),
        ("balanced", Arc::new(Balanced::new(knobs.balanced))),
        ("quality", Arc::new(BestQuality::new(knobs.quality))),
    ];
    let built_in = built_in.map(|(name, policy)| (name.to_owned(), policy));
    let mut all = ByName::from(built_in);
    all.extend(own.clone());
    if let Some(knobs) = &knobs.cascade
        && !all.contains_key(CASCADE)
    {
        let base = all.get(&knobs.base).ok_or_else(|| no_base(knobs, &all))?;
        let cascade = Cascade::new(knobs.clone(), base.clone());
        all.insert(CASCADE.to_owned(), Arc::new(cascade));
    }
    Ok(all)
}

fn no_base(knobs: &CascadeConfig, all: &ByName) -> Failure {
    let known: Vec<_> = all.keys().map(String::as_str).collect();
    Failure::new(
        FailureKind::Configuration,
        format!(
            "policies.cascade.base names the policy {:?}, which is not there",
            knobs.base
        ),
    )
    .with_hint(format!("one of {}", known.join(", ")))
}
