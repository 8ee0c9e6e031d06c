use shared::config::RetryDelay;

use super::*;
use crate::delivery::retry::{Next, RetrySchedule};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// A message's failure number `count`, the first one `age` seconds ago, while no other message passes or fails.
fn alone(count: u32, age: i64) -> Observation {
    Observation {
        now: at(0),
        is_open: false,
        count,
        first: at(-age),
        previous: (count > 1).then(|| at(-1)),
        passed_by_another: None,
        stuck: 1,
        stuck_since: at(-age),
    }
}

/// The same beside other messages that fail alike.
fn beside(others: u32, age: i64) -> Observation {
    Observation {
        stuck: others + 1,
        ..alone(1, age)
    }
}

/// Every observation of a grid around each limit.
fn grid() -> impl Iterator<Item = Observation> {
    let ages = [0, 1, 60, 3599, 3600, 3601, 180_000];
    let passes = [
        None,
        Some(1),
        Some(0),
        Some(3599),
        Some(3600),
        Some(200_000),
    ];
    let counts = 1..6;
    counts.flat_map(move |count| {
        ages.into_iter().flat_map(move |age| {
            passes.into_iter().flat_map(move |passed| {
                (0..6).flat_map(move |stuck| {
                    [false, true].into_iter().map(move |is_open| Observation {
                        is_open,
                        passed_by_another: passed.map(|ago: i64| at(-ago)),
                        stuck,
                        ..alone(count, age)
                    })
                })
            })
        })
    })
}

const KINDS: [FailureKind; 2] = [FailureKind::Refusal, FailureKind::Outage];

#[test]
fn a_first_refusal_waits_shortly() {
    let verdict = judge(FailureKind::Refusal, &alone(1, 0));

    assert!(
        matches!(verdict, Verdict::Wait { step: 0, .. }),
        "{verdict:?}"
    );
}

#[test]
fn several_interactions_that_fail_while_none_passes_pause_consumption() {
    for kind in KINDS {
        assert_ne!(judge(kind, &beside(0, 0)), Verdict::Pause);
        assert_ne!(judge(kind, &beside(1, 0)), Verdict::Pause);
        assert_eq!(judge(kind, &beside(2, 0)), Verdict::Pause);
    }
}

#[test]
fn two_that_fail_for_an_hour_pause_consumption_and_are_no_dead_letters() {
    for kind in KINDS {
        assert_ne!(judge(kind, &beside(1, 3599)), Verdict::Pause);
        assert_eq!(judge(kind, &beside(1, 3600)), Verdict::Pause);
    }
}

#[test]
fn a_third_refusal_is_the_messages_fault_where_another_one_passed_since_the_first() {
    let refused = |count, passed| Observation {
        passed_by_another: Some(at(passed)),
        stuck: 0,
        ..alone(count, 10)
    };

    assert_eq!(
        judge(FailureKind::Refusal, &refused(2, -5)),
        Verdict::SHORTLY
    );
    assert_eq!(
        judge(FailureKind::Refusal, &refused(3, -5)),
        Verdict::DeadLetter
    );
    // The other one passed before the operation may have begun to fail.
    let verdict = judge(FailureKind::Refusal, &refused(3, -11));
    assert!(matches!(verdict, Verdict::Wait { .. }), "{verdict:?}");
}

#[test]
fn a_lone_message_is_at_fault_after_an_hour() {
    let verdict = judge(FailureKind::Refusal, &alone(9, 3599));
    assert!(matches!(verdict, Verdict::Wait { .. }), "{verdict:?}");
    assert_eq!(
        judge(FailureKind::Refusal, &alone(9, 3600)),
        Verdict::DeadLetter
    );
    // A pause may have kept it from its second attempt.
    let verdict = judge(FailureKind::Refusal, &alone(2, 3600));
    assert_ne!(verdict, Verdict::DeadLetter);
}

#[test]
fn an_outage_that_meets_a_lone_message_counts_its_first_attempt_alone() {
    assert_eq!(
        judge(FailureKind::Outage, &alone(1, 0)),
        Verdict::CountAttempt
    );
    for age in [1, 3600, 49 * 3600, 72 * 3600] {
        let verdict = judge(FailureKind::Outage, &alone(50, age));
        assert!(matches!(verdict, Verdict::Wait { .. }), "{verdict:?}");
    }
}

