//! The options of `netaio store`.

use std::path::PathBuf;

use clap::Subcommand;

use super::codec::Input;

/// What to do with a store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Looks through all of a store, and says what it has.
    ///
    /// One that was not closed, as after a crash, is put in order first; then nothing is lost that
    /// was acknowledged. Exits with 1 when it is damaged, or another process has it open.
    Check(StoreFile),
    /// Prints all resources of a store, one JSON object a line.
    ///
    /// Each has `uri` and `content`, as text, or `uri_hex` and `content_hex` where they are no UTF-8; `netaio
    /// store load` reads them. In the order of the bytes of the uris. Ends with status 0 once nobody
    /// reads its output.
    Dump(StoreFile),
    /// Puts resources into a store, which is made where there is no file.
    ///
    /// Reads the lines that `netaio store dump` prints. All of them are loaded, or, where a line is wrong
    /// or names what is there already, none.
    Load(StoreLoad),
}

/// A store.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreFile {
    /// The file of the store.
    #[arg(value_name = "STORE")]
    pub(crate) path: PathBuf,
}

/// The options of `netaio store load`.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreLoad {
    /// The file of the store.
    #[arg(value_name = "STORE")]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) input: Input,
    /// Replace the contents of what is there already.
    #[arg(long)]
    pub(crate) replace: bool,
}
