//! The least web servers: one that does nothing, and one that publishes.

use actix_web::web::{Bytes, Data, PayloadConfig, post};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Result;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Connection};
use shared::broker::topology;

const PATH: &str = "/api/v1/genesys/webhook";
const ANSWER: &str = r#"{"status":"accepted"}"#;
const BODY_LIMIT: usize = 1024 * 1024;

/// Reads the body and answers.
pub fn bare(port: u16) -> Result<()> {
    let app = || {
        App::new()
            .app_data(PayloadConfig::new(BODY_LIMIT))
            .route(PATH, post().to(|_: Bytes| async { answer() }))
    };
    serve(HttpServer::new(app).bind(("127.0.0.1", port))?.run())
}

/// A connection of each thread, as `ingest` has it.
struct Publisher {
    channel: Channel,
    _connection: Connection,
}

/// Publishes the body and answers after the confirm.
pub fn least(port: u16, amqp: String) -> Result<()> {
    let app = move || {
        let amqp = amqp.clone();
        let publisher = move || {
            let amqp = amqp.clone();
            async move {
                let (connection, channel) = super::channel(&amqp).await?;
                anyhow::Ok(Publisher {
                    channel,
                    _connection: connection,
                })
            }
        };
        App::new()
            .app_data(PayloadConfig::new(BODY_LIMIT))
            .data_factory(publisher)
            .route(PATH, post().to(receive))
    };
    serve(HttpServer::new(app).bind(("127.0.0.1", port))?.run())
}

async fn receive(body: Bytes, publisher: Data<Publisher>) -> HttpResponse {
    match publisher.publish(&body).await {
        Ok(()) => answer(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

impl Publisher {
    async fn publish(&self, body: &[u8]) -> Result<()> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let published = self.channel.basic_publish(
            topology::EXCHANGE.into(),
            topology::WORK_KEY.into(),
            options,
            body,
            BasicProperties::default().with_delivery_mode(2),
        );
        published.await?.await?;
        Ok(())
    }
}

fn answer() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(ANSWER)
}

fn serve(server: actix_web::dev::Server) -> Result<()> {
    Ok(actix_web::rt::System::new().block_on(server)?)
}
