//! A node that finds its peers, beside what its events say of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use netaio_core::packify::DecodeLimits;
use netaio_core::plugin::{DefaultPeerPlugin, Peer, PeerPlugin};
use netaio_core::{
    Discovery, KnownPeer, Limits, ManagementConfig, Message, MessageType, Now, PeerEvent, Wire,
    types,
};

use crate::input::Input;

const PEERS: usize = 4;
const ADDRESSES: u8 = 6;
const APP_IDS: [&[u8]; 3] = [b"netaio", b"a", b""];
const LOCAL: &[u8] = b"me";
/// Refusals that are kept for an owner that does not take them.
const REFUSALS: usize = 64;

/// The node, and what an owner knows who sees nothing but events.
pub(super) struct Finder {
    node: Discovery<u8>,
    told: BTreeMap<Vec<u8>, KnownPeer<u8>>,
    /// Events that the owner's own commands have made since it took any.
    own: usize,
}

impl Finder {
    pub(super) fn new() -> Self {
        let limits = Limits::default()
            .with_peers(PEERS)
            .and_then(|limits| limits.with_peer_addresses(2))
            .and_then(|limits| limits.with_peer_data(4))
            .expect("limits that can work");
        let wire = Wire {
            limits,
            ..Wire::default()
        };
        let mut node = Discovery::new(Arc::new(wire), Arc::new(DefaultPeerPlugin));
        let begun = node
            .set_local(Some(Peer::new(LOCAL)))
            .and_then(|()| node.begin(Now::default(), ManagementConfig::new()));
        begun.expect("a peer that can be introduced");
        Self {
            node,
            told: BTreeMap::new(),
            own: 0,
        }
    }

    pub(super) fn operation(&mut self, script: &mut Input<'_>, now: Now) {
        let choice = script.below(16);
        let (what, who) = (script.byte(), script.byte() % ADDRESSES);
        match choice {
            0..=5 => self.hear(what, who, script, now),
            6 => self.node.heard(now, who),
            7 => self.node.connection_ended(who),
            8 => {
                let known = self.node.remove(&id(what));
                assert!(known.is_none_or(|known| known.peer.id == id(what)));
            }
            9 => self.node.remove_address(who),
            10 => {
                let peer = Peer::new(id(what)).with_data(script.take(2).to_vec());
                let taken = self.node.update(now, peer.clone(), who);
                assert!(taken.is_err() || self.node.peers().at(who) == Some(&peer));
            }
            11 => self.begin_or_stop(what, who, now),
            12 => {
                let managed = self.node.managed().count();
                let changed = self.node.set_local(Some(Peer::new(id(what))));
                assert!(changed.is_ok() || managed > 0);
                assert!(self.node.peers().get(&id(what)).is_none() || changed.is_err());
            }
            _ => self.time_passes(now),
        }
        self.own += usize::from((7..13).contains(&choice));
        // Some owners are slow.
        if what < 200 {
            self.owner_looks();
        }
    }

    fn hear(&mut self, what: u8, from: u8, script: &mut Input<'_>, now: Now) {
        let kind = script.byte();
        let message_type = match kind % 4 {
            0 => types::ADVERTISE_PEER,
            1 => types::PEER_DISCOVERED,
            2 => types::DISCONNECT,
            _ => MessageType::new(kind),
        };
        let content = match kind >> 6 {
            0 => script.short().to_vec(),
            _ => DefaultPeerPlugin
                .pack(&Peer::new(id(what)).with_data(script.take(2).to_vec()))
                .expect("a small peer"),
        };
        let app_id = APP_IDS[usize::from(kind >> 2) % APP_IDS.len()];
        let message = Message::new(message_type, app_id, content);
        if let Some(answer) = self.node.handle(now, from, &message) {
            assert_eq!(answer.uri, app_id);
            assert!(self.node.managed().any(|config| config.app_id() == app_id));
            let known = self.node.peers().at(from);
            match answer.message_type {
                types::PEER_DISCOVERED => {
                    assert!(known.is_some() && message_type == types::ADVERTISE_PEER);
                }
                // Whoever has just left is asked whether it is there again, be it that
                // another is at its address by now.
                types::ADVERTISE_PEER => {
                    let limits = DecodeLimits::DEFAULT;
                    let introduced = DefaultPeerPlugin.unpack(&message.content, &limits);
                    let introduced = introduced.expect("an introduction");
                    assert!(known.is_none_or(|known| known.id != introduced.id));
                    assert_ne!(message_type, types::DISCONNECT);
                }
                other => panic!("an answer of type {other:?}"),
            }
        }
    }

