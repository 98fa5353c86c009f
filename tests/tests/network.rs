//! Many nodes in virtual time, over a network that is as bad as networks are.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use netaio_core::plugin::{HmacAuth, ReplayWindow};
use netaio_core::{
    DatagramHub, DatagramOutput, Layer, Limits, LinkConfig, ManagementConfig, Message, MessageType,
    Node, Now, PeerEvent, Place, RemovalReason, SendOptions,
};
use netaio_tests::network::{Buffer, Faults, Network, Setup, address};
use rand_core::SeedableRng;

const SECOND: Duration = Duration::from_secs(1);
/// netaio's time between two advertisements, and that after which a peer is gone.
const PERIOD: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(60);

/// A datagram with a message, as a node without plugins sends it.
fn datagram(message: &Message) -> Vec<u8> {
    let node = Node::for_datagrams(LinkConfig::new());
    let make_rng = || chacha20::ChaCha8Rng::seed_from_u64(7);
    let mut hub = DatagramHub::<()>::new(Now::default(), node, None, make_rng);
    hub.send(Now::default(), address(0), message, &SendOptions::new())
        .unwrap();
    let Some(DatagramOutput::Transmit { bytes, .. }) = hub.poll(Now::default()) else {
        panic!("it is sent");
    };
    bytes.to_vec()
}

/// An advertisement of somebody who may not be there.
fn advertisement(id: &str) -> Vec<u8> {
    use netaio_core::plugin::{DefaultPeerPlugin, PeerPlugin};
    let peer = netaio_core::Peer::new(id.to_owned()).with_data("");
    let packed = DefaultPeerPlugin.pack(&peer).unwrap();
    datagram(&Message::new(MessageType::ADVERTISE_PEER, "netaio", packed))
}

#[test]
fn all_know_each_other_within_a_period_where_nothing_is_lost() {
    let mut network = Network::new(&Setup::new(100));
    network.run_for(PERIOD + SECOND);
    assert_eq!(network.known(), 1.0);
}

/// A network of one room, whose nodes have small buffers: datagrams lost in the first minute,
/// and of all pairs those that know each other after one period.
fn overflow(jitter: bool) -> (u64, f64) {
    let mut network = Network::new(&Setup {
        management: ManagementConfig::new().with_jitter(jitter),
        ..Setup::new(120)
    });
    network.set_faults(Faults {
        delay: (SECOND / 10_000, SECOND * 3 / 10_000),
        ..Faults::none()
    });
    network.set_buffer(Some(Buffer {
        datagrams: 64,
        each: SECOND / 50_000,
    }));
    network.run_for(PERIOD + SECOND);
    let known = network.known();
    network.run_for(PERIOD * 2);
    (network.overflowed(), known)
}

