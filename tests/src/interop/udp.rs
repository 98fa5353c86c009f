//! Two nodes.

use std::time::Instant;

use async_channel::Receiver;
use netaio_driver::core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_driver::core::types::*;
use netaio_driver::core::{AuthFields, DatagramLink, Layer, Message};
use netaio_driver::{RequestError, Runtime, UdpNode, UdpNodeBuilder};

use super::cases::{inner, inner_layer, outer, outer_layer, types};
use super::exchanges::{
    assert_answer, assert_message, exchanges, many_at_once, python_asks, python_hits_the_limit,
    python_is_told, we_are_told, we_ask, we_hit_the_limit,
};
use super::table::{Passed, Side, Transport};
use super::{Case, SHORT, blocking};
use crate::puppet::{Answer, Node, NodeOptions, Op};
use crate::python::{Inner, Outer, Python, ServerOptions};
use crate::store::node_store;

/// A node of ours with the store and with layers, before it is bound.
pub fn node<R: Runtime>(layers: &ServerOptions) -> UdpNodeBuilder<R> {
    let admin = Inner {
        secret: layers.admin_secret.clone(),
        key: None,
    };
    let outer = outer_layer(&layers.outer);
    let node = UdpNode::builder().outer(outer).types(types());
    node_store(node, inner_layer(&admin), inner_layer(&layers.inner))
}

impl Case {
    fn node<R: Runtime>(&self) -> UdpNodeBuilder<R> {
        node(&self.options()).outer(self.layer()).no_group()
    }

    fn node_options(&self) -> NodeOptions {
        NodeOptions {
            layers: self.options(),
            ..NodeOptions::default()
        }
    }

    async fn python_node(&self, python: &Python) -> Node {
        let (python, options) = (python.clone(), self.node_options());
        blocking(move || python.node(&options).unwrap()).await
    }

    /// The most bytes of uri and content: what fits a message, and then a
    /// datagram.
    fn datagram_room(&self) -> usize {
        let mut auth = AuthFields::new();
        if self.outer.secret.is_some() {
            auth.set_bytes("hmac", &[0; 32]).unwrap();
            auth.set_bytes("nonce", &[0; 16]).unwrap();
            auth.set_bytes("ts", &[0; 4]).unwrap();
        }
        if self.covers {
            auth.set_bytes("hmac-all", &[0; 40]).unwrap();
        }
        if self.outer.key.is_some() {
            auth.set_bytes("iv", &[0; 16]).unwrap();
        }
        let mut fields = Vec::new();
        auth.encode(&mut fields).unwrap();
        let uri_lengths = match self.outer.key.is_some() && !self.outer.plain_uri {
            true => 4,
            false => 2,
        };
        let header = 9;
        let most = DatagramLink::MAX_DATAGRAM - header - fields.len() - uri_lengths;
        most.min(self.room())
    }
}

pub(super) async fn bind<R: Runtime>(node: UdpNodeBuilder<R>) -> UdpNode<R> {
    node.bind("127.0.0.1:0").await.unwrap()
}

/// A Python node asks ours.
pub async fn python_asks_ours<R: Runtime>(python: &Python, case: &Case) -> Passed {
    let started = Instant::now();
    let node = bind(case.node::<R>()).await;
    let mut asking = case.python_node(python).await;
    asking.to = Some(node.local_addr());
    let case = case.clone();
    let name = case.name;
    let exchanges = blocking(move || {
        let room = case.datagram_room();
        let exchanges = exchanges(&case, room);
        python_asks(&mut asking, &exchanges);
        python_is_told(&mut asking, b"ERROR");
        python_hits_the_limit(&mut asking, room);
        asking.close().unwrap();
        exchanges.len()
    });
    let exchanges = exchanges.await;
    node.stop().await;
    Passed {
        transport: Transport::Udp,
        asks: Side::Python,
        case: name,
        exchanges,
        time: started.elapsed(),
    }
}

/// Our node asks one in Python.
pub async fn ours_asks_python<R: Runtime>(python: &Python, case: &Case) -> Passed {
    let started = Instant::now();
    let asked = case.python_node(python).await;
    let (builder, notified) = taking_notifications(case.node::<R>());
    let node = bind(builder).await;
    let (room, remote) = (case.datagram_room(), node.remote(asked.addr));
    let exchanges = exchanges(case, room);
    we_ask(&remote, &exchanges).await;
    we_are_told(&remote, async || notified.recv().await.unwrap()).await;
    we_hit_the_limit(&remote, room).await;
    many_at_once(&remote, &case.admin).await;
    node.stop().await;
    blocking(move || asked.close().unwrap()).await;
    Passed {
        transport: Transport::Udp,
        asks: Side::Ours,
        case: case.name,
        exchanges: exchanges.len(),
        time: started.elapsed(),
    }
}

