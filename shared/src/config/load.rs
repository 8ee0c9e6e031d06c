//! Reads the settings from their three places, and refuses what cannot be meant.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Config, File, FileFormat};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::error::{ConfigError, PREFIX};
use super::proxies::Proxies;
use super::secret::{SecretFile, SecretFiles, bare_secret, is_blank, read_secret};
use super::{Alarm, Pipedrive, Settings, ingest, safety, values};

/// `config/default.toml`: every setting, explained.
pub const DEFAULTS: &str = include_str!("../../../config/default.toml");
/// A shorter key could be guessed.
const SHORTEST_HASH_KEY: usize = 32;
/// With a longer one records would be hours late, and most likely minutes were meant.
const LONGEST_SETTLE_DELAY: Duration = Duration::from_secs(3600);

/// Keys that hold secrets: each can be given by `…_FILE`.
const SECRETS: [&str; 11] = [
    "alarm.webhook_url",
    "broker.url",
    "ingest.auth.basic",
    "ingest.auth.signature_secrets",
    "ingest.auth.tokens",
    "pipedrive.api_token",
    "pipedrive.oauth.client_secret",
    "pipedrive.oauth.encryption_key",
    "pipedrive.oauth.refresh_token",
    "redis.hash_key",
    "redis.url",
];

/// Reads the settings: defaults, `file`, the process's environment.
///
/// # Errors
///
/// When a value is not of its kind, a key is unknown, or a file cannot be read.
pub fn load(file: Option<&Path>) -> Result<Settings, ConfigError> {
    load_from(
        file,
        std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))),
    )
}

/// [`load`] with an environment of the caller's.
///
/// # Errors
///
/// As [`load`].
pub fn load_from(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, ConfigError> {
    let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    if let Some(file) = file {
        builder = builder.add_source(File::from(file).format(FileFormat::Toml));
    }
    let environment: Vec<(String, String)> = environment.into_iter().collect();
    let proxies = Proxies::read(&environment);
    let (values, secret_files) = overrides(environment)?;
    for (key, value) in values {
        builder = builder.set_override(key, value)?;
    }
    let config = builder.build()?;
    let quoted_secrets = quoted_secrets(&config);
    let lists = safety::lists(&config);
    let mut settings: Settings = serde_path_to_error::deserialize(config).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner().to_string();
        // The error names the key already.
        let problem = problem.replace(&format!(" for key `{path}`"), "");
        ConfigError::value(&path, without_secret(&path, problem))
    })?;
    settings.secret_files = secret_files;
    settings.quoted_secrets = quoted_secrets;
    settings.proxies = proxies;
    check(&settings)?;
    safety::check(&mut settings, &lists)?;
    Ok(settings)
}

/// What is wrong at `path` without the value that stands there, if that is a secret or may hold one.
fn without_secret(path: &str, problem: String) -> String {
    let is_near = |secret: &&str| {
        path == "."
            || secret
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            || path.starts_with(&format!("{secret}["))
    };
    let has_value = problem.contains("invalid type") || problem.contains("invalid value");
    if !has_value || !SECRETS.iter().any(is_near) {
        return problem;
    }
    let expected = problem
        .rsplit_once(", expected ")
        .map_or("another kind", |(_, expected)| expected);
    format!("its value, which is not shown, is not of its kind: expected {expected}")
}

