//! What the links of one party share, as whoever embeds the core writes it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chacha20::ChaCha12Rng;
use netaio_core::plugin::{DefaultPeerPlugin, SealContext};
use netaio_core::types::*;
use netaio_core::{
    Discovery, Layer, Limits, LinkConfig, ManagementConfig, Message, Node, Now, Peer, PeerEvent,
    PeerMessage, Role, Sealer, Subscriptions, Wire,
};
use rand_core::{CryptoRng, Rng, SeedableRng};

use crate::replay::acts;
use crate::replay::cast::{Act, Party, Plugins};
use crate::replay::log::{Log, show_known};

/// What tells senders apart: the number of a connection (0 for datagrams), and
/// the address.
pub(super) type Place = (u64, SocketAddr);

/// A handler is what the program says it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Handler {
    Act(Act),
    /// The management of peers.
    Peers,
}

/// What a handler comes to.
pub(super) enum Outcome {
    Answer(Option<Message>),
    /// The answer comes later.
    Later,
    /// The answer; then those who subscribed are told.
    Publish(Message, Vec<Place>, Message),
}

/// Handlers, peers and subscribers of one party.
pub(super) struct Mind {
    pub(super) name: String,
    pub(super) config: Arc<LinkConfig>,
    pub(super) router: Node<Handler>,
    pub(super) discovery: Discovery<Place>,
    pub(super) subscriptions: Subscriptions<Place>,
    kept: BTreeMap<Bytes, Bytes>,
    seed: [u8; 32],
    publications: ChaCha12Rng,
}

