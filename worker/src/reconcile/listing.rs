//! Lists the conversations that ended, from Genesys' analytics.
//!
//! A query answers within seconds of the present, but only with conversations that started on a day that its interval
//! touches. A job has all conversations with activity in its interval, hours later. So a job serves long spans as far as
//! its data reaches, and queries the rest. Sources: `AnalyticsApi` of Genesys' SDKs, and `dataAvailabilityDate` of its jobs.

use std::collections::HashMap;
use std::time::Duration;

use genesys::model::{ConversationDetails, DetailsPage, DetailsQuery};
use genesys::{Client, GenesysError};
use jiff::{SignedDuration, Timestamp};

/// The longest span that queries alone serve. Beyond it, a message thread that began days before its end is likely.
const QUERIES_ONLY: SignedDuration = SignedDuration::from_hours(48);
/// How far before a span the conversations may have begun that a query looks for.
const BEGAN_BEFORE: SignedDuration = SignedDuration::from_hours(24);
/// Spans of one query: so that page numbers stay small.
const QUERY_SPAN: SignedDuration = SignedDuration::from_hours(24);
/// Between two looks at a job, and how many there are at most: ten minutes.
const JOB_PAUSE: Duration = Duration::from_secs(2);
const JOB_LOOKS: u32 = 300;

/// Listing stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    /// Genesys did not answer with what was asked for.
    #[error("Genesys does not list conversations")]
    Genesys(#[from] GenesysError),
    /// The job ended without results, or did not end.
    #[error("Genesys' job of the span's conversations {0}; try a shorter span")]
    Job(&'static str),
    /// Genesys answers with the same cursor again.
    #[error("Genesys' job answers with the same cursor again")]
    Cursor,
}

/// The conversations that ended from `from` until `to`, each once, in no order. `seen` learns how many were listed so far.
///
/// # Errors
///
/// When Genesys does not list them.
pub(super) async fn ended(
    client: &Client,
    (from, to): (Timestamp, Timestamp),
    seen: &mut (dyn FnMut(usize) + Send),
) -> Result<Vec<ConversationDetails>, ListError> {
    let mut listed = Listed {
        span: (from, to),
        found: HashMap::new(),
        seen,
    };
    let mut rest = from;
    if to.duration_since(from) > QUERIES_ONLY {
        let available = client.details_job_availability().await?;
        let until = available.data_availability_date.unwrap_or(from).min(to);
        if until > from {
            by_job(client, (from, until), &mut listed).await?;
            rest = until;
        }
    }
    by_queries(client, (rest, to), &mut listed).await?;
    Ok(listed.found.into_values().collect())
}

/// What was listed so far.
struct Listed<'s> {
    span: (Timestamp, Timestamp),
    found: HashMap<String, ConversationDetails>,
    seen: &'s mut (dyn FnMut(usize) + Send),
}

impl Listed<'_> {
    /// Adds a page. Pages shift while conversations are added, so that one may be on two of them.
    fn add(&mut self, page: DetailsPage) {
        let (from, to) = self.span;
        for conversation in page.conversations {
            let ended = conversation.conversation_end;
            let Some(id) = conversation.conversation_id.clone() else {
                continue;
            };
            if ended.is_some_and(|at| from <= at && at < to) {
                self.found.insert(id, conversation);
            }
        }
        (self.seen)(self.found.len());
    }
}

async fn by_queries(
    client: &Client,
    (from, to): (Timestamp, Timestamp),
    listed: &mut Listed<'_>,
) -> Result<(), ListError> {
    let mut begin = from.checked_sub(BEGAN_BEFORE).unwrap_or(from);
    while begin < to {
        let end = begin.checked_add(QUERY_SPAN).unwrap_or(to).min(to);
        let query = DetailsQuery::ended(begin, end);
        for number in 1.. {
            let page = client.query_details(&query.page(number)).await?;
            let is_last = page.conversations.is_empty();
            listed.add(page);
            if is_last {
                break;
            }
        }
        begin = end;
    }
    Ok(())
}

async fn by_job(
    client: &Client,
    (from, to): (Timestamp, Timestamp),
    listed: &mut Listed<'_>,
) -> Result<(), ListError> {
    let job = client
        .start_details_job(&DetailsQuery::ended(from, to))
        .await?;
    wait_for(client, &job).await?;
    let mut cursor: Option<String> = None;
    loop {
        let page = client.details_job_results(&job, cursor.as_deref()).await?;
        let next = page.cursor.clone().filter(|next| !next.is_empty());
        listed.add(page);
        match next {
            None => return Ok(()),
            Some(next) if cursor.as_ref() == Some(&next) => return Err(ListError::Cursor),
            next => cursor = next,
        }
    }
}

async fn wait_for(client: &Client, job: &str) -> Result<(), ListError> {
    for _ in 0..JOB_LOOKS {
        let state = client.details_job(job).await?;
        if state.is_fulfilled() {
            return Ok(());
        }
        if state.has_failed() {
            return Err(ListError::Job("failed"));
        }
        tokio::time::sleep(JOB_PAUSE).await;
    }
    Err(ListError::Job("takes more than ten minutes"))
}
