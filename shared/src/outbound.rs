//! Requests to other machines: through the proxies of the environment, but never to this machine or the compose stack's hosts.

use crate::config::Proxies;

/// A client's builder with the proxies.
pub fn http(proxies: &Proxies) -> reqwest::ClientBuilder {
    let proxies = proxies.clone();
    let proxy = reqwest::Proxy::custom(move |target| proxies.of(target).cloned());
    // Adding one proxy ends the reading of the environment by the client itself.
    reqwest::Client::builder().proxy(proxy)
}
