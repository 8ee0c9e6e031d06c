//! The operations of v2: persons, organizations, activities and deals.

use super::super::handlers::{activities, deals, organizations, people, persons};
use super::{Body, Field, Kind, Operation, Verb, Version, field};

/// Notes of activities hold 100 KB.
const NOTE_BYTES: usize = 100 * 1024;

const CONTACT: &[Field] = &[
    field("value", Kind::Text).required(),
    field("primary", Kind::Boolean),
    field("label", Kind::Text),
];

const ADDRESS: &[Field] = &[
    field("value", Kind::Text),
    field("country", Kind::Text),
    field("admin_area_level_1", Kind::Text),
    field("admin_area_level_2", Kind::Text),
    field("locality", Kind::Text),
    field("sublocality", Kind::Text),
    field("route", Kind::Text),
    field("street_number", Kind::Text),
    field("subpremise", Kind::Text),
    field("postal_code", Kind::Text),
];

const PARTICIPANT: &[Field] = &[
    field("person_id", Kind::Integer).required(),
    field("primary", Kind::Boolean),
];

const ATTENDEE: &[Field] = &[
    field("email", Kind::Text),
    field("name", Kind::Text),
    field("status", Kind::Text),
    field("is_organizer", Kind::Boolean),
    field("person_id", Kind::Integer),
    field("user_id", Kind::Integer),
];

const SORTS: Kind = Kind::OneOf(&["id", "update_time", "add_time"]);
const DIRECTIONS: Kind = Kind::OneOf(&["asc", "desc"]);

const PERSON_EXTRAS: Kind = Kind::ListOf(&[
    "next_activity_id",
    "last_activity_id",
    "open_deals_count",
    "related_open_deals_count",
    "closed_deals_count",
    "related_closed_deals_count",
    "participant_open_deals_count",
    "participant_closed_deals_count",
    "email_messages_count",
    "activities_count",
    "done_activities_count",
    "undone_activities_count",
    "files_count",
    "notes_count",
    "followers_count",
    "won_deals_count",
    "related_won_deals_count",
    "lost_deals_count",
    "related_lost_deals_count",
    "last_incoming_mail_time",
    "last_outgoing_mail_time",
    "marketing_status",
    "doi_status",
    "smart_bcc_email",
]);

const ORGANIZATION_EXTRAS: Kind = Kind::ListOf(&[
    "next_activity_id",
    "last_activity_id",
    "open_deals_count",
    "related_open_deals_count",
    "closed_deals_count",
    "related_closed_deals_count",
    "email_messages_count",
    "people_count",
    "activities_count",
    "done_activities_count",
    "undone_activities_count",
    "files_count",
    "notes_count",
    "followers_count",
    "won_deals_count",
    "related_won_deals_count",
    "lost_deals_count",
    "related_lost_deals_count",
    "smart_bcc_email",
]);

const DEAL_EXTRAS: Kind = Kind::ListOf(&[
    "next_activity_id",
    "last_activity_id",
    "first_won_time",
    "products_count",
    "files_count",
    "notes_count",
    "followers_count",
    "email_messages_count",
    "activities_count",
    "done_activities_count",
    "undone_activities_count",
    "participants_count",
    "last_incoming_mail_time",
    "last_outgoing_mail_time",
    "smart_bcc_email",
    "source_lead_id",
]);

/// The fields of a person, with or without the one that only a create knows.
macro_rules! person_fields {
    ($($only_on_create:expr),*) => {
        &[
            field("name", Kind::Text),
            field("owner_id", Kind::Integer),
            field("org_id", Kind::Integer),
            $($only_on_create,)*
            field("emails", Kind::Objects(CONTACT)),
            field("phones", Kind::Objects(CONTACT)),
            field("visible_to", Kind::Integer),
            field("label_ids", Kind::Integers),
            field("postal_address", Kind::Object(ADDRESS)),
            field("notes", Kind::Text),
            field("im", Kind::Objects(CONTACT)),
            field("birthday", Kind::Date),
            field("job_title", Kind::Text),
            field("marketing_status", Kind::OneOf(&["no_consent", "unsubscribed", "subscribed", "archived"])),
            field("custom_fields", Kind::CustomFields),
        ]
    };
}

