//! When a fault strikes: whom, how often, and at which level.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::dialect::DIALECTS;
use crate::draw::Draw;
use crate::error::Error;
use crate::fault::Fault;
use crate::nearest::nearest;
use crate::routes;

/// A fault and the requests that it strikes.
///
/// What a rule names decides its level, and so what hides it:
///
/// | it names | it strikes | hidden by |
/// |---|---|---|
/// | a provider, or whose key | one endpoint's attempt | the next endpoint of the model |
/// | a model | the model as a whole | the next of the request's `models` |
/// | neither | the request | nothing |
///
/// Only a refusal (an error before the first token) can be hidden.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A model id; `*` stands for any text. All models when absent.
    #[serde(default)]
    pub model: Option<String>,
    /// A provider's name or slug; `*` stands for any text.
    #[serde(default)]
    pub provider: Option<String>,
    /// An API key; `*` stands for any text. All keys when absent.
    #[serde(default)]
    pub key: Option<String>,
    /// Only attempts with the user's own provider key (true), or only at shared capacity (false).
    #[serde(default)]
    pub byok: Option<bool>,
    /// The route: `text` for every dialect of text (the default), one of them (`chat`,
    /// `completions`, `responses`, `messages`), another route (`embeddings`, `models`, `key`, …), or `*`.
    #[serde(default = "text")]
    pub route: String,
    /// The chance that a matching request is struck, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// How many matching requests pass unharmed first.
    #[serde(default)]
    pub skip: u64,
    /// How many times it strikes at most.
    #[serde(default)]
    pub times: Option<u64>,
    /// What happens: a name of the fault table, or the fields of [`Fault`].
    #[serde(deserialize_with = "fault_or_name")]
    pub fault: Fault,
}

/// What a fault is about to strike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) route: &'a str,
    pub(crate) key: &'a str,
    pub(crate) model: Option<&'a str>,
    /// The provider's name and slug.
    pub(crate) provider: Option<(&'a str, &'a str)>,
    /// Whether the provider is asked with the user's own key.
    pub(crate) is_byok: bool,
}

/// How often a rule was met and struck; one per rule, reset with the simulator.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    met: u64,
    struck: u64,
}

impl Rule {
    /// A rule that strikes every request for text, in any dialect.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self {
            model: None,
            provider: None,
            key: None,
            byok: None,
            route: text(),
            probability: 1.0,
            skip: 0,
            times: None,
            fault,
        }
    }

    /// Only requests for this model; `*` stands for any text.
    #[must_use]
    pub fn for_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Only attempts at this provider (name or slug); `*` stands for any text.
    #[must_use]
    pub fn for_provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Only requests with this API key; `*` stands for any text.
    #[must_use]
    pub fn for_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Only attempts at providers with the user's own key for them.
    #[must_use]
    pub fn on_own_keys(mut self) -> Self {
        self.byok = Some(true);
        self
    }

    /// Only attempts at providers without such a key.
    #[must_use]
    pub fn on_shared_capacity(mut self) -> Self {
        self.byok = Some(false);
        self
    }

    /// Only one dialect (`messages`, …), or another route (`models`, `key`, …, `*` for all).
    #[must_use]
    pub fn for_route(mut self, route: impl Into<String>) -> Self {
        self.route = route.into();
        self
    }

    /// Strikes with this chance, 0 to 1.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// Strikes this many times at most.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(Error::scenario(format!(
                "probability {} is not between 0 and 1",
                self.probability
            )));
        }
        let routes = routes::names();
        if !self.route.contains('*') && !routes.contains(&self.route.as_str()) {
            let closest = nearest(&self.route, routes.into_iter());
            return Err(Error::scenario(format!(
                "there is no route `{}`; did you mean `{closest}`?",
                self.route
            )));
        }
        self.fault.check()
    }

    /// True when the rule is of the target's level and names it.
    fn matches(&self, target: &Target<'_>) -> bool {
        let is_of_endpoint = self.provider.is_some() || self.byok.is_some();
        let same_level = is_of_endpoint == target.provider.is_some()
            && (is_of_endpoint || self.model.is_some() == target.model.is_some());
        let names = |pattern: &Option<String>, text: Option<&str>| {
            pattern
                .as_ref()
                .is_none_or(|pattern| text.is_some_and(|text| glob(pattern, text)))
        };
        let names_provider = self.provider.as_ref().is_none_or(|pattern| {
            target
                .provider
                .is_some_and(|(name, slug)| glob(pattern, name) || glob(pattern, slug))
        });
        same_level
            && names_provider
            && self.byok.is_none_or(|byok| byok == target.is_byok)
            && self.is_of(target.route)
            && names(&self.model, target.model)
            && names(&self.key, Some(target.key))
    }

    fn is_of(&self, route: &str) -> bool {
        let is_text = || DIALECTS.iter().any(|dialect| dialect.route() == route);
        glob(&self.route, route) || (self.route == TEXT && is_text())
    }

    /// Counts a matching target and says whether the fault strikes it.
    fn strikes(&self, tally: &mut Tally, draw: &mut Draw) -> bool {
        tally.met += 1;
        let due = tally.met > self.skip && self.times.is_none_or(|times| tally.struck < times);
        let strikes = due && draw.chance(self.probability);
        tally.struck += u64::from(strikes);
        strikes
    }
}

