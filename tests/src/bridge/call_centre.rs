//! A bridge with a day of the call centre behind it: Genesys holds the conversations, Pipedrive customers and users.

use anyhow::ensure;

use super::in_process::{Builder, PATIENCE, TestApp};
use crate::sandbox::call_centre::{Day, Happening, Plan, Scenario};
use crate::sandbox::genesys::SandboxConfig;
use crate::sandbox::pipedrive::{Activity, NewPerson};
use crate::servers::wait_until;

/// More requests than any test makes: waits for a window are a matter of other tests.
const ENOUGH: u64 = 1_000_000;

/// A day, and the bridge that is to record it.
#[derive(Debug)]
pub struct CallCentre {
    /// Both services in this process, with their servers.
    pub app: TestApp,
    /// Conversations of one day, with the truth of each.
    pub day: Day,
    /// Ids of the customers in Pipedrive, by their position in the cast.
    pub people: Vec<i64>,
}

impl CallCentre {
    /// The settings that a day needs, with a sandbox of Genesys.
    #[must_use]
    pub fn builder() -> Builder {
        TestApp::builder()
            .with_genesys(SandboxConfig {
                allowed: ENOUGH,
                ..SandboxConfig::default()
            })
            .set("BRIDGE__INGEST__CHANNELS", "voice,chat,message,callback")
            .set("BRIDGE__PHONE__OWN_NUMBERS", "+442079460001,+442079460002")
    }

    /// A day of so many conversations, and a bridge with the defaults.
    pub async fn spawn(conversations: usize) -> Self {
        Self::of(conversations, Self::builder()).await
    }

    /// A day of so many conversations, and a bridge to put together.
    pub async fn of(conversations: usize, builder: Builder) -> Self {
        let plan = Plan {
            conversations,
            ..Plan::default()
        };
        Self::of_plan(&plan, builder).await
    }

    /// A day by a plan, and a bridge to put together.
    pub async fn of_plan(plan: &Plan, builder: Builder) -> Self {
        let day = Day::generate(plan);
        let app = builder.spawn().await;
        day.fill(app.genesys());
        let customers = day.cast.customers.iter();
        let people = customers.map(|customer| {
            let person = NewPerson::named(&customer.name)
                .phone(&customer.phone)
                .email(&customer.email);
            app.pipedrive.add(person)
        });
        let people = people.collect();
        for agent in day
            .cast
            .agents
            .iter()
            .filter(|agent| agent.is_pipedrive_user)
        {
            // Pipedrive's users wrote their addresses in another way.
            app.pipedrive
                .add_user(&agent.name, &agent.email.to_uppercase());
        }
        Self { app, day, people }
    }

    /// The first conversation of a kind that is as `is` says.
    ///
    /// # Panics
    ///
    /// Panics if the day has none.
    pub fn find(&self, scenario: Scenario, is: impl Fn(&Happening) -> bool) -> &Happening {
        let mut happenings = self.day.happenings.iter();
        let found = happenings.find(|one| one.scenario == scenario && is(one));
        found.unwrap_or_else(|| panic!("the day has no such {scenario:?}"))
    }

    /// Posts the webhooks of a conversation.
    ///
    /// # Panics
    ///
    /// Panics if one is not accepted.
    pub async fn deliver(&self, happening: &Happening) {
        for delivery in &happening.deliveries {
            let answer = self.app.post(delivery.body.clone()).await;
            assert_eq!(answer.status, 200, "{}: {:?}", delivery.body, answer.body);
        }
    }

    /// The record of a conversation.
    #[must_use]
    pub fn record(&self, conversation: &str) -> Option<Activity> {
        let marker = format!("Genesys interaction {conversation}");
        let mut all = self.app.pipedrive.activities().into_iter();
        all.find(|activity| {
            activity
                .note
                .as_deref()
                .is_some_and(|note| note.contains(&marker))
        })
    }

    /// Waits until the record of a conversation is as `is` says, and gives it.
    ///
    /// # Panics
    ///
    /// Panics if it never is.
    pub async fn wait_for(&self, conversation: &str, is: impl Fn(&Activity) -> bool) -> Activity {
        let record = wait_until("a record that is complete", PATIENCE, async || {
            let record = self.record(conversation);
            ensure!(record.as_ref().is_some_and(&is), "it is {record:#?}");
            Ok(record)
        });
        let record = record.await.unwrap_or_else(|error| panic!("{error:#}"));
        record.expect("there is one")
    }
}

/// The note of an activity.
#[must_use]
pub fn note(activity: &Activity) -> &str {
    activity.note.as_deref().unwrap_or_default()
}

/// What stands behind a label in a note, without tags.
#[must_use]
pub fn line<'n>(note: &'n str, label: &str) -> Option<&'n str> {
    let start = format!("<b>{label}:</b> ");
    let mut lines = note.split("<br>");
    lines.find_map(|line| line.trim().strip_prefix(&start))
}
