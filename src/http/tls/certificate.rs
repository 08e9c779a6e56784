//! Whom a server shows itself as: a certificate and the key to it, from files or made for the occasion.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{error, fmt};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, SupportedCipherSuite};
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

const DAY: Duration = Duration::from_hours(24);

/// How long a certificate of our own making holds: browsers take none that holds for more than 398 days.
const HOLDS_FOR: Duration = DAY.saturating_mul(397);

/// What is read of a file at most. Chains and keys have some thousand octets.
const LONGEST_FILE: u64 = 1 << 20;

/// A certificate, with those that lead from it to one that clients know, and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
}

impl Identity {
    /// A new key, and a certificate for `names` (host names, or addresses as text) that it signs itself,
    /// valid from a day before `now`, for clocks do differ, and for 397 days in all. The text is the
    /// certificate as a PEM file: what a client has to know to trust it.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Unusable`] when one of the names cannot stand in a certificate.
    pub fn self_signed(names: &[String], now: SystemTime) -> Result<(Self, String), IdentityError> {
        let made = "what was just made";
        let unusable = |why: &dyn fmt::Display| IdentityError::Unusable {
            path: PathBuf::from(made),
            why: why.to_string(),
        };
        let mut params = CertificateParams::new(names).map_err(|error| unusable(&error))?;
        params.not_before = (now - DAY).into();
        params.not_after = (now - DAY + HOLDS_FOR).into();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.distinguished_name.push(DnType::CommonName, "glasstack, signed by itself");
        let key = KeyPair::generate().map_err(|error| unusable(&error))?;
        let certificate = params.self_signed(&key).map_err(|error| unusable(&error))?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let certified = CertifiedKey::from_der(chain, key, &default_provider())
            .map_err(|error| unusable(&error))?;
        Ok((Identity { certified: Arc::new(certified) }, certificate.pem()))
    }

    /// From PEM files: the certificate, then those that lead on from it; and its private key, in the form
    /// of PKCS #8, PKCS #1 (RSA) or SEC 1 (EC), without a password. Both may be in one file.
    ///
    /// # Errors
    ///
    /// Says of which file it is that something is wrong, and what: see [`IdentityError`]. A certificate
    /// that does not hold at `now` is refused.
    pub fn from_files(
        certificate: &Path,
        key: &Path,
        now: SystemTime,
    ) -> Result<Self, IdentityError> {
        let chain = chain(certificate)?;
        let unusable = |path: &Path, why: &dyn fmt::Display| IdentityError::Unusable {
            path: path.to_owned(),
            why: why.to_string(),
        };
        let signing = default_provider()
            .key_provider
            .load_private_key(private_key(key)?)
            .map_err(|error| unusable(key, &error))?;
        holds(&chain[0], now).map_err(|why| unusable(certificate, &why))?;
        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Identity { certified: Arc::new(certified) })
            }
            Err(rustls::Error::InconsistentKeys(_)) => Err(IdentityError::Mismatch {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
                belongs_to_another: belongs_to_another(&certified),
            }),
            Err(error) => Err(unusable(certificate, &error)),
        }
    }

    /// The SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` writes it: `AB:CD:...`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        // The provider of our cryptography has this function inside its suites.
        let SupportedCipherSuite::Tls13(suite) = cipher_suite::TLS13_AES_128_GCM_SHA256 else {
            unreachable!("its name says so")
        };
        let sum = suite.common.hash_provider.hash(&self.certified.cert[0]);
        let octets: Vec<_> = sum.as_ref().iter().map(|octet| format!("{octet:02X}")).collect();
        octets.join(":")
    }
}

/// The certificates of a file, at least one.
fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let octets = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
    let chain = found.map_err(|error| IdentityError::NotPem { path: path.to_owned(), error })?;
    if chain.is_empty() {
        return Err(IdentityError::NoCertificate { path: path.to_owned() });
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, IdentityError> {
    let octets = read(path)?;
    let path = path.to_owned();
    match PrivateKeyDer::from_pem_slice(&octets) {
        // The older form of such keys says it inside.
        Ok(_) if says(&octets, "Proc-Type: 4,ENCRYPTED") => Err(IdentityError::Encrypted { path }),
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) if says(&octets, "BEGIN ENCRYPTED PRIVATE KEY") => {
            Err(IdentityError::Encrypted { path })
        }
        Err(pem::Error::NoItemsFound) => Err(IdentityError::NoKey { path }),
        Err(_) if says(&octets, "Proc-Type: 4,ENCRYPTED") => Err(IdentityError::Encrypted { path }),
        Err(error) => Err(IdentityError::NotPem { path, error }),
    }
}

