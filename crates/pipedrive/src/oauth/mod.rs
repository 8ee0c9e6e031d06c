//! An app's access tokens: they end, and are refreshed once for all processes.
//!
//! A request that needs newer tokens waits for the refresh that is under way, or starts one (single-flight). A refresh is a
//! task of its own, so that no timeout or shutdown cuts it off between the answer and the store: Pipedrive may have put
//! another refresh token into the answer, and revoked the old one. Across processes one has the right to refresh at a
//! time ([`TokenStore`]); the others wait for what it stores.
//!
//! A process uses the tokens of the installation that its settings name, and never another's.

mod access;
mod endpoint;
mod error;
mod installation;
mod keep_fresh;
mod refresh;
mod shared;
mod wanted;

pub use access::{App, OAuth};
pub use error::{Denial, NoToken};
