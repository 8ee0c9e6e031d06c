//! Access of the workers of a campaign to its Genesys.

use std::time::Duration;

use crate::sandbox::genesys::SandboxConfig;

/// More requests in a window than a campaign makes: it lasts minutes, and sends the calls of days.
pub(super) const ENOUGH: u64 = 1_000_000;
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// Where links in notes lead.
const LINK: &str = "https://apps.example.invalid/interactions/{id}";

/// How Genesys starts.
pub(super) fn config() -> SandboxConfig {
    SandboxConfig {
        allowed: ENOUGH,
        window: WINDOW,
        ..SandboxConfig::default()
    }
}

/// Settings of the workers.
pub(super) fn variables(url: &str) -> Vec<(String, String)> {
    let client = config();
    [
        ("API_URL", url),
        ("LOGIN_URL", url),
        ("CLIENT_ID", &client.client_id),
        ("CLIENT_SECRET", &client.client_secret),
        ("REQUESTS_PER_MINUTE", &ENOUGH.to_string()),
        ("INTERACTION_URL", LINK),
    ]
    .map(|(name, value)| (format!("BRIDGE__GENESYS__{name}"), value.to_owned()))
    .to_vec()
}
