//! Background tasks of a service: one that ends or panics before shutdown is an error that ends the process.
//!
//! A service whose task is gone looks alive and does half of its work. It is safer to end it, with a reason, and to let
//! the orchestrator start it again.

use std::any::Any;
use std::collections::HashMap;
use std::future::pending;

use tokio::task::{Id, JoinError, JoinSet};

use crate::error::chain;
use crate::fail_point::{self, FailPoint};

/// A background task is gone.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TaskError {
    /// It returned although nothing had stopped it.
    #[error("task `{0}` ended before shutdown")]
    Ended(&'static str),
    /// It returned an error.
    #[error("task `{task}` failed: {reason}")]
    Failed {
        /// Name of the task.
        task: &'static str,
        /// The error with its causes.
        reason: String,
    },
    /// The task ended with a panic.
    #[error("task `{task}` panicked: {reason}")]
    Panicked {
        /// Name of the task.
        task: &'static str,
        /// Message of the panic.
        reason: String,
    },
}

impl TaskError {
    /// Name of the task.
    #[must_use]
    pub fn task(&self) -> &'static str {
        match self {
            Self::Ended(task) | Self::Failed { task, .. } | Self::Panicked { task, .. } => task,
        }
    }
}

/// The background tasks of one service. Dropping it aborts them.
#[derive(Debug, Default)]
pub struct Supervisor {
    tasks: JoinSet<Result<(), String>>,
    names: HashMap<Id, &'static str>,
}

impl Supervisor {
    /// Starts a task under the name that logs and errors give it.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.start(name, async {
            task.await;
            Ok(())
        });
    }

    /// Starts a task that can fail.
    pub fn spawn_fallible<E: std::error::Error + 'static>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.start(name, async { task.await.map_err(|error| chain(&error)) });
    }

    fn start(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), String>> + Send + 'static,
    ) {
        let handle = self.tasks.spawn(async move {
            fail_point::reach_with(FailPoint::TaskStarted, name).await;
            task.await
        });
        self.names.insert(handle.id(), name);
    }

    /// Waits until a task is gone, and logs which one and why. Without tasks it waits for ever.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, it loses nothing: the next call returns what this one would have.
    pub async fn failure(&mut self) -> TaskError {
        let Some(ended) = self.tasks.join_next_with_id().await else {
            return pending().await;
        };
        let error = match self.outcome(ended) {
            Ok(task) => TaskError::Ended(task),
            Err(error) => error,
        };
        tracing::error!(
            task = error.task(),
            error = %error,
            "Background {error}: the process ends, and has to be started again"
        );
        error
    }

    /// Waits until every task has ended; called after they were stopped.
    ///
    /// # Errors
    ///
    /// When one failed or panicked; the first one found.
    pub async fn finish(mut self) -> Result<(), TaskError> {
        let mut first = Ok(());
        while let Some(ended) = self.tasks.join_next_with_id().await {
            if let Err(error) = self.outcome(ended) {
                tracing::error!(task = error.task(), error = %error, "During shutdown, {error}");
                first = first.and(Err(error));
            }
        }
        first
    }

    /// Waits until every task but `kept` has ended; called after they were stopped.
    ///
    /// # Errors
    ///
    /// When one failed or panicked; the first one found.
    pub async fn finish_except(&mut self, kept: &str) -> Result<(), TaskError> {
        let mut first = Ok(());
        while self.names.values().any(|task| *task != kept) {
            let Some(ended) = self.tasks.join_next_with_id().await else {
                break;
            };
            if let Err(error) = self.outcome(ended) {
                tracing::error!(task = error.task(), error = %error, "During shutdown, {error}");
                first = first.and(Err(error));
            }
        }
        first
    }

    /// The name of a task that ended well.
    fn outcome(
        &mut self,
        ended: Result<(Id, Result<(), String>), JoinError>,
    ) -> Result<&'static str, TaskError> {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let task = self.names.remove(&id).unwrap_or("unknown");
        match ended {
            Ok((_, Ok(()))) => Ok(task),
            Ok((_, Err(reason))) => Err(TaskError::Failed { task, reason }),
            Err(error) => Err(match error.try_into_panic() {
                Ok(payload) => TaskError::Panicked {
                    task,
                    reason: panic_message(&*payload),
                },
                // Only dropping the supervisor aborts a task.
                Err(_) => TaskError::Ended(task),
            }),
        }
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_named_with_its_message() {
        let mut supervisor = Supervisor::default();
        supervisor.spawn("steady", pending());
        supervisor.spawn("rotation", async { panic!("no file {}", 7) });

        let error = supervisor.failure().await;

        assert_eq!(error.to_string(), "task `rotation` panicked: no file 7");
    }

    #[tokio::test]
    async fn a_task_that_ends_or_fails_before_shutdown_is_an_error() {
        let mut supervisor = Supervisor::default();

        supervisor.spawn("drain", async {});
        assert_eq!(supervisor.failure().await, TaskError::Ended("drain"));

        let failing = async { Err(io::Error::other("port lost")) };
        supervisor.spawn_fallible("server", failing);
        let reason = "port lost".to_owned();
        let task = "server";
        assert_eq!(
            supervisor.failure().await,
            TaskError::Failed { task, reason }
        );
    }

    #[tokio::test]
    async fn tasks_that_end_after_they_were_stopped_are_no_error_and_a_panic_still_is() {
        let mut supervisor = Supervisor::default();
        supervisor.spawn("one", async {});
        supervisor.spawn("two", async {});
        assert_eq!(supervisor.finish().await, Ok(()));

        let mut supervisor = Supervisor::default();
        supervisor.spawn("one", async {});
        supervisor.spawn("two", async { panic!("late") });
        let error = supervisor.finish().await.unwrap_err();
        assert_eq!(error.task(), "two");
    }
}
