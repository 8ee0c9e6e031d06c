//! TLS at the webhook's listener: versions 1.2 and 1.3, a certificate that changes while connections go on, and
//! certificates of clients.
//!
//! Whether a client has to present a certificate is decided by the webhook, not in the handshake: health checks of
//! containers and load balancers have none to present. One that is presented and not signed by `ingest.tls.client_ca`
//! ends the handshake in any case.

mod certificate;
pub mod client;
pub mod inspection;
mod pair;
mod reload;

use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use shared::clock;
use shared::config::{self, ConfigError, Ingest};

pub use certificate::Certificate;
pub use pair::{
    CertificateFiles, CertificateText, CertifiedKeyPair, PairError, ValidityError, check_time,
};
pub use reload::{CertResolver, Reload};

/// How long a handshake may take: three round trips around the world and a slow client. Only so many may be in progress
/// at once, so a longer time would let silent connections hold up the others.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);

/// The cryptography of everything here, named rather than looked up: which of several would be the process's depends on
/// what else is compiled in.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// TLS according to the settings.
pub struct Tls {
    /// Configuration of the listener.
    pub server: ServerConfig,
    /// Task that replaces the certificate when its files change.
    pub reload: Reload,
}

impl Tls {
    /// Reads certificate, key and authorities; `None` for plain HTTP. An expired certificate is served, with a warning:
    /// some clients accept it, and a service that does not start serves none.
    ///
    /// # Errors
    ///
    /// When a file is not what it should be, or plain HTTP would be reachable from other machines without
    /// `ingest.plain_http`.
    pub fn new(settings: &Ingest) -> Result<Option<Self>, ConfigError> {
        let tls = &settings.tls;
        let Some(files) = CertificateFiles::new(tls)? else {
            check_plain(settings)?;
            return Ok(None);
        };
        let verifier = client_verifier(tls)?;
        let reload = Reload::start(files).map_err(PairError::into_config_error)?;
        if let Err(invalid) = reload.served().check_time(clock::now()) {
            tracing::warn!(%invalid, "The TLS certificate is served although it is not valid now: {invalid}. Clients will reject it. Remedy: renew it");
        }
        // ALPN is left to actix, which offers HTTP/1.1 alone: its HTTP/2 is not compiled in.
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS12, &TLS13])
            .map_err(|error| ConfigError::value("ingest.tls.certificate", error.to_string()))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        Ok(Some(Self {
            server: builder.with_cert_resolver(reload.serving()),
            reload,
        }))
    }
}

/// The remedy where plain HTTP would be reached from other machines.
pub const PLAIN_REMEDY: &str = "set ingest.tls.certificate and ingest.tls.key (BRIDGE__INGEST__TLS__CERTIFICATE, …__KEY) \
                                to PEM files; or, behind a proxy that speaks TLS, set ingest.plain_http \
                                (BRIDGE__INGEST__PLAIN_HTTP) to true";

/// Checks that the service may run without TLS.
///
/// # Errors
///
/// When it would be reached from other machines without `ingest.plain_http`, or clients have to present certificates.
pub fn check_plain(settings: &Ingest) -> Result<(), ConfigError> {
    if settings.tls.client_ca.is_some() || settings.tls.client_certificate_required {
        let problem = "is missing: without TLS no client can present a certificate. Set it and ingest.tls.key";
        return Err(ConfigError::value("ingest.tls.certificate", problem));
    }
    if settings.listen.ip().is_loopback() || settings.plain_http {
        return Ok(());
    }
    let problem = format!(
        "{} is reached from other machines, and would take webhooks with their secrets over plain HTTP: {PLAIN_REMEDY}",
        settings.listen
    );
    Err(ConfigError::value("ingest.listen", problem))
}

/// Verifier that accepts clients without a certificate and those with one of the authorities. `None` without authorities.
///
/// # Errors
///
/// When the authorities cannot be read, or are missing.
pub fn client_verifier(
    tls: &config::Tls,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, ConfigError> {
    let Some(path) = &tls.client_ca else {
        if tls.client_certificate_required {
            let problem = "is missing: it names the authorities of the certificates that ingest.tls.client_certificate_required asks for";
            return Err(ConfigError::value("ingest.tls.client_ca", problem));
        }
        return Ok(None);
    };
    let unusable = |problem: String| {
        ConfigError::value(
            "ingest.tls.client_ca",
            format!("{}: {problem}", path.display()),
        )
    };
    let roots = authorities(path).map_err(unusable)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let verifier = verifier.allow_unauthenticated().build();
    Ok(Some(verifier.map_err(|error| unusable(error.to_string()))?))
}

fn authorities(path: &Path) -> Result<RootCertStore, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for der in CertificateDer::pem_slice_iter(&text) {
        let der = der.map_err(|error| error.to_string())?;
        roots.add(der).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("holds no certificate in PEM".to_owned());
    }
    Ok(roots)
}

/// Mark of a connection whose client presented a certificate that was verified.
#[derive(Clone, Copy, Debug)]
pub struct ClientCertificate;

/// Marks a connection with [`ClientCertificate`] for its requests.
pub fn note_client_certificate(connection: &dyn Any, notes: &mut Extensions) {
    let stream = connection.downcast_ref::<TlsStream<TcpStream>>();
    let presented = stream.and_then(|stream| stream.get_ref().1.peer_certificates());
    if presented.is_some() {
        notes.insert(ClientCertificate);
    }
}
