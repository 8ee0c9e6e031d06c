//! Refusals in the shapes that Pipedrive's gateway, its v1 services and its v2 services have.

use serde_json::{Value, json};

use super::contract::Version;
use super::reply::Reply;

const SEE_DOCUMENTATION: &str = "Please check developers.pipedrive.com";

/// Why a request was refused; nothing has been changed.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    status: u16,
    text: String,
    code: &'static str,
}

impl ApiError {
    /// A parameter or field that does not have the right form.
    pub(super) fn validation(name: &str, complaint: impl AsRef<str>) -> Self {
        Self {
            status: 400,
            text: format!("Validation failed: {name}: {}", complaint.as_ref()),
            code: "ERR_SCHEMA_VALIDATION_FAILED",
        }
    }

    /// A request whose form is right and whose meaning is not.
    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self {
            status: 400,
            text: text.into(),
            code: "ERR_BAD_REQUEST",
        }
    }

    /// Something that this company or user may not do.
    pub(super) fn forbidden(text: impl Into<String>) -> Self {
        Self {
            status: 403,
            text: text.into(),
            code: "ERR_FORBIDDEN",
        }
    }

    /// An item that the token's user may not see; which status that gets is a setting.
    pub(super) fn hidden(status: u16, text: impl Into<String>) -> Self {
        match status {
            403 => Self::forbidden(text),
            other => Self::missing_reference(other, text),
        }
    }

    /// A cursor that can no longer be used; which status that gets is a setting.
    pub(super) fn expired_cursor(status: u16) -> Self {
        Self {
            status,
            ..Self::validation("cursor", "has expired")
        }
    }

    /// The item that the path names does not exist.
    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self {
            status: 404,
            text: text.into(),
            code: "ERR_NOT_FOUND",
        }
    }

    /// A second recording for a call.
    pub(super) fn conflict(text: impl Into<String>) -> Self {
        Self {
            status: 409,
            text: text.into(),
            code: "ERR_CONFLICT",
        }
    }

    /// An item that has been deleted.
    pub(super) fn gone(text: impl Into<String>) -> Self {
        Self {
            status: 410,
            text: text.into(),
            code: "ERR_GONE",
        }
    }

    /// An item that the body refers to does not exist; which status that gets is a setting, because no source documents it.
    pub(super) fn missing_reference(status: u16, text: impl Into<String>) -> Self {
        let code = if status == 404 {
            "ERR_NOT_FOUND"
        } else {
            "ERR_BAD_REQUEST"
        };
        Self {
            status,
            text: text.into(),
            code,
        }
    }

    /// What the client reads.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The answer as the services of `version` word it.
    pub(super) fn into_reply(self, version: Version) -> Reply {
        let body = match version {
            Version::V2 => json!({"success": false, "error": self.text, "code": self.code}),
            Version::V1 => json!({
                "success": false,
                "error": self.text,
                "error_info": SEE_DOCUMENTATION,
                "data": null,
                "additional_data": null,
            }),
        };
        Reply::json(self.status, &body)
    }
}

/// What the gateway answers before any service sees the request.
pub(super) fn gateway(status: u16, text: &str) -> Reply {
    let mut body = json!({"success": false, "error": text, "errorCode": status});
    // Seen live: the 429 of an exhausted day has no `error_info`, the others do.
    if status != 429 {
        body["error_info"] = Value::from(SEE_DOCUMENTATION);
    }
    Reply::json(status, &body)
}
