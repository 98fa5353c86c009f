//! The options of the commands that others speak to.

use std::net::IpAddr;
use std::time::Duration;

use clap::builder::ArgPredicate;
use netaio_driver::Interface;

use super::layers::{AdminLayer, OuterLayer};
use super::runtime::RuntimeChoice;
use super::values::{Id, address, group, id, seconds};

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

/// The options of `netaio node`.
#[derive(Debug, clap::Args)]
pub(crate) struct Node {
    /// The address to receive at. Nodes that are to find one another have the same port: on
    /// one machine, each an address of its own.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8888", value_parser = address)]
    pub(crate) listen: String,
    /// The multicast group. [default: 224.0.0.1; over IPv6 ff02::1]
    #[arg(long, value_name = "ADDR", value_parser = group)]
    pub(crate) group: Option<IpAddr>,
    /// The interface where the group is joined: an address that it has, its name or its
    /// number. [default: the one with the address to receive at, else the system's choice]
    #[arg(long, value_name = "ADDR")]
    pub(crate) interface: Option<Interface>,
    /// The application: nodes with another app id are ignored.
    #[arg(long, value_name = "ID", default_value = "netaio")]
    pub(crate) app_id: String,
    /// The time between two advertisements, in seconds.
    #[arg(long, value_name = "SECS", default_value = "20", value_parser = seconds)]
    pub(crate) every: Duration,
    /// The time after which a peer that is not heard any more is gone, in seconds.
    #[arg(long, value_name = "SECS", default_value = "60", value_parser = seconds)]
    pub(crate) peer_timeout: Duration,
    /// This node's own id. [default: 16 random bytes]
    #[arg(long, value_name = "HEX", value_parser = id)]
    pub(crate) id: Option<Id>,
    /// What this node tells of itself. A JSON object becomes a dict of packify; any other text
    /// becomes such a dict's entry `data`.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,
    /// Print one JSON object a line: event (came, changed or gone), id (hex), addresses, data
    /// (null where it is not packify), data_hex, and of those that are gone, why.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
    #[command(flatten)]
    pub(crate) runtime: RuntimeChoice,
}
