//! `[directory]`

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::values;

/// Section `[directory]`: the index of all people.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct Directory {
    pub mode: DirectoryMode,
    #[serde(deserialize_with = "values::percentage")]
    pub daily_share: u8,
    #[serde(deserialize_with = "values::duration")]
    pub longest_interval: Duration,
    #[serde(deserialize_with = "values::duration")]
    pub full_pass: Duration,
    pub search_unknown: bool,
}

/// Whether there is a directory of Pipedrive's people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryMode {
    /// People are looked up in the directory once it is complete.
    On,
    /// People are searched in Pipedrive.
    Off,
}

impl<'de> Deserialize<'de> for DirectoryMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = values::scalar(deserializer)?;
        match written.trim().to_ascii_lowercase().as_str() {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(D::Error::custom(format!(
                "`{written}` is no mode: write `on` or `off`"
            ))),
        }
    }
}
