//! The operations in use, with their documented permissions.
//!
//! A test compares them with Genesys' own API description where that is at hand.

use crate::call::{
    Operation,
    Permissions::{self, AllOf, AnyOf},
    Verb::{self, Get, Post},
};

const RECORDING: Permissions = AnyOf(&[
    "recording:recording:view",
    "recording:recordingSegment:view",
    "recording:snippetRecording:view",
    "recording:screenRecording:view",
]);
const DETAIL: Permissions = AnyOf(&[
    "analytics:conversationDetail:view",
    "analytics:agentConversationDetail:view",
]);
const TRANSCRIPT: Permissions = AllOf(&[
    "recording:recording:view",
    "speechAndTextAnalytics:data:view",
]);

const fn operation(
    name: &'static str,
    verb: Verb,
    path: &'static str,
    permissions: Permissions,
) -> Operation {
    with_query(name, verb, path, permissions, &[])
}

const fn with_query(
    name: &'static str,
    verb: Verb,
    path: &'static str,
    permissions: Permissions,
    query: &'static [&'static str],
) -> Operation {
    Operation {
        name,
        verb,
        path,
        permissions,
        query,
    }
}

/// One conversation, close to real time.
pub static CONVERSATION: Operation = operation(
    "read a conversation",
    Get,
    "/api/v2/conversations/{conversationId}",
    AnyOf(&["conversation:communication:view"]),
);
/// One conversation as analytics has it.
pub static CONVERSATION_DETAILS: Operation = operation(
    "read a conversation's details",
    Get,
    "/api/v2/analytics/conversations/{conversationId}/details",
    DETAIL,
);
/// Several conversations as analytics has them.
pub static CONVERSATIONS_DETAILS: Operation = with_query(
    "read details of conversations",
    Get,
    "/api/v2/analytics/conversations/details",
    DETAIL,
    &["id"],
);
/// Conversations of an interval.
pub static DETAILS_QUERY: Operation = operation(
    "query details of conversations",
    Post,
    "/api/v2/analytics/conversations/details/query",
    DETAIL,
);
/// Starts a job that collects the conversations of a long interval.
pub static DETAILS_JOB_START: Operation = operation(
    "start a job for details of conversations",
    Post,
    "/api/v2/analytics/conversations/details/jobs",
    DETAIL,
);
/// The state of such a job.
pub static DETAILS_JOB: Operation = operation(
    "read a job's state",
    Get,
    "/api/v2/analytics/conversations/details/jobs/{jobId}",
    DETAIL,
);
/// What such a job has collected.
pub static DETAILS_JOB_RESULTS: Operation = with_query(
    "read a job's results",
    Get,
    "/api/v2/analytics/conversations/details/jobs/{jobId}/results",
    DETAIL,
    &["cursor", "pageSize"],
);
/// Up to when jobs have data.
pub static DETAILS_JOB_AVAILABILITY: Operation = operation(
    "read up to when jobs have data",
    Get,
    "/api/v2/analytics/conversations/details/jobs/availability",
    AnyOf(&["analytics:conversationDetail:view"]),
);
/// A user: the name and e-mail address of an agent.
pub static USER: Operation = operation(
    "read a user",
    Get,
    "/api/v2/users/{userId}",
    Permissions::None,
);
/// Reads the name of one queue.
pub static QUEUE: Operation = operation(
    "read a queue",
    Get,
    "/api/v2/routing/queues/{queueId}",
    AllOf(&["routing:queue:view"]),
);
/// A wrap-up code's name.
pub static WRAPUP_CODE: Operation = operation(
    "read a wrap-up code",
    Get,
    "/api/v2/routing/wrapupcodes/{codeId}",
    AllOf(&["routing:wrapupCode:view"]),
);
/// A contact: names, numbers and e-mail addresses of a customer.
pub static EXTERNAL_CONTACT: Operation = operation(
    "read an external contact",
    Get,
    "/api/v2/externalcontacts/contacts/{contactId}",
    AnyOf(&["relate:contact:view", "externalContacts:contact:view"]),
);
/// Whether there are recordings, without their media.
pub static RECORDING_METADATA: Operation = operation(
    "read the metadata of recordings",
    Get,
    "/api/v2/conversations/{conversationId}/recordingmetadata",
    RECORDING,
);
/// Recordings, once they are prepared.
pub static RECORDINGS: Operation = with_query(
    "read recordings",
    Get,
    "/api/v2/conversations/{conversationId}/recordings",
    RECORDING,
    &["maxWaitMs", "formatId"],
);
/// The summaries of Agent Copilot.
pub static SUMMARIES: Operation = operation(
    "read summaries",
    Get,
    "/api/v2/conversations/{conversationId}/summaries",
    AllOf(&["conversation:summary:view"]),
);
/// The summaries of Speech and Text Analytics.
pub static ANALYTICS_SUMMARIES: Operation = operation(
    "read summaries of speech analytics",
    Get,
    "/api/v2/speechandtextanalytics/conversations/{conversationId}/summaries",
    AllOf(&["speechAndTextAnalytics:aiSummary:view"]),
);
/// Where a transcript can be fetched, for ten minutes.
pub static TRANSCRIPT_URL: Operation = operation(
    "ask where a transcript is",
    Get,
    "/api/v2/speechandtextanalytics/conversations/{conversationId}/communications/{communicationId}/transcripturl",
    TRANSCRIPT,
);

/// Every operation that the client knows.
pub static OPERATIONS: [&Operation; 17] = [
    &CONVERSATION,
    &CONVERSATION_DETAILS,
    &CONVERSATIONS_DETAILS,
    &DETAILS_QUERY,
    &DETAILS_JOB_START,
    &DETAILS_JOB,
    &DETAILS_JOB_RESULTS,
    &DETAILS_JOB_AVAILABILITY,
    &USER,
    &QUEUE,
    &WRAPUP_CODE,
    &EXTERNAL_CONTACT,
    &RECORDING_METADATA,
    &RECORDINGS,
    &SUMMARIES,
    &ANALYTICS_SUMMARIES,
    &TRANSCRIPT_URL,
];
