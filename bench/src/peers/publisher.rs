//! The limit of what RabbitMQ confirms: a publisher without anything before it.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel};
use shared::broker::topology;

use crate::messages::{Bodies, outgoing};
use crate::sample::{Sample, Window};
use crate::usage::Usage;

const IN_FLIGHT: usize = 64;
/// The first second does not count.
const WARM_UP: Duration = Duration::from_secs(1);

/// Publishes for so many seconds and prints what [`parse`] reads.
pub async fn run(amqp: &str, seconds: f64, with_headers: bool) -> Result<()> {
    let (_connection, channel) = super::channel(amqp).await?;
    let body = Bodies::new().body(0);
    let properties = if with_headers {
        outgoing(&Bodies::new(), 0)?.properties
    } else {
        BasicProperties::default().with_delivery_mode(2)
    };
    let mut in_flight: FuturesUnordered<_> = (0..IN_FLIGHT)
        .map(|_| publish(&channel, &body, &properties))
        .collect();
    let mut window = None;
    let mut count = 0_u32;
    let began = Instant::now();
    while let Some(confirmed) = in_flight.next().await {
        confirmed?;
        in_flight.push(publish(&channel, &body, &properties));
        let Some((since, before)) = window else {
            if began.elapsed() > WARM_UP {
                window = Some((Instant::now(), Usage::of(std::process::id())?));
            }
            continue;
        };
        count += 1;
        let passed = since.elapsed();
        if passed.as_secs_f64() >= seconds {
            let after = Usage::of(std::process::id())?;
            let window = Window {
                count: count.into(),
                seconds: passed.as_secs_f64(),
            };
            print_sample(&Sample::between(before, after, window));
            break;
        }
    }
    Ok(())
}

async fn publish(channel: &Channel, body: &[u8], properties: &BasicProperties) -> Result<()> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let published = channel.basic_publish(
        topology::EXCHANGE.into(),
        topology::WORK_KEY.into(),
        options,
        body,
        properties.clone(),
    );
    published.await?.await?;
    Ok(())
}

fn print_sample(sample: &Sample) {
    println!(
        "{} {} {} {}",
        sample.per_second,
        sample.cpu,
        sample.switches.unwrap_or_default(),
        sample.rss_mb
    );
}

/// Reads what [`run`] printed.
pub fn parse(output: &str) -> Result<Sample> {
    let figures: Vec<f64> = output
        .split_whitespace()
        .filter_map(|figure| figure.parse().ok())
        .collect();
    let [per_second, cpu, switches, rss_mb] = figures[..] else {
        anyhow::bail!("the raw publisher printed {output}");
    };
    Ok(Sample {
        per_second,
        cpu,
        switches: Some(switches),
        rss_mb,
        ..Sample::default()
    })
}
