//! Which server is believed to be the one that is meant.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::{IdentityError, Source};
use super::keys::{self, Warn};
use super::public_key::PublicKey;
use crate::address::Address;

/// Whom to believe.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// Servers with one of these keys.
    Keys(Vec<PublicKey>),
    /// Each server with the key that a file has for its address.
    File(KnownServers),
}

/// The servers with the keys that a file has for their addresses; where it has none for one, the first
/// key is believed, and kept there.
#[derive(Clone, Debug)]
pub(crate) struct KnownServers {
    path: PathBuf,
    /// The keys that this process has believed: no other ones are, whatever becomes of the file.
    seen: Arc<Mutex<BTreeMap<Address, PublicKey>>>,
}

/// Where a key is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Before,
    /// It was kept now.
    Now,
}

impl Trust {
    /// Trust in the servers of a file.
    pub(crate) fn file(path: PathBuf) -> Self {
        Self::File(KnownServers {
            path,
            seen: Arc::default(),
        })
    }

    /// Whether the server at an address is believed.
    ///
    /// # Errors
    /// It is not, or the file cannot be used.
    pub(crate) fn check(&self, address: &Address, key: PublicKey) -> Result<Known, IdentityError> {
        match self {
            Self::Keys(keys) if keys.contains(&key) => Ok(Known::Before),
            Self::Keys(_) => Err(IdentityError::NotPinned {
                address: address.to_string(),
                key,
            }),
            Self::File(servers) => servers.check(address, key),
        }
    }

    /// The error where whoever answers at an address has no key: not the same where one was expected.
    pub(crate) fn without_key(&self, address: &Address) -> IdentityError {
        let expected = match self {
            Self::Keys(_) => Ok(Some(Source::Option)),
            Self::File(servers) => servers.expected(address),
        };
        let address = address.to_string();
        match expected {
            Ok(None) => IdentityError::None(address),
            Ok(Some(known)) => IdentityError::Missing { address, known },
            Err(error) => error,
        }
    }
}

impl KnownServers {
    fn check(&self, address: &Address, key: PublicKey) -> Result<Known, IdentityError> {
        let line = self.line(address)?;
        let seen = self.seen(address);
        if let Some(seen) = seen.filter(|seen| *seen != key) {
            return Err(IdentityError::Other {
                address: address.to_string(),
                key,
                seen,
            });
        }
        let known = match line {
            Some(line) if line.key == key => Known::Before,
            Some(line) => {
                return Err(IdentityError::Changed {
                    address: address.to_string(),
                    key,
                    path: self.path.clone(),
                    line: line.number,
                });
            }
            None if seen.is_some() => Known::Before,
            None => {
                let kept = append(&self.path, &format!("{address} {key}\n"));
                kept.map_err(|error| IdentityError::Write {
                    path: self.path.clone(),
                    error,
                })?;
                Known::Now
            }
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(address.clone()).or_insert(key);
        Ok(known)
    }

    /// The key that this process has believed.
    fn seen(&self, address: &Address) -> Option<PublicKey> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(address).copied()
    }

    /// Where a key of the server is known from, if one is.
    fn expected(&self, address: &Address) -> Result<Option<Source>, IdentityError> {
        if self.seen(address).is_some() {
            return Ok(Some(Source::Before));
        }
        let line = self.line(address)?;
        Ok(line.map(|line| Source::Line {
            path: self.path.clone(),
            line: line.number,
        }))
    }

    /// What the file has for the address.
    fn line(&self, address: &Address) -> Result<Option<Line>, IdentityError> {
        let warn = match self.seen(address) {
            None => Warn::Yes,
            Some(_) => Warn::No,
        };
        match keys::lines(&self.path, "the servers that are trusted", warn) {
            Ok(lines) => Ok(parse(&self.path, &lines)?.remove(address)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(IdentityError::Read {
                path: self.path.clone(),
                error,
            }),
        }
    }
}

struct Line {
    number: usize,
    key: PublicKey,
}

/// All lines: one that is not understood may be meant for any server, and two keys for an address leave
/// none that is known.
fn parse(path: &Path, lines: &[(usize, String)]) -> Result<BTreeMap<Address, Line>, IdentityError> {
    let mut servers: BTreeMap<Address, Line> = BTreeMap::new();
    for (number, line) in lines {
        let number = *number;
        let mut words = line.split_whitespace();
        let (at, key, rest) = (words.next(), words.next(), words.next());
        let at = at.and_then(|at| at.parse().ok());
        let key = key.and_then(|key| key.parse().ok());
        let (Some(at), Some(key), None) = (at, key, rest) else {
            return Err(IdentityError::Line {
                path: path.into(),
                line: number,
                what: "an address HOST:PORT and a public key",
            });
        };
        let first = servers.entry(at).or_insert(Line { number, key });
        if first.key != key {
            return Err(IdentityError::Twice {
                path: path.into(),
                line: number,
                first: first.number,
            });
        }
    }
    Ok(servers)
}

/// Adds a line, with one write: others may add theirs at the same time, and lose none.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let line = match ends_amid_a_line(&mut file)? {
        true => format!("\n{line}"),
        false => line.to_owned(),
    };
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

/// Whether an editor has left the last line without its end.
fn ends_amid_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
