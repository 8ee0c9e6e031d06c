//! E-mail addresses, by which a customer without a number is found.

/// Longest address. Source: RFC 5321, 4.5.3.1.3, less its angle brackets.
const ADDRESS_MAX_BYTES: usize = 254;
/// Longest part before the `@`. Source: RFC 5321, 4.5.3.1.1.
const LOCAL_MAX_BYTES: usize = 64;
/// Longest label of a domain. Source: RFC 1035, 2.3.4.
const LABEL_MAX_BYTES: usize = 63;

/// Reads an address, `mailto:address` or `Name <address>`, in lower case. Quoted parts and addresses without a dot in
/// their domain are not read: they are not a customer's.
#[must_use]
pub fn email(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let inside = text
        .strip_suffix('>')
        .and_then(|text| text.rsplit_once('<'));
    let text = inside.map_or(text, |(_, address)| address);
    let address = text.trim().to_lowercase();
    let address = address.strip_prefix("mailto:").unwrap_or(&address);
    let (local, domain) = address.split_once('@')?;
    let is_address = address.len() <= ADDRESS_MAX_BYTES && is_local(local) && is_domain(domain);
    is_address.then(|| address.to_owned())
}

fn is_local(local: &str) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
    let is_placeholder = local.contains("${") || local.contains("{{");
    (1..=LOCAL_MAX_BYTES).contains(&local.len())
        && local.chars().all(is_allowed)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && !is_placeholder
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_MAX_BYTES).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_top = |top: &str| top.len() > 1 && !top.bytes().all(|byte| byte.is_ascii_digit());
    domain.split('.').all(is_label) && domain.rsplit_once('.').is_some_and(|(_, top)| is_top(top))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_lower_case() {
        for (text, address) in [
            (" Casey.Customer@Example.COM ", "casey.customer@example.com"),
            ("mailto:casey@example.com", "casey@example.com"),
            ("Casey <casey+crm@example.co.uk>", "casey+crm@example.co.uk"),
            ("käse@müller.example", "käse@müller.example"),
        ] {
            assert_eq!(email(Some(text)).as_deref(), Some(address));
        }
    }

    #[test]
    fn what_is_no_address_of_a_customer_is_none() {
        for text in [
            "",
            "casey",
            "@example.com",
            "casey@",
            "casey@localhost",
            "casey@example.",
            "casey@192.0.2.1",
            "a b@example.com",
            "a@b@example.com",
            ".casey@example.com",
            "ca..sey@example.com",
            "casey@-example.com",
            "sip:1000@example.com",
            "${input.email}@example.com",
            "casey@exa\u{0}mple.com",
            &format!("{}@example.com", "x".repeat(65)),
        ] {
            assert_eq!(email(Some(text)), None, "{text}");
        }
    }
}
