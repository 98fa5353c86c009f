//! Contexts: which one a command has, and the options of `netaio context`.

use std::path::PathBuf;

use super::identity::ClientIdentity;
use super::layers::{AdminLayer, OuterLayer};
use super::tls::ClientTls;
use super::values::servers;
use crate::context::Name;

/// What was saved of a server.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Contexts")]
pub(crate) struct ContextChoice {
    /// What `netaio context save` has kept of a server: where it is, secrets, keys and TLS, for
    /// whatever no other option and no variable of the environment says. [default: that of the
    /// environment's NETAIO_CONTEXT, else the one that `netaio context select` has chosen, if any]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<Name>,
    #[command(flatten)]
    pub(crate) folder: ContextFolder,
}

/// Where contexts are.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Contexts")]
pub(crate) struct ContextFolder {
    /// The folder with the folder `contexts`. [default: netaio in XDG_CONFIG_HOME, else
    /// .config/netaio in HOME]
    #[arg(long, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
}

/// What to do with contexts.
#[derive(Debug, clap::Args)]
pub(crate) struct Contexts {
    #[command(subcommand)]
    pub(crate) what: ContextCommand,
}

/// What to do with contexts.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ContextCommand {
    /// Saves where a server is, and with which secrets and keys it is asked, under a name.
    ///
    /// The file is its owner's alone to read. A file that an option names is kept as its path, and read
    /// whenever the context is used, with a warning where there is none yet; --secret, --key and --admin-secret are kept themselves. One of
    /// that name that was there is replaced.
    #[command(
        after_help = "Example:\n  netaio context save lab --server lab.example:8888 \
        --aead-file ~/lab.key --ca ~/lab-ca.crt\n  netaio request echo --content hi --context lab"
    )]
    Save(Box<SaveContext>),
    /// Prints the names, a line each, with a star at the one that is selected.
    List(ContextFolder),
    /// Prints what a context has, without secrets.
    Show(OneContext),
    /// Removes a context.
    Remove(OneContext),
    /// Chooses the context of commands that say none; without a name none is chosen any more.
    Select(SelectContext),
}

/// What is saved.
#[derive(Debug, clap::Args)]
pub(crate) struct SaveContext {
    /// The name: letters, digits, and . _ - within it.
    #[arg(value_name = "NAME")]
    pub(crate) name: Name,
    /// The server.
    #[arg(long, value_name = "ADDR[,ADDR]", value_parser = servers)]
    pub(crate) server: Option<String>,
    /// Speak UDP instead of TCP.
    #[arg(long)]
    pub(crate) udp: bool,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
    #[command(flatten)]
    pub(crate) admin: AdminLayer,
    #[command(flatten)]
    pub(crate) identity: ClientIdentity,
    #[command(flatten)]
    pub(crate) tls: ClientTls,
    #[command(flatten)]
    pub(crate) folder: ContextFolder,
}

/// A context that is there.
#[derive(Debug, clap::Args)]
pub(crate) struct OneContext {
    /// Its name. Without it those that are there are said.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<Name>,
    #[command(flatten)]
    pub(crate) folder: ContextFolder,
}

/// A context that is there, or none.
#[derive(Debug, clap::Args)]
pub(crate) struct SelectContext {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<Name>,
    #[command(flatten)]
    pub(crate) folder: ContextFolder,
}
