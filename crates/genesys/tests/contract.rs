//! Operations, queries and models against Genesys' own API description.
//!
//! The description and its samples are not part of this repository. They are looked for where `GENESYS_CONTRACTS` names a
//! folder, or in `shared/contracts` beside the checkout.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use genesys::model::{
    AnalyticsSummaries, Conversation, ConversationDetails, DetailsPage, DetailsQuery,
    ExternalContact, Queue, Recording, Summaries, Transcript, User, WrapupCode,
};
use genesys::operations::OPERATIONS;
use genesys::{Operation, Permissions};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Members that the models read, by schema.
const MEMBERS: [(&str, &str); 13] = [
    (
        "Conversation",
        "id startTime endTime externalTag participants",
    ),
    (
        "Participant",
        "id purpose name userId queueId queueName externalContactId address ani dnis startTime connectedTime endTime
         wrapup attributes calls callbacks chats messages emails",
    ),
    ("Wrapup", "code name notes durationSeconds endTime"),
    (
        "Message",
        "id state direction disconnectType type fromAddress toAddress wrapup",
    ),
    (
        "Callback",
        "callbackNumbers callbackUserName callbackScheduledTime",
    ),
    ("User", "id name email state"),
    (
        "ExternalContact",
        "id type firstName lastName workPhone cellPhone homePhone otherPhone workEmail personalEmail otherEmail mergeSet
         mergedFrom",
    ),
    ("PhoneNumber", "e164 display"),
    (
        "RecordingMetadata",
        "id conversationId sessionId media fileState deleteDate",
    ),
    (
        "ConversationSessionSummary",
        "id text status language editedSummary reason followup resolution communication dateCreated",
    ),
    (
        "AnalyticsSession",
        "sessionId mediaType messageType direction ani dnis addressFrom addressTo callbackNumbers peerId recording
         segments metrics",
    ),
    (
        "AnalyticsConversationSegment",
        "segmentStart segmentEnd segmentType queueId disconnectType wrapUpCode wrapUpNote",
    ),
    (
        "AnalyticsConversationAsyncQueryResponse",
        "conversations cursor",
    ),
];

/// The folder with the description, where it is at hand. Says so if it is not.
#[expect(
    clippy::disallowed_methods,
    reason = "where the description lies is no setting of a service"
)]
fn contracts() -> Option<PathBuf> {
    let named = std::env::var("GENESYS_CONTRACTS").ok().map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts");
    let folder = named.unwrap_or(beside);
    if folder.join("genesys-subset.json").exists() {
        return Some(folder);
    }
    println!(
        "SKIPPED: a check against Genesys' API description: there is none in {}",
        folder.display()
    );
    None
}

fn document(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("genesys-subset.json")).expect("it can be read");
    serde_json::from_str(&text).expect("the description is JSON")
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[test]
fn every_operation_is_documented_with_its_permissions_and_parameters() {
    let Some(folder) = contracts() else { return };
    let document = document(&folder);

    for operation in OPERATIONS {
        let Operation {
            verb,
            path,
            permissions,
            query,
            ..
        } = operation;
        let documented = &document["paths"][path][verb.to_string().to_lowercase()];
        assert!(documented.is_object(), "{verb} {path} is documented");
        let needed = &documented["x-inin-requires-permissions"];
        let expected = match permissions {
            Permissions::None => "NONE",
            Permissions::AnyOf(_) => "ANY",
            Permissions::AllOf(_) => "ALL",
        };
        let names: BTreeSet<&str> = permissions.names().iter().copied().collect();
        assert_eq!(needed["type"], expected, "{path}");
        assert_eq!(texts(&needed["permissions"]), names, "{path}");
        let parameters = documented["parameters"].as_array().into_iter().flatten();
        let known: BTreeSet<&str> = parameters
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        let unknown: Vec<_> = query.iter().filter(|name| !known.contains(*name)).collect();
        assert!(unknown.is_empty(), "{path} takes no {unknown:?}");
    }
}

