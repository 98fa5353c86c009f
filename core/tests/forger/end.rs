//! A link over a stream or over datagrams, and what it makes of a frame.

use std::net::SocketAddr;

use bytes::BytesMut;
use netaio_core::{
    Call, CloseReason, DatagramEvent, DatagramLink, Deframer, Layer, Link, LinkConfig, LinkEvent,
    Message, Node, Now, Refusal, RequestId, RequestOptions, Response, Transmits, Unrouted,
};

use super::{NOON, WIRE, generator};

/// What a frame led to.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// A handler was called with it. It answers nothing.
    Called(Message),
    /// It passed, and there is no handler for it.
    Unrouted(Message),
    Answered(RequestId, Response),
    Refused(Refusal),
    /// An answer would have been past the budget.
    Suppressed,
    Closed(CloseReason),
}

/// Who is attacked.
pub(crate) struct End {
    link: Kind,
    pub(crate) node: Node<()>,
    /// What a stream has sent besides, before its end.
    sent: Vec<u8>,
}

enum Kind {
    Stream(Box<Link>),
    Datagrams(Box<DatagramLink>),
}

/// The address that forgers have, or say that they have.
pub(crate) fn remote() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 9], 9999))
}

impl End {
    /// A server's link.
    pub(crate) fn stream(config: LinkConfig) -> Self {
        let mut node = Node::for_streams(config);
        let link = node.accept(NOON, Some(remote()), Box::new(generator(1)));
        Self::over(Kind::Stream(Box::new(link.unwrap())), node)
    }

    /// A node on datagrams.
    pub(crate) fn datagrams(config: LinkConfig) -> Self {
        let mut node = Node::for_datagrams(config);
        let link = node.bind(NOON, None, Box::new(generator(1)));
        Self::over(Kind::Datagrams(Box::new(link)), node)
    }

    /// One of each kind, with the same outer layer.
    pub(crate) fn both(outer: &Layer) -> [Self; 2] {
        let config = LinkConfig::new().with_outer(outer.clone());
        [Self::stream(config.clone()), Self::datagrams(config)]
    }

    fn over(link: Kind, mut node: Node<()>) -> Self {
        node.set_unrouted(Unrouted::Deliver);
        let sent = Vec::new();
        Self { link, node, sent }
    }

    pub(crate) fn request(&mut self, message: &Message, options: &RequestOptions) -> RequestId {
        let node = &mut self.node;
        let request = match &mut self.link {
            Kind::Stream(link) => link.request(NOON, node, message, options),
            Kind::Datagrams(link) => link.request(NOON, node, remote(), message, options),
        };
        request.unwrap()
    }

    pub(crate) fn pending_requests(&self) -> usize {
        match &self.link {
            Kind::Stream(link) => link.pending_requests(),
            Kind::Datagrams(link) => link.pending_requests(),
        }
    }

    /// Hands it a frame, and says all that comes of it. The transport takes what is to
    /// be written at once.
    pub(crate) fn receive(&mut self, now: Now, frame: &[u8]) -> Vec<Outcome> {
        match &mut self.link {
            Kind::Stream(link) => link.receive(now, frame),
            Kind::Datagrams(link) => link.receive(now, remote(), BytesMut::from(frame)),
        }
        .unwrap();
        let mut outcomes = Vec::new();
        loop {
            while let Some(outcome) = self.poll(now) {
                outcomes.extend(outcome);
            }
            let sent = self.written();
            if sent.is_empty() {
                return outcomes;
            }
            self.sent.extend(sent);
        }
    }

    fn poll(&mut self, now: Now) -> Option<Option<Outcome>> {
        let node = &mut self.node;
        let (call, message) = match &mut self.link {
            Kind::Stream(link) => match link.poll(now, node)? {
                LinkEvent::Call { call, message, .. } => (call, message),
                LinkEvent::Message(message) => return Some(Some(Outcome::Unrouted(message))),
                LinkEvent::Answered { request, answer } => {
                    return Some(Some(Outcome::Answered(request, answer)));
                }
                LinkEvent::Refused(refusal) => return Some(Some(Outcome::Refused(refusal))),
                LinkEvent::Shutdown => {
                    link.handle_eof(now);
                    return Some(None);
                }
                LinkEvent::Closed(reason) => return Some(Some(Outcome::Closed(reason))),
                other => panic!("{other:?}"),
            },
            Kind::Datagrams(link) => match link.poll(now, node)? {
                DatagramEvent::Call { call, message, .. } => (call, message),
                DatagramEvent::Message { message, .. } => {
                    return Some(Some(Outcome::Unrouted(message)));
                }
                DatagramEvent::Answered {
                    request, answer, ..
                } => return Some(Some(Outcome::Answered(request, answer))),
                DatagramEvent::Refused { refusal, .. } => {
                    return Some(Some(Outcome::Refused(refusal)));
                }
                DatagramEvent::Suppressed { .. } => return Some(Some(Outcome::Suppressed)),
                other => panic!("{other:?}"),
            },
        };
        self.dismiss(now, call);
        Some(Some(Outcome::Called(message)))
    }

    fn dismiss(&mut self, now: Now, call: Call) {
        let node = &mut self.node;
        let replied = match &mut self.link {
            Kind::Stream(link) => link.reply(now, node, call, None),
            Kind::Datagrams(link) => link.reply(now, node, call, None),
        };
        replied.unwrap();
    }

    /// The bytes that it has sent since the last call.
    pub(crate) fn sent(&mut self) -> Vec<u8> {
        let mut sent = std::mem::take(&mut self.sent);
        sent.extend(self.written());
        sent
    }

    fn written(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        match &mut self.link {
            Kind::Stream(link) => {
                let mut out = Vec::new();
                while link.poll_outbound(&mut out) {
                    sent.extend_from_slice(&out);
                }
            }
            Kind::Datagrams(link) => {
                let mut out = Transmits::new();
                while link.poll_outbound(&mut out) {
                    let datagrams = out.iter().flat_map(|(_, datagram)| datagram);
                    sent.extend(datagrams);
                }
            }
        }
        sent
    }

    /// The messages that it has sent since the last call, as anybody can read
    /// them.
    pub(crate) fn told(&mut self) -> Vec<Message> {
        let mut deframer = Deframer::new(WIRE.clone());
        let mut input = BytesMut::from(&self.sent()[..]);
        let frames = std::iter::from_fn(|| deframer.next(&mut input).unwrap());
        frames
            .map(|frame| frame.decode(&WIRE).unwrap().into_message())
            .collect()
    }
}