/// `person_id` is in the documents, but the live API calls it read-only, and so does the handler. Whether `null` clears
/// deal and organization stands in no document: the handler decides.
const ACTIVITY: &[Field] = &[
    field("subject", Kind::Text),
    field("type", Kind::Text),
    field("owner_id", Kind::Integer),
    field("deal_id", Kind::Integer).nullable(),
    field("lead_id", Kind::Text),
    field("org_id", Kind::Integer).nullable(),
    field("project_id", Kind::Integer),
    field("due_date", Kind::Date),
    field("due_time", Kind::TimeOfDay),
    field("duration", Kind::Length),
    field("busy", Kind::Boolean),
    field("done", Kind::Boolean),
    field("location", Kind::Object(ADDRESS)),
    field("participants", Kind::Objects(PARTICIPANT)),
    field("attendees", Kind::Objects(ATTENDEE)),
    field("public_description", Kind::Text),
    field("priority", Kind::Integer),
    field("note", Kind::TextUpTo(NOTE_BYTES)),
];

/// The fields of a deal, whose title only a create demands.
macro_rules! deal_fields {
    ($title:expr) => {
        &[
            $title,
            field("owner_id", Kind::Integer),
            field("person_id", Kind::Integer),
            field("org_id", Kind::Integer),
            field("pipeline_id", Kind::Integer),
            field("stage_id", Kind::Integer),
            field("value", Kind::Number),
            field("currency", Kind::Text),
            field("is_deleted", Kind::Boolean),
            field("is_archived", Kind::Boolean),
            field("archive_time", Kind::Instant),
            field("status", Kind::OneOf(&["open", "won", "lost"])),
            field("probability", Kind::Number).nullable(),
            field("lost_reason", Kind::Text).nullable(),
            field("visible_to", Kind::Integer),
            field("close_time", Kind::Instant).nullable(),
            field("won_time", Kind::Instant),
            field("lost_time", Kind::Instant),
            field("expected_close_date", Kind::Date),
            field("label_ids", Kind::Integers),
            field("custom_fields", Kind::CustomFields),
        ]
    };
}

