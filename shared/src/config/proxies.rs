//! Proxies for requests to other machines, from the variables that other programs read as well: `HTTPS_PROXY`, `HTTP_PROXY`,
//! `ALL_PROXY` and `NO_PROXY`, in capitals or not.

use std::net::IpAddr;

use ipnet::IpNet;
use secrecy::SecretString;
use url::{Host, Url};

use super::{address, values};

/// Hosts of `docker-compose.yml`, which no proxy outside knows.
const COMPOSE_HOSTS: [&str; 8] = [
    "alertmanager",
    "grafana",
    "ingest",
    "prometheus",
    "rabbitmq",
    "redis",
    "sandbox",
    "worker",
];

/// A proxy, and the variable that names it.
#[derive(Clone)]
struct Proxy {
    url: Url,
    variable: String,
}

/// The proxies of the environment. Loopback addresses and the compose stack's own hosts are reached without.
#[derive(Clone, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    exempt: Vec<Exemption>,
}

/// A member of `NO_PROXY`.
#[derive(Clone)]
enum Exemption {
    All,
    Network(IpNet),
    Domain(String),
}

impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proxies(…)")
    }
}

impl Proxies {
    /// Reads the variables. One that is empty, or no address of a proxy over HTTP, counts as unset.
    pub(super) fn read(environment: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let named = |wanted: &str| {
                let found = environment.iter().rfind(|(name, _)| name == wanted)?;
                Some((found.0.clone(), found.1.trim().to_owned()))
            };
            let found = named(name).or_else(|| named(&name.to_lowercase()));
            found.filter(|(_, value)| !value.is_empty())
        };
        let proxy = |name| value(name).and_then(|(variable, url)| Proxy::parse(variable, &url));
        let no_proxy = value("NO_PROXY").map(|(_, list)| list);
        let exempt = no_proxy.iter().flat_map(|list| list.split(','));
        Self {
            http: proxy("HTTP_PROXY").or_else(|| proxy("ALL_PROXY")),
            https: proxy("HTTPS_PROXY").or_else(|| proxy("ALL_PROXY")),
            exempt: exempt.filter_map(Exemption::parse).collect(),
        }
    }

    /// The proxy through which `target` is reached; `None` for a direct connection.
    #[must_use]
    pub fn of(&self, target: &Url) -> Option<&Url> {
        self.find(target).map(|proxy| &proxy.url)
    }

    /// As [`Self::of`], for a person to read: without its password, and with the variable that names it.
    #[must_use]
    pub fn describe(&self, target: &Url) -> Option<String> {
        self.find(target).map(|proxy| {
            let url = address::redacted(&SecretString::from(proxy.url.as_str()));
            format!("{url} ({})", proxy.variable)
        })
    }

    fn find(&self, target: &Url) -> Option<&Proxy> {
        let is_exempt = is_own(target) || self.exempt.iter().any(|it| it.covers(target));
        let proxy = match target.scheme() {
            "https" => &self.https,
            _ => &self.http,
        };
        proxy.as_ref().filter(|_| !is_exempt)
    }
}

impl Proxy {
    fn parse(variable: String, text: &str) -> Option<Self> {
        let has_scheme = text.contains("://");
        let text = if has_scheme {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = text.parse().ok();
        let url =
            url.filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
        Some(Self { url, variable })
    }
}

/// Whether a host is this machine or one of the compose stack.
fn is_own(target: &Url) -> bool {
    let is_compose_host = target
        .host_str()
        .is_some_and(|host| COMPOSE_HOSTS.contains(&host));
    values::is_loopback(target) || is_compose_host
}

impl Exemption {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('.').to_lowercase();
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        match &*text {
            "" => None,
            "*" => Some(Self::All),
            _ => Some(match single().or_else(|_| text.parse()) {
                Ok(network) => Self::Network(network),
                Err(_) => Self::Domain(text),
            }),
        }
    }

    fn covers(&self, target: &Url) -> bool {
        match (self, target.host()) {
            (Self::All, _) => true,
            (Self::Network(network), Some(Host::Ipv4(ip))) => network.contains(&IpAddr::from(ip)),
            (Self::Network(network), Some(Host::Ipv6(ip))) => network.contains(&IpAddr::from(ip)),
            (Self::Domain(domain), Some(Host::Domain(host))) => {
                let above = host.strip_suffix(domain.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Proxies::read(&variables.iter().map(owned).collect::<Vec<_>>())
    }

    fn of(proxies: &Proxies, target: &str) -> Option<String> {
        proxies.of(&target.parse().unwrap()).map(Url::to_string)
    }

    #[test]
    fn this_machine_and_the_hosts_of_compose_are_reached_without_a_proxy() {
        let proxies = proxies(&[
            ("HTTP_PROXY", "http://proxy:3128"),
            ("https_proxy", "proxy:3129"),
        ]);

        for target in [
            "http://127.0.0.1:8090/x",
            "http://127.1.2.3",
            "http://[::1]:8090",
            "http://localhost:8090",
            "http://sandbox:8090",
            "http://redis",
        ] {
            assert_eq!(of(&proxies, target), None, "{target}");
        }
        assert_eq!(
            of(&proxies, "http://pipedrive.example").as_deref(),
            Some("http://proxy:3128/")
        );
        assert_eq!(
            of(&proxies, "https://company.pipedrive.com").as_deref(),
            Some("http://proxy:3129/")
        );
    }

    #[test]
    fn what_no_proxy_lists_is_reached_without_one() {
        let list = "10.0.0.0/8, .example.com,pipedrive.com,192.0.2.1";
        let proxies_of = |list| proxies(&[("ALL_PROXY", "http://proxy:3128"), ("NO_PROXY", list)]);

        for (target, is_direct) in [
            ("https://10.1.2.3", true),
            ("https://192.0.2.1:8443", true),
            ("https://192.0.2.2", false),
            ("https://example.com", true),
            ("https://a.example.com", true),
            ("https://badexample.com", false),
            ("https://company.pipedrive.com", true),
        ] {
            assert_eq!(
                of(&proxies_of(list), target).is_none(),
                is_direct,
                "{target}"
            );
        }
        assert_eq!(of(&proxies_of("*"), "https://192.0.2.2"), None);
    }

    #[test]
    fn a_description_names_the_variable_and_shows_no_password() {
        let proxies = proxies(&[
            ("HTTPS_PROXY", "http://user:s3cret@proxy:3128"),
            ("HTTP_PROXY", " "),
        ]);

        let described = proxies.describe(&"https://company.pipedrive.com".parse().unwrap());

        assert_eq!(
            described.as_deref(),
            Some("http://user:***@proxy:3128/ (HTTPS_PROXY)")
        );
        assert_eq!(of(&proxies, "http://pipedrive.example"), None);
        assert!(!format!("{proxies:?}").contains("s3cret"));
    }
}
