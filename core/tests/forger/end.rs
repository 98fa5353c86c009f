//! A link over a stream or over datagrams, and what it makes of a frame.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use netaio_core::{
    Answer, CloseReason, DatagramEvent, DatagramLink, Deframer, Dispatched, Event, Inbound, Layer,
    Link, LinkConfig, Message, Node, Now, Refusal, RequestId, RequestOptions, Role, Transmits,
};

use super::{NOON, WIRE, generator};

/// What a frame led to.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// A handler was called with it.
    Called(Message),
    /// It passed, and there is no handler for it.
    Unrouted(Message),
    Answered(RequestId, Answer),
    Refused(Refusal),
    /// An answer would have been past the budget.
    Suppressed,
    Closed(CloseReason),
}

/// Who is attacked.
pub(crate) struct End {
    link: Kind,
    pub(crate) node: Node<()>,
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
        Self::over(Kind::Stream(Box::new(Link::new(
            NOON,
            Arc::new(config),
            Some(remote()),
            Box::new(generator(1)),
        ))))
    }

    /// A node on datagrams.
    pub(crate) fn datagrams(config: LinkConfig) -> Self {
        Self::over(Kind::Datagrams(Box::new(DatagramLink::new(
            NOON,
            Arc::new(config),
            Box::new(generator(1)),
        ))))
    }

    /// One of each kind, with the same outer layer.
    pub(crate) fn both(outer: &Layer) -> [Self; 2] {
        let config = |role| LinkConfig::new(role).with_outer(outer.clone());
        [
            Self::stream(config(Role::Server)),
            Self::datagrams(config(Role::Node)),
        ]
    }

    fn over(link: Kind) -> Self {
        let node = Node::new();
        Self { link, node }
    }

    pub(crate) fn request(&mut self, message: &Message, options: &RequestOptions) -> RequestId {
        let request = match &mut self.link {
            Kind::Stream(link) => link.request(NOON, message, options),
            Kind::Datagrams(link) => link.request(NOON, remote(), message, options),
        };
        request.unwrap()
    }

    pub(crate) fn pending_requests(&self) -> usize {
        match &self.link {
            Kind::Stream(link) => link.pending_requests(),
            Kind::Datagrams(link) => link.pending_requests(),
        }
    }

    /// Hands it a frame, and says all that comes of it.
    pub(crate) fn receive(&mut self, now: Now, frame: &[u8]) -> Vec<Outcome> {
        match &mut self.link {
            Kind::Stream(link) => link.receive(now, frame),
            Kind::Datagrams(link) => link.receive(now, remote(), BytesMut::from(frame)),
        }
        let mut outcomes = Vec::new();
        while let Some(polled) = self.poll() {
            match polled {
                Polled::Message(inbound) => outcomes.extend(self.dispatch(now, inbound)),
                Polled::Other(outcome) => outcomes.push(outcome),
            }
        }
        outcomes
    }

    fn poll(&mut self) -> Option<Polled> {
        let other = match &mut self.link {
            Kind::Stream(link) => match link.poll_event()? {
                Event::Message(inbound) => return Some(Polled::Message(inbound)),
                Event::Answered { request, answer } => Outcome::Answered(request, answer),
                Event::Refused(refusal) => Outcome::Refused(refusal),
                Event::Closed(reason) => Outcome::Closed(reason),
                other => panic!("{other:?}"),
            },
            Kind::Datagrams(link) => match link.poll_event()? {
                DatagramEvent::Message(inbound) => return Some(Polled::Message(inbound)),
                DatagramEvent::Answered {
                    request, answer, ..
                } => Outcome::Answered(request, answer),
                DatagramEvent::Refused { refusal, .. } => Outcome::Refused(refusal),
                DatagramEvent::Suppressed { .. } => Outcome::Suppressed,
                other => panic!("{other:?}"),
            },
        };
        Some(Polled::Other(other))
    }

    fn dispatch(&mut self, now: Now, inbound: Inbound) -> Option<Outcome> {
        let dispatched = match &mut self.link {
            Kind::Stream(link) => link.dispatch(now, inbound, &mut self.node),
            Kind::Datagrams(link) => link.dispatch(now, inbound, &mut self.node),
        };
        match dispatched {
            Dispatched::Call { message, .. } => Some(Outcome::Called(message)),
            Dispatched::Unrouted { message, .. } => Some(Outcome::Unrouted(message)),
            // An event says why.
            Dispatched::Refused => None,
        }
    }

    /// The bytes that it has sent since the last call.
    pub(crate) fn sent(&mut self) -> Vec<u8> {
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

enum Polled {
    Message(Inbound),
    Other(Outcome),
}
