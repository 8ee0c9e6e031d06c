//! The one HTTP client of Pipedrive: tokens before every call, limits and errors after it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::config::Secret;
use shared::domain::ids::{ActivityId, DealId, PersonId};
use shared::kill_point::{self, KillPoint};
use url::Url;

use super::answer::{Limits, limits, refused};
use super::call::{Call, get, patch, post, whole_seconds};
use super::error::PipedriveError;
use super::model::{
    ActivityRecord, ActivityType, Answer, Created, Deal, NewPerson, Person, SearchItem,
    SearchResult, User,
};
use crate::backoff;
use crate::matching::Candidate;
use crate::metrics as names;
use crate::redis::TokenBucket;

/// How often a call that a rate limit turned away is sent again while its message is held.
const RATE_LIMITED_TRIES: u32 = 2;
/// How often a call that may be repeated is repeated after a failure, and the first pause.
const REPEATS: usize = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Records a page; the cost of a list does not depend on it. 500 is the most.
const PAGE: &str = "500";

/// How Pipedrive is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Origin, without a path.
    pub base_url: Url,
    /// Sent as `x-api-token`.
    pub api_token: Secret,
    /// For a whole request.
    pub request_timeout: Duration,
    /// For connecting.
    pub connect_timeout: Duration,
}

/// What a call costs.
#[derive(Clone, Copy, Debug)]
pub struct Spend {
    /// Tokens of the daily budget: `x-token-cost` in Pipedrive's documents.
    pub tokens: u64,
    /// Whether it counts as a search.
    pub is_search: bool,
}

/// What `worker check` and the gatekeeper learn from a probe.
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
    http: reqwest::Client,
    settings: Arc<Settings>,
    bucket: TokenBucket,
}

