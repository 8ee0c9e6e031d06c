//! The addresses: whether they can be taken, and who reaches them.

use std::io;
use std::net::{SocketAddr, TcpListener};

use shared::config::Ingest;

use super::{Finding, Problem};
use crate::server::admin;
use crate::server::routes::Audience;

/// What was found about `ingest.listen` and `ingest.admin_listen`.
pub(super) fn look(settings: &Ingest) -> Vec<Finding> {
    // Held until both are tried: a start takes both.
    let webhook = TcpListener::bind(settings.listen);
    vec![
        Finding {
            item: "listen",
            result: listen(settings.listen, &webhook),
        },
        Finding {
            item: "operators",
            result: operators(settings, &webhook),
        },
    ]
}

fn listen(address: SocketAddr, listener: &io::Result<TcpListener>) -> Result<String, Problem> {
    let reach = if address.ip().is_loopback() {
        "this machine only"
    } else {
        "reachable from outside"
    };
    match listener {
        Ok(_) => Ok(format!("{address} is free ({reach})")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(format!(
            "{address} is in use ({reach}); right if ingest runs already"
        )),
        Err(error) => Err(Problem {
            what: format!("{address}: {error}"),
            remedy: "set ingest.listen (BRIDGE__INGEST__LISTEN) to an address of this machine and a port above 1023",
        }),
    }
}

fn operators(settings: &Ingest, webhook: &io::Result<TcpListener>) -> Result<String, Problem> {
    let Some(address) = settings.admin_listen else {
        return Ok(match admin::audience(settings) {
            Audience::Operators => "metrics and readiness in full beside the webhook",
            Audience::Anybody => {
                "no metrics (ingest.admin_listen is empty): the webhook's address is for others"
            }
        }
        .to_owned());
    };
    let remark = if address.ip().is_loopback() {
        ""
    } else {
        "; nobody is asked there who he is: let only operators reach it"
    };
    let found = format!("metrics and readiness in full at {address}{remark}");
    let problem = |what| Problem {
        what,
        remedy: "set ingest.admin_listen (BRIDGE__INGEST__ADMIN_LISTEN) to another address of this machine than \
                 ingest.listen, with a port above 1023",
    };
    match TcpListener::bind(address) {
        Ok(_) => Ok(found),
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            Err(problem(format!("{address}: {error}")))
        }
        // It is in use by us, or the two are one and it makes no difference who has it.
        Err(_) if address == settings.listen || is_ours(address, webhook) => Err(problem(format!(
            "{address} is taken by ingest.listen, {}",
            settings.listen
        ))),
        Err(_) => Ok(format!("{found}, in use; right if ingest runs already")),
    }
}

/// Whether that port is the one that the webhook holds now: with `0.0.0.0` it is so on every address.
fn is_ours(address: SocketAddr, webhook: &io::Result<TcpListener>) -> bool {
    let held = webhook.as_ref().ok();
    let held = held.and_then(|listener| listener.local_addr().ok());
    held.is_some_and(|held| held.port() == address.port())
}
