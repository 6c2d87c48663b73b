use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use subtle::Choice;
use tollgate_core::{CallerId, MAX_ID_BYTES, Timestamp, Usd};
use tollgate_ledger::BudgetConfig;

use crate::config::KeyConfig;
use crate::entry::KeyEntry;
use crate::error::{InvalidKey, InvalidKeys};
use crate::hash::{KeyHash, Pepper, Shown};
use crate::refusal::KeyRefusal;
use crate::secret::{Prefix, check_shape};

/// The tables of one source.
#[derive(Debug)]
pub struct KeyTable {
    /// The file, or whatever else messages should name.
    pub origin: String,
    /// The `[keys.NAME]` tables by name.
    pub keys: BTreeMap<String, KeyConfig>,
}

/// All keys, immutable. A changed configuration makes another book, which
/// [inherits](Self::inherit) what calls have used.
#[derive(Debug)]
pub struct KeyBook {
    pepper: Option<Pepper>,
    by_prefix: HashMap<Prefix, Arc<KeyEntry>>,
    /// What a key is compared with whose prefix is not known.
    nobody: KeyHash,
}

impl KeyBook {
    /// Makes a book of the tables of all sources.
    ///
    /// # Errors
    /// [`InvalidKeys`] with all that is wrong: the key, the file, and how to
    /// mend it.
    pub fn build(pepper: Option<Pepper>, tables: Vec<KeyTable>) -> Result<Self, InvalidKeys> {
        let mut draft = Draft {
            pepper: pepper.as_ref(),
            by_prefix: HashMap::new(),
            seen: BTreeMap::new(),
            problems: Vec::new(),
        };
        for KeyTable { origin, keys } in tables {
            for (name, config) in keys {
                draft.add(&origin, &name, config);
            }
        }
        if !draft.problems.is_empty() {
            return Err(InvalidKeys {
                problems: draft.problems,
            });
        }
        Ok(Self {
            by_prefix: draft.by_prefix,
            nobody: KeyHash::nobodys(pepper.is_some()),
            pepper,
        })
    }

    /// Takes over what calls have used of the limits of keys that have the same
    /// name in an earlier book, and their running requests. Limits are the new
    /// ones.
    #[must_use]
    pub fn inherit(mut self, earlier: &Self) -> Self {
        let gates: HashMap<_, _> = earlier
            .entries()
            .map(|entry| (entry.caller(), &entry.gate))
            .collect();
        for entry in self.by_prefix.values_mut() {
            let gate = gates.get(entry.caller());
            // Nobody has seen this book yet, so every entry is its own.
            if let (Some(gate), Some(entry)) = (gate, Arc::get_mut(entry)) {
                entry.gate = entry.gate.with_use_of(gate);
            }
        }
        self
    }

    /// Finds who shows a key, at a moment of the wall clock.
    ///
    /// Whether the prefix is not known or the secret is wrong makes no
    /// difference to the answer or to the work behind it.
    ///
    /// # Errors
    /// `Missing`, `Malformed`, `Unknown`, `Expired` or `Disabled`.
    pub fn find(&self, shown: &str, now: Timestamp) -> Result<&Arc<KeyEntry>, KeyRefusal> {
        if shown.is_empty() {
            return Err(KeyRefusal::Missing);
        }
        let prefix = check_shape(shown)?;
        let shown = Shown::new(shown, self.pepper.as_ref());
        let entry = self.by_prefix.get(&prefix);
        let kept = entry.map_or(&self.nobody, |entry| &entry.hash);
        let is_known = Choice::from(u8::from(entry.is_some()));
        let is_good = bool::from(shown.is(kept) & is_known);
        let entry = entry.filter(|_| is_good).ok_or(KeyRefusal::Unknown)?;
        entry.check(now)?;
        Ok(entry)
    }

    /// All keys, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<KeyEntry>> {
        self.by_prefix.values()
    }

    /// Whether there are no keys at all.
    pub fn is_empty(&self) -> bool {
        self.by_prefix.is_empty()
    }

    /// What keys may spend, as budgets of the ledger by name: `keys.NAME`.
    pub fn budgets(&self) -> impl Iterator<Item = (String, BudgetConfig)> + '_ {
        self.entries().filter_map(|entry| {
            let budget = entry.budget()?.for_ledger(entry.caller());
            Some((format!("keys.{}", entry.caller()), budget))
        })
    }
}

