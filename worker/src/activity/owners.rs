//! Whose activity it is: the Pipedrive user with the e-mail address of the agent who talked last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pipedrive::{Client, PipedriveError, UserId};

use tokio::sync::Mutex;

use crate::failure::Failure;
use crate::store::OwnerStore;

/// How long a message waits for another one that lists the users: no longer than a lease lasts by far.
const TURN_MAX: Duration = Duration::from_secs(5);

/// Finds the Pipedrive user who owns an activity, by the agent's e-mail address.
#[derive(Clone, Debug)]
pub struct Owners {
    client: Client,
    store: OwnerStore,
    /// Held while users are listed: a list costs 20 tokens, and those who wait read what the first of them kept.
    listing: Arc<Mutex<()>>,
}

impl Owners {
    /// Asks `client` for the users, once an hour.
    pub(crate) fn new(client: Client, store: OwnerStore) -> Self {
        Self {
            client,
            store,
            listing: Arc::default(),
        }
    }

    /// The user with an agent's e-mail address, unless Pipedrive refused that owner lately.
    ///
    /// # Errors
    ///
    /// When Pipedrive or Redis does not answer. Where users may not be listed, there are no owners.
    pub async fn of(&self, email: Option<&str>) -> Result<Option<UserId>, Failure> {
        let Some(email) = email else { return Ok(None) };
        let users = match self.store.users().await? {
            Some(users) => users,
            None => self.list_in_turn().await?,
        };
        let Some(user) = users.get(&comparable(email)) else {
            return Ok(None);
        };
        let was_refused = self.store.was_refused(*user).await?;
        Ok(Some(*user).filter(|_| !was_refused))
    }

    /// Pipedrive refused an activity of this owner: the next ones do without. That costs an owner, and a refusal each time
    /// would cost two requests for each record.
    pub async fn note_refused(&self, user: UserId, error: &PipedriveError) {
        tracing::warn!(
            %error,
            "Pipedrive refuses an activity of user {user}: the user owns none for an hour"
        );
        if let Err(error) = self.store.note_refused(user).await {
            tracing::debug!(%error, "Cannot note that an owner was refused");
        }
    }

    async fn list_in_turn(&self) -> Result<BTreeMap<String, UserId>, Failure> {
        let _turn = tokio::time::timeout(TURN_MAX, self.listing.lock()).await;
        match self.store.users().await? {
            Some(users) => Ok(users),
            None => self.list().await,
        }
    }

    async fn list(&self) -> Result<BTreeMap<String, UserId>, Failure> {
        let users = match self.client.users().await {
            Ok(users) => by_email(&users),
            Err(
                error @ (PipedriveError::Forbidden { .. }
                | PipedriveError::NotFound { .. }
                | PipedriveError::ScopeMissing { .. }
                | PipedriveError::Rejected { .. }),
            ) => {
                tracing::warn!(
                    %error,
                    "Cannot list Pipedrive's users: activities have the fallback owner for an hour"
                );
                BTreeMap::new()
            }
            Err(error) => return Err(error.into()),
        };
        self.store.keep(&users).await?;
        Ok(users)
    }
}

/// The users who can own activities, by e-mail address.
pub(crate) fn by_email(users: &[pipedrive::User]) -> BTreeMap<String, UserId> {
    let active = users.iter().filter(|user| user.active_flag != Some(false));
    let pairs = active.filter_map(|user| Some((comparable(user.email.as_deref()?), user.id)));
    pairs.filter(|(email, _)| !email.is_empty()).collect()
}

/// An address as it is compared: agents' addresses differ in case between systems.
pub(crate) fn comparable(email: &str) -> String {
    email.trim().to_lowercase()
}
