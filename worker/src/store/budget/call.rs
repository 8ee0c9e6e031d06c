//! A call of a script: its keys and arguments.

use redis::{FromRedisValue, RedisError, Script};

use crate::store::connection::Store;

/// What a script is called with.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) keys: Vec<String>,
    pub(super) arguments: Vec<String>,
}

impl Call {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn key(mut self, key: String) -> Self {
        self.keys.push(key);
        self
    }

    pub(super) fn arg(mut self, argument: impl Copy + ToString) -> Self {
        self.arguments.push(argument.to_string());
        self
    }

    /// Runs `script` in Redis.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        store: &Store,
    ) -> Result<T, RedisError> {
        let mut call = script.prepare_invoke();
        for key in &self.keys {
            call.key(key);
        }
        for argument in &self.arguments {
            call.arg(argument);
        }
        call.invoke_async(&mut store.connection()?).await
    }
}
