use actix_web::http::header::{HeaderName, HeaderValue};
use hmac::{Hmac, KeyInit, Mac};

use super::*;

type Header = (&'static str, String);

const BODY: &[u8] = br#"{"data":{"id":"call-1"}}"#;

fn settings(variables: &[(&str, &str)]) -> Ingest {
    let variables = variables
        .iter()
        .map(|(key, value)| (format!("BRIDGE__INGEST__{key}"), (*value).to_owned()));
    shared::config::load_from(None, variables).unwrap().ingest
}

/// Two secrets of each kind: the new one and the one before it.
fn authenticator() -> Authenticator {
    Authenticator::new(&settings(&[
        ("AUTH__TOKENS", "new-token,old-token"),
        ("AUTH__BASIC", "genesys:new-password,genesys:old-password"),
        ("AUTH__SIGNATURE_SECRETS", "new-secret,old-secret"),
    ]))
    .unwrap()
}

fn sign(secret: &str, body: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.chain_update(body).finalize().into_bytes().to_vec()
}

fn bearer(token: &str) -> Header {
    ("authorization", format!("Bearer {token}"))
}

fn token(token: &str) -> Header {
    (TOKEN_HEADER, token.to_owned())
}

fn basic(pair: &str) -> Header {
    ("authorization", format!("Basic {}", STANDARD.encode(pair)))
}

fn hex_signature(secret: &str) -> Header {
    (
        SIGNATURE_HEADER,
        format!("sha256={}", hex::encode(sign(secret, BODY))),
    )
}

fn base64_signature(secret: &str) -> Header {
    (
        SIGNATURE_HEADER,
        format!("sha256={}", STANDARD.encode(sign(secret, BODY))),
    )
}

fn admission(
    authenticator: &Authenticator,
    headers: &[Header],
) -> Result<Admission, Unauthenticated> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    authenticator.check_signature(authenticator.check_headers(&headers)?, BODY)
}

fn is_let_in(authenticator: &Authenticator, headers: &[Header]) -> bool {
    admission(authenticator, headers).is_ok()
}

#[test]
fn each_scheme_lets_in_the_new_and_the_previous_secret_and_no_other() {
    let authenticator = authenticator();
    let schemes = [
        (
            bearer as fn(&str) -> Header,
            "token",
            ["revoked-token", "new-token2"],
        ),
        (token, "token", ["revoked-token", "new-toke"]),
        (basic, "password", ["genesys:revoked", "new-password"]),
        (hex_signature, "secret", ["revoked-secret", ""]),
        (base64_signature, "secret", ["revoked-secret", ""]),
    ];

    for (credential, kind, wrong) in schemes {
        let user = if kind == "password" { "genesys:" } else { "" };
        for age in ["new", "old"] {
            let header = credential(&format!("{user}{age}-{kind}"));
            assert!(
                is_let_in(&authenticator, std::slice::from_ref(&header)),
                "{header:?}"
            );
        }
        for secret in wrong {
            let header = credential(secret);
            assert!(
                !is_let_in(&authenticator, std::slice::from_ref(&header)),
                "{header:?}"
            );
        }
    }
    assert!(!is_let_in(&authenticator, &[]));
}

#[test]
fn a_secret_of_one_scheme_does_not_open_another() {
    let authenticator = authenticator();

    for header in [
        bearer("genesys:new-password"),
        bearer("new-secret"),
        token("new-secret"),
        basic("new-token"),
        basic("genesys:new-token"),
        hex_signature("new-token"),
        ("authorization", "new-token".to_owned()),
        ("authorization", "Bearer".to_owned()),
        ("authorization", "Digest new-token".to_owned()),
        ("authorization", "Basic !".to_owned()),
    ] {
        assert!(
            !is_let_in(&authenticator, std::slice::from_ref(&header)),
            "{header:?}"
        );
    }
}

#[test]
fn one_valid_credential_is_enough_but_a_signature_that_is_there_must_be_right() {
    let authenticator = authenticator();
    let wrong_signature = hex_signature("revoked-secret");

    assert!(is_let_in(
        &authenticator,
        &[bearer("revoked"), token("new-token")]
    ));
    assert!(is_let_in(
        &authenticator,
        &[bearer("revoked"), hex_signature("new-secret")]
    ));
    assert!(!is_let_in(
        &authenticator,
        &[bearer("new-token"), wrong_signature.clone()]
    ));
    assert!(!is_let_in(
        &authenticator,
        &[
            bearer("new-token"),
            (SIGNATURE_HEADER, "sha256=".to_owned())
        ]
    ));

    let without_secrets = Authenticator::new(&settings(&[("AUTH__TOKENS", "new-token")])).unwrap();
    assert!(is_let_in(
        &without_secrets,
        &[bearer("new-token"), wrong_signature.clone()]
    ));
    assert!(!is_let_in(&without_secrets, &[wrong_signature]));
}

#[test]
fn a_right_signature_beside_a_right_secret_is_not_alone() {
    let authenticator = authenticator();
    let signature = || hex_signature("new-secret");

    for (headers, expected) in [
        (vec![signature()], Admission::SignatureAlone),
        (
            vec![bearer("revoked"), signature()],
            Admission::SignatureAlone,
        ),
        (vec![token("old-token"), signature()], Admission::Secret),
        (
            vec![basic("genesys:old-password"), signature()],
            Admission::Secret,
        ),
        (vec![bearer("new-token")], Admission::Secret),
    ] {
        assert_eq!(
            admission(&authenticator, &headers),
            Ok(expected),
            "{headers:?}"
        );
    }
}

