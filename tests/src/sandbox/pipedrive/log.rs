//! The truth log: every request, what was answered, and what it changed.

use std::collections::VecDeque;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::reply::Effect;

/// What the client received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Nothing yet: the request is in progress.
    Pending,
    /// A whole answer with this status, if the client was still there.
    Status(u16),
    /// The beginning of an answer with this status, then the connection was cut.
    Truncated(u16),
    /// Not a byte: the connection was cut.
    Cut,
}

/// A request to the sandbox, and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Counts the requests from 0, over resets too.
    pub number: u64,
    /// Time at which the request arrived.
    pub at: Timestamp,
    /// HTTP method of the request.
    pub method: String,
    /// Path of the request, without its query.
    pub path: String,
    /// Its query string, not decoded.
    pub query: String,
    /// What the client received.
    pub answer: Answer,
    /// What it cost of the daily budget.
    pub tokens: u32,
    /// The name of the fault that befell it.
    pub fault: Option<String>,
    /// What it changed; empty for a read and for a refusal.
    pub effects: Vec<Effect>,
    /// Whether its effect is yet to come, after the connection was cut.
    pub effect_is_pending: bool,
}

impl fmt::Display for RequestRecord {
    /// One line: when, what, what came of it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} {} {}: {:?}",
            self.at, self.method, self.path, self.answer
        )?;
        if let Some(fault) = &self.fault {
            write!(formatter, ", {fault}")?;
        }
        match self.effects.len() {
            0 => Ok(()),
            effects => write!(formatter, ", {effects} effects"),
        }
    }
}

impl RequestRecord {
    /// Whether it changed anything.
    #[must_use]
    pub fn was_applied(&self) -> bool {
        !self.effects.is_empty()
    }
}

/// The most recent requests, and how many there were in all.
#[derive(Debug)]
pub(super) struct RequestLog {
    records: VecDeque<RequestRecord>,
    first_number: u64,
    next_number: u64,
    capacity: usize,
}

impl RequestLog {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            records: VecDeque::new(),
            first_number: 0,
            next_number: 0,
            capacity: capacity.max(1),
        }
    }

    /// Forgets every request. Numbers go on, so that whoever reads the log in steps keeps its place.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.first_number = self.next_number;
    }

    /// Whether a request came after the last time that everything was forgotten.
    pub(super) fn is_current(&self, number: u64) -> bool {
        number >= self.first_number
    }

    /// Opens the record of a request that has just arrived, and returns its number.
    pub(super) fn open(&mut self, method: &str, path: &str, query: &str) -> u64 {
        if self.records.len() == self.capacity {
            self.records.pop_front();
        }
        let number = self.next_number;
        self.next_number += 1;
        self.records.push_back(RequestRecord {
            number,
            at: shared::clock::now(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            answer: Answer::Pending,
            tokens: 0,
            fault: None,
            effects: Vec::new(),
            effect_is_pending: false,
        });
        number
    }

    /// A record, unless it has been dropped since.
    pub(super) fn record(&mut self, number: u64) -> Option<&mut RequestRecord> {
        let first = self.records.front()?.number;
        self.records
            .get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// The records from `number` on.
    pub(super) fn since(&self, number: u64) -> impl Iterator<Item = &RequestRecord> {
        let first = self.records.front().map_or(0, |record| record.number);
        let skipped = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        self.records.iter().skip(skipped)
    }

    /// The number of the next request.
    pub(super) fn next_number(&self) -> u64 {
        self.next_number
    }

    /// How many requests there were.
    pub(super) fn total(&self) -> u64 {
        self.next_number - self.first_number
    }
}
