//! What an operator may ask of the directory: how far it is, what it costs, what it is blind to, whether it is right.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pipedrive::{Person, PersonId};
use shared::clock;

use super::{Directory, Spent, count_tokens, is_refusal, latest, plan, updated};
use crate::failure::Failure;
use crate::store::{DirectoryState, Entry};

/// How far the directory is.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// State of the directory.
    pub state: DirectoryState,
    /// Tokens that may be spent a day.
    pub share: u64,
    /// Tokens that were spent today.
    pub spent: Spent,
    /// Whether open deals are known, too.
    pub with_deals: bool,
    /// What it cannot know.
    pub blind_to: Vec<String>,
}

impl Report {
    /// Whether open deals are to be listed, and are not yet since the last full pass.
    pub fn wants_deals(&self) -> bool {
        self.with_deals && self.state.deals.pass != Some(self.state.pass)
    }

    /// What is known of deals.
    pub fn deals(&self) -> String {
        let deals = &self.state.deals;
        match (self.with_deals, deals.complete_since, deals.polls.polled) {
            (false, _, _) => "not listed: none is linked (pipedrive.link_open_deal)".to_owned(),
            (true, Some(_), Some(polled)) => format!("open deals are known, polled {polled}"),
            (true, Some(_), None) => "open deals are known".to_owned(),
            (true, None, _) => "not listed yet, or Pipedrive refuses that".to_owned(),
        }
    }

    /// Summary in one line.
    pub fn summary(&self) -> String {
        let people = self.state.people;
        let Spent {
            background,
            at_once,
        } = self.spent;
        let share = self.share;
        let spent = match at_once {
            0 => format!("{background} of {share} tokens spent today"),
            _ => format!(
                "{background} of {share} tokens spent today, and {at_once} on polls before a create"
            ),
        };
        let stopped = match self.state.stopped.as_deref() {
            Some("memory") => "; stopped: Redis uses 70 % of its memory",
            Some("tokens") => "; stopped until the day's tokens are new",
            Some(_) | None => "",
        };
        if self.state.is_complete() {
            format!("complete, {people} people, {spent}{stopped}")
        } else if self.state.pass_began.is_some() {
            let expected = self.state.expected;
            format!(
                "being filled, {people} of up to {expected} people, {spent}{stopped}; the search serves meanwhile"
            )
        } else {
            format!("empty, {spent}{stopped}; the search serves")
        }
    }
}

/// Where the directory and Pipedrive's list differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Number of people listed.
    pub listed: u64,
    /// In the list, not in the directory.
    pub missing: Vec<PersonId>,
    /// In the directory with other numbers, addresses, organisation or owner.
    pub different: Vec<PersonId>,
    /// In the directory, not in the list.
    pub gone: Vec<PersonId>,
    /// Tokens that it cost.
    pub tokens: u64,
}

impl Difference {
    /// Whether the directory is right.
    pub fn is_none(&self) -> bool {
        self.missing.is_empty() && self.different.is_empty() && self.gone.is_empty()
    }
}

impl Directory {
    /// How far it is.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn report(&self) -> Result<Report, Failure> {
        let state = self.store.state().await?;
        Ok(Report {
            share: self.share().await?,
            spent: self.spent().await?,
            with_deals: self.with_deals,
            blind_to: plan::blind_to(&state, self.with_deals, clock::now()),
            state,
        })
    }

    /// Lists all people anew and compares. Whoever changed since it began is left out. `seen` hears how many are listed.
    ///
    /// # Errors
    ///
    /// When Redis or Pipedrive does not answer.
    pub async fn verify(&self, seen: impl Fn(u64)) -> Result<Difference, Failure> {
        let began = clock::now();
        let mut difference = Difference::default();
        let mut listed = BTreeSet::new();
        let (mut cursor, mut since, mut to) = (None::<String>, None, None);
        loop {
            let page = self.client.people_page(since, cursor.as_deref()).await;
            difference.tokens += plan::PAGE_TOKENS;
            count_tokens("verify");
            let page = match page.map_err(Failure::from) {
                Err(error) if cursor.is_some() && is_refusal(&error) => {
                    (cursor, since) = (None, to);
                    continue;
                }
                other => other?,
            };
            let people: Vec<&Person> = page.people.iter().filter(|p| !p.is_deleted).collect();
            self.compare(&people, began, &mut difference).await?;
            listed.extend(people.into_iter().map(|person| person.id));
            to = latest(&page.people, to);
            seen(listed.len() as u64);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        difference.listed = listed.len() as u64;
        let highest = self.store.state().await?.highest;
        let known = self.store.everybody(highest).await?;
        difference.gone = known.difference(&listed).copied().collect();
        Ok(difference)
    }

    async fn compare(
        &self,
        people: &[&Person],
        began: Timestamp,
        difference: &mut Difference,
    ) -> Result<(), Failure> {
        let ids: Vec<PersonId> = people.iter().map(|person| person.id).collect();
        let known = self.store.entries(&ids).await?;
        for (person, known) in people.iter().zip(known) {
            if updated(person).is_some_and(|at| at >= began) {
                continue;
            }
            let entry = self.entry(person);
            match known {
                None => difference.missing.push(person.id),
                Some(known) if differs(&known, &entry) => difference.different.push(person.id),
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// Whether an entry is wrong. One that the bridge made itself, of a create whose answer was incomplete, lacks organisation,
/// owner and time until the next poll.
fn differs(known: &Entry, listed: &Entry) -> bool {
    let others = (known.organization, known.owner) != (listed.organization, listed.owner);
    known.handles != listed.handles || known.updated > 0 && others
}
