//! Why there is no key.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeygenError {
    /// It is there, and is left as it is.
    #[error("{} is there already", path.display())]
    There { path: PathBuf },
    /// A file cannot be made.
    #[error("cannot make {}: {error}", path.display())]
    Make { path: PathBuf, error: io::Error },
    /// It is nothing that a certificate can be for.
    #[cfg(feature = "tls")]
    #[error("no certificate can be for '{name}': {problem}")]
    Name { name: String, problem: &'static str },
    /// It cannot be signed.
    #[cfg(feature = "tls")]
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
}

impl KeygenError {
    /// What a person may try.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::There { .. } => Some(
                "no key is ever overwritten: take another name, or move that one away; `netaio keygen public` prints the public key of one for X25519",
            ),
            Self::Make { error, .. } if error.kind() == io::ErrorKind::NotFound => {
                Some("the folder above it has to be there")
            }
            _ => None,
        }
    }

    pub(super) fn make(path: &Path, error: io::Error) -> Self {
        let path = path.into();
        match error.kind() {
            io::ErrorKind::AlreadyExists => Self::There { path },
            _ => Self::Make { path, error },
        }
    }
}
