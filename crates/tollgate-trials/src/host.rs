//! The hosts of every trial: one like OpenRouter, and two that are reached directly.

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
}

impl Host {
    /// All hosts, in the order of plans.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    /// The base address, as configurations have it.
    #[must_use]
    pub fn base_url(self) -> String {
        format!("http://127.0.0.1:{}{}", self.port(), self.prefix())
    }

    /// The name of the lane that leads there.
    #[must_use]
    pub const fn lane(self) -> &'static str {
        match self {
            Self::A => "openrouter",
            Self::B => "b",
            Self::C => "c",
        }
    }

    /// The host that an address is at, and the path there.
    pub(crate) fn of(uri: &Uri) -> Option<(Self, &str)> {
        let port = uri.port_u16()?;
        let host = Self::ALL.into_iter().find(|host| host.port() == port)?;
        Some((host, uri.path().strip_prefix(host.prefix())?))
    }

    const fn port(self) -> u16 {
        9_001 + self as u16
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::A => "/api/v1",
            Self::B | Self::C => "/v1",
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
        for host in Host::ALL {
            let uri = format!("{}/key", host.base_url()).parse().unwrap();
            assert_eq!(Host::of(&uri), Some((host, "/key")));
        }
        let elsewhere = "http://127.0.0.1:80/v1/key".parse().unwrap();
        assert_eq!(Host::of(&elsewhere), None);
    }
}
