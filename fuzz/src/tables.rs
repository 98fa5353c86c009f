//! What links share, beside a plain model of it.

use std::collections::BTreeMap;
use std::time::Duration;

use netaio_core::plugin::Peer;
use netaio_core::{
    KnownPeer, Limits, Now, PeerChange, PeerRefused, PeerTable, SubscribeError, Subscriptions,
};

use crate::discovery::Finder;
use crate::input::Input;

const SUBSCRIPTIONS: usize = 3;
const KEYS: usize = 4;
const PEERS: usize = 3;
const ADDRESSES: usize = 2;
const DATA: usize = 4;
const LOCAL: &[u8] = b"me";
/// The first of the choices that are about finding peers.
const DISCOVERY: u8 = 128;

/// The tables of subscriptions and of peers, where a subscriber and an address
/// is one of a few numbers.
pub(super) struct Tables {
    limits: Limits,
    subscriptions: Subscriptions<u8>,
    peers: PeerTable<u8>,
    /// Keys and subscribers, in the order of their coming.
    subscribed: Vec<(u8, u8)>,
    known: BTreeMap<Vec<u8>, KnownPeer<u8>>,
    /// When each address was last heard, and whether nobody else has introduced
    /// itself from there.
    heard: BTreeMap<u8, (Duration, bool)>,
    finder: Finder,
}

impl Tables {
    pub(super) fn new() -> Self {
        let limits = Limits::default()
            .with_subscriptions(SUBSCRIPTIONS)
            .and_then(|limits| limits.with_subscription_keys(KEYS))
            .and_then(|limits| limits.with_peers(PEERS))
            .and_then(|limits| limits.with_peer_addresses(ADDRESSES))
            .and_then(|limits| limits.with_peer_data(DATA))
            .expect("limits that can work");
        Self {
            limits,
            subscriptions: Subscriptions::new(),
            peers: PeerTable::new(Some(LOCAL.into())),
            subscribed: Vec::new(),
            known: BTreeMap::new(),
            heard: BTreeMap::new(),
            finder: Finder::new(),
        }
    }

    pub(super) fn operation(&mut self, script: &mut Input<'_>, now: Now) {
        let choice = script.byte();
        if choice >= DISCOVERY {
            return self.finder.operation(script, now);
        }
        let (choice, now) = (choice % 10, now.monotonic);
        let (what, who) = (script.byte() % 6, script.byte() % 6);
        match choice {
            0..=2 => self.subscribe(what, who),
            3 => self.unsubscribe(what, who),
            4 => {
                let mine = self.subscribed.iter().filter(|(_, other)| *other == who);
                assert_eq!(self.subscriptions.remove(who), mine.count());
                self.subscribed.retain(|(_, other)| *other != who);
            }
            5..=6 => self.announce(what, script.byte(), who, now),
            7 => self.leave(&id(what), who),
            8 => {
                let gone = self.peers.remove_address(who);
                let mut expected = None;
                if let Some((id, known)) = self.at(who) {
                    known.addresses.retain(|other| *other != who);
                    if known.addresses.is_empty() {
                        expected = self.known.remove(&id);
                    }
                }
                assert_eq!(
                    gone.map(|known| known.peer),
                    expected.map(|known| known.peer)
                );
            }
            _ => {
                self.peers.heard(who, now);
                if let Some((last, true)) = self.heard.get_mut(&who) {
                    *last = now;
                    self.at(who).expect("a peer").1.last_heard = now;
                }
                self.expiry(now, Duration::from_secs(u64::from(what) + 1));
            }
        }
        self.check();
    }

    fn subscribe(&mut self, key: u8, who: u8) {
        let taken = self.subscriptions.subscribe([key], who, &self.limits);
        let mine = self.subscribed.iter().filter(|(_, other)| *other == who);
        let expected = if self.subscribed.contains(&(key, who)) {
            Ok(false)
        } else if mine.count() == SUBSCRIPTIONS {
            Err(SubscribeError::TooMany { max: SUBSCRIPTIONS })
        } else if self.keys() == KEYS && self.subscribed.iter().all(|(other, _)| *other != key) {
            Err(SubscribeError::TooManyKeys { max: KEYS })
        } else {
            self.subscribed.push((key, who));
            Ok(true)
        };
        assert_eq!(taken, expected);
    }

    fn unsubscribe(&mut self, key: u8, who: u8) {
        let there = self.subscribed.contains(&(key, who));
        assert_eq!(self.subscriptions.unsubscribe([key], who), there);
        self.subscribed.retain(|other| *other != (key, who));
    }

    fn keys(&self) -> usize {
        let mut keys: Vec<_> = self.subscribed.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.len()
    }

