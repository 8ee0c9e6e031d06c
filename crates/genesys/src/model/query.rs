//! What analytics is asked: `ConversationQuery` of the API description, as far as it is needed.

use jiff::Timestamp;
use serde::Serialize;

/// Most conversations on a page that are known to be given.
const PAGE_MAX: u32 = 100;

/// A query for conversations.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DetailsQuery {
    /// From and to, joined by a slash.
    interval: String,
    order: Order,
    order_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    paging: Option<Paging>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conversation_filters: Vec<Filter>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    segment_filters: Vec<Filter>,
}

/// Oldest or newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Sorted by begin, the oldest first.
    Asc,
    /// Sorted by begin, the newest first.
    Desc,
}

/// Page of a list that is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Paging {
    /// Conversations on a page.
    pub page_size: u32,
    /// Number of the page, from 1.
    pub page_number: u32,
}

/// Predicates, joined by `and` or `or`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Filter {
    /// How the predicates are joined: `and` or `or`.
    #[serde(rename = "type")]
    kind: &'static str,
    predicates: Vec<Predicate>,
}

/// One condition on a dimension.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Predicate {
    #[serde(rename = "type")]
    kind: &'static str,
    dimension: &'static str,
    operator: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

impl DetailsQuery {
    /// The conversations that are over, of an interval, oldest end first. Times are cut to milliseconds.
    #[must_use]
    pub fn ended(from: Timestamp, to: Timestamp) -> Self {
        let text = |time: Timestamp| format!("{time:.3}");
        Self {
            interval: format!("{}/{}", text(from), text(to)),
            order: Order::Asc,
            order_by: "conversationEnd",
            paging: None,
            conversation_filters: vec![Filter {
                kind: "and",
                predicates: vec![Predicate {
                    kind: "dimension",
                    dimension: "conversationEnd",
                    operator: "exists",
                    value: None,
                }],
            }],
            segment_filters: Vec::new(),
        }
    }

    /// Those of these media types only: `voice`, `message`, `chat` and others.
    #[must_use]
    pub fn of_media(mut self, media: &[&str]) -> Self {
        let predicate = |media: &&str| Predicate {
            kind: "dimension",
            dimension: "mediaType",
            operator: "matches",
            value: Some((*media).to_owned()),
        };
        self.segment_filters = vec![Filter {
            kind: "or",
            predicates: media.iter().map(predicate).collect(),
        }];
        self
    }

    /// The page with this number, from 1.
    #[must_use]
    pub fn page(&self, number: u32) -> Self {
        Self {
            paging: Some(Paging {
                page_size: PAGE_MAX,
                page_number: number.max(1),
            }),
            ..self.clone()
        }
    }

    /// As a job takes it.
    pub(crate) fn without_paging(&self) -> Self {
        Self {
            paging: None,
            ..self.clone()
        }
    }
}
