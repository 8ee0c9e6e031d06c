//! Messages.

use super::super::super::genesys::model::{Direction, Disconnect, Media};
use super::super::cast::id;
use super::super::story::{Ended, Story};
use super::super::truth::{Channel, Who};

/// The queue for messages.
const WEB_CHAT: usize = 4;

/// A part of a conversation by messages: from a wait to the end of a session.
fn part(story: &mut Story<'_>, agent: usize) {
    let (wait, alert) = (story.some(1..30), story.some(1..10));
    story.wait(WEB_CHAT, wait, Disconnect::Transfer);
    story.talk(agent, Some(WEB_CHAT), alert, Disconnect::Client);
    story.hang_up(Disconnect::Peer);
    story.wrap_up();
}

/// A chat of a customer who is known by an e-mail address, from a form or from the contact.
fn chat(story: &mut Story<'_>) {
    story.truth.channel = Channel::Chat;
    // A contact gives a number too; one that several people share would leave open who it is.
    let (position, customer) = loop {
        let (position, customer) = story.any_customer();
        if customer.shares_with.is_empty() {
            break (position, customer);
        }
    };
    story.truth.who = Who::Person(position);
    let browser = id(story.rng);
    story.customer(
        Media::WebMessage,
        Direction::Inbound,
        &browser,
        customer.contact_id.clone(),
    );
    if customer.contact_id.is_none() || story.chance(0.5) {
        story.attribute("context.email", &customer.email);
    }
}

pub(super) fn web_message(mut story: Story<'_>) -> Ended {
    chat(&mut story);
    let agent = story.agent();
    part(&mut story, agent);
    story.end()
}

pub(super) fn reopened(mut story: Story<'_>) -> Ended {
    chat(&mut story);
    let first = story.agent();
    part(&mut story, first);
    let late_before = story.truth.late_events;
    let (position, contact, browser) = match &story.truth.who {
        Who::Person(position) => (
            *position,
            story.cast.customers[*position].contact_id.clone(),
            id(story.rng),
        ),
        Who::Shared(_) | Who::Unknown(_) | Who::Withheld | Who::Internal => {
            (0, None, String::new())
        }
    };
    let pause = story.some(1_800..7_200);
    story.now += pause;
    story.customer(Media::WebMessage, Direction::Inbound, &browser, contact);
    let email = story.cast.customers[position].email.clone();
    story.attribute("context.email", &email);
    let agent = story.agent();
    part(&mut story, agent);
    // Its customer.end, user.end and acw come long after the first record was written.
    story.truth.late_events = late_before + 3;
    story.end()
}

fn message(mut story: Story<'_>, media: Media) -> Ended {
    story.truth.channel = Channel::Message;
    let (address, contact) = story.caller();
    story.customer(
        media,
        Direction::Inbound,
        address.trim_start_matches("tel:"),
        contact,
    );
    let agent = story.agent();
    part(&mut story, agent);
    story.end()
}

pub(super) fn sms(story: Story<'_>) -> Ended {
    message(story, Media::Sms)
}

pub(super) fn whatsapp(story: Story<'_>) -> Ended {
    message(story, Media::WhatsApp)
}
