//! One page of a list, and its place in the directory.

use jiff::Timestamp;
use pipedrive::{Deal, PersonId};
use redis::RedisError;

use super::{Directory, latest};
use crate::failure::Failure;
use crate::store::Kind;

/// What a page brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// How many were not known so; `None` where the directory is of another form by now.
    pub changed: Option<u64>,
    /// The latest change on it.
    pub latest: Option<Timestamp>,
    /// Leads to the next page; `None` at the end.
    pub next_cursor: Option<String>,
}

impl Directory {
    /// Reads one page and puts it in place. 10 tokens.
    pub(super) async fn page(
        &self,
        kind: Kind,
        since: Option<Timestamp>,
        cursor: Option<&str>,
        pass: u16,
    ) -> Result<Page, Failure> {
        match kind {
            Kind::People => {
                let page = self.client.people_page(since, cursor).await?;
                Ok(Page {
                    changed: self.put(&page.people, pass).await?,
                    latest: latest(&page.people, None),
                    next_cursor: page.next_cursor,
                })
            }
            Kind::Deals => {
                let page = self.client.deals_page(since, cursor).await?;
                let times = page.deals.iter().filter_map(|deal| {
                    let time = deal.update_time.as_ref()?;
                    time.parse::<Timestamp>().ok()
                });
                Ok(Page {
                    changed: self.put_deals(&page.deals, pass).await?,
                    latest: times.max(),
                    next_cursor: page.next_cursor,
                })
            }
        }
    }

    async fn put_deals(&self, deals: &[Deal], pass: u16) -> Result<Option<u64>, RedisError> {
        let of_person = |deal: &Deal| {
            let person: PersonId = deal.person_id?;
            Some((person, deal.id, deal.is_open()))
        };
        let deals: Vec<_> = deals.iter().filter_map(of_person).collect();
        self.store.put_deals(&deals, pass).await
    }
}
