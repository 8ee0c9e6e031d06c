//! Values that the operator enters, checked so that they can stand in shell commands, JSON and Terraform.

use std::str::FromStr;

use url::Url;

use super::WEBHOOK_PATH;

/// The public address of the webhook.
#[derive(Clone, Debug)]
pub struct Address {
    text: String,
    host: String,
    port: u16,
}

impl Address {
    /// The address, path included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its host, without the brackets of an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port of the address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("no address: {error}"))?;
        if url.scheme() != "https" {
            return Err("EventBridge and Genesys Cloud post to https:// only".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address must not contain a secret".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("an address must not contain ? or #".to_owned());
        }
        let address = url.as_str().trim_end_matches('/');
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ":/.-_~[]".contains(c);
        if !address.chars().all(is_plain) {
            return Err("only letters, digits and :/.-_~ may be in it".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port_or_known_default().unwrap_or(443),
            text: if address.ends_with(WEBHOOK_PATH) {
                address.to_owned()
            } else {
                format!("{address}{WEBHOOK_PATH}")
            },
        })
    }
}

/// Checks a region, an organization or a suffix.
///
/// # Errors
///
/// When it holds anything but letters, digits, dots, hyphens and underscores, or is longer than Genesys allows.
pub fn plain_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("1 to 64 letters, digits and .-_".to_owned())
    }
}
