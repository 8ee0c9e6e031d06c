//! The least consumer: not safe in a crash, no retries, no limits, no metrics.

use std::time::Duration;

use anyhow::Result;
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use shared::broker::topology;

use crate::messages::read_id_and_number;

/// Messages that are worked on at once.
pub const PREFETCH: u16 = 32;
const TIMEOUT: Duration = Duration::from_secs(5);

struct Peer {
    redis: MultiplexedConnection,
    http: reqwest::Client,
    crm: String,
}

/// Consumes until it is killed.
pub async fn run(amqp: &str, redis: &str, crm: &str) -> Result<()> {
    let (_connection, channel) = super::channel(amqp).await?;
    let peer = Peer {
        redis: redis::Client::open(redis)?
            .get_multiplexed_async_connection()
            .await?,
        http: reqwest::Client::builder().timeout(TIMEOUT).build()?,
        crm: crm.to_owned(),
    };
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    let consumer = channel.basic_consume(
        topology::WORK_QUEUE.into(),
        "least".into(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    let deliveries = consumer.await?;
    deliveries
        .for_each_concurrent(None, async |delivery| {
            let outcome = match delivery {
                Ok(delivery) => peer.process(&delivery).await,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = outcome {
                eprintln!("{error:#}");
            }
        })
        .await;
    Ok(())
}

impl Peer {
    async fn process(&self, delivery: &Delivery) -> Result<()> {
        let (id, number) = read_id_and_number(&delivery.data)?;
        let mut redis = self.redis.clone();
        let key = format!("least:{id}");
        let is_new: Option<String> = redis::cmd("SET")
            .arg(&[&*key, "1", "NX", "EX", "3600"])
            .query_async(&mut redis)
            .await?;
        if is_new.is_some() {
            let search = format!("{}/api/v2/persons/search", self.crm);
            let query = [("term", &*number), ("fields", "phone")];
            let found = self.http.get(search).query(&query).send().await?;
            let found: Value = found.error_for_status()?.json().await?;
            let activity = json!({
                "subject": "Call", "type": "call", "done": true, "note": id,
                "participants": [{"person_id": found["data"]["items"][0]["item"]["id"], "primary": true}],
            });
            let create = self.http.post(format!("{}/api/v2/activities", self.crm));
            let created = create.json(&activity).send().await?.error_for_status()?;
            created.bytes().await?;
        }
        delivery.ack(BasicAckOptions::default()).await?;
        Ok(())
    }
}
