//! What `scripts/take.lua` answers.

use std::time::{Duration, Instant};

use pipedrive::Allowance;
use pipedrive::ports::{Receipt, Spend};
use redis::RedisError;

use crate::store::script::unknown_verdict;

/// The answer of the script as Redis gives it: a word, microseconds, and numbers of a receipt.
pub(super) type Answer = (String, u64, u64, i64, i64);

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// At a moment that is so far away: then it is to be asked for again. At once: it may be sent.
    Granted(Receipt, Duration),
    /// Not soon: there is no room for so long.
    Wait(Duration),
    /// Not today: Pipedrive refused a request, or reported that nothing is left, and all workers know it. Expires after
    /// this.
    Spent(Allowance, Duration),
    /// By our own count nothing is left until it begins anew.
    Counted(Allowance),
    /// By Pipedrive's last report, and what was granted since, too little is left. It is believed for this long.
    Reported(Allowance, Duration),
}

impl Verdict {
    /// Reads the answer to a request at the second `now` of our clock, which took `lag` to come.
    ///
    /// # Errors
    ///
    /// When its word is unknown.
    pub(super) fn parse(
        spend: Spend,
        now: i64,
        lag: Duration,
        answer: Answer,
    ) -> Result<Self, RedisError> {
        let (word, wait, number, tokens, writes) = answer;
        let wait = Duration::from_micros(wait);
        let receipt = Receipt {
            spend,
            number,
            tokens,
            writes,
            at: now,
            granted: Instant::now() + wait,
            lag,
            delay: Duration::ZERO,
            took: Duration::ZERO,
            was_refused: false,
        };
        match &*word {
            "taken" => Ok(Self::Granted(receipt, wait)),
            "wait" => Ok(Self::Wait(wait)),
            "tokens" => Ok(Self::Spent(Allowance::Tokens, wait)),
            "writes" => Ok(Self::Spent(Allowance::Writes, wait)),
            "share" => Ok(Self::Counted(Allowance::Share)),
            "writes_counted" => Ok(Self::Counted(Allowance::Writes)),
            "reported" => Ok(Self::Reported(Allowance::Tokens, wait)),
            "writes_reported" => Ok(Self::Reported(Allowance::Writes, wait)),
            other => Err(unknown_verdict("take.lua", other)),
        }
    }
}
