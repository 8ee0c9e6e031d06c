//! Check of the listening addresses: whether they can be bound, and from where they are reached.

use std::io;
use std::net::{SocketAddr, TcpListener};

use shared::check::{Finding, Found, Problem};
use shared::config::Ingest;

use crate::server::admin;
use crate::server::routes::Audience;

/// Findings about `ingest.listen` and `ingest.admin_listen`.
pub(super) fn check(settings: &Ingest) -> Vec<Finding> {
    // Held until both are tried: a start binds both.
    let webhook = TcpListener::bind(settings.listen);
    vec![
        Finding::new("listen", listen(settings.listen, &webhook)),
        Finding::new("operators", operators(settings, &webhook)),
    ]
}

fn listen(address: SocketAddr, listener: &io::Result<TcpListener>) -> Result<String, Problem> {
    let reach = if address.ip().is_loopback() {
        "this machine only"
    } else {
        "reachable from other machines"
    };
    match listener {
        Ok(_) => Ok(format!("{address} is free ({reach})")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(format!(
            "{address} is in use, as it should be while ingest runs ({reach})"
        )),
        Err(error) => Err(Problem::new(
            format!("{address}: {error}"),
            "set ingest.listen (BRIDGE__INGEST__LISTEN) to an address of this machine and a port above 1023",
        )),
    }
}

fn operators(settings: &Ingest, webhook: &io::Result<TcpListener>) -> Result<Found, Problem> {
    let Some(address) = settings.admin_listen else {
        return Ok(match admin::audience(settings) {
            Audience::Operators | Audience::Neighbours => Found::Sound(
                "metrics and readiness in full at the address of the webhook, for this machine and not through a proxy"
                    .to_owned(),
            ),
            Audience::Everyone => Found::Warning(
                "no metrics (ingest.admin_listen is empty): others than operators reach ingest.listen"
                    .to_owned(),
            ),
        });
    };
    let problem = |what| {
        Problem::new(
            what,
            "set ingest.admin_listen (BRIDGE__INGEST__ADMIN_LISTEN) to another address of this machine than \
             ingest.listen, with a port above 1023",
        )
    };
    let found = format!("metrics and readiness in full at {address}");
    let found = match TcpListener::bind(address) {
        Ok(_) => found,
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            return Err(problem(format!("{address}: {error}")));
        }
        // The webhook's listener holds it, or would at a start.
        Err(_) if address == settings.listen || is_ours(address, webhook) => {
            return Err(problem(format!(
                "{address} is taken by ingest.listen, {}",
                settings.listen
            )));
        }
        Err(_) => format!("{found}, in use, as it should be while ingest runs"),
    };
    Ok(if address.ip().is_loopback() {
        Found::Sound(found)
    } else {
        Found::Warning(format!(
            "{found}, without authentication: bind it to an operators' network"
        ))
    })
}

/// Whether the port is the one that the webhook's listener holds: `0.0.0.0` holds it on every address.
fn is_ours(address: SocketAddr, webhook: &io::Result<TcpListener>) -> bool {
    let held = webhook.as_ref().ok();
    let held = held.and_then(|listener| listener.local_addr().ok());
    held.is_some_and(|held| held.port() == address.port())
}
