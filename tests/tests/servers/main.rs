//! The private servers keep what they promise to the tests that crash them.
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::{net::TcpStream, time::Duration};

use anyhow::{Result, ensure};
use bridge_tests::servers::{
    CutProxy, Environment, Management, Publication, RabbitMq, RabbitMqOptions, Redis, RedisOptions,
    Scratch, Vhost, message_count, wait_until,
};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use serde_json::json;
use url::Url;

/// More than any answer on loopback takes, on a loaded machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

async fn open_channel(amqp: &Url) -> Channel {
    let connection = Connection::connect(amqp.as_str(), ConnectionProperties::default());
    let channel = connection.await.unwrap().create_channel().await.unwrap();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    channel
}

async fn declare_quorum_queue(channel: &Channel, name: &str) {
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    channel
        .queue_declare(name.into(), QueueDeclareOptions::durable(), arguments)
        .await
        .unwrap();
}

/// Publishes a persistent message and waits for the broker's confirm.
async fn publish(channel: &Channel, queue: &str, body: &str) -> lapin::Result<()> {
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let options = BasicPublishOptions::default();
    let published = channel.basic_publish(
        "".into(),
        queue.into(),
        options,
        body.as_bytes(),
        persistent,
    );
    let confirmed = published.await?.await?;
    assert!(confirmed.is_ack(), "{confirmed:?}");
    Ok(())
}

/// A virtual host with the queues `one` and `two`.
async fn vhost_with_queues() -> (Vhost, Channel) {
    let vhost = Environment::shared().await.broker().create_vhost().await;
    let vhost = vhost.unwrap();
    let channel = open_channel(&vhost.amqp_url()).await;
    declare_quorum_queue(&channel, "one").await;
    declare_quorum_queue(&channel, "two").await;
    (vhost, channel)
}

