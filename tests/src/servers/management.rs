//! A client of RabbitMQ's management API: what an operator does in its user interface, for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::wait::wait_until;

/// Bounds every request; the API answers within milliseconds, a starting broker within seconds.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Moving starts within a second and handles thousands of messages a second.
const MOVE_TIMEOUT: Duration = Duration::from_secs(60);

/// The management API of one broker.
#[derive(Clone, Debug)]
pub struct Management {
    client: Client,
    url: Url,
    user: String,
    password: String,
}

/// How many messages a queue holds, by state. At most five seconds old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Depth {
    /// Messages that wait for a consumer.
    #[serde(rename = "messages_ready")]
    pub ready: u64,
    /// Messages that a consumer holds.
    #[serde(rename = "messages_unacknowledged")]
    pub unacknowledged: u64,
}

/// A queue of a list.
#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    depth: Depth,
}

/// A message as *Get messages* shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct QueuedMessage {
    /// The body; base64 if [`Self::payload_encoding`] says so.
    pub payload: String,
    /// `string`, or `base64` if the body is not UTF-8.
    pub payload_encoding: String,
    /// The exchange it was published to.
    pub exchange: String,
    /// The routing key it was published with.
    pub routing_key: String,
    /// Whether it was delivered before.
    pub redelivered: bool,
    #[serde(default, deserialize_with = "object_or_nothing")]
    properties: Map<String, Value>,
}

impl QueuedMessage {
    /// A property such as `message_id` or `delivery_mode`.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.properties.get(name)
    }

    /// A header such as `x-death`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.property("headers")?.get(name)
    }
}

/// A message to publish, persistent unless its properties say otherwise.
#[derive(Clone, Debug, Default)]
pub struct Publication {
    /// The exchange; empty for the default one, whose routing keys are queue names.
    pub exchange: String,
    /// Routing key that the message is published with.
    pub routing_key: String,
    /// Body of the message.
    pub payload: String,
    /// Properties such as `content_type` and `headers`.
    pub properties: Map<String, Value>,
}