fn says(octets: &[u8], words: &str) -> bool {
    octets.windows(words.len()).any(|window| window == words.as_bytes())
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let unreadable = |error| IdentityError::Unreadable { path: path.to_owned(), error };
    let mut octets = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LONGEST_FILE).read_to_end(&mut octets).map_err(unreadable)?;
    Ok(octets)
}

/// Says in words why this certificate does not hold now, if so.
fn holds(der: &CertificateDer<'_>, now: SystemTime) -> Result<(), String> {
    let (_, certificate) = parse_x509_certificate(der)
        .map_err(|error| format!("the certificate cannot be read ({error})"))?;
    let validity = certificate.validity();
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let date = |time: ASN1Time| time.to_rfc2822().unwrap_or_else(|time| time);
    if validity.not_after.timestamp() < now {
        return Err(format!("the certificate has expired on {}", date(validity.not_after)));
    }
    if validity.not_before.timestamp() > now {
        return Err(format!("the certificate holds only from {} on", date(validity.not_before)));
    }
    Ok(())
}

/// Whether the key is that of a later certificate of the chain.
fn belongs_to_another(certified: &CertifiedKey) -> bool {
    let others = certified.cert.iter().skip(1);
    let mut others = others.map(|other| {
        CertifiedKey::new(vec![other.clone()], Arc::clone(&certified.key)).keys_match()
    });
    others.any(|matched| matched.is_ok())
}

/// Why there is no identity.
#[derive(Debug)]
pub enum IdentityError {
    /// A file cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file has something that looks like PEM and is not.
    NotPem {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// There is no certificate in a file.
    NoCertificate {
        /// Which.
        path: PathBuf,
    },
    /// There is no private key in a file.
    NoKey {
        /// Which.
        path: PathBuf,
    },
    /// The key wants a password.
    Encrypted {
        /// Where it is.
        path: PathBuf,
    },
    /// What is in a file is of no use.
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The key is that of another certificate.
    Mismatch {
        /// Where the certificate is.
        certificate: PathBuf,
        /// Where the key is.
        key: PathBuf,
        /// It belongs to one that comes later in the chain.
        belongs_to_another: bool,
    },
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityError::Unreadable { path, error } => {
                write!(f, "{} cannot be read: {error}", path.display())
            }
            IdentityError::NotPem { path, error } => {
                let what = match error {
                    pem::Error::MissingSectionEnd { .. } => "a line -----END is missing",
                    pem::Error::IllegalSectionStart { .. } => "a line -----BEGIN has no end",
                    pem::Error::Base64Decode(_) => {
                        "what stands between -----BEGIN and -----END is no base64"
                    }
                    _ => "it is too large",
                };
                write!(f, "{} is no PEM file as it should be: {what}", path.display())
            }
            IdentityError::NoCertificate { path } => write!(
                f,
                "{} has no certificate in it: a PEM file has \"-----BEGIN CERTIFICATE-----\" (DER becomes \
                 PEM by: openssl x509 -inform der -in FILE)",
                path.display()
            ),
            IdentityError::NoKey { path } => write!(
                f,
                "{} has no private key in it: a PEM file has \"-----BEGIN PRIVATE KEY-----\", or RSA or EC \
                 before PRIVATE",
                path.display()
            ),
            IdentityError::Encrypted { path } => write!(
                f,
                "the private key in {} wants a password: openssl pkey -in FILE writes it without",
                path.display()
            ),
            IdentityError::Unusable { path, why } => write!(f, "{}: {why}", path.display()),
            IdentityError::Mismatch { certificate, key, belongs_to_another } => {
                let (certificate, key) = (certificate.display(), key.display());
                write!(f, "the key in {key} is not that of the certificate in {certificate}")?;
                if *belongs_to_another {
                    f.write_str(", but of another there: the server's own has to come first")?;
                }
                Ok(())
            }
        }
    }
}

impl error::Error for IdentityError {}
