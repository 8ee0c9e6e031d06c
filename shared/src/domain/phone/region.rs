//! Regions of the world, each with its dialling rules.

use std::fmt;

use phonenumber::country;

/// A region whose dialling rules apply to numbers without country code: two letters, ISO 3166-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region(country::Id);

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Region {
    /// Reads `US`, `gb`, ….
    ///
    /// # Errors
    ///
    /// When no such region is known.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.trim()
            .to_ascii_uppercase()
            .parse()
            .map(Self)
            .map_err(|_| format!("no region `{text}`"))
    }

    /// Two-letter code of ISO 3166.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.as_ref()
    }
}
