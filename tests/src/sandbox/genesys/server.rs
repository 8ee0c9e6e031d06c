//! The HTTP side: reads requests, and answers or cuts the connection.

use std::io;
use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use uuid::Uuid;

use super::control::Control;
use super::faults::Fault;
use super::reply::Reply;
use super::state::{Incoming, Outcome};
use crate::sandbox::serving::{KEEP_ALIVE, Socket, unsendable};

/// Genesys' limit of a request's body.
const BODY_MAX: usize = 512_000;

/// Serves the API, the token endpoint and transcripts on `listener`.
pub(super) fn serve(listener: TcpListener, control: Control) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(control.clone()))
            .app_data(web::PayloadConfig::new(BODY_MAX))
            .default_service(web::to(answer))
    });
    let server = server
        .workers(1)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(KEEP_ALIVE)
        .on_connect(Socket::keep)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)?;
    Ok(server.run())
}

async fn answer(
    request: HttpRequest,
    body: web::Bytes,
    control: web::Data<Control>,
) -> HttpResponse {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let incoming = Incoming {
        method: request.method().as_str(),
        path: request.path(),
        query: request.query_string(),
        authorization: header(AUTHORIZATION.as_str()),
        content_type: header(CONTENT_TYPE.as_str()),
        body: &body,
    };
    let Outcome { reply, fault } = control.lock().answer(&incoming);
    match fault {
        None => respond(reply),
        Some(Fault::Latency(delay)) => {
            rt::time::sleep(delay).await;
            respond(reply)
        }
        Some(Fault::Answer { status, body }) => respond(Reply {
            status,
            body: body.into_bytes(),
            ..reply
        }),
        Some(Fault::Cut) => {
            if let Some(socket) = request.conn_data::<Socket>() {
                socket.cut();
            }
            unsendable()
        }
    }
}

fn respond(reply: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response
        .insert_header((CONTENT_TYPE, reply.content_type))
        .insert_header(("inin-correlation-id", Uuid::new_v4().to_string()));
    for (name, value) in reply.headers {
        response.insert_header((name, value));
    }
    response.body(reply.body)
}
