//! The core's node with the scenario's handlers, and what they answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use chacha20::ChaCha12Rng;
use netaio_core::types::*;
use netaio_core::{Call, LinkConfig, Message, Node, Peer, PeerEvent, Place, Wire};
use rand_core::{CryptoRng, SeedableRng};

use crate::replay::acts;
use crate::replay::cast::{Act, Party};
use crate::replay::log::{Log, show_known};

/// The node of a party, made by `make`.
pub(super) fn node(party: &Party, make: fn(LinkConfig) -> Node<Act>) -> Node<Act> {
    let wire = Wire {
        types: party.message_types(),
        limits: party.limits(),
        ..Wire::default()
    };
    let config = LinkConfig::new().with_outer(party.outer.outer());
    let mut node = make(config.with_wire(wire));
    for route in &party.handlers {
        let (key, inner) = (route.key(), route.inner());
        let replaced = match route.once {
            false => node.on(key, route.does, inner),
            true => node.once(key, route.does, inner),
        };
        replaced.expect("the scenario's layers go together");
    }
    if let Some(id) = &party.peer {
        let set = node.set_local_peer(Peer::new(id.clone()));
        set.expect("nothing is managed yet");
    }
    node
}

/// Generators as the builders' `predictable_nonces` documents them.
pub(super) fn generators(
    seed: [u8; 32],
    mut streams: impl Iterator<Item = u64>,
) -> impl FnMut() -> Box<dyn CryptoRng + Send> {
    move || {
        let mut generator = ChaCha12Rng::from_seed(seed);
        generator.set_stream(streams.next().expect("there are enough"));
        Box::new(generator)
    }
}

/// What a handler answers.
pub(super) fn answer(
    node: &mut Node<Act>,
    kept: &mut BTreeMap<Bytes, Bytes>,
    act: Act,
    call: &Call,
    message: &Message,
) -> Option<Message> {
    let Message { uri, content, .. } = message;
    let text: Bytes = match act {
        Act::Silent => return None,
        Act::Store => {
            let (kind, text) = acts::store(kept, message);
            return Some(Message::new(kind, uri.clone(), text));
        }
        Act::Echo => content.clone(),
        Act::Later => acts::late(content).into(),
        Act::Subscribe => acts::subscribed(node.subscribe(uri, call.place())).into(),
        Act::Unsubscribe => acts::unsubscribed(node.unsubscribe(uri, call.place())).into(),
        Act::Publish => acts::published(node.subscribers(uri).len()).into(),
    };
    // Handlers in the drivers that return bytes answer in this way.
    let kind = match message.message_type {
        REQUEST_URI => RESPOND_URI,
        SUBSCRIBE_URI => CONFIRM_SUBSCRIBE,
        UNSUBSCRIBE_URI => CONFIRM_UNSUBSCRIBE,
        _ => OK,
    };
    Some(Message::new(kind, uri.clone(), text))
}

/// Writes down what happened to a peer.
pub(super) fn log_peer_event(log: &Log, name: &str, event: &PeerEvent<Place>) {
    let shown = |place: &Place| place.address().expect("all of them have addresses");
    let (known, what) = match event {
        PeerEvent::Added(known) => (known, "came".into()),
        PeerEvent::Updated(known) => (known, "changed".into()),
        PeerEvent::AddressRemoved {
            known,
            address,
            why,
        } => (
            known,
            format!("not at {} any more: {why:?}", shown(address)),
        ),
        PeerEvent::Removed { known, why } => (known, format!("gone: {why:?}")),
        PeerEvent::Refused { address, why } => {
            let line = format!("{}: {why}", shown(address));
            return log.write(format!("{name} refuses"), line);
        }
        other => panic!("{other:?} is not in the scenario"),
    };
    let addresses = known.addresses.iter().map(shown).collect();
    let state = show_known(&known.peer, addresses, known.last_heard);
    let subject = format!("{name} knows {:?}", known.peer.id);
    log.write(subject, format!("{what} {state}"));
}
