//! The options of `netaio completions` and `netaio man`.

use std::path::PathBuf;

use clap_complete::Shell;

/// The options of `netaio completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: Shell,
}

/// The options of `netaio man`.
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// Where the pages are written. It is made if need be, and pages of these names in it are
    /// replaced.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}
