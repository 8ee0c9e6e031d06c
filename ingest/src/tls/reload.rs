//! Replacement of the certificate while connections go on.
//!
//! Connections keep the keys that their handshake agreed on; only new handshakes use the new certificate. A pair that is
//! not sound never replaces one that is.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use shared::{clock, error};

use super::{CertificateFiles, CertificateText, CertifiedKeyPair, PairError, ValidityError};
use crate::metrics;

/// Interval at which the files are read, as for secrets.
const POLL: Duration = Duration::from_secs(2);

/// Resolver of the certificate for the next handshake.
#[derive(Debug)]
pub struct CertResolver(ArcSwap<CertifiedKeyPair>);

impl ResolvesServerCert for CertResolver {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().certified))
    }
}

/// Watches the two files, and serves the pair that they hold.
pub struct Reload {
    files: CertificateFiles,
    serving: Arc<CertResolver>,
    /// Digest of the files at the last check; `None`: a file could not be read.
    seen: Option<[u8; 32]>,
    /// The reason that was logged last; `None`: the pair in the files is served.
    complaint: Option<Complaint>,
}

/// The reason why the pair in the files is not served.
#[derive(PartialEq, Eq)]
struct Complaint {
    about: Option<[u8; 32]>,
    why: String,
}

/// The reason why a pair is rejected, and the remedy.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    why: String,
    remedy: &'static str,
}

impl Reload {
    /// Reads the first pair.
    ///
    /// # Errors
    ///
    /// When the files do not hold a sound pair.
    pub fn start(files: CertificateFiles) -> Result<Self, PairError> {
        let pair = files.read()?.parse()?;
        Ok(Self {
            seen: Some(pair.digest),
            serving: Arc::new(CertResolver(ArcSwap::from_pointee(pair))),
            complaint: None,
            files,
        })
    }

    /// The resolver that handshakes use.
    #[must_use]
    pub fn serving(&self) -> Arc<CertResolver> {
        Arc::clone(&self.serving)
    }

    /// The pair that is served.
    #[must_use]
    pub fn served(&self) -> Arc<CertifiedKeyPair> {
        self.serving.0.load_full()
    }

    /// Whether the files hold another pair that is rejected.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.complaint.is_some()
    }

    /// Checks the files again and again, for ever.
    ///
    /// # Panics
    ///
    /// When a check of the files panics.
    pub async fn run(mut self) {
        loop {
            metrics::set_certificate(self.served().expiry, self.is_failing());
            tokio::time::sleep(POLL).await;
            let checking = tokio::task::spawn_blocking(move || {
                self.check(clock::now());
                self
            });
            self = checking.await.expect("checking files does not panic");
        }
    }

    /// Checks the files once.
    ///
    /// The files are replaced one after the other, and perhaps written piece by piece: a pair is judged once two checks
    /// in a row have read the same. While it is rejected it is judged at each check, since a certificate that is not
    /// valid yet becomes valid without a change.
    pub fn check(&mut self, now: Timestamp) {
        let files = self.files.clone();
        let text = files.read();
        let digest = text.as_ref().ok().map(CertificateText::digest);
        let has_changed = mem::replace(&mut self.seen, digest) != digest;
        if digest == Some(self.served().digest) {
            self.complaint = None;
            return;
        }
        if has_changed {
            return;
        }
        match judge(text, now) {
            Ok(pair) => {
                let expiry = pair.expiry;
                tracing::info!(%expiry, "The new TLS certificate is served from now on; it is valid until {expiry}");
                self.serving.0.store(Arc::new(pair));
                self.complaint = None;
            }
            Err(refusal) => self.complain(refusal),
        }
    }

    /// Logs the reason, once for each change.
    fn complain(&mut self, Refusal { why, remedy }: Refusal) {
        let complaint = Complaint {
            about: self.seen,
            why,
        };
        if self.complaint.as_ref() != Some(&complaint) {
            tracing::warn!(
                error = complaint.why,
                "The new TLS certificate is rejected; the old one stays in use and expires at {}. Remedy: {remedy}",
                self.served().expiry
            );
            self.complaint = Some(complaint);
        }
    }
}

fn judge(
    text: Result<CertificateText, PairError>,
    now: Timestamp,
) -> Result<CertifiedKeyPair, Refusal> {
    let pair = text.and_then(|text| text.parse());
    let pair = pair.map_err(|error| Refusal {
        why: error::chain(&error),
        remedy: error.remedy(),
    })?;
    pair.check_time(now).map_err(|invalid| Refusal {
        why: invalid.to_string(),
        remedy: match invalid {
            ValidityError::NotYet(_) => {
                "none is needed, unless this machine's clock is wrong: it is served once it is valid"
            }
            ValidityError::Expired(_) => "renew it",
        },
    })?;
    Ok(pair)
}
