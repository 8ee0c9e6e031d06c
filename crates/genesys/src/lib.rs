//! Genesys Cloud's REST API, as far as a service needs it that records finished conversations.
//!
//! It reads; it changes nothing in Genesys. [`Client`] has one method for each operation, whose documentation gives the
//! permission that the OAuth client's role must hold. Every operation costs one request of the rate limit (300 a minute by
//! default); what keeps within it is the caller's [`ports::Budget`].
//!
//! Models are tolerant: members that are not known are ignored, and a member that is missing, null or of another type is
//! read as absent, so that one odd record does not hide the others. Ids in answers are compared with those asked for.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use genesys::{Client, ClientCredentials, Settings, http_client, ports::Unlimited};
//!
//! let http = http_client(reqwest::Client::builder(), "example/1.0", Duration::from_secs(10), Duration::from_secs(5))?;
//! let settings = Settings {
//!     api_url: "https://api.mypurecloud.com".parse()?,
//!     login_url: "https://login.mypurecloud.com".parse()?,
//!     credentials: ClientCredentials {
//!         client_id: "id".to_owned(),
//!         client_secret: "secret".into(),
//!     },
//! };
//! let client = Client::new(http, settings, Arc::new(Unlimited));
//! let user = client.user("7d2c4e6f-8a1b-4c3d-9e5f-0a1b2c3d4e5f").await?;
//! # Ok(()) }
//! ```
//!
//! Sources: Genesys' SDKs, which are generated from its API description, and <https://developer.genesys.cloud>.

mod answer;
mod artefacts;
mod call;
mod client;
mod credential;
pub mod deep_link;
mod details;
mod error;
mod exchange;
mod http;
pub mod model;
pub mod operations;
pub mod ports;
mod redaction;
mod transcripts;

pub use answer::Limits;
pub use call::{Operation, Permissions, Verb};
pub use client::{Client, Settings};
pub use credential::ClientCredentials;
pub use error::GenesysError;
pub use http::http_client;
pub use transcripts::TranscriptUrl;
