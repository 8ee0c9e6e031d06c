//! Distinguishes one person that Pipedrive hides from a credential that may see no people.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use pipedrive::PersonId;

/// What a refusal (403) of a person means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// This person is hidden.
    OfPerson,
    /// Another person was refused just before: that is a matter of the credential.
    OfCredential,
}

/// People who were refused since one was last shown. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access(Arc<Mutex<BTreeSet<PersonId>>>);

impl Access {
    /// A person was shown: the credential may see people.
    pub(super) fn shown(&self) {
        self.refused_people().clear();
    }

    /// A person was refused. One who was refused before shows nothing new: after a pause, its message goes on.
    pub(super) fn refused(&self, person: PersonId) -> Refusal {
        let mut refused = self.refused_people();
        let is_first = refused.is_empty();
        let is_new = refused.insert(person);
        if is_new && !is_first {
            Refusal::OfCredential
        } else {
            Refusal::OfPerson
        }
    }

    fn refused_people(&self) -> std::sync::MutexGuard<'_, BTreeSet<PersonId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_different_people_refused_in_a_row_are_a_matter_of_the_credential() {
        let access = Access::default();
        assert_eq!(access.refused(PersonId(1)), Refusal::OfPerson);
        assert_eq!(access.refused(PersonId(1)), Refusal::OfPerson);
        assert_eq!(access.refused(PersonId(2)), Refusal::OfCredential);
        // The message that met both is tried again after the pause.
        assert_eq!(access.refused(PersonId(1)), Refusal::OfPerson);
        assert_eq!(access.refused(PersonId(2)), Refusal::OfPerson);

        access.shown();
        assert_eq!(access.refused(PersonId(3)), Refusal::OfPerson);
    }
}
