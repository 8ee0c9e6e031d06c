//! Access to Genesys by the settings, and the link to its pages.

use std::sync::Arc;
use std::time::Duration;

use genesys::ports::{Budget, Unlimited};
use genesys::{Client, ClientCredentials, deep_link};
use shared::config;

use crate::enrichment::{Enrichment, Genesys, Source};
use crate::store::{Enrichments, GenesysNames, RequestWindow, Store};

/// Longest time that one record waits for Genesys.
const PATIENCE_MAX: Duration = Duration::from_secs(10);

/// Genesys' client, with its budget in `store`; nothing where no access is configured.
///
/// # Errors
///
/// When a setting is missing, or the system's certificates cannot be loaded.
pub(crate) fn client(settings: &config::Settings, store: &Store) -> anyhow::Result<Option<Client>> {
    let limit = settings.genesys.requests_per_minute;
    client_with(settings, Arc::new(RequestWindow::new(store.clone(), limit)))
}

/// The same past the budget, for a few requests of a command.
///
/// # Errors
///
/// As [`client`].
pub(crate) fn unbudgeted_client(settings: &config::Settings) -> anyhow::Result<Option<Client>> {
    client_with(settings, Arc::new(Unlimited))
}

fn client_with(
    settings: &config::Settings,
    budget: Arc<dyn Budget>,
) -> anyhow::Result<Option<Client>> {
    let Some(access) = settings.genesys.access()? else {
        return Ok(None);
    };
    let timeout = settings.genesys.request_timeout;
    let http = shared::outbound::http(&settings.proxies)
        .user_agent(concat!(
            "genesys-pipedrive-bridge/",
            env!("CARGO_PKG_VERSION")
        ))
        .timeout(timeout)
        .connect_timeout(timeout)
        // A redirect would take the access token along.
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let settings = genesys::Settings {
        api_url: access.api_url,
        login_url: access.login_url,
        credentials: ClientCredentials {
            client_id: access.client_id,
            client_secret: access.client_secret.current(),
        },
    };
    Ok(Some(Client::new(http, settings, budget)))
}

/// What completes records.
pub(crate) fn enrichment(
    settings: &config::Settings,
    store: &Store,
    client: Option<&Client>,
) -> Enrichment {
    let settings = &settings.genesys;
    let source = client.map(|client| Source {
        genesys: Genesys {
            client: client.clone(),
            names: GenesysNames::new(store.clone()),
        },
        store: Enrichments::new(store.clone()),
        patience: (settings.request_timeout * 2).min(PATIENCE_MAX),
        summary: settings.summary,
        transcript: settings.transcript,
    });
    Enrichment { source }
}

/// The link to an interaction, with `{id}` in the place of its id: as configured, else on the pages of the API's region.
pub(crate) fn interaction_url(settings: &config::Genesys) -> Option<String> {
    let configured = settings.interaction_url.clone();
    configured.or_else(|| deep_link::conversation(settings.api_url.as_ref()?, "{id}"))
}
