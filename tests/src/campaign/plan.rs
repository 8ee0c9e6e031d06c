//! What a campaign is going to do: drawn from its seed, before anything runs.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};

use super::credential::Credential;
use super::event::{Event, Form};
use super::mishap::{Mishap, Planned};
use super::numbers::{self, Holders, Number, Pool};
use super::strike::{Scheduled, Strike};

/// Over which time the events of most conversations come; and of those whose record waits for some of them alone.
const SHORT: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_secs(20);

/// How much is to happen.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Interactions, each of one to three events.
    pub interactions: usize,
    /// Strikes against processes, servers and connections.
    pub strikes: usize,
    /// Over which time both are spread.
    pub duration: Duration,
    /// Workers there are to strike.
    pub workers: usize,
    /// Whether the workers keep a directory; the seed decides where nothing is said.
    pub directory: Option<bool>,
    /// Whether Pipedrive's search finds no person.
    pub blind_search: bool,
    /// How long a record waits for the other events of its conversation; the seed decides where nothing is said.
    pub settle_delay: Option<Duration>,
    /// Whether the workers ask Genesys.
    pub genesys: bool,
}

/// All choices of a campaign. The same seed and size give the same plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Every event of the campaign, without repetitions.
    pub events: Vec<Event>,
    /// When which event is sent, by time; some more than once.
    pub posts: Vec<Post>,
    /// Strikes against processes, by time.
    pub process_strikes: Vec<Scheduled>,
    /// Strikes against servers and connections, by time. Both lists are worked off side by side.
    pub server_strikes: Vec<Scheduled>,
    /// What happens to Pipedrive, by time: one for every two strikes, and one of each sort at least.
    pub mishaps: Vec<Planned>,
    /// Callers' numbers that are in the CRM before, with who has each.
    pub known: Vec<(Number, Holders)>,
    /// Whether the workers keep a directory of Pipedrive's people.
    pub has_directory: bool,
    /// Whether Pipedrive's search finds no person.
    pub blind_search: bool,
    /// How long a record waits for the other events of its conversation.
    pub settle_delay: Duration,
    /// With what the bridge is let in.
    pub credential: Credential,
    /// Whether the workers ask Genesys.
    pub has_genesys: bool,
}

impl Plan {
    /// How many interactions are owed a record.
    pub(super) fn recordable(&self) -> usize {
        let events = self
            .events
            .iter()
            .filter(|event| event.form.is_recordable());
        let interactions: BTreeSet<usize> = events.map(|event| event.interaction).collect();
        interactions.len()
    }
}

/// An event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Post {
    /// When, from the start.
    pub at: Duration,
    /// Index of the event in [`Plan::events`].
    pub event: usize,
}

/// As long as customers' records wait, to scale; with one seed in four none waits, and each event is a write of its own.
fn settle_delay(seed: u64) -> Duration {
    match (seed / 4) % 4 {
        3 => Duration::ZERO,
        _ => Duration::from_secs(2),
    }
}

/// The plan that a seed leads to: always the same one.
#[must_use]
pub fn draw(seed: u64, size: Size) -> Plan {
    let mut rng = StdRng::seed_from_u64(seed);
    let numbers = Pool::shuffled(&mut rng);
    let known = numbers.known(&mut rng);
    let mut traffic = Traffic {
        rng,
        numbers,
        size,
        plan: Plan {
            events: Vec::new(),
            posts: Vec::new(),
            process_strikes: Vec::new(),
            server_strikes: Vec::new(),
            mishaps: Vec::new(),
            known,
            // In turns that are not those of the credential: each meets both.
            has_directory: size.directory.unwrap_or((seed / 2) % 2 == 1),
            blind_search: size.blind_search,
            settle_delay: size.settle_delay.unwrap_or(settle_delay(seed)),
            credential: Credential::of(seed),
            has_genesys: size.genesys,
        },
    };
    traffic.draw();
    let Traffic {
        mut rng, mut plan, ..
    } = traffic;
    if size.genesys {
        let known = known_to_genesys(&plan.events);
        for event in &mut plan.events {
            event.is_enriched = known.contains(&event.interaction);
        }
    }
    for strike in Strike::draw(&mut rng, size.workers, size.strikes) {
        let at = size.duration.mul_f64(rng.random_range(0.02..1.0));
        let strikes = if strike.is_against_process() {
            &mut plan.process_strikes
        } else {
            &mut plan.server_strikes
        };
        strikes.push(Scheduled { at, strike });
    }
    if size.strikes > 0 {
        for mishap in Mishap::draw(&mut rng, size.strikes / 2, plan.credential) {
            // Not before there is a person to merge.
            let at = size.duration.mul_f64(rng.random_range(0.1..1.0));
            plan.mishaps.push(Planned { at, mishap });
        }
        plan.mishaps.sort_by_key(|planned| planned.at);
    }
    plan.process_strikes.sort_by_key(|strike| strike.at);
    plan.server_strikes.sort_by_key(|strike| strike.at);
    plan.posts.sort_by_key(|post| (post.at, post.event));
    plan
}