#[test]
fn a_query_has_members_and_values_that_are_documented() {
    let Some(folder) = contracts() else { return };
    let document = document(&folder);
    let times = ("2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z");
    let (Ok(from), Ok(to)) = (times.0.parse(), times.1.parse()) else {
        panic!("these are times")
    };
    let query = DetailsQuery::ended(from, to)
        .of_media(&["voice", "message"])
        .page(2);

    let sent = serde_json::to_value(&query).expect("a query is JSON");

    let mut problems = Vec::new();
    check(&document, "ConversationQuery", &sent, &mut problems);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        sent["interval"],
        "2026-03-10T00:00:00.000Z/2026-03-11T00:00:00.000Z"
    );
}

/// Collects what `value` has that the schema named `schema` does not know.
fn check(document: &Value, schema: &str, value: &Value, problems: &mut Vec<String>) {
    let schema_of = &document["components"]["schemas"][schema];
    for required in texts(&schema_of["required"]) {
        if value[required].is_null() {
            problems.push(format!("{schema} needs {required}"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let property = &schema_of["properties"][name];
        if property.is_null() {
            problems.push(format!("{schema} has no {name}"));
            continue;
        }
        let allowed = texts(&property["enum"]);
        if let Some(text) = member.as_str()
            && !allowed.is_empty()
            && !allowed.contains(text)
        {
            problems.push(format!("{schema}.{name} is never {text}"));
        }
        if let Some(elements) = member.as_array() {
            for element in elements {
                check(document, &reference(&property["items"]), element, problems);
            }
        } else if member.is_object() {
            check(document, &reference(property), member, problems);
        }
    }
}

fn reference(schema: &Value) -> String {
    let direct = schema["$ref"].as_str();
    let target = direct
        .or(schema["allOf"][0]["$ref"].as_str())
        .unwrap_or_default();
    target.rsplit('/').next().unwrap_or_default().to_owned()
}

#[test]
fn every_member_that_a_model_reads_is_documented() {
    let Some(folder) = contracts() else { return };
    let document = document(&folder);
    for (schema, names) in MEMBERS {
        let properties = &document["components"]["schemas"][schema]["properties"];
        for name in names.split_whitespace() {
            assert!(properties[name].is_object(), "{schema} has {name}");
        }
    }
}

/// Reads a recorded sample.
fn sample<T: DeserializeOwned>(folder: &Path, name: &str) -> T {
    let path = folder.join("genesys").join(name);
    let text = fs::read_to_string(path).expect("the sample is there");
    serde_json::from_str(&text).expect("the model reads it")
}

#[test]
fn the_recorded_samples_are_read_with_everything_in_them() {
    let Some(folder) = contracts() else { return };

    let conversation: Conversation = sample(&folder, "conversation-get-voice.json");
    let details: ConversationDetails = sample(&folder, "analytics-conversation-details-voice.json");
    let page: DetailsPage = sample(&folder, "analytics-details-query-response.json");
    let recordings: Vec<Recording> = sample(&folder, "recordingmetadata-voice.json");
    let summaries: Summaries = sample(&folder, "conversation-summaries.json");
    let others: AnalyticsSummaries = sample(&folder, "sta-summaries.json");
    let transcript: Transcript = sample(&folder, "transcript-document.json");
    let user: User = sample(&folder, "user.json");
    let queue: Queue = sample(&folder, "queue.json");
    let code: WrapupCode = sample(&folder, "wrapupcode.json");
    let contact: ExternalContact = sample(&folder, "external-contact.json");

    assert_eq!(conversation.id, details.conversation_id);
    assert_eq!(conversation.participants.len(), 2);
    assert_eq!(
        details.participants[2].sessions[0].metric("tTalk"),
        Some(321_868)
    );
    assert_eq!(page.conversations, [details]);
    assert_eq!(recordings.len(), 1);
    let summary = summaries.best().and_then(|summary| summary.best_text());
    assert_eq!(summary, others.entities[0].summary.as_deref());
    assert_eq!(transcript.phrases().count(), 2);
    assert_eq!(user.email.as_deref(), Some("alex.agent@example.com"));
    assert_eq!(queue.name.as_deref(), Some("Sales EN"));
    assert_eq!(code.name.as_deref(), Some("Quote requested"));
    assert_eq!(contact.name().as_deref(), Some("Casey Customer"));
}
