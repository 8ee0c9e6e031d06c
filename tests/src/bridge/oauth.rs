//! The bridge as an app of Pipedrive's.

use super::settings::variable;
use crate::sandbox::pipedrive::Control;

/// What encrypts the tokens in tests.
pub const ENCRYPTION_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The variables with which the bridge is the app that is installed in the sandbox at `base_url`.
pub(super) fn variables(pipedrive: &Control, base_url: &str) -> Vec<(String, String)> {
    let app = pipedrive.app();
    let token_url = format!("{base_url}/oauth/token");
    let refresh_token = app.refresh_token.unwrap_or_default();
    [
        ("PIPEDRIVE__OAUTH__CLIENT_ID", &*app.client_id),
        ("PIPEDRIVE__OAUTH__CLIENT_SECRET", &app.client_secret),
        ("PIPEDRIVE__OAUTH__REFRESH_TOKEN", &refresh_token),
        ("PIPEDRIVE__OAUTH__ENCRYPTION_KEY", ENCRYPTION_KEY),
        ("PIPEDRIVE__OAUTH__TOKEN_URL", &token_url),
        // Room for a refresh.
        ("WORKER__LEASE", "28s"),
    ]
    .map(|(key, value)| variable(key, value))
    .to_vec()
}
