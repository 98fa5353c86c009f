//! `netaio keygen`.

#[cfg(feature = "tls")]
mod certificates;
pub(crate) mod error;

use std::io::Write;
use std::path::Path;

use netaio_driver::key_files;
use sha2::{Digest, Sha256};

use self::error::KeygenError;
use crate::args::Keygen;
use crate::codec::hex::hex;
use crate::error::CliError;
use crate::identity::Identity;
use crate::secret::{IDENTITY, Sources};
use crate::stdio::Output;

/// Makes a key, and prints what others may know of it.
pub(crate) fn keygen(options: &Keygen) -> Result<(), CliError> {
    let line = match options {
        Keygen::Secret(file) | Keygen::Aead(file) => {
            let key = made(&file.path)?;
            format!("fingerprint {}\n", fingerprint(&*key))
        }
        Keygen::X25519(file) => {
            let identity = Identity::new(&made(&file.path)?);
            format!("public-key {}\n", identity.public_key())
        }
        Keygen::Public(file) => {
            let seed = Sources::default().key(IDENTITY, &file.path)?;
            format!("public-key {}\n", Identity::new(&seed).public_key())
        }
        #[cfg(feature = "tls")]
        Keygen::Tls(options) => certificates::make(options)?,
    };
    Output.write_all(line.as_bytes()).map_err(CliError::Output)
}

/// Makes a file with a key, and reads it as it is read from then on.
fn made(path: &Path) -> Result<crate::secret::Key, KeygenError> {
    let made = key_files::create(path).and_then(|()| key_files::read(path));
    made.map_err(|error| KeygenError::make(path, error))
}

/// What tells one key from another, and nothing else of it.
fn fingerprint(key: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"netaio fingerprint");
    hash.update(key);
    hex(hash.finalize().get(..8).unwrap_or_default())
}
