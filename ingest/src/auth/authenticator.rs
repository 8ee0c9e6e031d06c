//! Authentication of senders: a bearer token, `X-Webhook-Token`, HTTP Basic, or a signature of the body.
//!
//! One valid credential is enough, and several secrets of each kind are valid at once, so that they can be rotated. A
//! signature is the exception: where signature secrets are configured, a signature that is present must be valid,
//! whatever else the request carries, because a body that does not match its signature was changed on the way.
//!
//! Every configured secret is compared, in constant time and by its digest, so that the response time shows neither
//! which one matched nor its length.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use shared::config::{ConfigError, Ingest};
use subtle::{Choice, ConstantTimeEq};

use super::secrets;
use super::signature::{self, SigningKey};

/// The header that some senders can set when they cannot set `Authorization`.
const TOKEN_HEADER: &str = "x-webhook-token";
/// The header of a body's signature.
const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// The credentials in the headers of a request, before its body has arrived.
#[derive(Clone, Copy, Debug)]
pub struct CredentialClaim {
    /// Whether a token or a password is valid.
    is_known: bool,
    /// A signature that has to be valid too.
    signature: Option<[u8; signature::MAC_BYTES]>,
}

impl CredentialClaim {
    /// Whether the sender is authenticated without the body; the body must not contradict that.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.is_known || self.signature.is_none()
    }
}

/// The credential that admitted a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A secret that it carries, or no secret is required.
    Secret,
    /// Only the signature of its body, which proves no more than that the body was signed at some time.
    SignatureAlone,
}

/// The request carries no valid credential. The text does not reveal which part was wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no valid credential")]
pub struct Unauthenticated;

/// Checks the credentials of requests.
pub struct Authenticator {
    tokens: Secrets,
    basic: Secrets,
    signing_keys: Vec<SigningKey>,
    allows_everyone: bool,
}

impl Authenticator {
    /// Reads `ingest.auth`.
    ///
    /// # Errors
    ///
    /// When no sender could be authenticated, every sender could post from another machine, or a secret is empty.
    pub fn new(settings: &Ingest) -> Result<Self, ConfigError> {
        let auth = &settings.auth;
        if auth.allow_unauthenticated && !settings.listen.ip().is_loopback() {
            return Err(ConfigError::value(
                "ingest.auth.allow_unauthenticated",
                format!(
                    "only together with a loopback `ingest.listen`, which is {}: every sender could post",
                    settings.listen
                ),
            ));
        }
        if auth.is_empty() && !auth.allow_unauthenticated {
            return Err(ConfigError::value(
                "ingest.auth.tokens",
                "no credential is configured. Set tokens here, or `ingest.auth.basic` or \
                 `ingest.auth.signature_secrets`; to try things out on a loopback address, set \
                 `ingest.auth.allow_unauthenticated` (BRIDGE__INGEST__AUTH__ALLOW_UNAUTHENTICATED) to true",
            ));
        }
        secrets::check(auth)?;
        Ok(Self {
            tokens: Secrets::new(&auth.tokens),
            basic: Secrets::new(&auth.basic),
            signing_keys: auth
                .signature_secrets
                .iter()
                .map(|secret| SigningKey::new(secret.expose_secret().as_bytes()))
                .collect(),
            allows_everyone: auth.allow_unauthenticated && auth.is_empty(),
        })
    }

    /// Reads the credentials of a request.
    ///
    /// # Errors
    ///
    /// When they are invalid, whatever the body.
    pub fn check_headers(&self, headers: &HeaderMap) -> Result<CredentialClaim, Unauthenticated> {
        let presented = headers
            .get(SIGNATURE_HEADER)
            .filter(|_| !self.signing_keys.is_empty());
        let signature = presented
            .map(|header| signature::parse(header.as_bytes()).ok_or(Unauthenticated))
            .transpose()?;
        let is_known = bool::from(self.check_authorization(headers) | self.check_token(headers));
        if is_known || signature.is_some() || self.allows_everyone {
            Ok(CredentialClaim {
                is_known,
                signature,
            })
        } else {
            Err(Unauthenticated)
        }
    }

    /// Checks the credentials of a request with its `body`.
    ///
    /// # Errors
    ///
    /// When the body is not the one that was signed.
    pub fn check_signature(
        &self,
        claim: CredentialClaim,
        body: &[u8],
    ) -> Result<Admission, Unauthenticated> {
        let Some(signature) = claim.signature else {
            return Ok(Admission::Secret);
        };
        let any = |found, key: &SigningKey| found | key.signs(body, &signature);
        let is_right = self.signing_keys.iter().fold(Choice::from(0), any);
        match (bool::from(is_right), claim.is_known) {
            (false, _) => Err(Unauthenticated),
            (true, false) => Ok(Admission::SignatureAlone),
            (true, true) => Ok(Admission::Secret),
        }
    }

    /// The challenges of a 401.
    #[must_use]
    pub fn challenges(&self) -> &'static [&'static str] {
        const BEARER: &str = "Bearer realm=\"genesys-webhook\"";
        const BASIC: &str = "Basic realm=\"genesys-webhook\", charset=\"UTF-8\"";
        if self.basic.0.is_empty() {
            &[BEARER]
        } else {
            &[BEARER, BASIC]
        }
    }

    fn check_authorization(&self, headers: &HeaderMap) -> Choice {
        let header = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let Some((scheme, credentials)) = header.and_then(|value| value.split_once(' ')) else {
            return Choice::from(0);
        };
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            self.tokens.contain(credentials.as_bytes())
        } else if scheme.eq_ignore_ascii_case("basic") {
            let pair = STANDARD.decode(credentials);
            pair.map_or(Choice::from(0), |pair| self.basic.contain(&pair))
        } else {
            Choice::from(0)
        }
    }

    fn check_token(&self, headers: &HeaderMap) -> Choice {
        let token = headers.get(TOKEN_HEADER);
        token.map_or(Choice::from(0), |token| {
            self.tokens.contain(token.as_bytes())
        })
    }
}

/// Secrets as their digests.
struct Secrets(Vec<[u8; 32]>);

impl Secrets {
    fn new(secrets: &[SecretString]) -> Self {
        let digests = secrets
            .iter()
            .map(|secret| digest(secret.expose_secret().as_bytes()));
        Self(digests.collect())
    }

    fn contain(&self, presented: &[u8]) -> Choice {
        let presented = digest(presented);
        let any = |found, secret: &[u8; 32]| found | secret.ct_eq(&presented);
        self.0.iter().fold(Choice::from(0), any)
    }
}

fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

#[cfg(test)]
#[path = "authenticator_tests.rs"]
mod tests;
