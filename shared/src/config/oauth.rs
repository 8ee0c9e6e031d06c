//! How the bridge proves to Pipedrive who it is: by an API token, or as an app.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::Deserialize;
use url::Url;

use super::error::ConfigError;
use super::{Pipedrive, Secret, Settings, values};

/// Bytes of the encryption key.
const KEY_BYTES: usize = 32;
/// The default of `pipedrive.base_url`.
pub(super) const ANY_COMPANY: &str = "https://api.pipedrive.com/";

/// Section `[pipedrive.oauth]`: an app instead of an API token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "every key is explained in config/default.toml")]
pub struct OAuth {
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    pub refresh_token: Option<Secret>,
    pub encryption_key: Option<SecretString>,
    #[serde(deserialize_with = "values::url")]
    pub token_url: Url,
}

/// The one way in that is configured.
#[derive(Debug)]
pub enum Credential {
    /// The fixed token of `pipedrive.api_token`.
    ApiToken(Secret),
    /// Section `[pipedrive.oauth]`: an app instead of an API token.
    OAuth(OAuthApp),
}

/// An app of Pipedrive's, and its installation.
#[derive(Debug)]
pub struct OAuthApp {
    /// Client id, which names the app.
    pub client_id: String,
    /// Client secret, the app's password.
    pub client_secret: Secret,
    /// What the installation gave; later ones are in Redis.
    pub refresh_token: Secret,
    /// Key that encrypts the tokens in Redis.
    pub encryption_key: SecretBox<[u8; KEY_BYTES]>,
    /// Where tokens are refreshed.
    pub token_url: Url,
    /// Whether requests go to the host that Pipedrive names: `pipedrive.base_url` is left as it is by default.
    pub takes_api_domain: bool,
}

impl OAuth {
    fn is_absent(&self) -> bool {
        self.client_id.is_none()
            && self.client_secret.is_none()
            && self.refresh_token.is_none()
            && self.encryption_key.is_none()
    }
}

impl Settings {
    /// The credential for Pipedrive. Asked for by the worker alone: `ingest` needs none.
    ///
    /// # Errors
    ///
    /// When there is none, or more than one, or one that is not whole.
    pub fn credential(&self) -> Result<Credential, ConfigError> {
        let Pipedrive {
            api_token,
            oauth,
            request_timeout,
            ..
        } = &self.pipedrive;
        match api_token {
            Some(_) if !oauth.is_absent() => Err(ConfigError::value(
                "pipedrive.api_token",
                "is given together with pipedrive.oauth: leave one of the two out",
            )),
            Some(token) => Ok(Credential::ApiToken(token.clone())),
            None if oauth.is_absent() => Err(ConfigError::value(
                "pipedrive.api_token",
                "is missing: Pipedrive > Personal preferences > API; or configure an app, pipedrive.oauth",
            )),
            None => {
                check_lease(self.worker.lease, *request_timeout)?;
                Ok(Credential::OAuth(app(&self.pipedrive)?))
            }
        }
    }
}

/// A request may be refused because its token ended, and is then sent again with a new one.
fn check_lease(lease: Duration, request_timeout: Duration) -> Result<(), ConfigError> {
    if lease >= request_timeout * 4 + Duration::from_secs(20) {
        return Ok(());
    }
    let problem = "must be at least 4 times pipedrive.request_timeout and 20s with pipedrive.oauth: a request must end \
                   within the lease, and its token may have to be refreshed";
    Err(ConfigError::value("worker.lease", problem))
}

fn app(settings: &Pipedrive) -> Result<OAuthApp, ConfigError> {
    fn required<T: Clone>(name: &str, value: Option<&T>, remedy: &str) -> Result<T, ConfigError> {
        value.cloned().ok_or_else(|| {
            let key = format!("pipedrive.oauth.{name}");
            ConfigError::value(
                &key,
                format!(
                    "is missing, and an app needs it: {remedy}; or set pipedrive.api_token alone"
                ),
            )
        })
    }
    let in_hub = "Pipedrive > Developer Hub > the app > OAuth & access scopes";
    let oauth = &settings.oauth;
    let url = &oauth.token_url;
    check_token_url(url, settings.plain_http)?;
    let installed = "install the app (docs/SETUP.md)";
    let drawn = "openssl rand -hex 32";
    let encryption_key = required("encryption_key", oauth.encryption_key.as_ref(), drawn)?;
    Ok(OAuthApp {
        client_id: required("client_id", oauth.client_id.as_ref(), in_hub)?,
        client_secret: required("client_secret", oauth.client_secret.as_ref(), in_hub)?,
        refresh_token: required("refresh_token", oauth.refresh_token.as_ref(), installed)?,
        encryption_key: parse_key(&encryption_key)?,
        token_url: url.clone(),
        takes_api_domain: settings.base_url.as_str() == ANY_COMPANY,
    })
}

/// The app's secret and the refresh token go there: in plain text no farther than this machine, unless that is wanted.
fn check_token_url(url: &Url, plain_http: bool) -> Result<(), ConfigError> {
    match url.scheme() {
        "https" if url.has_host() => Ok(()),
        "http" if plain_http || values::is_loopback(url) => Ok(()),
        _ => {
            let problem = "must be an address that begins with https://, for the app's secret and the refresh token go \
                           there; http:// is taken with a loopback address (127.0.0.1, ::1, localhost), or with \
                           pipedrive.plain_http (BRIDGE__PIPEDRIVE__PLAIN_HTTP=true)";
            Err(ConfigError::value("pipedrive.oauth.token_url", problem))
        }
    }
}

