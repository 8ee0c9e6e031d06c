//! Addresses of recordings: those that last, and those that end within hours and let in whoever has them.

/// Members of a query that let in whoever has the address, or say when that ends.
const CREDENTIALS: [&str; 13] = [
    "signature",
    "sig",
    "expires",
    "expiry",
    "exp",
    "policy",
    "key-pair-id",
    "token",
    "access_token",
    "auth",
    "jwt",
    "hmac",
    "hdnts",
];
/// The same of the stores of Amazon, Google, Alibaba and Tencent, by the beginnings of their names.
const PREFIXES: [&str; 4] = ["x-amz-", "x-goog-", "x-oss-", "q-sign"];

/// Whether an address is signed, or carries another credential. Such an address is a secret, and ends: it is never stored.
#[must_use]
pub fn is_signed(url: &str) -> bool {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let host = place.split("://").nth(1).unwrap_or(place);
    let host = host.split('/').next().unwrap_or(host);
    let mut names = query.split(['&', ';', '#']).map(|pair| {
        let name = pair.split('=').next().unwrap_or(pair);
        name.to_ascii_lowercase()
    });
    let is_credential = |name: String| {
        CREDENTIALS.contains(&name.as_str())
            || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    host.contains('@') || names.any(is_credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_lets_in_whoever_has_it_is_signed() {
        for url in [
            "https://store.example.invalid/1.mp3?X-Amz-Expires=3600&X-Amz-Signature=aa",
            "https://store.example.invalid/1.mp3?x-goog-signature=aa",
            "https://store.example.invalid/1.mp3?sv=2024&se=2026-03-10&sig=aa",
            "https://store.example.invalid/1.mp3?Policy=p&Key-Pair-Id=k",
            "https://store.example.invalid/1.mp3?access_token=aa",
            "https://casey:pass@store.example.invalid/1.mp3",
        ] {
            assert!(is_signed(url), "{url}");
        }
        for url in [
            "https://store.example.invalid/1.mp3",
            "https://store.example.invalid/play?id=1&design=dark",
            "https://store.example.invalid/@casey/1.mp3",
        ] {
            assert!(!is_signed(url), "{url}");
        }
    }
}
