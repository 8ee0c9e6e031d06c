//! Clients of Redis for an address, over TLS where it begins with `rediss://`: with the authorities that this machine
//! trusts, or with those of `redis.ca_file` alone.

use std::path::Path;

use redis::{Client, RedisResult, TlsCertificates};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use shared::config::{self, ConfigError};

/// The authorities by which the certificate of Redis must be signed, in PEM; `None` for those of the machine.
#[derive(Clone, Debug)]
pub(super) struct Authorities(Option<Vec<u8>>);

impl Authorities {
    /// Reads `redis.ca_file`, if it is set.
    ///
    /// # Errors
    ///
    /// When it cannot be read, holds no certificate, or the address would not use it.
    pub fn read(settings: &config::Redis) -> Result<Self, ConfigError> {
        // The client asks for the process's cryptography, and panics where two are compiled in and none was chosen.
        rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .ok();
        let address = settings.url.current();
        config::check_redis_address(&address)?;
        let pem = settings.ca_file.as_deref().map(read_pem).transpose()?;
        let authorities = Self(pem);
        match authorities.client(&address) {
            Ok(_) => Ok(authorities),
            Err(_) if authorities.0.is_some() && !is_tls(&address) => {
                let problem = "is set, but redis.url does not ask for TLS: write rediss:// there, or leave redis.ca_file empty";
                Err(ConfigError::value("redis.ca_file", problem))
            }
            // What the client says may repeat the address.
            Err(_) => Err(config::unreadable_redis_address()),
        }
    }

    /// A client for `address`.
    ///
    /// # Errors
    ///
    /// When the address cannot be used, or is not of TLS although there is a `redis.ca_file`.
    pub fn client(&self, address: &SecretString) -> RedisResult<Client> {
        let address = address.expose_secret();
        match &self.0 {
            None => Client::open(address),
            Some(pem) => {
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert: Some(pem.clone()),
                };
                Client::build_with_tls(address, certificates)
            }
        }
    }
}

fn is_tls(address: &SecretString) -> bool {
    let address = address.expose_secret();
    address.starts_with("rediss:") || address.starts_with("valkeys:")
}

fn read_pem(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let refuse = |problem: String| ConfigError::value("redis.ca_file", problem);
    let pem = std::fs::read(path)
        .map_err(|error| refuse(format!("cannot read {}: {error}", path.display())))?;
    let mut certificates = CertificateDer::pem_slice_iter(&pem);
    match certificates.next() {
        Some(Ok(_)) if certificates.all(|certificate| certificate.is_ok()) => Ok(pem),
        Some(_) | None => {
            let problem = format!(
                "{} must hold the authorities' certificates, in PEM",
                path.display()
            );
            Err(refuse(problem))
        }
    }
}
