//! Addresses that hold credentials. An error about one repeats no part of it: where it cannot be read, any part may be the
//! password.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::error::ConfigError;

const BROKER_FORM: &str = "amqp://user:password@host:5672/vhost";
const REDIS_FORM: &str = "redis://:password@host:6379/0, or rediss:// for TLS";
/// Shown in place of an address that cannot be read.
const UNREADABLE: &str = "an unreadable address";

/// Checks that an address is one of RabbitMQ, with a virtual host.
///
/// # Errors
///
/// When it is not. The error names `broker.url`, and holds no part of the address.
pub fn check_broker_address(address: &SecretString) -> Result<(), ConfigError> {
    let key = "broker.url";
    let url = readable(key, address, &["amqp", "amqps"], BROKER_FORM)?;
    if url.path() == "/" {
        let problem = "has an empty virtual host, as it ends in `/`: write /%2F for the default virtual host, or leave the \
                       slash out";
        return Err(ConfigError::value(key, problem));
    }
    Ok(())
}

/// Checks that an address is one of Redis: over TCP, TLS or a socket's file.
///
/// # Errors
///
/// When it is not. The error names `redis.url`, and holds no part of the address.
pub fn check_redis_address(address: &SecretString) -> Result<(), ConfigError> {
    let is_file = |url: &Url| matches!(url.scheme(), "unix" | "redis+unix" | "valkey+unix");
    if address
        .expose_secret()
        .parse()
        .is_ok_and(|url| is_file(&url))
    {
        return Ok(());
    }
    let schemes = ["redis", "rediss", "valkey", "valkeys"];
    readable("redis.url", address, &schemes, REDIS_FORM).map(drop)
}

/// An error about an address that the client of its server cannot use, without the client's words: they may repeat it.
#[must_use]
pub fn unreadable_broker_address() -> ConfigError {
    unreadable("broker.url", BROKER_FORM)
}

/// As [`unreadable_broker_address`], of Redis.
#[must_use]
pub fn unreadable_redis_address() -> ConfigError {
    unreadable("redis.url", REDIS_FORM)
}

fn unreadable(key: &str, form: &str) -> ConfigError {
    let problem = format!(
        "cannot be read as an address (it is not shown, as it may hold a password): write {form}, with special characters \
         of the password percent-encoded"
    );
    ConfigError::value(key, problem)
}

fn readable(
    key: &str,
    address: &SecretString,
    schemes: &[&str],
    form: &str,
) -> Result<Url, ConfigError> {
    let parsed = address.expose_secret().parse().ok();
    parsed
        .filter(|url: &Url| url.has_host() && schemes.contains(&url.scheme()))
        .filter(|url| !has_split_credentials(url))
        .ok_or_else(|| unreadable(key, form))
}

/// Whether a `/`, `?` or `#` in the password ended the host: the rest of the password is in what follows.
fn has_split_credentials(url: &Url) -> bool {
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    let tail = [Some(url.path()), url.query(), url.fragment()];
    !has_credentials && tail.into_iter().flatten().any(|part| part.contains('@'))
}

/// An address without its password, for a person to read.
#[must_use]
pub fn redacted(address: &SecretString) -> String {
    let parsed = address.expose_secret().parse::<Url>().ok();
    // Without a host, whatever stands before it may be the password: `user:password@host` has the scheme `user`.
    let Some(mut url) = parsed.filter(|url| url.has_host() && !has_split_credentials(url)) else {
        return UNREADABLE.to_owned();
    };
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return UNREADABLE.to_owned();
    }
    // Neither names a server, and either may hold a secret.
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNREADABLE_ADDRESSES: [&str; 8] = [
        "bridge:s3cretPW@rabbitmq:5672",
        "s3cretPW",
        "s3cretPW@rabbitmq",
        "//bridge:s3cretPW@rabbitmq:5672",
        "http://bridge:s3cretPW@rabbitmq:5672/",
        "amqp:bridge:s3cretPW@rabbitmq:5672",
        "amqp://bridge:1/s3cretPW@rabbitmq:5672",
        "redis://bridge:1#s3cretPW@rabbitmq:5672",
    ];

    #[test]
    fn an_error_about_an_address_names_its_key_and_shows_no_part_of_it() {
        for address in UNREADABLE_ADDRESSES {
            let address = SecretString::from(address);

            let broker = check_broker_address(&address).unwrap_err().to_string();
            let redis = check_redis_address(&address).unwrap_err().to_string();

            assert!(broker.contains("`broker.url`"), "{broker}");
            assert!(redis.contains("`redis.url`"), "{redis}");
            for error in [broker, redis, redacted(&address)] {
                assert!(!error.contains("s3cret"), "{error}");
            }
        }
    }

    #[test]
    fn an_empty_virtual_host_is_called_what_it_is() {
        let check = |address: &str| check_broker_address(&address.into());

        let error = check("amqp://bridge:s3cretPW@rabbitmq:5672/").unwrap_err();

        let error = error.to_string();
        assert!(error.contains("empty virtual host"), "{error}");
        assert!(
            error.contains("%2F") && !error.contains("s3cret"),
            "{error}"
        );
        for sound in [
            "amqp://rabbitmq",
            "amqps://u:p@rabbitmq/%2F",
            "amqp://u:p@h/a@b",
        ] {
            assert!(check(sound).is_ok(), "{sound}");
        }
    }

    #[test]
    fn addresses_of_redis_are_taken_over_tcp_tls_and_a_file() {
        for sound in [
            "redis://redis:6379/0",
            "rediss://:password@redis",
            "unix:///run/redis.sock",
        ] {
            assert!(check_redis_address(&sound.into()).is_ok(), "{sound}");
        }
    }

    #[test]
    fn a_redacted_address_keeps_everything_but_the_password() {
        let shown = |address: &str| redacted(&SecretString::from(address));

        assert_eq!(
            shown("amqp://bridge:secret@rabbitmq:5672/%2f"),
            "amqp://bridge:***@rabbitmq:5672/%2f"
        );
        assert_eq!(shown("redis://redis:6379/0"), "redis://redis:6379/0");
        assert_eq!(shown("redis://redis/0?password=secret"), "redis://redis/0");
        assert_eq!(shown("bridge:secret@rabbitmq"), UNREADABLE);
    }
}
