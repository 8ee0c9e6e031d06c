//! The operations of v1 that have no successor in v2: notes, call logs, users, activity types, merging persons.

use super::super::handlers::{call_logs, notes, persons, users};
use super::{Body, Field, Kind, Operation, Verb, Version, field};

/// The fields of a note, whose content only a create demands.
macro_rules! note_fields {
    ($content:expr) => {
        &[
            $content,
            field("lead_id", Kind::Text),
            field("deal_id", Kind::Integer),
            field("person_id", Kind::Integer),
            field("org_id", Kind::Integer),
            field("project_id", Kind::Integer),
            field("task_id", Kind::Integer),
            field("user_id", Kind::Integer),
            field("add_time", Kind::UtcDateTime),
            field("pinned_to_lead_flag", Kind::Flag),
            field("pinned_to_deal_flag", Kind::Flag),
            field("pinned_to_organization_flag", Kind::Flag),
            field("pinned_to_person_flag", Kind::Flag),
            field("pinned_to_project_flag", Kind::Flag),
            field("pinned_to_task_flag", Kind::Flag),
        ]
    };
}

/// Notes hold about 100,000 characters; the bound here is in bytes, as that of activities.
const NOTE_CONTENT: Kind = Kind::TextUpTo(100 * 1024);

const CALL_LOG: &[Field] = &[
    field("user_id", Kind::Integer),
    field("activity_id", Kind::Integer),
    field("subject", Kind::Text),
    field("duration", Kind::Text),
    field(
        "outcome",
        Kind::OneOf(&[
            "connected",
            "no_answer",
            "left_message",
            "left_voicemail",
            "wrong_number",
            "busy",
        ]),
    )
    .required(),
    field("from_phone_number", Kind::Text),
    field("to_phone_number", Kind::Text).required(),
    field("start_time", Kind::UtcDateTime).required(),
    field("end_time", Kind::UtcDateTime).required(),
    field("person_id", Kind::Integer),
    field("org_id", Kind::Integer),
    field("deal_id", Kind::Integer),
    field("lead_id", Kind::Text),
    field("note", Kind::Text),
];

const fn operation(
    verb: Verb,
    path: &'static str,
    token_cost: u32,
    query: &'static [Field],
    body: Body,
    handler: super::Handler,
) -> Operation {
    Operation {
        version: Version::V1,
        verb,
        path,
        token_cost,
        query,
        body,
        handler,
    }
}

pub(super) static OPERATIONS: &[Operation] = &[
    operation(
        Verb::Get,
        "/notes",
        20,
        &[
            field("user_id", Kind::Integer),
            field("lead_id", Kind::Text),
            field("deal_id", Kind::Integer),
            field("person_id", Kind::Integer),
            field("org_id", Kind::Integer),
            field("project_id", Kind::Integer),
            field("task_id", Kind::Integer),
            field("start", Kind::Integer),
            field("limit", Kind::Limit(500)),
            field("sort", Kind::Text),
            field("start_date", Kind::Date),
            field("end_date", Kind::Date),
            field("updated_since", Kind::Instant),
            field("pinned_to_lead_flag", Kind::Flag),
            field("pinned_to_deal_flag", Kind::Flag),
            field("pinned_to_organization_flag", Kind::Flag),
            field("pinned_to_person_flag", Kind::Flag),
            field("pinned_to_project_flag", Kind::Flag),
            field("pinned_to_task_flag", Kind::Flag),
        ],
        Body::Empty,
        notes::list,
    ),
    operation(
        Verb::Post,
        "/notes",
        10,
        &[],
        Body::Json(note_fields!(field("content", NOTE_CONTENT).required())),
        notes::create,
    ),
    operation(Verb::Get, "/notes/{id}", 2, &[], Body::Empty, notes::get),
    operation(
        Verb::Put,
        "/notes/{id}",
        10,
        &[],
        Body::Json(note_fields!(field("content", NOTE_CONTENT))),
        notes::update,
    ),
    operation(
        Verb::Delete,
        "/notes/{id}",
        6,
        &[],
        Body::Empty,
        notes::delete,
    ),
    operation(
        Verb::Get,
        "/callLogs",
        20,
        &[
            field("start", Kind::Integer),
            field("limit", Kind::Limit(50)),
        ],
        Body::Empty,
        call_logs::list,
    ),
    operation(
        Verb::Post,
        "/callLogs",
        10,
        &[],
        Body::Json(CALL_LOG),
        call_logs::create,
    ),
    operation(
        Verb::Get,
        "/callLogs/{id}",
        2,
        &[],
        Body::Empty,
        call_logs::get,
    ),
    operation(
        Verb::Delete,
        "/callLogs/{id}",
        6,
        &[],
        Body::Empty,
        call_logs::delete,
    ),
    operation(
        Verb::Post,
        "/callLogs/{id}/recordings",
        10,
        &[],
        Body::Upload("file"),
        call_logs::add_recording,
    ),
    operation(Verb::Get, "/users", 20, &[], Body::Empty, users::list),
    operation(
        Verb::Get,
        "/users/find",
        40,
        &[
            field("term", Kind::Text).required(),
            field("search_by_email", Kind::Flag),
        ],
        Body::Empty,
        users::find,
    ),
    operation(Verb::Get, "/users/me", 2, &[], Body::Empty, users::me),
    operation(Verb::Get, "/users/{id}", 2, &[], Body::Empty, users::get),
    operation(
        Verb::Get,
        "/activityTypes",
        20,
        &[],
        Body::Empty,
        users::activity_types,
    ),
    operation(
        Verb::Put,
        "/persons/{id}/merge",
        40,
        &[],
        Body::Json(&[field("merge_with_id", Kind::Integer).required()]),
        persons::merge,
    ),
];
