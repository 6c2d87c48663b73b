use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_core::ApiKey;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// `[server]`: how much callers may take of a server, and for how long it waits
/// for them. The defaults let one node hold ten thousand streams.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// A secret of the server's own that goes into the hashes of callers' keys,
    /// so that who reads the hashes alone cannot even check a guess. Keys that
    /// were made with it need it from then on; none unless said.
    #[schemars(with = "Option<String>")]
    pub key_pepper: Option<ApiKey>,
    /// Most connections at once; more are closed as they come. Default 10240.
    pub max_connections: usize,
    /// Most connections at once from one IPv4 address or one IPv6 /64 network;
    /// more are closed as they come. Loopback is not limited. Default 1024.
    pub max_connections_per_ip: usize,
    /// Longest time for which a request's header may be on its way, in
    /// milliseconds. An idle connection is kept as long. Default 10000.
    pub header_timeout_ms: u64,
    /// Longest time in which at least 1 KiB of a request's body has to come,
    /// or its end, in milliseconds; then 408. Default 30000.
    pub body_timeout_ms: u64,
    /// Longest time for which a client may take not a byte of its answer, in
    /// milliseconds; then the connection is cut. Default 60000.
    pub write_stall_ms: u64,
    /// Most headers of a request; more are refused with 431. Default 64.
    pub max_headers: usize,
    /// Most bytes of one header, name and value; more are refused with 431.
    /// Default 16384.
    pub max_header_bytes: usize,
    /// Most bytes of all headers of a request; more are refused with 431.
    /// Default 65536.
    pub max_headers_bytes: usize,
    /// Most bytes of a request's body; more are refused with 413. Default
    /// 33554432 (32 MiB).
    pub max_body_bytes: usize,
    /// Most bytes of the bodies of all requests that are being served; more are
    /// refused with 503. Default 536870912 (512 MiB).
    pub max_buffered_bytes: usize,
    /// Most calls at once. Calls that are `sheddable` are refused with 503 from
    /// 80 % of it on, ordinary ones from 95 %, `critical` ones at all of it.
    /// Default 12000.
    pub max_in_flight: usize,
    /// Most requests at once on one HTTP/2 connection. Default 128.
    pub h2_max_streams: u32,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            key_pepper: None,
            max_connections: 10_240,
            max_connections_per_ip: 1_024,
            header_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            write_stall_ms: 60_000,
            max_headers: 64,
            max_header_bytes: 16 * KIB,
            max_headers_bytes: 64 * KIB,
            max_body_bytes: 32 * MIB,
            max_buffered_bytes: 512 * MIB,
            // Ten thousand streams stay below the 95 % of ordinary calls.
            max_in_flight: 12_000,
            h2_max_streams: 128,
        }
    }
}

impl ServerConfig {
    /// The time for a request's header.
    pub fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    /// The time for the next piece of a request's body.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// The time for which a client may take nothing.
    pub fn write_stall(&self) -> Duration {
        Duration::from_millis(self.write_stall_ms)
    }

    /// The first key whose value cannot work, and why.
    pub(crate) fn problem(&self) -> Option<(&'static str, String)> {
        // hyper refuses to be built with a smaller buffer than this.
        const LEAST_HEADERS: usize = 8 * KIB;
        let times = [
            ("header_timeout_ms", self.header_timeout_ms),
            ("body_timeout_ms", self.body_timeout_ms),
            ("write_stall_ms", self.write_stall_ms),
            ("h2_max_streams", u64::from(self.h2_max_streams)),
        ];
        let counts = [
            ("max_connections", self.max_connections),
            ("max_connections_per_ip", self.max_connections_per_ip),
            ("max_headers", self.max_headers),
            ("max_header_bytes", self.max_header_bytes),
            ("max_body_bytes", self.max_body_bytes),
            ("max_in_flight", self.max_in_flight),
        ];
        let zero = times.iter().find(|(_, value)| *value == 0);
        let zero = zero.map(|(key, _)| *key);
        let zero = zero.or_else(|| {
            let zero = counts.iter().find(|(_, value)| *value == 0);
            zero.map(|(key, _)| *key)
        });
        if let Some(key) = zero {
            return Some((key, "is 0, which lets nothing through".to_owned()));
        }
        if !(LEAST_HEADERS..=MIB).contains(&self.max_headers_bytes) {
            let message = format!("is not between {LEAST_HEADERS} and {MIB}");
            return Some(("max_headers_bytes", message));
        }
        // A body that fits must fit when nothing else is there.
        (self.max_buffered_bytes < self.max_body_bytes).then(|| {
            let message = format!("is below max_body_bytes, {}", self.max_body_bytes);
            ("max_buffered_bytes", message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_let_nothing_through_are_named() {
        let check = |change: fn(&mut ServerConfig), expected: Option<&str>| {
            let mut config = ServerConfig::default();
            change(&mut config);
            assert_eq!(config.problem().map(|(key, _)| key), expected);
        };
        check(|_| {}, None);
        check(|it| it.max_in_flight = 0, Some("max_in_flight"));
        check(|it| it.body_timeout_ms = 0, Some("body_timeout_ms"));
        check(|it| it.max_headers_bytes = 100, Some("max_headers_bytes"));
        check(
            |it| it.max_headers_bytes = 2 << 20,
            Some("max_headers_bytes"),
        );
        check(
            |it| it.max_buffered_bytes = it.max_body_bytes - 1,
            Some("max_buffered_bytes"),
        );
    }
}
