//! A Genesys Cloud to try things on: an HTTP server that speaks its API as strictly as the real one.
//!
//! It knows conversations, users, queues, wrap-up codes, contacts, recordings, summaries, transcripts, and conversations of
//! an interval from analytics; API and token endpoint have the same origin. It refuses parameters and bodies that Genesys'
//! description does not have, counts requests, and can lack permissions and features.
//!
//! ```no_run
//! use bridge_tests::sandbox::genesys::{Fault, FaultRule, Sandbox, SandboxConfig};
//!
//! let sandbox = Sandbox::spawn(&SandboxConfig::default());
//! sandbox.revoke("conversation:summary:view");
//! sandbox.add_fault(FaultRule::times(1, "/api/v2/users", Fault::outage()));
//! // … run something against `sandbox.base_url()` …
//! assert_eq!(sandbox.count("GET /api/v2/users/{userId}"), 1);
//! assert!(sandbox.violations().is_empty());
//! ```

mod config;
pub mod contract;
mod control;
mod error;
mod faults;
mod handlers;
mod held;
mod limits;
pub mod model;
mod oauth;
mod render;
mod reply;
mod server;
mod state;
mod terms;
mod validate;
mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::ops::Deref;

use super::serving::{Serving, bind};

pub use config::SandboxConfig;
pub use contract::Feature;
pub use control::{Control, Lack};
pub use faults::{Fault, FaultRule};
pub use held::{Held, Recording, Summary, Transcript};

/// A running sandbox, which stops when it is dropped.
///
/// It has a thread of its own, so it answers whatever the caller's runtime is doing.
#[derive(Debug)]
pub struct Sandbox {
    control: Control,
    address: SocketAddr,
    serving: Serving,
}

impl Sandbox {
    /// Starts a sandbox on a free loopback port.
    ///
    /// # Panics
    ///
    /// Panics if the machine has no loopback port left.
    #[must_use]
    pub fn spawn(config: &SandboxConfig) -> Self {
        Self::listen(config, (Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free")
    }

    /// Starts a sandbox on an address.
    ///
    /// # Errors
    ///
    /// Returns an error if nothing can listen there.
    pub fn listen(config: &SandboxConfig, address: impl ToSocketAddrs) -> io::Result<Self> {
        let (listener, address) = bind(address)?;
        let control = Control::new(config, &format!("http://{address}"));
        let shared = control.clone();
        let serving = Serving::start("genesys-sandbox", move || server::serve(listener, shared))?;
        Ok(Self {
            control,
            address,
            serving,
        })
    }

    /// The origin of the API and of the token endpoint.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A handle that can be kept elsewhere.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Stops listening and cuts the connections that are open.
    pub async fn stop(self) {
        self.serving.stop().await;
    }
}

impl Deref for Sandbox {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}
