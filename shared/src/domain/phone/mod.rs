//! Telephone numbers: read from events, compared with those that Pipedrive holds.
//!
//! [`Reader`] gives a text one class with a reason. Numbers are E.164 exactly as Google's libphonenumber writes it
//! (`library.rs` owns the crate; docs/adr/0012). Numbers are not refused for being unassigned: the guide's own
//! `+15550123456` is possible, and no more is asked. [`MatchingKey`] joins the two spellings of one mobile, and
//! [`compare`] decides whether a stored text is a number.

mod attempt;
mod compare;
mod index_keys;
mod library;
mod matching_key;
mod number;
mod outside_line;
mod own_numbers;
mod reader;
mod reading;
mod region;
mod stored_text;
mod text;
mod withheld;

pub use compare::{Comparison, compare, is_same};
pub use index_keys::{stored_keys, wanted_keys};
pub use library::warm_up;
pub use matching_key::{MatchingKey, search_digits, spellings};
pub use number::{E164, NotE164};
pub use outside_line::OutsideLine;
pub use own_numbers::OwnNumbers;
pub use reader::Reader;
pub use reading::{Party, Reading, Reason};
pub use region::Region;

/// Reads a text by the rules of a region alone.
#[must_use]
pub fn read_party(raw: Option<&str>, region: Option<Region>) -> Party {
    Reader::of_region(region).read(raw).party
}
