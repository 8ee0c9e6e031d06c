//! The token's user, the company's users, and its activity types.

use crate::call::get;
use crate::client::{Client, Probe};
use crate::error::PipedriveError;
use crate::lists::{Records, readable};
use crate::model::{ActivityType, User};

impl Client {
    /// Asks who the token's user is, past the budget: it must be possible while all else is paused. 2 tokens.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not accept the token, or does not answer.
    pub async fn probe(&self) -> Result<Probe, PipedriveError> {
        let call = get::<User>("read the token's user", "/v1/users/me", 2);
        let answer = self.read_unbudgeted(&call).await?;
        Ok(Probe {
            user: answer.data,
            limits: answer.limits,
        })
    }

    /// The company's users. 20 tokens.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn users(&self) -> Result<Vec<User>, PipedriveError> {
        let call = get::<Records>("list users", "/v1/users", 20);
        let answer = self.read(&call).await?;
        Ok(readable(call.operation, &answer.data))
    }

    /// Types of activities, past the budget like [`Client::probe`]. 20 tokens.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn activity_types(&self) -> Result<Vec<ActivityType>, PipedriveError> {
        let call = get::<Records>("list activity types", "/v1/activityTypes", 20);
        let answer = self.read_unbudgeted(&call).await?;
        Ok(readable(call.operation, &answer.data))
    }
}
