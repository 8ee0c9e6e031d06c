//! Genesys in a campaign: it knows the agents, queues and conversations of calls, and is away, refuses or forgets now and
//! then. No record may be lost, doubled or left incomplete for its sake.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::{Instant, sleep, sleep_until};

use super::event::{Event, Form};
use super::genesys_access::{ENOUGH, WINDOW};
use super::plan::Plan;
use crate::sandbox::genesys::model::{
    Conversation, Direction, Directory, Disconnect, Media, Named, Participant, Purpose, Segment,
    SegmentKind, Session, User,
};
use crate::sandbox::genesys::{Control, Fault, FaultRule, Held, Recording};

/// How many requests find the recording of a call missing at most.
const LATE_MAX: u32 = 2;
/// Between two troubles at most.
const CALM_MAX: f64 = 4.0;

/// Fills Genesys with the calls of a plan that began at `start`.
pub(super) fn fill(genesys: &Control, plan: &Plan, start: Timestamp) {
    let mut calls: BTreeMap<usize, Vec<&Event>> = BTreeMap::new();
    for event in plan.events.iter().filter(|event| event.is_enriched) {
        calls.entry(event.interaction).or_default().push(event);
    }
    let mut directory = Directory::default();
    for events in calls.values() {
        let of = |form| events.iter().find(|event| event.form == form);
        let (Some(customer), Some(agent)) = (of(Form::CustomerEnd), of(Form::UserEnd)) else {
            continue;
        };
        directory.users.push(User {
            id: agent.agent_id(),
            name: agent.agent(),
            email: format!("agent-{}@agents.example.com", agent.index),
        });
        directory.queues.push(Named {
            id: agent.queue_id(),
            name: agent.queue(),
        });
        genesys.add_conversation(held(customer, agent, start));
    }
    genesys.add_directory(directory);
}

fn held(customer: &Event, agent: &Event, start: Timestamp) -> Held {
    let (began, ended) = customer.span(start);
    let conversation = Conversation {
        id: customer.interaction_id(),
        start: began,
        end: Some(ended),
        direction: Direction::Inbound,
        division_id: customer.division_id(),
        external_tag: None,
        participants: vec![
            participant(customer, Purpose::Customer, start),
            Participant {
                user_id: Some(agent.agent_id()),
                queue_id: Some(agent.queue_id()),
                ..participant(agent, Purpose::Agent, start)
            },
        ],
    };
    let late = u32::try_from(customer.index).unwrap_or_default() % (LATE_MAX + 1);
    Held {
        recording: Recording::Ready { after: late },
        ..Held::new(conversation)
    }
}

/// One side of a call, as its event says.
fn participant(event: &Event, purpose: Purpose, start: Timestamp) -> Participant {
    let (began, ended) = event.span(start);
    let (participant, session) = event.part_ids();
    let (from, to) = event.addresses();
    Participant {
        id: participant,
        purpose,
        name: None,
        user_id: None,
        queue_id: None,
        contact_id: None,
        attributes: BTreeMap::new(),
        sessions: vec![Session {
            id: session,
            media: Media::Voice,
            direction: Direction::Inbound,
            ani: Some(from),
            dnis: Some(to),
            address_from: None,
            address_to: None,
            callback_numbers: Vec::new(),
            callback_name: None,
            peer_id: None,
            is_recorded: true,
            segments: vec![Segment {
                kind: SegmentKind::Interact,
                start: began,
                end: ended,
            }],
            disconnect: Disconnect::Peer,
        }],
        wrapup: None,
    }
}

/// Lets Genesys fail until `end`, a few seconds each time; how often it did.
pub(super) async fn trouble(genesys: &Control, seed: u64, end: Instant) -> usize {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut count = 0;
    loop {
        let calm = Duration::from_secs_f64(rng.random_range(0.5..CALM_MAX));
        let time = Duration::from_secs_f64(rng.random_range(0.5..3.0));
        if Instant::now() + calm + time > end {
            sleep_until(end).await;
            return count;
        }
        sleep(calm).await;
        let fault = match rng.random_range(0..6) {
            0 => Some(Fault::outage()),
            1 => Some(Fault::Cut),
            2 => Some(Fault::Latency(time)),
            3 => Some(Fault::unauthorized()),
            4 => {
                genesys.end_tokens();
                None
            }
            // Another client of the organization uses the window up.
            _ => {
                genesys.set_limit(0, time);
                None
            }
        };
        if let Some(fault) = fault {
            genesys.add_fault(FaultRule::always("", fault));
        }
        sleep(time).await;
        genesys.clear_faults();
        genesys.set_limit(ENOUGH, WINDOW);
        count += 1;
    }
}
