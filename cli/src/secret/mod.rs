//! Secrets and keys: where they come from, and that they are shown nowhere.

mod read;
mod sources;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use zeroize::Zeroizing;

pub(crate) use self::read::{warn_of_others, warn_of_writers};
pub(crate) use self::sources::{Given, Sources};

/// The most bytes of a secret. More is a file that was named by mistake.
pub(crate) const MAX: usize = 4096;

/// What the seed of a key pair is called.
pub(crate) const IDENTITY: &str = "the identity";

/// What the key of the AEAD layer is called.
pub(crate) const AEAD: &str = "the AEAD key";

/// Length of keys, in bytes.
const KEY_LEN: usize = 32;

/// A key that was made by chance.
pub(crate) type Key = Zeroizing<[u8; KEY_LEN]>;

/// A secret or a key, which is wiped at its end and never shown.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key that it writes as 64 hexadecimal digits, with or without space around them.
    pub(crate) fn key(&self) -> Option<Key> {
        let (pairs, rest) = self.0.trim_ascii().as_chunks::<2>();
        let mut key = Zeroizing::new([0; KEY_LEN]);
        if pairs.len() != key.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in key.iter_mut().zip(pairs) {
            let [high, low] = [high, low].map(|digit| char::from(*digit).to_digit(16));
            *byte = u8::try_from(high? << 4 | low?).ok()?;
        }
        Some(key)
    }
}

/// An empty one is what a variable of a shell is that nobody has set. One that is too long is
/// refused later: here the parser of the command line would show it.
impl FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.is_empty() {
            false => Ok(Self(Zeroizing::new(text.into()))),
            true => Err("an empty one protects nothing; leave the option out, or give one"),
        }
    }
}

/// Into a context, which is written to a file of its owner's.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = str::from_utf8(self.bytes()).map_err(ser::Error::custom)?;
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        text.parse().map_err(de::Error::custom)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// Why there is no secret where one is to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// It cannot be read.
    #[error("cannot read {what} from {}: {error}", place(path.as_ref()))]
    Read {
        what: &'static str,
        /// The file; `None` is standard input.
        path: Option<PathBuf>,
        error: io::Error,
    },
    /// Standard input was closed when the command started.
    #[error("{what} is to come from standard input, which is closed")]
    Closed { what: &'static str },
    /// Two things are to come from standard input.
    #[error("standard input is read once, and both {first} and {second} are to come from it")]
    Twice {
        first: &'static str,
        second: &'static str,
    },
    /// There is nothing in it.
    #[error("{what} in {place} is empty, and an empty one protects nothing")]
    Empty { what: &'static str, place: String },
    /// It is no key.
    #[error("{what} in {place} is not 64 hexadecimal digits; `netaio keygen` makes such a file")]
    NoKey { what: &'static str, place: String },
    /// Two kinds of layer.
    #[error(
        "the AEAD layer stands in the place of the secret and the key, of which there is one too"
    )]
    Aead,
    /// There is too much in it.
    #[error("{what} in {place} is longer than {MAX} bytes")]
    TooLong { what: &'static str, place: String },
}

impl SecretError {
    /// What a person may try.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Read { what, error, .. } if error.kind() == io::ErrorKind::NotFound => {
                Some(match *what {
                    IDENTITY => "`netaio keygen x25519` makes such a file",
                    AEAD => {
                        "`netaio keygen aead` makes such a file, of which both ends have a copy"
                    }
                    _ => "`netaio keygen secret` makes such a file, of which both ends have a copy",
                })
            }
            _ => None,
        }
    }
}

fn place(path: Option<&PathBuf>) -> String {
    match path {
        None => "standard input".to_owned(),
        Some(path) => path.display().to_string(),
    }
}
