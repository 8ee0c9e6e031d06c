//! What `worker check` finds out about access to Genesys: the OAuth client, and which permissions its role lacks.

use genesys::{Client, GenesysError};
use shared::check::{Found, Problem};
use shared::config::{self, Settings};
use shared::error::chain;

use crate::enrichment::{self, access};

/// An id that no record has: Genesys answers 404 to whoever may read such records, and 403 to others.
const NO_RECORD: &str = "00000000-0000-4000-8000-000000000000";

/// The line about access to the API.
pub(super) async fn access(settings: &Settings) -> Result<Found, Problem> {
    let client = access::unbudgeted_client(settings).map_err(|error| format!("{error:#}"))?;
    let Some(client) = client else {
        return Ok(Found::Warning(enrichment::NO_ACCESS.to_owned()));
    };
    client.log_in().await.map_err(|error| explain(&error))?;
    let mut lacks = Vec::new();
    for (what, answer) in reads(&client, &settings.genesys).await {
        match answer {
            Ok(()) | Err(GenesysError::NotFound { .. }) => {}
            Err(GenesysError::Forbidden { permissions, .. }) => {
                lacks.push(format!("{what} ({})", permissions.join(" or ")));
            }
            Err(error) => return Err(explain(&error)),
        }
    }
    if lacks.is_empty() {
        let asked =
            "the OAuth client is accepted, and its role has every permission that is needed";
        return Ok(asked.to_owned().into());
    }
    Ok(Found::Warning(format!(
        "the role of the OAuth client lacks permissions, and records go without: {}",
        lacks.join("; ")
    )))
}

/// One cheap read for each permission, with what records lack without it.
async fn reads(
    client: &Client,
    settings: &config::Genesys,
) -> Vec<(&'static str, Result<(), GenesysError>)> {
    let id = NO_RECORD;
    let mut reads = vec![
        ("conversations", client.conversation(id).await.map(drop)),
        (
            "old conversations",
            client.conversation_details(id).await.map(drop),
        ),
        ("names of agents", client.user(id).await.map(drop)),
        ("names of queues", client.queue(id).await.map(drop)),
        (
            "names of wrap-up codes",
            client.wrapup_code(id).await.map(drop),
        ),
        (
            "external contacts",
            client.external_contact(id).await.map(drop),
        ),
        ("recordings", client.recording_metadata(id).await.map(drop)),
    ];
    if settings.summary {
        reads.push(("summaries", client.summaries(id).await.map(drop)));
    }
    if settings.transcript {
        reads.push(("transcripts", client.transcript_url(id, id).await.map(drop)));
    }
    reads
}

fn explain(error: &GenesysError) -> Problem {
    let remedy = match error {
        GenesysError::Denied { .. } => {
            "check genesys.client_id and genesys.client_secret (BRIDGE__GENESYS__CLIENT_ID, __CLIENT_SECRET): Genesys > \
             Admin > Integrations > OAuth"
        }
        GenesysError::RateLimited { .. } => "ask again in a minute",
        GenesysError::Unauthorized { .. }
        | GenesysError::Unreachable { .. }
        | GenesysError::NoAnswer { .. }
        | GenesysError::Unreadable { .. }
        | GenesysError::Mismatched { .. }
        | GenesysError::Forbidden { .. }
        | GenesysError::NotFound { .. }
        | GenesysError::Server { .. }
        | GenesysError::Rejected { .. }
        | GenesysError::NotAnId { .. }
        | GenesysError::Budget { .. } => {
            "check genesys.api_url and genesys.login_url (BRIDGE__GENESYS__API_URL, __LOGIN_URL): both are of your \
             organization's region"
        }
    };
    Problem::new(chain(error), remedy)
}
