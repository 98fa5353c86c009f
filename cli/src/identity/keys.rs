//! Files with a public key a line.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::error::IdentityError;
use super::public_key::PublicKey;
use crate::secret::warn_of_writers;

/// The most bytes of a file with public keys, some 16,000 lines.
const MAX: u64 = 1 << 20;

/// What stands before a key where `netaio keygen` prints it.
const LABEL: &str = "public-key";

/// Whether a file that others may change is warned of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Warn {
    Yes,
    /// They were, when it was read before.
    No,
}

/// The lines that have something in them, with their numbers. What is behind a `#` is a comment, and the
/// mark that some editors put before the first line is none of it.
///
/// # Errors
/// The file cannot be read, is not UTF-8 or is longer than 1 MiB.
pub(super) fn lines(path: &Path, what: &str, warn: Warn) -> io::Result<Vec<(usize, String)>> {
    let mut text = String::new();
    let file = File::open(path)?;
    if warn == Warn::Yes {
        warn_of_writers(what, path, &file);
    }
    file.take(MAX.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() as u64 > MAX {
        let problem = format!("it is longer than {MAX} bytes");
        return Err(io::Error::new(ErrorKind::InvalidData, problem));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let line = |(number, line): (usize, &str)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        (!line.is_empty()).then(|| (number, line.to_owned()))
    };
    Ok((1..).zip(text.lines()).filter_map(line).collect())
}

/// The keys, a line each: alone, or as `netaio keygen` prints them.
///
/// # Errors
/// The file cannot be read, or a line is no key.
pub(super) fn read(path: &Path) -> Result<BTreeSet<PublicKey>, IdentityError> {
    let lines = lines(path, "the clients that are known", Warn::Yes);
    let lines = lines.map_err(|error| IdentityError::Read {
        path: path.into(),
        error,
    })?;
    let key = |(line, text): (usize, String)| {
        let mut words = text.split_whitespace().peekable();
        let _ = words.next_if_eq(&LABEL);
        let key = words.next().and_then(|word| word.parse().ok());
        let alone = key.filter(|_| words.next().is_none());
        alone.ok_or_else(|| IdentityError::Line {
            path: path.into(),
            line,
            what: "a public key of 64 hexadecimal digits",
        })
    };
    lines.into_iter().map(key).collect()
}
