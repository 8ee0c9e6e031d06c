//! What is posted to `ingest`, and what it answers.

use serde_json::{Value, json};

/// Answer of `ingest` to a webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status of the answer.
    pub status: u16,
    /// Body of the answer, parsed as JSON.
    pub body: Value,
}

impl Answer {
    /// Asserts that the event was taken.
    ///
    /// # Panics
    ///
    /// Asserts 200 `accepted`.
    pub fn assert_accepted(&self) {
        assert_eq!(
            (self.status, &self.body["status"]),
            (200, &json!("accepted")),
            "{self:?}"
        );
    }

    /// Asserts that the event is none to record.
    ///
    /// # Panics
    ///
    /// Asserts 200 `ignored`.
    pub fn assert_ignored(&self) {
        assert_eq!(
            (self.status, &self.body["status"]),
            (200, &json!("ignored")),
            "{self:?}"
        );
    }
}

/// A committed sample of Genesys' events, by name.
///
/// # Panics
///
/// Panics if there is none of the name.
#[must_use]
pub fn sample(name: &str) -> Vec<u8> {
    let path = format!(
        "{}/../shared/fixtures/events/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The guide's payload of a call.
#[must_use]
pub fn call(id: &str, number: &str) -> String {
    let data = json!({"id": id, "channelType": "voice", "phoneNumber": number, "duration": 61,
        "participantName": "Casey Customer", "recordingUrl": "https://recordings.example.invalid/1"});
    json!({"eventType": "interaction.completed", "data": data}).to_string()
}
