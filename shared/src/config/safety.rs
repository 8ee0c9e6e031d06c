//! What is refused where others can reach it: secrets that anyone can read in `docker-compose.yml`, and lists of secrets
//! that a comma inside of a secret may have cut.

use config::Config;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::error::ConfigError;
use super::oauth::ANY_COMPANY;
use super::{Auth, Ingest, Pipedrive, Settings, values};

/// Shortest length, in characters, of a secret that cannot be guessed.
pub const SOUND_SECRET_CHARS: usize = 16;
/// As long as that, where others reach the webhook, a piece of a secret that a comma cut cannot be tried out.
const SHORTEST_EXPOSED_CHARS: usize = 8;
/// Host of `pipedrive.base_url` in the compose stack as it comes.
const SANDBOX_HOST: &str = "sandbox";
/// What stands in `docker-compose.yml` for want of a `.env`.
const PUBLISHED_PASSWORD: &str = "development";
const PUBLISHED_TOKEN: &str = "development-token";
const PUBLISHED_API_TOKEN: &str = "sandbox";
/// Keys of lists of secrets.
const LISTS: [&str; 3] = [
    "ingest.auth.basic",
    "ingest.auth.signature_secrets",
    "ingest.auth.tokens",
];

impl Settings {
    /// Refuses the secrets that `docker-compose.yml` publishes, unless `pipedrive.base_url` is its sandbox or on this
    /// machine.
    ///
    /// # Errors
    ///
    /// When there is one. The error names its key.
    pub fn check_published_secrets(&self) -> Result<(), ConfigError> {
        match self.published_secret() {
            Some((key, variable)) if is_real(&self.pipedrive) => {
                let problem = format!(
                    "is the secret that docker-compose.yml publishes, and pipedrive.base_url is a real Pipedrive: set \
                     another one ({variable} in the compose stack's .env; openssl rand -hex 32)"
                );
                Err(ConfigError::value(key, problem))
            }
            _ => Ok(()),
        }
    }

    /// The key of a published secret, and the variable that sets it for compose.
    fn published_secret(&self) -> Option<(&'static str, &'static str)> {
        let url = self.broker.url.current();
        let url = url.expose_secret().parse::<Url>().ok();
        let password = url.as_ref().and_then(Url::password);
        let tokens = &mut self.ingest.auth.tokens.iter();
        let api_token = self
            .pipedrive
            .api_token
            .as_ref()
            .map(super::Secret::current);
        if password == Some(PUBLISHED_PASSWORD) {
            Some(("broker.url", "RABBITMQ_PASSWORD"))
        } else if tokens.any(|token| token.expose_secret() == PUBLISHED_TOKEN) {
            Some(("ingest.auth.tokens", "WEBHOOK_TOKENS"))
        } else if api_token.is_some_and(|token| token.expose_secret() == PUBLISHED_API_TOKEN) {
            Some(("pipedrive.api_token", "PIPEDRIVE_API_TOKEN"))
        } else {
            None
        }
    }

    /// Warns of lists of secrets that a comma may have cut; where others reach the webhook, they were refused.
    pub fn warn_of_cut_secrets(&self) {
        for key in &self.cut_secrets {
            tracing::warn!(
                setting = key,
                "{key} {}. Where others can reach the webhook, this is refused",
                cut_problem()
            );
        }
    }
}

