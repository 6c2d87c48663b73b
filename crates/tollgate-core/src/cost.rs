use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Usd;

/// Where a cost figure comes from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CostSource {
    /// The provider's own figure, in the answer.
    Reported,
    /// The provider's own figure, asked for afterwards.
    Reconciled,
    /// Reported tokens times published prices.
    Computed,
    /// Tokens counted by us times published prices.
    Estimated,
    /// Unknown; booked at the most it can be.
    WorstCase,
}

impl CostSource {
    /// The name used in receipts, reports and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Reconciled => "reconciled",
            Self::Computed => "computed",
            Self::Estimated => "estimated",
            Self::WorstCase => "worst_case",
        }
    }

    /// The source of that name.
    pub fn named(name: &str) -> Option<Self> {
        [
            Self::Reported,
            Self::Reconciled,
            Self::Computed,
            Self::Estimated,
            Self::WorstCase,
        ]
        .into_iter()
        .find(|source| source.as_str() == name)
    }
}

impl fmt::Display for CostSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a lane is paid.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    /// From the credits of the gateway's OpenRouter account.
    #[default]
    Credits,
    /// Through OpenRouter with the provider's own key: the provider bills the
    /// inference, OpenRouter at most a fee.
    Byok,
    /// By the provider itself, without OpenRouter.
    Direct,
    /// By the caller, whose own key the lane is taken with: it costs the
    /// gateway nothing.
    Caller,
}

impl Billing {
    /// The name used in receipts, reports and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credits => "credits",
            Self::Byok => "byok",
            Self::Direct => "direct",
            Self::Caller => "caller",
        }
    }
}

impl fmt::Display for Billing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What something cost, split by who is owed, with the source of the figure.
///
/// ```
/// use tollgate_core::{Cost, CostSource, Usd};
/// let byok = Cost { credits: Usd::from_nanos(50), provider: Usd::from_nanos(1000), source: CostSource::Reported };
/// assert_eq!(byok.amount().nanos(), 1050);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Owed to OpenRouter: the price of credits calls, the fee of BYOK calls.
    pub credits: Usd,
    /// Owed to the provider itself: BYOK and direct calls.
    pub provider: Usd,
    /// Where the figures come from.
    pub source: CostSource,
}

impl Cost {
    /// Nothing, on the provider's word.
    pub const NOTHING: Self = Self {
        credits: Usd::ZERO,
        provider: Usd::ZERO,
        source: CostSource::Reported,
    };

    /// A cost paid the way `billing` says, without a fee.
    pub fn paid_by(billing: Billing, amount: Usd, source: CostSource) -> Self {
        match billing {
            Billing::Credits => Self {
                credits: amount,
                provider: Usd::ZERO,
                source,
            },
            Billing::Byok | Billing::Direct => Self {
                credits: Usd::ZERO,
                provider: amount,
                source,
            },
            Billing::Caller => Self {
                credits: Usd::ZERO,
                provider: Usd::ZERO,
                source,
            },
        }
    }

    /// Both payables together.
    pub fn amount(&self) -> Usd {
        self.credits + self.provider
    }

    /// Both costs; the source is the less certain of the two.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            credits: self.credits + other.credits,
            provider: self.provider + other.provider,
            source: self.source.max(other.source),
        }
    }
}