    fn begin_or_stop(&mut self, what: u8, seconds: u8, now: Now) {
        let app_id = APP_IDS[usize::from(what) % APP_IDS.len()];
        let managed = self.node.managed().count();
        if self.node.stop(app_id).is_some() {
            assert_eq!(self.node.managed().count(), managed - 1);
            return;
        }
        let time = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        let config = ManagementConfig::new()
            .with_app_id(app_id)
            .with_every(time)
            .with_timeout(time.map(|time| 3 * time));
        // The table is one: its peers live for two of the longest periods at least.
        let all = || self.node.managed().chain([&config]);
        let longest = all().filter_map(ManagementConfig::every).max();
        let shortest = all().filter_map(ManagementConfig::timeout).min();
        let fits = longest
            .zip(shortest)
            .is_none_or(|(every, timeout)| timeout >= 2 * every);
        let begun = self.node.begin(now, config).is_ok();
        let local = self.node.local().expect("a local peer");
        assert_eq!(begun, fits && !local.id.is_empty());
    }

    fn time_passes(&mut self, now: Now) {
        let before = self.node.peers().len();
        let due = self.node.poll_deadline();
        self.node.handle_timeout(now);
        while let Some((_, question)) = self.node.poll_question(now) {
            assert_eq!(question.message.message_type, types::ADVERTISE_PEER);
        }
        let next = self.node.poll_deadline();
        assert!(next.is_none_or(|at| at > now.monotonic), "it is still due");
        if due.is_none_or(|at| at > now.monotonic) {
            assert_eq!(self.node.peers().len(), before, "nothing was due");
        }
    }

    /// The owner takes what there is. Then it knows what the node knows.
    fn owner_looks(&mut self) {
        let mut sent = 0;
        while let Some(sending) = self.node.poll_advertisement() {
            assert_eq!(sending.message.message_type, types::ADVERTISE_PEER);
            sent += 1;
        }
        assert!(sent <= self.node.managed().count(), "rounds piled up");
        let (mut changes, mut refused) = (0, 0);
        while let Some(event) = self.node.poll_event() {
            match &event {
                PeerEvent::Refused { .. } => refused += 1,
                _ => changes += 1,
            }
            self.hear_of(event);
        }
        // Remotes make so many, time can take the whole table away, and what the
        // owner has added besides.
        let most = PEERS + 2 * PEERS + 2 * self.own;
        assert!(changes <= most && refused <= REFUSALS);
        self.own = 0;
        let list = self.node.peers().list();
        assert!(list.len() <= PEERS);
        let told = self.told.values();
        assert!(list.iter().map(seen).eq(told.map(seen)));
    }

    fn hear_of(&mut self, event: PeerEvent<u8>) {
        match event {
            PeerEvent::Added(known) => {
                let before = self.told.insert(known.peer.id.to_vec(), known);
                assert!(before.is_none(), "it was there before");
            }
            PeerEvent::Updated(known) => {
                let before = self.told.insert(known.peer.id.to_vec(), known.clone());
                let before = before.expect("it came before");
                assert_ne!(seen(&before), seen(&known));
                assert!(known.addresses.starts_with(&before.addresses));
            }
            PeerEvent::AddressRemoved { known, address, .. } => {
                let before = self.told.insert(known.peer.id.to_vec(), known.clone());
                let mut before = before.expect("it came before");
                before.addresses.retain(|other| *other != address);
                assert_eq!(seen(&before), seen(&known));
            }
            PeerEvent::Removed { known, .. } => {
                let before = self.told.remove(&known.peer.id[..]);
                assert_eq!(seen(&before.expect("it came before")), seen(&known));
            }
            PeerEvent::Refused { .. } | PeerEvent::DuplicateId { .. } => {}
            other => panic!("an event of no known kind: {other:?}"),
        }
    }
}

/// What events tell of a peer: not each time that it is heard.
fn seen(known: &KnownPeer<u8>) -> (&Peer, &[u8]) {
    (&known.peer, &known.addresses)
}

fn id(what: u8) -> Vec<u8> {
    match what % 8 {
        0 => Vec::new(),
        1 => LOCAL.to_vec(),
        other => [other].to_vec(),
    }
}