/// The calls that Genesys knows: those with a customer's and an agent's side.
fn known_to_genesys(events: &[Event]) -> BTreeSet<usize> {
    let of = |form| {
        let events = events.iter().filter(move |event| event.form == form);
        events.map(|event| event.interaction)
    };
    let answered: BTreeSet<usize> = of(Form::UserEnd).collect();
    of(Form::CustomerEnd)
        .filter(|interaction| answered.contains(interaction))
        .collect()
}

/// The traffic as far as it is drawn.
struct Traffic {
    rng: StdRng,
    numbers: Pool,
    size: Size,
    plan: Plan,
}

impl Traffic {
    fn draw(&mut self) {
        let mut interactions = 0;
        while interactions < self.size.interactions {
            let share = ratio(interactions, self.size.interactions);
            let at = self.size.duration.mul_f64(share);
            interactions += match self.rng.random_range(0..100) {
                0..4 => self.burst(at, interactions),
                4..36 => self.conversation(at, interactions, share, SHORT),
                36..44 => self.conversation(at, interactions, share, LONG),
                44..54 => self.single(at, interactions, share, Form::CustomerEnd),
                54..60 => self.anonymous(at, interactions),
                60..65 => self.ignored(at, interactions),
                65..72 => self.single(at, interactions, share, Form::GuideChat),
                _ => self.single(at, interactions, share, Form::Guide),
            };
        }
    }

    /// Several calls from one number at the same moment, in several forms: who is first creates the person.
    fn burst(&mut self, at: Duration, first: usize) -> usize {
        let number = self.numbers.fresh(&mut self.rng);
        let count = self.rng.random_range(3..=6);
        for n in 0..count {
            let form = *[Form::Guide, Form::CustomerEnd]
                .choose(&mut self.rng)
                .expect("there are two");
            self.event(at, first + n, form, Some(number));
        }
        count
    }

    /// The three events of one call, in any order.
    fn conversation(&mut self, at: Duration, n: usize, share: f64, spread: Duration) -> usize {
        let number = self.numbers.draw(&mut self.rng, share);
        let mut forms = [Form::CustomerEnd, Form::UserEnd, Form::Acw];
        forms.shuffle(&mut self.rng);
        for form in forms {
            let delay = spread.mul_f64(self.rng.random_range(0.0..1.0));
            self.event(at + delay, n, form, Some(number));
        }
        // A record that began as a supplier's would have no person to move to.
        if self.rng.random_bool(0.1) && !self.is_shared(number) {
            self.third_party(at, n, spread);
        }
        1
    }

    /// A third party takes part. The event of a supplier may come first, where it waits for the caller's. That of a
    /// stranger comes last, since one who is the only known party is a customer, who gets a person.
    fn third_party(&mut self, at: Duration, n: usize, spread: Duration) {
        let is_known = self.rng.random_bool(0.5);
        let number = numbers::third_party(&mut self.rng, is_known);
        let delay = spread.mul_f64(self.rng.random_range(0.0..1.0));
        let may_be_first = is_known && spread <= SHORT && !self.plan.settle_delay.is_zero();
        let delay = if may_be_first { delay } else { spread };
        self.event(at + delay, n, Form::ThirdParty, Some(number));
    }

