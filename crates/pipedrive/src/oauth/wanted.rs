//! Which tokens a refresh is to bring.

use secrecy::SecretString;

use crate::clock;
use crate::tokens::Tokens;

/// Which tokens are wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Any that are newer than these.
    pub newer_than: Option<u64>,
    /// Those obtained with this secret of the app, and no others.
    pub client_secret: Option<SecretString>,
}

impl Wanted {
    /// Whether tokens that another process stored will do.
    pub fn is_met_by(&self, kept: &Tokens) -> bool {
        self.client_secret.is_none()
            && kept.is_valid(clock::now())
            && Some(kept.generation) > self.newer_than
    }
}
