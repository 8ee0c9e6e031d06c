//! Everything that Pipedrive is asked for. How a call is sent: `exchange.rs`.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::config::Secret;
use shared::domain::ids::{ActivityId, DealId, PersonId};
use url::Url;

use super::answer::Limits;
use super::call::{Call, get, patch, post, whole_seconds};
use super::credential::{Credential, NewSecret};
use super::error::PipedriveError;
use super::model::{
    ActivityRecord, ActivityType, Answer, Created, Deal, NewPerson, Person, SearchItem,
    SearchResult, User,
};
use crate::person::matching::Candidate;
use crate::store::TokenBucket;

/// Records a page; the cost of a list does not depend on it. 500 is the most.
const PAGE: &str = "500";

/// How Pipedrive is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Origin, without a path.
    pub base_url: Url,
    /// What lets us in.
    pub credential: Credential,
}

/// What `worker check` and the pause supervisor learn from a probe.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The token's user.
    pub user: User,
    /// The limits that the answer told.
    pub limits: Limits,
}

/// Speaks with Pipedrive.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) http: reqwest::Client,
    pub(super) settings: Arc<Settings>,
    pub(super) bucket: TokenBucket,
}

impl Client {
    /// Makes the client; nothing is sent yet.
    #[must_use]
    pub fn new(http: reqwest::Client, settings: Settings, bucket: TokenBucket) -> Self {
        Self {
            http,
            settings: Arc::new(settings),
            bucket,
        }
    }