/// The first rule that matches the target and strikes it.
pub(crate) fn strike(
    rules: &[Rule],
    tallies: &mut Vec<Tally>,
    seed: u64,
    target: &Target<'_>,
) -> Option<Fault> {
    tallies.resize(rules.len(), Tally::default());
    rules
        .iter()
        .zip(tallies)
        .enumerate()
        .find_map(|(index, (rule, tally))| {
            // The chance depends on the rule and the count only, so concurrent
            // requests share the same number of strikes whatever their order.
            let mut draw = Draw::new(
                seed,
                &[b"rule", &index.to_le_bytes(), &tally.met.to_le_bytes()],
            );
            (rule.matches(target) && rule.strikes(tally, &mut draw)).then(|| rule.fault.clone())
        })
}

/// Whole-text match where `*` stands for any text; letters match in either case.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some(found) = rest.find(middle) else {
                return false;
            };
            rest = &rest[found + middle.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

/// The route that stands for every dialect.
pub(crate) const TEXT: &str = "text";

fn text() -> String {
    TEXT.to_owned()
}

const fn always() -> f64 {
    1.0
}

fn fault_or_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fault, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    match value {
        toml::Value::String(name) => Fault::named(&name).map_err(D::Error::custom),
        fields => fields.try_into().map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::{Rule, Target, glob, strike};
    use crate::Fault;

    fn target<'a>(model: Option<&'a str>, provider: Option<(&'a str, &'a str)>) -> Target<'a> {
        Target {
            route: "chat",
            key: "sk-or-a",
            model,
            provider,
            is_byok: false,
        }
    }

    #[test]
    fn globs_match_whole_texts() {
        for (pattern, text, matches) in [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/bc", true),
            ("*:free", "x/y:free", true),
            ("*a*a", "a", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("Alpha*", "alpha cloud", true),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn what_a_rule_names_is_its_level() {
        let provider = Some(("Alpha Cloud", "alpha-cloud"));
        let rules = |rule: Rule| vec![rule];
        let hits = |rules: &[Rule], target: &Target<'_>| {
            strike(rules, &mut Vec::new(), 1, target).is_some()
        };
        let platform = rules(Rule::new(Fault::status(500)));
        let model = rules(Rule::new(Fault::status(500)).for_model("a/*"));
        let endpoint = rules(
            Rule::new(Fault::status(500))
                .for_provider("alpha cloud")
                .for_model("a/*"),
        );
        for (target, expected) in [
            (target(None, None), [true, false, false]),
            (target(Some("a/b"), None), [false, true, false]),
            (target(Some("a/b"), provider), [false, false, true]),
            (target(Some("c/d"), provider), [false, false, false]),
        ] {
            assert_eq!(
                [
                    hits(&platform, &target),
                    hits(&model, &target),
                    hits(&endpoint, &target)
                ],
                expected,
                "{target:?}"
            );
        }
    }

    #[test]
    fn counts_are_kept() {
        let rules = [Rule::new(Fault::status(500)).after(2).times(3)];
        let mut tallies = Vec::new();
        let struck: Vec<bool> = (0..7)
            .map(|_| strike(&rules, &mut tallies, 1, &target(None, None)).is_some())
            .collect();
        assert_eq!(struck, [false, false, true, true, true, false, false]);
    }
}
