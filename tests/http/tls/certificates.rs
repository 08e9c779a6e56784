//! Certificates that are made, and those that are read from files. (`kernel_tls.rs` has those that openssl
//! makes, and the words for what is wrong with them.)

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use glasstack::http::tls::{Identity, IdentityError};
use glasstack::runtime::clock;
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::world::{BOTH, World, identity, shake_hands};

const DAY: Duration = Duration::from_hours(24);

fn file(name: &str, text: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("certificates-in-memory");
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// A certificate that holds between two times, and its key, as PEM.
fn between(from: SystemTime, to: SystemTime) -> (String, String) {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (from.into(), to.into());
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn what_is_made_holds_from_a_day_ago_for_our_names_and_can_be_trusted() {
    let now = clock::time_of_day();
    let names = ["localhost", "192.0.2.2", "2001:db8::2", "www.example"].map(str::to_owned);
    let (identity, pem) = Identity::self_signed(&names, now).unwrap();
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let (_, read) = X509Certificate::from_der(&der).unwrap();
    let seconds = |time: SystemTime| {
        i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap()
    };
    assert_eq!(read.validity().not_before.timestamp(), seconds(now - DAY));
    assert_eq!(read.validity().not_after.timestamp(), seconds(now + DAY * 396));
    assert!(!read.is_ca());
    let fingerprint = identity.fingerprint();
    assert_eq!((fingerprint.len(), fingerprint.matches(':').count()), (95, 31), "{fingerprint}");

    let mut roots = RootCertStore::empty();
    roots.add(der.clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider);
    let verifier = verifier.build().unwrap();
    for (name, is_ours) in
        names.iter().map(|name| (name.as_str(), true)).chain([("192.0.2.3", false), ("x", false)])
    {
        let server = ServerName::try_from(name).unwrap();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds(now).cast_unsigned()));
        let verified = verifier.verify_server_cert(&der, &[], &server, &[], time);
        assert_eq!(verified.is_ok(), is_ours, "{name}: {verified:?}");
    }
}

#[test]
fn no_two_are_alike() {
    assert_ne!(identity().0.fingerprint(), identity().0.fingerprint());
}

#[test]
fn a_certificate_holds_in_its_time_only() {
    let now = clock::time_of_day();
    for (from, to, words) in [
        (now - DAY * 3, now - DAY, Some("the certificate has expired on ")),
        (now + DAY, now + DAY * 3, Some("the certificate holds only from ")),
        (now - DAY, now + DAY, None),
    ] {
        let (certificate, key) = between(from, to);
        let paths = (file("time.pem", &certificate), file("time.key", &key));
        let found = Identity::from_files(&paths.0, &paths.1, now);
        match words {
            None => assert!(found.is_ok()),
            Some(words) => {
                let error = found.unwrap_err();
                assert!(matches!(error, IdentityError::Unusable { .. }), "{error:?}");
                assert!(error.to_string().contains(words), "{error}");
                assert!(error.to_string().contains("time.pem"), "{error}");
            }
        }
    }
}

#[test]
fn a_key_of_another_certificate_is_noticed() {
    let now = clock::time_of_day();
    let (certificate, _) = between(now - DAY, now + DAY);
    let (_, key) = between(now - DAY, now + DAY);
    let (certificate, key) = (file("one.pem", &certificate), file("another.key", &key));
    let error = Identity::from_files(&certificate, &key, now).unwrap_err();
    assert!(
        matches!(error, IdentityError::Mismatch { belongs_to_another: false, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn who_does_not_trust_us_does_not_talk_to_us() {
    let (ours, theirs) = (World::new(), World::new());
    for version in BOTH {
        let (stream, _server) = ours.connect();
        let error = shake_hands(&theirs.client(version, &[]), stream).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}
