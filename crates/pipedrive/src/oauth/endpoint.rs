//! The token endpoint: a refresh token for an access token.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::error::{Denial, NoToken};
use crate::clock;

/// An access token is taken to live for this long where the answer does not say: the least that documents name.
const LIFE: Duration = Duration::from_secs(3599);

/// Pipedrive's token endpoint, for one app.
#[derive(Clone, Debug)]
pub(super) struct TokenEndpoint {
    pub http: reqwest::Client,
    pub url: Url,
    pub client_id: String,
}

/// What a refresh gives.
#[derive(Debug)]
pub(super) struct Grant {
    pub access_token: SecretString,
    /// The next one. Whether it is another than was sent, sources disagree.
    pub refresh_token: Option<SecretString>,
    /// When it was asked for.
    pub asked_at: Timestamp,
    pub life: Duration,
    pub api_domain: Option<Url>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: Option<u64>,
    api_domain: Option<String>,
}

/// RFC 6749, section 5.2, and Pipedrive's own words beside it.
#[derive(Default, Deserialize)]
struct Refusal {
    error: Option<String>,
    error_description: Option<String>,
    message: Option<String>,
}

impl TokenEndpoint {
    /// Exchanges a refresh token. The old one may be revoked from then on: the answer must not be lost.
    pub async fn refresh(
        &self,
        refresh_token: &SecretString,
        client_secret: &SecretString,
    ) -> Result<Grant, NoToken> {
        let asked_at = clock::now();
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", refresh_token.expose_secret())
            .finish();
        let sending = self
            .http
            .post(self.url.clone())
            .basic_auth(&self.client_id, Some(client_secret.expose_secret()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)
            .send();
        let no_answer = |error: reqwest::Error| NoToken::NoAnswer {
            host: self.url.authority().to_owned(),
            source: Arc::new(error.without_url()),
        };
        let answer = sending.await.map_err(no_answer)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(no_answer)?;
        if !status.is_success() {
            return Err(refused(status.as_u16(), &body));
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| NoToken::Unreadable)?;
        Ok(Grant {
            access_token: answer.access_token,
            refresh_token: answer.refresh_token,
            asked_at,
            life: answer.expires_in.map_or(LIFE, Duration::from_secs),
            api_domain: answer
                .api_domain
                .and_then(|domain| origin(&domain, self.url.scheme())),
        })
    }
}

/// What an answer without success means. Pipedrive answers 400 to a token and to an app that it does not know, and distinguishes
/// them in words: `Invalid grant: refresh_token is invalid`, `Invalid client: client is invalid`.
///
/// Source: <https://pipedrive.readme.io/docs/marketplace-oauth-and-api-proxy-status-codes>
fn refused(status: u16, body: &[u8]) -> NoToken {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let texts = [refusal.error, refusal.error_description, refusal.message];
    let texts: Vec<String> = texts
        .into_iter()
        .flatten()
        .map(|text| text.to_lowercase().replace('_', " "))
        .collect();
    let says = |words: &str| texts.iter().any(|text| text.contains(words));
    match status {
        400..=403 if says("invalid grant") => NoToken::Denied(Denial::Grant),
        400..=403 if says("invalid client") || says("unauthorized client") => {
            NoToken::Denied(Denial::Client)
        }
        401 => NoToken::Denied(Denial::Client),
        _ => NoToken::Failed { status },
    }
}

/// An access token travels no less safely than the refresh token did.
fn origin(domain: &str, scheme: &str) -> Option<Url> {
    let mut url: Url = domain.parse().ok()?;
    if url.scheme() != scheme || !url.has_host() {
        return None;
    }
    url.set_path("/");
    url.set_query(None);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_refresh_token_is_distinguished_from_a_wrong_app_and_from_trouble() {
        let denial = |status, body: &str| match refused(status, body.as_bytes()) {
            NoToken::Denied(denial) => Some(denial),
            NoToken::Failed { status: seen } if seen == status => None,
            other => panic!("{other:?}"),
        };

        let grant = r#"{"success":false,"message":"Invalid grant: refresh_token is invalid","error":"invalid_grant"}"#;
        assert_eq!(denial(400, grant), Some(Denial::Grant));
        assert_eq!(
            denial(
                400,
                r#"{"message":"Invalid grant: refresh_token is invalid"}"#
            ),
            Some(Denial::Grant)
        );
        assert_eq!(
            denial(400, r#"{"error":"invalid_client"}"#),
            Some(Denial::Client)
        );
        assert_eq!(denial(401, "no JSON"), Some(Denial::Client));
        // A defect of ours, or of theirs: none of the tokens is to blame.
        assert_eq!(
            denial(400, r#"{"message":"Missing parameter: grant_type"}"#),
            None
        );
        for status in [403, 404, 429, 500, 502, 503] {
            assert_eq!(denial(status, "<html>"), None);
        }
    }

    #[test]
    fn a_host_in_an_answer_is_an_origin_and_no_less_safe() {
        let origin = |domain| origin(domain, "https").map(String::from);

        assert_eq!(
            origin("https://company.pipedrive.com").as_deref(),
            Some("https://company.pipedrive.com/")
        );
        assert_eq!(
            origin("https://company.pipedrive.com/v1?x").as_deref(),
            Some("https://company.pipedrive.com/")
        );
        assert_eq!(origin("http://company.pipedrive.com"), None);
        assert_eq!(origin("company"), None);
    }
}
