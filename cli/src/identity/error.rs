//! Why there is no identity, of one's own or of a server, that can be used.

use std::io;
use std::path::PathBuf;

use super::public_key::PublicKey;

#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// A file of public keys cannot be read.
    #[error("cannot read the public keys in {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    /// It has something else in it.
    #[error("line {line} of {} is not {what}", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        what: &'static str,
    },
    /// A key cannot be kept.
    #[error("cannot keep the server's key in {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    /// There is no other server at the address, or somebody is in between.
    #[error(
        "the server at {address} has the key {key}, and another one by line {line} of {}", path.display()
    )]
    Changed {
        address: String,
        key: PublicKey,
        path: PathBuf,
        line: usize,
    },
    /// The server is not one of those that were named.
    #[error("the server at {address} has the key {key}, which --server-key does not name")]
    NotPinned { address: String, key: PublicKey },
    /// The server does not introduce itself, or without a key.
    #[error("the server at {0} has no identity for X25519")]
    None(String),
}

impl IdentityError {
    /// What a person may try.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Read { .. } | Self::Line { .. } => return None,
            Self::Write { .. } => "--known-servers names another file; --server-key needs none",
            Self::Changed { .. } => {
                "somebody may pose as the server; where it has a new key, remove that line, and the new one is trusted"
            }
            Self::NotPinned { .. } => {
                "somebody may pose as the server; `netaio serve` says its key when it starts"
            }
            Self::None(_) => {
                "`netaio serve` has one with --identity-file; without that option here it is asked without X25519"
            }
        })
    }

    /// Whether it was the user's to say something else.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Read { .. } | Self::Line { .. } | Self::Write { .. }
        )
    }
}
