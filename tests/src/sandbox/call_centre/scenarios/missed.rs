//! Calls in which no agent talks with the customer.

use jiff::SignedDuration;

use super::super::super::genesys::model::{Direction, Disconnect, Media, Purpose, SegmentKind};
use super::super::story::{Ended, Story};
use super::super::truth::Outcome;

const SETUP: SignedDuration = SignedDuration::from_millis(400);

fn call(story: &mut Story<'_>) -> String {
    let (address, contact) = story.caller();
    story.customer(Media::Voice, Direction::Inbound, &address, contact);
    story.customer_for(SegmentKind::System, SETUP);
    address
}

pub(super) fn abandoned(mut story: Story<'_>) -> Ended {
    call(&mut story);
    let queue = story.queue();
    let since = story.now;
    if story.chance(0.3) {
        let first = story.some(2..20);
        story.wait(queue, first, Disconnect::Transfer);
        let agent = story.agent();
        story.declined(agent, queue);
    }
    let wait = story.some(3..120);
    story.wait(queue, wait, Disconnect::Endpoint);
    story.hang_up(Disconnect::Endpoint);
    story.truth.outcome = Outcome::Abandoned(story.now.duration_since(since).unsigned_abs());
    story.end()
}

pub(super) fn voicemail(mut story: Story<'_>) -> Ended {
    call(&mut story);
    let (queue, wait, length) = (story.queue(), story.some(20..90), story.some(5..60));
    story.wait(queue, wait, Disconnect::Transfer);
    story.beside(Purpose::Voicemail, SegmentKind::Voicemail, length);
    story.hang_up(Disconnect::Endpoint);
    story.truth.outcome = Outcome::Voicemail;
    story.end()
}

pub(super) fn callback_asked(mut story: Story<'_>) -> Ended {
    let address = call(&mut story);
    let (queue, wait) = (story.queue(), story.some(20..90));
    story.wait(queue, wait, Disconnect::Transfer);
    story.hang_up(Disconnect::Endpoint);
    story.customer(Media::Callback, Direction::Inbound, &address, None);
    story.callback_numbers(address.trim_start_matches("tel:"));
    let waiting = story.some(600..3_600);
    story.customer_for(SegmentKind::Callback, waiting);
    story.hang_up(Disconnect::System);
    story.truth.outcome = Outcome::Callback;
    story.end()
}

fn dialed(
    mut story: Story<'_>,
    ringing: SignedDuration,
    disconnect: Disconnect,
    outcome: Outcome,
) -> Ended {
    let (address, contact) = story.caller();
    story.customer(Media::Voice, Direction::Outbound, &address, contact);
    story.customer_for(SegmentKind::Contacting, SETUP);
    story.customer_for(SegmentKind::Dialing, ringing);
    story.hang_up(disconnect);
    story.truth.outcome = outcome;
    story.end()
}

pub(super) fn dialer_no_answer(mut story: Story<'_>) -> Ended {
    let ringing = story.some(15..40);
    dialed(story, ringing, Disconnect::Timeout, Outcome::NoAnswer)
}

pub(super) fn dialer_busy(mut story: Story<'_>) -> Ended {
    let ringing = story.some(1..3);
    dialed(story, ringing, Disconnect::DoNotDisturb, Outcome::Busy)
}

pub(super) fn dialer_failed(mut story: Story<'_>) -> Ended {
    let ringing = story.some(1..2);
    dialed(story, ringing, Disconnect::Uncallable, Outcome::Failed)
}
