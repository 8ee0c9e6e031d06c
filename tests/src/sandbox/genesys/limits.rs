//! The rate limit: so many requests in a window, which begins with the first of them.

use std::time::{Duration, Instant};

use super::error::ApiError;

#[derive(Debug)]
pub(super) struct Limiter {
    pub allowed: u64,
    pub window: Duration,
    count: u64,
    began: Option<Instant>,
}

/// What an answer's headers say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    count: u64,
    allowed: u64,
    reset: u64,
}

impl Limiter {
    pub fn new(allowed: u64, window: Duration) -> Self {
        Self {
            allowed,
            window,
            count: 0,
            began: None,
        }
    }

    /// Counts a request; an error if it is one too many.
    pub fn count(&mut self) -> (Counted, Result<(), ApiError>) {
        let now = Instant::now();
        let began = match self.began {
            Some(began) if now < began + self.window => began,
            Some(_) | None => {
                self.count = 0;
                now
            }
        };
        self.began = Some(began);
        self.count += 1;
        let left = (began + self.window).saturating_duration_since(now);
        let counted = Counted {
            count: self.count,
            allowed: self.allowed,
            reset: left.as_secs().max(1),
        };
        if self.count <= self.allowed {
            return (counted, Ok(()));
        }
        let message = format!(
            "Rate limit exceeded the maximum. Retry the request in [{}] seconds",
            counted.reset
        );
        (
            counted,
            Err(ApiError::new(429, "too.many.requests", message)),
        )
    }

    /// Opens a new window.
    pub fn reset(&mut self) {
        self.began = None;
    }
}

impl Counted {
    pub fn headers(self, is_refused: bool) -> Vec<(String, String)> {
        let mut headers = vec![
            ("inin-ratelimit-count".to_owned(), self.count.to_string()),
            (
                "inin-ratelimit-allowed".to_owned(),
                self.allowed.to_string(),
            ),
            ("inin-ratelimit-reset".to_owned(), self.reset.to_string()),
        ];
        if is_refused {
            headers.push(("retry-after".to_owned(), self.reset.to_string()));
        }
        headers
    }
}
