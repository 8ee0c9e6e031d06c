use std::sync::Arc;

use super::*;
use crate::pause::redis_trouble::RedisTrouble;
use crate::store::OpenBreaker;
use jiff::Timestamp;
use pipedrive::{Allowance, Denial};

fn settings() -> config::Alarm {
    config::load_from(None, []).unwrap().alarm
}

fn window(done: u64, failed: &[(&str, u64)]) -> Findings {
    let failed = failed
        .iter()
        .map(|(reason, count)| ((*reason).to_owned(), *count));
    Findings {
        window: Some(Window {
            done,
            failed: failed.collect(),
        }),
        ..Findings::default()
    }
}

fn queue(name: &str, messages: u32, oldest_s: u64) -> Findings {
    Findings {
        queues: Some(QueueSnapshot {
            at: Timestamp::UNIX_EPOCH,
            queues: vec![QueueState {
                name: name.to_owned(),
                messages,
                oldest: Duration::from_secs(oldest_s),
            }],
        }),
        ..Findings::default()
    }
}

fn paused(reason: PauseReason, lasted_s: i64) -> Findings {
    Findings {
        paused: Some((reason, SignedDuration::from_secs(lasted_s))),
        ..Findings::default()
    }
}

fn budget(spent: u64, projected: Option<u64>) -> Findings {
    Findings {
        budgets: Some(vec![Budget {
            of: Allowance::Tokens,
            limit: 1000,
            spent,
            projected,
            ends_at: projected
                .filter(|projected| *projected > 1000)
                .map(|_| "2026-03-10T15:40:12Z".parse().unwrap()),
            until_reset: Duration::from_secs(3600),
        }]),
        ..Findings::default()
    }
}

