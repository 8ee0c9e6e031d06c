//! What stands before every service: authentication, the state of the account, burst limits and the daily budget.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::config::Limits;
use super::contract::Operation;
use super::error::gateway;
use super::oauth::OAuthServer;
use super::reply::Reply;
use super::world::TOKEN_USER;

/// Burst limits count the requests of this long, looking back from each request.
const WINDOW: Duration = Duration::from_secs(2);

/// An OAuth token may send this many times what an API token may, except to the Search API.
const OAUTH_FACTOR: u32 = 4;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The credentials of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Credentials<'r> {
    /// The header `x-api-token`.
    pub(super) api_token: Option<&'r str>,
    /// What follows `Bearer` in the header `authorization`.
    pub(super) bearer: Option<&'r str>,
    /// What follows `Basic` there.
    pub(super) basic: Option<&'r str>,
}

/// The gateway's memory.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) limits: Limits,
    pub(super) account_closed: bool,
    /// The one API token that is valid.
    pub(super) api_token: String,
    pub(super) oauth_access_token: Option<String>,
    windows: HashMap<String, Windows>,
    budget: Budget,
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
        daily_headers: bool,
    ) -> (Result<(), Reply>, Headers) {
        let (burst, mut headers) = self.count(caller, operation);
        let result = burst.and_then(|()| {
            self.budget.roll_over();
            let left = self
                .limits
                .daily_tokens
                .map(|limit| self.budget.left(limit));
            if left == Some(0) {
                return Err(self.budget.exhausted());
            }
            self.budget.spent += u64::from(operation.token_cost);
            self.tokens_spent += u64::from(operation.token_cost);
            Ok(())
        });
        if let Some(limit) = self.limits.daily_tokens.filter(|_| daily_headers) {
            headers.push(("x-daily-ratelimit-token-limit", limit.to_string()));
            let left = self.budget.left(limit);
            headers.push(("x-daily-ratelimit-token-remaining", left.to_string()));
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
        let reset = whole_seconds(WINDOW.saturating_sub(oldest));
        vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", self.left(limit).to_string()),
            ("x-ratelimit-reset", reset.to_string()),
        ]
    }
}

/// The daily tokens of the company.
#[derive(Debug)]
struct Budget {
    spent: u64,
    resets_at: Instant,
}

impl Budget {
    fn new() -> Self {
        Self {
            spent: 0,
            resets_at: Instant::now() + until_midnight(),
        }
    }

    fn roll_over(&mut self) {
        if Instant::now() >= self.resets_at {
            *self = Self::new();
        }
    }

    /// The call that takes the last token may cost more than what was left.
    fn left(&self, limit: u64) -> u64 {
        limit.saturating_sub(self.spent)
    }

    fn exhausted(&self) -> Reply {
        let wait = self.resets_at.saturating_duration_since(Instant::now());
        gateway(429, "daily request budget exceeded")
            .with_header("retry-after", &whole_seconds(wait).to_string())
    }
}

/// Rounded up, so that whoever waits as long as told finds the door open.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn until_midnight() -> Duration {
    let into_the_day = shared::clock::now().as_second().rem_euclid(DAY_SECONDS);
    Duration::from_secs((DAY_SECONDS - into_the_day).unsigned_abs())
}

/// Forty hexadecimal digits, as an API token of Pipedrive has.
fn random_token() -> String {
    let mut token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    token.truncate(40);
    token
}
