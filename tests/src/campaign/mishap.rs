//! What happens to Pipedrive beyond single requests: it shuts us out for a while, and its users merge and delete people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use tokio::time::{Instant, sleep, sleep_until};

use super::credential::Credential;
use super::misbehaviour::TOKENS;
use super::storm::{StormLog, Struck};
use crate::history::comparable;
use crate::sandbox::pipedrive::{Control, Fault, FaultRule, Limits, Person};

/// People of the latest activities, so that those are struck who are being worked on.
const LATEST: usize = 40;
/// Sorts of mishaps, and how many of them befall an app alone.
const SORTS: usize = 9;
const OF_APPS: usize = 2;
/// Far fewer than a campaign needs. An app may send four times as many, but not more searches.
const FEW: Limits = Limits {
    requests_per_2s: Some(5),
    searches_per_2s: Some(3),
    daily_tokens: None,
};

/// A mishap and its time.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    /// Time since the start of the campaign.
    pub at: Duration,
    /// Kind of the mishap.
    pub mishap: Mishap,
}

/// Misbehaviour of Pipedrive, or a change to people in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The token is refused for some time.
    TokenRefused(Duration),
    /// The account is not open for some time.
    AccountClosed(Duration),
    /// Cloudflare blocks us for some time.
    Blocked(Duration),
    /// The day's tokens are spent, and the day ends after some time.
    DaySpent(Duration),
    /// So few requests are taken in two seconds, for some time, that ours do not fit.
    Limited(Duration),
    /// The app's access tokens end before their time.
    TokensEnded,
    /// They do, and others are not to be had for some time.
    NoRefresh(Duration),
    /// A person is merged into another one; the number selects them.
    Merge(usize),
    /// A person is deleted.
    Delete(usize),
}

impl Mishap {
    /// Draws so many, and each sort once at least.
    pub(super) fn draw(rng: &mut StdRng, count: usize, credential: Credential) -> Vec<Self> {
        let is_app = credential == Credential::App;
        let sorts = if is_app { SORTS } else { SORTS - OF_APPS };
        let mut mishaps: Vec<_> = (0..count.max(sorts))
            .map(|n| {
                let sort = if n < sorts {
                    n
                } else {
                    rng.random_range(0..24)
                };
                let time = Duration::from_millis(rng.random_range(1_000..4_000));
                match sort {
                    0 => Self::TokenRefused(time),
                    1 => Self::AccountClosed(time),
                    2 => Self::Blocked(time),
                    // As a header it has whole seconds.
                    3 => Self::DaySpent(Duration::from_secs(rng.random_range(1..=5))),
                    4 => Self::Limited(time),
                    7 if is_app => Self::TokensEnded,
                    8 if is_app => Self::NoRefresh(time),
                    5 | 9..17 => Self::Merge(rng.random_range(0..1_000_000)),
                    _ => Self::Delete(rng.random_range(0..1_000_000)),
                }
            })
            .collect();
        mishaps.shuffle(rng);
        mishaps
    }

    /// The sort, as reports count it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TokenRefused(_) => "token refused (401)",
            Self::AccountClosed(_) => "account not open (402)",
            Self::Blocked(_) => "blocked by Cloudflare (403)",
            Self::DaySpent(_) => "the day's tokens spent (429)",
            Self::Limited(_) => "few requests taken (429)",
            Self::TokensEnded => "access tokens ended early (401)",
            Self::NoRefresh(_) => "access tokens ended, none to be had",
            Self::Merge(_) => "person merged into another",
            Self::Delete(_) => "person deleted",
        }
    }
}

/// Who was deleted, and when. Clones are the same log.
#[derive(Clone, Debug, Default)]
pub(super) struct Deletions(Arc<Mutex<BTreeMap<i64, Timestamp>>>);

impl Deletions {
    pub(super) fn all(&self) -> BTreeMap<i64, Timestamp> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, person: i64) {
        let mut deleted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        deleted.insert(person, shared::clock::now());
    }
}

/// What happened. Clones are the same log.
#[derive(Clone, Debug, Default)]
pub(super) struct Mishaps {
    pub(super) log: StormLog,
    pub(super) deletions: Deletions,
}