fn text(verdict: Verdict) -> String {
    match verdict {
        Verdict::Firing(what) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn more_than_one_percent_failed_is_an_incident_that_names_the_reasons() {
    let findings = window(
        880,
        &[("pipedrive_forbidden", 2), ("pipedrive_server_error", 18)],
    );

    let what = text(findings.verdict(Rule::FailedShare, &settings()));

    assert_eq!(
        what,
        "20 of 900 messages failed within 300 s (2.2 %, allowed are 1 %): pipedrive_server_error (18), \
         pipedrive_forbidden (2)."
    );
}

#[test]
fn one_percent_is_allowed_and_so_are_a_few_failures_of_any_share() {
    let findings = window(990, &[("pipedrive_server_error", 10)]);
    assert_eq!(
        findings.verdict(Rule::FailedShare, &settings()),
        Verdict::Clear
    );
    let findings = window(0, &[("pipedrive_server_error", 2)]);
    assert_eq!(
        findings.verdict(Rule::FailedShare, &settings()),
        Verdict::Clear
    );
    let findings = window(0, &[("pipedrive_server_error", 3)]);
    text(findings.verdict(Rule::FailedShare, &settings()));
}

#[test]
fn a_refused_token_is_an_incident_at_once() {
    let findings = paused(PauseReason::Unauthorized { status: 401 }, 0);

    let what = text(findings.verdict(Rule::Unauthorized, &settings()));

    assert!(what.starts_with("Pipedrive answers 401"), "{what}");
    assert_eq!(findings.verdict(Rule::Paused, &settings()), Verdict::Clear);
    assert_eq!(
        Findings::default().verdict(Rule::Unauthorized, &settings()),
        Verdict::Clear
    );
}

#[test]
fn an_app_that_is_turned_away_is_an_incident_at_once_and_a_token_endpoint_that_is_away_when_it_lasts()
 {
    let denied = paused(PauseReason::Denied(Denial::Grant), 0);
    let what = text(denied.verdict(Rule::Unauthorized, &settings()));
    assert!(what.contains("pipedrive.oauth.refresh_token"), "{what}");
    assert_eq!(denied.verdict(Rule::Paused, &settings()), Verdict::Clear);

    let verdict = |lasted| paused(PauseReason::NoToken, lasted).verdict(Rule::Paused, &settings());
    assert_eq!(verdict(59), Verdict::Unknown);
    assert!(text(verdict(60)).contains("token endpoint"));
}

#[test]
fn an_open_breaker_is_an_incident_at_once_that_says_what_fails_and_why() {
    let breaker = |label: &str| {
        PauseReason::Broken(Arc::new(OpenBreaker {
            operation: "create an activity".to_owned(),
            label: label.to_owned(),
            why: "Pipedrive answered so".to_owned(),
            since: Timestamp::UNIX_EPOCH,
        }))
    };
    for (label, remedy) in [
        ("400", "pipedrive.call_type"),
        ("403", "grant the right"),
        ("outage", "status page"),
        ("blocked", "this address"),
    ] {
        let findings = paused(breaker(label), 0);

        let what = text(findings.verdict(Rule::Paused, &settings()));
        for part in ["create an activity", "Pipedrive answered so", remedy] {
            assert!(what.contains(part), "{part}: {what}");
        }
        let stuck = findings.verdict(Rule::StuckQueue, &settings());
        assert_eq!(stuck, Verdict::Unknown, "{label}");
    }
}

#[test]
fn messages_older_than_an_hour_that_wait_are_an_incident_unless_a_pause_holds_them() {
    let findings = |over_an_hour, lasted| Findings {
        waiting: Some((
            WaitingSummary {
                over_an_hour,
                oldest: Some(Timestamp::UNIX_EPOCH),
            },
            SignedDuration::from_secs(lasted),
        )),
        ..Findings::default()
    };
    let verdict = |found: Findings| found.verdict(Rule::Waiting, &settings());

    assert_eq!(verdict(findings(0, 0)), Verdict::Clear);
    assert_eq!(verdict(findings(2, 59)), Verdict::Unknown);
    assert!(text(verdict(findings(2, 60))).starts_with("2 messages"));
    let held = Findings {
        paused: paused(PauseReason::NoToken, 0).paused,
        ..findings(2, 60)
    };
    assert_eq!(verdict(held), Verdict::Unknown);
}

#[test]
fn an_empty_redis_without_rabbitmq_is_named_as_rabbitmqs_matter() {
    let findings = paused(PauseReason::Witness, 60);

    let what = text(findings.verdict(Rule::Paused, &settings()));
    assert!(what.starts_with("RabbitMQ does not answer"), "{what}");
    assert!(what.contains("broker.url"), "{what}");
    assert_eq!(PauseReason::Witness.label(), "rabbitmq");
}

#[test]
fn redis_away_is_an_incident_when_it_lasts() {
    let verdict = |lasted| {
        paused(PauseReason::Redis(RedisTrouble::Away), lasted).verdict(Rule::Paused, &settings())
    };

    assert_eq!(verdict(59), Verdict::Unknown);
    assert!(text(verdict(60)).contains("Redis"));
    assert_eq!(
        paused(PauseReason::Redis(RedisTrouble::Away), 60).verdict(Rule::Unauthorized, &settings()),
        Verdict::Clear
    );
}

#[test]
fn a_queue_whose_oldest_message_is_too_old_is_stuck_unless_it_stands_still_by_intent() {
    let verdict =
        |oldest| queue("interactions.work", 7, oldest).verdict(Rule::StuckQueue, &settings());
    assert_eq!(verdict(900), Verdict::Clear);
    assert!(text(verdict(901)).starts_with("7 messages wait in interactions.work"));

    let mut expired = queue("interactions.work", 7, 901);
    expired.paused = paused(PauseReason::Unauthorized { status: 401 }, 901).paused;
    assert_eq!(
        expired.verdict(Rule::StuckQueue, &settings()),
        Verdict::Unknown
    );
}

#[test]
fn any_dead_letter_is_an_incident_until_none_is_left() {
    let mut findings = queue("interactions.dead", 1, 0);
    findings.window = window(9, &[("pipedrive_forbidden", 1)]).window;

    let what = text(findings.verdict(Rule::DeadLetters, &settings()));

    assert_eq!(
        what,
        "1 wait in interactions.dead. Recent failures: pipedrive_forbidden (1)."
    );
    let emptied = queue("interactions.dead", 0, 0);
    assert_eq!(
        emptied.verdict(Rule::DeadLetters, &settings()),
        Verdict::Clear
    );
}

#[test]
fn a_budget_that_will_not_last_is_an_incident_once_half_of_it_is_spent() {
    let verdict = |spent, projected| budget(spent, projected).verdict(Rule::Budget, &settings());

    assert_eq!(verdict(499, Some(9000)), Verdict::Clear);
    assert_eq!(verdict(900, Some(1000)), Verdict::Clear);
    assert_eq!(verdict(900, None), Verdict::Unknown);
    let what = text(verdict(500, Some(1001)));
    assert!(what.contains("it will be 1001 at the reset"), "{what}");
    assert!(what.contains("at this rate until 15:40 UTC"), "{what}");
    for of in [Allowance::Tokens, Allowance::Share, Allowance::Writes] {
        let spent = PauseReason::BudgetSpent {
            of,
            wait: Duration::from_secs(60),
        };
        assert!(text(paused(spent, 0).verdict(Rule::Budget, &settings())).contains("are spent"));
    }
}

#[test]
fn what_is_not_known_is_neither_well_nor_an_incident() {
    for rule in [
        Rule::FailedShare,
        Rule::StuckQueue,
        Rule::DeadLetters,
        Rule::Budget,
    ] {
        let verdict = Findings::default().verdict(rule, &settings());
        assert_eq!(verdict, Verdict::Unknown, "{rule:?}");
    }
}

fn silent(silence: Option<i64>, waiting: u32) -> Findings {
    Findings {
        silence: Some(silence.map(SignedDuration::from_mins)),
        ..queue(topology::WORK_QUEUE, waiting, 0)
    }
}

#[test]
fn an_hour_without_a_webhook_rings_unless_messages_wait_or_consumption_is_paused() {
    let verdict = |findings: &Findings| findings.verdict(Rule::NoWebhook, &settings());

    assert_eq!(
        text(verdict(&silent(Some(75), 0))),
        "No interaction has come for 75 min."
    );
    assert_eq!(verdict(&silent(None, 0)), Verdict::Clear);
    assert_eq!(verdict(&silent(Some(75), 3)), Verdict::Unknown);
    let in_a_pause = Findings {
        paused: Some((
            PauseReason::Redis(RedisTrouble::Away),
            SignedDuration::from_mins(70),
        )),
        ..silent(Some(75), 0)
    };
    assert_eq!(verdict(&in_a_pause), Verdict::Unknown);
}

#[test]
fn a_queue_that_only_grows_rings_and_one_that_stands_in_a_pause_does_not() {
    let growing = Findings {
        grown: Some(300),
        ..queue(topology::WORK_QUEUE, 900, 100)
    };
    let in_a_pause = Findings {
        paused: Some((PauseReason::NoToken, SignedDuration::from_mins(20))),
        ..queue(topology::WORK_QUEUE, 900, 7_200)
    };

    let what = text(growing.verdict(Rule::GrowingQueue, &settings()));
    assert!(
        what.contains("900 messages wait") && what.contains("300 more"),
        "{what}"
    );
    for rule in [Rule::GrowingQueue, Rule::StuckQueue] {
        assert_eq!(
            in_a_pause.verdict(rule, &settings()),
            Verdict::Unknown,
            "{rule:?}"
        );
    }
}

#[test]
fn redis_memory_rings_from_seventy_percent_on() {
    let verdict = |used, limit| {
        let memory = Some(Memory { used, limit });
        let findings = Findings {
            memory,
            ..Findings::default()
        };
        findings.verdict(Rule::RedisMemory, &settings())
    };

    assert_eq!(verdict(699, 1_000), Verdict::Clear);
    assert!(text(verdict(700, 1_000)).contains("70 %"));
    assert!(text(verdict(900, 1_000)).contains("Very soon"));
    assert_eq!(verdict(900, 0), Verdict::Clear, "no limit is set");
    assert_eq!(
        Findings::default().verdict(Rule::RedisMemory, &settings()),
        Verdict::Unknown,
        "the user of Redis may not ask"
    );
}

#[test]
fn conversations_without_events_ring_above_their_share_and_from_three_on() {
    let verdict = |missing, incomplete, written| {
        let run = LastRun {
            written,
            missing,
            incomplete,
            ..LastRun::default()
        };
        let findings = Findings {
            coverage: Some(run),
            ..Findings::default()
        };
        findings.verdict(Rule::MissingEvents, &settings())
    };

    assert!(matches!(verdict(3, 0, 20), Verdict::Firing(_)));
    assert!(matches!(verdict(0, 3, 20), Verdict::Firing(_)));
    let repaired = Findings {
        coverage: Some(LastRun {
            written: 20,
            repaired: 3,
            ..LastRun::default()
        }),
        ..Findings::default()
    };
    let rings = repaired.verdict(Rule::MissingEvents, &settings());
    assert!(matches!(rings, Verdict::Firing(_)), "they had been missing");
    assert_eq!(verdict(2, 0, 0), Verdict::Clear);
    assert_eq!(verdict(5, 0, 95), Verdict::Clear, "5 % are allowed");
    assert_eq!(verdict(0, 0, 0), Verdict::Clear);
    assert_eq!(
        Findings::default().verdict(Rule::MissingEvents, &settings()),
        Verdict::Unknown
    );
}