async fn wait_for_depth(management: &Management, vhost: &str, queue: &str, ready: u64) {
    wait_until("the messages", ANSWER_TIMEOUT, async || {
        let depth = management.depth(vhost, queue).await?;
        ensure!(depth.ready == ready, "{queue} holds {depth:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_confirmed_message_survives_the_kill_of_its_broker() {
    let scratch = Scratch::create().unwrap();
    let mut broker = RabbitMq::start(scratch.path(), &RabbitMqOptions::default())
        .await
        .unwrap();
    let amqp = broker.address().amqp_url("/");
    let channel = open_channel(&amqp).await;
    declare_quorum_queue(&channel, "kept").await;
    broker.note_queues().await.unwrap();
    publish(&channel, "kept", "confirmed").await.unwrap();

    broker.kill().unwrap();
    let port = amqp.port().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    broker.restart().await.unwrap();

    let counted = wait_until("the queue's recovery", ANSWER_TIMEOUT, async || {
        let count = message_count(&amqp, "kept").await?;
        ensure!(count > 0, "it is empty");
        Ok(count)
    });
    assert_eq!(counted.await.unwrap(), 1);
    let management = broker.address().management();
    let messages = management.get_messages("/", "kept", 10).await.unwrap();
    assert_eq!(messages[0].payload, "confirmed");
}

#[tokio::test]
async fn a_paused_broker_answers_once_it_goes_on_and_an_alarm_blocks_publishing() {
    let scratch = Scratch::create().unwrap();
    let mut broker = RabbitMq::start(scratch.path(), &RabbitMqOptions::default())
        .await
        .unwrap();
    let channel = open_channel(broker.address().url()).await;
    declare_quorum_queue(&channel, "slow").await;

    broker.pause().unwrap();
    let publishing = tokio::spawn(async move {
        publish(&channel, "slow", "late").await.unwrap();
        channel
    });
    assert!(broker.address().management().check().await.is_err());
    assert!(!publishing.is_finished());
    broker.resume().unwrap();
    let confirmed = tokio::time::timeout(ANSWER_TIMEOUT, publishing).await;
    let channel = confirmed.unwrap().unwrap();

    broker.set_memory_alarm(true).await.unwrap();
    let blocked = publish(&channel, "slow", "blocked");
    let blocked = tokio::time::timeout(Duration::from_secs(1), blocked).await;
    assert!(blocked.is_err(), "published in spite of the alarm");
    broker.set_memory_alarm(false).await.unwrap();

    broker.close_all_connections().await.unwrap();
    wait_until("the end of the connection", ANSWER_TIMEOUT, async || {
        ensure!(!channel.status().connected(), "it is open");
        Ok(())
    })
    .await
    .unwrap();
    broker.stop().await.unwrap();
}

#[tokio::test]
async fn virtual_hosts_know_nothing_of_each_other_and_end_with_their_test() {
    let (mine, _channel) = vhost_with_queues().await;
    let broker = Environment::shared().await.broker();
    let others = broker.create_vhost().await.unwrap();

    assert_eq!(mine.message_count("one").await.unwrap(), 0);
    assert!(others.message_count("one").await.is_err());

    let gone = mine.amqp_url();
    drop(mine);
    assert!(message_count(&gone, "one").await.is_err());
}

#[tokio::test]
async fn the_management_client_does_what_an_operator_does() {
    let (vhost, channel) = vhost_with_queues().await;
    let management = vhost.management();
    let mut message = Publication {
        routing_key: "one".to_owned(),
        payload: r#"{"id":"ü"}"#.to_owned(),
        ..Publication::default()
    };
    let headers = json!({"x-attempt": 3});
    message.properties.insert("headers".to_owned(), headers);

    management.publish(vhost.name(), &message).await.unwrap();
    wait_for_depth(&management, vhost.name(), "one", 1).await;
    let moved = management.move_messages(vhost.name(), "one", "two").await;
    moved.unwrap();

    let messages = management.get_messages(vhost.name(), "two", 10).await;
    let messages = messages.unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].payload, message.payload);
    assert_eq!(messages[0].header("x-attempt"), Some(&json!(3)));
    assert_eq!(messages[0].property("delivery_mode"), Some(&json!(2)));
    assert_eq!(vhost.message_count("one").await.unwrap(), 0);

    // The API learns of connections a little later than the broker has them.
    wait_until("the end of the connection", ANSWER_TIMEOUT, async || {
        management.close_connections(vhost.name()).await?;
        ensure!(!channel.status().connected(), "it is open");
        Ok(())
    })
    .await
    .unwrap();

    message.routing_key = "nowhere".to_owned();
    let unroutable = management.publish(vhost.name(), &message).await;
    assert!(unroutable.is_err());
}

#[tokio::test]
async fn acknowledged_writes_survive_the_kill_of_redis() -> Result<()> {
    let scratch = Scratch::create()?;
    let mut server = Redis::start(scratch.path(), &RedisOptions::default()).await?;
    let mut connection = server.connect().await?;
    for number in 0..100 {
        let mut write = redis::cmd("SET");
        write
            .arg(number)
            .arg("kept")
            .exec_async(&mut connection)
            .await?;
    }

    server.kill()?;
    assert!(server.connect().await.is_err());
    server.restart().await?;

    let mut connection = server.connect().await?;
    let size: u32 = redis::cmd("DBSIZE").query_async(&mut connection).await?;
    assert_eq!(size, 100);

    server.pause()?;
    assert!(server.connect().await.is_err());
    server.resume()?;
    server.wait_ready().await?;
    server.flush().await?;
    let size: u32 = redis::cmd("DBSIZE").query_async(&mut connection).await?;
    assert_eq!(size, 0);
    Ok(())
}

mod proxy {
    //! The proxy in front of a server that echoes.

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        time::timeout,
    };

    use super::{ANSWER_TIMEOUT, CutProxy, Duration};

    async fn echo() -> CutProxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.split();
                    tokio::io::copy(&mut from, &mut to).await.ok();
                });
            }
        });
        CutProxy::start(target).await.unwrap()
    }

    async fn echoed(client: &mut TcpStream) -> std::io::Result<[u8; 5]> {
        let mut answer = [0; 5];
        client.write_all(b"hello").await?;
        client.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn a_cut_resets_open_connections_and_lets_new_ones_through() {
        let proxy = echo().await;
        let mut before = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(&echoed(&mut before).await.unwrap(), b"hello");

        proxy.cut_all();

        let cut = timeout(ANSWER_TIMEOUT, before.read_u8()).await.unwrap();
        assert_eq!(cut.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        let mut after = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(&echoed(&mut after).await.unwrap(), b"hello");
    }

    #[tokio::test]
    async fn refusing_refuses_new_connections_only_and_keeps_the_port() {
        let proxy = echo().await;
        let mut before = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(&echoed(&mut before).await.unwrap(), b"hello");

        for _ in 0..100 {
            proxy.refuse(true);
            let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
            TcpListener::bind(proxy.address()).await.unwrap_err();
            assert_eq!(&echoed(&mut before).await.unwrap(), b"hello");

            proxy.refuse(false);
            let mut after = TcpStream::connect(proxy.address()).await.unwrap();
            assert_eq!(&echoed(&mut after).await.unwrap(), b"hello");
        }
    }

    #[tokio::test]
    async fn a_stall_delays_bytes_and_loses_none() {
        let proxy = echo().await;
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(&echoed(&mut client).await.unwrap(), b"hello");

        proxy.stall(true);
        client.write_all(b"later").await.unwrap();
        let mut answer = [0; 5];
        let stalled = timeout(Duration::from_millis(200), client.read_exact(&mut answer)).await;
        assert!(stalled.is_err());

        proxy.stall(false);
        let passed = timeout(ANSWER_TIMEOUT, client.read_exact(&mut answer)).await;
        passed.unwrap().unwrap();
        assert_eq!(&answer, b"later");
    }

    #[tokio::test]
    async fn a_dropped_proxy_ends_its_connections() {
        let proxy = echo().await;
        let address = proxy.address();
        let mut client = TcpStream::connect(address).await.unwrap();
        assert_eq!(&echoed(&mut client).await.unwrap(), b"hello");

        drop(proxy);

        let ended = timeout(ANSWER_TIMEOUT, client.read_u8()).await;
        ended.unwrap().unwrap_err();
    }
}
