//! The day: what is spent of it, what is known of its limits, and who asks Pipedrive while it is spent.

use std::time::Duration;

use pipedrive::Allowance;
use redis::RedisError;
use shared::clock;

use super::TokenBucket;
use crate::store::script::ms;

const DAY: i64 = 86_400;
/// Tokens a day of the smallest plan with one seat: what is reckoned with where a number is needed and none is known.
/// Nothing that is recorded is stopped by it.
const SMALLEST_PLAN: u64 = 30_000;
/// Shortest time for which an allowance counts as spent, whatever an answer says.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// What is spent of a day, and of how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Tokens that all workers spent, since the day began for us.
    pub ours: u64,
    /// Our share of the tokens, where a setting limits it.
    pub share: Option<u64>,
    /// The company's tokens, once Pipedrive reported it.
    pub limit: Option<u64>,
    /// What is left of them: Pipedrive's last report, less what was granted since.
    pub left: Option<u64>,
    /// Writes of this UTC day: our own count, or Pipedrive's where it reports that.
    pub writes: u64,
    /// Writes a day, where Pipedrive limits them.
    pub writes_limit: Option<u64>,
}

impl Day {
    /// Tokens of the company that are spent, by all its integrations.
    #[must_use]
    pub fn of_company(self) -> Option<u64> {
        Some(self.limit?.saturating_sub(self.left?))
    }

    /// The tokens that there are for us in a day: our share, or the company's limit where that is less or no share is set.
    #[must_use]
    pub fn tokens(self) -> Option<u64> {
        smaller(self.share, self.limit)
    }

    /// Least number of [`Self::tokens`] that is spent.
    #[must_use]
    pub fn spent(self) -> u64 {
        let reported = self.left.zip(self.tokens());
        let reported = reported.map_or(0, |(left, tokens)| tokens.saturating_sub(left));
        self.ours.max(reported)
    }
}

/// The day's tokens to reckon with where `known` is not known.
#[must_use]
pub fn smallest_plan(known: Option<u64>) -> u64 {
    known.unwrap_or(SMALLEST_PLAN)
}

fn smaller(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (known, None) | (None, known) => known,
    }
}

/// Pipedrive's last report of an allowance, less what was granted since; `None` where there is none.
fn left(reported: Option<i64>, granted: Option<i64>) -> Option<u64> {
    let left = reported?.saturating_sub(granted.unwrap_or(0));
    Some(u64::try_from(left).unwrap_or(0))
}

/// What a report holds; the order of [`Report`].
const REPORT_FIELDS: [&str; 5] = [
    "tokens_left",
    "tokens",
    "writes_left",
    "writes",
    "writes_at",
];

