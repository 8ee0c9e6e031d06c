//! What the API takes: operations, their permissions, parameters and bodies. Anything else is refused.
//!
//! A test compares this with Genesys' own API description.

use super::error::ApiError;
use super::handlers::{analytics, artefacts, conversations, directory};
use super::reply::Reply;
use super::world::World;

/// A request that was let through.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    /// Ids of the path, in order.
    pub ids: Vec<String>,
    /// Query parameters, in order.
    pub query: Vec<(String, String)>,
    /// The body, where the operation takes one.
    pub body: serde_json::Value,
}

impl Call {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut query = self.query.iter();
        query
            .find(|(key, _)| key == name)
            .map(|(_, value)| &**value)
    }
}

pub(super) type Handler = fn(&mut World, &Call) -> Result<Reply, ApiError>;

/// An operation of the API with what it takes.
#[derive(Debug)]
pub struct Operation {
    /// HTTP method: `GET` or `POST`.
    pub method: &'static str,
    /// The path, with `{name}` for ids.
    pub path: &'static str,
    /// Whether one of the permissions is enough.
    pub any_permission: bool,
    /// Permissions that the operation needs.
    pub permissions: &'static [&'static str],
    /// Query parameters that the operation takes.
    pub query: &'static [Field],
    /// The members of the body. Empty: no body is taken.
    pub body: &'static [Field],
    /// What an organisation must have bought or switched on.
    pub feature: Option<Feature>,
    pub(super) handler: Handler,
}

/// What organisations may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Metadata of recordings.
    Recordings,
    /// Summaries of Agent Copilot.
    Summaries,
    /// Summaries of Speech and Text Analytics.
    AnalyticsSummaries,
    /// Transcripts of what was said.
    Transcripts,
    /// External contacts, who are customers.
    Contacts,
}

/// A parameter, or a member of a body.
#[derive(Debug)]
pub struct Field {
    /// Name of the member or parameter.
    pub name: &'static str,
    /// Type of the field.
    pub kind: Kind,
    /// Whether it must be there.
    pub is_required: bool,
}

/// What a parameter or member holds.
#[derive(Debug)]
pub enum Kind {
    /// Text of any content.
    Text,
    /// A number without a fraction.
    Integer,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// Two times, joined by a slash.
    Interval,
    /// An object with these members.
    Object(&'static [Field]),
    /// A list of objects.
    List(&'static [Field]),
    /// A boolean: `true` or `false`.
    Boolean,
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        is_required: false,
    }
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        is_required: true,
    }
}

const RECORDING: &[&str] = &[
    "recording:recording:view",
    "recording:recordingSegment:view",
    "recording:snippetRecording:view",
    "recording:screenRecording:view",
];
const DETAIL: &[&str] = &[
    "analytics:conversationDetail:view",
    "analytics:agentConversationDetail:view",
];
const FORMATS: &[&str] = &[
    "WAV",
    "WEBM",
    "WAV_ULAW",
    "OGG_VORBIS",
    "OGG_OPUS",
    "MP3",
    "NONE",
];

const PREDICATE: &[Field] = &[
    field("type", Kind::OneOf(&["dimension", "property", "metric"])),
    field("dimension", Kind::Text),
    field("metric", Kind::Text),
    field("operator", Kind::OneOf(&["matches", "exists", "notExists"])),
    field("value", Kind::Text),
];
const CLAUSE: &[Field] = &[
    required("type", Kind::OneOf(&["and", "or"])),
    required("predicates", Kind::List(PREDICATE)),
];
const FILTER: &[Field] = &[
    required("type", Kind::OneOf(&["and", "or"])),
    field("clauses", Kind::List(CLAUSE)),
    field("predicates", Kind::List(PREDICATE)),
];
const PAGING: &[Field] = &[
    required("pageSize", Kind::Integer),
    required("pageNumber", Kind::Integer),
];
const ORDER: &[&str] = &["asc", "desc"];
const ORDER_BY: &[&str] = &[
    "conversationStart",
    "conversationEnd",
    "segmentStart",
    "segmentEnd",
];
const QUERY: &[Field] = &[
    required("interval", Kind::Interval),
    field("order", Kind::OneOf(ORDER)),
    field("orderBy", Kind::OneOf(ORDER_BY)),
    field("paging", Kind::Object(PAGING)),
    field("conversationFilters", Kind::List(FILTER)),
    field("segmentFilters", Kind::List(FILTER)),
];
const JOB_QUERY: &[Field] = &[
    required("interval", Kind::Interval),
    field("order", Kind::OneOf(ORDER)),
    field("orderBy", Kind::OneOf(ORDER_BY)),
    field("conversationFilters", Kind::List(FILTER)),
    field("segmentFilters", Kind::List(FILTER)),
    field("limit", Kind::Integer),
    field("startOfDayIntervalMatching", Kind::Boolean),
];