impl Client {
    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When the system's certificates cannot be loaded.
    pub fn new(settings: Settings, bucket: TokenBucket) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(concat!(
                "genesys-pipedrive-bridge/",
                env!("CARGO_PKG_VERSION")
            ))
            .timeout(settings.request_timeout)
            .connect_timeout(settings.connect_timeout)
            // A redirected POST would become a GET.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            settings: Arc::new(settings),
            bucket,
        })
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

    /// Creates a person. 5 tokens. Not to be repeated blindly.
    ///
    /// # Errors
    ///
    /// Mind [`PipedriveError::outcome_is_unknown`].
    pub async fn create_person(&self, person: &NewPerson) -> Result<PersonId, PipedriveError> {
        let created: Created<PersonId> = self
            .data(post("create a person", "/api/v2/persons", person, 5))
            .await?;
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

    /// Activities changed since `since`, newest first, of a person where one is given. 10 tokens a page. A database list.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn activities_since(
        &self,
        person: Option<PersonId>,
        since: Timestamp,
    ) -> Result<Vec<ActivityRecord>, PipedriveError> {
        let since = whole_seconds(since);
        let person = person.map(|id| id.to_string());
        let mut query = vec![
            ("updated_since", &*since),
            ("sort_by", "add_time"),
            ("sort_direction", "desc"),
            ("limit", PAGE),
        ];
        if let Some(person) = &person {
            query.push(("person_id", person));
        }
        self.list(get("list activities", "/api/v2/activities", &query, 10))
            .await
    }

    /// Creates an activity. 5 tokens. Not to be repeated blindly.
    ///
    /// # Errors
    ///
    /// Mind [`PipedriveError::outcome_is_unknown`].
    pub async fn create_activity(
        &self,
        activity: &impl Serialize,
    ) -> Result<ActivityId, PipedriveError> {
        let call = post("create an activity", "/api/v2/activities", activity, 5);
        let created: Created<ActivityId> = self.data(call).await?;
        Ok(created.id)
    }

    /// Changes an activity to absolute values. 5 tokens. May be repeated, but not at once: see
    /// [`PipedriveError::outcome_is_unknown`].
    ///
    /// # Errors
    ///
    /// [`PipedriveError::NotFound`] when somebody deleted it; any other failure.
    pub async fn update_activity(
        &self,
        id: ActivityId,
        activity: &impl Serialize,
    ) -> Result<(), PipedriveError> {
        let path = format!("/api/v2/activities/{id}");
        let call = patch("update an activity", &path, activity, 5);
        let _updated: Created<ActivityId> = self.data(call).await?;
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
        let user = answer.data.ok_or(PipedriveError::Unreadable {
            operation: call.operation,
            status: 200,
        })?;
        Ok(Probe { user, limits })
    }

    /// Takes another API token, if Pipedrive lets it in.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not let it in, or does not answer; the present token is used on.
    pub async fn adopt_token(&self, token: SecretString) -> Result<(), PipedriveError> {
        let mut settings = Settings::clone(&self.settings);
        settings.api_token = Secret::from(token.clone());
        let candidate = Self {
            settings: Arc::new(settings),
            ..self.clone()
        };
        candidate.probe().await?;
        self.settings.api_token.replace(token);
        Ok(())
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
        let (operation, answer) = (call.operation, self.call::<T>(&call).await?);
        answer.data.ok_or(PipedriveError::Unreadable {
            operation,
            status: 200,
        })
    }

    /// All records of a list.
    async fn list<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Vec<T>, PipedriveError> {
        let pages: Vec<Vec<T>> = self.pages(call).await?;
        Ok(pages.into_iter().flatten().collect())
    }

    /// The data of all pages.
    async fn pages<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Vec<T>, PipedriveError> {
        let mut pages = Vec::new();
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
            pages.extend(answer.data);
            cursor = answer.additional_data.and_then(|data| data.next_cursor);
            if cursor.is_none() {
                return Ok(pages);
            }
        }
    }

    /// Sends a call when the bucket has tokens for it; again where that is harmless and may help.
    async fn call<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<Answer<T>, PipedriveError> {
        let spend = Spend {
            tokens: call.cost,
            is_search: call.is_search,
        };
        let mut pauses = backoff::pauses(FIRST_PAUSE, REPEATS);
        let mut rate_limited = 0;
        loop {
            self.bucket
                .take(spend)
                .await
                .map_err(|error| error.during(call.operation))?;
            match self.send(call).await {
                Ok((answer, limits)) => {
                    kill_point::reach_with(KillPoint::PipedriveAnswered, call.operation).await;
                    // What was done is done: that the bucket could not be corrected must not hide it.
                    if let Err(error) = self.bucket.learn(limits).await {
                        tracing::debug!(%error, "The token bucket was not corrected");
                    }
                    return Ok(answer);
                }
                Err(PipedriveError::RateLimited { wait, .. })
                    if rate_limited < RATE_LIMITED_TRIES =>
                {
                    rate_limited += 1;
                    self.bucket
                        .pause(wait)
                        .await
                        .map_err(PipedriveError::Bucket)?;
                }
                Err(error @ PipedriveError::BudgetSpent { wait, .. }) => {
                    self.bucket
                        .pause(wait)
                        .await
                        .map_err(PipedriveError::Bucket)?;
                    return Err(error);
                }
                Err(error) if call.is_repeatable() && error.may_heal_at_once() => {
                    match pauses.next() {
                        Some(pause) => tokio::time::sleep(pause).await,
                        None => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<(Answer<T>, Limits), PipedriveError> {
        let begun = Instant::now();
        let result = self.exchange(call).await;
        let status = match &result {
            Ok(_) => "200".to_owned(),
            Err(error) => error
                .status()
                .map_or_else(|| "none".to_owned(), |status| status.to_string()),
        };
        let labels = [("endpoint", call.endpoint()), ("status", status)];
        metrics::counter!(names::REQUESTS, &labels).increment(1);
        metrics::counter!(names::TOKENS_SPENT).increment(call.cost);
        metrics::histogram!(names::REQUEST_SECONDS).record(begun.elapsed().as_secs_f64());
        result
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<(Answer<T>, Limits), PipedriveError> {
        let operation = call.operation;
        let answer = self.request(call).send().await.map_err(|source| {
            if source.is_connect() {
                PipedriveError::Unreachable {
                    operation,
                    source: source.without_url(),
                }
            } else {
                PipedriveError::NoAnswer {
                    operation,
                    source: source.without_url(),
                }
            }
        })?;
        if !answer.status().is_success() {
            return Err(refused(call, answer).await);
        }
        let status = answer.status().as_u16();
        let limits = limits(answer.headers());
        let body = answer.bytes().await;
        let body = body.map_err(|source| PipedriveError::NoAnswer {
            operation,
            source: source.without_url(),
        })?;
        match serde_json::from_slice::<Answer<T>>(&body) {
            Ok(answer) if answer.success != Some(false) => Ok((answer, limits)),
            Ok(_) | Err(_) => Err(PipedriveError::Unreadable { operation, status }),
        }
    }

    fn request(&self, call: &Call<'_>) -> RequestBuilder {
        let mut url = self.settings.base_url.clone();
        url.set_path(&call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        // Never in the query: addresses end up in logs.
        let token = HeaderValue::from_str(self.settings.api_token.current().expose_secret());
        let mut token = token.unwrap_or_else(|_| HeaderValue::from_static(""));
        token.set_sensitive(true);
        let request = self
            .http
            .request(call.method.clone(), url)
            .header("x-api-token", token);
        match &call.body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
            None => request,
        }
    }
}
