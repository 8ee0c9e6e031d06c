//! The settings of a bridge under test: what no other bridge shares, and times short enough for a test.

use uuid::Uuid;

use super::WEBHOOK_TOKEN;
use crate::sandbox::genesys::SandboxConfig;

/// `BRIDGE__<key>` with its value.
pub(super) fn variable(key: &str, value: &str) -> (String, String) {
    (format!("BRIDGE__{key}"), value.to_owned())
}

/// All but the addresses of the services around it.
pub(super) fn for_tests() -> Vec<(String, String)> {
    let prefix = format!("test-{}", Uuid::new_v4().simple());
    [
        ("INGEST__LISTEN", "127.0.0.1:0"),
        ("INGEST__DRAIN", "0s"),
        ("INGEST__AUTH__TOKENS", WEBHOOK_TOKEN),
        ("WORKER__LISTEN", "127.0.0.1:0"),
        ("WORKER__LEASE", "26s"),
        ("REDIS__PREFIX", &*prefix),
        ("RETRY__DELAYS", "500ms,1s,2s"),
        // One event is recorded at once. Tests of the settle delay set one.
        ("GENESYS__SETTLE_DELAY", "0s"),
        ("PIPEDRIVE__REQUESTS_PER_2S", "1000"),
        ("PIPEDRIVE__SEARCHES_PER_2S", "1000"),
        ("PIPEDRIVE__REQUEST_TIMEOUT", "2s"),
        ("PIPEDRIVE__SETTLE_TIME", "2s"),
        ("PIPEDRIVE__PROBE_INTERVAL", "200ms"),
        // Tests of the comparisons switch them on.
        ("RECONCILE__INTERVAL", "0s"),
        // Prices and faults of most tests are those of the search, which serves where there is no directory. Tests of the
        // directory switch it on.
        ("DIRECTORY__MODE", "off"),
    ]
    .map(|(key, value)| variable(key, value))
    .to_vec()
}

/// Access to a sandbox of Genesys.
pub(super) fn for_genesys(url: &str, sandbox: &SandboxConfig) -> Vec<(String, String)> {
    let link = "https://apps.example.invalid/interactions/{id}";
    [
        ("GENESYS__API_URL", url),
        ("GENESYS__LOGIN_URL", url),
        ("GENESYS__CLIENT_ID", &sandbox.client_id),
        ("GENESYS__CLIENT_SECRET", &sandbox.client_secret),
        ("GENESYS__REQUESTS_PER_MINUTE", &sandbox.allowed.to_string()),
        ("GENESYS__INTERACTION_URL", link),
    ]
    .map(|(key, value)| variable(key, value))
    .to_vec()
}
