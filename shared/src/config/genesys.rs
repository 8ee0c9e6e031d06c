//! `[genesys]`: access to Genesys' API, and what is taken from it.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::error::ConfigError;
use super::secret::Secret;
use super::values::{self, RetryDelay};

/// Section `[genesys]`: access to its API, and how long its events wait.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub struct Genesys {
    pub interaction_url: Option<String>,
    /// `None`: records are written at once.
    #[serde(deserialize_with = "values::optional_delay")]
    pub settle_delay: Option<RetryDelay>,
    #[serde(deserialize_with = "values::duration")]
    pub legs_wait: Duration,
    #[serde(default, deserialize_with = "values::optional_url")]
    pub api_url: Option<Url>,
    #[serde(default, deserialize_with = "values::optional_url")]
    pub login_url: Option<Url>,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    pub plain_http: bool,
    pub requests_per_minute: u32,
    #[serde(deserialize_with = "values::duration")]
    pub request_timeout: Duration,
    pub owner: bool,
    pub summary: bool,
    pub transcript: bool,
}

/// How Genesys' API is reached: all of it is configured.
#[derive(Clone, Debug)]
pub struct GenesysAccess {
    /// Origin of the API.
    pub api_url: Url,
    /// Origin of the token endpoint.
    pub login_url: Url,
    /// The OAuth client's id.
    pub client_id: String,
    /// The OAuth client's secret.
    pub client_secret: Secret,
}

impl Genesys {
    /// The access to the API; nothing without an OAuth client.
    ///
    /// # Errors
    ///
    /// When a part of it is missing.
    pub fn access(&self) -> Result<Option<GenesysAccess>, ConfigError> {
        let client_id = self.client_id.as_ref().filter(|id| !id.trim().is_empty());
        if client_id.is_none() && self.client_secret.is_none() {
            return Ok(None);
        }
        Ok(Some(GenesysAccess {
            client_id: required("client_id", client_id)?.trim().to_owned(),
            client_secret: required("client_secret", self.client_secret.as_ref())?,
            api_url: required("api_url", self.api_url.as_ref())?,
            login_url: required("login_url", self.login_url().as_ref())?,
        }))
    }

    /// The token endpoint's origin: as configured, else the `login` host beside the `api` host of a region.
    fn login_url(&self) -> Option<Url> {
        let of_region = || {
            let host = self.api_url.as_ref()?.host_str()?.strip_prefix("api.")?;
            format!("https://login.{host}").parse().ok()
        };
        self.login_url.clone().or_else(of_region)
    }

    /// What no type can express.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (key, url) in [
            ("genesys.api_url", &self.api_url),
            ("genesys.login_url", &self.login_url),
        ] {
            if let Some(url) = url {
                self.check_origin(key, url)?;
            }
        }
        if self.requests_per_minute == 0 {
            let problem = "must be at least 1";
            return Err(ConfigError::value("genesys.requests_per_minute", problem));
        }
        self.access().map(drop)
    }

    fn check_origin(&self, key: &str, url: &Url) -> Result<(), ConfigError> {
        let is_bare = url.username().is_empty() && url.password().is_none();
        let is_bare = is_bare && url.query().is_none() && url.fragment().is_none();
        let is_web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
        if !is_web || !is_bare || url.path() != "/" {
            let problem = "must be an origin such as https://api.mypurecloud.ie and \
                           https://login.mypurecloud.ie; paths are appended";
            return Err(ConfigError::value(key, problem));
        }
        if url.scheme() == "http" && !self.plain_http && !values::is_loopback(url) {
            let problem = "begins with http://, and the credentials would cross the network readable: write https://, or \
                           set genesys.plain_http (BRIDGE__GENESYS__PLAIN_HTTP=true) if the network is your own, as that \
                           of a sandbox; loopback addresses need neither";
            return Err(ConfigError::value(key, problem));
        }
        Ok(())
    }
}

fn required<T: Clone>(name: &str, value: Option<&T>) -> Result<T, ConfigError> {
    value.cloned().ok_or_else(|| {
        ConfigError::value(
            &format!("genesys.{name}"),
            "is missing: access to Genesys needs genesys.api_url, genesys.login_url, genesys.client_id and \
             genesys.client_secret (Genesys > Admin > Integrations > OAuth); leave id and secret out for none",
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::config::{Settings, load_from};

    fn with(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let variables = variables.iter().map(|(key, value)| {
            let key = format!("BRIDGE__GENESYS__{key}");
            (key, (*value).to_owned())
        });
        load_from(None, variables).map_err(|error| error.to_string())
    }

    const CLIENT: [(&str, &str); 2] = [("CLIENT_ID", "id"), ("CLIENT_SECRET", "s3cret")];

    #[test]
    fn access_is_all_or_nothing() {
        assert!(with(&[]).unwrap().genesys.access().unwrap().is_none());
        let region = [("API_URL", "https://api.mypurecloud.de")];
        assert!(with(&region).unwrap().genesys.access().unwrap().is_none());

        let access = with(&[&CLIENT[..], &region].concat()).unwrap();
        let access = access.genesys.access().unwrap().unwrap();
        assert_eq!(access.login_url.as_str(), "https://login.mypurecloud.de/");

        for (given, missing) in [
            (&CLIENT[..1], "genesys.client_secret"),
            (&CLIENT[1..], "genesys.client_id"),
            (&CLIENT[..], "genesys.api_url"),
        ] {
            let error = with(given).unwrap_err();
            assert!(error.contains(missing), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let error = with(&[&CLIENT[..], &[("API_URL", "http://127.0.0.1:1")]].concat());
        assert!(error.unwrap_err().contains("genesys.login_url"));
    }

    #[test]
    fn addresses_are_origins_and_plain_http_stays_on_this_machine() {
        for url in ["https://api.mypurecloud.ie", "http://127.0.0.1:8090"] {
            assert!(with(&[("API_URL", url)]).is_ok(), "{url}");
        }
        for url in [
            "https://api.mypurecloud.ie/api/v2",
            "https://id:secret@host",
        ] {
            let error = with(&[("API_URL", url)]).unwrap_err();
            assert!(
                error.contains("genesys.api_url") && !error.contains("secret@"),
                "{error}"
            );
        }
        let sandbox = ("LOGIN_URL", "http://sandbox:8090");
        let error = with(&[sandbox]).unwrap_err();
        assert!(
            error.contains("BRIDGE__GENESYS__PLAIN_HTTP=true"),
            "{error}"
        );
        assert!(with(&[sandbox, ("PLAIN_HTTP", "true")]).is_ok());
    }

    #[test]
    fn an_empty_link_leaves_it_out() {
        let empty = with(&[("INTERACTION_URL", "")]).unwrap();
        assert_eq!(empty.genesys.interaction_url.as_deref(), Some(""));
        assert_eq!(with(&[]).unwrap().genesys.interaction_url, None);
    }
}