const fn get(
    path: &'static str,
    permissions: &'static [&'static str],
    handler: Handler,
) -> Operation {
    Operation {
        method: "GET",
        path,
        any_permission: true,
        permissions,
        query: &[],
        body: &[],
        feature: None,
        handler,
    }
}

impl Operation {
    const fn all(self) -> Self {
        Self {
            any_permission: false,
            ..self
        }
    }

    const fn with(self, query: &'static [Field]) -> Self {
        Self { query, ..self }
    }

    const fn of(self, feature: Feature) -> Self {
        Self {
            feature: Some(feature),
            ..self
        }
    }

    const fn taking(self, body: &'static [Field]) -> Self {
        Self {
            method: "POST",
            body,
            ..self
        }
    }

    /// Method and path, by which its requests are counted.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The operations that the sandbox knows.
static OPERATIONS: &[Operation] = &[
    get("/api/v2/conversations/{conversationId}", &["conversation:communication:view"], conversations::read),
    get("/api/v2/conversations/{conversationId}/summaries", &["conversation:summary:view"], artefacts::summaries)
        .all()
        .of(Feature::Summaries),
    get("/api/v2/conversations/{conversationId}/recordings", RECORDING, artefacts::recordings)
        .of(Feature::Recordings)
        .with(&[field("maxWaitMs", Kind::Integer), field("formatId", Kind::OneOf(FORMATS))]),
    get("/api/v2/conversations/{conversationId}/recordingmetadata", RECORDING, artefacts::recording_metadata)
        .of(Feature::Recordings),
    get("/api/v2/analytics/conversations/details", DETAIL, analytics::several).with(&[field("id", Kind::Text)]),
    get("/api/v2/analytics/conversations/{conversationId}/details", DETAIL, analytics::one),
    get("/api/v2/analytics/conversations/details/query", DETAIL, analytics::query).taking(QUERY),
    get("/api/v2/analytics/conversations/details/jobs", DETAIL, analytics::start_job).taking(JOB_QUERY),
    get(
        "/api/v2/analytics/conversations/details/jobs/availability",
        &["analytics:conversationDetail:view"],
        analytics::availability,
    ),
    get("/api/v2/analytics/conversations/details/jobs/{jobId}", DETAIL, analytics::job),
    get("/api/v2/analytics/conversations/details/jobs/{jobId}/results", DETAIL, analytics::results)
        .with(&[field("cursor", Kind::Text), field("pageSize", Kind::Integer)]),
    get(
        "/api/v2/speechandtextanalytics/conversations/{conversationId}/summaries",
        &["speechAndTextAnalytics:aiSummary:view"],
        artefacts::analytics_summaries,
    )
    .all()
    .of(Feature::AnalyticsSummaries),
    get(
        "/api/v2/speechandtextanalytics/conversations/{conversationId}/communications/{communicationId}/transcripturl",
        &["recording:recording:view", "speechAndTextAnalytics:data:view"],
        artefacts::transcript_url,
    )
    .all()
    .of(Feature::Transcripts),
    get("/api/v2/users/{userId}", &[], directory::user),
    get("/api/v2/routing/queues/{queueId}", &["routing:queue:view"], directory::queue).all(),
    get("/api/v2/routing/wrapupcodes/{codeId}", &["routing:wrapupCode:view"], directory::wrapup_code).all(),
    get(
        "/api/v2/externalcontacts/contacts/{contactId}",
        &["relate:contact:view", "externalContacts:contact:view"],
        directory::contact,
    )
    .of(Feature::Contacts),
];

/// The operations that the sandbox knows.
#[must_use]
pub fn operations() -> &'static [Operation] {
    OPERATIONS
}

/// The operation that a request is for, and the ids in its path.
pub(super) fn route(
    method: &str,
    path: &str,
) -> Result<(&'static Operation, Vec<String>), ApiError> {
    let matching = || {
        OPERATIONS
            .iter()
            .filter_map(|operation| Some((operation, ids(operation.path, path)?)))
    };
    if matching().next().is_none() {
        return Err(ApiError::not_found("resource"));
    }
    // A literal segment comes before a name: `jobs/availability` is no job's id.
    let of_method = matching().filter(|(operation, _)| operation.method == method);
    of_method
        .min_by_key(|(_, ids)| ids.len())
        .ok_or_else(|| ApiError::new(405, "method.not.allowed", "Method not allowed."))
}

fn ids(template: &str, path: &str) -> Option<Vec<String>> {
    let (mut names, mut segments) = (template.split('/'), path.split('/'));
    let mut ids = Vec::new();
    loop {
        match (names.next(), segments.next()) {
            (None, None) => return Some(ids),
            (Some(name), Some(segment)) if name.starts_with('{') && !segment.is_empty() => {
                ids.push(segment.to_owned());
            }
            (Some(name), Some(segment)) if name == segment => {}
            _ => return None,
        }
    }
}
