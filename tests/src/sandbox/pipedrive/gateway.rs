//! What stands before every service: authentication, the state of the account, burst limits and the daily budget.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::behaviour::Behaviour;
use super::budget::{self, Budget, DailyHeaders};
use super::config::Limits;
use super::contract::{Operation, Verb};
use super::error::gateway;
use super::oauth::OAuthServer;
use super::reply::Reply;
use super::world::TOKEN_USER;

/// Burst limits count the requests of this long, looking back from each request.
const WINDOW: Duration = Duration::from_secs(2);

/// An OAuth token may send this many times what an API token may, except to the Search API.
const OAUTH_FACTOR: u32 = 4;

/// The credentials of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Credentials<'r> {
    /// API token in the header `x-api-token`.
    pub(super) api_token: Option<&'r str>,
    /// What follows `Bearer` in the header `authorization`.
    pub(super) bearer: Option<&'r str>,
    /// What follows `Basic` there.
    pub(super) basic: Option<&'r str>,
}

/// What the gateway counts: requests, tokens, and who is blocked.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) limits: Limits,
    pub(super) account_closed: bool,
    /// The one API token that is valid.
    pub(super) api_token: String,
    pub(super) oauth_access_token: Option<String>,
    windows: HashMap<String, Windows>,
    pub(super) budget: Budget,
    /// What the headers on the day say.
    pub(super) daily_headers: DailyHeaders,
    /// All that was ever charged; the budget forgets at midnight.
    pub(super) tokens_spent: u64,
}

/// The recent requests of one token.
#[derive(Debug, Default)]
struct Windows {
    all: Window,
    search: Window,
}

/// A caller that the gateway knows.
pub(super) struct Caller {
    token: String,
    is_oauth: bool,
    pub(super) user_id: i64,
}