type Report = (
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

impl TokenBucket {
    /// What is spent today.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn today(&self) -> Result<Day, RedisError> {
        let now = clock::now().as_second();
        let (ours, writes, limit, report): (Option<u64>, Option<u64>, Option<u64>, Report) =
            redis::pipe()
                .get(self.day_key(now))
                .get(self.writes_key(now))
                .get(self.limit_key())
                .cmd("HMGET")
                .arg(self.report_key())
                .arg(&REPORT_FIELDS)
                .query_async(&mut self.store.connection()?)
                .await?;
        let (tokens_left, tokens, writes_left, granted, reported_us) = report;
        let is_todays = reported_us.is_some_and(|us| (us / 1_000_000) / DAY == now / DAY);
        let writes_left = left(writes_left, granted).filter(|_| is_todays);
        let writes_limit = self.settings.daily_writes;
        let reported = writes_limit.zip(writes_left);
        let reported = reported.map(|(limit, left)| limit.saturating_sub(left));
        Ok(Day {
            ours: ours.unwrap_or(0),
            share: self.settings.daily_tokens,
            limit,
            left: left(tokens_left, tokens),
            writes: reported.or(writes).unwrap_or(0),
            writes_limit,
        })
    }

    /// How long until our own count begins anew: of tokens at the configured time, of writes at midnight UTC.
    #[must_use]
    pub fn until_renewed(&self, of: Allowance) -> Duration {
        let begins = match of {
            Allowance::Tokens | Allowance::Share => self.settings.daily_reset.seconds,
            Allowance::Writes => 0,
        };
        let into_day = (clock::now().as_second() - i64::from(begins)).rem_euclid(DAY);
        Duration::from_secs(u64::try_from(DAY - into_day).unwrap_or(1))
    }

    /// How long an allowance counts as spent: as Pipedrive says; otherwise tokens until our day ends, since a probe may end
    /// that; writes until a probe would be due, since only another write shows whether there are new ones.
    pub(super) fn longest_pause(&self, of: Allowance, renewed_in: Option<Duration>) -> Duration {
        let wait = renewed_in.unwrap_or_else(|| match of {
            Allowance::Tokens | Allowance::Share => self.until_renewed(of),
            Allowance::Writes => self.until_renewed(of).min(self.settings.probe_interval),
        });
        wait.max(SHORTEST_PAUSE)
    }

    /// Nothing of an allowance is granted for `wait`. What was reported of it before ends with that.
    pub(super) async fn end(&self, of: Allowance, wait: Duration) -> Result<(), RedisError> {
        let (left, at) = fields(of);
        redis::pipe()
            .pset_ex(self.spent_key(of), 1, ms(wait))
            .ignore()
            .hdel(self.report_key(), &[left, at])
            .ignore()
            .add_command(self.probe_claim())
            .ignore()
            .query_async(&mut self.store.connection()?)
            .await
    }

    /// Whether nothing of an allowance is granted.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn is_spent(&self, of: Allowance) -> Result<bool, RedisError> {
        redis::cmd("EXISTS")
            .arg(self.spent_key(of))
            .query_async(&mut self.store.connection()?)
            .await
    }

    /// Whether it is for the caller to ask Pipedrive now: once in an interval for all workers.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn claim_probe(&self) -> Result<bool, RedisError> {
        let connection = &mut self.store.connection()?;
        let claimed: Option<String> = self.probe_claim().query_async(connection).await?;
        Ok(claimed.is_some())
    }

    fn probe_claim(&self) -> redis::Cmd {
        let mut claim = redis::cmd("SET");
        claim
            .arg(self.key("probe"))
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(ms(self.settings.probe_interval).max(1));
        claim
    }

    /// The day's tokens are there again, for all workers.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn renew(&self) -> Result<(), RedisError> {
        redis::cmd("DEL")
            .arg(self.spent_key(Allowance::Tokens))
            .arg(self.key("probe"))
            .query_async(&mut self.store.connection()?)
            .await
    }

    /// Forgets that anything is spent or limited for a while, until an answer says so anew. Our own counts stay.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn forget(&self) -> Result<(), RedisError> {
        let [tokens, writes] = [Allowance::Tokens, Allowance::Writes].map(fields);
        redis::pipe()
            .del(self.spent_key(Allowance::Tokens))
            .ignore()
            .del(self.spent_key(Allowance::Writes))
            .ignore()
            .del(&["probe", "pause", "pause:searches"].map(|name| self.key(name)))
            .ignore()
            .hdel(self.report_key(), &[tokens.0, tokens.1, writes.0, writes.1])
            .ignore()
            .query_async(&mut self.store.connection()?)
            .await
    }

    pub(super) fn day_key(&self, now: i64) -> String {
        let day = (now - i64::from(self.settings.daily_reset.seconds)).div_euclid(DAY);
        self.key(&format!("day:{day}"))
    }

    pub(super) fn writes_key(&self, now: i64) -> String {
        self.key(&format!("writes:{}", now.div_euclid(DAY)))
    }

    pub(super) fn spent_key(&self, of: Allowance) -> String {
        self.key(match of {
            Allowance::Tokens | Allowance::Share => "spent",
            Allowance::Writes => "spent:writes",
        })
    }

    pub(super) fn report_key(&self) -> String {
        self.key("report")
    }

    pub(super) fn limit_key(&self) -> String {
        self.key("limit")
    }
}

/// The fields of the report on an allowance: what is left, and when that was reported.
fn fields(of: Allowance) -> (&'static str, &'static str) {
    match of {
        Allowance::Tokens | Allowance::Share => ("tokens_left", "tokens_at"),
        Allowance::Writes => ("writes_left", "writes_at"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_and_the_plan_limit_a_day_together() {
        let day = |share, limit| Day {
            share,
            limit,
            ..Day::default()
        };

        assert_eq!(day(None, None).tokens(), None);
        assert_eq!(day(None, Some(60_000)).tokens(), Some(60_000));
        assert_eq!(day(Some(5_000), None).tokens(), Some(5_000));
        assert_eq!(day(Some(5_000), Some(60_000)).tokens(), Some(5_000));
        assert_eq!(day(Some(90_000), Some(60_000)).tokens(), Some(60_000));
    }

    #[test]
    fn what_others_spent_counts_as_far_as_it_leaves_less_than_our_share() {
        let day = |left| Day {
            ours: 100,
            share: Some(1_000),
            limit: Some(60_000),
            left: Some(left),
            ..Day::default()
        };

        assert_eq!(day(59_000).spent(), 100);
        assert_eq!(day(300).spent(), 700);
        assert_eq!(day(300).of_company(), Some(59_700));
    }

    #[test]
    fn what_was_granted_since_a_report_is_no_longer_left() {
        assert_eq!(left(None, Some(7)), None);
        assert_eq!(left(Some(1_000), None), Some(1_000));
        assert_eq!(left(Some(1_000), Some(990)), Some(10));
        assert_eq!(left(Some(1_000), Some(1_010)), Some(0));
    }
}
