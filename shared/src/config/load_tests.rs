//! Settings from files and the environment, what is refused, and what errors never show.

use std::time::Duration;

use secrecy::ExposeSecret;

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
        let names = delays.iter().map(crate::config::RetryDelay::name);
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
            .map(crate::config::RetryDelay::name)
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

    let settings = with(&[("BRIDGE__PIPEDRIVE__API_TOKEN_FILE", path.to_str().unwrap())]).unwrap();

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

#[test]
fn no_hours_are_always_in_the_environment_too() {
    let hours = |variables: &[(&str, &str)]| with(variables).unwrap().alarm.no_webhook_hours;

    assert!(hours(&[]).is_some());
    assert!(hours(&[("BRIDGE__ALARM__NO_WEBHOOK_HOURS", "")]).is_none());
}
