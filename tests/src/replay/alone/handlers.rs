//! The core's node with the scenario's handlers, and what they answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use chacha20::ChaCha12Rng;
use netaio_core::types::*;
use netaio_core::{Call, Correlation, LinkConfig, Message, Node, Peer, Wire};
use rand_core::SeedableRng;

use super::fits;
use crate::replay::acts;
use crate::replay::cast::{Act, Party};

/// The node of a party, made by `make`.
pub(super) fn node(party: &Party, make: fn(LinkConfig) -> Node<Act>) -> Node<Act> {
    let wire = Wire {
        types: party.message_types(),
        limits: party.limits(),
        ..Wire::default()
    };
    let mut config = LinkConfig::new().with_outer(party.outer.outer());
    config.correlation = Correlation::default().with_requests(false);
    let config = config.with_seed(&mut generator(party.seed(), u64::MAX - 2));
    let mut node = make(config.with_wire(wire));
    for route in &party.handlers {
        let (key, inner) = (route.key(), route.inner());
        let _none = match route.once {
            false => fits(node.on(key, route.does, inner)),
            true => fits(node.once(key, route.does, inner)),
        };
    }
    if let Some(id) = &party.peer {
        fits(node.set_local_peer(Peer::new(id.clone())));
    }
    node
}

/// A generator as the builders' `predictable_nonces` documents it.
pub(super) fn generator(seed: [u8; 32], stream: u64) -> ChaCha12Rng {
    let mut generator = ChaCha12Rng::from_seed(seed);
    generator.set_stream(stream);
    generator
}

/// What a handler answers.
pub(super) fn answer(
    node: &mut Node<Act>,
    kept: &mut BTreeMap<Bytes, Bytes>,
    (call, act, message): &(Call, Act, Message),
) -> Option<Message> {
    let (uri, who) = (&message.uri, call.place());
    // Handlers in the drivers that return bytes answer in this way.
    let kind = match message.message_type {
        REQUEST_URI => RESPOND_URI,
        SUBSCRIBE_URI => CONFIRM_SUBSCRIBE,
        UNSUBSCRIBE_URI => CONFIRM_UNSUBSCRIBE,
        _ => OK,
    };
    let (kind, text) = match act {
        Act::Silent => return None,
        Act::Store => acts::store(kept, message),
        Act::Echo => (kind, message.content.clone()),
        Act::Later => (kind, acts::late(&message.content).into()),
        Act::Subscribe => (kind, acts::subscribed(node.subscribe(uri, who)).into()),
        Act::Unsubscribe => (kind, acts::unsubscribed(node.unsubscribe(uri, who)).into()),
        Act::Publish => (kind, acts::published(node.subscribers(uri).len()).into()),
    };
    Some(Message::new(kind, uri.clone(), text))
}
