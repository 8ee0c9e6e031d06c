//! `worker check`: validates settings and connections, and says what it found.

use shared::broker::{self, topology};
use shared::check::{self, Found};
use shared::config::Settings;

use crate::commands::{directory, genesys, with_remedy};
use crate::enrichment::access;
use crate::startup;
use crate::store::Store;
use pipedrive::PipedriveError;
use shared::error::chain;

/// What was looked at, and what was found or is wrong.
pub type Finding = (&'static str, Result<String, String>);

/// Checks everything the worker needs, prints a line for each, and returns whether nothing failed.
///
/// # Errors
///
/// When the settings do not even allow to look.
pub async fn check(settings: &Settings) -> anyhow::Result<bool> {
    let findings = findings(settings).await;
    Ok(check::report(&findings, &mut std::io::stdout())?)
}

/// All findings, in the order of the report.
pub async fn findings(settings: &Settings) -> Vec<check::Finding> {
    let findings = inspect(settings).await;
    let findings = findings.map(|(subject, result)| check::Finding::new(subject, result));
    let mut findings = Vec::from(findings);
    findings.push(check::Finding::new(
        "Genesys",
        genesys::access(settings).await,
    ));
    findings.push(check::Finding::new(
        "notes",
        Ok::<_, String>(links(settings)),
    ));
    findings.push(check::Finding::new(
        "events",
        Ok::<_, String>(startup::settling(&settings.genesys)),
    ));
    findings
}

/// Looks at everything the worker needs. Nothing is changed that a worker would not change: an app's access token that
/// is valid serves, and one that is refreshed is kept in Redis, since its refresh token may be the only good one.
pub async fn inspect(settings: &Settings) -> [Finding; 6] {
    let published = settings.check_published_secrets();
    let credential = published.and_then(|()| settings.credential());
    let pipedrive = match &credential {
        Ok(_) => with_proxy(pipedrive(settings).await, settings),
        Err(_) => Err("not asked, for want of valid settings".to_owned()),
    };
    let valid = credential.map(|_| "valid".to_owned());
    [
        ("settings", valid.map_err(|error| error.to_string())),
        ("phone", Ok(phone(settings))),
        ("RabbitMQ", rabbitmq(settings).await),
        ("Redis", redis(settings).await),
        ("Pipedrive", pipedrive),
        ("directory", directory::summary(settings).await),
    ]
}

fn links(settings: &Settings) -> Found {
    match access::interaction_url(&settings.genesys).as_deref() {
        None => Found::Warning(startup::NO_LINK.to_owned()),
        Some("") => "notes have no link to their interaction, as configured"
            .to_owned()
            .into(),
        Some(_) => {
            let zone = settings.pipedrive.time_zone.iana_name().unwrap_or("UTC");
            format!("notes link to their interaction; times in them are of {zone}").into()
        }
    }
}

fn phone(settings: &Settings) -> String {
    match settings.phone.default_region {
        Some(region) => format!("numbers without country code are read as {region}"),
        None => "numbers without country code match no person (phone.default_region is empty)"
            .to_owned(),
    }
}

async fn rabbitmq(settings: &Settings) -> Result<String, String> {
    let connection = broker::connect(&settings.broker, "worker check")
        .await
        .map_err(|error| {
            format!(
                "{}; check broker.url (BRIDGE__BROKER__URL), and that RabbitMQ runs",
                chain(&error)
            )
        })?;
    broker::declare(
        &connection,
        &settings.queued_delays(),
        settings.broker.new_queue_pause,
    )
    .await
    .map_err(|error| chain(&error))?;
    let delays = settings.queued_delays();
    let delays: Vec<&str> = delays
        .iter()
        .map(shared::config::RetryDelay::name)
        .collect();
    let found = format!(
        "connected; {}, {} and retry queues {} are as they should be",
        topology::WORK_QUEUE,
        topology::BACKFILL_QUEUE,
        delays.join(", ")
    );
    // All was found; how the connection ends does not matter.
    let closed = connection.close(200, "done".into()).await;
    tracing::debug!(ok = closed.is_ok(), "Closed the connection");
    Ok(found)
}

async fn redis(settings: &Settings) -> Result<String, String> {
    let store = Store::new(settings.redis.clone()).map_err(|error| error.to_string())?;
    let facts = store.probe().await.map_err(|error| {
        format!(
            "{}; check redis.url (BRIDGE__REDIS__URL), that Redis runs, and redis.ca_file if it speaks TLS",
            chain(&error)
        )
    })?;
    let eviction = facts.eviction.as_deref().unwrap_or("not reported");
    Ok(format!(
        "version {}, {}, maxmemory-policy {eviction}",
        facts.version, facts.persistence
    ))
}

async fn pipedrive(settings: &Settings) -> Result<String, String> {
    let store = Store::new(settings.redis.clone()).map_err(|error| error.to_string())?;
    let client = startup::client(settings, &store).map_err(|error| error.to_string())?;
    let probe = client.probe().await.map_err(|error| explain(&error))?;
    let types = client.activity_types().await;
    let types = types.map_err(|error| explain(&error))?;
    for (key, wanted) in [
        ("call_type", &settings.pipedrive.call_type),
        ("chat_type", &settings.pipedrive.chat_type),
    ] {
        if !types
            .iter()
            .any(|kind| kind.active_flag && kind.key_string == *wanted)
        {
            let known: Vec<&str> = types.iter().map(|kind| kind.key_string.as_str()).collect();
            return Err(format!(
                "there is no active activity type `{wanted}` (pipedrive.{key}); there are {}",
                known.join(", ")
            ));
        }
    }
    let company = probe.user.company_domain.as_deref().unwrap_or("?");
    let limits = match probe.limits.requests {
        Some((limit, _)) => format!("{limit} requests in 2 s"),
        None => "limits not reported".to_owned(),
    };
    Ok(format!(
        "authorized as user {} of company {company}; {limits}; by {}",
        probe.user.id,
        client.credential()
    ))
}

/// Names the proxy through which Pipedrive was asked, if there is one.
fn with_proxy(found: Result<String, String>, settings: &Settings) -> Result<String, String> {
    let Some(proxy) = settings.proxies.describe(&settings.pipedrive.base_url) else {
        return found;
    };
    let named = |text: String| format!("{text}; through the proxy {proxy}");
    found.map(named).map_err(named)
}

fn explain(error: &PipedriveError) -> String {
    match error {
        PipedriveError::Store(_) => {
            "not asked: the app's tokens are in Redis, which must answer first (redis.url, BRIDGE__REDIS__URL)"
                .to_owned()
        }
        error => with_remedy(error),
    }
}
