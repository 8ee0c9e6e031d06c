//! What keeps Redis from being used, and its remedy. An error of one key is none of these: it concerns one message.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::store::StoreError;

/// The rights that a user needs, where the error does not say which one is missing.
const RIGHTS: &str = "the rights in docs/SETUP.md";

/// A state of Redis in which no message can be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RedisTrouble {
    /// It does not answer.
    Away,
    /// It is full, and refuses writes.
    Full,
    /// It evicts keys, by this policy.
    Evicts(String),
    /// It refuses the password.
    WrongPassword,
    /// The user lacks a right: as `ACL SETUSER` grants it, or which rights there should be.
    NoPermission(&'static str),
    /// It is a replica, or a primary that became one.
    ReadOnly,
    /// It reads its data from disk.
    Loading,
    /// It cannot write to its disk.
    DiskFailed,
    /// It takes no more connections.
    TooManyClients,
}

impl RedisTrouble {
    /// The state that an error shows; `None` where the error is one key's.
    pub fn of(error: &RedisError) -> Option<Self> {
        let text = format!("{} {error}", error.code().unwrap_or_default());
        // Inside of a script, older servers hide the code in the text.
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&["OOM "]) {
            return Some(Self::Full);
        }
        if says(&[
            "WRONGPASS",
            "NOAUTH",
            "invalid password",
            "Client sent AUTH",
        ]) {
            return Some(Self::WrongPassword);
        }
        if says(&["NOPERM", "no permissions", "has no permissions"]) {
            return Some(Self::NoPermission(RIGHTS));
        }
        if says(&["READONLY", "read only replica"]) {
            return Some(Self::ReadOnly);
        }
        if says(&["MISCONF"]) {
            return Some(Self::DiskFailed);
        }
        if says(&["LOADING"]) {
            return Some(Self::Loading);
        }
        if says(&["max number of clients"]) {
            return Some(Self::TooManyClients);
        }
        Self::of_kind(error)
    }

    fn of_kind(error: &RedisError) -> Option<Self> {
        match error.kind() {
            ErrorKind::AuthenticationFailed => Some(Self::WrongPassword),
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => None,
            ErrorKind::Server(kind) => match kind {
                ServerErrorKind::NoPerm => Some(Self::NoPermission(RIGHTS)),
                ServerErrorKind::ReadOnly => Some(Self::ReadOnly),
                ServerErrorKind::BusyLoading => Some(Self::Loading),
                ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::TryAgain
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask => Some(Self::Away),
                // What else a server says, it says of the keys and values of one command.
                _ => None,
            },
            ErrorKind::Extension => match error.code() {
                Some("WRONGTYPE") => None,
                _ => Some(Self::Away),
            },
            _ => Some(Self::Away),
        }
    }

    /// The state that a failed connection shows; `None` where RabbitMQ did not answer.
    pub fn of_connecting(error: &StoreError) -> Option<Self> {
        match error {
            StoreError::Forbidden { right, .. } => Some(Self::NoPermission(right)),
            StoreError::Redis(error) => Some(Self::of(error).unwrap_or(Self::Away)),
            StoreError::Evicts(policy) => Some(Self::Evicts(policy.clone())),
            StoreError::Marker(_) => None,
        }
    }

    /// For readiness, logs and alarms: the state and its remedy.
    pub fn explain(&self) -> String {
        let text = match self {
            Self::Away => "Redis does not answer; work resumes by itself once it does (redis.url)",
            Self::Full => {
                "Redis is full and refuses writes (OOM); raise maxmemory or free memory, work resumes by itself"
            }
            Self::Evicts(policy) => {
                return format!(
                    "Redis evicts keys (maxmemory-policy {policy}); set maxmemory-policy noeviction, work resumes by itself"
                );
            }
            Self::WrongPassword => "Redis refuses the password; set the right one (redis.url)",
            Self::NoPermission(right) => {
                return format!(
                    "Redis refuses a command to our user (NOPERM); grant it {right} with ACL SETUSER, work resumes by itself"
                );
            }
            Self::ReadOnly => {
                "Redis is a read-only replica; point redis.url at the primary, or promote it; work resumes by itself"
            }
            Self::Loading => {
                "Redis loads its data from disk; work resumes by itself once it is done"
            }
            Self::DiskFailed => {
                "Redis cannot write to its disk (MISCONF); free or repair the disk, work resumes by itself"
            }
            Self::TooManyClients => {
                "Redis takes no more connections; raise maxclients or end other clients, work resumes by itself"
            }
        };
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_says(line: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn a_state_of_redis_is_named_as_itself() {
        for (line, trouble) in [
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                RedisTrouble::Full,
            ),
            (
                "ERR Error running script: @user_script:1: -OOM command not allowed",
                RedisTrouble::Full,
            ),
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                RedisTrouble::WrongPassword,
            ),
            (
                "NOAUTH Authentication required.",
                RedisTrouble::WrongPassword,
            ),
            (
                "NOPERM this user has no permissions to run the 'evalsha' command",
                RedisTrouble::NoPermission(RIGHTS),
            ),
            (
                "READONLY You can't write against a read only replica.",
                RedisTrouble::ReadOnly,
            ),
            (
                "LOADING Redis is loading the dataset in memory",
                RedisTrouble::Loading,
            ),
            (
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
                RedisTrouble::DiskFailed,
            ),
            (
                "ERR max number of clients reached",
                RedisTrouble::TooManyClients,
            ),
            ("MASTERDOWN Link with MASTER is down", RedisTrouble::Away),
        ] {
            assert_eq!(
                RedisTrouble::of(&server_says(line)),
                Some(trouble),
                "{line}"
            );
        }
        let no_connection = RedisError::from((ErrorKind::Io, "not connected to Redis"));
        assert_eq!(RedisTrouble::of(&no_connection), Some(RedisTrouble::Away));
    }

    #[test]
    fn an_error_of_one_key_is_no_state_of_redis() {
        for line in [
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "ERR user_script:7: WRONGTYPE Operation against a key holding the wrong kind of value",
            "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            "ERR hash value is not an integer",
        ] {
            assert_eq!(RedisTrouble::of(&server_says(line)), None, "{line}");
        }
        let odd = RedisError::from((ErrorKind::UnexpectedReturnType, "not a text"));
        assert_eq!(RedisTrouble::of(&odd), None);
    }

    #[test]
    fn every_state_says_what_to_do_or_that_nothing_is_to_be_done() {
        for trouble in [
            RedisTrouble::Away,
            RedisTrouble::Full,
            RedisTrouble::Evicts("allkeys-lru".to_owned()),
            RedisTrouble::WrongPassword,
            RedisTrouble::NoPermission(RIGHTS),
            RedisTrouble::ReadOnly,
            RedisTrouble::Loading,
            RedisTrouble::DiskFailed,
            RedisTrouble::TooManyClients,
        ] {
            let text = trouble.explain();
            assert!(text.starts_with("Redis "), "{text}");
            assert!(text.contains(';'), "{text}");
        }
    }
}
