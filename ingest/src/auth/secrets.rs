//! Whether configured secrets are any: an empty one would let in whoever sends an empty one.

use secrecy::{ExposeSecret, SecretString};
use shared::config::{Auth, ConfigError};

/// Below this many characters a token, or a key of signatures, can be guessed or tried out.
const SOUND_LENGTH: usize = 16;

/// Refuses what lets in somebody who knows nothing.
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
                "entry {} {problem}: put a secret there (openssl rand -hex 32 makes one), or take the entry out",
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

/// Which tokens and signature secrets are too short to be safe, in words; `None` if none are.
pub(crate) fn weakness(auth: &Auth) -> Option<String> {
    let short = |secrets: &[SecretString]| {
        let is_short =
            |secret: &&SecretString| secret.expose_secret().chars().count() < SOUND_LENGTH;
        secrets.iter().filter(is_short).count()
    };
    let (tokens, keys) = (short(&auth.tokens), short(&auth.signature_secrets));
    (tokens + keys > 0).then(|| {
        format!(
            "below {SOUND_LENGTH} characters, which can be guessed: {tokens} of ingest.auth.tokens, {keys} of \
             ingest.auth.signature_secrets; openssl rand -hex 32 makes better ones"
        )
    })
}

/// Says so, once, if secrets are too short to be safe.
pub(crate) fn warn_of_weakness(auth: &Auth) {
    if let Some(weakness) = weakness(auth) {
        tracing::warn!("There are secrets {weakness}");
    }
}
