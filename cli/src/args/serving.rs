//! The options of the commands that others speak to.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use netaio_core::{Limits, LimitsError};
use netaio_driver::Interface;
use netaio_driver::resources::StoreLimits;

use super::identity::{NodeIdentity, ServerIdentity};
use super::layers::{AdminLayer, OuterLayer, SECRETS};
use super::runtime::RuntimeChoice;
use super::tls::ServerTls;
use super::values::{Id, address, group, id, limit, seconds};
use crate::systemd::Sockets;

/// Where TCP is listened on unless something else is said.
const TCP: &str = "127.0.0.1:8888";

/// The options of `netaio serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The address to listen on for TCP. [default: 127.0.0.1:8888; none with --udp alone, or where
    /// sockets are handed over]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) tcp: Option<String>,
    /// The address to receive UDP at.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) udp: Option<String>,
    /// Keep the resources in this file, which is made where there is none, mode 0600. What is answered with
    /// OK is on the disk; changes that come at once share a write. One process at a time has it.
    /// [default: resources are kept in memory]
    #[arg(long, value_name = "PATH")]
    pub(crate) store: Option<PathBuf>,
    /// Serve counters, as text for Prometheus at /metrics, and /healthz, over HTTP at this address. Whoever
    /// can connect there may read them. [default: neither]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) metrics: Option<String>,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    #[command(flatten)]
    pub(crate) runtime: RuntimeChoice,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
    #[command(flatten)]
    pub(crate) admin: AdminLayer,
    /// Want the admin's secret for publishing too. Without it whoever passes the outer layer
    /// may publish anything to anybody's subscribers.
    #[arg(long, help_heading = SECRETS)]
    pub(crate) admin_publish: bool,
    #[command(flatten)]
    pub(crate) identity: ServerIdentity,
    #[command(flatten)]
    pub(crate) tls: ServerTls,
    #[command(flatten)]
    pub(crate) nats: Nats,
    /// What was handed over.
    #[arg(skip)]
    pub(crate) sockets: Sockets,
}

impl Serve {
    /// The address to listen on for TCP, if there is to be one besides the sockets that were handed
    /// over.
    pub(crate) fn tcp(&self) -> Option<&str> {
        let is_alone = self.udp.is_none() && !self.sockets.serve_clients();
        self.tcp.as_deref().or(is_alone.then_some(TCP))
    }

    /// The limits that the options ask for.
    ///
    /// # Errors
    /// One could not work.
    pub(crate) fn limits(&self) -> Result<Limits, LimitsError> {
        let limits = self.bounds.limits()?;
        if self.identity.identity().is_none() {
            return Ok(limits);
        }
        // Each connection is a peer, and is not served before it is.
        let connections = limits.connections();
        limits.with_peers(connections)
    }

    /// Whether TCP is served.
    pub(crate) fn serves_tcp(&self) -> bool {
        self.tcp().is_some() || !self.sockets.tcp.is_empty()
    }
}

/// What makes many servers behave as one.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "NATS")]
pub(crate) struct Nats {
    /// Keep the resources in a bucket of this NATS (JetStream), and publish to the subscribers of all
    /// servers that name it: its addresses, with commas between them. Requests for resources that are
    /// not there go to services. Whoever publishes is told how many subscribers this server has. --runtime
    /// tokio has it.
    #[arg(long, value_name = "URL[,URL]", conflicts_with = "store", value_parser = nats_servers)]
    pub(crate) nats: Option<String>,
    /// A file of credentials of NATS.
    #[arg(long, value_name = "FILE", requires = "nats")]
    pub(crate) nats_creds: Option<PathBuf>,
    /// The first token of all subjects, and the name of the bucket: servers with the same one are one
    /// service.
    #[arg(long, value_name = "NAME", requires = "nats", default_value = "netaio")]
    pub(crate) nats_prefix: String,
    /// On how many servers of a cluster the bucket is kept, where it is not there yet.
    #[arg(long, value_name = "N", requires = "nats", default_value_t = 1)]
    pub(crate) nats_replicas: usize,
    /// Answer reads from a cache that a watch of the bucket keeps: they are so many seconds old at most,
    /// and what this server has stored is seen by it. Unless set NATS is asked, and no answer is old.
    #[arg(long, value_name = "SECONDS", requires = "nats", value_parser = seconds)]
    pub(crate) nats_cached_reads: Option<Duration>,
}

/// The addresses are looked at where they are used.
fn nats_servers(text: &str) -> Result<String, &'static str> {
    match cfg!(feature = "nats") {
        true => Ok(text.to_owned()),
        false => Err("this netaio was built without NATS; build it with --features nats"),
    }
}

/// What clients may make the server keep; by default nothing.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Bounds {
    /// The time within which a connection has to bring its first valid message, in seconds,
    /// or it is closed. [default: none]
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) auth_timeout: Option<Duration>,
    /// The time without a byte from or to a connection after which it is closed, in seconds.
    /// [default: none]
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) idle_timeout: Option<Duration>,
    /// The most connections from one address, and the most UDP subscribers: an IPv4 address,
    /// or a /64 of IPv6. Many may share one. [default: none]
    #[arg(long, value_name = "N", value_parser = limit::<NonZeroUsize>)]
    pub(crate) per_address: Option<NonZeroUsize>,
    /// The most resources. One more is answered with an ERROR.
    #[arg(long, value_name = "N", default_value_t = 65_536)]
    pub(crate) max_resources: u64,
    /// The most bytes of all resources: uris, contents, and 256 bytes for each. What would be
    /// more is answered with an ERROR.
    #[arg(long, value_name = "BYTES", default_value_t = 268_435_456)]
    pub(crate) max_bytes: u64,
    /// The most bytes of one resource's content. A longer one is answered with an ERROR. [default: what
    /// a message carries]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_content: Option<usize>,
}

impl Bounds {
    /// The limits that the options ask for.
    ///
    /// # Errors
    /// One could not work.
    fn limits(&self) -> Result<Limits, LimitsError> {
        let per_address = self.per_address.map(NonZeroUsize::get);
        Limits::default()
            .with_auth_timeout(self.auth_timeout)?
            .with_idle_timeout(self.idle_timeout)?
            .with_connections_per_address(per_address)?
            .with_subscribers_per_address(per_address)
    }

    /// The limits of the resources.
    pub(crate) fn store(&self) -> StoreLimits {
        StoreLimits {
            resources: self.max_resources,
            bytes: self.max_bytes,
            content: self.max_content.unwrap_or(usize::MAX),
        }
    }
}

/// The options of `netaio node`.
#[derive(Debug, clap::Args)]
pub(crate) struct Node {
    /// The address to receive at; a name is all its addresses, and the node advertises itself by
    /// IPv4 where it has one of that family. Nodes that are to find one another have the same port: on
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
    /// The time after which a peer that is not heard any more is gone, in seconds: at least
    /// twice that of --every. [default: three times --every]
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) peer_timeout: Option<Duration>,
    /// This node's own id. [default: 16 random bytes; with --identity-file the public key]
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
    pub(crate) runtime: RuntimeChoice,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
    #[command(flatten)]
    pub(crate) identity: NodeIdentity,
}
