//! Genesys' errors: `ErrorBody`, with the codes and messages that its API gives.

use serde_json::json;

use super::reply::Reply;

/// An error with its status.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ApiError {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

impl ApiError {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "bad.request", message)
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(
            404,
            "not.found",
            format!("The requested {what} was not found."),
        )
    }

    /// What Genesys answers when none of `permissions` is held, or not all of them.
    pub fn missing_permission(is_any: bool, permissions: &[&str]) -> Self {
        let names = permissions.join(", ");
        if is_any {
            let message = format!(
                "Unable to perform the requested action. You must have at least one of the following permissions assigned: [{names}]"
            );
            return Self::new(403, "missing.any.permissions", message);
        }
        let message = format!(
            "Unable to perform the requested action. You are missing the following permission(s): {names}"
        );
        Self::new(403, "missing.permissions", message)
    }

    pub fn into_reply(self) -> Reply {
        let body = json!({
            "message": self.message,
            "code": self.code,
            "status": self.status,
            "messageParams": {},
            "contextId": "0f0e0d0c-0b0a-4908-8706-050403020100",
            "details": [],
            "errors": [],
        });
        Reply::json(self.status, &body)
    }
}
