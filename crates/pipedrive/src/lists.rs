//! Lists, page by page.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::call::Call;
use crate::client::Client;
use crate::error::PipedriveError;

/// How many times longer than another request a page may take.
const LIST_PATIENCE: u32 = 2;
/// How many pages of one list may time out: the caller holds a lease meanwhile.
const TIMEOUTS: usize = 2;

/// The records of one page, each still to be read: a record that is odd does not blind the page.
pub(crate) type Records = Vec<Box<RawValue>>;

/// `data` of a search.
#[derive(Debug, Deserialize)]
pub(crate) struct SearchData {
    items: Vec<SearchItem>,
}

#[derive(Debug, Deserialize)]
struct SearchItem {
    item: Box<RawValue>,
}

/// `data` of a list or of a search.
pub(crate) trait Page: DeserializeOwned + Send {
    fn records(self) -> Records;
}

impl Page for Records {
    fn records(self) -> Records {
        self
    }
}

impl Page for SearchData {
    fn records(self) -> Records {
        self.items.into_iter().map(|found| found.item).collect()
    }
}

impl Client {
    /// All records of a list.
    pub(crate) async fn list<P: Page, T: DeserializeOwned + Send>(
        &self,
        call: impl Fn() -> Call<P>,
    ) -> Result<Vec<T>, PipedriveError> {
        let mut all = Vec::new();
        self.each_page(call, |page: Vec<T>| all.extend(page))
            .await?;
        Ok(all)
    }

    /// Hands over one page after another. A page that takes too long is asked for again at half its size. A cursor that
    /// does not lead on ends the list with an error: what is not listed must not be taken for absent.
    pub(crate) async fn each_page<P: Page, T: DeserializeOwned>(
        &self,
        call: impl Fn() -> Call<P>,
        mut take: impl FnMut(Vec<T>) + Send,
    ) -> Result<(), PipedriveError> {
        let mut timeouts = 0;
        let mut cursor: Option<String> = None;
        loop {
            let size = self.page_size.get();
            let mut page = call().with("limit", size.to_string());
            page.timeout = Some(self.list_timeout());
            if let Some(cursor) = &cursor {
                page = page.with("cursor", cursor.clone());
            }
            let answer = match self.read(&page).await {
                Err(error) if is_timeout(&error) => {
                    self.page_size.halve(size);
                    timeouts += 1;
                    if timeouts == TIMEOUTS {
                        return Err(error);
                    }
                    continue;
                }
                other => other?,
            };
            take(readable(page.operation, &answer.data.records()));
            let Some(next) = answer.next_cursor else {
                self.page_size.double(size);
                return Ok(());
            };
            if next.is_empty() || cursor.as_ref() == Some(&next) {
                return Err(no_way_on(page.operation));
            }
            cursor = Some(next);
        }
    }

    /// One page: the first, or the one that `cursor` leads to. One that takes too long is an error, and the next one is
    /// smaller.
    pub(crate) async fn one_page<P: Page, T: DeserializeOwned>(
        &self,
        call: Call<P>,
        cursor: Option<&str>,
    ) -> Result<(Vec<T>, Option<String>), PipedriveError> {
        let size = self.page_size.get();
        let mut page = call.with("limit", size.to_string());
        page.timeout = Some(self.list_timeout());
        if let Some(cursor) = cursor {
            page = page.with("cursor", cursor);
        }
        let answer = self.read(&page).await.inspect_err(|error| {
            if is_timeout(error) {
                self.page_size.halve(size);
            }
        })?;
        let records = readable(page.operation, &answer.data.records());
        match answer.next_cursor {
            Some(next) if next.is_empty() || cursor == Some(&*next) => {
                Err(no_way_on(page.operation))
            }
            next => {
                self.page_size.double(size);
                Ok((records, next))
            }
        }
    }

    fn list_timeout(&self) -> Duration {
        self.settings.request_timeout * LIST_PATIENCE
    }
}

/// What is not listed must not be taken for absent.
fn no_way_on(operation: &'static str) -> PipedriveError {
    PipedriveError::Unreadable {
        operation,
        status: 200,
        problem: "its cursor does not lead to another page",
    }
}

fn is_timeout(error: &PipedriveError) -> bool {
    matches!(error, PipedriveError::NoAnswer { source, .. } if source.is_timeout())
}

/// Those records that can be read.
pub(crate) fn readable<T: DeserializeOwned>(
    operation: &'static str,
    records: &[Box<RawValue>],
) -> Vec<T> {
    let count = records.len();
    let readable: Vec<T> = records
        .iter()
        .filter_map(|record| serde_json::from_str(record.get()).ok())
        .collect();
    if readable.len() < count {
        let unreadable = count - readable.len();
        tracing::warn!(operation, unreadable, "Left out records that have no id");
    }
    readable
}
