//! Events of calls that are all different and all of the same size, and a queue full of them.

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use shared::broker::{Outgoing, Publisher, message, topology};
use shared::clock;
use shared::domain::event::{Filter, Reading, read_body};

/// Size of a body.
pub const BODY_BYTES: usize = 2048;
/// Area codes from this one on, without the service codes that end in 11.
const FIRST_AREA: u64 = 212;
const AREAS: u64 = 600;
/// Of each area, the hundred numbers that are set aside for fiction.
const LINES: u64 = 100;
/// Messages that wait for their confirm while a queue is filled.
const IN_FLIGHT: usize = 256;

/// Makes the bodies: a template, in which two places of fixed length differ.
#[derive(Clone, Debug)]
pub struct Bodies {
    template: Vec<u8>,
    id_at: usize,
    number_at: usize,
}

const ID: &str = "call-000000000000";
const NUMBER: &str = "+12125550100";

impl Bodies {
    /// The template: what an external sender posts of a call, as Genesys' guide has it.
    pub fn new() -> Self {
        let event = |padding: &str| {
            format!(
                r#"{{"eventType":"interaction.completed","data":{{"id":"{ID}","channelType":"voice","phoneNumber":"{NUMBER}","duration":61,"participantName":"Casey Customer","notes":"{padding}"}}}}"#
            )
        };
        let padding = "A caller asked for a quotation. "
            .chars()
            .cycle()
            .take(BODY_BYTES - event("").len());
        let text = event(&padding.collect::<String>());
        Self {
            id_at: text.find(ID).unwrap_or_default(),
            number_at: text.find(NUMBER).unwrap_or_default(),
            template: text.into_bytes(),
        }
    }

    /// Writes the event with this number over `body`, which is one made by [`Self::body`].
    pub fn write(&self, n: u64, body: &mut [u8]) {
        body[self.id_at..][..ID.len()].copy_from_slice(format!("call-{n:012}").as_bytes());
        body[self.number_at..][..NUMBER.len()].copy_from_slice(number(n).as_bytes());
    }

    /// The event with this number.
    pub fn body(&self, n: u64) -> Vec<u8> {
        let mut body = self.template.clone();
        self.write(n, &mut body);
        body
    }
}

/// The caller's number: 60,000 different ones.
pub fn number(n: u64) -> String {
    let (area, line) = (area(n / LINES), n % LINES);
    format!("+1{area}55501{line:02}")
}

/// The number of one of up to six million people.
pub fn number_of_person(n: u64) -> String {
    const LINES: u64 = 10_000;
    let (area, line) = (area(n / LINES), n % LINES);
    format!("+1{area}555{line:04}")
}

/// The area code with this number; every block of a hundred loses one.
fn area(n: u64) -> u64 {
    let n = usize::try_from(n % AREAS).unwrap_or_default();
    let mut areas = (FIRST_AREA..).filter(|area| area % 100 != 11);
    areas.nth(n).unwrap_or(FIRST_AREA)
}

/// Publishes events `from` to `to` as `ingest` does.
pub async fn fill(publisher: &Publisher, from: u64, to: u64) -> Result<()> {
    let bodies = Bodies::new();
    stream::iter(from..to)
        .map(|n| anyhow::Ok(outgoing(&bodies, n)?))
        .try_for_each_concurrent(IN_FLIGHT, async |message| {
            Ok(publisher.publish(message).await?)
        })
        .await
}

/// The event with this number as the message that `ingest` publishes.
pub fn outgoing(bodies: &Bodies, n: u64) -> Result<Outgoing> {
    let body = bodies.body(n);
    let read = read_body(&body, None, &Filter::everything(), false);
    let Reading::Event(event) = read.map_err(|error| anyhow::anyhow!("{error}"))?.reading else {
        anyhow::bail!("an event of the benchmark is not recognised");
    };
    let trace = shared::telemetry::traceparent(None);
    let properties = message::accepted_properties(&event, clock::now(), &trace, "ingest");
    Ok(Outgoing {
        exchange: topology::EXCHANGE,
        routing_key: topology::WORK_KEY.into(),
        properties,
        body: body.into(),
    })
}

/// The id and the number of an event, for programs that know nothing of the bridge.
pub fn read_id_and_number(body: &[u8]) -> Result<(String, String)> {
    let event: serde_json::Value = serde_json::from_slice(body)?;
    let text = |name: &str| event["data"][name].as_str().map(str::to_owned);
    text("id")
        .zip(text("phoneNumber"))
        .context("an event of the benchmark")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn bodies_have_one_size_and_are_recognised() {
        let bodies = Bodies::new();

        for n in [0, 59_999, 123_456_789_012] {
            assert_eq!(bodies.body(n).len(), BODY_BYTES);
            assert!(outgoing(&bodies, n).is_ok());
        }
    }

    #[test]
    fn sixty_thousand_callers_are_different() {
        let numbers: BTreeSet<String> = (0..60_000).map(number).collect();

        assert_eq!(numbers.len(), 60_000);
        assert!(numbers.iter().all(|number| number.len() == NUMBER.len()));
    }
}
