//! Ports for servers that listen where they are configured to, and may be ended and started again there.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use anyhow::{Result, ensure};
use rand::Rng as _;

/// Below those that Linux gives to outgoing connections (`net.ipv4.ip_local_port_range`, from 32768): none of them takes
/// a server's port while the server is away.
const PORTS: Range<u16> = 15_000..32_000;
/// Before giving up. Most of them are free.
const TRIES: usize = 1_000;

/// Finds ports of the loopback interface that are free now.
///
/// They are held together until all are found, so that no two are the same.
///
/// # Errors
///
/// Returns an error if there are hardly any.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let candidates = (0..TRIES).map(|_| rand::rng().random_range(PORTS));
    let held: Vec<(u16, TcpListener)> = candidates
        .filter_map(|port| Some((port, TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?)))
        .take(N)
        .collect();
    ensure!(held.len() == N, "no free port between {PORTS:?}");
    Ok(std::array::from_fn(|n| held[n].0))
}
