//! Work over datagrams.

use std::net::SocketAddr;

use netaio_core::types::REQUEST_URI;
use netaio_core::{
    DatagramEvent, DatagramLink, Layer, Limits, LinkConfig, Message, Node, RequestOptions,
    Transmits,
};

use super::TURN;
use super::given::{Turn, now, request, rng};

/// One end: a socket's link and its node.
struct End {
    node: Node<()>,
    link: DatagramLink,
    out: Transmits,
}

impl End {
    fn new(config: LinkConfig, seed: u64) -> Self {
        let mut node = Node::for_datagrams(config);
        node.on((REQUEST_URI, "echo"), (), Layer::new()).unwrap();
        let link = node.bind(now(), None, rng(seed));
        let out = Transmits::new();
        Self { node, link, out }
    }
}

/// A node that gets the same requests again and again, of one that proves no address and has no
/// bounds.
pub(crate) fn answer(config: LinkConfig) -> Turn {
    let limits = Limits::default()
        .with_unvalidated_burst(usize::MAX)
        .and_then(|limits| limits.with_unvalidated_rate(usize::MAX))
        .and_then(|limits| limits.with_unvalidated_total(usize::MAX));
    let config = config.with_limits(limits.unwrap());
    let asker: SocketAddr = ([192, 0, 2, 1], 9).into();
    let asked: SocketAddr = ([192, 0, 2, 2], 9).into();

    let mut client = End::new(config.clone(), 1);
    for _ in 0..TURN {
        let End { node, link, .. } = &mut client;
        let sent = link.request(now(), node, asked, &request(), &RequestOptions::new());
        sent.unwrap();
    }
    client.link.poll_outbound(&mut client.out);
    let requests: Vec<_> = client.out.iter().map(|(_, it)| it.to_vec()).collect();

    let mut server = End::new(config, 2);
    Box::new(move || {
        let End { node, link, out } = &mut server;
        for request in &requests {
            link.receive_buffer().extend_from_slice(request);
            link.received(now(), asker, None, request.len()).unwrap();
        }
        while let Some(event) = link.poll(now(), node) {
            if let DatagramEvent::Call { call, message, .. } = event {
                let answer = Message::respond_uri(message.uri, message.content);
                link.reply(now(), node, call, answer).unwrap();
            }
        }
        link.poll_outbound(out);
        assert_eq!(out.count(), TURN, "all are answered");
    })
}
