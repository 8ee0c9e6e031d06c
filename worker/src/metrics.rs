//! Every metric of the worker: names are spelled here only. `docs/OPERATIONS.md` lists them, and a test compares.

use metrics_exporter_prometheus::PrometheusHandle;
use shared::metrics::{Kind, describe};

/// Messages processed, by outcome.
pub const MESSAGES: &str = "bridge_worker_messages_total";
/// Messages sent to a retry queue, by delay and reason.
pub const RETRIES: &str = "bridge_worker_retries_total";
/// Messages parked, by reason.
pub const PARKS: &str = "bridge_worker_parks_total";
/// Messages that wait and were received more than an hour ago.
pub const WAITING_LONG: &str = "bridge_worker_waiting_over_an_hour";
/// Since when the oldest of all that wait was received.
pub const WAITING_OLDEST: &str = "bridge_worker_waiting_oldest_seconds";
/// Dead letters, by class and reason.
pub const DEAD_LETTERS: &str = "bridge_worker_dead_letters_total";
/// Leases that ended while their holder worked.
pub const LEASE_LOSSES: &str = "bridge_worker_lease_losses_total";
/// Times that consumption paused, by reason.
pub const PAUSES: &str = "bridge_worker_pauses_total";
/// Whether consumption is paused, by reason.
pub const PAUSED: &str = "bridge_worker_paused";
/// Searches for a record whose creation was not answered, by whether it was found.
pub const RECONCILIATIONS: &str = "bridge_worker_reconciliations_total";
/// Memory that Redis uses.
pub const REDIS_MEMORY_USED: &str = "bridge_redis_memory_used_bytes";
/// Memory that Redis may use.
pub const REDIS_MEMORY_LIMIT: &str = "bridge_redis_memory_limit_bytes";
/// Counter of the people that were created.
pub const PEOPLE_CREATED: &str = "bridge_worker_people_created_total";
/// From a delivery to its settlement.
pub const PROCESSING: &str = "bridge_worker_processing_seconds";
/// From the webhook to the record.
pub const RECEIPT_TO_RECORD: &str = "bridge_worker_receipt_to_record_seconds";
/// From the interaction's end to its record.
pub const END_TO_RECORD: &str = "bridge_worker_end_to_record_seconds";
/// Messages waiting, by queue.
pub const QUEUE_MESSAGES: &str = "bridge_queue_messages";
/// Age of the oldest message, by queue.
pub const QUEUE_OLDEST: &str = "bridge_queue_oldest_seconds";
/// When the queues were last measured.
pub const QUEUES_SEEN: &str = "bridge_queue_survey_timestamp_seconds";
/// Lookups in the directory, by answer.
pub const DIRECTORY_LOOKUPS: &str = "bridge_directory_lookups_total";
/// Tokens that the directory cost, by purpose.
pub const DIRECTORY_TOKENS: &str = "bridge_directory_tokens_total";
/// People in the directory.
pub const DIRECTORY_PEOPLE: &str = "bridge_directory_people";
/// Whether the directory is complete.
pub const DIRECTORY_COMPLETE: &str = "bridge_directory_complete";
/// Tokens that the directory has cost today.
pub const DIRECTORY_SPENT: &str = "bridge_directory_tokens_today";
/// Tokens that the directory may cost a day.
pub const DIRECTORY_SHARE: &str = "bridge_directory_tokens_share";
/// When changes in Pipedrive were last read into the directory.
pub const DIRECTORY_POLLED: &str = "bridge_directory_polled_timestamp_seconds";
/// Requests to Genesys, by operation and result.
pub const GENESYS_REQUESTS: &str = "bridge_genesys_requests_total";
/// What Genesys has of conversations, by artefact and state.
pub const GENESYS_ARTEFACTS: &str = "bridge_genesys_artefacts_total";
/// Conversations of the last comparison with Genesys' record, by what became of them.
pub const COVERAGE: &str = "bridge_worker_coverage_conversations";
/// Conversations whose events this worker made from Genesys' record.
pub const COVERAGE_PUBLISHED: &str = "bridge_worker_coverage_published_total";
/// How long requests waited for tokens.
pub const TOKEN_WAIT: &str = "bridge_pipedrive_token_wait_seconds";
/// What Pipedrive said is left of the requests in 2 seconds.
pub const REQUESTS_LEFT: &str = "bridge_pipedrive_requests_left";
/// What Pipedrive said is left of the day's tokens.
pub const DAILY_LEFT: &str = "bridge_pipedrive_daily_tokens_left";
/// Gauge of the tokens that a day has.
pub const DAILY_LIMIT: &str = "bridge_pipedrive_daily_tokens_limit";
/// What all workers spent of them.
pub const DAILY_SPENT: &str = "bridge_pipedrive_daily_tokens_spent";
/// What they will have spent at the reset.
pub const DAILY_PROJECTED: &str = "bridge_pipedrive_daily_tokens_projected";
/// Writes that the credential's user may do in a day.
pub const WRITES_LIMIT: &str = "bridge_pipedrive_daily_writes_limit";
/// Gauge of the writes of this UTC day.
pub const WRITES_SPENT: &str = "bridge_pipedrive_daily_writes_spent";
/// Whether an alarm rings, by alarm.
pub const ALARM_FIRING: &str = "bridge_alarm_firing";
/// Attempts to deliver an alarm, by result.
pub const ALARM_DELIVERIES: &str = "bridge_alarm_deliveries_total";
/// Alarms not delivered yet.
pub const ALARM_UNDELIVERED: &str = "bridge_alarm_undelivered";

