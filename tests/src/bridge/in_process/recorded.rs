//! Which interactions Pipedrive holds, held against those that were accepted.

use std::collections::BTreeSet;

use super::TestApp;
use crate::sandbox::pipedrive::Activity;

/// What the line in a note begins with that names the interaction.
const MARKER: &str = "Genesys interaction ";

impl TestApp {
    /// Waits until all is worked on, then asserts that each of the `accepted` interactions has one activity, and that there
    /// is no other. By id: one lost and one doubled make the right number.
    ///
    /// # Panics
    ///
    /// Panics if not, with the ids.
    pub async fn assert_each_recorded_once(&self, accepted: impl IntoIterator<Item = String>) {
        let mut owed: BTreeSet<String> = accepted.into_iter().collect();
        self.wait_for_at_least(owed.len()).await;
        self.wait_until_idle().await;
        let activities = self.pipedrive.activities();
        let mut beyond: Vec<&str> = activities.iter().map(interaction).collect();
        beyond.retain(|id| !owed.remove(*id));
        assert!(
            owed.is_empty() && beyond.is_empty(),
            "lost: {owed:?}; doubled or never accepted: {beyond:?}"
        );
    }
}

/// The interaction that an activity says it is of.
fn interaction(activity: &Activity) -> &str {
    let note = activity.note.as_deref().unwrap_or_default();
    let marker = note.rsplit_once(MARKER);
    let id = marker.map(|(_, id)| id.split('<').next().unwrap_or(id));
    id.unwrap_or("no interaction")
}
