//! Check of the certificate: whether it is sound, and whether Genesys Cloud would accept it.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use shared::check::{Finding, Found, Problem};
use shared::clock;
use shared::config::{Ingest, Tls};
use shared::error::chain;

use crate::commands::setup::Address;
use crate::tls::{self, Certificate, CertificateFiles, inspection};

/// How long the public address may take to connect, and then to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Below this a certificate should have been renewed; that of the alert `BridgeCertificateExpiresSoon`.
const SOON_DAYS: i64 = 14;

/// Findings about TLS, and about the authorities of client certificates if there are any.
pub(super) fn check(settings: &Ingest, public: Option<&Address>) -> Vec<Finding> {
    let mut findings = vec![Finding::new("tls", certificate(settings, public))];
    if settings.tls.client_ca.is_some() || settings.tls.client_certificate_required {
        findings.push(Finding::new("client ca", client_ca(&settings.tls)));
    }
    findings
}

fn client_ca(settings: &Tls) -> Result<String, Problem> {
    let path = settings.client_ca.as_deref().unwrap_or(Path::new(""));
    tls::client_verifier(settings).map_err(|error| {
        Problem::new(
            error.to_string(),
            "write the authorities' certificates into ingest.tls.client_ca, in PEM",
        )
    })?;
    let rule = if settings.client_certificate_required {
        "webhooks need a client certificate"
    } else {
        "client certificates are optional"
    };
    Ok(format!("{}; {rule}", path.display()))
}

fn certificate(settings: &Ingest, public: Option<&Address>) -> Result<Found, Problem> {
    let files = CertificateFiles::new(&settings.tls).map_err(|error| {
        Problem::new(
            error.to_string(),
            "set both ingest.tls.certificate and ingest.tls.key, or neither",
        )
    })?;
    let Some(files) = files else {
        return plain(settings, public);
    };
    let text = files.read();
    let pair = text.and_then(|text| text.parse());
    let pair = pair.map_err(|error| Problem::new(chain(&error), error.remedy()))?;
    let prefix = format!("{}: ", files.certificate.display());
    judge(&prefix, &pair.certified.cert, public.map(Address::host))
}

fn plain(settings: &Ingest, public: Option<&Address>) -> Result<Found, Problem> {
    tls::check_plain(settings).map_err(|error| {
        // It ends with the remedy, which has a line of its own here.
        let remedy = format!(": {}", tls::PLAIN_REMEDY);
        Problem::new(error.to_string().replace(&remedy, ""), tls::PLAIN_REMEDY)
    })?;
    let Some(address) = public else {
        let found = "none: plain HTTP, for a proxy that speaks TLS. --url checks its certificate";
        return Ok(Found::Sound(found.to_owned()));
    };
    let host = address.host();
    let presented = presented(address).map_err(|error| {
        let at = format!("{host}:{}", address.port());
        if tls::client::is_plain(&error) {
            Problem::new(format!("{at} speaks no TLS: probably plain HTTP"), "give the address at which the proxy speaks TLS, or let it speak TLS there")
        } else {
            Problem::new(format!("{at}: {error}"), "check the name, the proxy in front, and that its address is reached from this machine")
        }
    })?;
    judge(&format!("{host} presents "), &presented, Some(host))
}

/// The chain that the public address presents.
fn presented(address: &Address) -> std::io::Result<Vec<CertificateDer<'static>>> {
    let target = (address.host(), address.port());
    let mut last = std::io::Error::other("the name has no address");
    for socket in target.to_socket_addrs()? {
        match TcpStream::connect_timeout(&socket, TIMEOUT) {
            Ok(stream) => return handshake(stream, address),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn handshake(
    stream: TcpStream,
    address: &Address,
) -> std::io::Result<Vec<CertificateDer<'static>>> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let name = ServerName::try_from(address.host().to_owned()).map_err(std::io::Error::other)?;
    let stream = tls::client::connect(stream, name)?;
    let presented = stream.conn.peer_certificates().unwrap_or_default();
    Ok(presented
        .iter()
        .map(|der| der.clone().into_owned())
        .collect())
}

/// Checks a chain as Genesys Cloud would; `prefix` says where it is from.
fn judge(prefix: &str, ders: &[CertificateDer], host: Option<&str>) -> Result<Found, Problem> {
    let roots = inspection::trusted().map_err(|why| {
        Problem::new(
            format!("the chain cannot be checked, as this machine trusts no authority: {why}"),
            "install the public authorities' certificates (Debian: ca-certificates)",
        )
    })?;
    let now = clock::now();
    inspection::inspect(ders, roots, host, now)
        .map_err(|objection| Problem::new(objection.to_string(), objection.remedy()))?;
    let chain: Vec<_> = ders.iter().filter_map(Certificate::read).collect();
    let expiry = chain.iter().map(|certificate| certificate.not_after).min();
    let (leaf, expiry) = chain
        .first()
        .zip(expiry)
        .expect("a chain that was accepted has a leaf");
    let days = expiry.duration_since(now).as_hours() / 24;
    let found = format!(
        "{prefix}a certificate for {} by {}, valid until {expiry}, {days} days",
        leaf.names.join(", "),
        leaf.issuer
    );
    Ok(if days < SOON_DAYS {
        Found::Warning(format!("{found}: renew it"))
    } else {
        Found::Sound(found)
    })
}
