use super::*;
use crate::reconcile::ended::LeftOut;
use shared::domain::ids::InteractionId;

const END: &str = "2026-03-10T14:00:00Z";
const PATIENCE: Patience = Patience {
    delivery: Duration::from_secs(120),
    settling: Duration::from_secs(3_600),
};

fn ended(content: Result<(), LeftOut>) -> Ended {
    Ended {
        id: InteractionId::parse("conversation-1").unwrap(),
        at: END.parse().unwrap(),
        content,
        events: Vec::new(),
    }
}

fn minutes_later(minutes: i64) -> Timestamp {
    let end: Timestamp = END.parse().unwrap();
    end + SignedDuration::from_mins(minutes)
}

fn stands(ended: &Ended, known: &Known, minutes: i64) -> Standing {
    standing(ended, known, PATIENCE, minutes_later(minutes))
}

#[test]
fn a_conversation_of_which_nothing_is_known_is_missing_once_its_event_is_overdue() {
    let nothing = Known::default();

    assert!(matches!(
        stands(&ended(Ok(())), &nothing, 1),
        Standing::Waiting { .. }
    ));
    assert_eq!(stands(&ended(Ok(())), &nothing, 3), Standing::Missing);
}

#[test]
fn a_conversation_that_was_seen_waits_until_its_record_is_overdue_and_is_missing_then() {
    let seen = Known {
        is_seen: true,
        ..Known::default()
    };

    assert!(matches!(
        stands(&ended(Ok(())), &seen, 59),
        Standing::Waiting { .. }
    ));
    assert_eq!(stands(&ended(Ok(())), &seen, 61), Standing::Missing);
}

#[test]
fn an_activity_counts_before_everything_else() {
    let known = Known {
        activity: Some(4711),
        is_seen: true,
        waits: Some("busy".to_owned()),
        dead: Some("pipedrive_rejected".to_owned()),
        ..Known::default()
    };

    for content in [Ok(()), Err(LeftOut::Internal)] {
        let standing = stands(&ended(content), &known, 500);
        assert!(matches!(standing, Standing::Written { activity: 4711, .. }));
    }
}

#[test]
fn what_the_settings_leave_out_is_never_missing() {
    let left_out = ended(Err(LeftOut::Channel("email".to_owned())));

    let reason = "channel email is not recorded".to_owned();
    assert_eq!(
        stands(&left_out, &Known::default(), 500),
        Standing::LeftOut { reason }
    );
}

#[test]
fn a_dead_letter_and_a_message_in_a_queue_are_found_however_old() {
    let dead = Known {
        dead: Some("pipedrive_rejected".to_owned()),
        waits: Some("busy".to_owned()),
        ..Known::default()
    };
    let waiting = Known {
        waits: Some("rate_limited".to_owned()),
        ..Known::default()
    };

    let reason = "pipedrive_rejected".to_owned();
    assert_eq!(
        stands(&ended(Ok(())), &dead, 5_000),
        Standing::Dead { reason }
    );
    let reason = "rate_limited".to_owned();
    assert_eq!(
        stands(&ended(Ok(())), &waiting, 5_000),
        Standing::Waiting { reason }
    );
}

#[test]
fn what_waits_in_the_backfill_queue_is_not_missing() {
    let published = Known {
        was_published: true,
        has_backlog: true,
        dead: Some("unrecognised".to_owned()),
        ..Known::default()
    };
    let lost = Known {
        was_published: true,
        ..Known::default()
    };

    let queued = stands(&ended(Ok(())), &published, 500);
    assert!(matches!(queued, Standing::Waiting { .. }), "{queued:?}");
    assert_eq!(stands(&ended(Ok(())), &lost, 500), Standing::Missing);
}

#[test]
fn a_conversation_known_by_agents_legs_lacks_its_end_once_that_is_overdue() {
    let legs = Known {
        is_seen: true,
        activity: Some(7),
        ..Known::default()
    };
    let whole = Known {
        has_end: true,
        ..legs.clone()
    };
    let lacks =
        |known: &Known, minutes| lacks_end(&ended(Ok(())), known, PATIENCE, minutes_later(minutes));

    assert!(lacks(&legs, 3));
    assert!(!lacks(&legs, 1));
    assert!(!lacks(&whole, 3));
    assert!(!lacks(&Known::default(), 3), "it is missing");
    let left_out = ended(Err(LeftOut::Internal));
    assert!(!lacks_end(&left_out, &legs, PATIENCE, minutes_later(3)));
}

#[test]
fn what_is_missing_cut_off_or_without_its_end_is_repaired_and_nothing_twice_that_is_known() {
    let dead = |reason: &str| Standing::Dead {
        reason: reason.to_owned(),
    };
    let written = || Standing::Written {
        activity: 7,
        absent: Vec::new(),
    };

    assert!(is_repairable(&Standing::Missing, false, false));
    assert!(
        is_repairable(&Standing::Missing, false, true),
        "its message is lost"
    );
    assert!(is_repairable(&dead("unrecognised"), false, false));
    assert!(!is_repairable(&dead("unrecognised"), false, true));
    assert!(!is_repairable(&dead("pipedrive_rejected"), false, false));
    assert!(is_repairable(&written(), true, false));
    assert!(!is_repairable(&written(), true, true));
    assert!(!is_repairable(&written(), false, false));
}
