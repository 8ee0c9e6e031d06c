//! The client, and its calls for conversations and for names.

use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::call::Call;
use crate::credential::{ClientCredentials, Credential};
use crate::error::GenesysError;
use crate::model::{Conversation, ExternalContact, Queue, User, WrapupCode};
use crate::operations;
use crate::ports::Budget;

/// How Genesys is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Origin of the API, such as `https://api.mypurecloud.com`. A path is ignored.
    pub api_url: Url,
    /// Origin of the token endpoint, such as `https://login.mypurecloud.com`. A path is ignored.
    pub login_url: Url,
    /// OAuth client that every request is made for.
    pub credentials: ClientCredentials,
}

/// Reads from Genesys Cloud. Clones share the access token and the budget.
#[derive(Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) api_url: Url,
    pub(crate) credential: Arc<Credential>,
    pub(crate) budget: Arc<dyn Budget>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("api_url", &self.api_url.as_str())
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Makes the client; nothing is sent yet. `http` should come from [`crate::http_client`].
    #[must_use]
    pub fn new(http: reqwest::Client, settings: Settings, budget: Arc<dyn Budget>) -> Self {
        let credential = Credential::new(http.clone(), &settings.login_url, settings.credentials);
        Self {
            http,
            api_url: settings.api_url,
            credential: Arc::new(credential),
            budget,
        }
    }

    /// Obtains an access token, unless there is one. Costs nothing of the API's rate limit.
    ///
    /// # Errors
    ///
    /// [`GenesysError::Denied`] when the id or secret is wrong; any failure to reach the token endpoint.
    pub async fn log_in(&self) -> Result<(), GenesysError> {
        self.credential.token().await.map(drop)
    }

    /// Uses other credentials from the next access token on. The present token serves until its end.
    pub async fn replace_credentials(&self, credentials: ClientCredentials) {
        self.credential.replace(credentials).await;
    }

    /// One conversation, close to real time, with names of queues and wrap-up codes. 1 request;
    /// `conversation:communication:view`.
    ///
    /// # Errors
    ///
    /// [`GenesysError::NotFound`] for an old conversation, which only analytics has; any other failure.
    pub async fn conversation(&self, id: &str) -> Result<Conversation, GenesysError> {
        let call = Call::new(&operations::CONVERSATION, &[id])?;
        let conversation: Conversation = self.read(&call).await?;
        same(&call, id, conversation.id.as_deref())?;
        Ok(conversation)
    }

    /// A user, such as an agent. 1 request; no permission documented (some organisations ask for `directory:user:view`).
    ///
    /// # Errors
    ///
    /// [`GenesysError::NotFound`] when there is none; any other failure.
    pub async fn user(&self, id: &str) -> Result<User, GenesysError> {
        let call = Call::new(&operations::USER, &[id])?;
        let user: User = self.read(&call).await?;
        same(&call, id, user.id.as_deref())?;
        Ok(user)
    }

    /// A queue. 1 request; `routing:queue:view`.
    ///
    /// # Errors
    ///
    /// [`GenesysError::NotFound`] when there is none; any other failure.
    pub async fn queue(&self, id: &str) -> Result<Queue, GenesysError> {
        let call = Call::new(&operations::QUEUE, &[id])?;
        let queue: Queue = self.read(&call).await?;
        same(&call, id, queue.id.as_deref())?;
        Ok(queue)
    }

    /// A wrap-up code. 1 request; `routing:wrapupCode:view`. Built-in codes (`ININ-…`) may not be found.
    ///
    /// # Errors
    ///
    /// [`GenesysError::NotFound`] when there is none; any other failure.
    pub async fn wrapup_code(&self, id: &str) -> Result<WrapupCode, GenesysError> {
        let call = Call::new(&operations::WRAPUP_CODE, &[id])?;
        let code: WrapupCode = self.read(&call).await?;
        same(&call, id, code.id.as_deref())?;
        Ok(code)
    }

    /// An external contact. 1 request; `externalContacts:contact:view`.
    ///
    /// Of a contact that was merged, Genesys may answer with the one that is left, if that one names `id` among those it
    /// was made of.
    ///
    /// # Errors
    ///
    /// [`GenesysError::NotFound`] when there is none; any other failure.
    pub async fn external_contact(&self, id: &str) -> Result<ExternalContact, GenesysError> {
        let call = Call::new(&operations::EXTERNAL_CONTACT, &[id])?;
        let contact: ExternalContact = self.read(&call).await?;
        if !contact.was_merged_from(id) {
            same(&call, id, contact.id.as_deref())?;
        }
        Ok(contact)
    }
}

/// That an answer is about what was asked for.
pub(crate) fn same(call: &Call, asked: &str, answered: Option<&str>) -> Result<(), GenesysError> {
    if answered.is_some_and(|answered| answered.eq_ignore_ascii_case(asked)) {
        return Ok(());
    }
    Err(GenesysError::Mismatched {
        operation: call.operation.name,
    })
}
