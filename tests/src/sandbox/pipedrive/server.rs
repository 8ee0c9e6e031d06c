//! The HTTP side: reads requests, plays out what befalls them, and answers or cuts the connection.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use uuid::Uuid;

use super::call::Call;
use super::control::Control;
use super::faults::{Fault, Misfortune};
use super::gateway::{Credentials, Headers};
use super::log::Answer;
use super::reply::Reply;
use super::state::Incoming;
use super::{instrument, page};
use crate::sandbox::serving::{KEEP_ALIVE, Socket, unsendable};

/// Recordings are the largest thing that anyone uploads.
const BODY_LIMIT: usize = 50 * 1024 * 1024;

/// Longer than any client waits for an answer.
const LONGEST_HANG: Duration = Duration::from_secs(120);

/// Serves the API, the instrument and the page on `listener`.
pub(super) fn serve(listener: TcpListener, control: Control) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(control.clone()))
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .app_data(web::JsonConfig::default().limit(BODY_LIMIT))
            .route("/", web::get().to(page::show))
            .service(web::scope("/_sandbox").configure(instrument::routes))
            .default_service(web::to(answer))
    });
    let server = server
        .workers(2)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(KEEP_ALIVE)
        .on_connect(Socket::keep)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)?;
    Ok(server.run())
}

/// Answers every request to the API.
async fn answer(
    request: HttpRequest,
    body: web::Bytes,
    control: web::Data<Control>,
) -> HttpResponse {
    let admission = control.with(|state| {
        state.admit(&Incoming {
            method: request.method().as_str(),
            path: request.path(),
            query: request.query_string(),
            credentials: credentials(request.headers()),
            content_type: text(request.headers(), CONTENT_TYPE.as_str()),
            body: &body,
        })
    });
    match admission.outcome {
        Err(refusal) => respond(refusal, admission.headers),
        Ok((call, misfortune)) => {
            let socket = request.conn_data::<Socket>().cloned();
            let scene = Scene {
                socket,
                control,
                number: admission.number,
            };
            if misfortune.names.is_empty() {
                return scene.play(call, misfortune, admission.headers).await;
            }
            // A task of its own: when a client loses patience, actix drops the handler, but Pipedrive would go on.
            let playing = rt::spawn(scene.play(call, misfortune, admission.headers));
            playing
                .await
                .unwrap_or_else(|_| HttpResponse::InternalServerError().finish())
        }
    }
}

/// One admitted request, and the means to answer it badly.
struct Scene {
    socket: Option<Socket>,
    control: web::Data<Control>,
    number: u64,
}

impl Scene {
    async fn play(self, call: Call, misfortune: Misfortune, headers: Headers) -> HttpResponse {
        sleep(misfortune.before).await;
        match misfortune.fault {
            None => {
                let reply = self.execute(&call);
                sleep(misfortune.after).await;
                self.answer(reply, headers)
            }
            Some(Fault::CutBeforeEffect) => self.cut(),
            Some(Fault::Hang) => self.hang().await,
            Some(Fault::ApplyLate { delay_ms }) => self.apply_late(call, delay_ms),
            Some(Fault::Answer {
                applied: false,
                status,
                headers: own,
                body,
            }) => {
                sleep(misfortune.after).await;
                self.answer(instead(status, own, body), headers)
            }
            Some(after_effect) => {
                let reply = self.execute(&call);
                sleep(misfortune.after).await;
                self.spoil(reply, after_effect, headers)
            }
        }
    }

    /// What follows the effect, unless the records refused it: then the client has to see that.
    fn spoil(self, reply: Reply, fault: Fault, headers: Headers) -> HttpResponse {
        match fault {
            _ if reply.status >= 400 => self.answer(reply, headers),
            Fault::Answer {
                status,
                headers: own,
                body,
                ..
            } => self.answer(instead(status, own, body), headers),
            Fault::TruncateAnswer => self.truncate(&reply),
            Fault::Distort { distortion } => {
                let body = distortion.apply(&reply.body);
                self.answer(Reply { body, ..reply }, headers)
            }
            _ => self.cut(),
        }
    }

    fn execute(&self, call: &Call) -> Reply {
        self.control.with(|state| state.execute(self.number, call))
    }

    fn answer(self, reply: Reply, headers: Headers) -> HttpResponse {
        self.close(Answer::Status(reply.status));
        respond(reply, headers)
    }

    /// Keeps the client waiting. The record says at once that it gets nothing.
    async fn hang(self) -> HttpResponse {
        self.close(Answer::Cut);
        sleep(LONGEST_HANG).await;
        self.cut()
    }

    /// Cuts the connection without a byte of an answer. What is returned can no longer be sent.
    fn cut(self) -> HttpResponse {
        self.close(Answer::Cut);
        self.shut_down();
        unsendable()
    }

    fn apply_late(self, call: Call, delay_ms: u64) -> HttpResponse {
        let (control, number) = (self.control.clone(), self.number);
        control.with(|state| {
            if let Some(record) = state.log.record(number) {
                record.effect_is_pending = true;
            }
        });
        rt::spawn(async move {
            sleep(Duration::from_millis(delay_ms)).await;
            control.with(|state| state.execute(number, &call));
        });
        self.cut()
    }

    /// Sends the head and half of the body, then cuts the connection.
    fn truncate(self, reply: &Reply) -> HttpResponse {
        self.close(Answer::Truncated(reply.status));
        if let Some(socket) = &self.socket {
            let head = format!(
                "HTTP/1.1 {} OK\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
                reply.status,
                reply.content_type,
                reply.body.len(),
            );
            let half = &reply.body[..reply.body.len() / 2];
            socket.write(&[head.as_bytes(), half].concat());
        }
        self.shut_down();
        unsendable()
    }

    fn close(&self, answer: Answer) {
        self.control.with(|state| state.close(self.number, answer));
    }

    fn shut_down(&self) {
        if let Some(socket) = &self.socket {
            socket.cut();
        }
    }
}

/// An answer that a fault gives in place of the true one.
fn instead(status: u16, headers: Vec<(String, String)>, body: String) -> Reply {
    let is_content_type = |name: &str| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str());
    let content_type = headers.iter().find(|(name, _)| is_content_type(name));
    Reply {
        status,
        content_type: content_type
            .map_or_else(|| "application/json".to_owned(), |(_, value)| value.clone()),
        headers: headers
            .into_iter()
            .filter(|(name, _)| !is_content_type(name))
            .collect(),
        body: body.into_bytes(),
        effects: Vec::new(),
    }
}

/// Writes a reply. A header of the reply itself stands in place of one of the gateway's.
fn respond(reply: Reply, headers: Headers) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, reply.content_type));
    response.insert_header(("x-correlation-id", Uuid::new_v4().to_string()));
    for (name, value) in headers {
        response.insert_header((name, value));
    }
    for (name, value) in reply.headers {
        response.insert_header((name, value));
    }
    response.body(reply.body)
}

fn credentials(headers: &HeaderMap) -> Credentials<'_> {
    let present = |name: &str| Some(text(headers, name)).filter(|text| !text.is_empty());
    Credentials {
        api_token: present("x-api-token"),
        bearer: present(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer ")),
        basic: present(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Basic ")),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

async fn sleep(duration: Duration) {
    if !duration.is_zero() {
        rt::time::sleep(duration).await;
    }
}
