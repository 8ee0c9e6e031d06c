//! Open deals.

use crate::call::get;
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
