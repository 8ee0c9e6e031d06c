//! What a text is, in place of a customer's number: one class, and the reason.

use std::fmt;

use super::{E164, Region};

/// What stands where the customer's number should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// A customer's number: it may create a person.
    Number(E164),
    /// A number only if its digits are taken for an international number without its plus. It may find a person and never
    /// creates one.
    Foreign(E164),
    /// Withheld, anonymous, or said to be unknown.
    Withheld,
    /// One of the company's own numbers.
    Own,
    /// An extension or a station of the company's own.
    Internal,
    /// An emergency or service number, or the short sender of a text message.
    ShortCode,
    /// Digits that are no number of any country.
    Impossible,
    /// An address that is no number, such as a web messaging guest's.
    Address,
    /// No number was given.
    Absent,
}

impl Party {
    /// The name of the class, as `worker number` prints it.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Number(_) => "customer",
            Self::Foreign(_) => "foreign",
            Self::Withheld => "withheld",
            Self::Own => "own",
            Self::Internal => "internal",
            Self::ShortCode => "short-code",
            Self::Impossible => "impossible",
            Self::Address => "address",
            Self::Absent => "absent",
        }
    }

    /// The number by which a person may be found.
    #[must_use]
    pub fn number(&self) -> Option<&E164> {
        match self {
            Self::Number(number) | Self::Foreign(number) => Some(number),
            Self::Withheld
            | Self::Own
            | Self::Internal
            | Self::ShortCode
            | Self::Impossible
            | Self::Address
            | Self::Absent => None,
        }
    }
}

/// A text that was read: its class and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Class of the number.
    pub party: Party,
    /// Reason for that class.
    pub reason: Reason,
}

impl Reading {
    pub(super) fn new(party: Party, reason: Reason) -> Self {
        Self { party, reason }
    }
}

/// Why a text has its class. Its `Display` is a phrase for people, without the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Written with its country code.
    International,
    /// Written with `00` before its country code.
    ExitCode,
    /// Written as in the default region.
    National(Region),
    /// A Mexican mobile in its old spelling.
    OldMexican,
    /// Dialled with the prefix of an outside line.
    OutsideLine(String),
    /// Possible only as an international number without its plus.
    WithoutPlus,
    /// One of several in the field, read for the reason inside.
    OneOfSeveral(Box<Reason>),
    /// Possible, but in no assigned range; read for the reason inside.
    Unassigned(Box<Reason>),
    /// A word that says so.
    WithheldWord,
    /// A word that says so, spelled on a telephone's keypad.
    WithheldKeypad(&'static str),
    /// The text has no digit but zeros.
    Zeros,
    /// The text has no digit.
    NoDigits,
    /// The number is one of `phone.own_numbers`.
    OwnNumber,
    /// A SIP address whose user is no customer's number.
    Station,
    /// So few digits as an extension has.
    Extension,
    /// An emergency or service number.
    ServiceNumber,
    /// Five or six digits, as senders of text messages have.
    ShortNumber,
    /// Letters that are no number.
    Letters,
    /// A country code that no country has.
    NoCountry,
    /// Without country code, and there is no default region.
    NoRegion,
    /// The number lacks its area code.
    NoAreaCode,
    /// Fewer digits than its country's numbers have.
    TooShort,
    /// More digits than its country's numbers have.
    TooLong,
    /// A length that its country's numbers do not have.
    WrongLength,
    /// No form of a number.
    NoNumber,
    /// The text is empty.
    Empty,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::National(region) => write!(f, "read as dialled in {region}"),
            Self::OutsideLine(prefix) => {
                write!(f, "read without the outside line's prefix {prefix}")
            }
            Self::OneOfSeveral(reason) => {
                write!(f, "the first customer's number of several, {reason}")
            }
            Self::Unassigned(reason) => write!(f, "{reason}; possible, in no assigned range"),
            Self::WithheldKeypad(word) => write!(f, "{word} spelled on a keypad"),
            plain => f.write_str(plain.phrase()),
        }
    }
}

impl Reason {
    /// The text of a reason that holds nothing.
    fn phrase(&self) -> &'static str {
        match self {
            Self::International => "written with its country code",
            Self::ExitCode => "written with 00 before its country code",
            Self::OldMexican => "a Mexican mobile in its old spelling",
            Self::WithoutPlus => "possible only as an international number without its plus",
            Self::WithheldWord => "a word for a withheld number",
            Self::Zeros => "only zeros",
            Self::NoDigits => "no digit in it",
            Self::OwnNumber => "one of phone.own_numbers",
            Self::Station => "a SIP address without a customer's number",
            Self::Extension => "as short as an extension",
            Self::ServiceNumber => "an emergency or service number",
            Self::ShortNumber => "five or six digits, as senders of text messages have",
            Self::Letters => "letters that are no number",
            Self::NoCountry => "no country has this code",
            Self::NoRegion => "without country code, and phone.default_region is empty",
            Self::NoAreaCode => "without its area code",
            Self::TooShort => "too few digits for its country",
            Self::TooLong => "too many digits for its country",
            Self::WrongLength => "a length that its country's numbers do not have",
            Self::NoNumber => "not written as a number",
            Self::Empty => "no text",
            Self::National(_)
            | Self::OutsideLine(_)
            | Self::OneOfSeveral(_)
            | Self::Unassigned(_)
            | Self::WithheldKeypad(_) => "",
        }
    }
}