    fn is_shared(&self, number: Number) -> bool {
        let mut known = self.plan.known.iter();
        known.any(|(known, holders)| *known == number && *holders != Holders::One)
    }

    fn single(&mut self, at: Duration, n: usize, share: f64, form: Form) -> usize {
        let number = self.numbers.draw(&mut self.rng, share);
        self.event(at, n, form, Some(number));
        1
    }

    fn anonymous(&mut self, at: Duration, n: usize) -> usize {
        self.event(at, n, Form::CustomerEnd, None);
        1
    }

    fn ignored(&mut self, at: Duration, n: usize) -> usize {
        let form = *[Form::UnrecordedChannel, Form::NotFinal, Form::OtherTopic]
            .choose(&mut self.rng)
            .expect("there are three");
        self.event(at, n, form, None);
        1
    }

    /// One event, sent once; by a nervous sender again soon, by a forgetful one again later.
    fn event(&mut self, at: Duration, interaction: usize, form: Form, number: Option<Number>) {
        let event = self.plan.events.len();
        self.plan.events.push(Event {
            interaction,
            index: event,
            form,
            caller: number,
            number: number.map(|number| number.written(&mut self.rng)),
            offset: at,
            is_enriched: false,
        });
        self.plan.posts.push(Post { at, event });
        for (chance, within) in [(0.1, 3.0), (0.03, 30.0)] {
            if self.rng.random_bool(chance) {
                let at = at + Duration::from_secs_f64(self.rng.random_range(0.0..within));
                self.plan.posts.push(Post { at, event });
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        interactions: 3000,
        strikes: 1000,
        duration: Duration::from_secs(100),
        workers: 2,
        directory: None,
        blind_search: false,
        settle_delay: None,
        genesys: true,
    };

    /// Number of kinds of strikes.
    const SORTS: usize = 32;

    #[test]
    fn a_plan_with_room_for_them_has_strikes_of_each_sort() {
        for seed in 0..20 {
            let strikes = SORTS;
            let plan = draw(seed, Size { strikes, ..SIZE });
            let strikes = plan.process_strikes.iter().chain(&plan.server_strikes);
            let sorts: BTreeSet<String> = strikes.map(|planned| planned.strike.name()).collect();
            assert_eq!(sorts.len(), SORTS, "{sorts:#?}");
        }
    }

    #[test]
    fn the_seed_alone_decides() {
        let shown = |seed| format!("{:?}", draw(seed, SIZE));

        assert_eq!(shown(7), shown(7));
        assert_ne!(shown(7), shown(8));
    }

    #[test]
    fn everything_there_is_to_fear_is_in_a_plan() {
        let plan = draw(1, SIZE);

        let forms: BTreeSet<String> = plan
            .events
            .iter()
            .map(|event| format!("{:?}", event.form))
            .collect();
        assert_eq!(forms.len(), 9, "{forms:?}");
        let strikes = plan.process_strikes.iter().chain(&plan.server_strikes);
        let sorts: BTreeSet<String> = strikes.map(|planned| planned.strike.name()).collect();
        assert_eq!(sorts.len(), SORTS, "{sorts:#?}");
        let mishaps = plan.mishaps.iter().map(|planned| planned.mishap.name());
        assert_eq!(mishaps.collect::<BTreeSet<_>>().len(), 9);
        assert!(plan.events.iter().any(|event| event.is_enriched));
        assert!(plan.posts.len() > plan.events.len() * 11 / 10, "duplicates");
        for holders in [Holders::One, Holders::Colleagues, Holders::Unrelated] {
            assert!(plan.known.iter().any(|(_, known)| *known == holders));
        }
        let both = [1, 2].map(|seed| draw(seed, SIZE).has_directory);
        assert_eq!(both, [false, true]);
        let both = [11, 12].map(|seed| draw(seed, SIZE).settle_delay.is_zero());
        assert_eq!(both, [false, true]);
    }
}
