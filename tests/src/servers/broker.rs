//! Reaching a RabbitMQ broker, whoever runs it, and a virtual host of one's own in it.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use lapin::{
    Connection, ConnectionProperties, Queue, options::QueueDeclareOptions, types::FieldTable,
    uri::AMQPUri,
};
use tokio::sync::Mutex;
use url::Url;
use uuid::Uuid;

use super::management::Management;

/// A broker that does not answer within this time is said to be missing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The smallest frame that every RabbitMQ takes. lapin clears 32 of them for each direction, which takes a build for
/// debugging a tenth of a second at the default of 128 KiB.
const FRAME_MAX_BYTES: u32 = 8 * 1024;

/// Where a broker is, and its management API.
#[derive(Clone, Debug)]
pub struct BrokerAddress {
    amqp: Url,
    management: Url,
}

impl BrokerAddress {
    /// A broker at an AMQP address with its management API at an HTTP one; both carry the credentials.
    #[must_use]
    pub fn new(amqp: Url, management: Url) -> Self {
        Self { amqp, management }
    }

    /// The broker at `amqp`, whose management API is where it is by default: same host and credentials,
    /// port 15672.
    ///
    /// # Errors
    ///
    /// Returns an error if the address names no host.
    pub fn with_default_management(amqp: Url) -> Result<Self> {
        let host = amqp.host_str().context("the address names no host")?;
        let mut management = Url::parse(&format!("http://{host}:15672"))
            .context("derive the address of the management API")?;
        // Both are `guest` where the address is silent, as the AMQP URI specification has it.
        let (user, password) = match amqp.username() {
            "" => ("guest", "guest"),
            user => (user, amqp.password().unwrap_or_default()),
        };
        let set = management.set_username(user);
        set.and_then(|()| management.set_password(Some(password)))
            .map_err(|()| anyhow!("the address of the management API takes no credentials"))?;
        Ok(Self { amqp, management })
    }

    /// The AMQP address as given, with the virtual host it names.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.amqp
    }

    /// The AMQP address of a virtual host.
    #[must_use]
    pub fn amqp_url(&self, vhost: &str) -> Url {
        let mut url = self.amqp.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().push(vhost);
        }
        url
    }

    /// The address of the management API and its user interface, with credentials.
    #[must_use]
    pub fn management_url(&self) -> &Url {
        &self.management
    }

    /// A client of the management API.
    #[must_use]
    pub fn management(&self) -> Management {
        Management::new(&self.management)
    }

    /// Creates a virtual host that no other test uses.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker refuses it.
    pub async fn create_vhost(&self) -> Result<Vhost> {
        let name = format!("test-{}", Uuid::new_v4().simple());
        self.management().create_vhost(&name).await?;
        Ok(Vhost {
            name,
            broker: self.clone(),
            connection: Mutex::default(),
        })
    }

    /// Checks that an AMQP connection can be opened.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot, or not within ten seconds.
    pub async fn check(&self) -> Result<()> {
        let connection = connect(&self.amqp).await?;
        connection.close(200, "checked".into()).await?;
        Ok(())
    }
}

/// A virtual host for one test, deleted when dropped.
#[derive(Debug)]
pub struct Vhost {
    name: String,
    broker: BrokerAddress,
    /// Kept from one count to the next: a new one costs tens of milliseconds of computing.
    connection: Mutex<Option<Connection>>,
}

impl Vhost {
    /// Name of the virtual host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// AMQP address of the virtual host, with its credential.
    #[must_use]
    pub fn amqp_url(&self) -> Url {
        self.broker.amqp_url(&self.name)
    }

    /// How many messages are ready in a queue now, as the queue itself counts them.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker does not answer or has no such queue.
    pub async fn message_count(&self, queue: &str) -> Result<u32> {
        Ok(self.passive_declare(queue).await?.message_count())
    }

    /// How many consumers a queue has now.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker does not answer or has no such queue.
    pub async fn consumer_count(&self, queue: &str) -> Result<u32> {
        Ok(self.passive_declare(queue).await?.consumer_count())
    }

    /// Asks for a queue over the kept connection, or over a new one where that has ended.
    async fn passive_declare(&self, queue: &str) -> Result<Queue> {
        let mut kept = self.connection.lock().await;
        let connection = match kept.take() {
            Some(connection) if connection.status().connected() => connection,
            _ => connect(&self.amqp_url()).await?,
        };
        let declared = passive_declare(&connection, queue).await?;
        *kept = Some(connection);
        Ok(declared)
    }

    /// The broker that it is in.
    #[must_use]
    pub fn broker(&self) -> &BrokerAddress {
        &self.broker
    }

    /// A client of the management API.
    #[must_use]
    pub fn management(&self) -> Management {
        self.broker.management()
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        // Dropped inside a runtime, where blocking is refused: the request is made on a thread with its own.
        thread::scope(|scope| {
            let delete = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(self.broker.management().delete_vhost(&self.name))
            });
            // A broker that the test killed has nothing left to tidy.
            delete.join().map(Result::ok).ok();
        });
    }
}

/// How many messages are ready in a queue now.
///
/// # Errors
///
/// Returns an error if the broker does not answer or has no such queue.
pub async fn message_count(amqp: &Url, queue: &str) -> Result<u32> {
    let connection = connect(amqp).await?;
    let declared = passive_declare(&connection, queue).await?;
    connection.close(200, "counted".into()).await?;
    Ok(declared.message_count())
}

/// Counts of a queue: exact, where the management API's are up to five seconds old. Fails if there is no such queue.
async fn passive_declare(connection: &Connection, queue: &str) -> Result<Queue> {
    let channel = connection.create_channel().await?;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel
        .queue_declare(queue.into(), passive, FieldTable::default())
        .await
        .with_context(|| format!("count in queue {queue}"))?;
    // One that is left open stays with the connection, which is kept.
    channel.close(200, "counted".into()).await?;
    Ok(declared)
}

async fn connect(amqp: &Url) -> Result<Connection> {
    let mut uri: AMQPUri = amqp
        .as_str()
        .parse()
        .map_err(|problem| anyhow!("an AMQP address: {problem}"))?;
    uri.query.frame_max = Some(FRAME_MAX_BYTES);
    let connecting = Connection::connect_uri(uri, ConnectionProperties::default());
    tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .with_context(|| format!("no answer within {CONNECT_TIMEOUT:?}"))?
        .context("open an AMQP connection")
}
