//! Certificates in files: which pairs are taken up, and which chains a client would refuse.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use bridge_tests::servers::Scratch;
use bridge_tests::servers::authority::{Authority, Identity, VALID, replace};
use ingest::tls::inspection::{Objection, inspect};
use ingest::tls::{CertificateFiles, Reload};
use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

const HOST: &str = "calls.example.com";

fn files(folder: &Path) -> CertificateFiles {
    CertificateFiles {
        certificate: folder.join("tls.crt"),
        key: folder.join("tls.key"),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-06-01T00:00:00Z")
}

/// A reload that began with a pair for `old.example.com`.
struct Watched {
    root: Authority,
    files: CertificateFiles,
    reload: Reload,
    _scratch: Scratch,
}

impl Watched {
    fn start() -> Self {
        let scratch = Scratch::create().unwrap();
        let (root, files) = (Authority::root("root"), files(scratch.path()));
        root.server(&["old.example.com"])
            .write(&files.certificate, &files.key);
        let reload = Reload::start(files.clone()).unwrap();
        Self {
            root,
            files,
            reload,
            _scratch: scratch,
        }
    }

    fn write(&self, identity: &Identity) {
        identity.write(&self.files.certificate, &self.files.key);
    }

    /// A change is judged at the second look.
    fn look_twice(&mut self, now: Timestamp) {
        self.reload.check(now);
        self.reload.check(now);
    }

    fn serves(&self) -> String {
        self.reload.served().chain[0].names.join(",")
    }
}

#[test]
fn two_files_that_are_no_pair_are_recognised() {
    let scratch = Scratch::create().unwrap();
    let (root, files) = (Authority::root("root"), files(scratch.path()));
    let (one, other) = (
        root.server(&["a.example.com"]),
        root.server(&["b.example.com"]),
    );
    let broken = one.certificate.replace("MII", "AAA");
    let cases = [
        ("", &*one.key, "tls.crt holds no certificate"),
        (&one.key, &one.key, "tls.crt holds no certificate"),
        (&broken, &one.key, "certificate 1 in"),
        (&one.certificate, "", "tls.key holds no private key"),
        (
            &one.certificate,
            &one.certificate,
            "tls.key holds no private key",
        ),
        (&one.certificate, &other.key, "is not that of"),
    ];

    for (certificate, key, part) in cases {
        replace(&files.certificate, certificate);
        replace(&files.key, key);
        let error = files.read().unwrap().parse().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    one.write(&files.certificate, &files.key);
    let pair = files.read().unwrap().parse().unwrap();
    assert_eq!(pair.chain[0].names, ["a.example.com"]);
    assert_eq!(pair.expiry, at("2090-01-01T00:00:00Z"));
}

#[test]
fn a_pair_that_is_half_replaced_is_waited_for() {
    let mut watched = Watched::start();
    let new = watched.root.server(&["new.example.com"]);

    replace(&watched.files.certificate, &new.certificate);
    watched.look_twice(now());
    assert_eq!(
        (watched.serves().as_str(), watched.reload.is_failing()),
        ("old.example.com", true)
    );
    replace(&watched.files.key, &new.key);
    watched.reload.check(now());
    assert_eq!(
        watched.serves(),
        "old.example.com",
        "it may still be written"
    );
    watched.reload.check(now());

    assert_eq!(
        (watched.serves().as_str(), watched.reload.is_failing()),
        ("new.example.com", false)
    );
}

#[test]
fn a_pair_that_is_not_sound_is_not_taken_up_and_one_that_is_to_come_waits_for_its_time() {
    let mut watched = Watched::start();
    let expired = watched.root.server_in(&["expired.example.com"], 2020..2021);
    let early = watched.root.server_in(&["early.example.com"], 2030..2040);

    watched.write(&expired);
    watched.look_twice(now());
    assert_eq!(
        (watched.serves().as_str(), watched.reload.is_failing()),
        ("old.example.com", true)
    );
    std::fs::remove_file(&watched.files.key).unwrap();
    watched.look_twice(now());
    assert_eq!(
        (watched.serves().as_str(), watched.reload.is_failing()),
        ("old.example.com", true)
    );
    watched.write(&early);
    watched.look_twice(now());
    assert_eq!(
        (watched.serves().as_str(), watched.reload.is_failing()),
        ("old.example.com", true)
    );
    watched.reload.check(at("2030-01-02T00:00:00Z"));

    assert_eq!(
        (watched.serves().as_str(), watched.reload.is_failing()),
        ("early.example.com", false)
    );
}

#[test]
fn going_back_to_the_pair_that_is_served_ends_the_complaint() {
    let mut watched = Watched::start();
    let (old, broken) = (
        std::fs::read_to_string(&watched.files.certificate).unwrap(),
        "-----BEGIN CERTIFICATE-----\n",
    );

    replace(&watched.files.certificate, broken);
    watched.look_twice(now());
    assert!(watched.reload.is_failing());
    replace(&watched.files.certificate, &old);
    watched.look_twice(now());

    assert!(!watched.reload.is_failing());
}

/// What a client that trusts `root` holds against a chain.
fn objection(chain: &str, root: &Authority, host: Option<&str>) -> Option<Objection> {
    let ders: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .map(Result::unwrap)
        .collect();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(root.pem().as_bytes()).unwrap())
        .unwrap();
    inspect(&ders, roots, host, now()).err()
}

#[test]
fn a_chain_that_a_client_would_refuse_is_reported_with_the_reason() {
    let root = Authority::root("root");
    let (below, private) = (root.intermediate("below"), Authority::root("private"));
    let sound = below.server(&[HOST, "*.calls.example.com"]).certificate;
    let (leaf, intermediate) = sound.split_at(sound.len() - below.pem().len());
    let of = |chain: &str, host| objection(chain, &root, host);

    for host in [None, Some(HOST), Some("eu.calls.example.com")] {
        assert_eq!(of(&sound, host), None, "{host:?}");
    }
    let with_root = sound.clone() + &root.pem();
    assert_eq!(of(&with_root, Some(HOST)), None, "the root may be there");
    assert_eq!(
        of(&below.server(&["*.calls.example.com"]).certificate, None),
        None
    );

    let wrong = of(&sound, Some("other.example.com"));
    assert!(
        matches!(&wrong, Some(Objection::Name { wanted, .. }) if wanted == "other.example.com")
    );
    assert_eq!(
        of(leaf, None),
        Some(Objection::Incomplete("CN=below".to_owned()))
    );
    let reversed = format!("{leaf}{}{intermediate}", root.pem());
    assert!(matches!(
        of(&reversed, None),
        Some(Objection::Order { position: 1, .. })
    ));
    let alone = Identity::self_signed(HOST).certificate;
    assert!(matches!(of(&alone, None), Some(Objection::SelfSigned(_))));
    let unknown = private.server(&[HOST]).certificate;
    assert_eq!(
        of(&unknown, None),
        Some(Objection::Incomplete("CN=private".to_owned()))
    );
    let unknown = unknown + &private.pem();
    assert_eq!(
        of(&unknown, None),
        Some(Objection::Private("CN=private".to_owned()))
    );
    let nameless = below.server(&[]).certificate;
    assert_eq!(of(&nameless, None), Some(Objection::Nameless));
    for years in [2020..2021, 2030..VALID.end] {
        let untimely = below.server_in(&[HOST], years).certificate;
        assert!(matches!(of(&untimely, None), Some(Objection::Time(_))));
    }
    let client = below.client(HOST).certificate;
    assert!(
        matches!(of(&client, None), Some(Objection::Other(_))),
        "not for servers"
    );
}
