//! The pages that both services have: liveness, readiness, metrics; what every other path and method is answered; and the
//! client for a container's health check.

use std::future::ready;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, guard, web};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;

/// How long a health check waits.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// Whether a service can do its work, and what keeps it from it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Readiness {
    /// What is missing, for a person. Empty: ready.
    pub missing: Vec<String>,
    /// What is wrong besides, for a person.
    pub notes: Vec<String>,
}

impl Readiness {
    /// 200 when ready, else 503 with what is missing.
    #[must_use]
    pub fn to_response(&self) -> HttpResponse {
        let mut body = if self.missing.is_empty() {
            serde_json::json!({ "status": "ready" })
        } else {
            serde_json::json!({ "status": "not ready", "missing": self.missing })
        };
        if !self.notes.is_empty() {
            body["notes"] = serde_json::json!(self.notes);
        }
        if self.missing.is_empty() {
            HttpResponse::Ok().json(body)
        } else {
            HttpResponse::ServiceUnavailable().json(body)
        }
    }
}

/// `GET /health/live`: the process answers. It does not depend on anything else, or a broker's outage would make an
/// orchestrator restart healthy processes.
#[expect(clippy::unused_async, reason = "actix takes async handlers")]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "alive" }))
}

/// `GET /metrics`, in Prometheus' text format.
#[expect(clippy::unused_async, reason = "actix takes async handlers")]
pub async fn metrics(handle: web::Data<PrometheusHandle>) -> HttpResponse {
    handle.run_upkeep();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(handle.render())
}

/// What every answer says that is no success.
#[derive(Serialize)]
struct Rejection<'a> {
    status: &'a str,
    error: &'a str,
}

/// An answer that is no success, in JSON.
#[must_use]
pub fn rejection(status: StatusCode, error: &str) -> HttpResponse {
    let word = if status.is_server_error() {
        "unavailable"
    } else {
        "rejected"
    };
    HttpResponse::build(status).json(Rejection {
        status: word,
        error,
    })
}

/// A page that is read: `GET`, and `HEAD` for its head alone (RFC 9110, 9.3.2). Nothing is changed through it: every other
/// method is answered 405.
#[must_use]
pub fn page<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let reading = guard::Any(guard::Get()).or(guard::Head());
    let route = web::route().guard(reading).to(handler);
    let problem = "only GET and HEAD are allowed here";
    only("GET, HEAD", problem, web::resource(path).route(route))
}

/// Answers every other method with 405: which are `allowed`, comma separated, in the header, and `problem` in the body.
#[must_use]
pub fn only(allowed: &'static str, problem: &'static str, resource: Resource) -> Resource {
    resource.default_service(web::to(move || {
        let mut response = rejection(StatusCode::METHOD_NOT_ALLOWED, problem);
        let allowed = HeaderValue::from_static(allowed);
        response.headers_mut().insert(ALLOW, allowed);
        ready(response)
    }))
}

/// Every other path: 404.
#[expect(clippy::unused_async, reason = "actix takes async handlers")]
pub async fn not_found() -> HttpResponse {
    rejection(StatusCode::NOT_FOUND, "no such path")
}

/// Asks the service that listens on `listen` whether it is ready; for a container's health check.
///
/// # Errors
///
/// When it does not answer, or is not ready.
pub fn check_health(listen: SocketAddr) -> anyhow::Result<()> {
    ask_health(connect(listen)?)
}

/// Connects to the service that listens on `listen`, on this machine, for a health check.
///
/// # Errors
///
/// When the connection is not accepted.
pub fn connect(listen: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&reachable(listen), HEALTH_TIMEOUT)?;
    stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
    stream.set_write_timeout(Some(HEALTH_TIMEOUT))?;
    Ok(stream)
}

/// As [`check_health`], over a connection that is there already.
///
/// # Errors
///
/// As [`check_health`].
pub fn ask_health(mut stream: impl Read + Write) -> anyhow::Result<()> {
    stream.write_all(b"GET /health/ready HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split_whitespace().nth(1).unwrap_or_default();
    anyhow::ensure!(
        status == "200",
        "not ready: {}",
        answer.lines().last().unwrap_or_default()
    );
    Ok(())
}

/// Where a listener on all addresses is reached from its own machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
