//! What start and `worker check` say of settings that stop nothing, and yet matter.

use shared::config;

/// What is said where no link to interactions is set: its host depends on the region, and a wrong one leads nowhere.
pub(crate) const NO_LINK: &str = "genesys.interaction_url (BRIDGE__GENESYS__INTERACTION_URL) is missing, and no region's \
    genesys.api_url is set to derive it from: set https://apps.<region>/directory/#/analytics/interactions/{id}/admin, or \
    an empty text for no link";

/// When records of Genesys' events are written; for the log and `worker check`.
pub(crate) fn settling(genesys: &config::Genesys) -> String {
    let needed = "customer.end is needed for each conversation of Genesys: its record is written";
    match &genesys.settle_delay {
        Some(delay) => format!(
            "{needed} {} after that (genesys.settle_delay)",
            delay.name()
        ),
        None => format!("{needed} at once (genesys.settle_delay is 0s)"),
    }
}

/// What is said where incidents are noticed, and none is reported.
pub(crate) const NO_RECEIVER: &str = "No alarm has a receiver: incidents show in log, readiness and metrics only. Set \
    alarm.webhook_url (BRIDGE__ALARM__WEBHOOK_URL), or a receiver in Alertmanager, and send a test with `worker alarm test`";
