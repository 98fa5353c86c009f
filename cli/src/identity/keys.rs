//! Files with a public key a line.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::error::IdentityError;
use super::public_key::PublicKey;

/// The most bytes of a file with public keys, some 16,000 lines.
const MAX: u64 = 1 << 20;

/// The lines that have something in them, with their numbers. What is behind a `#` is a comment.
///
/// # Errors
/// The file cannot be read, is not UTF-8 or is longer than 1 MiB.
pub(super) fn lines(path: &Path) -> io::Result<Vec<(usize, String)>> {
    let mut text = String::new();
    File::open(path)?
        .take(MAX.saturating_add(1))
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX {
        let problem = format!("it is longer than {MAX} bytes");
        return Err(io::Error::new(ErrorKind::InvalidData, problem));
    }
    let line = |(number, line): (usize, &str)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        (!line.is_empty()).then(|| (number, line.to_owned()))
    };
    Ok((1..).zip(text.lines()).filter_map(line).collect())
}

/// The keys, a line each.
///
/// # Errors
/// The file cannot be read, or a line is no key.
pub(super) fn read(path: &Path) -> Result<BTreeSet<PublicKey>, IdentityError> {
    let lines = lines(path).map_err(|error| IdentityError::Read {
        path: path.into(),
        error,
    })?;
    let key = |(line, text): (usize, String)| {
        text.parse().map_err(|_| IdentityError::Line {
            path: path.into(),
            line,
            what: "a public key of 64 hexadecimal digits",
        })
    };
    lines.into_iter().map(key).collect()
}