/// Reasons of parked messages.
const PARK_REASONS: [&str; 13] = [
    "busy",
    "settling",
    "deferred",
    "unsettled",
    "lease_lost",
    "redis_unavailable",
    "redis_lost_data",
    "redis_refused",
    "pipedrive_rejected",
    "pipedrive_forbidden",
    "pipedrive_blocked",
    "pipedrive_server_error",
    "pipedrive_unreachable",
];

/// What became of conversations.
const STANDINGS: [&str; 7] = [
    "written",
    "left_out",
    "waiting",
    "dead",
    "missing",
    "incomplete",
    "repaired",
];

const OUTCOMES: [&str; 9] = [
    "created",
    "updated",
    "unchanged",
    "deleted",
    "duplicate",
    "remembered",
    "retried",
    "parked",
    "dead_lettered",
];
/// What is dead-lettered for its own fault. What is first retried appears as `exhausted` with the reason it was retried for.
const DEATHS: [(&str, &str); 9] = [
    ("permanent", "pipedrive_forbidden"),
    ("permanent", "pipedrive_rejected"),
    ("permanent", "pipedrive_not_found"),
    ("permanent", "pipedrive_blocked"),
    ("permanent", "redis_refused"),
    ("permanent", "not_ours"),
    ("poison", "unrecognised"),
    ("poison", "panicked"),
    ("poison", "killed_the_worker"),
];

/// Values of labels that other modules know.
#[derive(Debug)]
pub struct Labels<'a> {
    /// Reasons of a pause.
    pub pauses: &'a [&'static str],
    /// Labels of the artefacts that Genesys has of conversations.
    pub artefacts: &'a [&'static str],
    /// Names of the alarms.
    pub alarms: &'a [&'static str],
}

/// Describes all, and lets those whose labels are known begin at zero: a counter that appears with its first count hides
/// that count from `increase()`. Takes the handle as the proof that there is a recorder.
pub fn register(_recorder: &PrometheusHandle, labels: &Labels<'_>) {
    pipedrive::metrics::register();
    describe_counters();
    describe_histograms();
    describe_gauges();
    for outcome in OUTCOMES {
        metrics::counter!(MESSAGES, "outcome" => outcome).increment(0);
    }
    for (class, reason) in DEATHS {
        metrics::counter!(DEAD_LETTERS, "class" => class, "reason" => reason).increment(0);
    }
    for reason in PARK_REASONS {
        metrics::counter!(PARKS, "reason" => reason).increment(0);
    }
    for name in [WAITING_LONG, WAITING_OLDEST] {
        metrics::gauge!(name).set(0);
    }
    for &reason in labels.pauses {
        metrics::counter!(PAUSES, "reason" => reason).increment(0);
    }
    for found in ["true", "false"] {
        metrics::counter!(RECONCILIATIONS, "found" => found).increment(0);
    }
    for result in ["delivered", "failed"] {
        metrics::counter!(ALARM_DELIVERIES, "result" => result).increment(0);
    }
    for answer in ["found", "none", "incomplete"] {
        metrics::counter!(DIRECTORY_LOOKUPS, "answer" => answer).increment(0);
    }
    for purpose in ["pass", "poll", "at_once", "deals", "deals_poll"] {
        metrics::counter!(DIRECTORY_TOKENS, "for" => purpose).increment(0);
    }
    for name in [
        DIRECTORY_PEOPLE,
        DIRECTORY_COMPLETE,
        DIRECTORY_POLLED,
        DIRECTORY_SPENT,
        DIRECTORY_SHARE,
    ] {
        metrics::gauge!(name).set(0);
    }
    let asked = genesys::operations::CONVERSATION.name.replace(' ', "_");
    metrics::counter!(GENESYS_REQUESTS, "operation" => asked, "result" => "ok").increment(0);
    for state in ["pending", "attached", "unavailable"] {
        for &artefact in labels.artefacts {
            metrics::counter!(GENESYS_ARTEFACTS, "artefact" => artefact, "state" => state)
                .increment(0);
        }
    }
    for standing in STANDINGS {
        metrics::gauge!(COVERAGE, "standing" => standing).set(0);
    }
    for name in [LEASE_LOSSES, PEOPLE_CREATED, COVERAGE_PUBLISHED] {
        metrics::counter!(name).increment(0);
    }
    for &alarm in labels.alarms {
        metrics::gauge!(ALARM_FIRING, "alarm" => alarm).set(0);
    }
    metrics::gauge!(ALARM_UNDELIVERED).set(0);
}