/// The node, and what it is notified of.
pub(super) fn taking_notifications<R: Runtime>(
    node: UdpNodeBuilder<R>,
) -> (UdpNodeBuilder<R>, Receiver<Message>) {
    let (sender, notified) = async_channel::unbounded();
    let take = move |message: Message| {
        // A test that has ended wants no more.
        let _ = sender.try_send(message);
    };
    (node.on(NOTIFY_URI, take), notified)
}

/// Our node with wrong secrets and keys, and one in Python.
pub async fn python_refuses_ours<R: Runtime>(python: &Python) {
    let case = Case {
        outer: outer(true, false, false),
        admin: inner("admin", true, false),
        ..Case::default()
    };
    let asked = case.python_node(python).await;
    let timed_out = |answer: Result<_, _>| matches!(answer, Err(RequestError::TimedOut(_)));
    // The error that comes is not sealed: over datagrams it could be anybody's.
    let wrong = UdpNode::<R>::builder().auth(HmacAuth::new("wrong"));
    let wrong = bind(wrong.no_group()).await;
    let request = wrong.request(asked.addr, "echo").timeout(SHORT);
    assert!(timed_out(request.await));
    // Where nothing is verified, it is as good as any.
    let without = bind(UdpNode::<R>::builder().no_group()).await;
    let answer = without.request(asked.addr, "echo").await.unwrap();
    assert_message(&answer, AUTH_ERROR, "HMAC auth failed");

    let node = bind(case.node::<R>()).await;
    let wrong_admin = inner_layer(&inner("wrong", true, false));
    for inner in [Layer::new(), wrong_admin] {
        let creation = node.create(asked.addr, "u", "x").inner(inner);
        assert!(timed_out(creation.timeout(SHORT).await));
    }
    // An error without a uri could be a late answer to those: another node has asked nothing.
    let node = bind(case.node::<R>()).await;
    let answer = node.request(asked.addr, "u").await.unwrap();
    assert_message(&answer, NOT_FOUND, "not found");

    let ciphered = Case {
        outer: outer(false, true, true),
        ..Case::default()
    };
    let asked = ciphered.python_node(python).await;
    let wrong_key = Sha256StreamCipher::new("wrong").with_plain_uri();
    let node = bind(UdpNode::<R>::builder().cipher(wrong_key).no_group()).await;
    // A cipher proves nothing: what comes back is noise.
    let request = node.request(asked.addr, "echo").content("a content");
    let answer = request.await.unwrap();
    assert_eq!(answer.message_type, RESPOND_URI);
    assert_ne!(answer.content, "a content");
}

/// A Python node with wrong secrets, and ours.
pub async fn ours_refuses_python<R: Runtime>(python: &Python) {
    let case = Case {
        outer: outer(true, false, false),
        admin: inner("admin", true, false),
        ..Case::default()
    };
    let node = bind(case.node::<R>()).await;
    let (python, address) = (python.clone(), node.local_addr());
    blocking(move || {
        let start = |outer: Outer| {
            let mut case = case.clone();
            case.outer = outer;
            let mut node = python.node(&case.node_options()).unwrap();
            node.to = Some(address);
            node
        };
        let mut wrong = case.outer.clone();
        wrong.secret = Some("wrong".into());
        let mut node = start(wrong);
        node.timeout = SHORT;
        // The error is not sealed, so that this node does not believe it.
        let answer = node.request(Op::Request, b"echo", b"x").unwrap();
        assert_eq!(answer, Answer::Timeout);
        assert_eq!(node.next().unwrap(), Answer::Timeout);
        node.close().unwrap();

        let mut node = start(Outer::default());
        let kind = REQUEST_URI.value();
        node.send(kind, b"echo", b"x", &Inner::default()).unwrap();
        let error = node.next().unwrap();
        assert_answer(&error, "AUTH_ERROR", b"ERROR", b"HMAC auth failed");
        node.close().unwrap();

        let mut node = start(case.outer.clone());
        node.timeout = SHORT;
        for wrong in [Inner::default(), inner("wrong", true, false)] {
            let answer = node.request_with(Op::Create, b"u", b"x", &wrong).unwrap();
            assert_eq!(answer, Answer::Timeout);
        }
        let answer = node.request(Op::Request, b"u", b"").unwrap();
        assert_answer(&answer, "NOT_FOUND", b"u", b"not found");
        node.close().unwrap();
    })
    .await;
}
