//! `netaio node`.

mod data;
mod line;
mod proving;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use netaio_core::types::REQUEST_URI;
use netaio_core::{Layer, ManagementConfig, Peer};
use netaio_driver::{BuildError, Content, PeerEvent, PeerEvents, Runtime, UdpNode};
use smol::future;

use self::proving::{Outcome, PROVE, Proving, proof};
use crate::args::Node;
use crate::codec::hex::hex;
use crate::error::CliError;
use crate::identity::{Identity, KnownPeers};
use crate::reserved::ECHO;
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
        // Its key is trusted by its id.
        None if let Some(identity) = options.identity.identity() => identity.public_key().id(),
        None => {
            let mut id = vec![0; 16];
            getrandom::fill(&mut id).map_err(CliError::Random)?;
            id
        }
    };
    let fields = options.identity.identity().map(Identity::fields);
    let fields = fields.as_ref().map_or(&[][..], |fields| fields);
    Ok(Peer::new(id).with_data(data::pack(options.data.as_deref(), fields)?))
}

/// What is to be printed.
enum Happened {
    Peer(Option<PeerEvent>),
    Key(Option<Outcome>),
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
        let proving = options.identity.peers().map(|keys| {
            say(format_args!("netaio: the public key is {}", keys.own()));
            (Proving::start(&node, keys), &**keys)
        });
        let unread = async { Err(self.printer.failed().await) };
        let printed = self
            .stop
            .or(future::or(unread, self.print_all(events, proving)))
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
        if let Some(keys) = self.options.identity.peers() {
            let (own, boxes) = (keys.own(), Arc::new(keys.boxes()));
            let layer = Layer::new().with_shared_cipher(boxes);
            builder = builder
                .on((REQUEST_URI, ECHO), |content: Content| content)
                .inner(layer.clone())
                .on((REQUEST_URI, PROVE), move |challenge: Content| {
                    proof(own, &challenge)
                })
                .inner(layer);
        }
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
    async fn print_all(
        &self,
        mut events: PeerEvents,
        proving: Option<(Proving, &KnownPeers)>,
    ) -> Result<(), CliError> {
        let json = self.options.json;
        loop {
            let event = async { Happened::Peer(events.next().await) };
            let outcome = async {
                match &proving {
                    Some((proving, _)) => Happened::Key(proving.next().await),
                    None => future::pending().await,
                }
            };
            let line = match (future::or(event, outcome).await, &proving) {
                (Happened::Peer(Some(event)), proving) => {
                    match (&event, proving) {
                        (PeerEvent::Added(peer) | PeerEvent::Updated(peer), Some((proving, _))) => {
                            proving.ask(peer);
                        }
                        (PeerEvent::Removed { peer, .. }, Some((_, keys))) => {
                            keys.forget(&peer.peer);
                        }
                        _ => {}
                    }
                    line::line(&event, json)
                }
                (Happened::Key(Some(outcome)), Some((_, keys))) => {
                    if let Some(key) = outcome.first() {
                        keys.keep(&outcome.peer, key)?;
                    }
                    outcome.line(json).map(Some)
                }
                _ => return self.printer.finish().await,
            };
            if let Some(line) = line.map_err(CliError::Output)? {
                self.printer.print(line.into_bytes()).await?;
            }
        }
    }
}

/// A list, with commas.
fn separated(items: &[impl ToString]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(",")
}
