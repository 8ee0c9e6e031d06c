//! The leases on all handles of one customer.
//!
//! A handle can have several keys, and a customer several handles: all are claimed in one order, so that two workers never
//! wait for each other. A handle whose person is stored already needs no lease.

use std::time::Duration;

use jiff::Timestamp;
use pipedrive::PersonId;
use shared::backoff;
use shared::fail_point::{self, FailPoint};

use crate::effect::once::Intent;
use crate::failure::Failure;
use crate::person::handle::Handle;
use crate::store::{HandleKey, LeaseError, People, PersonClaim, PersonLease};

/// Number and first length of the waits for handles that another delivery searches for.
const BUSY_TRIES: usize = 5;
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// What is held of one handle.
#[derive(Debug, Default)]
struct HeldHandle {
    /// The stored person, and the position of the key under which it is stored.
    known: Option<(usize, PersonId)>,
    leases: Vec<PersonLease>,
}

/// What is held of each handle, in the order of the handles.
#[derive(Debug)]
pub(super) struct Held(Vec<HeldHandle>);

/// One key to claim. They are claimed in their order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ToClaim {
    key: HandleKey,
    handle: usize,
    position: usize,
}

impl Held {
    /// Takes the leases of all handles, in one order for all workers.
    pub(super) async fn claim(
        people: &People,
        handles: &[Handle],
        owner: &str,
    ) -> Result<Self, Failure> {
        let mut held = Self(handles.iter().map(|_| HeldHandle::default()).collect());
        match held.claim_in_order(people, handles, owner).await {
            Ok(()) => Ok(held),
            Err(failure) => {
                held.release().await;
                Err(failure)
            }
        }
    }

    async fn claim_in_order(
        &mut self,
        people: &People,
        handles: &[Handle],
        owner: &str,
    ) -> Result<(), Failure> {
        let mut pauses = backoff::pauses(BUSY_PAUSE, BUSY_TRIES);
        for ToClaim {
            key,
            handle,
            position,
        } in in_order(handles)
        {
            loop {
                match people.claim(&key, owner).await? {
                    PersonClaim::Known(person) => {
                        self.0[handle].knows(position, person);
                        break;
                    }
                    PersonClaim::Granted(lease) => {
                        self.0[handle].leases.push(lease);
                        break;
                    }
                    PersonClaim::EpochChanged => return Err(Failure::EpochChanged),
                    PersonClaim::Newer(schema) => {
                        let what = "record in Redis";
                        return Err(Failure::NewerSchema { what, schema });
                    }
                    PersonClaim::Busy => match pauses.next() {
                        Some(pause) => tokio::time::sleep(pause).await,
                        None => return Err(Failure::Busy),
                    },
                }
            }
        }
        Ok(())
    }

    /// The person who is stored for a handle.
    pub(super) fn known(&self, handle: usize) -> Option<PersonId> {
        self.0[handle].known.map(|(_, person)| person)
    }

    fn leases(&self) -> impl Iterator<Item = &PersonLease> {
        self.0.iter().flat_map(|handle| &handle.leases)
    }

    /// Since when a person may exist that is neither stored nor in Pipedrive's search.
    pub(super) fn intent(&self) -> Option<Timestamp> {
        self.leases().filter_map(|lease| lease.intent).min()
    }

    /// Since when Redis is known to have lost nothing; where a lease is held.
    pub(super) fn epoch_began(&self) -> Option<Timestamp> {
        self.leases().map(|lease| lease.epoch_began).max()
    }

    /// Extends the leases of all handles for another period.
    pub(super) async fn renew(&self) -> Result<(), LeaseError> {
        for lease in self.leases() {
            lease.renew().await?;
        }
        Ok(())
    }

    /// Stores the person for one handle, and ends all leases.
    pub(super) async fn remember(
        self,
        handle: Option<usize>,
        person: PersonId,
    ) -> Result<(), LeaseError> {
        for (position, held) in self.0.into_iter().enumerate() {
            for lease in held.leases {
                if Some(position) == handle {
                    lease.remember(person).await?;
                } else {
                    lease.release().await?;
                }
            }
        }
        Ok(())
    }

    /// Stores the person for all handles, and ends all leases.
    pub(super) async fn remember_created(self, person: PersonId) -> Result<(), LeaseError> {
        for lease in self.0.into_iter().flat_map(|held| held.leases) {
            lease.remember(person).await?;
        }
        Ok(())
    }

    /// Deletes the intents of one handle, because several people have it and none is created. Ends all leases.
    pub(super) async fn withdraw(self, handle: Option<usize>) -> Result<(), LeaseError> {
        for (position, held) in self.0.into_iter().enumerate() {
            for lease in held.leases {
                if Some(position) == handle {
                    lease.withdraw().await?;
                } else {
                    lease.release().await?;
                }
            }
        }
        Ok(())
    }

    /// Ends all leases; intents stay. A lease that cannot be ended expires.
    pub(super) async fn release(self) {
        for lease in self.0.into_iter().flat_map(|held| held.leases) {
            if let Err(LeaseError::Redis(error)) = lease.release().await {
                tracing::debug!(%error, "Cannot release the lease on a handle: it expires by itself");
            }
        }
    }
}

impl HeldHandle {
    fn knows(&mut self, position: usize, person: PersonId) {
        if self.known.is_none_or(|(other, _)| position < other) {
            self.known = Some((position, person));
        }
    }
}

fn in_order(handles: &[Handle]) -> Vec<ToClaim> {
    let keys = handles.iter().enumerate().flat_map(|(handle, it)| {
        let keys = it.keys().into_iter().enumerate();
        keys.map(move |(position, key)| ToClaim {
            key,
            handle,
            position,
        })
    });
    let mut keys: Vec<ToClaim> = keys.collect();
    keys.sort();
    keys
}

/// The intent to create one person for all handles.
pub(super) struct PersonIntent<'h>(pub(super) &'h Held);

impl Intent for PersonIntent<'_> {
    async fn write(&self, latest_end: Timestamp) -> Result<(), LeaseError> {
        for lease in self.0.leases() {
            lease.intend(latest_end).await?;
        }
        fail_point::reach(FailPoint::PersonIntended).await;
        Ok(())
    }

    async fn restore(&self) -> Result<(), LeaseError> {
        for lease in self.0.leases() {
            lease.restore().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use shared::domain::phone::E164;

    use super::*;

    #[test]
    fn handles_are_claimed_in_one_order_whoever_claims_them() {
        let number = |text: &str| Handle::Number(E164::try_from(text.to_owned()).unwrap());
        let email = |text: &str| Handle::Email(text.to_owned());
        let keys = |handles: &[Handle]| {
            let order = in_order(handles).into_iter().map(|claim| claim.key);
            order.collect::<Vec<_>>()
        };
        let handles = [number("+5215512345678"), email("casey@example.com")];
        let order = keys(&handles);
        assert_eq!(order.len(), 3, "both spellings, and the address");
        assert!(order.is_sorted());
        let turned = [email("casey@example.com"), number("+525512345678")];
        assert_eq!(keys(&turned), order);
    }
}
