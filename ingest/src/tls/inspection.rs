//! Inspection of a chain as a client does it that trusts the public authorities.
//!
//! Genesys Cloud and AWS reject every other chain without a message to its operator.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

use super::{Certificate, ValidityError, check_time, provider};

/// The reason why a client would reject a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// No authority signed it.
    #[error("the certificate is self-signed ({0})")]
    SelfSigned(String),
    /// It has no host name.
    #[error(
        "the certificate has no subject alternative name, and clients ignore every other field"
    )]
    Nameless,
    /// It is valid for other hosts only.
    #[error("the certificate is not for {wanted}, but for {found}")]
    Name {
        /// Host name that senders use.
        wanted: String,
        /// The names in the certificate.
        found: String,
    },
    /// It is not valid at this time.
    #[error("the certificate, or one of its chain, is not valid now: {0}")]
    Time(#[from] ValidityError),
    /// A certificate does not follow the one it signed.
    #[error("the chain is out of order: certificate {} is not that of {issuer}, which signed the one before", .position + 1)]
    Order {
        /// Position of the misplaced certificate, counted from 0.
        position: usize,
        /// Subject of the certificate that belongs there.
        issuer: String,
    },
    /// The chain ends before a known authority.
    #[error(
        "the chain ends with a certificate signed by {0}, which is neither in the file nor an authority that this machine trusts"
    )]
    Incomplete(String),
    /// The chain ends with an unknown authority.
    #[error("the chain leads to {0}, which is no authority that this machine trusts")]
    Private(String),
    /// Any other reason, in words.
    #[error("a client rejects the chain: {0}")]
    Other(String),
}

impl Objection {
    /// The remedy for an operator.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::SelfSigned(_) | Self::Private(_) => {
                "get a certificate of a public authority, such as Let's Encrypt: Genesys Cloud and AWS reject others \
                 without a message"
            }
            Self::Nameless | Self::Name { .. } => {
                "request a certificate with the public host name as a subject alternative name"
            }
            Self::Time(ValidityError::NotYet(_)) => {
                "wait until it is valid, or set this machine's clock"
            }
            Self::Time(ValidityError::Expired(_)) => "renew it",
            Self::Order { .. } => {
                "write the leaf first, and after each certificate that of its issuer"
            }
            Self::Incomplete(_) => {
                "append the intermediate certificates that came with it, often as fullchain.pem"
            }
            Self::Other(_) => "get another certificate",
        }
    }
}

/// The authorities that this machine trusts.
///
/// # Errors
///
/// When there are none.
pub fn trusted() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(ToString::to_string);
        return Err(why.unwrap_or_else(|| "none found".to_owned()));
    }
    Ok(roots)
}

/// Inspects a chain as a client would that trusts `roots` and connects to `host`, if that is known.
///
/// # Errors
///
/// When the client would reject it.
pub fn inspect(
    ders: &[CertificateDer],
    roots: RootCertStore,
    host: Option<&str>,
    now: Timestamp,
) -> Result<(), Objection> {
    let unreadable = || Objection::Other("it cannot be read".to_owned());
    let chain: Option<Vec<_>> = ders.iter().map(Certificate::read).collect();
    let chain = chain.ok_or_else(unreadable)?;
    let (leaf, last) = chain.first().zip(chain.last()).ok_or_else(unreadable)?;
    if leaf.is_self_issued() {
        return Err(Objection::SelfSigned(leaf.subject.clone()));
    }
    let first_name = leaf.names.first().ok_or(Objection::Nameless)?;
    check_time(&chain, now)?;
    check_order(&chain)?;
    let host = host.unwrap_or(first_name);
    // Any name that a wildcard covers will do to check the rest.
    let asked = host.replacen('*', "wildcard", 1);
    verify(ders, roots, &asked, now).map_err(|error| match error {
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Objection::Name {
            wanted: host.to_owned(),
            found: leaf.names.join(", "),
        },
        Error::InvalidCertificate(CertificateError::UnknownIssuer) if last.is_self_issued() => {
            Objection::Private(last.subject.clone())
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Objection::Incomplete(last.issuer.clone())
        }
        error => Objection::Other(error.to_string()),
    })
}

fn check_order(chain: &[Certificate]) -> Result<(), Objection> {
    let neighbours = chain.windows(2).enumerate();
    for (position, pair) in neighbours {
        if pair[0].issuer != pair[1].subject {
            return Err(Objection::Order {
                position: position + 1,
                issuer: pair[0].issuer.clone(),
            });
        }
    }
    Ok(())
}

fn verify(
    ders: &[CertificateDer],
    roots: RootCertStore,
    host: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let (leaf, intermediates) = ders.split_first().ok_or(Error::NoCertificatesPresented)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    let verifier = verifier
        .build()
        .map_err(|error| Error::General(error.to_string()))?;
    let name = ServerName::try_from(host).map_err(|error| Error::General(error.to_string()))?;
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    verifier.verify_server_cert(leaf, intermediates, &name, &[], now)?;
    Ok(())
}
