//! Takes up another certificate while connections go on.
//!
//! Connections keep the keys that their handshake agreed on; only new handshakes see the new certificate. A pair that is
//! not sound is never served in the place of one that is.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use shared::{clock, error};

use super::{Pair, PairError, PairFiles, PairText, Untimely};
use crate::metrics;

/// Between two looks at the files, as with secrets.
const POLL: Duration = Duration::from_secs(2);

/// The pair of the next handshake.
#[derive(Debug)]
pub struct Serving(ArcSwap<Pair>);

impl ResolvesServerCert for Serving {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().certified))
    }
}

/// Watches the two files.
pub struct Reload {
    files: PairFiles,
    serving: Arc<Serving>,
    /// What the last look saw; `None`: a file could not be read.
    seen: Option<[u8; 32]>,
    /// What the log was told of last; `None`: what the files hold is served.
    complaint: Option<Complaint>,
}

/// Why what the files hold is not served.
#[derive(PartialEq, Eq)]
struct Complaint {
    about: Option<[u8; 32]>,
    why: String,
}

/// Why a pair is not taken up, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    why: String,
    remedy: &'static str,
}

impl Reload {
    /// Reads the pair to begin with.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn start(files: PairFiles) -> Result<Self, PairError> {
        let pair = files.read()?.parse()?;
        Ok(Self {
            seen: Some(pair.digest),
            serving: Arc::new(Serving(ArcSwap::from_pointee(pair))),
            complaint: None,
            files,
        })
    }

    /// Where handshakes find the pair.
    #[must_use]
    pub fn serving(&self) -> Arc<Serving> {
        Arc::clone(&self.serving)
    }

    /// The pair that is served.
    #[must_use]
    pub fn served(&self) -> Arc<Pair> {
        self.serving.0.load_full()
    }

    /// Whether the files hold another pair, which is refused.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.complaint.is_some()
    }

    /// Watches for ever.
    ///
    /// # Panics
    ///
    /// Panics when looking does.
    pub async fn run(mut self) {
        loop {
            metrics::set_certificate(self.served().expiry, self.is_failing());
            tokio::time::sleep(POLL).await;
            let looking = tokio::task::spawn_blocking(move || {
                self.look(clock::now());
                self
            });
            self = looking.await.expect("looking at files does not panic");
        }
    }

    /// Looks once.
    ///
    /// The files are replaced one after the other, and perhaps written bit by bit: what they hold is judged once it has
    /// been the same for two looks, and judged again at each look as long as it is refused, for a certificate that is
    /// not valid yet becomes so without a change.
    pub fn look(&mut self, now: Timestamp) {
        let files = self.files.clone();
        let text = files.read();
        let digest = text.as_ref().ok().map(PairText::digest);
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
                tracing::info!(%expiry, "Took up a new TLS certificate, valid until {expiry}");
                self.serving.0.store(Arc::new(pair));
                self.complaint = None;
            }
            Err(refusal) => self.complain(refusal),
        }
    }

    /// Logs why, once for each change.
    fn complain(&mut self, Refusal { why, remedy }: Refusal) {
        let complaint = Complaint {
            about: self.seen,
            why,
        };
        if self.complaint.as_ref() != Some(&complaint) {
            tracing::warn!(
                error = complaint.why,
                "The new TLS certificate is not taken up, and the old one serves on, until {}. Remedy: {remedy}",
                self.served().expiry
            );
            self.complaint = Some(complaint);
        }
    }
}

fn judge(text: Result<PairText, PairError>, now: Timestamp) -> Result<Pair, Refusal> {
    let pair = text.and_then(|text| text.parse());
    let pair = pair.map_err(|error| Refusal {
        why: error::chain(&error),
        remedy: error.remedy(),
    })?;
    pair.check_time(now).map_err(|untimely| Refusal {
        why: untimely.to_string(),
        remedy: match untimely {
            Untimely::Early(_) => {
                "none is needed, unless this machine's clock is wrong: it is taken up when it is valid"
            }
            Untimely::Expired(_) => "renew it",
        },
    })?;
    Ok(pair)
}
