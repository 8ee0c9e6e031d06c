//! Which events are recorded.

/// Which events are recorded; from the settings.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Channels by lower-case name.
    pub channels: Vec<String>,
    /// Values of the guide's `status` that are final, lower case.
    pub statuses: Vec<String>,
}

impl Filter {
    /// Records every channel and status: for what was accepted once already.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            channels: Vec::new(),
            statuses: Vec::new(),
        }
    }

    /// Whether `value` is one of `list`; an empty list admits every value.
    pub(super) fn admits(list: &[String], value: &str) -> bool {
        list.is_empty() || list.iter().any(|entry| entry.eq_ignore_ascii_case(value))
    }
}
