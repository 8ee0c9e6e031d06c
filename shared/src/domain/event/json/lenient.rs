//! JSON values read without prejudice.
//!
//! All fields of Genesys' events are optional in its schema, and a data action's template can turn a number into a
//! string. A value of an unexpected type is taken as absent, never as a reason to refuse a call log. Texts are borrowed
//! from the body.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor, value};

use super::super::texts;

/// Texts of a list that are kept.
const LIST_MAX: usize = 20;

/// A text, or a number or flag written as one. Blank is absent.
#[derive(Debug, Default)]
pub(in crate::domain) struct Text<'a>(pub Option<Cow<'a, str>>);

/// A number, or a text that reads as one.
#[derive(Debug, Default)]
pub(in crate::domain) struct Number(pub Option<f64>);

/// The first text of a list, or a lone text.
#[derive(Debug, Default)]
pub(in crate::domain) struct First<'a>(pub Option<Cow<'a, str>>);

/// The texts of a list, or a lone text.
#[derive(Debug, Default)]
pub(in crate::domain) struct Texts<'a>(pub Vec<Cow<'a, str>>);

/// An object; anything else is absent.
#[derive(Debug)]
pub(in crate::domain) struct Object<N>(pub Option<Box<N>>);

impl<N> Default for Object<N> {
    fn default() -> Self {
        Self(None)
    }
}

impl Text<'_> {
    pub fn as_deref(&self) -> Option<&str> {
        self.0
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }
}

impl Texts<'_> {
    /// The ids among them, each once, in order.
    pub fn ids(&self) -> Vec<String> {
        let ids: BTreeSet<String> = self
            .0
            .iter()
            .filter_map(|text| texts::id(Some(text)))
            .collect();
        ids.into_iter().collect()
    }
}

impl First<'_> {
    pub fn as_deref(&self) -> Option<&str> {
        self.0
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }
}

/// What any of the four may turn out to be; `N` is what an object is read as.
enum Any<'a, N> {
    Nothing,
    Text(Cow<'a, str>),
    Number(f64),
    /// A whole number, exactly: an id may have more digits than an `f64`.
    Whole(i128),
    List(Vec<Cow<'a, str>>),
    Object(Box<N>),
}

struct AnyVisitor<N>(PhantomData<N>);

/// Reads whatever is there, and skips the inside of objects.
fn any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Any<'de, IgnoredAny>, D::Error> {
    deserializer.deserialize_any(AnyVisitor(PhantomData))
}

impl<'de, N: Deserialize<'de>> Visitor<'de> for AnyVisitor<N> {
    type Value = Any<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Any::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Any::Text(Cow::Borrowed(if flag {
            "true"
        } else {
            "false"
        })))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Any::Whole(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Any::Whole(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Any::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Any::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Any::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element::<Text<'de>>()? {
            texts.extend(text.0.filter(|_| texts.len() < LIST_MAX));
        }
        Ok(Any::List(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        let node = N::deserialize(value::MapAccessDeserializer::new(entries))?;
        Ok(Any::Object(Box::new(node)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match any(deserializer)? {
            Any::Text(text) => Some(text),
            Any::Number(number) => Some(Cow::Owned(number.to_string())),
            Any::Whole(number) => Some(Cow::Owned(number.to_string())),
            Any::Nothing | Any::List(_) | Any::Object(_) => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Number {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 fit into the 53 bits of an f64"
    )]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match any(deserializer)? {
            Any::Number(number) => Some(number),
            Any::Whole(number) => Some(number as f64),
            Any::Text(text) => text.trim().parse().ok(),
            Any::Nothing | Any::List(_) | Any::Object(_) => None,
        }))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match any(deserializer)? {
            Any::Text(text) => Some(text),
            Any::List(texts) => texts.into_iter().next(),
            Any::Nothing | Any::Number(_) | Any::Whole(_) | Any::Object(_) => None,
        }))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match any(deserializer)? {
            Any::Text(text) => vec![text],
            Any::List(texts) => texts,
            Any::Nothing | Any::Number(_) | Any::Whole(_) | Any::Object(_) => Vec::new(),
        }))
    }
}

impl<'de, N: Deserialize<'de>> Deserialize<'de> for Object<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = deserializer.deserialize_any(AnyVisitor::<N>(PhantomData))?;
        Ok(Self(match read {
            Any::Object(node) => Some(node),
            Any::Nothing | Any::Text(_) | Any::Number(_) | Any::Whole(_) | Any::List(_) => None,
        }))
    }
}