    fn announce(&mut self, what: u8, data: u8, address: u8, now: Duration) {
        let id = id(what);
        let data = vec![data & 1; usize::from(data >> 1) % (DATA + 2)];
        let peer = Peer::new(id.clone()).with_data(data);
        let taken = self
            .peers
            .announce(peer.clone(), address, now, &self.limits);
        let elsewhere = self.at(address).is_some_and(|(other, _)| other != id);
        let full = self.known.len() == PEERS;
        if taken.is_ok() {
            self.heard.insert(address, (now, true));
        } else if elsewhere && let Some((_, sure)) = self.heard.get_mut(&address) {
            *sure &= !matches!(
                taken,
                Err(PeerRefused::AddressTaken | PeerRefused::DataMismatch)
            );
        }
        match taken {
            Ok(PeerChange::Added) => {
                assert!(!elsewhere && !full);
                let known = KnownPeer {
                    peer,
                    addresses: [address].into(),
                    last_heard: now,
                };
                assert_eq!(self.known.insert(id, known), None, "it was there before");
            }
            Ok(change) => {
                assert!(!elsewhere);
                let known = self.known.get_mut(&id).expect("it was there before");
                let here = known.addresses.contains(&address);
                let first = known.addresses.first() == Some(&address);
                assert!(first || known.peer == peer, "a stranger speaks for it");
                assert_eq!(change == PeerChange::Unchanged, here && known.peer == peer);
                if !here {
                    known.addresses.push(address);
                }
                known.peer = peer;
                known.last_heard = now;
            }
            // Nothing has changed, says the check.
            Err(PeerRefused::AddressTaken) => assert!(elsewhere),
            Err(PeerRefused::TooMany { .. }) => assert!(full),
            Err(PeerRefused::Local) => assert_eq!(id, LOCAL),
            Err(_) => {}
        }
    }

    fn expiry(&mut self, now: Duration, timeout: Duration) {
        let due = self.peers.next_expiry(timeout);
        let expired = self.peers.remove_expired(now, timeout);
        assert!(expired.peers.is_sorted_by_key(|known| known.last_heard));
        for known in &expired.peers {
            assert_eq!(self.known.remove(&known.peer.id[..]).as_ref(), Some(known));
        }
        for (address, left) in &expired.addresses {
            let (_, known) = self.at(*address).expect("a peer");
            known.addresses.retain(|other| other != address);
            assert_eq!(known.peer, left.peer);
        }
        let gone = expired.peers.iter().flat_map(|known| &known.addresses);
        let mut gone = Vec::from_iter(gone.chain(expired.addresses.iter().map(|(at, _)| at)));
        gone.sort_unstable();
        let heard = self.heard.iter();
        let expected = heard.filter(|(_, (last, _))| now - *last >= timeout);
        assert!(
            gone.iter()
                .copied()
                .eq(expected.map(|(address, _)| address))
        );
        assert!(gone.is_empty() || due.is_some_and(|due| due <= now));
        let next = self.peers.next_expiry(timeout);
        assert!(next.is_none_or(|next| next > now));
    }

    fn leave(&mut self, id: &[u8], address: u8) {
        let own = self.at(address).is_some_and(|(at, _)| at == id);
        let gone = self.peers.leave(id, address);
        let known = self.known.get(id);
        let first = known.is_some_and(|known| known.addresses.first() == Some(&address));
        assert_eq!(gone.is_some(), first, "only from its first address");
        if first {
            assert_eq!(gone, self.known.remove(id));
        } else if own && let Some(known) = self.known.get_mut(id) {
            known.addresses.retain(|other| *other != address);
        }
    }

    fn at(&mut self, address: u8) -> Option<(Vec<u8>, &mut KnownPeer<u8>)> {
        let known = self.known.iter_mut();
        known
            .map(|(id, known)| (id.clone(), known))
            .find(|(_, known)| known.addresses.contains(&address))
    }

    fn check(&mut self) {
        let known = self.known.values();
        self.heard
            .retain(|address, _| known.clone().any(|known| known.addresses.contains(address)));
        assert_eq!(self.subscriptions.len(), self.keys());
        for key in 0..6 {
            let expected = self.subscribed.iter().filter(|(other, _)| *other == key);
            let subscribers = self.subscriptions.subscribers([key]);
            assert!(subscribers.eq(expected.map(|(_, who)| *who)));
        }
        let all = self.known.values().cloned();
        assert_eq!(self.peers.list(), Vec::from_iter(all));
        for address in 0..6 {
            let mut known = self.known.values();
            let known = known.find(|known| known.addresses.contains(&address));
            assert_eq!(self.peers.at(address), known.map(|known| &known.peer));
        }
        for known in self.known.values() {
            assert!((1..=ADDRESSES).contains(&known.addresses.len()));
            assert!(
                known
                    .peer
                    .data
                    .as_ref()
                    .is_none_or(|data| data.len() <= DATA)
            );
        }
        assert!(self.known.len() <= PEERS);
        let addresses = self.known.values().flat_map(|known| &known.addresses);
        assert!(
            addresses
                .clone()
                .all(|address| self.heard.contains_key(address))
        );
        assert_eq!(addresses.count(), self.heard.len());
    }
}

fn id(what: u8) -> Vec<u8> {
    match what {
        0 => Vec::new(),
        1 => LOCAL.to_vec(),
        _ => [what].to_vec(),
    }
}