#[test]
fn the_body_is_asked_for_only_where_it_can_make_a_difference() {
    let authenticator = authenticator();
    let claim = |header: Header| {
        let value = HeaderValue::from_str(&header.1).unwrap();
        let headers = [(HeaderName::from_static(header.0), value)];
        authenticator
            .check_headers(&headers.into_iter().collect())
            .is_ok()
    };

    assert!(claim(hex_signature("revoked-secret")));
    assert!(!claim((SIGNATURE_HEADER, "sha256=".to_owned())));
    assert!(!claim(bearer("revoked-token")));
}

#[test]
fn the_scheme_is_read_whatever_its_case() {
    let authenticator = authenticator();

    assert!(is_let_in(
        &authenticator,
        &[("authorization", "bearer new-token".to_owned())]
    ));
    assert!(is_let_in(
        &authenticator,
        &[("authorization", "BEARER  new-token".to_owned())]
    ));
}

#[test]
fn without_credentials_it_refuses_to_start_except_when_warning_so_on_loopback() {
    let problem = |variables: &[(&str, &str)]| match Authenticator::new(&settings(variables)) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };

    let none = problem(&[]);
    assert!(none.contains("BRIDGE__INGEST__AUTH__TOKENS"), "{none}");
    assert!(
        none.contains("BRIDGE__INGEST__AUTH__ALLOW_UNAUTHENTICATED"),
        "{none}"
    );
    let open = problem(&[
        ("LISTEN", "0.0.0.0:8080"),
        ("AUTH__ALLOW_UNAUTHENTICATED", "true"),
    ]);
    assert!(
        open.contains("BRIDGE__INGEST__AUTH__ALLOW_UNAUTHENTICATED"),
        "{open}"
    );
    assert!(problem(&[("AUTH__BASIC", "no-pair")]).contains("ingest.auth.basic"));
    assert_eq!(problem(&[("AUTH__ALLOW_UNAUTHENTICATED", "true")]), "");
    assert_eq!(
        problem(&[
            ("LISTEN", "[::1]:0"),
            ("AUTH__ALLOW_UNAUTHENTICATED", "true")
        ]),
        ""
    );
}

#[test]
fn allowing_the_unauthenticated_does_not_switch_off_configured_credentials() {
    let variables = [
        ("AUTH__ALLOW_UNAUTHENTICATED", "true"),
        ("AUTH__TOKENS", "new-token"),
    ];

    let authenticator = Authenticator::new(&settings(&variables)).unwrap();

    assert!(!is_let_in(&authenticator, &[]));
}

/// Settings as a file gives them, whose lists may hold empty texts.
fn settings_from_file(name: &str, auth: &str) -> Ingest {
    let file = std::env::temp_dir().join(format!("bridge-auth-{name}-{}", std::process::id()));
    std::fs::write(&file, format!("[ingest.auth]\n{auth}\n")).unwrap();
    let settings = shared::config::load_from(Some(&file), []).unwrap();
    std::fs::remove_file(&file).unwrap();
    settings.ingest
}

#[test]
fn an_empty_secret_is_refused_with_its_key_and_a_remedy() {
    for (key, value) in [
        ("tokens", r#"[""]"#),
        ("tokens", r#"["a-sound-one", "  "]"#),
        ("signature_secrets", r#"["\t"]"#),
        ("basic", r#"[""]"#),
        ("basic", r#"[":"]"#),
        ("basic", r#"["user:"]"#),
        ("basic", r#"[" :password"]"#),
    ] {
        let auth = format!("{key} = {value}");
        let refused = Authenticator::new(&settings_from_file("empty", &auth));
        let problem = refused.err().map(|error| error.to_string());
        let problem = problem.unwrap_or_else(|| panic!("{auth} is taken"));
        assert!(
            problem.contains(&format!("`ingest.auth.{key}`")),
            "{problem}"
        );
        assert!(problem.contains("openssl rand -hex 32"), "{problem}");
    }
    assert!(Authenticator::new(&settings(&[("AUTH__BASIC", ":")])).is_err());
}

#[test]
fn a_comma_at_the_end_of_a_variable_is_no_secret() {
    let authenticator = Authenticator::new(&settings(&[("AUTH__TOKENS", "new-token,,")])).unwrap();

    assert!(is_let_in(&authenticator, &[bearer("new-token")]));
    assert!(!is_let_in(&authenticator, &[bearer("")]));
    assert!(!is_let_in(&authenticator, &[token("")]));
}

#[test]
fn short_secrets_are_taken_and_warning() {
    let weakness = |tokens: &str| {
        let variables = [("AUTH__TOKENS", tokens), ("AUTH__BASIC", "user:short")];
        secrets::weakness(&settings(&variables).auth)
    };

    let warning = weakness("short,0123456789abcdef").unwrap();
    assert!(
        warning.contains("1 of ingest.auth.tokens, 0 of"),
        "{warning}"
    );
    assert_eq!(weakness("0123456789abcdef"), None);
}
