//! A Pipedrive to try things on: an HTTP server that speaks its API as strictly as the real one.
//!
//! It knows persons, organizations, activities and deals in v2, notes, call logs, users and activity types in v1, and refreshes the tokens
//! of an installed app. It refuses what the
//! real one refuses, counts tokens as it does, and can be made to fail in every way a network and a service can. What
//! really happened can be read from its truth log, which no fault touches.
//!
//! ```no_run
//! use bridge_tests::sandbox::pipedrive::{Fault, FaultRule, Sandbox, SandboxConfig};
//!
//! let sandbox = Sandbox::spawn(SandboxConfig::default());
//! sandbox.add_person("Example Customer", &["(202) 555-0123"]);
//! sandbox.add_fault(FaultRule::once("POST", "/api/v2/activities", Fault::CutAfterEffect));
//! // … run something against `sandbox.base_url()` with `sandbox.api_token()` …
//! assert_eq!(sandbox.activities().len(), 1);
//! ```
//!
//! Where public sources disagree, [`Behaviour`] lets a test choose which answer it meets: how the search reads a number,
//! how far lists lag, what becomes of cursors, hidden people, owners and notes. [`Fault`] and [`Distortion`] spoil single
//! requests, by operation, count and chance. [`Meter`] reads what a scene costs. All of it can be done over HTTP too:
//! `GET /_sandbox` lists how.

mod behaviour;
mod budget;
mod call;
mod config;
pub mod contract;
mod control;
mod digits;
mod error;
mod faults;
mod gateway;
mod handlers;
mod html;
mod instrument;
mod log;
mod model;
mod oauth;
mod page;
mod paging;
mod replica;
mod reply;
mod search;
mod seed;
mod server;
mod state;
mod validate;
mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::ops::Deref;

use super::serving::{Serving, bind};

pub use behaviour::{Behaviour, Cursors, NoteStyle, SearchMode};
pub use budget::DailyHeaders;
pub use config::{Limits, Plan, SandboxConfig};
pub use control::{Control, Meter, NewPerson, Reading};
pub use faults::{Distortion, Fault, FaultRule};
pub use log::{Answer, RequestRecord};
pub use model::{
    Activity, ActivityType, CallLog, Contact, Deal, Note, Organization, Participant, Person, User,
};
pub use oauth::{OAuthConfig, RefreshTokens};
pub use reply::{Change, Effect, Item};

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
    pub fn spawn(config: SandboxConfig) -> Self {
        Self::listen(config, (Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free")
    }

    /// Starts a sandbox on an address.
    ///
    /// # Errors
    ///
    /// Returns an error if nothing can listen there.
    pub fn listen(config: SandboxConfig, address: impl ToSocketAddrs) -> io::Result<Self> {
        let (listener, address) = bind(address)?;
        let control = Control::new(config);
        let shared = control.clone();
        let serving = Serving::start("pipedrive-sandbox", move || server::serve(listener, shared))?;
        Ok(Self {
            control,
            address,
            serving,
        })
    }

    /// The origin, to which `/api/v2/…` and `/v1/…` are appended.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that can be kept elsewhere.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Adds the people, deals and users of a demonstration.
    pub fn seed_demo_data(&self) {
        seed::demo(&self.control);
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
