//! How single settings are written: durations, lists, times of day, regions.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use url::{Host, Url};

use crate::domain::phone::{OutsideLine, OwnNumbers, Region};

/// One of the retry delays. Its written form, such as `30s`, is part of its queue's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryDelay {
    /// How long a message waits.
    pub duration: Duration,
    name: String,
}

impl RetryDelay {
    /// Reads a delay of whole milliseconds.
    ///
    /// # Errors
    ///
    /// When it is no duration, or none at all.
    pub fn parse(text: &str) -> Result<Self, String> {
        let duration = parse_duration(text)?;
        if duration < Duration::from_millis(1) {
            return Err("a retry delay is at least 1ms".to_owned());
        }
        Ok(Self {
            duration,
            name: shortest_form(duration),
        })
    }

    /// The delay in its shortest form: one number and one unit, so that `60s` and `1m` are one queue.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn shortest_form(duration: Duration) -> String {
    let ms = duration.as_millis();
    let (size, unit) = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ]
    .into_iter()
    .find(|(size, _)| ms.is_multiple_of(*size))
    .unwrap_or((1, "ms"));
    format!("{}{unit}", ms / size)
}

/// A time of day, UTC: `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockTime {
    /// Time of day as seconds after midnight.
    pub seconds: u32,
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl ClockTime {
    /// Reads a time of day: `HH:MM`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts = text
            .trim()
            .split_once(':')
            .and_then(|(h, m)| Some((h.parse::<u32>().ok()?, m.parse::<u32>().ok()?)));
        match parts {
            Some((hours @ 0..24, minutes @ 0..60)) => Ok(Self {
                seconds: hours * 3600 + minutes * 60,
            }),
            _ => Err(format!("`{text}` is no time of day: write HH:MM")),
        }
    }
}

/// A percentage from 1 to 100.
pub(super) fn percentage<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let written = scalar(deserializer)?;
    let percentage = written.trim().parse();
    percentage
        .ok()
        .filter(|percent| (1..=100).contains(percent))
        .ok_or_else(|| {
            D::Error::custom(format!(
                "`{written}` is no percentage: write a whole number from 1 to 100"
            ))
        })
}

/// A value as it is written, whatever its kind.
pub(super) fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.0)
}

struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Scalar;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("one value")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
                Ok(Scalar(value.to_owned()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|error| format!("`{text}` is no duration ({error}): write 500ms, 30s, 10m or 48h"))
}

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map_err(D::Error::custom)
}

/// A delay with a queue of its own; a duration of zero is none.
pub(super) fn optional_delay<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<RetryDelay>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if parse_duration(&text).map_err(D::Error::custom)?.is_zero() {
        return Ok(None);
    }
    RetryDelay::parse(&text).map(Some).map_err(D::Error::custom)
}

pub(super) fn delays<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<RetryDelay>, D::Error> {
    let texts = list(deserializer)?;
    texts
        .iter()
        .map(|text| RetryDelay::parse(text).map_err(D::Error::custom))
        .collect()
}

/// A time zone by its IANA name.
pub(super) fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    let text = String::deserialize(deserializer)?;
    TimeZone::get(text.trim()).map_err(|_| {
        D::Error::custom(format!(
            "`{text}` is no time zone: write its IANA name, such as Europe/Berlin or UTC"
        ))
    })
}

pub(super) fn region<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Region>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    Region::parse(&text).map(Some).map_err(D::Error::custom)
}

/// The prefix of an outside line; an empty text is none.
pub(super) fn outside_line<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<OutsideLine>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    OutsideLine::parse(&text)
        .map(Some)
        .map_err(D::Error::custom)
}

/// Numbers and ranges of the company's own.
pub(super) fn own_numbers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<OwnNumbers, D::Error> {
    OwnNumbers::parse(&list(deserializer)?).map_err(D::Error::custom)
}

/// A path; an empty text is none.
pub(super) fn path<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((!text.trim().is_empty()).then(|| text.into()))
}

/// An address with its port; an empty text is none.
pub(super) fn address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| D::Error::custom(format!("`{text}` is no address with a port")))
}

/// An address of the web. The error does not repeat it: it may hold a password.
pub(super) fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.trim().parse().map_err(|error: url::ParseError| {
        D::Error::custom(format!(
            "cannot be read as an address ({error}): write https://host"
        ))
    })
}

/// An address of the web, or none for an empty text.
pub(super) fn optional_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Url>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error: url::ParseError| {
        D::Error::custom(format!(
            "cannot be read as an address ({error}): write https://host"
        ))
    })
}

/// Whether an address is of this machine: `localhost`, 127.0.0.0/8 or `::1`.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Addresses, and networks in CIDR notation.
pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let parse = |text: &String| {
        let single = text.parse::<IpAddr>().map(IpNet::from);
        single.or_else(|_| text.parse()).map_err(|_| {
            D::Error::custom(format!(
                "`{text}` is neither an address nor a network such as 10.0.0.0/8"
            ))
        })
    };
    list(deserializer)?.iter().map(parse).collect()
}

pub(super) fn secret_list<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SecretString>, D::Error> {
    let split = |text: &str| split_secret_text(text).map(str::to_owned).collect();
    let secrets = deserializer.deserialize_any(ListVisitor(split))?;
    Ok(secrets.into_iter().map(SecretString::from).collect())
}

/// The secrets in one text.
pub(super) fn split_secrets(secrets: &SecretString) -> Vec<SecretString> {
    split_secret_text(secrets.expose_secret())
        .map(SecretString::from)
        .collect()
}

/// The secrets in one text: one a line, or on one line between commas.
pub(super) fn split_secret_text(text: &str) -> impl Iterator<Item = &str> {
    let separator = if text.contains('\n') { '\n' } else { ',' };
    text.split(separator)
        .map(str::trim)
        .filter(|member| !member.is_empty())
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n'])
        .map(str::trim)
        .filter(|member| !member.is_empty())
}

/// A list, or its members in one text, comma separated. Blank members are left out.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let split = |text: &str| split(text).map(str::to_owned).collect();
    deserializer.deserialize_any(ListVisitor(split))
}

/// Reads a list, or a text that it splits.
struct ListVisitor(fn(&str) -> Vec<String>);

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list, or a comma separated text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Vec<String>, E> {
        Ok((self.0)(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<String>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = items.next_element()? {
            members.push(member);
        }
        Ok(members)
    }
}
