use std::fmt::Display;

use tollgate_core::{CallerId, Criticality, Timestamp};

use crate::config::{KeyBudget, KeyConfig};
use crate::expiry::Expiry;
use crate::hash::KeyHash;
use crate::limit::{Gate, Limits};
use crate::pattern::ModelPattern;
use crate::refusal::KeyRefusal;
use crate::secret::Prefix;

/// A caller that is known by its key, and what it may do.
#[derive(Debug)]
pub struct KeyEntry {
    caller: CallerId,
    pub(crate) hash: KeyHash,
    pub(crate) gate: Gate,
    expires: Option<Expiry>,
    models: Vec<ModelPattern>,
    policies: Vec<String>,
    budget: Option<KeyBudget>,
    criticality: Criticality,
    tags: Vec<(String, String)>,
    byok: bool,
    admin: bool,
    disabled: bool,
}

impl KeyEntry {
    /// Takes over a table that was checked.
    pub(crate) fn new(caller: CallerId, hash: KeyHash, config: KeyConfig) -> Self {
        let gate = Gate::new(Limits::of(&config));
        let team = config.team.map(|team| ("team".to_owned(), team));
        Self {
            caller,
            hash,
            gate,
            expires: config.expires,
            models: config.models,
            policies: config.policies,
            budget: config.budget,
            criticality: config.criticality,
            tags: team.into_iter().chain(config.tags).collect(),
            byok: config.byok,
            admin: config.admin,
            disabled: config.disabled,
        }
    }

    /// Who calls, in the ledger: the key's name.
    pub fn caller(&self) -> &CallerId {
        &self.caller
    }

    /// The part of the key that is no secret.
    pub fn prefix(&self) -> Prefix {
        self.hash.prefix()
    }

    /// How fast it may call; see [`Gate::admit`].
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What may be spent with it.
    pub fn budget(&self) -> Option<KeyBudget> {
        self.budget
    }

    /// What becomes of its calls when there is too much to do.
    pub fn criticality(&self) -> Criticality {
        self.criticality
    }

    /// Tags for every call: those of the table, and its team as `team`.
    pub fn tags(&self) -> &[(String, String)] {
        &self.tags
    }

    /// When it ends; never, when there is nothing.
    pub fn expires(&self) -> Option<Expiry> {
        self.expires
    }

    /// Whether a call may bring the key of a provider.
    pub fn may_bring_keys(&self) -> bool {
        self.byok
    }

    /// Whether it may do what operators do.
    pub fn is_admin(&self) -> bool {
        self.admin
    }

    /// Whether it is good at that moment.
    ///
    /// # Errors
    /// `Expired` or `Disabled`.
    pub fn check(&self, now: Timestamp) -> Result<(), KeyRefusal> {
        let name = || self.caller.to_string();
        if self.disabled {
            return Err(KeyRefusal::Disabled { name: name() });
        }
        match self.expires {
            Some(Expiry(at)) if at <= now => Err(KeyRefusal::Expired { name: name(), at }),
            _ => Ok(()),
        }
    }

    /// Whether there are models that a call may not name, or policies that it
    /// may not choose.
    pub fn is_restricted(&self) -> bool {
        !self.models.is_empty() || !self.policies.is_empty()
    }

    /// Whether a call may name that model or virtual model. The list is about
    /// what callers name: which models stand behind a virtual one, and which
    /// follow when one fails, is the operator's own choice.
    ///
    /// # Errors
    /// [`KeyRefusal::Model`].
    pub fn allows_model(&self, model: &str) -> Result<(), KeyRefusal> {
        if self.models.is_empty() || self.models.iter().any(|pattern| pattern.matches(model)) {
            return Ok(());
        }
        Err(KeyRefusal::Model {
            name: self.caller.to_string(),
            model: short(model),
            allowed: join(&self.models),
        })
    }

    /// Whether a call may choose that policy.
    ///
    /// # Errors
    /// [`KeyRefusal::Policy`].
    pub fn allows_policy(&self, policy: &str) -> Result<(), KeyRefusal> {
        if self.policies.is_empty() || self.policies.iter().any(|one| one == policy) {
            return Ok(());
        }
        Err(KeyRefusal::Policy {
            name: self.caller.to_string(),
            policy: short(policy),
            allowed: join(&self.policies),
        })
    }
}

fn join(words: &[impl Display]) -> String {
    let words: Vec<_> = words.iter().map(ToString::to_string).collect();
    words.join(", ")
}

/// As much of a caller's word as a message may repeat.
fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
