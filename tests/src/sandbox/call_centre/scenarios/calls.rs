//! Calls in which an agent talks, with a customer or with a colleague.

use jiff::SignedDuration;

use super::super::super::genesys::model::{Direction, Disconnect, Media, SegmentKind};
use super::super::story::{Ended, Story};
use super::super::truth::Who;

const SETUP: SignedDuration = SignedDuration::from_millis(400);

/// A customer calls, and reaches the end of a queue.
fn called(story: &mut Story<'_>) -> usize {
    let (address, contact) = story.caller();
    called_from(story, &address, contact)
}

fn called_from(story: &mut Story<'_>, address: &str, contact: Option<String>) -> usize {
    story.customer(Media::Voice, Direction::Inbound, address, contact);
    story.customer_for(SegmentKind::System, SETUP);
    let (queue, wait) = (story.queue(), story.some(2..90));
    story.wait(queue, wait, Disconnect::Transfer);
    queue
}

/// The last agent talks to the end, which either side makes.
fn finish(mut story: Story<'_>, agent: usize, queue: Option<usize>) -> Ended {
    let alert = story.some(1..10);
    let is_customer_first = story.chance(0.5);
    let (agents, customers) = if is_customer_first {
        (Disconnect::Peer, Disconnect::Endpoint)
    } else {
        (Disconnect::Client, Disconnect::Peer)
    };
    story.talk(agent, queue, alert, agents);
    story.hang_up(customers);
    if queue.is_some() {
        story.wrap_up();
    }
    story.end()
}

pub(super) fn inbound(mut story: Story<'_>) -> Ended {
    let queue = called(&mut story);
    let agent = story.agent();
    finish(story, agent, Some(queue))
}

pub(super) fn outbound(mut story: Story<'_>) -> Ended {
    let (address, contact) = story.caller();
    story.customer(Media::Voice, Direction::Outbound, &address, contact);
    story.customer_for(SegmentKind::Contacting, SETUP);
    let ringing = story.some(3..20);
    story.customer_for(SegmentKind::Dialing, ringing);
    let agent = story.agent();
    story.talk(agent, None, SignedDuration::ZERO, Disconnect::Client);
    story.hang_up(Disconnect::Peer);
    story.end()
}

pub(super) fn declined(mut story: Story<'_>) -> Ended {
    let queue = called(&mut story);
    let first = story.agent();
    story.declined(first, queue);
    let mut agent = story.agent();
    while agent == first {
        agent = story.agent();
    }
    finish(story, agent, Some(queue))
}

pub(super) fn blind_transfer(mut story: Story<'_>) -> Ended {
    let queue = called(&mut story);
    let (agent, alert) = (story.agent(), story.some(1..8));
    story.talk(agent, Some(queue), alert, Disconnect::Transfer);
    let (next, wait) = (story.queue(), story.some(1..40));
    story.wait(next, wait, Disconnect::Transfer);
    let agent = story.agent();
    finish(story, agent, Some(next))
}

pub(super) fn consult_transfer(mut story: Story<'_>) -> Ended {
    let queue = called(&mut story);
    let (agent, alert) = (story.agent(), story.some(1..8));
    story.talk(agent, Some(queue), alert, Disconnect::ConsultTransfer);
    let agent = story.agent();
    finish(story, agent, Some(queue))
}

pub(super) fn conference(mut story: Story<'_>) -> Ended {
    let queue = called(&mut story);
    let (agent, alert) = (story.agent(), story.some(1..8));
    story.talk(agent, Some(queue), alert, Disconnect::Client);
    story.third_party(SignedDuration::from_secs(15));
    story.hang_up(Disconnect::Peer);
    story.wrap_up();
    story.end()
}

pub(super) fn withheld(mut story: Story<'_>) -> Ended {
    let address = if story.chance(0.5) {
        "tel:anonymous"
    } else {
        "sip:anonymous@anonymous.invalid"
    };
    let queue = called_from(&mut story, address, None);
    let agent = story.agent();
    finish(story, agent, Some(queue))
}

pub(super) fn called_back(mut story: Story<'_>) -> Ended {
    let (address, contact) = story.caller();
    let queue = called_from(&mut story, &address, contact.clone());
    story.hang_up(Disconnect::Endpoint);
    let pause = story.some(60..1_200);
    story.now += pause;
    story.customer(Media::Voice, Direction::Outbound, &address, contact);
    let ringing = story.some(3..15);
    story.customer_for(SegmentKind::Dialing, ringing);
    let agent = story.agent();
    story.talk(agent, Some(queue), SignedDuration::ZERO, Disconnect::Client);
    story.hang_up(Disconnect::Peer);
    story.wrap_up();
    story.end()
}

pub(super) fn internal(mut story: Story<'_>) -> Ended {
    let (caller, length) = (story.agent(), story.some(10..300));
    let mut colleague = story.agent();
    while colleague == caller {
        colleague = story.agent();
    }
    story.colleague(caller, Direction::Outbound, length, Disconnect::Client);
    story.colleague(colleague, Direction::Inbound, length, Disconnect::Peer);
    story.now += length;
    story.truth.who = Who::Internal;
    story.truth.is_recorded = false;
    story.truth.is_inbound = false;
    story.end()
}
