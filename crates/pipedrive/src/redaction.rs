//! Pipedrive's reasons, as they may appear in logs and dead letters.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::Value;

/// Longest reason of a refusal that is kept, in characters.
const MESSAGE_MAX_CHARS: usize = 300;

/// Pipedrive's reason without what may be personal: long numbers, addresses, and whatever it quotes of the request.
pub(crate) fn presentable(message: &str, request: Option<&Bytes>) -> String {
    let sent = words_sent(request);
    let mask = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        if word.contains('@') || digits > 6 || words(word).any(|word| sent.contains(&word)) {
            "[…]".to_owned()
        } else {
            word.to_owned()
        }
    };
    let masked: Vec<String> = message.split_whitespace().map(mask).collect();
    masked.join(" ").chars().take(MESSAGE_MAX_CHARS).collect()
}

/// The words of a request's values; short ones only where they look like names, or no reason could be read any more.
fn words_sent(request: Option<&Bytes>) -> HashSet<String> {
    let mut sent = HashSet::new();
    let mut values: Vec<Value> = request
        .into_iter()
        .filter_map(|body| serde_json::from_slice(body).ok())
        .collect();
    while let Some(value) = values.pop() {
        match value {
            Value::Array(items) => values.extend(items),
            Value::Object(members) => values.extend(members.into_iter().map(|(_, value)| value)),
            Value::String(text) => {
                let is_telling = |word: &&str| {
                    word.chars().count() > 3 || word.chars().next().is_some_and(char::is_uppercase)
                };
                let parts = text.split(|c: char| !c.is_alphanumeric());
                sent.extend(parts.filter(is_telling).map(str::to_lowercase));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    sent
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split(|c: char| !c.is_alphanumeric());
    parts.filter(|part| !part.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_hold_no_numbers_and_addresses() {
        let message = presentable(
            "phone +12025550143 of casey@example.com: 'type' is wrong, 2 more",
            None,
        );
        assert_eq!(message, "phone […] of […] 'type' is wrong, 2 more");
    }

    #[test]
    fn reasons_quote_nothing_of_what_was_sent() {
        let sent = serde_json::json!({"name": "Ann Example", "phones": [{"label": "work"}]});
        let sent = Bytes::from(sent.to_string());

        let message = presentable("'ann EXAMPLE': the name is not valid", Some(&sent));

        assert_eq!(message, "[…] […] the name is not valid");
    }
}
