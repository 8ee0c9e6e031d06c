//! Handshakes that accept any certificate: for the health check of our own listener, and to inspect the certificate of a
//! public address. No secret is sent over such a connection, and nothing received over it is trusted.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, InvalidMessage, SignatureScheme,
    StreamOwned,
};
use shared::config::Ingest;
use shared::health;

use super::provider;

/// Asks the running service whether it is ready: at `ingest.admin_listen` if that is set, else at `ingest.listen`, by TLS
/// if it has a certificate.
///
/// The address is our own machine's, which no certificate names; a process that could pose as us there could
/// deceive a health check in simpler ways.
///
/// # Errors
///
/// When it does not answer, or is not ready.
pub fn check_health(settings: &Ingest) -> anyhow::Result<()> {
    match (settings.admin_listen, &settings.tls.certificate) {
        (Some(plain), _) => health::check_health(plain),
        (None, None) => health::check_health(settings.listen),
        (None, Some(_)) => {
            let name = ServerName::try_from("localhost")?;
            health::ask_health(connect(health::connect(settings.listen)?, name)?)
        }
    }
}

/// Completes a TLS handshake over `stream`.
///
/// # Errors
///
/// When the handshake fails.
pub fn connect(
    mut stream: TcpStream,
    name: ServerName<'static>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let provider = provider();
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate(provider)))
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), name);
    let mut connection = connection.map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// Whether a handshake failed because the other side speaks no TLS.
#[must_use]
pub fn is_plain(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(
        inner,
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType))
    )
}

/// Takes any certificate, if only whoever presents it has its key.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn a_port_that_speaks_http_is_distinguished_from_one_that_hangs_up() {
        let failure = |answer: &'static [u8]| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let serving = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(answer).unwrap();
                // Read before closing, as unread bytes would reset the connection before the answer is there.
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                let _sent = io::copy(&mut stream, &mut io::sink());
            });
            let name = ServerName::try_from("localhost").unwrap();
            let failure = connect(TcpStream::connect(address).unwrap(), name).err();
            serving.join().unwrap();
            failure.unwrap()
        };

        assert!(is_plain(&failure(b"HTTP/1.1 400 Bad Request\r\n\r\n")));
        assert!(!is_plain(&failure(b"")));
    }
}
