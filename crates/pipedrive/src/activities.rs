//! Activities: reads, lists, the create and the change.

use jiff::Timestamp;
use serde::Serialize;

use crate::call::{Call, get, patch, post, whole_seconds};
use crate::client::Client;
use crate::error::PipedriveError;
use crate::ids::ActivityId;
use crate::lists::Records;
use crate::model::ActivityRecord;

/// Creates an activity. 5 tokens.
#[must_use]
pub fn create_activity(activity: &impl Serialize) -> Call<ActivityRecord> {
    post("create an activity", "/api/v2/activities", activity, 5)
}

/// Changes an activity to absolute values. 5 tokens.
#[must_use]
pub fn update_activity(id: ActivityId, change: &impl Serialize) -> Call<ActivityRecord> {
    let path = format!("/api/v2/activities/{id}");
    patch("update an activity", &path, change, 5).of_record(id.0)
}

impl Client {
    /// One activity. 1 token.
    ///
    /// # Errors
    ///
    /// [`PipedriveError::NotFound`] when it was deleted; any other failure.
    pub async fn activity(&self, id: ActivityId) -> Result<ActivityRecord, PipedriveError> {
        let call = get("read an activity", format!("/api/v2/activities/{id}"), 1).of_record(id.0);
        Ok(self.read(&call).await?.data)
    }

    /// Hands activities changed since `since` to `take`, newest first, page by page: there may be more than are to be held
    /// at once. 10 tokens a page. A list of the database.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list. `take` may have had pages of it.
    pub async fn activities_since(
        &self,
        since: Timestamp,
        take: impl FnMut(Vec<ActivityRecord>) + Send,
    ) -> Result<(), PipedriveError> {
        let call = || {
            get::<Records>("list activities", "/api/v2/activities", 10)
                .with("updated_since", whole_seconds(since))
                .with("sort_by", "add_time")
                .with("sort_direction", "desc")
        };
        self.each_page(call, take).await
    }
}
