//! Incidents in Redis, shared by all workers; in this process while Redis is away, when each speaks for itself.

use std::collections::HashMap;

use shared::error::chain;

use super::incidents::Incident;
use super::rules::Rule;
use crate::store::Incidents;

/// Remembers incidents.
#[derive(Debug)]
pub(super) struct Memory {
    shared: Incidents,
    /// As last read or written.
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

    /// The incident of a rule. What was found out while Redis was away is shared first.
    pub(super) async fn read(&mut self, rule: Rule) -> Option<Incident> {
        if self.unshared.contains(&rule) {
            let own = self.own.get(&rule).cloned();
            self.write(rule, own).await;
        }
        if !self.unshared.contains(&rule) {
            match self.shared.read(rule.name()).await {
                Ok(Some(incident)) => {
                    self.own.insert(rule, incident);
                }
                Ok(None) => {
                    self.own.remove(&rule);
                }
                Err(error) => tracing::debug!(error = chain(&error), "Incidents are not shared"),
            }
        }
        self.own.get(&rule).cloned()
    }

    /// Remembers an incident, or that it is over.
    pub(super) async fn write(&mut self, rule: Rule, incident: Option<Incident>) {
        self.unshared.retain(|unshared| *unshared != rule);
        if let Err(error) = self.shared.write(rule.name(), incident.as_ref()).await {
            tracing::debug!(error = chain(&error), "An incident is not shared");
            self.unshared.push(rule);
        }
        match incident {
            Some(incident) => self.own.insert(rule, incident),
            None => self.own.remove(&rule),
        };
    }

    /// Whether this worker is to tell. Without Redis each is.
    pub(super) async fn acquire_notifier(&self, rule: Rule) -> bool {
        self.shared
            .acquire_notifier(rule.name())
            .await
            .unwrap_or(true)
    }

    pub(super) async fn give_word(&self, rule: Rule) {
        if let Err(error) = self.shared.give_word(rule.name()).await {
            tracing::debug!(error = chain(&error), "The word is left to expire");
        }
    }
}