    /// What lets us in.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.settings.credential
    }

    /// People whose telephone numbers contain `term`. 20 tokens a page; a search.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a result; that is never "nobody".
    pub async fn search_by_phone(&self, term: &str) -> Result<Vec<Candidate>, PipedriveError> {
        let query = [("term", term), ("fields", "phone"), ("limit", PAGE)];
        let mut call = get(
            "search people by phone",
            "/api/v2/persons/search",
            &query,
            20,
        );
        call.is_search = true;
        let pages: Vec<SearchResult> = self.pages(call).await?;
        let found = pages.into_iter().flat_map(|page| page.items);
        let candidate = |found: SearchItem| Candidate {
            id: found.item.id,
            phones: found.item.phones.unwrap_or_default(),
        };
        Ok(found.map(candidate).collect())
    }

    /// One person. 1 token.
    ///
    /// # Errors
    ///
    /// [`PipedriveError::NotFound`] when it was deleted or merged away; any other failure.
    pub async fn person(&self, id: PersonId) -> Result<Person, PipedriveError> {
        self.data(get(
            "read a person",
            &format!("/api/v2/persons/{id}"),
            &[],
            1,
        ))
        .await
    }

    /// People changed since `since`, newest first. 10 tokens a page. A database list: no index lag.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn people_since(&self, since: Timestamp) -> Result<Vec<Person>, PipedriveError> {
        let since = whole_seconds(since);
        let query = [
            ("updated_since", &*since),
            ("sort_by", "add_time"),
            ("sort_direction", "desc"),
            ("limit", PAGE),
        ];
        self.list(get("list people", "/api/v2/persons", &query, 10))
            .await
    }

    /// Creates a person. 5 tokens. Not to be repeated blindly: `intend` writes down each time that it is about to be sent.
    ///
    /// # Errors
    ///
    /// Mind [`PipedriveError::outcome_is_unknown`].
    pub async fn create_person<E: From<PipedriveError>, F>(
        &self,
        person: &NewPerson,
        intend: impl Fn() -> F,
    ) -> Result<PersonId, E>
    where
        F: Future<Output = Result<(), E>>,
    {
        let call = post("create a person", "/api/v2/persons", person, 5);
        let created: Created<PersonId> = self.write(call, intend).await?;
        Ok(created.id)
    }

    /// The person's open deal, if there is exactly one. 10 tokens.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn only_open_deal(&self, person: PersonId) -> Result<Option<DealId>, PipedriveError> {
        let person = person.to_string();
        let query = [("person_id", &*person), ("status", "open"), ("limit", "2")];
        let call = get("list open deals", "/api/v2/deals", &query, 10);
        let answer: Answer<Vec<Deal>> = self.call(&call).await?;
        let deals = answer.data.unwrap_or_default();
        match &deals[..] {
            [only] => Ok(Some(only.id)),
            _ => Ok(None),
        }
    }

    /// Activities changed since `since`, newest first, for `take` page by page: there may be more than are to be held at
    /// once. 10 tokens a page. A database list.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list. Pages that were taken before are part of one then.
    pub async fn activities_since(
        &self,
        since: Timestamp,
        take: impl FnMut(Vec<ActivityRecord>) + Send,
    ) -> Result<(), PipedriveError> {
        let since = whole_seconds(since);
        let query = [
            ("updated_since", &*since),
            ("sort_by", "add_time"),
            ("sort_direction", "desc"),
            ("limit", PAGE),
        ];
        let call = get("list activities", "/api/v2/activities", &query, 10);
        self.each_page(call, take).await
    }

    /// One activity. 1 token.
    ///
    /// # Errors
    ///
    /// [`PipedriveError::NotFound`] when somebody deleted it; any other failure.
    pub async fn activity(&self, id: ActivityId) -> Result<ActivityRecord, PipedriveError> {
        let path = format!("/api/v2/activities/{id}");
        self.data(get("read an activity", &path, &[], 1)).await
    }

    /// Creates an activity. 5 tokens. Not to be repeated blindly: `intend` writes down each time that it is about to be
    /// sent.
    ///
    /// # Errors
    ///
    /// Mind [`PipedriveError::outcome_is_unknown`].
    pub async fn create_activity<E: From<PipedriveError>, F>(
        &self,
        activity: &impl Serialize,
        intend: impl Fn() -> F,
    ) -> Result<ActivityId, E>
    where
        F: Future<Output = Result<(), E>>,
    {
        let call = post("create an activity", "/api/v2/activities", activity, 5);
        let created: Created<ActivityId> = self.write(call, intend).await?;
        Ok(created.id)
    }

    /// Changes an activity to absolute values. 5 tokens. May be repeated, but not at once: see
    /// [`PipedriveError::outcome_is_unknown`]; `intend` writes down each time that it is about to be sent.
    ///
    /// # Errors
    ///
    /// [`PipedriveError::NotFound`] when it, or what it is to be attached to, is gone; any other failure.
    pub async fn update_activity<E: From<PipedriveError>, F>(
        &self,
        id: ActivityId,
        activity: &impl Serialize,
        intend: impl Fn() -> F,
    ) -> Result<(), E>
    where
        F: Future<Output = Result<(), E>>,
    {
        let path = format!("/api/v2/activities/{id}");
        let call = patch("update an activity", &path, activity, 5);
        let _updated: Created<ActivityId> = self.write(call, intend).await?;
        Ok(())
    }

    /// Asks who the token's user is, past the token bucket: it must be possible while all else is paused. 2 tokens.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not let the token in, or does not answer.
    pub async fn probe(&self) -> Result<Probe, PipedriveError> {
        let call = get("read the token's user", "/v1/users/me", &[], 2);
        let (answer, limits) = self.send::<User>(&call).await?;
        let user = data(call.operation, answer)?;
        Ok(Probe { user, limits })
    }

    /// Takes up a secret that was changed, if Pipedrive lets us in with it. One of a credential that is not in use is
    /// passed over.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not let us in, or does not answer; the present secret is used on.
    pub async fn adopt(&self, secret: NewSecret) -> Result<(), PipedriveError> {
        match (&self.settings.credential, secret) {
            (Credential::ApiToken(present), NewSecret::ApiToken(token)) => {
                self.with_token(token.clone()).probe().await?;
                present.replace(token);
            }
            (Credential::OAuth(oauth), NewSecret::RefreshToken(token)) => {
                oauth.adopt_refresh_token(token).await?;
            }
            (Credential::OAuth(oauth), NewSecret::ClientSecret(secret)) => {
                oauth.adopt_client_secret(secret).await?;
            }
            (Credential::ApiToken(_) | Credential::OAuth(_), _) => {}
        }
        Ok(())
    }

    fn with_token(&self, token: SecretString) -> Self {
        let mut settings = Settings::clone(&self.settings);
        settings.credential = Credential::ApiToken(Secret::from(token));
        Self {
            settings: Arc::new(settings),
            ..self.clone()
        }
    }

    /// Types of activities. 20 tokens; for `worker check`, past the token bucket like [`Client::probe`].
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn activity_types(&self) -> Result<Vec<ActivityType>, PipedriveError> {
        let call = get("list activity types", "/v1/activityTypes", &[], 20);
        let (answer, _) = self.send::<Vec<ActivityType>>(&call).await?;
        Ok(answer.data.unwrap_or_default())
    }

    async fn data<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, PipedriveError> {
        data(call.operation, self.call(&call).await?)
    }

    async fn write<T: DeserializeOwned, E: From<PipedriveError>, F>(
        &self,
        call: Call<'_>,
        intend: impl Fn() -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<(), E>>,
    {
        let answer = self.call_intended(&call, intend).await?;
        Ok(data(call.operation, answer)?)
    }

    /// All records of a list.
    async fn list<T>(&self, call: Call<'_>) -> Result<Vec<T>, PipedriveError>
    where
        T: DeserializeOwned + Send,
    {
        let pages: Vec<Vec<T>> = self.pages(call).await?;
        Ok(pages.into_iter().flatten().collect())
    }

    /// The data of all pages.
    async fn pages<T>(&self, call: Call<'_>) -> Result<Vec<T>, PipedriveError>
    where
        T: DeserializeOwned + Send,
    {
        let mut pages = Vec::new();
        self.each_page(call, |page| pages.push(page)).await?;
        Ok(pages)
    }

    /// Hands over the data of one page after another.
    async fn each_page<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        mut take: impl FnMut(T) + Send,
    ) -> Result<(), PipedriveError> {
        let mut cursor: Option<String> = None;
        loop {
            let mut query = call.query.to_vec();
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor));
            }
            let page = Call {
                query: &query,
                path: call.path.clone(),
                method: call.method.clone(),
                body: None,
                ..call
            };
            let answer: Answer<T> = self.call(&page).await?;
            answer.data.into_iter().for_each(&mut take);
            cursor = answer.additional_data.and_then(|data| data.next_cursor);
            if cursor.is_none() {
                return Ok(());
            }
        }
    }
}

/// What a call that asks for one record is answered with.
fn data<T>(operation: &'static str, answer: Answer<T>) -> Result<T, PipedriveError> {
    answer.data.ok_or(PipedriveError::Unreadable {
        operation,
        status: 200,
    })
}