const fn operation(
    verb: Verb,
    path: &'static str,
    token_cost: u32,
    query: &'static [Field],
    body: Body,
    handler: super::Handler,
) -> Operation {
    Operation {
        version: Version::V2,
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
        "/persons/search",
        20,
        &[
            field("term", Kind::Text).required(),
            field(
                "fields",
                Kind::ListOf(&["custom_fields", "email", "notes", "phone", "name"]),
            ),
            field("exact_match", Kind::Boolean),
            field("organization_id", Kind::Integer),
            field("include_fields", Kind::ListOf(&["person.picture"])),
            field("limit", Kind::Limit(500)),
            field("cursor", Kind::Text),
        ],
        Body::Empty,
        people::search,
    ),
    operation(
        Verb::Get,
        "/persons",
        10,
        &[
            field("filter_id", Kind::Integer),
            field("ids", Kind::Ids),
            field("owner_id", Kind::Integer),
            field("org_id", Kind::Integer),
            field("deal_id", Kind::Integer),
            field("updated_since", Kind::Instant),
            field("updated_until", Kind::Instant),
            field("sort_by", SORTS),
            field("sort_direction", DIRECTIONS),
            field("include_fields", PERSON_EXTRAS),
            field("custom_fields", Kind::Text),
            field("include_option_labels", Kind::Boolean),
            field("include_labels", Kind::Boolean),
            field("limit", Kind::Limit(500)),
            field("cursor", Kind::Text),
        ],
        Body::Empty,
        people::list,
    ),
    operation(
        Verb::Post,
        "/persons",
        5,
        &[],
        Body::Json(person_fields!(field("add_time", Kind::Instant))),
        persons::create,
    ),
    operation(
        Verb::Get,
        "/persons/{id}",
        1,
        &[
            field("include_fields", PERSON_EXTRAS),
            field("custom_fields", Kind::Text),
            field("include_option_labels", Kind::Boolean),
            field("include_labels", Kind::Boolean),
        ],
        Body::Empty,
        persons::get,
    ),
    operation(
        Verb::Patch,
        "/persons/{id}",
        5,
        &[],
        Body::Json(person_fields!()),
        persons::update,
    ),
    operation(
        Verb::Delete,
        "/persons/{id}",
        3,
        &[],
        Body::Empty,
        persons::delete,
    ),
    operation(
        Verb::Get,
        "/organizations/{id}",
        1,
        &[
            field("include_fields", ORGANIZATION_EXTRAS),
            field("custom_fields", Kind::Text),
            field("include_option_labels", Kind::Boolean),
            field("include_labels", Kind::Boolean),
        ],
        Body::Empty,
        organizations::get,
    ),
    operation(
        Verb::Get,
        "/activities",
        10,
        &[
            field("filter_id", Kind::Integer),
            field("ids", Kind::Ids),
            field("owner_id", Kind::Integer),
            field("deal_id", Kind::Integer),
            field("lead_id", Kind::Text),
            field("person_id", Kind::Integer),
            field("org_id", Kind::Integer),
            field("done", Kind::Boolean),
            field("updated_since", Kind::Instant),
            field("updated_until", Kind::Instant),
            field(
                "sort_by",
                Kind::OneOf(&["id", "update_time", "add_time", "due_date"]),
            ),
            field("sort_direction", DIRECTIONS),
            field("include_fields", Kind::ListOf(&["attendees"])),
            field("limit", Kind::Limit(500)),
            field("cursor", Kind::Text),
        ],
        Body::Empty,
        activities::list,
    ),
    operation(
        Verb::Post,
        "/activities",
        5,
        &[],
        Body::Json(ACTIVITY),
        activities::create,
    ),
    operation(
        Verb::Get,
        "/activities/{id}",
        1,
        &[field("include_fields", Kind::ListOf(&["attendees"]))],
        Body::Empty,
        activities::get,
    ),
    operation(
        Verb::Patch,
        "/activities/{id}",
        5,
        &[],
        Body::Json(ACTIVITY),
        activities::update,
    ),
    operation(
        Verb::Delete,
        "/activities/{id}",
        3,
        &[],
        Body::Empty,
        activities::delete,
    ),
    operation(
        Verb::Get,
        "/deals/search",
        20,
        &[
            field("term", Kind::Text).required(),
            field("fields", Kind::ListOf(&["custom_fields", "notes", "title"])),
            field("exact_match", Kind::Boolean),
            field("person_id", Kind::Integer),
            field("organization_id", Kind::Integer),
            field("status", Kind::OneOf(&["open", "won", "lost"])),
            field("include_fields", Kind::ListOf(&["deal.cc_email"])),
            field("limit", Kind::Limit(500)),
            field("cursor", Kind::Text),
        ],
        Body::Empty,
        deals::search,
    ),
    operation(
        Verb::Get,
        "/deals",
        10,
        &[
            field("filter_id", Kind::Integer),
            field("ids", Kind::Ids),
            field("owner_id", Kind::Integer),
            field("person_id", Kind::Integer),
            field("org_id", Kind::Integer),
            field("pipeline_id", Kind::Integer),
            field("stage_id", Kind::Integer),
            field("status", Kind::ListOf(&["open", "won", "lost", "deleted"])),
            field("updated_since", Kind::Instant),
            field("updated_until", Kind::Instant),
            field("sort_by", SORTS),
            field("sort_direction", DIRECTIONS),
            field("include_fields", DEAL_EXTRAS),
            field("custom_fields", Kind::Text),
            field("include_option_labels", Kind::Boolean),
            field("include_labels", Kind::Boolean),
            field("limit", Kind::Limit(500)),
            field("cursor", Kind::Text),
        ],
        Body::Empty,
        deals::list,
    ),
    operation(
        Verb::Post,
        "/deals",
        5,
        &[],
        Body::Json(deal_fields!(field("title", Kind::Text).required())),
        deals::create,
    ),
    operation(
        Verb::Get,
        "/deals/{id}",
        1,
        &[
            field("include_fields", DEAL_EXTRAS),
            field("custom_fields", Kind::Text),
            field("include_option_labels", Kind::Boolean),
            field("include_labels", Kind::Boolean),
        ],
        Body::Empty,
        deals::get,
    ),
    operation(
        Verb::Patch,
        "/deals/{id}",
        5,
        &[],
        Body::Json(deal_fields!(field("title", Kind::Text))),
        deals::update,
    ),
    operation(
        Verb::Delete,
        "/deals/{id}",
        3,
        &[],
        Body::Empty,
        deals::delete,
    ),
];
