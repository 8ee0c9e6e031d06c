//! How a sandbox starts.

use std::time::Duration;

/// How a sandbox starts. All of it can be changed while it runs.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// The OAuth client's id.
    pub client_id: String,
    /// The OAuth client's secret.
    pub client_secret: String,
    /// How long access tokens serve.
    pub token_life: Duration,
    /// Requests in a window. 300 is Genesys' default.
    pub allowed: u64,
    /// How long a window of the rate limit lasts.
    pub window: Duration,
    /// How long the address of a transcript serves.
    pub document_life: Duration,
    /// How many requests for a job's state find it unfinished.
    pub job_wait: u32,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            client_id: "sandbox-client".to_owned(),
            client_secret: "sandbox-secret".to_owned(),
            token_life: Duration::from_secs(86_400),
            allowed: 300,
            window: Duration::from_secs(60),
            document_life: Duration::from_secs(600),
            job_wait: 1,
        }
    }
}
