//! Rejects empty secrets: an empty secret would accept an empty credential. Warns of short ones.

use secrecy::{ExposeSecret, SecretString};
use shared::config::{Auth, ConfigError, SOUND_SECRET_CHARS as SOUND_LENGTH};

/// Rejects secrets that would accept a sender without a secret.
///
/// # Errors
///
/// When a token, a signature secret, or a half of a `user:password` pair is empty or blank, or there is no pair.
pub(crate) fn check(auth: &Auth) -> Result<(), ConfigError> {
    let lists = [
        ("ingest.auth.tokens", &auth.tokens),
        ("ingest.auth.signature_secrets", &auth.signature_secrets),
    ];
    for (key, secrets) in lists {
        refuse(key, secrets, |secret| {
            is_blank(secret).then(|| "is empty".to_owned())
        })?;
    }
    refuse("ingest.auth.basic", &auth.basic, |pair| {
        match pair.split_once(':') {
            Some((user, password)) if is_blank(user) || is_blank(password) => {
                Some("has an empty user or password".to_owned())
            }
            Some(_) => None,
            None if is_blank(pair) => Some("is empty".to_owned()),
            None => Some(format!(
                "of {} characters is no `user:password` pair",
                pair.len()
            )),
        }
    })
}

fn refuse(
    key: &str,
    secrets: &[SecretString],
    problem: impl Fn(&str) -> Option<String>,
) -> Result<(), ConfigError> {
    for (index, secret) in secrets.iter().enumerate() {
        if let Some(problem) = problem(secret.expose_secret()) {
            let problem = format!(
                "entry {} {problem}: replace it by a secret (openssl rand -hex 32 makes one), or remove the entry",
                index + 1
            );
            return Err(ConfigError::value(key, problem));
        }
    }
    Ok(())
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// A text about tokens and signature secrets that are too short to be safe; `None` without such.
pub(crate) fn weakness(auth: &Auth) -> Option<String> {
    let short = |secrets: &[SecretString]| {
        let is_short =
            |secret: &&SecretString| secret.expose_secret().chars().count() < SOUND_LENGTH;
        secrets.iter().filter(is_short).count()
    };
    let (tokens, keys) = (short(&auth.tokens), short(&auth.signature_secrets));
    (tokens + keys > 0).then(|| {
        format!(
            "shorter than {SOUND_LENGTH} characters, which can be guessed: {tokens} of ingest.auth.tokens, {keys} of \
             ingest.auth.signature_secrets; openssl rand -hex 32 makes better ones"
        )
    })
}

/// Logs a warning if secrets are too short to be safe.
pub(crate) fn warn_of_weakness(auth: &Auth) {
    if let Some(weakness) = weakness(auth) {
        tracing::warn!("Some secrets of the webhook are {weakness}");
    }
}
