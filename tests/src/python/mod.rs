//! The real Python netaio, for tests.
//!
//! [`Python::get`] finds an interpreter, makes a virtual environment with netaio 0.0.9 under
//! cargo's target directory on first use, and hands it out. [`PythonServer`], [`PythonClient`]
//! and [`Oracle`] are the scripts of `tests/python` behind typed methods. Everything blocks;
//! every wait has a limit, and a script dies with its handle.
//!
//! | environment variable | effect |
//! | --- | --- |
//! | `NETAIO_PYTHON` | the interpreter to make the environment with, instead of `python3` |
//! | `NETAIO_SKIP_PYTHON` | `1`: [`Python::get`] returns `None` and says so on standard error |

mod environment;
mod hex;
mod layers;
mod oracle;
mod script;
mod tcp;

use std::fmt;
use std::time::Duration;

pub use crate::puppet::{Answer, Op};
pub use environment::Python;
pub use hex::{hex, unhex};
pub use layers::{Inner, Outer, ServerOptions};
pub use oracle::{Accepted, Oracle, Question, Refusal, Verdict};
pub use script::Script;
pub use tcp::{PythonClient, PythonServer};

/// How long a script may take for one line, unless its own timeout is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What went wrong, in a sentence for the person who runs the tests.
///
/// `Debug` shows the sentence too, so that a test may return it as its error.
#[derive(Clone)]
pub struct PythonError(String);

/// The result of everything here.
pub type Result<T> = std::result::Result<T, PythonError>;

impl PythonError {
    /// An error with this sentence.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for PythonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PythonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PythonError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_vectors_are_what_the_script_makes() -> Result<()> {
        let Some(python) = Python::get()? else {
            return Ok(());
        };
        python.run("make_vectors.py", &["--check"])?;
        python.run("make_x25519_vectors.py", &["--check"])?;
        python.run("make_aead_vectors.py", &["--check"]).map(drop)
    }
}
