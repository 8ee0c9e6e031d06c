//! The address at which people with the right see a conversation in Genesys' own pages.
//!
//! It does not end, and shows a recording only to those who may hear it. Genesys does not document its form; this one is
//! what its pages use.

use url::Url;

/// The origin of Genesys' pages for the region of an API: `https://apps.…` for `https://api.…`. None for other hosts, such
/// as a proxy's.
#[must_use]
pub fn origin(api_url: &Url) -> Option<String> {
    let region = api_url.host_str()?.strip_prefix("api.")?;
    let is_region = region.contains('.') && api_url.scheme() == "https";
    is_region.then(|| format!("https://apps.{region}"))
}

/// The address of one conversation, with `id` as text, such as a place for it in a template.
#[must_use]
pub fn conversation(api_url: &Url, id: &str) -> Option<String> {
    let origin = origin(api_url)?;
    Some(format!(
        "{origin}/directory/#/analytics/interactions/{id}/admin"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_region_of_the_api() {
        let link = |api: &str| conversation(&api.parse().unwrap(), "{id}");

        assert_eq!(
            link("https://api.mypurecloud.de").as_deref(),
            Some("https://apps.mypurecloud.de/directory/#/analytics/interactions/{id}/admin")
        );
        assert_eq!(
            link("https://api.euw2.pure.cloud/"),
            link("https://api.euw2.pure.cloud")
        );
        assert_eq!(link("http://127.0.0.1:8080"), None);
        assert_eq!(link("https://genesys.example.invalid"), None);
    }
}
