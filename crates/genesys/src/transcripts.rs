//! Transcripts: Genesys gives an address for ten minutes, and the document is fetched from there.

use std::fmt;

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Host, Url};

use crate::call::Call;
use crate::client::{Client, same};
use crate::error::GenesysError;
use crate::exchange::{Success, decode};
use crate::http::{Failure, read_body, transport};
use crate::model::{Transcript, tolerant};
use crate::operations;

/// What is tried, in errors.
const FETCH: &str = "fetch a transcript";

/// Where a transcript can be fetched by anyone who has this address, so it is neither shown nor kept.
pub struct TranscriptUrl(SecretString);

impl fmt::Debug for TranscriptUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TranscriptUrl(…)")
    }
}

#[derive(Deserialize)]
struct UrlAnswer {
    #[serde(default, deserialize_with = "tolerant::maybe")]
    url: Option<SecretString>,
}

impl Client {
    /// Where the transcript of one communication is. 1 request; `recording:recording:view` and
    /// `speechAndTextAnalytics:data:view`.
    ///
    /// # Errors
    ///
    /// [`GenesysError::is_absent`] where there is none, or not yet: it takes minutes; any other failure.
    pub async fn transcript_url(
        &self,
        conversation: &str,
        communication: &str,
    ) -> Result<TranscriptUrl, GenesysError> {
        let call = Call::new(&operations::TRANSCRIPT_URL, &[conversation, communication])?;
        let answer: UrlAnswer = self.read(&call).await?;
        let url = answer.url.ok_or_else(|| unusable("it has no address"))?;
        Ok(TranscriptUrl(url))
    }

    /// The transcript of one communication. 1 request, or 2 where the address had ended when it was used; permissions as
    /// for its address. The document itself costs nothing of the rate limit.
    ///
    /// # Errors
    ///
    /// [`GenesysError::is_absent`] where there is none, or not yet; any other failure.
    pub async fn transcript(
        &self,
        conversation: &str,
        communication: &str,
    ) -> Result<Transcript, GenesysError> {
        let url = self.transcript_url(conversation, communication).await?;
        let document = match self.fetch(&url).await? {
            Fetched::Document(document) => document,
            Fetched::Ended => {
                let url = self.transcript_url(conversation, communication).await?;
                match self.fetch(&url).await? {
                    Fetched::Document(document) => document,
                    Fetched::Ended => return Err(unusable("its address has ended already")),
                }
            }
        };
        let transcript: Transcript = decode(FETCH, &document)?;
        if transcript.conversation_id.is_some() {
            let call = Call::new(&operations::TRANSCRIPT_URL, &[conversation, communication])?;
            same(&call, conversation, transcript.conversation_id.as_deref())?;
        }
        Ok(transcript)
    }

    /// Fetches a document, without the access token: its address is signed, and its host is not Genesys.
    async fn fetch(&self, url: &TranscriptUrl) -> Result<Fetched, GenesysError> {
        let address = Url::parse(url.0.expose_secret())
            .ok()
            .filter(is_safe)
            .ok_or_else(|| unusable("its address is not a secure one"))?;
        let sent = self.http.get(address).send().await;
        let answer = sent.map_err(|error| transport(FETCH, error))?;
        let status = answer.status();
        match status {
            StatusCode::OK => {
                let body = read_body(answer).await;
                let body = body.map_err(|failure| failure.during(FETCH, 200))?;
                Ok(Fetched::Document(Success { status: 200, body }))
            }
            // How a store answers to a signature that has ended.
            StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => Ok(Fetched::Ended),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                Err(GenesysError::NotFound { operation: FETCH })
            }
            _ => Err(GenesysError::Server {
                operation: FETCH,
                status: status.as_u16(),
            }),
        }
    }
}

enum Fetched {
    Document(Success),
    Ended,
}

/// HTTPS, or a loopback address, where tests serve documents.
fn is_safe(address: &Url) -> bool {
    let is_loopback = match address.host() {
        Some(Host::Ipv4(host)) => host.is_loopback(),
        Some(Host::Ipv6(host)) => host.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    };
    address.scheme() == "https" || (address.scheme() == "http" && is_loopback)
}

fn unusable(reason: &'static str) -> GenesysError {
    Failure::Form(reason).during(FETCH, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_fetched_over_tls_or_from_this_machine() {
        let safe = |address: &str| is_safe(&address.parse().unwrap());

        assert!(safe(
            "https://transcripts.example.invalid/x?X-Amz-Expires=600"
        ));
        assert!(safe("http://127.0.0.1:8080/x"));
        assert!(!safe("http://transcripts.example.invalid/x"));
        assert!(!safe("file:///etc/passwd"));
    }

    #[test]
    fn debug_does_not_show_a_signed_address() {
        let url = TranscriptUrl("https://example.invalid/?X-Amz-Signature=abc".into());

        assert_eq!(format!("{url:?}"), "TranscriptUrl(…)");
    }
}
