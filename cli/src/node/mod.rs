//! `netaio node`.

mod data;
mod line;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use netaio_core::{ManagementConfig, Peer};
use netaio_driver::{BuildError, PeerEvents, Runtime, UdpNode};
use smol::future;

use crate::args::Node;
use crate::codec::hex::hex;
use crate::error::CliError;
use crate::runtime::{Work, block_on};
use crate::signals::Stop;
use crate::stdio::Printer;
use crate::stdio::error::say;
use crate::udp;

/// The time that leaving takes at most.
const LEAVE: Duration = Duration::from_secs(1);

/// Prints the events of peers, until a signal stops it.
pub(crate) fn node(options: Node) -> Result<(), CliError> {
    let local = local_peer(&options)?;
    let stop = Stop::on_signals()?;
    let printer = Printer::start()?;
    let runtime = options.runtime.runtime;
    let watching = Watching {
        options,
        local,
        stop,
        printer,
    };
    block_on(runtime, watching).map_err(CliError::Start)?
}

/// The local peer.
fn local_peer(options: &Node) -> Result<Peer, CliError> {
    let id = match &options.id {
        Some(id) => id.0.clone(),
        None => {
            let mut id = vec![0; 16];
            getrandom::fill(&mut id).map_err(CliError::Random)?;
            id
        }
    };
    Ok(Peer::new(id).with_data(data::pack(options.data.as_deref())?))
}

struct Watching {
    options: Node,
    local: Peer,
    stop: Stop,
    printer: Printer,
}

impl Work for Watching {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let Some(node) = self.stop.or(self.bind::<R>()).await.transpose()? else {
            return Ok(());
        };
        // Before the first event of a peer.
        let events = node.peers().events();
        let options = &self.options;
        let three = || options.every.saturating_mul(3);
        let peer_timeout = options.peer_timeout.unwrap_or_else(three);
        let management = ManagementConfig::new()
            .with_app_id(options.app_id.clone())
            .with_every(Some(options.every))
            .with_timeout(Some(peer_timeout));
        node.manage_peers(management).map_err(BuildError::from)?;
        say(format_args!(
            "node {} at {} in the group {}",
            hex(&self.local.id),
            separated(node.local_addrs()),
            separated(&self.groups(node.local_addrs())),
        ));
        let unread = async { Err(self.printer.failed().await) };
        let printed = self
            .stop
            .or(future::or(unread, self.print_all(events)))
            .await
            .unwrap_or(Ok(()));
        // So that the farewell is sent.
        node.stop_within(LEAVE).await;
        printed.and(node.ended().await.map_err(CliError::from))
    }
}

impl Watching {
    async fn bind<R: Runtime>(&self) -> Result<UdpNode<R>, CliError> {
        let options = &self.options;
        let failed = |source| BuildError::Bind {
            address: options.listen.clone(),
            source,
        };
        let found = udp::resolve::<R>(&options.listen).await.map_err(failed)?;
        let mut builder = UdpNode::<R>::builder()
            .outer(options.outer.layer())
            .local_peer(self.local.clone())
            // Peers may be on this machine; the node recognises itself by its id.
            .ignore_own_ip(false);
        for group in self.groups(&found) {
            builder = builder.group(group);
        }
        if let Some(interface) = &options.interface {
            builder = builder.interface(interface.clone());
        }
        Ok(builder.bind(&options.listen).await?)
    }

    /// The groups that are joined, where the node is at these addresses. It advertises itself in
    /// the first one.
    fn groups(&self, addresses: &[SocketAddr]) -> Vec<IpAddr> {
        if let Some(group) = self.options.group {
            return vec![group];
        }
        let groups: [IpAddr; 2] = [
            Ipv4Addr::new(224, 0, 0, 1).into(),
            Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into(),
        ];
        let has = |is_ipv4| addresses.iter().any(|address| address.is_ipv4() == is_ipv4);
        let joined = groups.into_iter().filter(|group| has(group.is_ipv4()));
        joined.collect()
    }

    /// Prints events until the node has ended.
    async fn print_all(&self, mut events: PeerEvents) -> Result<(), CliError> {
        while let Some(event) = events.next().await {
            let line = line::line(&event, self.options.json).map_err(CliError::Output)?;
            if let Some(line) = line {
                self.printer.print(line.into_bytes()).await?;
            }
        }
        self.printer.finish().await
    }
}

/// A list, with commas.
fn separated(items: &[impl ToString]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(",")
}