/// Lets mishaps happen as planned.
pub(super) async fn befall(
    pipedrive: &Control,
    plan: &[Planned],
    begun: Instant,
    mishaps: &Mishaps,
) {
    for Planned { at, mishap } in plan {
        sleep_until(begun + *at).await;
        let begun = Instant::now();
        let befell = match *mishap {
            Mishap::TokenRefused(time) => {
                let token = pipedrive.api_token();
                pipedrive.rotate_api_token();
                // An app's tokens are refused as well, however fresh they are.
                let befell = answer_all(pipedrive, Fault::unauthorized(), time).await;
                pipedrive.set_api_token(&token);
                befell
            }
            Mishap::AccountClosed(time) => {
                pipedrive.set_account_closed(true);
                sleep(time).await;
                pipedrive.set_account_closed(false);
                true
            }
            Mishap::Blocked(time) => answer_all(pipedrive, Fault::cloudflare_block(), time).await,
            Mishap::DaySpent(time) => {
                answer_all(pipedrive, Fault::daily_budget_exceeded(time), time).await
            }
            Mishap::Limited(time) => {
                let usual = pipedrive.limits();
                pipedrive.set_limits(FEW);
                sleep(time).await;
                pipedrive.set_limits(usual);
                true
            }
            Mishap::TokensEnded => {
                pipedrive.end_access_tokens();
                true
            }
            Mishap::NoRefresh(time) => {
                let away = Fault::server_error_before_effect(503);
                let away = pipedrive.add_fault(FaultRule::always("POST", TOKENS, away));
                pipedrive.end_access_tokens();
                sleep(time).await;
                pipedrive.remove_fault(away)
            }
            Mishap::Merge(choice) => merge(pipedrive, choice),
            Mishap::Delete(choice) => delete(pipedrive, choice, &mishaps.deletions),
        };
        if befell {
            mishaps.log.note(Struck {
                name: mishap.name().to_owned(),
                at: begun,
                healed: Instant::now(),
                parts_broker: false,
                fills_spool: false,
            });
        }
    }
}

async fn answer_all(pipedrive: &Control, fault: Fault, time: Duration) -> bool {
    let rule = FaultRule {
        method: None,
        ..FaultRule::always("", "/api/v2/**", fault)
    };
    let rule = pipedrive.add_fault(rule);
    sleep(time).await;
    pipedrive.remove_fault(rule)
}

fn merge(pipedrive: &Control, choice: usize) -> bool {
    let recent = latest(pipedrive);
    let Some(loser) = chosen(&recent, choice) else {
        return false;
    };
    let others: Vec<_> = sole_holders(pipedrive)
        .into_iter()
        .filter(|person| person.id != loser)
        .collect();
    let survivor = chosen(&others, choice / 7);
    survivor.is_some_and(|survivor| pipedrive.merge_persons(loser, survivor))
}

fn delete(pipedrive: &Control, choice: usize, deletions: &Deletions) -> bool {
    let merged = pipedrive.all_persons().into_iter();
    let survivors: BTreeSet<i64> = merged.filter_map(|person| person.merged_into).collect();
    let mut recent = latest(pipedrive);
    recent.retain(|person| !survivors.contains(&person.id));
    let Some(person) = chosen(&recent, choice) else {
        return false;
    };
    let is_deleted = pipedrive.delete_person(person);
    if is_deleted {
        deletions.note(person);
    }
    is_deleted
}

fn chosen(people: &[Person], choice: usize) -> Option<i64> {
    let at = choice.checked_rem(people.len())?;
    Some(people[at].id)
}

/// Those of the latest activities who have their numbers for themselves.
fn latest(pipedrive: &Control) -> Vec<Person> {
    let activities = pipedrive.activities();
    let recent: BTreeSet<i64> = activities
        .iter()
        .rev()
        .filter_map(|activity| activity.person_id)
        .take(LATEST)
        .collect();
    let mut people = sole_holders(pipedrive);
    people.retain(|person| recent.contains(&person.id));
    people
}

/// People whose numbers no other person has. A number of two would not be theirs alone before and after; and a
/// double that the bridge made must stay to be found.
fn sole_holders(pipedrive: &Control) -> Vec<Person> {
    let mut people = pipedrive.persons();
    let mut holders: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for person in &people {
        for phone in &person.phones {
            let number = holders.entry(comparable(&phone.value)).or_default();
            number.insert(person.id);
        }
    }
    let is_alone = |person: &Person| {
        let numbers = person.phones.iter().map(|phone| comparable(&phone.value));
        !person.phones.is_empty()
            && numbers
                .into_iter()
                .all(|number| holders[&number].len() == 1)
    };
    people.retain(is_alone);
    people
}
