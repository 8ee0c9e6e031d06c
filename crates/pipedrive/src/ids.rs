//! Ids of Pipedrive's records, a type for each kind: they are all numbers, and must not be mixed.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// Id of a person in Pipedrive.
    PersonId
}
id! {
    /// Id of an organisation in Pipedrive.
    OrganizationId
}
id! {
    /// Id of an activity in Pipedrive.
    ActivityId
}
id! {
    /// Id of a deal in Pipedrive.
    DealId
}
id! {
    /// A user, the owner of records.
    UserId
}
