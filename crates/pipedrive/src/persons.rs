//! People: searches, reads, lists, and the create.

use jiff::Timestamp;

use crate::call::{Call, get, post, whole_seconds};
use crate::client::Client;
use crate::error::PipedriveError;
use crate::ids::PersonId;
use crate::lists::{Records, SearchData, readable};
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

    /// One person, with the number of open deals. 1 token.
    ///
    /// # Errors
    ///
    /// As [`Self::person`].
    pub async fn person_with_deals(&self, id: PersonId) -> Result<Person, PipedriveError> {
        let call = get("read a person", format!("/api/v2/persons/{id}"), 1)
            .with("include_fields", "open_deals_count")
            .of_record(id.0);
        Ok(self.read(&call).await?.data)
    }

    /// Those of at most 100 people who are there and visible to the user. 10 tokens.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn people_of_ids(&self, ids: &[PersonId]) -> Result<Vec<Person>, PipedriveError> {
        let ids: Vec<String> = ids.iter().map(PersonId::to_string).collect();
        let call = get::<Records>("list people by their ids", "/api/v2/persons", 10)
            .with("ids", ids.join(","))
            .with("limit", "100");
        let records = self.read(&call).await?.data;
        Ok(readable(call.operation, &records))
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

    /// One page of all people, or of those changed since `since`, in the order of their changes: who is changed
    /// meanwhile moves to the end and is listed again. 10 tokens. A cursor expires; the list then goes on by `since`.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list; [`PipedriveError::Rejected`] for a cursor that has expired.
    pub async fn people_page(
        &self,
        since: Option<Timestamp>,
        cursor: Option<&str>,
    ) -> Result<PeoplePage, PipedriveError> {
        let mut call = get::<Records>("list people", "/api/v2/persons", 10)
            .with("sort_by", "update_time")
            .with("sort_direction", "asc");
        if let Some(since) = since {
            call = call.with("updated_since", whole_seconds(since));
        }
        let (people, next_cursor) = self.one_page(call, cursor).await?;
        Ok(PeoplePage {
            people,
            next_cursor,
        })
    }

    /// The highest id of a person, a bound of how many there are: ids are given in their order. 10 tokens.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn highest_person_id(&self) -> Result<Option<PersonId>, PipedriveError> {
        let call = get::<Records>("find the newest person", "/api/v2/persons", 10)
            .with("sort_by", "id")
            .with("sort_direction", "desc")
            .with("limit", "1");
        let records = self.read(&call).await?.data;
        let people: Vec<Person> = readable(call.operation, &records);
        Ok(people.first().map(|person| person.id))
    }
}

/// One page of a list of people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeoplePage {
    /// The people; a list may hold deleted ones.
    pub people: Vec<Person>,
    /// Leads to the next page; `None` at the end.
    pub next_cursor: Option<String>,
}
