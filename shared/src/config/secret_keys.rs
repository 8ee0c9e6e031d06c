//! The keys that hold secrets, and what may be said of their values.

use config::Config;

/// Keys that hold secrets: each can be given by `…_FILE`.
pub(super) const SECRETS: [&str; 12] = [
    "alarm.webhook_url",
    "broker.url",
    "genesys.client_secret",
    "ingest.auth.basic",
    "ingest.auth.signature_secrets",
    "ingest.auth.tokens",
    "pipedrive.api_token",
    "pipedrive.oauth.client_secret",
    "pipedrive.oauth.encryption_key",
    "pipedrive.oauth.refresh_token",
    "redis.hash_key",
    "redis.url",
];

/// What is wrong at `path` without the value that stands there, if that is a secret or may hold one.
pub(super) fn without_secret(path: &str, problem: String) -> String {
    let is_near = |secret: &&str| {
        path == "."
            || secret
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            || path.starts_with(&format!("{secret}["))
    };
    let has_value = problem.contains("invalid type") || problem.contains("invalid value");
    if !has_value || !SECRETS.iter().any(is_near) {
        return problem;
    }
    let expected = problem
        .rsplit_once(", expected ")
        .map_or("another kind", |(_, expected)| expected);
    format!("its value, which is not shown, is not of its kind: expected {expected}")
}

/// The keys of secrets that begin and end with a quote: `docker run --env-file` keeps those.
pub(super) fn quoted_secrets(config: &Config) -> Vec<String> {
    let is_quoted = |text: &str| {
        let text = text.trim();
        let is_within = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
        is_within('"') || is_within('\'')
    };
    let texts = |key: &str| {
        let list = config.get_array(key).unwrap_or_default().into_iter();
        let members = list.filter_map(|member| member.into_string().ok());
        members.chain(config.get_string(key)).collect::<Vec<_>>()
    };
    let holds_quoted = |key: &&str| {
        let texts = texts(key);
        texts
            .iter()
            .any(|text| text.split([',', '\n']).any(is_quoted))
    };
    let keys = SECRETS.iter().copied().filter(holds_quoted);
    keys.map(str::to_owned).collect()
}
