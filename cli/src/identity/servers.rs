//! Which server is believed to be the one that is meant.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::IdentityError;
use super::keys;
use super::public_key::PublicKey;

/// Whom to believe.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// Servers with one of these keys.
    Keys(Vec<PublicKey>),
    /// Servers with the key that the file has for their address; of one that it does not have the
    /// first key is believed, and kept there.
    File(PathBuf),
}

/// Where a key is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Before,
    /// It was kept now.
    Now,
}

impl Trust {
    /// Whether the server at an address is believed.
    ///
    /// # Errors
    /// It is not, or the file cannot be used.
    pub(crate) fn check(&self, address: &str, key: PublicKey) -> Result<Known, IdentityError> {
        match self {
            Self::Keys(keys) if keys.contains(&key) => Ok(Known::Before),
            Self::Keys(_) => Err(IdentityError::NotPinned {
                address: address.into(),
                key,
            }),
            Self::File(path) => check(path, address, key),
        }
    }
}

fn check(path: &Path, address: &str, key: PublicKey) -> Result<Known, IdentityError> {
    let other = match keys::lines(path) {
        Ok(lines) => find(path, &lines, address, key)?,
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            let path = path.into();
            return Err(IdentityError::Read { path, error });
        }
    };
    match other {
        Some(Line { key: known, .. }) if known == key => Ok(Known::Before),
        Some(Line { number: line, .. }) => Err(IdentityError::Changed {
            address: address.into(),
            key,
            path: path.into(),
            line,
        }),
        None => match append(path, &format!("{address} {key}\n")) {
            Ok(()) => Ok(Known::Now),
            Err(error) => Err(IdentityError::Write {
                path: path.into(),
                error,
            }),
        },
    }
}

struct Line {
    number: usize,
    key: PublicKey,
}

/// The line with this key for the address, else the first one with another key for it.
fn find(
    path: &Path,
    lines: &[(usize, String)],
    address: &str,
    key: PublicKey,
) -> Result<Option<Line>, IdentityError> {
    let mut found = None;
    for (number, line) in lines {
        let mut words = line.split_whitespace();
        let (at, known, rest) = (words.next(), words.next(), words.next());
        let known = known.and_then(|known| known.parse().ok());
        let (Some(at), Some(known), None) = (at, known, rest) else {
            return Err(IdentityError::Line {
                path: path.into(),
                line: *number,
                what: "an address and a public key",
            });
        };
        if at == address && (known == key || found.is_none()) {
            let (number, is_it) = (*number, known == key);
            found = Some(Line { number, key: known });
            if is_it {
                break;
            }
        }
    }
    Ok(found)
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
