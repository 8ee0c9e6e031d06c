//! A call centre that makes days: conversations as Genesys would have them, the webhooks that they raise, and the truth.
//!
//! Pure and deterministic: the same plan gives the same day, byte by byte. A day knows nothing of the product; a test fills a
//! Genesys sandbox with it, delivers its webhooks, and compares what was written with the truth.
//!
//! ```
//! use bridge_tests::sandbox::call_centre::{Day, Plan};
//!
//! let day = Day::generate(&Plan { conversations: 10, ..Plan::default() });
//! assert_eq!(day.happenings.len(), 10);
//! for delivery in day.deliveries() {
//!     // … POST `delivery.body` …
//!     assert!(delivery.body.starts_with('{'));
//! }
//! ```

mod cast;
mod delivery;
mod ending;
mod events;
mod legs;
mod scenarios;
mod story;
mod truth;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::genesys::{Control, Held, model::Directory};

pub use cast::{Agent, Cast, Customer};
pub use delivery::{Delivery, Form};
pub use events::Event;
pub use scenarios::Scenario;
pub use truth::{AgentTalk, Channel, Outcome, Owner, Truth, Who};

/// What day to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// When the first conversation may begin.
    pub opens: Timestamp,
    /// Within which time conversations begin.
    pub open_for: SignedDuration,
    /// How many there are.
    pub conversations: usize,
    /// How webhooks reach the product. Each conversation takes one of them.
    pub forms: Vec<Form>,
}

impl Default for Plan {
    /// 2,000 conversations within ten hours, by EventBridge and by triggers.
    fn default() -> Self {
        Self {
            seed: 1,
            opens: Timestamp::from_second(1_777_874_400).unwrap_or_default(),
            open_for: SignedDuration::from_hours(10),
            conversations: 2_000,
            forms: vec![
                Form::EventBridge,
                Form::EventBridge,
                Form::TriggerJson,
                Form::TriggerPrimitives,
            ],
        }
    }
}

/// A day of the call centre.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    /// Agents, queues and customers.
    pub cast: Cast,
    /// What happened, by the beginning of the conversations.
    pub happenings: Vec<Happening>,
}

/// One conversation of a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// What kind it is.
    pub scenario: Scenario,
    /// What Genesys holds of it when it is over.
    pub held: Held,
    /// The webhooks that it raises, in the order in which they arrive.
    pub deliveries: Vec<Delivery>,
    /// What a record of it has to say.
    pub truth: Truth,
}

impl Day {
    /// Draws a day of conversations.
    ///
    /// # Panics
    ///
    /// Panics if the plan has no form.
    #[must_use]
    pub fn generate(plan: &Plan) -> Self {
        let mut rng = StdRng::seed_from_u64(plan.seed);
        let cast = Cast::generate(&mut rng);
        let mut starts: Vec<i64> = (0..plan.conversations)
            .map(|_| rng.random_range(0..plan.open_for.as_millis().max(1)))
            .map(|offset| i64::try_from(offset).unwrap_or(0))
            .collect();
        starts.sort_unstable();
        let happenings = starts.into_iter().enumerate().map(|(position, offset)| {
            // A generator of its own: one conversation can be made again without the others.
            let mut rng = StdRng::seed_from_u64(
                plan.seed ^ (position as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            );
            let start = plan.opens + SignedDuration::from_millis(offset);
            happening(plan, &cast, &mut rng, start)
        });
        let happenings = happenings.collect();
        Self { cast, happenings }
    }

    /// All webhooks of the day, in the order in which they arrive.
    #[must_use]
    pub fn deliveries(&self) -> Vec<&Delivery> {
        let all = self
            .happenings
            .iter()
            .flat_map(|happening| &happening.deliveries);
        let mut deliveries: Vec<&Delivery> = all.collect();
        deliveries.sort_by_key(|delivery| delivery.at);
        deliveries
    }

    /// Users, queues, wrap-up codes and contacts.
    #[must_use]
    pub fn directory(&self) -> Directory {
        self.cast.directory()
    }

    /// Fills a Genesys sandbox with the day, as it is when all is over: a chat that is taken up again has its second part
    /// from the beginning.
    pub fn fill(&self, genesys: &Control) {
        genesys.add_directory(self.directory());
        for happening in &self.happenings {
            genesys.add_conversation(happening.held.clone());
        }
    }
}

fn happening(plan: &Plan, cast: &Cast, rng: &mut StdRng, start: Timestamp) -> Happening {
    let scenario = Scenario::pick(rng);
    let ended = scenario.play(story::Story::begin(rng, cast, start));
    let form = plan.forms[rng.random_range(0..plan.forms.len())];
    let deliveries = delivery::deliver(rng, form, &ended);
    Happening {
        scenario,
        deliveries,
        truth: ended.truth,
        held: ended.held,
    }
}