#[test]
fn the_answers_of_many_overflow_no_buffer() {
    let (without, _) = overflow(false);
    assert!(without > 1_000, "{without} without jitter");
    assert_eq!(overflow(true), (0, 1.0));
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_gives_another() {
    let run = |seed| {
        let mut network = Network::new(&Setup {
            seed,
            ..Setup::new(30)
        });
        network.set_faults(Faults::losing(20));
        let mut curve = Vec::new();
        for _ in 0..40 {
            network.run_for(SECOND);
            curve.push((network.known().to_bits(), network.delivered()));
        }
        curve
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn losses_are_made_up_for_by_later_rounds() {
    for (loss, periods) in [(10, 4), (30, 8)] {
        let mut network = Network::new(&Setup::new(60));
        network.set_faults(Faults::losing(loss));
        let mut best: f64 = 0.0;
        for _ in 0..periods {
            network.run_for(PERIOD);
            best = best.max(network.known());
        }
        // Three advertisements in a row may be lost: somebody is gone for a while.
        let least = 1.0 - (loss as f64 / 100.0).powi(3) * 2.0;
        assert!(best >= least, "{loss} % lost: {best} of {least}");
    }
}

#[test]
fn what_comes_twice_or_too_late_changes_nothing() {
    let mut network = Network::new(&Setup::new(40));
    network.set_faults(Faults {
        doubled: 50,
        delay: (SECOND / 1000, SECOND * 5),
        ..Faults::none()
    });
    network.run_for(PERIOD * 3);
    assert_eq!(network.known(), 1.0);
    for number in 0..40 {
        let events = network.host_mut(number).unwrap().take_events();
        let came = |event: &&PeerEvent<Place>| matches!(event, PeerEvent::Added(_));
        assert_eq!(events.iter().filter(came).count(), 39);
        assert_eq!(events.len(), 39, "{events:?}");
    }
}

#[test]
fn a_network_that_falls_apart_heals() {
    let mut network = Network::new(&Setup::new(40));
    network.run_for(PERIOD * 2);
    assert_eq!(network.known(), 1.0);
    network.set_faults(Faults {
        parted_at: Some(10),
        ..Faults::none()
    });
    network.run_for(TIMEOUT + PERIOD);
    for (number, host) in network.hosts().iter().enumerate() {
        let side = if number < 10 { 10 } else { 30 };
        assert_eq!(host.peers().len(), side - 1, "node {number}");
    }
    let events = network.host_mut(0).unwrap().take_events();
    let timed_out = |event: &&PeerEvent<Place>| {
        matches!(
            event,
            PeerEvent::Removed {
                reason: RemovalReason::TimedOut,
                ..
            }
        )
    };
    assert_eq!(events.iter().filter(timed_out).count(), 30);
    network.set_faults(Faults::none());
    network.run_for(PERIOD + SECOND);
    assert_eq!(network.known(), 1.0);
}

#[test]
fn clocks_that_jump_matter_to_the_replay_window_only() {
    let clocks = |network: &mut Network| {
        for (number, error) in [(0, -1_000_000), (1, 1_000_000), (2, 45)] {
            network.host_mut(number).unwrap().set_clock_error(error);
        }
    };
    let mut network = Network::new(&Setup {
        outer: Layer::new().with_auth(HmacAuth::new("secret")),
        ..Setup::new(20)
    });
    clocks(&mut network);
    network.run_for(PERIOD + SECOND);
    assert_eq!(network.known(), 1.0);

    // Every node has a window of its own, as in earnest.
    let window = || ReplayWindow::new(30 * SECOND, 1000);
    let layer = || Layer::new().with_auth(HmacAuth::new("secret").with_replay_window(window()));
    let mut network = Network::with_layers(&Setup::new(20), |_| layer());
    clocks(&mut network);
    network.run_for(PERIOD + SECOND);
    for (number, host) in network.hosts().iter().enumerate() {
        // Those of the right time know each other; the others know nobody.
        let expected = if number < 3 { 0 } else { 16 };
        assert_eq!(host.peers().len(), expected, "node {number}");
    }
    for number in 0..3 {
        network.host_mut(number).unwrap().set_clock_error(0);
    }
    network.run_for(PERIOD + SECOND);
    assert_eq!(network.known(), 1.0);
}

#[test]
fn any_datagram_between_default_nodes_dies_after_two() {
    let setup = Setup {
        // They never speak by themselves.
        starts: SECOND * 1_000_000,
        ..Setup::new(2)
    };
    let wire = netaio_core::Wire::default();
    for value in 0..=255u8 {
        let message_type = MessageType::new(value);
        if !wire.types.contains(message_type) {
            continue;
        }
        for uri in ["", "ERROR", "netaio", "u"] {
            let mut network = Network::new(&setup);
            let message = Message::new(message_type, uri, "content");
            network.inject(address(1), 0, datagram(&message));
            let mut damaged = datagram(&message);
            *damaged.last_mut().unwrap() ^= 1;
            network.run_for(PERIOD);
            assert!(network.delivered() <= 2, "{message_type} {uri}");
            network.inject(address(1), 0, damaged);
            network.run_for(PERIOD);
            assert!(network.delivered() <= 4, "{message_type} {uri}, damaged");
        }
    }
}

#[test]
fn spoofed_advertisements_fill_no_more_than_the_table_and_evict_nobody() {
    let limits = Limits::default().with_peers(200).unwrap();
    let mut network = Network::new(&Setup {
        limits,
        ..Setup::new(50)
    });
    network.run_for(PERIOD * 2);
    assert_eq!(network.known(), 1.0);
    for round in 0..40u32 {
        for number in 0..1000u32 {
            let id = format!("spoofed {round} {number}");
            let from = SocketAddr::from(([172, 16, (number >> 8) as u8, number as u8], 8888));
            network.inject(from, 0, advertisement(&id));
        }
        network.run_for(SECOND * 3);
        let host = &network.hosts()[0];
        assert!(host.peers().len() <= 200);
        for number in 1..50 {
            let id = format!("node {number}");
            assert!(
                host.peers().get(id.as_bytes()).is_some(),
                "{id} was evicted"
            );
        }
    }
    assert_eq!(network.hosts()[0].peers().len(), 200);
}