/// Headers that go with an answer.
pub(super) type Headers = Vec<(&'static str, String)>;

impl Gateway {
    pub(super) fn new(
        limits: Limits,
        api_token: Option<String>,
        oauth_access_token: Option<String>,
    ) -> Self {
        Self {
            limits,
            account_closed: false,
            api_token: api_token.unwrap_or_else(random_token),
            oauth_access_token,
            windows: HashMap::new(),
            budget: Budget::new(),
            daily_headers: DailyHeaders::default(),
            tokens_spent: 0,
        }
    }

    /// Who is calling. An API token is none as a bearer, and none in the query either. The app says whether it knows the
    /// bearer.
    pub(super) fn authenticate(
        &self,
        credentials: Credentials<'_>,
        app: &OAuthServer,
    ) -> Result<Caller, Reply> {
        let caller = match (credentials.api_token, credentials.bearer) {
            (Some(token), _) if token == self.api_token => Some((token, false)),
            (None, Some(token))
                if self.oauth_access_token.as_deref() == Some(token) || app.lets_in(token) =>
            {
                Some((token, true))
            }
            _ => None,
        };
        let Some((token, is_oauth)) = caller else {
            return Err(gateway(401, "unauthorized access").with_header("x-401-by-gw", "true"));
        };
        if self.account_closed {
            return Err(gateway(402, "The company account is not open."));
        }
        Ok(Caller {
            token: token.to_owned(),
            is_oauth,
            user_id: TOKEN_USER,
        })
    }

    /// Lets a call through and charges it, or refuses it for free. The headers go with either answer.
    pub(super) fn charge(
        &mut self,
        caller: &Caller,
        operation: &Operation,
        behaviour: &Behaviour,
    ) -> (Result<(), Reply>, Headers) {
        let (burst, mut headers) = self.count(caller, operation);
        self.budget.roll_over();
        let writes = behaviour
            .daily_writes
            .filter(|_| !caller.is_oauth && matches!(operation.verb, Verb::Post | Verb::Put));
        let result = burst.and_then(|()| {
            let limit = self.limits.daily_tokens;
            if limit.is_some_and(|limit| self.budget.left(limit) == 0) {
                return Err(self.budget.exhausted());
            }
            if let Some(limit) = writes {
                self.budget.count_write(limit)?;
            }
            self.budget.spent += u64::from(operation.token_cost);
            self.tokens_spent += u64::from(operation.token_cost);
            Ok(())
        });
        if let Some(limit) = writes {
            let left = self.budget.writes_left(limit);
            headers.push(("x-daily-requests-left", left.to_string()));
        }
        if let Some(limit) = self
            .limits
            .daily_tokens
            .filter(|_| behaviour.sends_daily_headers)
        {
            let left = self.budget.left(limit);
            headers.extend(self.daily_headers.say(limit, left));
        }
        (result, headers)
    }

    /// Counts a call against the windows it falls into; a call that one of them refuses is counted in neither.
    fn count(&mut self, caller: &Caller, operation: &Operation) -> (Result<(), Reply>, Headers) {
        let factor = if caller.is_oauth { OAUTH_FACTOR } else { 1 };
        let all_limit = self
            .limits
            .requests_per_2s
            .map(|limit| limit.saturating_mul(factor));
        let search_limit = self
            .limits
            .searches_per_2s
            .filter(|_| operation.is_search());
        let windows = self.windows.entry(caller.token.clone()).or_default();
        let mut limited = Vec::new();
        limited.extend(all_limit.map(|limit| (limit, &mut windows.all)));
        limited.extend(search_limit.map(|limit| (limit, &mut windows.search)));

        let now = Instant::now();
        for (_, window) in &mut limited {
            window.forget(now);
        }
        let fits = limited
            .iter()
            .all(|(limit, window)| window.left(*limit) > 0);
        if fits {
            for (_, window) in &mut limited {
                window.times.push_back(now);
            }
        }
        // The tighter of the two is what the caller has to know.
        let tightest = limited
            .iter()
            .min_by_key(|(limit, window)| window.left(*limit));
        let headers = tightest.map(|(limit, window)| window.headers(*limit, now));
        let result = if fits {
            Ok(())
        } else {
            Err(gateway(429, "rate limit exceeded"))
        };
        (result, headers.unwrap_or_default())
    }

    /// Replaces the API token. The old one is worth nothing at once.
    pub(super) fn rotate(&mut self, api_token: Option<String>) -> String {
        self.api_token = api_token.unwrap_or_else(random_token);
        self.api_token.clone()
    }

    /// Sets what is left of the day, and how long the day still is.
    pub(super) fn set_budget_left(&mut self, tokens: u64, day: Option<Duration>) {
        let limit = self.limits.daily_tokens.unwrap_or(tokens).max(tokens);
        self.limits.daily_tokens = Some(limit);
        self.budget.spent = limit - tokens;
        if let Some(day) = day {
            self.budget.resets_at = Instant::now() + day;
        }
    }

    /// What is left of the day, if there is a limit.
    pub(super) fn budget_left(&mut self) -> Option<u64> {
        self.budget.roll_over();
        self.limits
            .daily_tokens
            .map(|limit| self.budget.left(limit))
    }
}

/// The times of recent requests.
#[derive(Debug, Default)]
struct Window {
    times: VecDeque<Instant>,
}

impl Window {
    fn forget(&mut self, now: Instant) {
        while self
            .times
            .front()
            .is_some_and(|time| now.duration_since(*time) >= WINDOW)
        {
            self.times.pop_front();
        }
    }

    fn left(&self, limit: u32) -> u32 {
        limit.saturating_sub(u32::try_from(self.times.len()).unwrap_or(u32::MAX))
    }

    /// `x-ratelimit-reset` is a duration in whole seconds, not a point in time.
    fn headers(&self, limit: u32, now: Instant) -> Headers {
        let oldest = self
            .times
            .front()
            .map(|time| now.duration_since(*time))
            .unwrap_or_default();
        let reset = budget::whole_seconds(WINDOW.saturating_sub(oldest));
        vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", self.left(limit).to_string()),
            ("x-ratelimit-reset", reset.to_string()),
        ]
    }
}

/// Forty hexadecimal digits, as an API token of Pipedrive has.
fn random_token() -> String {
    let mut token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    token.truncate(40);
    token
}
