//! Labels of a note's lines, as far as lines of one are compared with those of another.

/// Label of the first line: what came of the interaction.
pub(crate) const OUTCOME: &str = "Outcome";
/// Label of the line that says that an event was cut off. It goes when the whole event comes.
pub(crate) const INCOMPLETE: &str = "Incomplete";
/// Label of the customer's name.
pub(crate) const CUSTOMER: &str = "Customer";
/// Label of the customer's number.
pub(crate) const NUMBER: &str = "Number";
/// Label of the customer's e-mail address.
pub(crate) const EMAIL: &str = "E-mail";
/// Label of the line that says why no person is attached. It goes when one is.
pub(crate) const NOT_ATTACHED: &str = "Not attached";
/// Label of the begin.
pub(crate) const WHEN: &str = "When";
/// Label of the duration.
pub(crate) const DURATION: &str = "Duration";

/// What a line is about of which a note has one only: two would contradict each other. Older versions wrote channel and
/// direction on lines of their own.
#[must_use]
pub(crate) fn only_once(label: &str) -> Option<&'static str> {
    match label {
        OUTCOME | "Channel" | "Direction" => Some(OUTCOME),
        CUSTOMER => Some(CUSTOMER),
        NUMBER => Some(NUMBER),
        EMAIL => Some(EMAIL),
        WHEN => Some(WHEN),
        DURATION => Some(DURATION),
        _ => None,
    }
}
