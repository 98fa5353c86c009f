//! What there is at a path where no store is.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::str;

/// The bytes by which a file is known.
const BEGIN: u64 = 1024;

/// How a file of the database begins, whoever has made it.
const DATABASE: &[u8] = b"redb";

/// What is no store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    Folder,
    /// A pipe, say, or what does not tell.
    Unknown,
    Empty,
    /// Resources, a line each.
    Lines,
    Text,
    Database,
    Binary,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "a folder",
            Self::Unknown => "something else",
            Self::Empty => "an empty file",
            Self::Lines => "lines such as `netaio store dump` prints",
            Self::Text => "a file of text",
            Self::Database => "the database of another program",
            Self::Binary => "a file of another program",
        })
    }
}

impl Foreign {
    /// What there is at a path, of which it is known that it is no store.
    pub(super) fn at(path: &Path) -> Self {
        let Ok(about) = fs::metadata(path) else {
            return Self::Unknown;
        };
        if about.is_dir() {
            return Self::Folder;
        }
        // To open a pipe would wait for whoever writes to it.
        if !about.is_file() {
            return Self::Unknown;
        }
        let mut begin = Vec::new();
        let read = File::open(path).and_then(|file| file.take(BEGIN).read_to_end(&mut begin));
        match read {
            Err(_) => Self::Unknown,
            Ok(0) => Self::Empty,
            Ok(_) if begin.trim_ascii_start().starts_with(b"{") => Self::Lines,
            Ok(_) if begin.starts_with(DATABASE) => Self::Database,
            Ok(_) if is_text(&begin) => Self::Text,
            Ok(_) => Self::Binary,
        }
    }

    /// Whether there are lines of resources at a path, and so surely no store.
    pub(super) fn has_lines(path: &Path) -> bool {
        Self::at(path) == Self::Lines
    }
}

/// Whether the beginning of a file is text, the last character of which may be cut.
fn is_text(begin: &[u8]) -> bool {
    let text = match str::from_utf8(begin) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            let whole = begin.get(..error.valid_up_to());
            whole
                .and_then(|whole| str::from_utf8(whole).ok())
                .unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty()
        && !text
            .chars()
            .any(|c| c.is_control() && !c.is_ascii_whitespace())
}
