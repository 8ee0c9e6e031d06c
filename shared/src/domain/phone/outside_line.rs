//! The prefix of an outside line.

/// What is dialled before a number to leave the company's telephone system, such as `9` or `0`: one to four digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideLine(String);

impl OutsideLine {
    /// Reads a prefix.
    ///
    /// # Errors
    ///
    /// When it is no prefix of one to four digits.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain && (1..=4).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is no prefix of one to four digits"))
        }
    }

    /// Digits of the prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
