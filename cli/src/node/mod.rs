//! `netaio node`.

mod data;
mod line;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use async_channel::Receiver;
use netaio_core::{ManagementConfig, Peer};
use netaio_driver::{BuildError, PeerEvents, Runtime, UdpNode};

use crate::args::Node;
use crate::codec::hex::hex;
use crate::error::CliError;
use crate::runtime::{Work, block_on};
use crate::signals;
use crate::udp;

/// Prints the events of peers, until a signal stops it.
pub(crate) fn node(options: Node) -> Result<(), CliError> {
    let local = local_peer(&options)?;
    let stop = signals::stop()?;
    let runtime = options.runtime.runtime;
    let watching = Watching {
        options,
        local,
        stop,
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
    stop: Receiver<()>,
}

impl Work for Watching {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let Self {
            options,
            local,
            stop,
        } = self;
        let address = udp::own_address::<R>(&options.listen).await?;
        let group = options.group.unwrap_or(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::new(224, 0, 0, 1).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into(),
        });
        let id = hex(&local.id);
        let mut builder = UdpNode::<R>::builder()
            .outer(options.outer.layer())
            .local_peer(local)
            .group(group)
            // Peers may be on this machine; the node recognises itself by its id.
            .ignore_own_ip(false);
        if let Some(interface) = &options.interface {
            builder = builder.interface(interface.clone());
        }
        let node = builder.bind(address).await?;
        // Before the first event of a peer.
        let events = node.peers().events();
        let three = || options.every.saturating_mul(3);
        let peer_timeout = options.peer_timeout.unwrap_or_else(three);
        let management = ManagementConfig::new()
            .with_app_id(options.app_id)
            .with_every(Some(options.every))
            .with_timeout(Some(peer_timeout));
        node.manage_peers(management).map_err(BuildError::from)?;
        eprintln!("node {id} at {} in the group {group}", node.local_addr());
        let stopping = node.clone();
        R::spawn(async move {
            // The sender is never dropped.
            let _ = stop.recv().await;
            stopping.stop().await;
        });
        let printed = print_all(events, options.json).await;
        // Also if there was no signal, so that the farewell is sent.
        node.stop().await;
        printed
    }
}

/// Prints events until the node has ended.
async fn print_all(mut events: PeerEvents, json: bool) -> Result<(), CliError> {
    while let Some(event) = events.next().await {
        line::print(&event, json).map_err(CliError::Output)?;
    }
    Ok(())
}
