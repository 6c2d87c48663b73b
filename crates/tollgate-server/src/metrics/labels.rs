//! Label sets, and how the values of labels stay few: whoever names a thousand
//! models must not make a thousand series.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::encoding::EncodeLabelSet;

/// Most pairs of lane and model that have series of their own.
pub(super) const MOST_ROUTES: usize = 200;
/// Most names of any other kind that have series of their own: lanes,
/// policies, budgets. They come from configuration and program, so this is
/// not expected to be reached.
pub(super) const MOST_NAMES: usize = 64;

/// What stands for all names that came too late.
pub(super) const OTHER: &str = "other";

pub(super) type Name = Arc<str>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Call {
    pub(super) ended: &'static str,
    pub(super) kind: Option<&'static str>,
    pub(super) policy: Name,
    pub(super) task: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Attempt {
    pub(super) lane: Name,
    pub(super) end: &'static str,
    pub(super) kind: Option<&'static str>,
}

/// What OpenTelemetry's conventions for generative AI call a lane and a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Inference {
    pub(super) gen_ai_operation_name: &'static str,
    pub(super) gen_ai_provider_name: Name,
    pub(super) gen_ai_response_model: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Tokens {
    pub(super) lane: Name,
    pub(super) model: Name,
    pub(super) class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Cost {
    pub(super) lane: Name,
    pub(super) model: Name,
    pub(super) billing: &'static str,
    pub(super) source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Payee {
    pub(super) payee: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Budget {
    pub(super) budget: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Scope {
    pub(super) scope: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct State {
    pub(super) scope: &'static str,
    pub(super) breaker: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Spot {
    pub(super) scope: &'static str,
    pub(super) target: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Kind {
    pub(super) kind: &'static str,
}

/// What became of a span: `sent` or `dropped`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SpanEnd {
    pub(super) end: &'static str,
}

/// A request, by OpenTelemetry's names. What was asked for outside of all
/// routes has none, so that scanners make no series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Request {
    pub(super) http_request_method: &'static str,
    pub(super) http_route: Option<Name>,
    pub(super) status_class: &'static str,
}

/// A lane and a model that it served, as they appear in labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Route {
    pub(super) lane: Name,
    pub(super) model: Name,
}

/// Every name that came early enough to be a label.
#[derive(Debug, Default)]
pub(super) struct Names {
    lanes: FirstFew<Name>,
    routes: FirstFew<Route>,
    policies: FirstFew<Name>,
    budgets: FirstFew<Name>,
}

impl Names {
    pub(super) fn lane(&self, lane: &str) -> Name {
        known_or_other(&self.lanes, lane)
    }

    pub(super) fn policy(&self, policy: &str) -> Name {
        known_or_other(&self.policies, policy)
    }

    pub(super) fn budget(&self, budget: &str) -> Name {
        known_or_other(&self.budgets, budget)
    }

    /// Pairs have a limit of their own: lanes times models would be too many.
    pub(super) fn route(&self, lane: &str, model: &str) -> Route {
        let route = Route {
            lane: self.lane(lane),
            model: model.into(),
        };
        match self.routes.admits(&route, MOST_ROUTES) {
            true => route,
            false => Route {
                model: OTHER.into(),
                ..route
            },
        }
    }
}

fn known_or_other(names: &FirstFew<Name>, name: &str) -> Name {
    if let Some(known) = names.find(name) {
        return known;
    }
    let name = Name::from(name);
    match names.admits(&name, MOST_NAMES) {
        true => name,
        false => OTHER.into(),
    }
}

/// A set that fills up, and then takes nothing more.
#[derive(Debug)]
struct FirstFew<K>(RwLock<HashSet<K>>);

impl<K> Default for FirstFew<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Clone + Eq + Hash> FirstFew<K> {
    /// A key that is known, which need not be made to be looked up.
    fn find<Q>(&self, key: &Q) -> Option<K>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(key).cloned()
    }

    /// Whether a key is one of the first `most`.
    fn admits(&self, key: &K, most: usize) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(key) {
            return true;
        }
        if known.len() >= most {
            return false;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Others may have been here in between.
        known.contains(key) || (known.len() < most && known.insert(key.clone()))
    }
}
