//! Authentication of senders: which credentials are valid, and how fast failures are answered.
//!
//! A request with a valid credential never waits for the failures of others, also from the same address: the addresses
//! of Genesys and AWS are shared by all of their customers.

mod authenticator;
mod client_address;
mod failures;
mod secrets;
mod signature;

pub(crate) use authenticator::{Admission, Authenticator, Unauthenticated};
pub(crate) use client_address::client_address;
pub(crate) use failures::{Answered, Failures};
pub(crate) use secrets::{warn_of_weakness, weakness};
