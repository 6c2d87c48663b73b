//! How many connections there are, in all and from one place.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tollgate::ServerConfig;

/// Counts connections against two caps.
#[derive(Clone)]
pub(crate) struct Connections {
    most: usize,
    most_per_peer: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

impl Connections {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        Self {
            most: config.max_connections,
            most_per_peer: config.max_connections_per_ip,
            open: Arc::default(),
        }
    }

    /// A seat for a connection from an address, until it is dropped; `None`
    /// when there are too many.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<Seat> {
        let peer = peer(address);
        let mut open = lock(&self.open);
        if open.all >= self.most {
            return None;
        }
        if let Some(peer) = peer {
            let count = open.by_peer.entry(peer).or_default();
            if *count >= self.most_per_peer {
                return None;
            }
            *count += 1;
        }
        open.all += 1;
        Some(Seat {
            open: self.open.clone(),
            peer,
        })
    }
}

/// The seat of one connection.
pub(crate) struct Seat {
    open: Arc<Mutex<Open>>,
    peer: Option<IpAddr>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        open.all -= 1;
        if let Some(peer) = self.peer
            && let Some(count) = open.by_peer.get_mut(&peer)
        {
            *count -= 1;
            if *count == 0 {
                open.by_peer.remove(&peer);
            }
        }
    }
}

/// Nothing panics while it holds the lock, so what is behind it is right.
fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whom an address counts for: itself, or all of an IPv6 /64, which is what one
/// household or machine is given. This machine counts for nobody, since a
/// proxy on it speaks for many.
fn peer(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(address.into()),
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            Some(Ipv6Addr::from_bits(network).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(most: usize, most_per_peer: usize) -> Connections {
        Connections::new(&ServerConfig {
            max_connections: most,
            max_connections_per_ip: most_per_peer,
            ..ServerConfig::default()
        })
    }

    #[test]
    fn one_peer_cannot_take_the_seats_of_another() {
        let check = |addresses: &[&str], expected: usize| {
            let connections = connections(10, 2);
            let admitted = |text: &&str| connections.admit(text.parse().unwrap());
            let seats: Vec<_> = addresses.iter().filter_map(admitted).collect();
            assert_eq!(seats.len(), expected, "{addresses:?}");
        };
        check(&["192.0.2.1"; 3], 2);
        check(&["192.0.2.1", "192.0.2.1", "192.0.2.2"], 3);
        check(&["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"], 2);
        check(&["2001:db8::1", "2001:db8::2", "2001:db8::ffff:3"], 2);
        check(&["2001:db8::1", "2001:db8::2", "2001:db8:0:1::3"], 3);
        check(&["127.0.0.1"; 12], 10);
        check(&["::1"; 12], 10);
    }

    #[test]
    fn a_seat_is_free_again_when_its_connection_has_ended() {
        let connections = connections(2, 1);
        let address = "192.0.2.1".parse().unwrap();
        for _ in 0..3 {
            let seat = connections.admit(address);
            assert!(seat.is_some() && connections.admit(address).is_none());
        }
        let open = lock(&connections.open);
        assert_eq!((open.all, open.by_peer.len()), (0, 0));
    }
}
