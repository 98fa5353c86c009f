//! The options of the commands that others speak to.

use clap::builder::ArgPredicate;

use super::layers::{AdminLayer, OuterLayer};
use super::runtime::RuntimeChoice;
use super::values::address;

/// The options of `netaio serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The address to listen on for TCP. With --udp alone there is no TCP.
    #[arg(long, value_name = "ADDR", value_parser = address, default_value = "127.0.0.1:8888",
        default_value_if("udp", ArgPredicate::IsPresent, None))]
    pub(crate) tcp: Option<String>,
    /// The address to receive UDP at.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) udp: Option<String>,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
    #[command(flatten)]
    pub(crate) admin: AdminLayer,
    #[command(flatten)]
    pub(crate) runtime: RuntimeChoice,
}
