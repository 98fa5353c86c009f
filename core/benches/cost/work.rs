//! What is measured.

use std::hint::black_box;
use std::mem;

#[cfg(feature = "aead")]
use netaio_core::plugin::Aead;
use netaio_core::plugin::HmacAuth;
use netaio_core::types::REQUEST_URI;
use netaio_core::{
    Call, CallHandler, Called, Correlation, Layer, Limits, Link, LinkConfig, LinkEvent, Message,
    Node, ReplyError, RequestOptions, SendOptions,
};

use super::given::{Turn, now, request, rng};
use super::{TURN, datagrams};

/// What both ends know.
const SECRET: &str = "a secret of 32 bytes, as generated";

/// One kind of work.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) max: Max,
    pub(crate) make: fn() -> Turn,
}

/// What a message may cost at most. Instructions have a tenth of room for other compilers, and
/// allocations are those for the buffers of a turn. Digests are counted without the processor's
/// instructions for them, which valgrind does not have.
pub(crate) struct Max {
    pub(crate) instructions: u64,
    pub(crate) allocations: f64,
}

impl Work {
    pub(crate) const ALL: &[Self] = &[
        // 64 bytes decoded, checked, routed, answered, encoded.
        Self {
            name: "answer",
            max: Max {
                instructions: 2_000,
                allocations: 0.1,
            },
            make: || answer(without_ids()),
        },
        // Each call is handed out as an event, and replied to.
        Self {
            name: "answer-by-event",
            max: Max {
                instructions: 2_460,
                allocations: 0.1,
            },
            make: || answer_by_event(without_ids()),
        },
        Self {
            name: "answer-with-id",
            max: Max {
                instructions: 2_550,
                allocations: 0.1,
            },
            make: || answer(config()),
        },
        Self {
            name: "answer-with-hmac",
            max: Max {
                instructions: 80_000,
                allocations: 0.1,
            },
            make: || answer(hmac()),
        },
        // A request sent and its answer received, and the other end's part.
        Self {
            name: "ask",
            max: Max {
                instructions: 5_200,
                allocations: 0.1,
            },
            make: || ask(without_ids()),
        },
        Self {
            name: "ask-with-id",
            max: Max {
                instructions: 6_280,
                allocations: 0.1,
            },
            make: || ask(config()),
        },
        // Both layers open and seal at both ends.
        Self {
            name: "ask-with-hmac",
            max: Max {
                instructions: 159_500,
                allocations: 0.1,
            },
            make: || ask(hmac()),
        },
        #[cfg(feature = "aead")]
        Self {
            name: "ask-with-aead",
            max: Max {
                instructions: 63_000,
                allocations: 0.1,
            },
            make: || ask(without_ids().with_outer(Layer::new().with_cipher(Aead::new(SECRET)))),
        },
        // A datagram of 64 bytes the same way, from one that has proved no address.
        Self {
            name: "answer-datagram",
            max: Max {
                instructions: 3_950,
                allocations: 0.1,
            },
            make: || datagrams::answer(without_ids()),
        },
        // One message for 64 links: what each of them costs.
        Self {
            name: "publish",
            max: Max {
                instructions: 1_100,
                allocations: 0.1,
            },
            make: publish,
        },
    ];
}

/// Side by side, as netaio's own answers would keep their order.
fn config() -> LinkConfig {
    let limits = Limits::default()
        .with_handlers_per_connection(TURN)
        .unwrap();
    LinkConfig::new().with_limits(limits)
}

fn without_ids() -> LinkConfig {
    let mut config = LinkConfig::new();
    config.correlation = Correlation::default().with_requests(false);
    config
}

fn hmac() -> LinkConfig {
    without_ids().with_outer(Layer::new().with_auth(HmacAuth::new(SECRET)))
}

/// One end: a link and its node.
struct End {
    node: Node<()>,
    link: Link,
    out: Vec<u8>,
}

impl End {
    fn client(config: LinkConfig) -> Self {
        let mut node = Node::for_streams(config);
        let link = node.connect(now(), None, rng(1));
        let out = Vec::new();
        Self { node, link, out }
    }

    fn server(config: LinkConfig) -> Self {
        let mut node = Node::for_streams(config);
        node.on((REQUEST_URI, "echo"), (), Layer::new()).unwrap();
        let link = node.accept(now(), None, rng(2)).unwrap();
        let out = Vec::new();
        Self { node, link, out }
    }

