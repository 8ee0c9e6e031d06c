//! Topics, and how templates are filled.

/// Prefix of Genesys' topics for events of a conversation. The braces are part of the name, not a placeholder.
pub const TOPIC_PREFIX: &str = "v2.detail.events.conversation.{id}.";
/// Last part of each topic that is recorded.
pub const LEAVES: [&str; 4] = ["customer.end", "user.end", "acw", "wrapup"];

/// The topics that are recorded.
pub fn topics() -> Vec<String> {
    LEAVES
        .iter()
        .map(|leaf| format!("{TOPIC_PREFIX}{leaf}"))
        .collect()
}

/// Replaces the placeholders of a template.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| {
            text.replace(&format!("@{name}@"), value.trim_end())
        })
}

/// The elements of a list of texts as JSON and Terraform write them between the brackets.
pub fn quoted<T: AsRef<str>>(texts: &[T], separator: &str) -> String {
    let quoted: Vec<String> = texts
        .iter()
        .map(|text| serde_json::Value::from(text.as_ref()).to_string())
        .collect();
    quoted.join(separator)
}

/// The text with `margin` before each line.
pub fn indented(text: &str, margin: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{margin}{line}")).collect();
    lines.join("\n")
}