/// The settings in the environment, by dotted key, and where secrets came from. Empty variables count as unset, and so do
/// secrets of blanks alone: a compose file passes them so.
fn overrides(
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(BTreeMap<String, String>, SecretFiles), ConfigError> {
    let mut values = BTreeMap::new();
    let mut files = SecretFiles::default();
    for (variable, value) in environment {
        let Some(key) = variable.strip_prefix(PREFIX).filter(|_| !value.is_empty()) else {
            continue;
        };
        let key = key.to_lowercase().replace("__", ".");
        let value = if SECRETS.contains(&key.as_str()) {
            match bare_secret(&value) {
                "" => continue,
                secret => secret.to_owned(),
            }
        } else {
            value
        };
        match key
            .strip_suffix("_file")
            .filter(|secret| SECRETS.contains(secret))
        {
            Some(secret) => {
                let path = PathBuf::from(value);
                let value = read_secret(secret, path.clone())?;
                if is_blank(&value) {
                    let problem = format!("its file {} is empty", path.display());
                    return Err(ConfigError::value(secret, problem));
                }
                if values.contains_key(secret) {
                    return Err(both_ways(secret));
                }
                let last = SecretString::from(value.as_str());
                files
                    .0
                    .insert(secret.to_owned(), SecretFile::new(path, last));
                values.insert(secret.to_owned(), value);
            }
            None if files.0.contains_key(&key) => return Err(both_ways(&key)),
            None => {
                values.insert(key, value);
            }
        }
    }
    Ok((values, files))
}

fn both_ways(key: &str) -> ConfigError {
    ConfigError::value(
        key,
        "is given both as it is and as a file (…_FILE): leave one out",
    )
}

/// The keys of secrets that begin and end with a quote: `docker run --env-file` keeps those.
fn quoted_secrets(config: &Config) -> Vec<String> {
    let is_quoted = |text: &str| {
        let text = text.trim();
        let is_within = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
        is_within('"') || is_within('\'')
    };
    let texts = |key: &str| {
        let list = config.get_array(key).unwrap_or_default().into_iter();
        let members = list.filter_map(|member| member.into_string().ok());
        members.chain(config.get_string(key)).collect::<Vec<_>>()
    };
    let holds_quoted = |key: &&str| {
        let texts = texts(key);
        texts
            .iter()
            .any(|text| text.split([',', '\n']).any(is_quoted))
    };
    let keys = SECRETS.iter().copied().filter(holds_quoted);
    keys.map(str::to_owned).collect()
}

/// What no type can express.
fn check(settings: &Settings) -> Result<(), ConfigError> {
    let at_least_one = |key, value: u64| match value {
        0 => Err(ConfigError::value(key, "must be at least 1")),
        _ => Ok(()),
    };
    at_least_one(
        "pipedrive.requests_per_2s",
        settings.pipedrive.requests_per_2s.into(),
    )?;
    at_least_one(
        "pipedrive.searches_per_2s",
        settings.pipedrive.searches_per_2s.into(),
    )?;
    at_least_one(
        "pipedrive.daily_tokens",
        settings.pipedrive.daily_tokens.unwrap_or(1),
    )?;
    at_least_one("worker.concurrency", settings.worker.concurrency.into())?;
    at_least_one("retry.delays", settings.retry.delays.len() as u64)?;
    if settings.worker.lease < settings.pipedrive.request_timeout * 3 + Duration::from_secs(20) {
        let problem = "must be at least 3 times pipedrive.request_timeout and 20s: a request must end within the lease";
        return Err(ConfigError::value("worker.lease", problem));
    }
    check_directory(settings)?;
    check_genesys(settings)?;
    check_alarm(&settings.alarm)?;
    ingest::check(&settings.ingest)?;
    if settings.ingest.auth.signature_max_age >= settings.redis.done_ttl {
        let problem = "must be below redis.done_ttl: an event that is sent again must be too old, or known for a duplicate";
        return Err(ConfigError::value("ingest.auth.signature_max_age", problem));
    }
    check_base_url(&settings.pipedrive)
}

fn check_base_url(pipedrive: &Pipedrive) -> Result<(), ConfigError> {
    let base = &pipedrive.base_url;
    let is_bare = base.username().is_empty() && base.password().is_none() && base.query().is_none();
    let is_web = matches!(base.scheme(), "http" | "https") && base.host().is_some();
    if !is_web || !is_bare || base.path() != "/" {
        let problem = "must be an origin such as https://company.pipedrive.com; paths are appended";
        return Err(ConfigError::value("pipedrive.base_url", problem));
    }
    if base.scheme() == "http" && !pipedrive.plain_http && !values::is_loopback(base) {
        let problem = "begins with http://, and the token would cross the network readable: write https://, or set \
                       pipedrive.plain_http (BRIDGE__PIPEDRIVE__PLAIN_HTTP=true) if the network is your own, as that of a \
                       sandbox; loopback addresses need neither";
        return Err(ConfigError::value("pipedrive.base_url", problem));
    }
    Ok(())
}

fn check_directory(settings: &Settings) -> Result<(), ConfigError> {
    let directory = &settings.directory;
    if directory.longest_interval < Duration::from_secs(60) {
        let problem = "must be at least 1m";
        return Err(ConfigError::value("directory.longest_interval", problem));
    }
    let key = settings.redis.hash_key.as_ref();
    if key.is_some_and(|key| key.expose_secret().len() < SHORTEST_HASH_KEY) {
        let problem = "must have at least 32 characters: openssl rand -hex 32";
        return Err(ConfigError::value("redis.hash_key", problem));
    }
    Ok(())
}

fn check_genesys(settings: &Settings) -> Result<(), ConfigError> {
    let genesys = &settings.genesys;
    let settle_delay = genesys.settle_delay.as_ref();
    let settle_delay = settle_delay.map_or(Duration::ZERO, |delay| delay.duration);
    if settle_delay > LONGEST_SETTLE_DELAY {
        let problem = "must be at most 1h: no record is written before it has passed";
        return Err(ConfigError::value("genesys.settle_delay", problem));
    }
    if genesys.legs_wait < settle_delay || genesys.legs_wait >= settings.redis.open_ttl {
        let problem = "must be at least genesys.settle_delay, and below redis.open_ttl";
        return Err(ConfigError::value("genesys.legs_wait", problem));
    }
    Ok(())
}

fn check_alarm(alarm: &Alarm) -> Result<(), ConfigError> {
    if !(0.0..100.0).contains(&alarm.failed_percent) {
        let problem = "must be at least 0 and below 100";
        return Err(ConfigError::value("alarm.failed_percent", problem));
    }
    if alarm.failed_window < Duration::from_secs(10) {
        let problem = "must be at least 10s";
        return Err(ConfigError::value("alarm.failed_window", problem));
    }
    let is_address = |url: &SecretString| {
        url.expose_secret()
            .parse::<Url>()
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    };
    // The address itself is a secret, and is not shown.
    if !alarm.webhook_url.as_ref().is_none_or(is_address) {
        let problem = "must be an address that begins with https:// or http://";
        return Err(ConfigError::value("alarm.webhook_url", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        load_from(
            None,
            variables
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn the_defaults_are_complete() {
        let settings = with(&[]).unwrap();

        assert_eq!(settings.retry.max_age, Duration::from_secs(48 * 3600));
        assert_eq!(settings.retry.delays[4].name(), "1h");
    }

    #[test]
    fn the_settle_delay_has_a_queue_of_its_own_unless_a_retry_delay_is_the_same() {
        let names = |delay| {
            let settings = with(&[
                ("BRIDGE__RETRY__DELAYS", "5s,2m"),
                ("BRIDGE__GENESYS__SETTLE_DELAY", delay),
            ]);
            let delays = settings.unwrap().queued_delays();
            let names = delays.iter().map(super::super::RetryDelay::name);
            names.collect::<Vec<_>>().join(" ")
        };

        assert_eq!(names(""), "5s 2m 75s", "the default");
        assert_eq!(names("1m 15s"), "5s 2m 75s");
        assert_eq!(names("90s"), "5s 2m 90s");
        assert_eq!(names("120s"), "5s 2m");
        assert_eq!(names("0s"), "5s 2m", "at once");
    }

    #[test]
    fn an_unusable_settle_delay_is_refused_by_its_key() {
        for (variable, value, key) in [
            (
                "BRIDGE__GENESYS__SETTLE_DELAY",
                "2h",
                "genesys.settle_delay",
            ),
            (
                "BRIDGE__GENESYS__SETTLE_DELAY",
                "75",
                "genesys.settle_delay",
            ),
            ("BRIDGE__GENESYS__LEGS_WAIT", "1m", "genesys.legs_wait"),
            ("BRIDGE__GENESYS__LEGS_WAIT", "30d", "genesys.legs_wait"),
        ] {
            let error = with(&[(variable, value)]).unwrap_err().to_string();
            assert!(error.contains(key), "{value}: {error}");
        }
    }

    #[test]
    fn the_environment_overrides_with_lists_comma_separated() {
        let settings = with(&[
            ("BRIDGE__INGEST__AUTH__TOKENS", "one, 2"),
            ("BRIDGE__RETRY__DELAYS", "500ms,60s"),
            ("BRIDGE__WORKER__CONCURRENCY", "4"),
            ("BRIDGE__PIPEDRIVE__BASE_URL", "http://127.0.0.1:8090"),
            ("BRIDGE__PIPEDRIVE__API_TOKEN", ""),
        ])
        .unwrap();

        let tokens: Vec<&str> = settings
            .ingest
            .auth
            .tokens
            .iter()
            .map(ExposeSecret::expose_secret)
            .collect();
        assert_eq!(tokens, ["one", "2"]);
        assert_eq!(
            settings
                .retry
                .delays
                .iter()
                .map(super::super::RetryDelay::name)
                .collect::<Vec<_>>(),
            ["500ms", "1m"]
        );
        assert_eq!(settings.worker.concurrency, 4);
        assert!(settings.pipedrive.api_token.is_none());
    }

    #[test]
    fn numbers_are_read_by_the_phone_settings() {
        use crate::domain::phone::Party;

        let settings = with(&[
            ("BRIDGE__PHONE__OUTSIDE_LINE", "9"),
            (
                "BRIDGE__PHONE__OWN_NUMBERS",
                "+442079460000, +12025550100-+12025550119",
            ),
        ])
        .unwrap();

        let reader = settings.phone.reader();
        let class = |text| reader.read(Some(text)).party.class();
        assert_eq!(class("912025550171"), "customer");
        assert_eq!(class("(202) 555-0119"), "own");
        assert_eq!(reader.read(Some("tel:+442079460000")).party, Party::Own);
    }

    #[test]
    fn an_error_names_the_key_and_its_variable() {
        for (variable, value, part) in [
            ("BRIDGE__WORKER__CONCURENCY", "4", "concurency"),
            ("BRIDGE__RETRY__MAX_AGE", "soon", "retry.max_age"),
            (
                "BRIDGE__DIRECTORY__MODE",
                "maybe",
                "setting `directory.mode` (BRIDGE__DIRECTORY__MODE): `maybe` is no mode: write `on` or `off`",
            ),
            (
                "BRIDGE__DIRECTORY__DAILY_SHARE",
                "500",
                "setting `directory.daily_share` (BRIDGE__DIRECTORY__DAILY_SHARE): `500` is no percentage: write a whole \
                 number from 1 to 100",
            ),
            (
                "BRIDGE__DIRECTORY__DAILY_SHARE",
                "0",
                "`0` is no percentage",
            ),
            ("BRIDGE__WORKER__CONCURRENCY", "many", "worker.concurrency"),
            (
                "BRIDGE__PHONE__DEFAULT_REGION",
                "XX",
                "phone.default_region",
            ),
            (
                "BRIDGE__PHONE__OWN_NUMBERS",
                "+12025550100,reception",
                "phone.own_numbers",
            ),
            ("BRIDGE__PHONE__OUTSIDE_LINE", "nine", "phone.outside_line"),
            (
                "BRIDGE__PIPEDRIVE__TIME_ZONE",
                "Berlin",
                "pipedrive.time_zone",
            ),
            (
                "BRIDGE__PIPEDRIVE__BASE_URL",
                "https://x.example/api/v2",
                "pipedrive.base_url",
            ),
            ("BRIDGE__WORKER__LEASE", "15s", "worker.lease"),
            (
                "BRIDGE__ALARM__FAILED_PERCENT",
                "100",
                "alarm.failed_percent",
            ),
            ("BRIDGE__ALARM__FAILED_WINDOW", "5s", "alarm.failed_window"),
            (
                "BRIDGE__INGEST__AUTH__SIGNATURE_MAX_AGE",
                "45d",
                "ingest.auth.signature_max_age",
            ),
            (
                "BRIDGE__INGEST__TRUSTED_PROXIES",
                "10.0.0.1,proxy.example",
                "ingest.trusted_proxies",
            ),
            (
                "BRIDGE__INGEST__ADMIN_LISTEN",
                "8082",
                "ingest.admin_listen",
            ),
            (
                "BRIDGE__ALARM__WEBHOOK_URL",
                "hooks.example",
                "alarm.webhook_url",
            ),
        ] {
            let text = with(&[(variable, value)]).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
            assert_eq!(
                text.matches(&format!("`{part}`")).count().max(1),
                1,
                "{text}"
            );
        }
    }

    #[test]
    fn plain_http_to_pipedrive_is_taken_on_loopback_or_when_it_is_asked_for() {
        let base = |url| with(&[("BRIDGE__PIPEDRIVE__BASE_URL", url)]);

        for url in [
            "http://127.0.0.1:8090",
            "http://[::1]:8090",
            "http://localhost:8090",
        ] {
            assert!(base(url).is_ok(), "{url}");
        }
        for url in [
            "http://company.pipedrive.com",
            "http://sandbox:8090",
            "http://192.0.2.1",
        ] {
            let error = base(url).unwrap_err().to_string();
            for part in [
                "pipedrive.base_url",
                "https://",
                "BRIDGE__PIPEDRIVE__PLAIN_HTTP=true",
            ] {
                assert!(error.contains(part), "{error}");
            }
        }
        let asked = with(&[
            ("BRIDGE__PIPEDRIVE__BASE_URL", "http://sandbox:8090"),
            ("BRIDGE__PIPEDRIVE__PLAIN_HTTP", "true"),
        ]);
        assert!(asked.is_ok());
    }

    #[test]
    fn an_error_never_shows_a_value_that_may_be_a_secret() {
        for (variable, part) in [
            ("BRIDGE__ALARM__WEBHOOK_URL", "alarm.webhook_url"),
            ("BRIDGE__BROKER", "broker"),
            ("BRIDGE__PIPEDRIVE", "pipedrive"),
            ("BRIDGE__PIPEDRIVE__BASE_URL", "pipedrive.base_url"),
            (
                "BRIDGE__PIPEDRIVE__OAUTH__TOKEN_URL",
                "pipedrive.oauth.token_url",
            ),
        ] {
            let value = "//bridge:s3cretPW@host:port";
            let text = with(&[(variable, value)]).unwrap_err().to_string();

            assert!(text.contains(part), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
        for base in [
            "https://s3cretPW@company.pipedrive.com",
            "https://company.pipedrive.com/?api_token=s3cretPW",
        ] {
            let text = with(&[("BRIDGE__PIPEDRIVE__BASE_URL", base)]).unwrap_err();
            assert!(!text.to_string().contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn an_error_about_a_file_of_settings_shows_no_line_of_it() {
        let path = std::env::temp_dir().join(format!("bridge-settings-{}", std::process::id()));
        for text in [
            "[broker]\nurl = \"amqp://bridge:s3cretPW@host",
            "[broker]\nurl = amqp://bridge:s3cretPW@host",
            "broker = \"amqp://bridge:s3cretPW@host\"",
            "[pipedrive]\napi_token = [\"s3cretPW\"]",
            "[ingest.auth]\ntokens = 7353728379",
        ] {
            std::fs::write(&path, text).unwrap();

            let error = load_from(Some(&path), []).unwrap_err().to_string();

            assert!(
                !error.contains("s3cret") && !error.contains("73537"),
                "{error}"
            );
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_secret_in_the_environment_is_taken_without_the_blanks_around_it() {
        let token = |value| {
            let settings = with(&[("BRIDGE__PIPEDRIVE__API_TOKEN", value)]).unwrap();
            let token = settings.pipedrive.api_token?.current();
            Some(token.expose_secret().to_owned())
        };

        for value in ["token-a\n", "token-a\r\n", " token-a ", "\u{feff}token-a\r"] {
            assert_eq!(token(value).as_deref(), Some("token-a"), "{value:?}");
        }
        assert_eq!(token(" \r\n"), None);
    }

    #[test]
    fn a_byte_order_mark_in_a_secrets_file_is_no_part_of_the_secret() {
        let path = std::env::temp_dir().join(format!("bridge-mark-{}", std::process::id()));
        std::fs::write(&path, b"\xef\xbb\xbftoken-a\r\n").unwrap();
        let file = path.to_str().unwrap();

        let settings = with(&[("BRIDGE__PIPEDRIVE__API_TOKEN_FILE", file)]).unwrap();
        std::fs::write(&path, b"\xef\xbb\xbf\r\n").unwrap();
        let empty = with(&[("BRIDGE__PIPEDRIVE__API_TOKEN_FILE", file)]).unwrap_err();

        std::fs::remove_file(&path).unwrap();
        let token = settings.pipedrive.api_token.unwrap().current();
        assert_eq!(token.expose_secret(), "token-a");
        assert!(empty.to_string().contains("is empty"), "{empty}");
    }

    #[test]
    fn secrets_in_quotes_are_known_by_their_keys() {
        let quoted = |variables: &[(&str, &str)]| with(variables).unwrap().quoted_secrets;

        let found = quoted(&[
            ("BRIDGE__PIPEDRIVE__API_TOKEN", "\"token-a\""),
            ("BRIDGE__INGEST__AUTH__TOKENS", "one,'two'"),
            ("BRIDGE__INGEST__AUTH__BASIC", "user:pass\"word"),
            ("BRIDGE__REDIS__PREFIX", "\"bridge\""),
        ]);

        assert_eq!(found, ["ingest.auth.tokens", "pipedrive.api_token"]);
        assert!(quoted(&[]).is_empty());
    }

    #[test]
    fn a_secret_is_given_in_one_way_and_its_file_holds_something() {
        let path = std::env::temp_dir().join(format!("bridge-empty-{}", std::process::id()));
        std::fs::write(&path, "\n").unwrap();
        let file = ("BRIDGE__PIPEDRIVE__API_TOKEN_FILE", path.to_str().unwrap());

        let empty = with(&[file]).unwrap_err().to_string();
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let both = with(&[file, ("BRIDGE__PIPEDRIVE__API_TOKEN", "three")])
            .unwrap_err()
            .to_string();
        let lines = with(&[("BRIDGE__INGEST__AUTH__TOKENS_FILE", path.to_str().unwrap())]).unwrap();

        std::fs::remove_file(&path).unwrap();
        assert!(
            empty.contains("pipedrive.api_token") && empty.contains("is empty"),
            "{empty}"
        );
        assert!(both.contains("leave one out"), "{both}");
        assert_eq!(lines.ingest.auth.tokens.len(), 2, "one token a line");
    }

    #[test]
    fn secrets_come_from_files_too_and_do_not_print() {
        let path = std::env::temp_dir().join(format!("bridge-secret-{}", std::process::id()));
        std::fs::write(&path, "from-file\n").unwrap();

        let settings =
            with(&[("BRIDGE__PIPEDRIVE__API_TOKEN_FILE", path.to_str().unwrap())]).unwrap();

        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            settings
                .pipedrive
                .api_token
                .as_ref()
                .unwrap()
                .current()
                .expose_secret(),
            "from-file"
        );
        assert!(!format!("{settings:?}").contains("from-file"));
    }
}
