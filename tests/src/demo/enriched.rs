//! Scenes for which Genesys is asked: a few conversations of a day of the call centre, and what their records should say.

use super::outcome::{AttachedTo, Expected, GIVEN_UP, RECORDED};
use super::scene::Scene;
use crate::sandbox::call_centre::{Day, Happening, Owner, Plan, Scenario, Who};
use crate::sandbox::genesys::{Recording, Sandbox as Genesys};
use crate::sandbox::pipedrive::{NewPerson, Sandbox as Pipedrive};

/// Enough for one conversation of each kind.
const CONVERSATIONS: usize = 400;

/// Fills both sandboxes, and gives the scenes.
///
/// # Panics
///
/// Panics if the day lacks a kind, which its seed rules out.
#[must_use]
pub fn scenes(genesys: &Genesys, pipedrive: &Pipedrive) -> Vec<Scene> {
    let day = Day::generate(&Plan {
        conversations: CONVERSATIONS,
        ..Plan::default()
    });
    day.fill(genesys);
    for agent in &day.cast.agents {
        if agent.is_pipedrive_user {
            pipedrive.add_user(&agent.name, &agent.email.to_uppercase());
        }
    }
    let find = |scenario, is: fn(&Happening) -> bool| {
        let mut all = day.happenings.iter();
        let is_it = |one: &&Happening| {
            one.scenario == scenario && is(one) && matches!(one.truth.who, Who::Person(_))
        };
        all.find(is_it).expect("a day of 400 has one")
    };
    let is_owned = |one: &Happening| {
        one.held.recording == Recording::Ready { after: 0 }
            && matches!(one.truth.owner, Owner::User(_))
    };
    let (call, chat) = (
        find(Scenario::Inbound, is_owned),
        find(Scenario::WebMessage, |_| true),
    );
    let transfer = find(Scenario::BlindTransfer, |_| true);
    let abandoned = find(Scenario::Abandoned, |_| true);
    let cut = find(Scenario::Outbound, |_| true);
    let of = |title, happening: &Happening| {
        let who = customer(&day, happening, pipedrive);
        let agents = happening.truth.agents.iter();
        agents.fold(scene(title, happening, who), |scene, agent| Scene {
            expected: scene.expected.with_note(kept(&agent.name)),
            ..scene
        })
    };
    let complete = of("Genesys: names, owner and recording", call);
    let owner = kept(&call.truth.agents.last().expect("someone talked").name);
    let missed = of("Genesys: a caller who gave up", abandoned);
    vec![
        Scene {
            expected: complete.expected.with_note(RECORDED).owned_by(owner),
            ..complete
        },
        of("Genesys: a chat, found by its e-mail", chat),
        of("Genesys: a transferred call", transfer),
        Scene {
            expected: missed.expected.with_note(GIVEN_UP),
            ..missed
        },
        Scene {
            bodies: vec![cut_off(cut)],
            ..of("Genesys: a body that was cut off", cut)
        },
    ]
}

fn scene(title: &'static str, happening: &Happening, who: AttachedTo) -> Scene {
    Scene {
        title,
        interaction: kept(&happening.truth.conversation),
        bodies: happening
            .deliveries
            .iter()
            .map(|delivery| delivery.body.clone().into_bytes())
            .collect(),
        is_authentic: true,
        trouble: None,
        expected: Expected::once(who),
    }
}

/// Adds the customer to Pipedrive.
fn customer(day: &Day, happening: &Happening, pipedrive: &Pipedrive) -> AttachedTo {
    let Who::Person(position) = happening.truth.who else {
        return AttachedTo::Nothing;
    };
    let customer = &day.cast.customers[position];
    pipedrive.add(
        NewPerson::named(&customer.name)
            .phone(&customer.phone)
            .email(&customer.email),
    );
    AttachedTo::Known(kept(&customer.name))
}

/// The beginning of the customer's event: it ends within the direction.
fn cut_off(happening: &Happening) -> Vec<u8> {
    let id = &happening.truth.conversation;
    let topic = "v2.detail.events.conversation.{id}.customer.end";
    let begin = format!(
        r#"{{"topicName":"{topic}","eventBody":{{"conversationId":"{id}","mediaType":"VOICE","dir"#
    );
    begin.into_bytes()
}

/// Scenes are few, and live as long as the demonstration.
fn kept(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}
