//! Incidents in Redis, shared by all workers. While Redis is away each worker keeps and notifies of its own.

use std::collections::HashMap;

use shared::error::chain;
use shared::incident::Incident;

use super::rules::Rule;
use crate::store::Incidents;

/// Incidents as all workers know them, in Redis.
#[derive(Debug)]
pub(super) struct Memory {
    shared: Incidents,
    /// State of each incident as last read or written.
    own: HashMap<Rule, Incident>,
    /// Rules whose state was changed while Redis was away.
    unshared: Vec<Rule>,
}

impl Memory {
    pub(super) fn new(shared: Incidents) -> Self {
        Self {
            shared,
            own: HashMap::new(),
            unshared: Vec::new(),
        }
    }

    /// The incident of a rule. A change that was made while Redis was away is written first.
    pub(super) async fn read(&mut self, rule: Rule) -> Option<Incident> {
        if self.unshared.contains(&rule) {
            let own = self.own.get(&rule).cloned();
            self.write(rule, own).await;
        }
        if !self.unshared.contains(&rule) {
            match self.shared.read::<Incident>(rule.name()).await {
                Ok(Some(incident)) => {
                    self.own.insert(rule, incident);
                }
                Ok(None) => {
                    self.own.remove(&rule);
                }
                Err(error) => tracing::debug!(
                    error = chain(&error),
                    "Cannot read incidents from Redis: this worker uses its own copy until Redis answers"
                ),
            }
        }
        self.own.get(&rule).cloned()
    }

    /// Stores an incident, or that it is over.
    pub(super) async fn write(&mut self, rule: Rule, incident: Option<Incident>) {
        self.unshared.retain(|unshared| *unshared != rule);
        if let Err(error) = self.shared.write(rule.name(), incident.as_ref()).await {
            tracing::debug!(
                error = chain(&error),
                "Cannot write an incident to Redis: it is written once Redis answers"
            );
            self.unshared.push(rule);
        }
        match incident {
            Some(incident) => self.own.insert(rule, incident),
            None => self.own.remove(&rule),
        };
    }

    /// Whether this worker sends the notification. Without Redis each worker does.
    pub(super) async fn acquire_notifier(&self, rule: Rule) -> bool {
        self.shared
            .acquire_notifier(rule.name())
            .await
            .unwrap_or(true)
    }

    /// Gives the right to notify back.
    pub(super) async fn release_notifier(&self, rule: Rule) {
        if let Err(error) = self.shared.release_notifier(rule.name()).await {
            tracing::debug!(
                error = chain(&error),
                "Cannot release the right to notify: it expires by itself"
            );
        }
    }
}
