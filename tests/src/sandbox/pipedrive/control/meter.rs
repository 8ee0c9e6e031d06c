//! What a stretch of time has cost: requests and tokens by operation.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::contract::{self, Route};
use super::Control;

/// What one operation has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// How many requests there were, refused ones included.
    pub requests: u64,
    /// The tokens that they cost.
    pub tokens: u64,
}

/// Counts what was spent since it was started.
#[derive(Clone, Debug)]
pub struct Meter {
    control: Control,
    from: u64,
}

impl Control {
    /// Counts the requests from now on.
    #[must_use]
    pub fn meter(&self) -> Meter {
        let from = self.with(|state| state.log.next_number());
        self.meter_from(from)
    }

    /// A meter of everything from the request with this number on.
    #[must_use]
    pub fn meter_from(&self, number: u64) -> Meter {
        Meter {
            control: self.clone(),
            from: number,
        }
    }
}

impl Meter {
    /// The tokens of all operations together.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.by_operation().values().map(|spent| spent.tokens).sum()
    }

    /// What each operation has cost, by names such as `GET /api/v2/persons/{id}`.
    #[must_use]
    pub fn by_operation(&self) -> BTreeMap<String, Reading> {
        self.control.with(|state| {
            let mut readings = BTreeMap::<_, Reading>::new();
            for record in state.log.since(self.from) {
                let name = operation_name(&record.method, &record.path);
                let reading = readings.entry(name).or_default();
                reading.requests += 1;
                reading.tokens += u64::from(record.tokens);
            }
            readings
        })
    }
}

/// A request without the id in its path.
fn operation_name(method: &str, path: &str) -> String {
    match contract::route(method, path) {
        Route::Found(_, id) if !id.is_empty() => {
            format!("{method} {}", path.replacen(&format!("/{id}"), "/{id}", 1))
        }
        _ => format!("{method} {path}"),
    }
}
