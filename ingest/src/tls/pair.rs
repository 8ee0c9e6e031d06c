//! A certificate chain and its key, read from two files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use shared::config::{ConfigError, Tls};

use super::certificate::Certificate;
use super::provider;

/// The files of a certificate chain and its key.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// PEM file with the private key of the certificate.
    pub key: PathBuf,
}

/// Two files do not hold a certificate chain and its key.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// One of the two cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Cause of the failure.
        #[source]
        source: io::Error,
    },
    /// The first holds no certificate.
    #[error("{} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", .0.display())]
    NoCertificate(PathBuf),
    /// The first holds a malformed certificate.
    #[error("certificate {} in {} cannot be read", .position + 1, path.display())]
    Malformed {
        /// Path of the file.
        path: PathBuf,
        /// Position in the file, from 0.
        position: usize,
    },
    /// The second holds no key.
    #[error("{} holds no private key in PEM without a passphrase (-----BEGIN PRIVATE KEY-----)", .0.display())]
    NoKey(PathBuf),
    /// The second is not the key of the first.
    #[error("the key in {} is not that of the certificate in {}", files.key.display(), files.certificate.display())]
    Mismatch {
        /// Files of certificate and key.
        files: CertificateFiles,
    },
    /// The two cannot be used together.
    #[error("the pair {} and {} cannot be used", files.certificate.display(), files.key.display())]
    Unusable {
        /// Files of certificate and key.
        files: CertificateFiles,
        /// Cause of the failure.
        #[source]
        source: rustls::Error,
    },
}

impl PairError {
    /// The remedy for an operator.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "name existing files in ingest.tls.certificate and ingest.tls.key, and let the user that ingest runs as \
                 read them (10001 in the container image)"
            }
            Self::NoCertificate(_) | Self::Malformed { .. } => {
                "write the certificate into ingest.tls.certificate, then those of its issuers, each in PEM"
            }
            Self::NoKey(_) => {
                "write the key into ingest.tls.key in PEM; take a passphrase off with `openssl pkey -in KEY -out PLAIN`"
            }
            Self::Mismatch { .. } => {
                "give the key with which the certificate was requested, and the leaf as the first certificate"
            }
            Self::Unusable { .. } => {
                "get a certificate of version 3 for a key of P-256, or of RSA with at least 2048 bits"
            }
        }
    }

    /// The error with its remedy, as one about the setting.
    #[must_use]
    pub fn into_config_error(self) -> ConfigError {
        let key = match self {
            Self::NoKey(_) | Self::Mismatch { .. } => "ingest.tls.key",
            _ => "ingest.tls.certificate",
        };
        let problem = format!("{}; {}", shared::error::chain(&self), self.remedy());
        ConfigError::value(key, problem)
    }
}

impl CertificateFiles {
    /// The files that the settings name; `None` if TLS is off.
    ///
    /// # Errors
    ///
    /// When only one of the two is set.
    pub fn new(settings: &Tls) -> Result<Option<Self>, ConfigError> {
        let missing = |key, other| {
            let problem =
                format!("is missing, while {other} is set: set both, or neither for plain HTTP");
            Err(ConfigError::value(key, problem))
        };
        match (settings.certificate.clone(), settings.key.clone()) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key })),
            (Some(_), None) => missing("ingest.tls.key", "ingest.tls.certificate"),
            (None, Some(_)) => missing("ingest.tls.certificate", "ingest.tls.key"),
        }
    }

    /// Reads both as they are now.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn read(&self) -> Result<CertificateText<'_>, PairError> {
        Ok(CertificateText {
            files: self,
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PairError> {
    std::fs::read(path).map_err(|source| PairError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// The contents of the two files.
pub struct CertificateText<'f> {
    files: &'f CertificateFiles,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl CertificateText<'_> {
    /// A digest of both contents: it differs when the files do.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        // With the length, bytes that move from one file to the other change the digest.
        digest.update(self.certificate.len().to_be_bytes());
        digest.update(&self.certificate);
        digest.update(&self.key);
        digest.finalize().into()
    }

    /// Parses the chain and its key.
    ///
    /// # Errors
    ///
    /// When the files do not hold a chain and its key.
    pub fn parse(&self) -> Result<CertifiedKeyPair, PairError> {
        let (certificate, key) = (&self.files.certificate, &self.files.key);
        let ders: Result<Vec<_>, pem::Error> =
            CertificateDer::pem_slice_iter(&self.certificate).collect();
        let ders = ders.map_err(|_| PairError::NoCertificate(certificate.clone()))?;
        let chain = ders.iter().enumerate().map(|(position, der)| {
            Certificate::read(der).ok_or_else(|| PairError::Malformed {
                path: certificate.clone(),
                position,
            })
        });
        let chain = chain.collect::<Result<Vec<_>, _>>()?;
        let expiry = chain.iter().map(|certificate| certificate.not_after).min();
        let expiry = expiry.ok_or_else(|| PairError::NoCertificate(certificate.clone()))?;
        let key =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| PairError::NoKey(key.clone()))?;
        let certified = CertifiedKey::from_der(ders, key, &provider());
        let files = || self.files.clone();
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => PairError::Mismatch { files: files() },
            source => PairError::Unusable {
                files: files(),
                source,
            },
        })?;
        Ok(CertifiedKeyPair {
            certified: Arc::new(certified),
            chain,
            expiry,
            digest: self.digest(),
        })
    }
}

/// A chain and its key, which belong together.
#[derive(Clone, Debug)]
pub struct CertifiedKeyPair {
    /// Chain and key as rustls presents them in handshakes.
    pub certified: Arc<CertifiedKey>,
    /// The decoded certificates, leaf first. Never empty.
    pub chain: Vec<Certificate>,
    /// The earliest end of validity among them.
    pub expiry: Timestamp,
    /// The digest of the [`CertificateText`] it was parsed from.
    pub digest: [u8; 32],
}

/// A certificate is not valid at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidityError {
    /// Before the start of its validity.
    #[error("it is not valid before {0}")]
    NotYet(Timestamp),
    /// Expired at this time.
    #[error("it expired at {0}")]
    Expired(Timestamp),
}

impl CertifiedKeyPair {
    /// Checks that every certificate is valid at `now`.
    ///
    /// # Errors
    ///
    /// When one is not.
    pub fn check_time(&self, now: Timestamp) -> Result<(), ValidityError> {
        check_time(&self.chain, now)
    }
}

/// As [`CertifiedKeyPair::check_time`].
///
/// # Errors
///
/// As [`CertifiedKeyPair::check_time`].
pub fn check_time(chain: &[Certificate], now: Timestamp) -> Result<(), ValidityError> {
    for certificate in chain {
        if now < certificate.not_before {
            return Err(ValidityError::NotYet(certificate.not_before));
        }
        if now > certificate.not_after {
            return Err(ValidityError::Expired(certificate.not_after));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_cannot_be_used_and_one_that_does_not_match_have_different_remedies() {
        let files = || CertificateFiles {
            certificate: "certificate.pem".into(),
            key: "key.pem".into(),
        };
        let unusable = PairError::Unusable {
            files: files(),
            source: rustls::Error::General("key too small".to_owned()),
        };

        assert!(unusable.remedy().contains("2048 bits"));
        assert!(
            !PairError::Mismatch { files: files() }
                .remedy()
                .contains("2048")
        );
    }
}
