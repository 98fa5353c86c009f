//! Requests from one of many peers over datagrams, in the core alone.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use netaio_driver::core::{
    DatagramHub, DatagramOutput, Layer, Limits, LinkConfig, Message, Node, Now, Place,
};
use netaio_tests::plain::frame;
use netaio_tokio::plugin::Peer;
use netaio_tokio::types::{REQUEST_URI, RESPOND_URI};
use rand_core::SeedableRng;

use super::{Side, machine, order};

const MESSAGES: usize = 1_000_000;

pub(crate) fn side<'a>(peers: usize) -> Result<Side<'a>, Box<dyn Error>> {
    let limits = Limits::default()
        .with_peers(peers)?
        // All of them are answered: who finds no room is asked for a cookie instead.
        .with_unverified_senders(peers)?
        .with_unvalidated_burst(usize::MAX)?
        .with_unvalidated_rate(usize::MAX)?
        .with_unvalidated_total(usize::MAX)?;
    let mut node = Node::for_datagrams(LinkConfig::new().with_limits(limits));
    node.on((REQUEST_URI, "echo"), (), Layer::new())?;
    let now = Now::new(Duration::from_secs(1), 1_800_000_000);
    let rng = || chacha20::ChaCha8Rng::from_seed([0; 32]);
    let mut hub = DatagramHub::new(now, node, None, rng);
    let address = |number: usize| {
        let host = Ipv4Addr::from(0x0a00_0000 + number as u32);
        SocketAddr::from((host, 9000))
    };
    for number in 0..peers {
        let peer = Peer::new(number.to_be_bytes().to_vec());
        let place = Place::Datagram(address(number));
        hub.node_mut()
            .update_peer(now, peer, place)
            .map_err(|error| format!("{error:?}"))?;
        while hub.node_mut().poll_event().is_some() {}
    }
    let order = order::shuffled(peers);
    let from: Vec<_> = order.iter().map(|number| address(*number)).collect();
    let (request, mut at) = (frame()?, 0);
    Ok(Box::new(move || {
        let begun = machine::of_this_thread();
        let mut answered = 0;
        for _ in 0..MESSAGES {
            hub.receive(now, from[at], &request)?;
            at = (at + 1) % from.len();
            while let Some(output) = hub.poll(now) {
                match output {
                    DatagramOutput::Call { call, message, .. } => {
                        let answer = Message::respond_uri(message.uri, message.content);
                        hub.reply(now, call, answer)?;
                    }
                    DatagramOutput::Transmit { bytes, .. } => {
                        answered += usize::from(bytes.first() == Some(&RESPOND_URI.value()));
                    }
                    _ => {}
                }
            }
        }
        if answered != MESSAGES {
            return Err(format!("{answered} answers to {MESSAGES} requests").into());
        }
        let time = machine::of_this_thread() - begun;
        Ok(time as f64 / MESSAGES as f64)
    }))
}
