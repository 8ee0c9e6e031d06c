//! A certificate authority for tests: it signs as a public one would, and only tests trust it.

use std::ops::Range;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// The years in which certificates are valid unless a test asks for others.
pub const VALID: Range<i32> = 2020..2090;

/// An authority for tests, which signs certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Its own certificate in PEM, with those of the authorities above it but the root's.
    chain: String,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The chain, leaf first.
    pub certificate: String,
    /// Private key of the certificate, PEM.
    pub key: String,
}

impl Authority {
    /// Creates a root authority.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be made.
    #[must_use]
    pub fn root(name: &str) -> Self {
        let issuer = CertifiedIssuer::self_signed(authority(name), key()).expect("a root");
        Self {
            issuer,
            chain: String::new(),
        }
    }

    /// Creates an authority below this one.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be made.
    #[must_use]
    pub fn intermediate(&self, name: &str) -> Self {
        let issuer = CertifiedIssuer::signed_by(authority(name), key(), &self.issuer);
        let issuer = issuer.expect("an intermediate");
        let chain = issuer.pem() + &self.chain;
        Self { issuer, chain }
    }

    /// Its certificate, in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Signs for a server under these names.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Identity {
        self.server_in(names, VALID)
    }

    /// As [`Self::server`], valid from the beginning of the first year to that of the last.
    #[must_use]
    pub fn server_in(&self, names: &[&str], years: Range<i32>) -> Identity {
        self.sign(&leaf(names, years, ExtendedKeyUsagePurpose::ServerAuth))
    }

    /// Signs for a client.
    #[must_use]
    pub fn client(&self, name: &str) -> Identity {
        self.sign(&leaf(&[name], VALID, ExtendedKeyUsagePurpose::ClientAuth))
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity {
            certificate: certificate.pem() + &self.chain,
            key: key.serialize_pem(),
        }
    }
}

impl Identity {
    /// Creates a self-signed certificate.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be made.
    #[must_use]
    pub fn self_signed(name: &str) -> Self {
        let key = key();
        let params = leaf(&[name], VALID, ExtendedKeyUsagePurpose::ServerAuth);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Puts both into files, each replaced at once, the certificate first.
    ///
    /// # Panics
    ///
    /// Panics if they cannot be written.
    pub fn write(&self, certificate: &Path, key: &Path) {
        replace(certificate, &self.certificate);
        replace(key, &self.key);
    }
}

/// Puts another text in the place of a file's, as orchestrators do it: at once.
///
/// # Panics
///
/// Panics if it cannot be written.
pub fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("a file can be written");
    std::fs::rename(&new, path).expect("a file can be replaced");
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn params(name: &str, names: &[&str], years: Range<i32>) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(years.start, 1, 1);
    params.not_after = date_time_ymd(years.end, 1, 1);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name, &[], VALID);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(names: &[&str], years: Range<i32>, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = params(names.first().unwrap_or(&"nameless"), names, years);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params
}