/// The key itself is a secret, and is not shown.
fn parse_key(text: &SecretString) -> Result<SecretBox<[u8; KEY_BYTES]>, ConfigError> {
    let text = text.expose_secret().trim();
    let bytes = match text.len() {
        64 => hex::decode(text).ok(),
        _ => STANDARD.decode(text).ok(),
    };
    let key: Option<[u8; KEY_BYTES]> = bytes.and_then(|bytes| bytes.try_into().ok());
    key.map(|key| SecretBox::new(Box::new(key))).ok_or_else(|| {
        let problem = "must be 32 bytes in hexadecimal or base64: openssl rand -hex 32";
        ConfigError::value("pipedrive.oauth.encryption_key", problem)
    })
}

#[cfg(test)]
mod tests {
    use super::super::load_from;
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn credential(variables: &[(&str, &str)]) -> Result<Credential, String> {
        let variables = variables
            .iter()
            .map(|(key, value)| (format!("BRIDGE__{key}"), (*value).to_owned()));
        load_from(None, variables)
            .unwrap()
            .credential()
            .map_err(|error| error.to_string())
    }

    fn app_with(key: &str) -> Vec<(&str, &str)> {
        vec![
            ("PIPEDRIVE__OAUTH__CLIENT_ID", "client"),
            ("PIPEDRIVE__OAUTH__CLIENT_SECRET", "hidden-secret"),
            ("PIPEDRIVE__OAUTH__REFRESH_TOKEN", "hidden-refresh"),
            ("PIPEDRIVE__OAUTH__ENCRYPTION_KEY", key),
        ]
    }

    #[test]
    fn exactly_one_way_in_is_configured() {
        let token = ("PIPEDRIVE__API_TOKEN", "token");

        assert!(matches!(credential(&[token]), Ok(Credential::ApiToken(_))));
        assert!(matches!(
            credential(&app_with(HEX)),
            Ok(Credential::OAuth(_))
        ));
        let neither = credential(&[]).unwrap_err();
        assert!(
            neither.contains("pipedrive.api_token") && neither.contains("pipedrive.oauth"),
            "{neither}"
        );
        let both = credential(&[app_with(HEX), vec![token]].concat()).unwrap_err();
        assert!(both.contains("leave one of the two out"), "{both}");
    }

    #[test]
    fn what_an_app_lacks_is_named_with_where_to_get_it() {
        for (missing, part) in [
            ("CLIENT_ID", "Developer Hub"),
            ("CLIENT_SECRET", "Developer Hub"),
            ("REFRESH_TOKEN", "docs/SETUP.md"),
            ("ENCRYPTION_KEY", "openssl"),
        ] {
            let mut app = app_with(HEX);
            app.retain(|(key, _)| !key.ends_with(missing));

            let error = credential(&app).unwrap_err();

            let key = format!("pipedrive.oauth.{}", missing.to_lowercase());
            assert!(error.contains(&key) && error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_key_is_32_bytes_in_either_form_and_never_shown() {
        for form in [HEX, BASE64] {
            let Ok(Credential::OAuth(app)) = credential(&app_with(form)) else {
                panic!("{form} is a key");
            };
            assert_eq!(app.encryption_key.expose_secret()[31], 0x1f);
            let printed = format!("{app:?}");
            assert!(!printed.contains("hidden"), "{printed}");
        }
        for wrong in ["short", &HEX[..62], &format!("{HEX}00"), "=A"] {
            let error = credential(&app_with(wrong)).unwrap_err();
            assert!(
                error.contains("encryption_key") && !error.contains(wrong),
                "{error}"
            );
        }
    }

    #[test]
    fn a_configured_host_goes_before_the_one_that_pipedrive_names() {
        let takes_api_domain = |variables: &[(&str, &str)]| {
            let Ok(Credential::OAuth(app)) = credential(&[&app_with(HEX), variables].concat())
            else {
                panic!("an app is configured");
            };
            app.takes_api_domain
        };

        assert!(takes_api_domain(&[]));
        assert!(!takes_api_domain(&[(
            "PIPEDRIVE__BASE_URL",
            "https://x.example"
        )]));
    }

    #[test]
    fn secrets_leave_the_machine_encrypted_alone() {
        let with_token_url =
            |url| credential(&[app_with(HEX), vec![("PIPEDRIVE__OAUTH__TOKEN_URL", url)]].concat());

        for url in [
            "https://oauth.pipedrive.com/oauth/token",
            "http://127.0.0.1:8090/oauth/token",
            "http://[::1]:8090/oauth/token",
            "http://localhost/oauth/token",
        ] {
            assert!(with_token_url(url).is_ok(), "{url}");
        }
        for url in [
            "http://oauth.pipedrive.com/oauth/token",
            "http://192.0.2.1/oauth/token",
            "http://localhost.example/oauth/token",
            "ftp://127.0.0.1/oauth/token",
        ] {
            let error = with_token_url(url).unwrap_err();
            assert!(
                error.contains("pipedrive.oauth.token_url") && error.contains("https://"),
                "{error}"
            );
        }
        let wanted = [
            app_with(HEX),
            vec![
                ("PIPEDRIVE__OAUTH__TOKEN_URL", "http://sandbox:8090/oauth"),
                ("PIPEDRIVE__PLAIN_HTTP", "true"),
            ],
        ];
        assert!(credential(&wanted.concat()).is_ok());
    }

    #[test]
    fn a_lease_leaves_room_for_a_refresh() {
        let short = credential(&[app_with(HEX), vec![("WORKER__LEASE", "36s")]].concat());
        assert!(short.unwrap_err().contains("worker.lease"));
    }
}
