//! Conversations as analytics has them: the data of record, complete some minutes after the end.

use crate::call::{Call, checked};
use crate::client::{Client, same};
use crate::error::GenesysError;
use crate::model::{
    ConversationDetails, DetailsJob, DetailsPage, DetailsQuery, JobAvailability, JobState,
};
use crate::operations;

impl Client {
    /// One conversation with its sessions, segments and metrics; ids, no names. 1 request;
    /// `analytics:conversationDetail:view`.
    ///
    /// # Errors
    ///
    /// [`GenesysError::NotFound`] at first: analytics lags by seconds to minutes; any other failure.
    pub async fn conversation_details(
        &self,
        id: &str,
    ) -> Result<ConversationDetails, GenesysError> {
        let call = Call::new(&operations::CONVERSATION_DETAILS, &[id])?;
        let details: ConversationDetails = self.read(&call).await?;
        same(&call, id, details.conversation_id.as_deref())?;
        Ok(details)
    }

    /// Several conversations at once, those left out that analytics does not have. 1 request;
    /// `analytics:conversationDetail:view`. How many ids an organisation takes is not documented.
    ///
    /// # Errors
    ///
    /// When Genesys does not answer with a list.
    pub async fn conversations_details(
        &self,
        ids: &[&str],
    ) -> Result<Vec<ConversationDetails>, GenesysError> {
        let operation = &operations::CONVERSATIONS_DETAILS;
        let mut call = Call::new(operation, &[])?;
        for id in ids {
            call = call.with("id", checked(operation, id)?);
        }
        let page: DetailsPage = self.read(&call).await?;
        let mut found = page.conversations;
        found.retain(|found| {
            let id = found.conversation_id.as_deref().unwrap_or_default();
            ids.iter().any(|asked| asked.eq_ignore_ascii_case(id))
        });
        Ok(found)
    }

    /// One page of the conversations that started on a day touched by the query's interval. 1 request;
    /// `analytics:conversationDetail:view`.
    ///
    /// Pages shift while conversations are added: let the interval end before the present, and expect duplicates.
    ///
    /// # Errors
    ///
    /// When Genesys does not answer with a page.
    pub async fn query_details(&self, query: &DetailsQuery) -> Result<DetailsPage, GenesysError> {
        let call = Call::new(&operations::DETAILS_QUERY, &[])?.with_body(query);
        self.read(&call).await
    }

    /// Starts a job that collects all conversations with activity in the query's interval, those too that started long
    /// before. 1 request; `analytics:conversationDetail:view`.
    ///
    /// # Errors
    ///
    /// When Genesys does not start it.
    pub async fn start_details_job(&self, query: &DetailsQuery) -> Result<String, GenesysError> {
        let call =
            Call::new(&operations::DETAILS_JOB_START, &[])?.with_body(&query.without_paging());
        let started: DetailsJob = self.read(&call).await?;
        started.job_id.ok_or(GenesysError::Unreadable {
            operation: call.operation.name,
            status: 200,
            reason: "it names no job",
        })
    }

    /// How far a job is. 1 request; `analytics:conversationDetail:view`.
    ///
    /// # Errors
    ///
    /// [`GenesysError::NotFound`] when there is none, or no longer; any other failure.
    pub async fn details_job(&self, id: &str) -> Result<JobState, GenesysError> {
        self.read(&Call::new(&operations::DETAILS_JOB, &[id])?)
            .await
    }

    /// One page of what a job has collected, from `cursor` on. 1 request; `analytics:conversationDetail:view`.
    ///
    /// # Errors
    ///
    /// When Genesys does not answer with a page.
    pub async fn details_job_results(
        &self,
        id: &str,
        cursor: Option<&str>,
    ) -> Result<DetailsPage, GenesysError> {
        let call = Call::new(&operations::DETAILS_JOB_RESULTS, &[id])?;
        let call = match cursor {
            Some(cursor) => call.with("cursor", cursor),
            None => call,
        };
        self.read(&call).await
    }

    /// Up to when jobs have data: hours before the present. 1 request; `analytics:conversationDetail:view`.
    ///
    /// # Errors
    ///
    /// When Genesys does not answer.
    pub async fn details_job_availability(&self) -> Result<JobAvailability, GenesysError> {
        self.read(&Call::new(&operations::DETAILS_JOB_AVAILABILITY, &[])?)
            .await
    }
}
