//! JSON values read without prejudice.
//!
//! All fields of Genesys' events are optional in its schema, and a data action's template can turn a number into a
//! string. A value of an unexpected type is taken as absent, never as a reason to refuse a call log. Texts are borrowed
//! from the body.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor, value};

use super::node::Node;

/// A text, or a number or flag written as one. Blank is absent.
#[derive(Debug, Default)]
pub(in crate::domain) struct Text<'a>(pub Option<Cow<'a, str>>);

/// A number, or a text that reads as one.
#[derive(Debug, Default)]
pub(in crate::domain) struct Number(pub Option<f64>);

/// The first text of a list, or a lone text.
#[derive(Debug, Default)]
pub(in crate::domain) struct First<'a>(pub Option<Cow<'a, str>>);

/// An object; anything else is absent.
#[derive(Debug, Default)]
pub(in crate::domain) struct Object<'a>(pub Option<Box<Node<'a>>>);

impl Text<'_> {
    pub fn as_deref(&self) -> Option<&str> {
        self.0
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
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

/// What any of the four may turn out to be.
enum Any<'a> {
    Nothing,
    Text(Cow<'a, str>),
    Number(f64),
    /// A whole number, exactly: an id may have more digits than an `f64`.
    Whole(i128),
    First(Option<Cow<'a, str>>),
    Object(Box<Node<'a>>),
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Any<'de>, E> {
        Ok(Any::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Any<'de>, E> {
        Ok(Any::Text(Cow::Borrowed(if flag {
            "true"
        } else {
            "false"
        })))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Any<'de>, E> {
        Ok(Any::Whole(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Any<'de>, E> {
        Ok(Any::Whole(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Any<'de>, E> {
        Ok(Any::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Any<'de>, E> {
        Ok(Any::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Any<'de>, E> {
        Ok(Any::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Any<'de>, A::Error> {
        let first = items.next_element::<Text<'de>>()?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Any::First(first.and_then(|text| text.0)))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Any<'de>, A::Error> {
        let node = Node::deserialize(value::MapAccessDeserializer::new(entries))?;
        Ok(Any::Object(Box::new(node)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match deserializer.deserialize_any(AnyVisitor)? {
            Any::Text(text) => Some(text),
            Any::Number(number) => Some(Cow::Owned(number.to_string())),
            Any::Whole(number) => Some(Cow::Owned(number.to_string())),
            Any::Nothing | Any::First(_) | Any::Object(_) => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Number {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 fit into the 53 bits of an f64"
    )]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match deserializer.deserialize_any(AnyVisitor)? {
            Any::Number(number) => Some(number),
            Any::Whole(number) => Some(number as f64),
            Any::Text(text) => text.trim().parse().ok(),
            Any::Nothing | Any::First(_) | Any::Object(_) => None,
        }))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match deserializer.deserialize_any(AnyVisitor)? {
            Any::Text(text) => Some(text),
            Any::First(first) => first,
            Any::Nothing | Any::Number(_) | Any::Whole(_) | Any::Object(_) => None,
        }))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match deserializer.deserialize_any(AnyVisitor)? {
            Any::Object(node) => Some(node),
            Any::Nothing | Any::Text(_) | Any::Number(_) | Any::Whole(_) | Any::First(_) => None,
        }))
    }
}