fn describe_counters() {
    let counters = [
        (MESSAGES, "Messages processed, by outcome"),
        (
            RETRIES,
            "Messages sent to a retry queue, by delay and reason",
        ),
        (
            PARKS,
            "Messages sent to a retry queue without counting an attempt, by reason",
        ),
        (DEAD_LETTERS, "Messages dead-lettered, by class and reason"),
        (
            LEASE_LOSSES,
            "Leases that expired or were lost while their holder worked",
        ),
        (PAUSES, "Times that consumption paused, by reason"),
        (
            RECONCILIATIONS,
            "Searches for a record whose creation was not answered, by whether it was found",
        ),
        (PEOPLE_CREATED, "People created in Pipedrive"),
        (
            DIRECTORY_LOOKUPS,
            "Lookups of numbers in the directory of people, by answer",
        ),
        (
            DIRECTORY_TOKENS,
            "Pipedrive tokens that the directory of people cost, by purpose",
        ),
        (
            GENESYS_REQUESTS,
            "Requests to Genesys, by operation and result",
        ),
        (
            GENESYS_ARTEFACTS,
            "Artefacts of conversations in Genesys, by the state that they reached",
        ),
        (
            COVERAGE_PUBLISHED,
            "Conversations whose events this worker made from Genesys' record and published",
        ),
        (
            ALARM_DELIVERIES,
            "Attempts to deliver a message of the alarm, by result",
        ),
    ];
    describe(&counters.map(|(name, help)| (name, Kind::Counter, help)));
}

fn describe_histograms() {
    let histograms = [
        (PROCESSING, "Time from a delivery to its settlement"),
        (
            RECEIPT_TO_RECORD,
            "Time from a webhook's receipt to its record in Pipedrive, retries and all waits but those for other events included",
        ),
        (
            END_TO_RECORD,
            "Time from an interaction's end to its activity in Pipedrive, waits and retries included",
        ),
        (TOKEN_WAIT, "Time that a request waited for tokens"),
    ];
    describe(&histograms.map(|(name, help)| (name, Kind::Durations, help)));
}

fn describe_gauges() {
    let gauges = [
        (PAUSED, "1 while consumption is paused, by reason"),
        (
            QUEUE_MESSAGES,
            "Messages that wait in a queue, those that a worker holds left out",
        ),
        (
            QUEUE_OLDEST,
            "Estimated age of the oldest message that waits in a queue",
        ),
        (
            WAITING_LONG,
            "Messages that wait for another attempt and were received more than an hour ago",
        ),
        (
            WAITING_OLDEST,
            "Time since the oldest message that waits for another attempt was received",
        ),
        (QUEUES_SEEN, "Unix time at which the queues were last read"),
        (
            REQUESTS_LEFT,
            "Requests left in the present 2 seconds, as Pipedrive reported it last",
        ),
        (
            DAILY_LEFT,
            "Tokens left of Pipedrive's daily budget, as Pipedrive reported it last",
        ),
        (
            DAILY_LIMIT,
            "Tokens a day: as configured, or as Pipedrive reported where that is less",
        ),
        (DAILY_SPENT, "Tokens that all workers spent today"),
        (
            DAILY_PROJECTED,
            "Tokens that will have been spent at the reset, at the pace of the last hour",
        ),
        (REDIS_MEMORY_USED, "Memory that Redis uses, in bytes"),
        (
            REDIS_MEMORY_LIMIT,
            "Memory that Redis may use (maxmemory), in bytes; 0 without a limit",
        ),
        (
            WRITES_LIMIT,
            "Writes a day that Pipedrive takes from the API token's user",
        ),
        (WRITES_SPENT, "Writes of this UTC day"),
        (DIRECTORY_PEOPLE, "People in the directory"),
        (
            DIRECTORY_SPENT,
            "Pipedrive tokens that the directory has cost today, polls before a create included",
        ),
        (
            DIRECTORY_SHARE,
            "Pipedrive tokens that the directory may cost a day",
        ),
        (
            DIRECTORY_COMPLETE,
            "1 while the directory of people is complete",
        ),
        (
            DIRECTORY_POLLED,
            "Unix time at which changes were last read into the directory of people",
        ),
        (
            COVERAGE,
            "Conversations of the last comparison with Genesys' record, by what became of them",
        ),
        (ALARM_FIRING, "1 while an alarm rings, by alarm"),
        (
            ALARM_UNDELIVERED,
            "Messages of the alarm that are not delivered yet",
        ),
    ];
    describe(&gauges.map(|(name, help)| (name, Kind::Gauge, help)));
}
