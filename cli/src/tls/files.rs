//! Certificates and keys, in PEM files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use netaio_tokio::tls::rustls::RootCertStore;
use netaio_tokio::tls::rustls::pki_types::pem::{Error as PemError, PemObject};
use netaio_tokio::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::TlsError;
use crate::secret::warn_of_others;

/// The most bytes of a file. All authorities of a system are a quarter of it.
const MAX: usize = 1 << 20;

/// The certificates of a file, one at least.
pub(super) fn certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = open(what, path)?;
    let text = read(what, path, file)?;
    let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| unfit(what, path, &error))?;
    match found.is_empty() {
        false => Ok(found),
        true => Err(TlsError::Unfit {
            what,
            path: path.into(),
            problem: "there is no line -----BEGIN CERTIFICATE-----".into(),
        }),
    }
}

/// The first private key of a file, which is its owner's alone to read.
pub(super) fn key(what: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let file = open(what, path)?;
    warn_of_others(what, path, &file);
    let text = read(what, path, file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        PemError::NoItemsFound => {
            let is_encrypted = text
                .windows(ENCRYPTED.len())
                .any(|window| window == ENCRYPTED);
            TlsError::Unfit {
                what,
                path: path.into(),
                problem: match is_encrypted {
                    true => "the key is encrypted; `openssl pkey` decrypts it".into(),
                    false => "there is no line -----BEGIN PRIVATE KEY-----".into(),
                },
            }
        }
        error => unfit(what, path, &error),
    })
}

/// What a key with a passphrase begins with.
const ENCRYPTED: &[u8] = b"BEGIN ENCRYPTED PRIVATE KEY";

/// The authorities of a file.
pub(super) fn authorities(what: &'static str, path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(what, path)? {
        let added = roots.add(certificate);
        added.map_err(|error| TlsError::Unfit {
            what,
            path: path.into(),
            problem: error.to_string(),
        })?;
    }
    Ok(roots)
}

fn open(what: &'static str, path: &Path) -> Result<File, TlsError> {
    File::open(path).map_err(|error| unreadable(what, path, error))
}

/// All of a file, wiped at the end, without copies that are not.
fn read(what: &'static str, path: &Path, file: File) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let mut text = Zeroizing::new(Vec::with_capacity(MAX.saturating_add(1)));
    let mut file = file.take(MAX.saturating_add(1) as u64);
    file.read_to_end(&mut text)
        .map_err(|error| unreadable(what, path, error))?;
    match text.len() <= MAX {
        true => Ok(text),
        false => Err(TlsError::TooLong {
            what,
            path: path.into(),
        }),
    }
}

fn unreadable(what: &'static str, path: &Path, error: io::Error) -> TlsError {
    TlsError::Read {
        what,
        path: path.into(),
        error,
    }
}

fn unfit(what: &'static str, path: &Path, error: &PemError) -> TlsError {
    TlsError::Unfit {
        what,
        path: path.into(),
        problem: error.to_string(),
    }
}
