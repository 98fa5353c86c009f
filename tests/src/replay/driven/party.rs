//! A server, a client or a node.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use netaio_core::{Correlation, ManagementConfig, Peer};
use netaio_driver::{
    BoxFuture, Client, Messages, PeerEvent, PeerEvents, Publisher, Runtime, Server, UdpNode,
};

use super::Role;
use super::handlers::{Acting, Shared};
use super::job::at_once;
use super::runtime::Replay;
use super::world::{World, WorldClock};
use crate::replay::cast::{self, Plugins};
use crate::replay::log::{peer_news, show};
use crate::replay::scenario::{Side, label};

/// What the scenario calls a party, running.
pub(super) struct Party<R: Runtime> {
    pub(super) kind: Kind<R>,
    /// Where it listens.
    pub(super) address: Option<SocketAddr>,
    peer_events: PeerEvents,
}

pub(super) enum Kind<R: Runtime> {
    Server(Server<Replay<R>>),
    Client(Client<Replay<R>>, Messages),
    Node(UdpNode<Replay<R>>),
}

/// Tells any builder what all of them have in common.
macro_rules! configure {
    ($builder:expr, $party:expr, $world:expr) => {{
        let (party, world): (&cast::Party, &Arc<World>) = ($party, $world);
        let mut builder = $builder
            .clock(WorldClock(world.clone()))
            .predictable_nonces(party.seed())
            .outer(party.outer.outer())
            .correlation(Correlation::default().with_requests(false))
            .types(party.message_types())
            .limits(party.limits());
        if let Some(id) = &party.peer {
            builder = builder.local_peer(Peer::new(id.clone()));
        }
        let shared = Shared {
            world: world.clone(),
            party: party.name.clone(),
            kept: Arc::default(),
        };
        for route in &party.handlers {
            let (act, shared) = (route.does, shared.clone());
            let acting = Acting { act, shared };
            builder = match route.once {
                false => builder.on(route.key(), acting),
                true => builder.once(route.key(), acting),
            };
            builder = builder.inner(route.inner());
        }
        builder
    }};
}

impl<R: Runtime> Party<R> {
    /// Starts it. It is called from within the world.
    pub(super) fn new(party: &cast::Party, role: Role, world: &Arc<World>) -> Self {
        let address = || party.at.expect("it has an address");
        let (kind, peers) = match role {
            Role::Server => {
                let builder = configure!(Server::<Replay<R>>::builder(), party, world);
                let server = at_once(world, builder.bind(address())).expect("the address is free");
                let peers = server.peers().clone();
                (Kind::Server(server), peers)
            }
            Role::Client => {
                let builder = configure!(Client::<Replay<R>>::builder(), party, world);
                let client = builder.build().expect("the layers go together");
                let peers = client.peers();
                let messages = client.messages();
                (Kind::Client(client, messages), peers)
            }
            Role::Node => {
                let builder = configure!(UdpNode::<Replay<R>>::builder(), party, world);
                let builder = match party.group {
                    Some(group) => builder.group(group),
                    None => builder.no_group(),
                };
                let node = at_once(world, builder.bind(address())).expect("the address is free");
                let peers = node.peers().clone();
                (Kind::Node(node), peers)
            }
        };
        Self {
            kind,
            address: party.at,
            peer_events: peers.events(),
        }
    }

    pub(super) fn publisher(&self) -> &Publisher {
        match &self.kind {
            Kind::Server(server) => server.publisher(),
            Kind::Node(node) => node.publisher(),
            Kind::Client(..) => panic!("a client publishes nothing"),
        }
    }

    pub(super) fn manage(&self, app: &str, inner: Option<&Plugins>) {
        let inner = inner.map(Plugins::inner).unwrap_or_default();
        let config = ManagementConfig::new().with_app_id(app.to_owned());
        let config = config.with_inner(inner);
        let managed = match &self.kind {
            Kind::Server(server) => server.manage_peers(config),
            Kind::Client(client, _) => client.manage_peers(config),
            Kind::Node(node) => node.manage_peers(config),
        };
        managed.expect("the scenario's peers can be introduced");
    }

    pub(super) fn unmanage(&self, app: &str) -> BoxFuture<Option<String>> {
        let app = app.to_owned();
        match &self.kind {
            Kind::Server(server) => {
                let server = server.clone();
                Box::pin(async move {
                    assert!(server.stop_peer_management(app));
                    None
                })
            }
            Kind::Client(client, _) => {
                let client = client.clone();
                Box::pin(async move {
                    assert!(client.stop_peer_management(app));
                    None
                })
            }
            Kind::Node(node) => {
                let node = node.clone();
                Box::pin(async move {
                    assert!(node.stop_peer_management(app).await);
                    None
                })
            }
        }
    }

    pub(super) fn stop(&self) -> BoxFuture<Option<String>> {
        let stopped = "stopped".to_owned();
        match &self.kind {
            Kind::Server(server) => {
                let server = server.clone();
                Box::pin(async move {
                    server.stop().await;
                    Some(stopped)
                })
            }
            Kind::Client(..) => panic!("a client does not stop"),
            Kind::Node(node) => {
                let node = node.clone();
                Box::pin(async move {
                    node.stop().await;
                    Some(format!("{stopped}, {:?}", node.metrics().datagrams))
                })
            }
        }
    }

    /// Writes down the messages that nobody asked for, and what happened to peers.
    pub(super) fn collect(&mut self, name: &str, world: &Arc<World>) {
        if let Kind::Client(_, messages) = &mut self.kind {
            while let Some(next) = ready(messages.next()).flatten() {
                let connection = next.connection.name().expect("the scenario names all");
                let subject = format!("{} messages", label(connection, Side::Client));
                world.log.write(subject, show(&next.message));
            }
        }
        while let Some(event) = ready(self.peer_events.next()).flatten() {
            let shown = |address: Option<SocketAddr>| address.expect("all of them have addresses");
            match peer_news!(event, PeerEvent, peer, shown) {
                Ok((known, what)) => {
                    let heard = world.since_start(known.last_heard);
                    let (peer, addresses) = (&known.peer, known.addresses);
                    world.log.write_peer(name, &what, peer, addresses, heard);
                }
                Err(what) => world.log.write(format!("{name} refuses"), what),
            }
        }
    }
}

/// The value of a future, if it need not wait.
fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
