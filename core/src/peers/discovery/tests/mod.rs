//! Discovery in virtual time.

mod clock;
mod contested;
mod departed;
mod duplicates;
mod jitter;
mod management;
mod messages;
mod time;
mod vouched;

use alloc::boxed::Box;

use super::messages::TYPES;
use super::*;
use crate::error::SealError;
use crate::message::{Message, MessageType, types};
use crate::packify::DecodeLimits;
use crate::peers::table::{KnownPeer, PeerChange, PeerRefused};
use crate::plugin::{DefaultPeerPlugin, HmacAuth, Layer, PeerError};
use crate::routes::Key;

const SECOND: Duration = Duration::from_secs(1);
const APP: &[u8] = ManagementConfig::DEFAULT_APP_ID;

fn at(seconds: u32) -> Now {
    Now::new(SECOND * seconds, 0)
}

fn node_with(wire: Wire, local: Peer) -> Discovery<u16> {
    let mut node = Discovery::new(Arc::new(wire), Arc::new(DefaultPeerPlugin));
    node.set_local(Some(local)).unwrap();
    node
}

/// A node that manages peers as netaio does.
fn node(id: &'static str) -> Discovery<u16> {
    let mut node = node_with(Wire::default(), Peer::new(id).with_data("data"));
    node.begin(at(0), ManagementConfig::new()).unwrap();
    node.poll_advertisement().unwrap();
    node
}

fn events(node: &mut Discovery<u16>) -> Vec<PeerEvent<u16>> {
    core::iter::from_fn(|| node.poll_event()).collect()
}

fn known(peer: Peer, addresses: &[u16], last_heard: Duration) -> KnownPeer<u16> {
    KnownPeer {
        peer,
        addresses: addresses.into(),
        last_heard,
    }
}

/// What a peer of this id sends.
fn message(message_type: MessageType, id: &'static str, data: &'static str) -> Message {
    let peer = Peer::new(id).with_data(data);
    let packed = DefaultPeerPlugin.pack(&peer).unwrap();
    Message::new(message_type, APP, packed)
}

fn advertise(node: &mut Discovery<u16>, seconds: u32, from: u16, id: &'static str) -> bool {
    let message = message(types::ADVERTISE_PEER, id, "data");
    node.handle(at(seconds), from, &message).is_some()
}

fn refused(address: u16, reason: impl Into<IntroductionError>) -> PeerEvent<u16> {
    let reason = reason.into();
    PeerEvent::Refused { address, reason }
}
