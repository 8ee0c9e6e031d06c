//! `worker owners`: agents whose activities have no owner of their own, since Pipedrive has no user with their e-mail address.

use std::io::{self, Write};

use anyhow::Context;
use shared::config::Settings;

use crate::activity::owners::{by_email, comparable};
use crate::startup;
use crate::store::{GenesysNames, KnownName, Store};

/// What stands where an agent has no e-mail address.
const NO_ADDRESS: &str = "-";

/// Prints the agents of the last 90 days who have no user, as a table; whether there are none.
///
/// # Errors
///
/// When Redis or Pipedrive does not answer, or the table cannot be printed.
pub async fn owners(settings: &Settings) -> anyhow::Result<bool> {
    let store = Store::new(settings.redis.clone())?;
    store.connect_without_epoch().await?;
    let agents = GenesysNames::new(store.clone()).roster().await;
    let agents = agents.context("cannot read the agents from Redis")?;
    let client = startup::client(settings, &store)?;
    let users = client
        .users()
        .await
        .context("cannot list Pipedrive's users")?;
    let users = by_email(&users);
    let has_user = |agent: &KnownName| {
        let email = agent.email.as_deref();
        email.is_some_and(|email| users.contains_key(&comparable(email)))
    };
    let without: Vec<(&str, &str)> = agents
        .values()
        .filter(|agent| !has_user(agent))
        .map(|agent| (&*agent.name, agent.email.as_deref().unwrap_or(NO_ADDRESS)))
        .collect();
    print(&without, agents.len(), &mut io::stdout().lock())?;
    Ok(without.is_empty())
}

fn print(without: &[(&str, &str)], seen: usize, out: &mut impl Write) -> io::Result<()> {
    if without.is_empty() {
        return writeln!(
            out,
            "Each of the {seen} agents in records has a user in Pipedrive"
        );
    }
    let widest = without.iter().map(|(name, _)| name.chars().count()).max();
    let width = widest.unwrap_or(0).max("Agent".len());
    writeln!(out, "{:width$}  E-mail in Genesys", "Agent")?;
    for (name, email) in without {
        writeln!(out, "{name:width$}  {email}")?;
    }
    writeln!(
        out,
        "{} of the {seen} agents in records have no user in Pipedrive: their activities go to the fallback owner",
        without.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_without_a_user_are_a_table() {
        let mut out = Vec::new();
        let agents = [("Alex Archer", "alex@agents.example.com"), ("Kai", "-")];

        print(&agents, 5, &mut out).unwrap();

        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("Agent        E-mail in Genesys\nAlex Archer  alex@"),
            "{text}"
        );
        assert!(
            text.contains("\nKai          -\n2 of the 5 agents"),
            "{text}"
        );
    }
}
