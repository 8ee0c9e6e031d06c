//! Open deals.

use jiff::Timestamp;

use crate::call::{get, whole_seconds};
use crate::client::Client;
use crate::error::PipedriveError;
use crate::ids::{DealId, OrganizationId, PersonId};
use crate::lists::{Records, readable};
use crate::model::Deal;

impl Client {
    /// The person's open deal, if there is exactly one. 10 tokens.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn only_open_deal(&self, person: PersonId) -> Result<Option<DealId>, PipedriveError> {
        let call = get::<Records>("list open deals", "/api/v2/deals", 10)
            .with("person_id", person.to_string())
            .with("status", "open")
            .with("limit", "2");
        let found = self.read(&call).await?.data;
        match (found.len(), &readable::<Deal>(call.operation, &found)[..]) {
            (1, [only]) => Ok(Some(only.id)),
            _ => Ok(None),
        }
    }

    /// One deal. 1 token.
    ///
    /// # Errors
    ///
    /// [`PipedriveError::NotFound`] when it was deleted; any other failure.
    pub async fn deal(&self, id: DealId) -> Result<Deal, PipedriveError> {
        let call = get("read a deal", format!("/api/v2/deals/{id}"), 1).of_record(id.0);
        Ok(self.read(&call).await?.data)
    }

    /// One page of all open deals, or of those of any state changed since `since`, in the order of their changes. 10
    /// tokens. A cursor expires; the list then goes on by `since`. Archived deals are left out.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list; [`PipedriveError::Rejected`] for a cursor that has expired.
    pub async fn deals_page(
        &self,
        since: Option<Timestamp>,
        cursor: Option<&str>,
    ) -> Result<DealsPage, PipedriveError> {
        let call = get::<Records>("list deals", "/api/v2/deals", 10)
            .with("sort_by", "update_time")
            .with("sort_direction", "asc");
        let call = match since {
            None => call.with("status", "open"),
            Some(since) => call
                .with("status", "open,won,lost,deleted")
                .with("updated_since", whole_seconds(since)),
        };
        let (deals, next_cursor) = self.one_page(call, cursor).await?;
        Ok(DealsPage { deals, next_cursor })
    }

    /// The open deals of an organisation. 10 tokens a page.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn open_deals_of(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<Deal>, PipedriveError> {
        let call = || {
            get::<Records>("list open deals", "/api/v2/deals", 10)
                .with("org_id", organization.to_string())
                .with("status", "open")
        };
        self.list(call).await
    }
}

/// One page of a list of deals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DealsPage {
    /// Deals of this page.
    pub deals: Vec<Deal>,
    /// Leads to the next page; `None` at the end.
    pub next_cursor: Option<String>,
}