    /// Sends a turn of requests, frames of 64 bytes without an id.
    fn ask(&mut self, request: &Message, options: &RequestOptions) {
        for _ in 0..TURN {
            let sent = self.link.request(now(), &mut self.node, request, options);
            black_box(sent.unwrap());
        }
    }

    /// Takes bytes, and answers what is asked at once.
    fn answer(&mut self, bytes: &[u8]) {
        let Self { node, link, .. } = self;
        link.receive_buffer().extend_from_slice(bytes);
        link.received(now(), bytes.len());
        let mut echo = Echo(Message::respond_uri("", ""));
        while let Some(event) = link.poll_with(now(), node, &mut echo) {
            drop(black_box(event));
        }
        link.begin_turn();
    }

    /// Takes bytes, answers what is asked, and says how many requests were answered.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let Self { node, link, .. } = self;
        link.receive_buffer().extend_from_slice(bytes);
        link.received(now(), bytes.len());
        let mut answered = 0;
        while let Some(event) = link.poll(now(), node) {
            match event {
                LinkEvent::Call { call, message, .. } => {
                    let answer = Message::respond_uri(message.uri, message.content);
                    link.reply(now(), node, call, answer).unwrap();
                }
                LinkEvent::Answered { answer, .. } => {
                    black_box(answer);
                    answered += 1;
                }
                other => drop(black_box(other)),
            }
        }
        link.begin_turn();
        answered
    }

    /// Hands out what is to be written.
    fn write(&mut self) -> &[u8] {
        self.link.poll_outbound(&mut self.out);
        &self.out
    }
}

/// Answers at once.
struct Echo(Message);

impl CallHandler<()> for Echo {
    type Running = ();

    fn message(&mut self) -> &mut Message {
        &mut self.0
    }

    fn call(&mut self, _: &Link, _: ()) -> Called<()> {
        let [uri, content] = [&mut self.0.uri, &mut self.0.content].map(mem::take);
        Called::Answered(Some(Message::respond_uri(uri, content)))
    }

    fn keep(&mut self, _: (), call: Call) {
        drop(call);
    }

    fn answered(&mut self, sent: Result<(), ReplyError>) {
        sent.unwrap();
    }

    fn goes_on(&mut self, _: &Link) -> bool {
        true
    }
}

/// A server's end, which gets the same requests again and again.
fn answer(config: LinkConfig) -> Turn {
    answer_with(config, |server, requests| server.answer(requests))
}

fn answer_by_event(config: LinkConfig) -> Turn {
    answer_with(config, |server, requests| {
        server.take(requests);
    })
}

fn answer_with(config: LinkConfig, answer: fn(&mut End, &[u8])) -> Turn {
    let mut client = End::client(config.clone());
    client.ask(&request(), &RequestOptions::new());
    let requests = client.write().to_vec();
    let mut server = End::server(config);
    Box::new(move || {
        answer(&mut server, &requests);
        let written = server.write().len();
        assert!(written >= requests.len(), "all are answered");
    })
}

/// Both ends.
fn ask(config: LinkConfig) -> Turn {
    let mut client = End::client(config.clone());
    let mut server = End::server(config);
    let (request, options) = (request(), RequestOptions::new());
    Box::new(move || {
        client.ask(&request, &options);
        server.take(client.write());
        assert_eq!(client.take(server.write()), TURN);
    })
}

/// A server's end, with as many subscribers as a turn has messages.
fn publish() -> Turn {
    let mut node = Node::<()>::for_streams(without_ids());
    let accept = |seed| node.accept(now(), None, rng(seed)).unwrap();
    let mut links: Vec<_> = (0..TURN as u64).map(accept).collect();
    let mut frame = Vec::new();
    let mut publisher = End::client(without_ids());
    let message = Message::notify("news", request().content);
    let options = SendOptions::new();
    Box::new(move || {
        let End {
            node: own, link, ..
        } = &mut publisher;
        link.send(now(), own, &message, &options).unwrap();
        let shared = node.share_message(publisher.write().to_vec(), &message, &options);
        for link in &mut links {
            black_box(link.forward(now(), &shared).unwrap());
            while link.poll(now(), &mut node).is_some() {}
            assert!(link.poll_outbound(&mut frame));
        }
    })
}
