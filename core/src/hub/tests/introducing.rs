//! Nodes that introduce themselves where no multicast leads.

use super::network::{Network, Said};
use super::*;
use crate::peers::{ManagementConfig, RemovalReason};

/// Hosts that hear what is sent to their addresses alone.
fn apart(hosts: u8) -> Network {
    let mut network = Network::new(hosts);
    network.without_group = true;
    network.manage_peers();
    assert!(network.peers(0).is_empty());
    network
}

fn introduce(network: &mut Network, from: usize, to: usize) {
    let (now, address) = (network.now, network.hosts[to].address);
    network.hosts[from].hub.introduce(now, address).unwrap();
    network.run();
}

/// What was sent from a host to another so far.
fn sent(network: &Network, from: usize, to: usize) -> usize {
    let [from, to] = [from, to].map(|host| network.hosts[host].address);
    let between = network.sent.iter().filter(|it| (it.0, it.1) == (from, to));
    between.count()
}

#[test]
fn who_is_introduced_is_known_at_both_ends_alone() {
    let mut network = apart(3);
    introduce(&mut network, 0, 1);
    assert_eq!(network.peers(0), ["1"]);
    assert_eq!(network.peers(1), ["0"]);
    assert!(network.peers(2).is_empty());
    // Rounds keep both, and come once for each address however often it was named.
    introduce(&mut network, 0, 1);
    let before = sent(&network, 0, 1);
    network.pass(10 * ManagementConfig::DEFAULT_EVERY);
    assert_eq!(sent(&network, 0, 1) - before, 10);
    assert_eq!((network.peers(0).len(), network.peers(1).len()), (1, 1));
}

#[test]
fn who_was_away_is_introduced_again() {
    let mut network = apart(2);
    network.hosts[1].silent = true;
    introduce(&mut network, 0, 1);
    assert!(network.peers(0).is_empty());
    network.hosts[1].silent = false;
    network.pass(ManagementConfig::DEFAULT_EVERY);
    assert_eq!((network.peers(0).len(), network.peers(1).len()), (1, 1));
}

#[test]
fn who_was_introduced_takes_leave() {
    for stops in [true, false] {
        let mut network = apart(2);
        introduce(&mut network, 0, 1);
        network.said(1);
        let (now, hub) = (network.now, &mut network.hosts[0].hub);
        match stops {
            true => assert!(hub.stop_peer_management(now, ManagementConfig::DEFAULT_APP_ID)),
            false => hub.drain(now, SECOND),
        }
        network.run();
        assert!(network.peers(1).is_empty());
        let left = |said: &Said| {
            matches!(
                said,
                Said::Peer(PeerEvent::Removed {
                    reason: RemovalReason::Disconnect,
                    ..
                })
            )
        };
        assert!(matches!(&network.said(1)[..], [said] if left(said)));
    }
}

/// The first so many are remembered; others are introduced once.
#[test]
fn rounds_go_to_no_more_addresses_than_there_may_be_peers() {
    let limits = crate::Limits::default().with_peers(1).unwrap();
    let mut network = Network::with(3, &LinkConfig::new().with_limits(limits));
    network.without_group = true;
    network.manage_peers();
    introduce(&mut network, 0, 1);
    introduce(&mut network, 0, 2);
    let before = [1, 2].map(|to| sent(&network, 0, to));
    assert_eq!(before, [1, 1]);
    network.pass(3 * ManagementConfig::DEFAULT_EVERY);
    assert_eq!([1, 2].map(|to| sent(&network, 0, to)), [4, 1]);
}
