//! Contexts: what is kept of servers, so that it need not be typed.

mod command;
mod folder;
mod name;
mod saved;

use std::io;
use std::path::PathBuf;

pub(crate) use self::command::context;
pub(crate) use self::folder::find;
pub(crate) use self::name::Name;
pub(crate) use self::saved::{Kept, Saved, kept};

/// Why there is no context.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContextError {
    /// There is no place for them.
    #[error("neither XDG_CONFIG_HOME nor HOME says where contexts are; --config-dir does")]
    NoFolder,
    /// There is none of this name.
    #[error("there is no context '{name}' in {}", folder.display())]
    Unknown { name: Name, folder: PathBuf },
    /// It is not said which one.
    #[error("which context? {there}")]
    Nameless { there: String },
    /// The environment's name is none.
    #[error("the environment's NETAIO_CONTEXT: {0}")]
    Variable(&'static str),
    /// A file cannot be read, written or removed.
    #[error("cannot {what} {}: {error}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    /// It is no context.
    #[error("the context in {} is broken: {problem}", path.display())]
    Broken { path: PathBuf, problem: String },
    /// It cannot be kept.
    #[error("a context cannot keep {0}")]
    Unkept(&'static str),
}

impl ContextError {
    /// What a person may try.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Nameless { .. } => {
                "`netaio context show NAME` prints one, `netaio context remove NAME` removes it"
            }
            Self::Unknown { .. } => {
                "`netaio context list` prints those that are there; `save` makes one, `select` chooses another or none"
            }
            Self::Broken { .. } => "`netaio context save` writes it anew",
            _ => return None,
        })
    }

    /// Whether it was the user's to say something else.
    pub(crate) fn is_usage(&self) -> bool {
        !matches!(self, Self::File { .. })
    }
}