/// Refuses what is not safe where others reach it. `lists` are those of [`lists`].
pub(super) fn check(
    settings: &mut Settings,
    lists: &[(&'static str, SecretString)],
) -> Result<(), ConfigError> {
    let shortest = if is_real_by_choice(&settings.pipedrive) {
        SOUND_SECRET_CHARS
    } else if is_exposed(&settings.ingest) {
        SHORTEST_EXPOSED_CHARS
    } else {
        0
    };
    settings.ingest.auth.shortest_in_list = shortest;
    for (key, text) in lists {
        check_list(key, text, shortest)?;
    }
    let is_doubtful = |(_, text): &&(&str, SecretString)| is_cut(text, SOUND_SECRET_CHARS);
    let doubtful = lists.iter().filter(is_doubtful);
    settings.cut_secrets = doubtful.map(|(key, _)| (*key).to_owned()).collect();
    // The default address is no choice: `ingest` runs without one. The worker checks it, too.
    if is_real_by_choice(&settings.pipedrive) {
        settings.check_published_secrets()?;
    }
    Ok(())
}

/// The lists of secrets that are given as one text, by their keys.
pub(super) fn lists(config: &Config) -> Vec<(&'static str, SecretString)> {
    let text = |key: &'static str| Some((key, config.get_string(key).ok()?.into()));
    LISTS.into_iter().filter_map(text).collect()
}

impl Auth {
    /// Puts other secrets in the place of those of one key, such as `ingest.auth.tokens`.
    ///
    /// # Errors
    ///
    /// When it is no key of these, or a comma inside of a secret may have cut the list.
    pub fn replace(&mut self, key: &str, value: &SecretString) -> Result<(), ConfigError> {
        let secrets = match key {
            "ingest.auth.tokens" => &mut self.tokens,
            "ingest.auth.basic" => &mut self.basic,
            "ingest.auth.signature_secrets" => &mut self.signature_secrets,
            _ => return Err(ConfigError::value(key, "is no secret of the webhook")),
        };
        check_list(key, value, self.shortest_in_list)?;
        *secrets = values::split_secrets(value);
        Ok(())
    }

    /// Whether no sender could be authenticated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.basic.is_empty() && self.signature_secrets.is_empty()
    }
}

/// Refuses a text of several secrets between commas if one of them has less than `shortest` characters.
fn check_list(key: &str, text: &SecretString, shortest: usize) -> Result<(), ConfigError> {
    if is_cut(text, shortest) {
        return Err(ConfigError::value(key, cut_problem()));
    }
    Ok(())
}

/// Whether one of several secrets between commas is so short that it may be a piece of one.
fn is_cut(text: &SecretString, shortest: usize) -> bool {
    let text = text.expose_secret();
    let parts = || values::split_secret_text(text);
    !text.contains('\n')
        && parts().count() > 1
        && parts().any(|part| part.chars().count() < shortest)
}

fn cut_problem() -> String {
    format!(
        "has a comma, and too little before or after it: if a secret holds the comma, each \
         piece of it would be accepted. Write one secret a line into a file (…_FILE), where a comma is part of a secret \
         once there are two lines, or a list into a settings file; if these are several secrets, use some of \
         {SOUND_SECRET_CHARS} characters or more (openssl rand -hex 32)"
    )
}

/// Whether others than programs on this machine reach the webhook.
fn is_exposed(ingest: &Ingest) -> bool {
    !ingest.listen.ip().is_loopback() || !ingest.trusted_proxies.is_empty()
}

fn is_real(pipedrive: &Pipedrive) -> bool {
    let base = &pipedrive.base_url;
    !values::is_loopback(base) && base.host() != Some(Host::Domain(SANDBOX_HOST))
}

fn is_real_by_choice(pipedrive: &Pipedrive) -> bool {
    is_real(pipedrive) && pipedrive.base_url.as_str() != ANY_COMPANY
}

#[cfg(test)]
mod tests {
    use super::super::load_from;
    use super::*;

    const REAL: (&str, &str) = ("PIPEDRIVE__BASE_URL", "https://company.pipedrive.com");

    fn load(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let variables = variables
            .iter()
            .map(|(key, value)| (format!("BRIDGE__{key}"), (*value).to_owned()));
        load_from(None, variables).map_err(|error| error.to_string())
    }

    #[test]
    fn published_secrets_are_refused_with_a_real_pipedrive_and_taken_with_the_sandbox() {
        for (key, value, setting, variable) in [
            (
                "BROKER__URL",
                "amqp://bridge:development@rabbitmq:5672/%2F",
                "broker.url",
                "RABBITMQ_PASSWORD",
            ),
            (
                "INGEST__AUTH__TOKENS",
                "development-token",
                "ingest.auth.tokens",
                "WEBHOOK_TOKENS",
            ),
            (
                "PIPEDRIVE__API_TOKEN",
                "sandbox",
                "pipedrive.api_token",
                "PIPEDRIVE_API_TOKEN",
            ),
        ] {
            let error = load(&[REAL, (key, value)]).unwrap_err();
            assert!(
                error.contains(setting) && error.contains(variable),
                "{error}"
            );

            let sandbox = [
                ("PIPEDRIVE__BASE_URL", "http://sandbox:8090"),
                ("PIPEDRIVE__PLAIN_HTTP", "true"),
            ];
            assert!(load(&[&sandbox[..], &[(key, value)]].concat()).is_ok());
            let loopback = ("PIPEDRIVE__BASE_URL", "http://127.0.0.1:8090");
            assert!(load(&[loopback, (key, value)]).is_ok());
            let default = load(&[(key, value)]).unwrap();
            assert!(
                default.check_published_secrets().is_err(),
                "the worker's check"
            );
        }
    }

    #[test]
    fn compose_publishes_these_secrets_tags_images_with_the_version_and_limits_memory() {
        let compose = include_str!("../../../docker-compose.yml");

        for published in [
            format!("RABBITMQ_PASSWORD:-{PUBLISHED_PASSWORD}}}"),
            format!("WEBHOOK_TOKENS:-{PUBLISHED_TOKEN}}}"),
            format!("PIPEDRIVE_API_TOKEN:-{PUBLISHED_API_TOKEN}}}"),
            format!("PIPEDRIVE_BASE_URL:-http://{SANDBOX_HOST}:"),
        ] {
            assert!(compose.contains(&published), "{published}");
        }
        let version = env!("CARGO_PKG_VERSION");
        for image in ["bridge", "bridge-sandbox"] {
            let tag = format!("image: genesys-pipedrive-{image}:{version}\n");
            assert!(compose.contains(&tag), "{tag}");
        }
        let images = compose.matches("image: ").count();
        assert_eq!(compose.matches("mem_limit: ").count(), images);
    }

    #[test]
    fn a_comma_in_a_secret_lets_no_piece_of_it_in_where_others_reach_the_webhook() {
        let cut = ("INGEST__AUTH__TOKENS", "s3,cret-s3cret-s3cret");
        for exposed in [
            REAL,
            ("INGEST__LISTEN", "0.0.0.0:8080"),
            ("INGEST__TRUSTED_PROXIES", "127.0.0.1"),
        ] {
            let error = load(&[exposed, cut]).unwrap_err();
            assert!(
                error.contains("ingest.auth.tokens") && error.contains("_FILE"),
                "{error}"
            );
            assert!(!error.contains("s3"), "{error}");
        }
        assert_eq!(load(&[cut]).unwrap().cut_secrets, ["ingest.auth.tokens"]);

        let several = ("INGEST__AUTH__TOKENS", "first-token-0123,second-token-456");
        let settings = load(&[REAL, several]).unwrap();
        assert_eq!(settings.ingest.auth.tokens.len(), 2);
    }

    #[test]
    fn with_one_secret_a_line_a_comma_is_part_of_a_secret() {
        let path = std::env::temp_dir().join(format!("bridge-lines-{}", std::process::id()));
        std::fs::write(&path, "s3,cret\nsecond\n").unwrap();

        let file = ("INGEST__AUTH__TOKENS_FILE", path.to_str().unwrap());
        let mut auth = load(&[REAL, file]).unwrap().ingest.auth;

        std::fs::remove_file(&path).unwrap();
        let tokens = |auth: &super::super::Auth| {
            let tokens = auth.tokens.iter().map(ExposeSecret::expose_secret);
            tokens.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(tokens(&auth), ["s3,cret", "second"]);
        let replaced = auth.replace("ingest.auth.tokens", &"s3,cret".into());
        assert!(replaced.is_err(), "a file that changes is checked, too");
        assert_eq!(tokens(&auth), ["s3,cret", "second"]);
    }
}
