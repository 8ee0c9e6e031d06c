//! The certificate: whether it is sound, and whether Genesys Cloud would take it.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use shared::clock;
use shared::config::Ingest;
use shared::error::chain;

use super::{Finding, Problem};
use crate::commands::setup::Address;
use crate::tls::{self, Certificate, PairFiles, inspection};

/// How long the public address may take to connect, and then to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Below this a certificate should have been renewed; that of the alert `BridgeCertificateExpiresSoon`.
const SOON_DAYS: i64 = 14;

/// What was found about TLS, and about the authorities of clients' certificates if there are any.
pub(super) fn look(settings: &Ingest, public: Option<&Address>) -> Vec<Finding> {
    let mut findings = vec![Finding {
        item: "tls",
        result: certificate(settings, public),
    }];
    if settings.tls.client_ca.is_some() || settings.tls.client_certificate_required {
        let path = settings.tls.client_ca.as_deref().unwrap_or(Path::new(""));
        let result = match tls::client_verifier(&settings.tls) {
            Ok(_) if settings.tls.client_certificate_required => {
                Ok(format!("{}; webhooks need a certificate", path.display()))
            }
            Ok(_) => Ok(format!("{}; no certificate is needed", path.display())),
            Err(error) => Err(Problem {
                what: error.to_string(),
                remedy: "write the authorities' certificates into ingest.tls.client_ca, in PEM",
            }),
        };
        findings.push(Finding {
            item: "client ca",
            result,
        });
    }
    findings
}

fn certificate(settings: &Ingest, public: Option<&Address>) -> Result<String, Problem> {
    let files = PairFiles::new(&settings.tls).map_err(|error| Problem {
        what: error.to_string(),
        remedy: "set both ingest.tls.certificate and ingest.tls.key, or neither",
    })?;
    let Some(files) = files else {
        return plain(settings, public);
    };
    let text = files.read();
    let pair = text.and_then(|text| text.parse());
    let pair = pair.map_err(|error| Problem {
        what: chain(&error),
        remedy: error.remedy(),
    })?;
    let found = judge(&pair.certified.cert, public.map(Address::host))?;
    Ok(format!("{}: {found}", files.certificate.display()))
}

fn plain(settings: &Ingest, public: Option<&Address>) -> Result<String, Problem> {
    tls::check_plain(settings).map_err(|error| Problem {
        // It ends with the remedy, which has a line of its own here.
        what: error
            .to_string()
            .replace(&format!(": {}", tls::PLAIN_REMEDY), ""),
        remedy: tls::PLAIN_REMEDY,
    })?;
    let Some(address) = public else {
        return Ok(
            "none: plain HTTP, for a proxy that speaks TLS. --url looks at its certificate"
                .to_owned(),
        );
    };
    let host = address.host();
    let presented = presented(address).map_err(|error| {
        let at = format!("{host}:{}", address.port());
        if tls::client::is_plain(&error) {
            Problem {
                what: format!("{at} speaks no TLS: plain HTTP, it seems"),
                remedy: "give the address at which the proxy speaks TLS, or let it speak TLS there",
            }
        } else {
            Problem {
                what: format!("{at}: {error}"),
                remedy: "check the name, the proxy in front, and that its address is reached from this machine",
            }
        }
    })?;
    let found = judge(&presented, Some(host))?;
    Ok(format!("{host} presents {found}"))
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

fn judge(ders: &[CertificateDer], host: Option<&str>) -> Result<String, Problem> {
    let roots = inspection::trusted().map_err(|why| Problem {
        what: format!("the chain cannot be checked, as this machine trusts no authority: {why}"),
        remedy: "install the public authorities' certificates (Debian: ca-certificates)",
    })?;
    let now = clock::now();
    inspection::inspect(ders, roots, host, now).map_err(|objection| Problem {
        what: objection.to_string(),
        remedy: objection.remedy(),
    })?;
    let chain: Vec<_> = ders.iter().filter_map(Certificate::read).collect();
    let expiry = chain.iter().map(|certificate| certificate.not_after).min();
    let (leaf, expiry) = chain
        .first()
        .zip(expiry)
        .expect("a chain that was taken has a leaf");
    let days = expiry.duration_since(now).as_hours() / 24;
    let advice = if days < SOON_DAYS { ": renew it" } else { "" };
    Ok(format!(
        "a certificate for {} by {}, valid until {expiry}, {days} days{advice}",
        leaf.names.join(", "),
        leaf.issuer
    ))
}