impl Mind {
    pub(super) fn new(party: &Party, role: Role) -> Self {
        let mut limits = Limits::default();
        if let Some(max) = party.concurrent {
            limits = limits.with_handlers_per_connection(max).expect("not none");
        }
        if let Some(idle) = party.idle {
            let idle = Some(Duration::from_millis(idle));
            limits = limits.with_idle_timeout(idle).expect("not at once");
        }
        let wire = Wire {
            types: party.message_types(),
            limits,
            ..Wire::default()
        };
        let config = LinkConfig::new(role)
            .with_outer(party.outer.outer())
            .with_wire(wire);
        let mut router = Node::new();
        for route in &party.handlers {
            let (key, handler) = (route.key(), Handler::Act(route.does));
            let _replaced = match route.once {
                false => router.on(key, handler, route.inner()),
                true => router.once(key, handler, route.inner()),
            };
        }
        let mut discovery = Discovery::new(config.wire.clone(), Arc::new(DefaultPeerPlugin));
        let local = party.peer.clone().map(Peer::new);
        discovery.set_local(local).expect("nothing is managed yet");
        Self {
            name: party.name.clone(),
            config: Arc::new(config),
            router,
            discovery,
            subscriptions: Subscriptions::new(),
            kept: BTreeMap::new(),
            seed: party.seed(),
            publications: generator(party.seed(), u64::MAX),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.config.wire.limits
    }

    /// The generator of a link.
    pub(super) fn generator(&self, number: u64) -> Box<dyn CryptoRng + Send> {
        Box::new(generator(self.seed, number))
    }

    /// Does what a handler does.
    pub(super) fn act(
        &mut self,
        handler: Handler,
        now: Now,
        from: Place,
        message: &Message,
    ) -> Outcome {
        let Message { uri, content, .. } = message;
        Outcome::Answer(match handler {
            Handler::Peers => self.discovery.handle(now, from, message),
            Handler::Act(Act::Silent) => None,
            Handler::Act(Act::Later) => return Outcome::Later,
            Handler::Act(Act::Echo) => Some(plain(message, content.clone())),
            Handler::Act(Act::Store) => {
                let (kind, text) = acts::store(&mut self.kept, message);
                Some(Message::new(kind, uri.clone(), text))
            }
            Handler::Act(Act::Subscribe) => {
                let limits = &self.config.wire.limits;
                let subscribed = self.subscriptions.subscribe(uri.clone(), from, limits);
                Some(plain(message, acts::subscribed(subscribed)))
            }
            Handler::Act(Act::Unsubscribe) => {
                let gone = self.subscriptions.unsubscribe(uri, from);
                Some(plain(message, acts::unsubscribed(gone)))
            }
            Handler::Act(Act::Publish) => {
                let to = self.subscriptions.subscribers(uri).to_vec();
                let answer = plain(message, acts::published(to.len()));
                let news = Message::notify(uri.clone(), content.clone());
                return Outcome::Publish(answer, to, news);
            }
        })
    }

    /// Seals a message once for many.
    pub(super) fn seal(&mut self, now: Now, inner: &Layer, message: &Message) -> Bytes {
        let mut seed = [0; 32];
        self.publications.fill_bytes(&mut seed);
        let mut context = SealContext {
            now,
            rng: &mut generator(seed, 0),
            peers: Default::default(),
        };
        let LinkConfig { wire, outer, .. } = &*self.config;
        let mut frame = Vec::new();
        let sealed = Sealer::new().seal(wire, outer, inner, message, &mut context, &mut frame);
        sealed.expect("the scenario's messages fit");
        frame.into()
    }

    /// Manages peers from now on.
    pub(super) fn manage(
        &mut self,
        now: Now,
        management: ManagementConfig,
        app: &str,
        inner: Option<&Plugins>,
    ) {
        let inner = inner.map(Plugins::inner).unwrap_or_default();
        let management = management.with_app_id(app.to_owned());
        let begun = self
            .discovery
            .begin(now, management.with_inner(inner.clone()));
        begun.expect("the scenario's peers can be introduced");
        for key in Discovery::<Place>::keys(app.to_owned()) {
            self.router.on(key, Handler::Peers, inner.clone());
        }
    }

    /// Manages them no more.
    pub(super) fn unmanage(&mut self, app: &str) -> PeerMessage {
        for key in Discovery::<Place>::keys(app.to_owned()) {
            self.router.remove(key);
        }
        let farewell = self.discovery.stop(app.as_bytes());
        farewell.expect("the scenario has managed it before")
    }

    /// Writes down what happened to peers. Those who are gone are subscribed no
    /// more.
    pub(super) fn take_peer_events(&mut self, log: &Log) {
        while let Some(event) = self.discovery.poll_event() {
            let (known, what) = match &event {
                PeerEvent::Added(known) => (known, "came".into()),
                PeerEvent::Updated(known) => (known, "changed".into()),
                PeerEvent::AddressRemoved {
                    known,
                    address,
                    why,
                } => {
                    self.subscriptions.remove(*address);
                    (known, format!("not at {} any more: {why:?}", address.1))
                }
                PeerEvent::Removed { known, why } => {
                    for address in &known.addresses {
                        self.subscriptions.remove(*address);
                    }
                    (known, format!("gone: {why:?}"))
                }
                PeerEvent::Refused { address, why } => {
                    let subject = format!("{} refuses", self.name);
                    log.write(subject, format!("{}: {why}", address.1));
                    continue;
                }
                other => panic!("{other:?} is new"),
            };
            let addresses = known.addresses.iter().map(|(_, address)| *address);
            let shown = show_known(&known.peer, addresses.collect(), known.last_heard);
            let subject = format!("{} knows {:?}", self.name, known.peer.id);
            log.write(subject, format!("{what} {shown}"));
        }
    }
}

/// Handlers in the drivers that return bytes answer in this way.
fn plain(request: &Message, content: impl Into<Bytes>) -> Message {
    let kind = match request.message_type {
        REQUEST_URI => RESPOND_URI,
        SUBSCRIBE_URI => CONFIRM_SUBSCRIBE,
        UNSUBSCRIBE_URI => CONFIRM_UNSUBSCRIBE,
        _ => OK,
    };
    Message::new(kind, request.uri.clone(), content)
}

/// The answer of a handler that was not done at once.
pub(super) fn late(request: &Message) -> Message {
    plain(request, acts::late(&request.content))
}

/// As the builders' `predictable_nonces` documents it.
fn generator(seed: [u8; 32], stream: u64) -> ChaCha12Rng {
    let mut generator = ChaCha12Rng::from_seed(seed);
    generator.set_stream(stream);
    generator
}
