//! Secrets in files and in the environment.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{MAX, Secret, SecretError, place};
use crate::stdio::Input;

/// Room for the longest one, the end of a line, and a byte that shows that there is more.
const ROOM: usize = MAX + 3;

/// The secret in a file: all of it, but for one end of a line at its end. A file that others
/// may read is warned of.
pub(super) fn file(what: &'static str, path: &Path) -> Result<Secret, SecretError> {
    let failed = |error| SecretError::Read {
        what,
        path: Some(path.into()),
        error,
    };
    let mut file = File::open(path).map_err(failed)?;
    warn_of_others(what, path, &file);
    let bytes = read(&mut file).map_err(failed)?;
    checked(what, without_end(bytes), Some(path.into()))
}

/// The same of standard input.
pub(super) fn stdin(what: &'static str) -> Result<Secret, SecretError> {
    let mut input = Input::open().map_err(|_| SecretError::Closed { what })?;
    let bytes = read(&mut input).map_err(|error| SecretError::Read {
        what,
        path: None,
        error,
    })?;
    checked(what, without_end(bytes), None)
}

/// The secret in a variable of the environment, as it is. One that is set and empty is an error:
/// somebody meant to protect something.
pub(super) fn variable(
    what: &'static str,
    name: &'static str,
) -> Result<Option<Secret>, SecretError> {
    let Some(value) = env::var_os(name) else {
        return Ok(None);
    };
    let secret = Secret(Zeroizing::new(value.into_encoded_bytes()));
    check(what, &secret, || format!("the environment's {name}"))?;
    Ok(Some(secret))
}

/// Refuses one that is empty or too long.
pub(super) fn check(
    what: &'static str,
    secret: &Secret,
    place: impl Fn() -> String,
) -> Result<(), SecretError> {
    match secret.bytes().len() {
        0 => Err(SecretError::Empty {
            what,
            place: place(),
        }),
        1..=MAX => Ok(()),
        _ => Err(SecretError::TooLong {
            what,
            place: place(),
        }),
    }
}

fn checked(
    what: &'static str,
    bytes: Zeroizing<Vec<u8>>,
    path: Option<PathBuf>,
) -> Result<Secret, SecretError> {
    let secret = Secret(bytes);
    check(what, &secret, || place(path.as_ref()))?;
    Ok(secret)
}

/// Reads to the end, or as much as is too much. The buffer never moves, so that there is one
/// copy to be wiped.
fn read(input: &mut impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; ROOM]);
    let mut len = 0;
    while let Some(room @ [_, ..]) = bytes.get_mut(len..) {
        match input.read(room) {
            Ok(0) => break,
            Ok(count) => len = len.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// Without one end of a line, which an editor or `echo` has put behind it.
fn without_end(mut bytes: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    if bytes.pop_if(|byte| *byte == b'\n').is_some() {
        bytes.pop_if(|byte| *byte == b'\r');
    }
    bytes
}

/// Says so where others may read a file.
pub(crate) fn warn_of_others(what: &str, path: &Path, file: &File) {
    warn(file, 0o077, |mode| {
        format!(
            "others may read or change {what} in {} (mode {mode:03o}): chmod 600",
            path.display()
        )
    });
}

/// Says so where others may write a file that all may read.
pub(crate) fn warn_of_writers(what: &str, path: &Path, file: &File) {
    warn(file, 0o022, |mode| {
        format!(
            "others may change {what} in {} (mode {mode:03o}): chmod go-w",
            path.display()
        )
    });
}

/// Warns where one of these bits of a file's mode is set.
#[cfg(unix)]
fn warn(file: &File, bits: u32, text: impl Fn(u32) -> String) {
    use std::os::unix::fs::PermissionsExt;

    use crate::stdio::error;

    // A pipe, such as a shell makes of <(..), is nobody else's.
    let Ok(metadata) = file.metadata() else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & bits != 0 {
        error::warn(text(mode));
    }
}

#[cfg(not(unix))]
fn warn(_: &File, _: u32, _: impl Fn(u32) -> String) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn trimmed(bytes: &[u8]) -> Vec<u8> {
        without_end(Zeroizing::new(bytes.to_vec())).to_vec()
    }

    #[test]
    fn one_end_of_a_line_is_no_part_of_a_secret() {
        for (file, secret) in [
            ("s", "s"),
            ("s\n", "s"),
            ("s\r\n", "s"),
            ("s\n\n", "s\n"),
            ("s\r", "s\r"),
            (" s \n", " s "),
            ("a\nb\n", "a\nb"),
            ("\r\n", ""),
            ("", ""),
        ] {
            assert_eq!(trimmed(file.as_bytes()), secret.as_bytes(), "{file:?}");
        }
    }

    #[test]
    fn reading_ends_where_it_is_too_much() {
        let mut endless = io::repeat(b'x');
        let bytes = read(&mut endless).unwrap();
        assert_eq!(bytes.len(), ROOM);
        let refused = checked("the secret", without_end(bytes), None).unwrap_err();
        let text = "the secret in standard input is longer than 4096 bytes";
        assert_eq!(refused.to_string(), text);
        // The longest one, with an end of a line.
        let longest = [&[b'x'; MAX][..], b"\r\n"].concat();
        let bytes = without_end(read(&mut &longest[..]).unwrap());
        assert!(checked("the secret", bytes, None).is_ok());
    }
}
