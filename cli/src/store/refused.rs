//! Why a file is not opened as a store.

use std::io;
use std::path::PathBuf;

use super::foreign::Foreign;

/// Why a file is not opened as a store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// Another process has it.
    #[error("another process has it open")]
    InUse,
    /// A later version has made it.
    #[error("its format is {found}, and this version of netaio knows {known} at most")]
    Newer {
        /// The number in the file.
        found: u64,
        /// The latest that is known here.
        known: u64,
    },
    /// A later version of the database has made it. What the database says.
    #[error("its database is of a newer format: {0}")]
    NewerDatabase(String),
    /// It is something else.
    #[error("it is no store of netaio, but {0}")]
    Foreign(Foreign),
    /// Nobody has asked for a new one.
    #[error("there is no such file")]
    Missing,
    /// What the database says.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// What the system says.
    #[error("{0}")]
    Io(io::Error),
}

impl Refused {
    /// What can be done.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::InUse => "stop that process first, or take another path",
            Self::Newer { .. } | Self::NewerDatabase(_) => {
                "use that version, or take its resources along: `netaio store dump` of that version, `netaio store load` of this one"
            }
            Self::Foreign(Foreign::Lines) => {
                "`netaio store load STORE FILE` puts them into a store, whose path comes first"
            }
            Self::Foreign(_) => {
                "take another path: `netaio serve --store` and `netaio store load` make a store where there is no file"
            }
            Self::Missing => "`netaio serve --store` and `netaio store load` make one",
            Self::Damaged(_) => {
                "put a copy of it from before in its place, or move it away: where there is no file, a store is made"
            }
            Self::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                "the folder above it has to be there"
            }
            Self::Io(_) => return None,
        })
    }
}

/// An error of the database, which is large.
#[derive(Debug)]
pub(crate) struct FileError(pub(super) Box<redb::Error>);

impl<E: Into<redb::Error>> From<E> for FileError {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}

impl From<FileError> for Refused {
    fn from(error: FileError) -> Self {
        match *error.0 {
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            // The database's word for a file of another kind.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self::Foreign(Foreign::Unknown)
            }
            redb::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            // Where the file ends too early.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Damaged(error.to_string())
            }
            redb::Error::Io(error) => Self::Io(error),
            // The database has no other mark of that.
            redb::Error::Corrupted(text) if text.contains("file format version") => {
                Self::NewerDatabase(text)
            }
            error => Self::Damaged(error.to_string()),
        }
    }
}

impl From<redb::DatabaseError> for Refused {
    fn from(error: redb::DatabaseError) -> Self {
        FileError::from(error).into()
    }
}

/// The same with the file's name.
#[derive(Debug, thiserror::Error)]
#[error("the store {}: {refused}", path.display())]
pub(crate) struct RefusedFile {
    pub(crate) path: PathBuf,
    pub(crate) refused: Refused,
}
