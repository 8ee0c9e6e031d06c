//! HTTP as all requests use it: one client with time limits, bodies of bounded size, and what its failures mean.

use std::time::Duration;

use reqwest::Response;

use crate::error::GenesysError;

/// Largest body that is read: a long conversation's transcript is about a megabyte.
const BODY_MAX: usize = 16 * 1024 * 1024;

/// An HTTP client as [`crate::Client`] needs it: with time limits, and without redirects, which would turn a POST into a GET.
/// `builder` holds what depends on the network, such as proxies.
///
/// # Errors
///
/// When the system's certificates cannot be loaded.
pub fn http_client(
    builder: reqwest::ClientBuilder,
    user_agent: &str,
    request_timeout: Duration,
    connect_timeout: Duration,
) -> reqwest::Result<reqwest::Client> {
    builder
        .user_agent(user_agent)
        .timeout(request_timeout)
        .connect_timeout(connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// What a failure of HTTP means. Addresses are left out: they contain ids, and signatures of transcripts.
pub(crate) fn transport(operation: &'static str, source: reqwest::Error) -> GenesysError {
    let is_unsent = source.is_connect() || source.is_builder();
    let source = source.without_url();
    if is_unsent {
        GenesysError::Unreachable { operation, source }
    } else {
        GenesysError::NoAnswer { operation, source }
    }
}

/// Why a body is of no use.
pub(crate) enum Failure {
    Transport(reqwest::Error),
    Form(&'static str),
}

impl Failure {
    pub fn during(self, operation: &'static str, status: u16) -> GenesysError {
        match self {
            Self::Transport(error) => GenesysError::NoAnswer {
                operation,
                source: error.without_url(),
            },
            Self::Form(reason) => GenesysError::Unreadable {
                operation,
                status,
                reason,
            },
        }
    }
}

/// Reads a body, up to a size that no honest answer has.
pub(crate) async fn read_body(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(Failure::Transport)? {
        if body.len() + chunk.len() > BODY_MAX {
            return Err(Failure::Form("it is too large"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
