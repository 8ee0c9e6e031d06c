//! Builds Pipedrive's client, with its budget.

use std::sync::Arc;
use std::time::Duration;

use pipedrive::{Client, OAuth};
use shared::config::Credential;
use shared::{backoff, config};

use crate::pause::trace::TracedBudget;
use crate::store::{EncryptedTokens, Store, TokenBucket, TokenBucketSettings};

/// How often a failed read is repeated, and the first pause before that.
const READ_REPEATS: usize = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Builds Pipedrive's client, with the budget and an app's tokens in `store`.
///
/// # Errors
///
/// When there is no credential, or not exactly one.
pub fn client(settings: &config::Settings, store: &Store) -> anyhow::Result<Client> {
    settings.check_published_secrets()?;
    let credential = settings.credential()?;
    let pipedrive = &settings.pipedrive;
    let http = pipedrive::http_client(
        shared::outbound::http(&settings.proxies),
        concat!("genesys-pipedrive-bridge/", env!("CARGO_PKG_VERSION")),
        pipedrive.request_timeout,
        pipedrive.connect_timeout,
    )?;
    let credential = match credential {
        Credential::ApiToken(token) => pipedrive::Credential::api_token(token.current()),
        Credential::OAuth(app) => {
            let tokens = EncryptedTokens::new(store.clone(), &app.encryption_key);
            let app = pipedrive::App {
                client_id: app.client_id,
                client_secret: app.client_secret.current(),
                refresh_token: app.refresh_token.current(),
                token_url: app.token_url,
                takes_api_domain: app.takes_api_domain,
            };
            let timeout = pipedrive.request_timeout;
            let oauth = OAuth::new(app, http.clone(), Arc::new(tokens), timeout);
            pipedrive::Credential::OAuth(oauth)
        }
    };
    let client = pipedrive::Settings {
        base_url: pipedrive.base_url.clone(),
        credential,
        request_timeout: pipedrive.request_timeout,
        repeat_pauses: || Box::new(backoff::pauses(FIRST_PAUSE, READ_REPEATS)),
    };
    let budget = Arc::new(TracedBudget(token_bucket(pipedrive, store)));
    Ok(Client::new(http, client, budget))
}

pub(super) fn token_bucket(settings: &config::Pipedrive, store: &Store) -> TokenBucket {
    TokenBucket::new(store.clone(), TokenBucketSettings::of(settings))
}
