//! The memory for bodies of senders that are not authenticated yet: those whose only credential is a signature, which
//! cannot be checked before the body has arrived. They share one budget.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All such bodies together.
const BUDGET_KIB: u32 = 64 * 1024;

/// The budget. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct UnprovenBodies(Arc<Semaphore>);

impl Default for UnprovenBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_KIB as usize)))
    }
}

impl UnprovenBodies {
    /// Begins a body without a byte.
    pub fn begin(&self) -> Reservation {
        Reservation {
            budget: self.clone(),
            held: None,
            bytes: 0,
        }
    }
}

/// The share of one body. Dropping it gives the share back.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: UnprovenBodies,
    held: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

/// The budget is spent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BudgetSpent;

impl Reservation {
    /// Takes `bytes` more; whole KiB are counted, so that very small bodies count, too.
    pub fn grow(&mut self, bytes: usize) -> Result<(), BudgetSpent> {
        self.bytes += bytes;
        let needed = self.bytes.div_ceil(1024);
        let held = self
            .held
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(needed.saturating_sub(held)).map_err(|_| BudgetSpent)?;
        if missing == 0 {
            return Ok(());
        }
        let taken = Arc::clone(&self.budget.0).try_acquire_many_owned(missing);
        let taken = taken.map_err(|_| BudgetSpent)?;
        match &mut self.held {
            Some(held) => held.merge(taken),
            None => self.held = Some(taken),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_64_mib_and_give_them_back() {
        let budget = UnprovenBodies::default();
        let mut large = budget.begin();
        let mut other = budget.begin();

        for _ in 0..63 {
            assert_eq!(large.grow(1024 * 1024), Ok(()));
        }
        assert_eq!(other.grow(1024 * 1024 - 1), Ok(()));
        assert_eq!(other.grow(1), Ok(()), "it fits into the last KiB");
        assert_eq!(other.grow(1), Err(BudgetSpent));
        drop(large);
        assert_eq!(other.grow(1), Ok(()));
    }
}
