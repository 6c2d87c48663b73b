//! What one source says of one model.

use std::collections::{BTreeMap, BTreeSet};

use super::attos::Attos;

/// A class of tokens or other things with a price, by its name in the table.
pub(super) type Class = &'static str;

/// The prices of some classes.
pub(super) type Prices = BTreeMap<Class, Attos>;

/// Classes whose price a condition can replace; others are the same for all requests.
pub(super) const CONDITIONAL: [Class; 6] = [
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "audio_input",
];

/// When other prices hold. Windows come before sizes, because later prices win
/// and those of long prompts are the dearer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// Within these minutes of the day and on these days of the week (Monday =
    /// bit 0), both in UTC.
    Window {
        minutes: Option<(u16, u16)>,
        days: Option<u8>,
    },
    /// The prompt has more tokens.
    Above(u64),
}

/// What the model is called through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    #[default]
    Chat,
    Responses,
    Embedding,
}

/// A model as one source lists it.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub(super) base: Prices,
    pub(super) conditional: BTreeMap<When, Prices>,
    pub(super) context: Option<u64>,
    pub(super) max_output: Option<u64>,
    pub(super) can: BTreeSet<&'static str>,
    pub(super) mode: Mode,
    /// The first day without it.
    pub(super) ends: Option<String>,
}

impl Listed {
    /// Adds a price; a zero is no proof of being free, so it counts as not listed.
    pub(super) fn set(prices: &mut Prices, class: Class, price: Attos) {
        if price != Attos(0) {
            prices.insert(class, price);
        }
    }

    /// Takes what another row of the same list says of the same name: the
    /// dearer price, the wider limit.
    pub(super) fn join(&mut self, other: Self) {
        raise(&mut self.base, &other.base);
        for (when, prices) in &other.conditional {
            raise(self.conditional.entry(*when).or_default(), prices);
        }
        self.context = self.context.max(other.context);
        self.max_output = self.max_output.max(other.max_output);
        self.can.extend(other.can);
        self.ends = self.ends.take().or(other.ends);
    }
}

/// The dearer price of each class.
pub(super) fn raise(ours: &mut Prices, theirs: &Prices) {
    for (class, price) in theirs {
        let dearer = ours.entry(class).or_insert(*price);
        *dearer = (*dearer).max(*price);
    }
}
