//! People: searches, reads, lists, and the create.

use jiff::Timestamp;

use crate::call::{Call, get, post, whole_seconds};
use crate::client::Client;
use crate::error::PipedriveError;
use crate::ids::PersonId;
use crate::lists::{Records, SearchData};
use crate::model::{NewPerson, Person, PersonHit};

/// Creates a person. 5 tokens.
#[must_use]
pub fn create_person(person: &NewPerson) -> Call<Person> {
    post("create a person", "/api/v2/persons", person, 5)
}

impl Client {
    /// People whose telephone numbers match `term`, as Pipedrive's search understands that. 20 tokens a page; a search.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a result; that is never "no such person".
    pub async fn search_by_phone(&self, term: &str) -> Result<Vec<PersonHit>, PipedriveError> {
        self.search("search people by phone", "phone", term).await
    }

    /// People whose e-mail addresses match `term`. 20 tokens a page; a search.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a result; that is never "no such person".
    pub async fn search_by_email(&self, term: &str) -> Result<Vec<PersonHit>, PipedriveError> {
        self.search("search people by e-mail", "email", term).await
    }

    async fn search(
        &self,
        operation: &'static str,
        field: &'static str,
        term: &str,
    ) -> Result<Vec<PersonHit>, PipedriveError> {
        let call = || {
            get::<SearchData>(operation, "/api/v2/persons/search", 20)
                .with("term", term)
                .with("fields", field)
                .searching()
        };
        self.list(call).await
    }

    /// One person. 1 token.
    ///
    /// # Errors
    ///
    /// [`PipedriveError::NotFound`] when it was deleted or merged; any other failure.
    pub async fn person(&self, id: PersonId) -> Result<Person, PipedriveError> {
        let call = get("read a person", format!("/api/v2/persons/{id}"), 1).of_record(id.0);
        Ok(self.read(&call).await?.data)
    }

    /// People changed since `since`, newest first. 10 tokens a page. A list of the database: no index lags behind.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn people_since(&self, since: Timestamp) -> Result<Vec<Person>, PipedriveError> {
        let call = || {
            get::<Records>("list people", "/api/v2/persons", 10)
                .with("updated_since", whole_seconds(since))
                .with("sort_by", "add_time")
                .with("sort_direction", "desc")
        };
        self.list(call).await
    }
}
