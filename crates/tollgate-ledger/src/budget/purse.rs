//! The counters of one window, and what they let in.

use tokio::time::Instant;
use tollgate_core::Usd;

use super::rule::Rule;

/// Money of one window, in nano-dollars.
#[derive(Debug, Clone, Default)]
pub(super) struct Purse {
    /// Of a budget that is not shared, all that was spent; of a shared one,
    /// what this node has spent under its leases.
    pub(super) spent: i128,
    /// Reserved for calls that are running.
    pub(super) held: i128,
    /// What this node has leased; without meaning when nothing is shared.
    pub(super) leased: i128,
    /// What all nodes had spent when the last lease was answered.
    pub(super) known: i128,
    /// What calls wait for.
    pub(super) waiting: i128,
    /// The largest amount that was asked for of late.
    pub(super) largest: i128,
    /// Whether anybody asked since the last tick.
    pub(super) used: bool,
    /// Until then there is nothing more to lease.
    pub(super) dry_until: Option<Instant>,
    /// Nodes that hold leases of the window.
    pub(super) nodes: u32,
    warned: bool,
    overspent: bool,
}

/// What a purse says to an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Yes,
    /// There is none left.
    No,
    /// Not before more is leased.
    Short,
}

impl Purse {
    pub(super) fn says(&self, rule: &Rule, shared: bool, amount: i128) -> Says {
        if amount == 0 || !rule.in_force {
            return Says::Yes;
        }
        let most = if shared {
            self.leased
        } else {
            nanos(rule.limit)
        };
        let is_leased = self.spent + self.held + amount <= most;
        // A limit that was lowered holds at once, whatever was leased under the
        // earlier one; what is too much is given back, and then asked for anew.
        let is_within = nanos(self.in_use()) + amount <= nanos(rule.limit);
        if is_leased && is_within {
            return Says::Yes;
        }
        let dry = |until: &Instant| *until > Instant::now();
        let hopeless =
            is_leased || amount > nanos(rule.limit) || self.dry_until.as_ref().is_some_and(dry);
        match shared && !hopeless {
            true => Says::Short,
            false => Says::No,
        }
    }

    pub(super) fn hold(&mut self, amount: i128) {
        self.held += amount;
        self.wants(amount);
    }

    /// Notes that somebody asked for an amount.
    pub(super) fn wants(&mut self, amount: i128) {
        self.largest = self.largest.max(amount);
        self.used = true;
    }

    /// What is spent by all nodes, as far as this one knows.
    pub(super) fn spent_everywhere(&self) -> Usd {
        Usd::from_nanos_i128(self.spent.max(self.known))
    }

    /// What is spent or reserved, as far as this node knows.
    pub(super) fn in_use(&self) -> Usd {
        Usd::from_nanos_i128(self.spent.max(self.known) + self.held)
    }

    pub(super) fn is_nearly_spent(&self, rule: &Rule) -> bool {
        self.in_use() >= rule.soft
    }

    /// Whether to tell that the window is nearly spent: once.
    pub(super) fn warns(&mut self, rule: &Rule) -> bool {
        let first = !self.warned && rule.in_force && self.is_nearly_spent(rule);
        self.warned |= first;
        first
    }

    /// Whether to tell that more was spent than the limit: once.
    pub(super) fn overspends(&mut self, rule: &Rule) -> bool {
        let spent = self.spent.max(self.known);
        let first = !self.overspent && rule.in_force && spent > nanos(rule.limit);
        self.overspent |= first;
        first
    }

    /// Forgets what was told and heard of another limit.
    pub(super) fn is_anew(&mut self) {
        (self.warned, self.overspent, self.dry_until) = (false, false, None);
    }

    /// What this node may still spend of its leases.
    pub(super) fn free(&self) -> i128 {
        self.leased - self.spent - self.held
    }
}

pub(super) fn nanos(amount: Usd) -> i128 {
    i128::from(amount.nanos())
}