#[test]
fn an_outage_counts_an_attempt_where_another_message_passed_since_the_one_before() {
    let failed = |passed| Observation {
        passed_by_another: Some(at(passed)),
        previous: Some(at(-10)),
        stuck: 0,
        ..alone(5, 100)
    };

    assert_eq!(
        judge(FailureKind::Outage, &failed(-5)),
        Verdict::CountAttempt
    );
    let verdict = judge(FailureKind::Outage, &failed(-20));
    assert!(matches!(verdict, Verdict::Wait { .. }), "{verdict:?}");
}

#[test]
fn nothing_is_a_dead_letter_without_another_that_passed_or_an_hour_alone() {
    for seen in grid() {
        for kind in KINDS {
            if judge(kind, &seen) != Verdict::DeadLetter {
                continue;
            }
            let is_alone = seen.stuck <= 1 && seen.now.duration_since(seen.first) >= QUIET;
            let another_passed = seen.passed_by_another.is_some_and(|it| it > seen.first);
            assert!(is_alone || another_passed, "{seen:?}");
            assert!(seen.count >= REFUSALS && !seen.is_open, "{seen:?}");
            assert_eq!(kind, FailureKind::Refusal, "{seen:?}");
        }
    }
}

#[test]
fn nothing_pauses_unless_several_interactions_failed_since_the_last_pass() {
    for seen in grid() {
        for kind in KINDS {
            let verdict = judge(kind, &seen);
            if verdict == Verdict::Pause {
                assert!(seen.stuck >= 2 && !seen.is_open, "{seen:?}");
            }
            if seen.is_open {
                assert_eq!(verdict, Verdict::SHORTLY, "{seen:?}");
            }
        }
    }
}

#[test]
fn a_lone_refused_message_is_asked_about_often_at_first_and_decided_at_the_hour() {
    let delays = ["5s", "30s", "2m", "10m", "1h"].map(|it| RetryDelay::parse(it).unwrap());
    let schedule = RetrySchedule::new(delays.to_vec(), Duration::from_secs(172_800));
    let (mut second, mut waits) = (0, Vec::new());
    for count in 1.. {
        let verdict = judge(FailureKind::Refusal, &alone(count, second));
        let Next::Retry { delay, attempts: 0 } = schedule.judged(verdict, 0) else {
            break;
        };
        waits.push(delay.name().to_owned());
        second += i64::try_from(delay.duration.as_secs()).unwrap();
    }

    assert_eq!(waits[..5], ["5s", "5s", "30s", "2m", "10m"]);
    assert!(waits.len() < 40, "{waits:?}");
    assert!((3600..3610).contains(&second), "{second}: {waits:?}");
}

#[test]
fn in_72_hours_without_pipedrive_nothing_is_exhausted() {
    let delays = ["5s", "30s", "2m", "10m", "1h"].map(|it| RetryDelay::parse(it).unwrap());
    let schedule = RetrySchedule::new(delays.to_vec(), Duration::from_secs(172_800));
    for interactions in [1, 2, 3, 200] {
        let (mut second, mut attempts, mut count) = (0, 0, 0);
        let mut is_open = false;
        while second < 72 * 3600 {
            count += 1;
            let seen = Observation {
                is_open,
                stuck: interactions,
                ..alone(count, second)
            };
            let verdict = judge(FailureKind::Outage, &seen);
            is_open |= verdict == Verdict::Pause;
            match schedule.judged(verdict, attempts) {
                Next::Retry {
                    delay,
                    attempts: after,
                } => {
                    attempts = after;
                    second += i64::try_from(delay.duration.as_secs()).unwrap();
                }
                end => panic!("{interactions} interactions, after {second} s: {end:?}"),
            }
        }
        assert!(attempts <= 1, "{interactions}: {attempts}");
    }
}

#[test]
fn probes_follow_the_age_of_an_outage_and_cost_no_days_tokens() {
    let interval = Duration::from_secs(10);
    let pause = |label, age| probe_pause(label, Duration::from_secs(age), interval).as_secs();

    assert_eq!(pause("outage", 0), 10);
    assert_eq!(pause("outage", 90), 10);
    assert_eq!(pause("outage", 300), 30);
    assert_eq!(pause("outage", 72 * 3600), 60);
    assert_eq!(pause("400", 72 * 3600), 300);
    assert_eq!(pause("blocked", 0), 60);
    let hourly = Duration::from_secs(3600);
    assert_eq!(probe_pause("400", Duration::ZERO, hourly), hourly);
}
