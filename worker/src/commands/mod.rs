//! The worker's commands besides `run`, one file each.

pub mod alarm;
pub mod check;
pub mod directory;
mod genesys;
pub mod number;
pub mod owners;
pub mod reconcile;
pub mod replay;
pub mod resume;
pub mod waiting;

use std::error::Error;

use pipedrive::PipedriveError;
use shared::error::chain;

use crate::failure::Failure;

/// What a credential that Pipedrive refuses has to be corrected in.
const TOKEN_REMEDY: &str =
    "set a valid API token (pipedrive.api_token, BRIDGE__PIPEDRIVE__API_TOKEN)";

/// A failure of a request to Pipedrive, with its remedy where that is a setting.
pub(crate) fn with_remedy(error: &PipedriveError) -> String {
    match error {
        PipedriveError::Unauthorized { status: 401 } => format!("{}; {TOKEN_REMEDY}", chain(error)),
        error => chain(error),
    }
}

/// The failure of a command, with the remedy of a refused credential among its causes.
pub(crate) fn failed(error: anyhow::Error) -> anyhow::Error {
    let refused = |cause: &(dyn Error + 'static)| {
        let of_step = match cause.downcast_ref() {
            Some(Failure::Pipedrive(error)) => Some(error),
            _ => None,
        };
        let request = of_step.or_else(|| cause.downcast_ref());
        matches!(request, Some(PipedriveError::Unauthorized { status: 401 }))
    };
    let is_refused = error.chain().any(refused);
    if is_refused {
        return anyhow::anyhow!("{}; {TOKEN_REMEDY}", chain(error.as_ref()));
    }
    error
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_refused_credential_comes_with_the_setting_that_holds_it() {
        let refused = |status| {
            let refused: Result<(), _> = Err(PipedriveError::Unauthorized { status });
            let error = refused.context("cannot list Pipedrive's users");
            chain(failed(error.unwrap_err()).as_ref())
        };

        assert_eq!(
            refused(401),
            "cannot list Pipedrive's users: Pipedrive refuses our credential (401): the token is not valid; set a valid API \
             token (pipedrive.api_token, BRIDGE__PIPEDRIVE__API_TOKEN)"
        );
        assert!(!refused(402).contains("API_TOKEN"));
        let other = chain(failed(anyhow::anyhow!("no such file")).as_ref());
        assert_eq!(other, "no such file");
    }
}