impl Management {
    /// A client of the API at `url`, with the credentials in it.
    ///
    /// # Panics
    ///
    /// Panics if the system's certificates cannot be loaded.
    #[must_use]
    pub fn new(url: &Url) -> Self {
        let client = Client::builder().timeout(REQUEST_TIMEOUT).build();
        Self {
            client: client.expect("an HTTP client needs nothing but certificates"),
            user: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()),
            url: url.clone(),
        }
    }

    /// Checks that the API answers and takes the credentials.
    ///
    /// # Errors
    ///
    /// Returns an error if it does not.
    pub async fn check(&self) -> Result<()> {
        self.send(Method::GET, &["overview"], None).await.map(drop)
    }

    /// Creates a virtual host and lets the client's user do everything in it.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker refuses.
    pub async fn create_vhost(&self, vhost: &str) -> Result<()> {
        self.send(Method::PUT, &["vhosts", vhost], Some(json!({})))
            .await?;
        self.permit(vhost, &self.user).await
    }

    /// Creates a user who may do everything in one virtual host, or gives it another password.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker refuses it.
    pub async fn set_user(&self, user: &str, password: &str, vhost: &str) -> Result<()> {
        let account = json!({"password": password, "tags": ""});
        self.send(Method::PUT, &["users", user], Some(account))
            .await?;
        self.permit(vhost, user).await
    }

    /// Deletes a user.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker refuses it.
    pub async fn delete_user(&self, user: &str) -> Result<()> {
        self.send(Method::DELETE, &["users", user], None)
            .await
            .map(drop)
    }

    async fn permit(&self, vhost: &str, user: &str) -> Result<()> {
        let everything = json!({"configure": ".*", "write": ".*", "read": ".*"});
        let path = ["permissions", vhost, user];
        self.send(Method::PUT, &path, Some(everything))
            .await
            .map(drop)
    }

    /// Deletes a virtual host with all that is in it; one that does not exist is no error.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker refuses.
    pub async fn delete_vhost(&self, vhost: &str) -> Result<()> {
        let request = self.request(Method::DELETE, &["vhosts", vhost])?;
        let response = request.send().await.context("delete a virtual host")?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        successful(response).await.map(drop)
    }

    /// How many messages a queue holds.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such queue.
    pub async fn depth(&self, vhost: &str, queue: &str) -> Result<Depth> {
        let path = ["queues", vhost, queue];
        let answer = self.send(Method::GET, &path, None).await?;
        answer.json().await.context("read the depth of a queue")
    }

    /// How many messages each queue of a virtual host holds, as of its last tick.
    ///
    /// The queues' own totals, without the collected statistics, which are up to five seconds older: RabbitMQ keeps one
    /// sample for five seconds whatever its intervals are (seen with 3.10.8).
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such virtual host.
    pub async fn totals(&self, vhost: &str) -> Result<BTreeMap<String, Depth>> {
        let path = ["queues", vhost];
        let request = self.request(Method::GET, &path)?;
        let totals = [("disable_stats", "true"), ("enable_queue_totals", "true")];
        let answer = request.query(&totals).send().await;
        let answer = successful(answer.context("read the totals of queues")?).await?;
        let queues: Vec<Named> = answer.json().await.context("read the totals of queues")?;
        Ok(queues
            .into_iter()
            .map(|queue| (queue.name, queue.depth))
            .collect())
    }

    /// Reads messages from the head of a queue and leaves them there.
    ///
    /// They are requeued, which counts as a delivery on RabbitMQ 3.10 to 4.2.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such queue.
    pub async fn get_messages(
        &self,
        vhost: &str,
        queue: &str,
        count: u32,
    ) -> Result<Vec<QueuedMessage>> {
        let wanted = json!({"count": count, "ackmode": "ack_requeue_true", "encoding": "auto"});
        let path = ["queues", vhost, queue, "get"];
        let answer = self.send(Method::POST, &path, Some(wanted)).await?;
        answer.json().await.context("read messages")
    }

    /// Publishes a message.
    ///
    /// # Errors
    ///
    /// Returns an error if it reached no queue.
    pub async fn publish(&self, vhost: &str, message: &Publication) -> Result<()> {
        #[derive(Deserialize)]
        struct Published {
            routed: bool,
        }
        let mut properties = message.properties.clone();
        properties.entry("delivery_mode").or_insert(json!(2));
        let body = json!({
            "properties": properties,
            "routing_key": message.routing_key,
            "payload": message.payload,
            "payload_encoding": "string",
        });
        // The API has a name for the exchange without one.
        let exchange = match message.exchange.as_str() {
            "" => "amq.default",
            named => named,
        };
        let path = ["exchanges", vhost, exchange, "publish"];
        let answer = self.send(Method::POST, &path, Some(body)).await?;
        let published: Published = answer.json().await.context("read the answer")?;
        ensure!(
            published.routed,
            "no queue is bound to {exchange} with key {}",
            message.routing_key
        );
        Ok(())
    }

    /// Limits or otherwise tunes one queue by a policy, such as `{"max-length": 5}`.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker refuses.
    pub async fn set_policy(&self, vhost: &str, queue: &str, definition: &Value) -> Result<()> {
        let pattern = format!("^{}$", queue.replace('.', "\\."));
        let policy = json!({"pattern": pattern, "definition": definition, "apply-to": "queues"});
        self.send(Method::PUT, &["policies", vhost, queue], Some(policy))
            .await
            .map(drop)
    }

    /// Takes the policy of a queue back.
    ///
    /// # Errors
    ///
    /// Returns an error if it has none.
    pub async fn delete_policy(&self, vhost: &str, queue: &str) -> Result<()> {
        self.send(Method::DELETE, &["policies", vhost, queue], None)
            .await
            .map(drop)
    }

    /// Throws away what waits in a queue.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such queue.
    pub async fn purge(&self, vhost: &str, queue: &str) -> Result<()> {
        self.send(Method::DELETE, &["queues", vhost, queue, "contents"], None)
            .await
            .map(drop)
    }

    /// Deletes a queue with all that is in it.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such queue.
    pub async fn delete_queue(&self, vhost: &str, queue: &str) -> Result<()> {
        self.send(Method::DELETE, &["queues", vhost, queue], None)
            .await
            .map(drop)
    }

    /// Moves all messages of a queue to another, as *Move messages* in the user interface does: by a shovel
    /// that ends when it has moved what was there at its start. Waits for that end.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker refuses, or has not finished within a minute.
    pub async fn move_messages(&self, vhost: &str, from: &str, to: &str) -> Result<()> {
        let name = format!("Move from {from}");
        let here = format!("amqp:///{}", utf8_percent_encode(vhost, NON_ALPHANUMERIC));
        let shovel = json!({"value": {
            "src-protocol": "amqp091", "src-uri": here, "src-queue": from,
            "src-prefetch-count": 1000, "src-delete-after": "queue-length",
            "dest-protocol": "amqp091", "dest-uri": here, "dest-queue": to,
            "dest-add-forward-headers": false, "ack-mode": "on-confirm",
        }});
        let path = ["parameters", "shovel", vhost, &name];
        self.send(Method::PUT, &path, Some(shovel)).await?;
        wait_until("the end of the move", MOVE_TIMEOUT, async || {
            let request = self.request(Method::GET, &path)?;
            match request.send().await?.status() {
                StatusCode::NOT_FOUND => Ok(()),
                StatusCode::OK => bail!("the shovel still runs"),
                status => bail!("the management API answers {status}"),
            }
        })
        .await
    }

    /// Closes all connections to a virtual host that the API knows of, and returns their number.
    ///
    /// # Errors
    ///
    /// Returns an error if the API does not answer.
    pub async fn close_connections(&self, vhost: &str) -> Result<usize> {
        #[derive(Deserialize)]
        struct Connection {
            name: String,
        }
        let path = ["vhosts", vhost, "connections"];
        let answer = self.send(Method::GET, &path, None).await?;
        let connections: Vec<Connection> = answer.json().await.context("read connections")?;
        for connection in &connections {
            let request = self.request(Method::DELETE, &["connections", &connection.name])?;
            // One that has just ended by itself is not found, which is as good.
            request.send().await.context("close a connection")?;
        }
        Ok(connections.len())
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder> {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .ok()
            .context("the address of the management API has no path")?
            .pop_if_empty()
            .push("api")
            .extend(path);
        // The client would send these a second time.
        url.set_username("").ok();
        url.set_password(None).ok();
        Ok(self
            .client
            .request(method, url)
            .basic_auth(&self.user, Some(&self.password)))
    }

    async fn send(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<Response> {
        let mut request = self.request(method, path)?;
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request
            .send()
            .await
            .with_context(|| format!("ask the management API for /api/{}", path.join("/")))?;
        successful(response).await
    }
}

async fn successful(response: Response) -> Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let path = response.url().path().to_owned();
    let reason = response.text().await.unwrap_or_default();
    bail!("the management API answers {status} to {path}: {reason}")
}

fn decoded(encoded: &str) -> String {
    percent_decode_str(encoded).decode_utf8_lossy().into_owned()
}

/// Erlang encodes properties without any as an empty list.
fn object_or_nothing<'de, D>(deserializer: D) -> Result<Map<String, Value>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    Ok(match Value::deserialize(deserializer)? {
        Value::Object(properties) => properties,
        _ => Map::new(),
    })
}
