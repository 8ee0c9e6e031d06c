//! What the sandbox accepts: every operation with its query parameters, body fields and token cost.
//!
//! The tables are data, so that one validator enforces them and one test compares them with Pipedrive's own documents.

mod v1;
mod v2;

use std::fmt;

use super::call::Call;
use super::error::ApiError;
use super::reply::Reply;
use super::world::World;

/// What carries out an operation once its request has been found well-formed.
pub(super) type Handler = fn(&mut World, &Call) -> Result<Reply, ApiError>;

/// The version of the API an operation belongs to.
///
/// The versions differ in their base path and in the shape of their errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Served below `/v1` and `/api/v1`.
    V1,
    /// Served below `/api/v2` alone.
    V2,
}

/// The HTTP methods that Pipedrive's operations use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads records.
    Get,
    /// Creates; never safe to repeat.
    Post,
    /// Replaces a record; version 1 only.
    Put,
    /// Changes the fields that are named (v2 only).
    Patch,
    /// Removes a record.
    Delete,
}

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        })
    }
}

/// What the value of a field or parameter has to look like.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A whole number; in a body never a string.
    Integer,
    /// A whole number from one to the given maximum: a page size.
    Limit(i64),
    /// A number with or without a fraction.
    Number,
    /// `true` or `false`, never `0` or `1`.
    Boolean,
    /// `0` or `1`, as the flags of v1.
    Flag,
    /// Text of any content.
    Text,
    /// Text of at most so many bytes.
    TextUpTo(usize),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Comma separated, each one of these words.
    ListOf(&'static [&'static str]),
    /// Comma separated whole numbers, at most a hundred.
    Ids,
    /// A date: `YYYY-MM-DD`.
    Date,
    /// A time of day: `HH:MM`, UTC.
    TimeOfDay,
    /// `HH:MM`, hours and minutes.
    Length,
    /// RFC 3339 in UTC with whole seconds: `2025-01-01T10:20:00Z`.
    Instant,
    /// `YYYY-MM-DD HH:MM:SS`, UTC: the times of v1.
    UtcDateTime,
    /// A list of whole numbers.
    Integers,
    /// An object with these fields.
    Object(&'static [Field]),
    /// A list of objects with these fields.
    Objects(&'static [Field]),
    /// Values of custom fields, keyed by the 40 hexadecimal digits of each field.
    CustomFields,
}

/// A field of a body or a parameter of a query.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name on the wire.
    pub name: &'static str,
    /// What its value has to look like.
    pub kind: Kind,
    /// Whether a request without it is refused.
    pub required: bool,
    /// Whether `null` clears it. Elsewhere `null` is the wrong type.
    pub nullable: bool,
}

impl Field {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: false,
        nullable: false,
    }
}

/// What an operation takes as its body.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// The operation has no body.
    Empty,
    /// A JSON object with these fields and no others.
    Json(&'static [Field]),
    /// `multipart/form-data` with a part of this name.
    Upload(&'static str),
}

/// One operation of the API.
#[derive(Clone, Copy)]
pub struct Operation {
    /// The version it belongs to.
    pub version: Version,
    /// HTTP method of the operation.
    pub verb: Verb,
    /// Its path below the base of its version, with `{id}` for the one that varies.
    pub path: &'static str,
    /// What one call costs of the company's daily budget (`x-token-cost` of the documents).
    pub token_cost: u32,
    /// The query parameters it knows.
    pub query: &'static [Field],
    /// The body it takes.
    pub body: Body,
    pub(super) handler: Handler,
}

impl fmt::Debug for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {:?} {}", self.verb, self.version, self.path)
    }
}

impl Operation {
    /// Whether it counts against the burst limit of the Search API too.
    #[must_use]
    pub fn is_search(&self) -> bool {
        self.path.ends_with("/search")
    }

    /// The value of `{id}` if `path` is one of this operation's, empty where it has none.
    fn matches<'p>(&self, path: &'p str) -> Option<&'p str> {
        let (mut id, mut given) = ("", path.split('/'));
        for expected in self.path.split('/') {
            match given.next()? {
                "" if expected == "{id}" => return None,
                segment if expected == "{id}" => id = segment,
                segment if segment == expected => {}
                _ => return None,
            }
        }
        given.next().is_none().then_some(id)
    }
}

/// Where a request leads.
pub(super) enum Route<'p> {
    Found(&'static Operation, &'p str),
    /// The path exists, but not with this method.
    WrongMethod,
    Unknown,
}

/// Finds the operation that a method and a whole path name.
pub(super) fn route<'p>(method: &str, path: &'p str) -> Route<'p> {
    let (version, rest) = if let Some(rest) = path.strip_prefix("/api/v2") {
        (Version::V2, rest)
    } else if let Some(rest) = path
        .strip_prefix("/api/v1")
        .or_else(|| path.strip_prefix("/v1"))
    {
        (Version::V1, rest)
    } else {
        return Route::Unknown;
    };
    let mut wrong_method = false;
    // Literal paths stand before `{id}` in the tables, so `/users/me` is not a user of that name.
    for operation in operations().filter(|operation| operation.version == version) {
        let Some(id) = operation.matches(rest) else {
            continue;
        };
        if operation.verb.to_string() == method {
            return Route::Found(operation, id);
        }
        wrong_method = true;
    }
    if wrong_method {
        Route::WrongMethod
    } else {
        Route::Unknown
    }
}

/// Every operation that the sandbox knows.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    v2::OPERATIONS.iter().chain(v1::OPERATIONS)
}
