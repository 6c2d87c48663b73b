//! The hosts of the trials: one like OpenRouter, and those that are reached directly.

use std::fmt;

use http::Uri;
use serde::Serialize;

/// A host of the simulated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Host {
    /// Like OpenRouter, and first in every plan.
    A,
    /// A direct provider, second.
    B,
    /// A direct provider, third.
    C,
    /// OpenAI, as it is by itself.
    OpenAi,
    /// Anthropic, as it is by itself.
    Anthropic,
    /// Google's Gemini, as it is by itself.
    Gemini,
}

impl Host {
    /// The hosts that serve the same models in the same dialect, in the order of plans.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    /// All hosts that there are.
    pub const EVERY: [Self; 6] = [
        Self::A,
        Self::B,
        Self::C,
        Self::OpenAi,
        Self::Anthropic,
        Self::Gemini,
    ];

    /// The base address, as configurations have it.
    #[must_use]
    pub fn base_url(self) -> String {
        format!("http://127.0.0.1:{}{}", self.port(), self.prefix())
    }

    /// The name of the lane that leads there.
    #[must_use]
    pub fn lane(self) -> &'static str {
        match self {
            Self::A => "openrouter",
            Self::B => "b",
            Self::C => "c",
            Self::OpenAi | Self::Anthropic | Self::Gemini => self.answers_as().name(),
        }
    }

    /// Whom its simulator answers as.
    #[must_use]
    pub const fn answers_as(self) -> tollgate_sim::Host {
        match self {
            Self::A | Self::B | Self::C => tollgate_sim::Host::OpenRouter,
            Self::OpenAi => tollgate_sim::Host::OpenAi,
            Self::Anthropic => tollgate_sim::Host::Anthropic,
            Self::Gemini => tollgate_sim::Host::Gemini,
        }
    }

    /// The key of that number, from 1, as the host would issue it.
    #[must_use]
    pub fn key(self, number: u32) -> String {
        let prefix = match self {
            Self::A | Self::B | Self::C => "sk-or-v1",
            Self::OpenAi => "sk",
            Self::Anthropic => "sk-ant",
            Self::Gemini => "AIza",
        };
        format!("{prefix}-trial-key-{number}-of-{}", self.lane())
    }

    /// The host that an address is at, and the path there.
    pub(crate) fn of(uri: &Uri) -> Option<(Self, &str)> {
        let port = uri.port_u16()?;
        let host = Self::EVERY.into_iter().find(|host| host.port() == port)?;
        Some((host, uri.path().strip_prefix(host.prefix())?))
    }

    const fn port(self) -> u16 {
        9_001 + self as u16
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::A => "/api/v1",
            Self::B | Self::C => "/v1",
            Self::OpenAi | Self::Anthropic | Self::Gemini => self.answers_as().base_path(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Host;

    #[test]
    fn addresses_lead_back_to_their_host() {
        for host in Host::EVERY {
            let uri = format!("{}/key", host.base_url()).parse().unwrap();
            assert_eq!(Host::of(&uri), Some((host, "/key")));
        }
        let elsewhere = "http://127.0.0.1:80/v1/key".parse().unwrap();
        assert_eq!(Host::of(&elsewhere), None);
    }
}