/// A book that is being made.
struct Draft<'a> {
    pepper: Option<&'a Pepper>,
    by_prefix: HashMap<Prefix, Arc<KeyEntry>>,
    /// Where each name was seen first.
    seen: BTreeMap<String, String>,
    problems: Vec<InvalidKey>,
}

impl Draft<'_> {
    fn add(&mut self, origin: &str, name: &str, config: KeyConfig) {
        let problems = &mut self.problems;
        let mut report = |field: &str, message: String, hint: &str| {
            problems.push(InvalidKey {
                key: match field {
                    "" => format!("keys.{name}"),
                    field => format!("keys.{name}.{field}"),
                },
                origin: origin.to_owned(),
                message,
                hint: hint.to_owned(),
            });
        };
        if let Some(first) = self.seen.insert(name.to_owned(), origin.to_owned()) {
            let message = format!("there is a key of this name already, in {first}");
            return report("", message, "give one of them another name, or remove it");
        }
        let caller = match CallerId::new(name) {
            Ok(caller) if caller != CallerId::local() => caller,
            _ => {
                let message = "is no name for a key".to_owned();
                let hint = "use another one, without white space; `local` is taken";
                return report("", message, hint);
            }
        };
        check(&config, &mut report);
        let Some(hash) = hash_of(&config, self.pepper, &mut report) else {
            return;
        };
        if let Some(other) = self.by_prefix.get(&hash.prefix) {
            let message = format!("begins like that of keys.{}", other.caller());
            return report(
                "hash",
                message,
                "a key has one name; make another key for one of them with `tollgate keys create`",
            );
        }
        let entry = Arc::new(KeyEntry::new(caller, hash.clone(), config));
        self.by_prefix.insert(hash.prefix, entry);
    }
}

/// Takes the hash of a table, or makes it of the key in clear text.
fn hash_of(
    config: &KeyConfig,
    pepper: Option<&Pepper>,
    report: &mut impl FnMut(&str, String, &str),
) -> Option<KeyHash> {
    match (&config.hash, &config.key) {
        (Some(hash), None) if hash.is_peppered() && pepper.is_none() => {
            let message = "was made with a pepper, and there is none".to_owned();
            let hint = "set server.key_pepper to what it was when the key was made, or make the \
                        key anew with `tollgate keys create`";
            report("hash", message, hint);
            None
        }
        (Some(hash), None) => Some(hash.clone()),
        (None, Some(key)) => Some(key.hash(pepper)),
        (Some(_), Some(_)) => {
            let message = "stands beside `hash`".to_owned();
            report("key", message, "keep `hash` alone");
            None
        }
        (None, None) => {
            let message = "has neither `hash` nor `key`".to_owned();
            let hint =
                "set `hash` to what `tollgate keys create` printed, or `key` to \"${VARIABLE}\"";
            report("", message, hint);
            None
        }
    }
}

/// What the types cannot say.
fn check(config: &KeyConfig, report: &mut impl FnMut(&str, String, &str)) {
    let counts = [
        (
            "requests_per_minute",
            config.requests_per_minute.map(u64::from),
        ),
        ("tokens_per_minute", config.tokens_per_minute),
        ("max_concurrent", config.max_concurrent.map(u64::from)),
    ];
    for (field, count) in counts {
        if count == Some(0) {
            let hint = "give at least 1, leave it out for no limit, or set `disabled = true`";
            report(field, "is 0, which lets nothing through".to_owned(), hint);
        }
    }
    if let Some(budget) = &config.budget
        && budget.limit <= Usd::ZERO
    {
        let message = format!("{} lets nothing through", budget.limit);
        report(
            "budget.limit",
            message,
            "give a limit above 0, or leave the budget out for none",
        );
    }
    if config.team.is_some() && config.tags.contains_key("team") {
        let message = "stands beside `team`, which is this tag".to_owned();
        report("tags.team", message, "keep one of them");
    }
    let team = config.team.iter().map(|team| ("team", "team", team));
    let tags = config.tags.iter();
    let tags = tags.map(|(name, value)| ("tags", name.as_str(), value));
    for (field, name, value) in team.chain(tags) {
        if name.len().max(value.len()) > MAX_ID_BYTES {
            let start: String = name.chars().take(40).collect();
            let message =
                format!("has the tag {start:?}, which is too long: every call would fail");
            let hint = "names and values of tags have at most 256 bytes";
            report(field, message, hint);
        }
    }
    if config.team.as_deref().is_some_and(str::is_empty) {
        report(
            "team",
            "is empty".to_owned(),
            "name the team, or leave it out",
        );
    }
}
