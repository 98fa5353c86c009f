//! Where datagrams leave from, and those that cannot leave.

use alloc::string::ToString;
use alloc::vec;
use core::net::IpAddr;

use super::*;

fn local(last: u8) -> Option<IpAddr> {
    Some([192, 0, 2, last].into())
}

/// An end that calls a handler for requests.
fn server() -> End {
    let mut server = end(Layer::new());
    let key = (types::REQUEST_URI, "u");
    server.node.on(key, (), Layer::new()).unwrap();
    server
}

impl End {
    fn receive_at(&mut self, local: Option<IpAddr>, from: SocketAddr, message: &Message) {
        let datagram = BytesMut::from(&frame(message)[..]);
        let received = self.link.receive_at(NOON, from, local, datagram);
        received.unwrap();
    }

    /// Where what it sends leaves from, and goes.
    fn sources(&mut self) -> Vec<(Option<IpAddr>, SocketAddr)> {
        let (mut all, mut out) = (Vec::new(), Transmits::new());
        while self.link.poll_outbound(&mut out) {
            let datagrams = out.iter().enumerate();
            all.extend(datagrams.map(|(index, (to, _))| (out.source(index), to)));
        }
        all
    }

    /// Has all that it sends refused.
    fn refuse_all(&mut self, reason: &str) {
        let mut out = Transmits::new();
        self.link.poll_outbound(&mut out);
        for index in 0..out.count() + 1 {
            self.link.send_failed(NOON, &out, index, reason);
        }
    }
}

#[test]
fn answers_leave_from_where_their_requests_came_to() {
    let mut server = server();
    let request = Message::request("u");
    for last in [1, 2, 3] {
        server.receive_at(local(last), at(1), &request);
    }
    server.receive_at(None, at(2), &request);
    let mut calls: Vec<_> = server
        .events(NOON)
        .into_iter()
        .map(|event| match event {
            DatagramEvent::Call { call, .. } => call,
            other => panic!("no call: {other:?}"),
        })
        .collect();
    // In any order.
    calls.rotate_left(1);
    for call in calls {
        server.reply(NOON, call, Message::respond_uri("u", ""));
    }
    let expected = [
        (local(2), at(1)),
        (local(3), at(1)),
        (None, at(2)),
        (local(1), at(1)),
    ];
    assert_eq!(server.sources(), expected);
}

#[test]
fn what_the_node_says_by_itself_leaves_from_there_too() {
    let mut server = end(Layer::new());
    server.node.set_unrouted(Unrouted::NotFound);
    server.receive_at(local(1), at(1), &Message::request("nothing"));
    server.events(NOON);
    assert_eq!(server.sources(), [(local(1), at(1))]);
    // News, requests and messages to those who were heard before.
    let news = Message::notify("news", "");
    server.receive_at(local(2), at(2), &news);
    server.events(NOON);
    server
        .forward(NOON, [at(1), at(2), at(3)], &news, true)
        .unwrap();
    server.events(NOON);
    let expected = [(local(1), at(1)), (local(2), at(2)), (None, at(3))];
    assert_eq!(server.sources(), expected);
    let options = RequestOptions::new();
    server
        .request(NOON, at(2), &Message::request("u"), &options)
        .unwrap();
    server.send(at(1), &news).unwrap();
    assert_eq!(server.sources(), [(local(2), at(2)), (local(1), at(1))]);
}

#[test]
fn a_request_that_cannot_leave_fails_at_once() {
    let mut client = end(Layer::new());
    let options = RequestOptions::new();
    let ask = |client: &mut End, uri: &'static str| {
        client
            .request(NOON, at(1), &Message::request(uri), &options)
            .unwrap()
    };
    let (one, cancelled, other) = (
        ask(&mut client, "1"),
        ask(&mut client, "2"),
        ask(&mut client, "3"),
    );
    client.link.cancel(cancelled);
    client.refuse_all("no route");
    let failed: Vec<_> = client
        .events(NOON)
        .into_iter()
        .map(|event| match event {
            DatagramEvent::Failed { request, error } => (request, error),
            other => panic!("no failure: {other:?}"),
        })
        .collect();
    let error = RequestError::NotSent("no route".to_string());
    assert_eq!(failed, vec![(one, error.clone()), (other, error)]);
    assert_eq!(client.link.pending_requests(), 0);
    assert_eq!(client.deadline(), None);
    assert_eq!(client.link.counters().not_sent, 3);
}

#[test]
fn whatever_else_cannot_leave_is_told() {
    let mut end = end(Layer::new());
    let news = Message::notify("news", "");
    end.forward(NOON, [at(1), at(2)], &news, true).unwrap();
    end.events(NOON);
    end.send(at(3), &news).unwrap();
    end.refuse_all("no route");
    let told: Vec<_> = end
        .events(NOON)
        .into_iter()
        .map(|event| match event {
            DatagramEvent::NotSent { remote, error } => (remote, error.to_string()),
            other => panic!("nothing told: {other:?}"),
        })
        .collect();
    let text = "the datagram could not be sent: no route";
    assert_eq!(told, [1, 2, 3].map(|number| (at(number), text.to_string())));
    assert_eq!(end.link.counters().not_sent, 3);
}

/// What the network says of datagrams, one to an address: that it could not be delivered.
fn quote(client: &mut End, remote: SocketAddr, quoted: &[u8]) -> Vec<(RequestId, RequestError)> {
    client.link.undelivered(NOON, remote, quoted, "refused");
    let events = client.events(NOON).into_iter();
    let failed = events.map(|event| match event {
        DatagramEvent::Failed { request, error } => (request, error),
        other => panic!("no failure: {other:?}"),
    });
    failed.collect()
}

#[test]
fn a_request_that_was_not_delivered_fails_alone() {
    let mut client = end(Layer::new());
    let options = RequestOptions::new();
    let ask = |client: &mut End, to, uri: &'static str| {
        let message = Message::request(uri);
        let request = client.request(NOON, to, &message, &options).unwrap();
        let mut out = Transmits::new();
        client.link.poll_outbound(&mut out);
        (request, out.get(0).unwrap().1.to_vec())
    };
    let (one, datagram) = ask(&mut client, at(1), "u");
    let (same, again) = ask(&mut client, at(1), "u");
    let (cancelled, third) = ask(&mut client, at(1), "v");
    let (_, elsewhere) = ask(&mut client, at(2), "u");
    client.link.cancel(cancelled);
    // Another's address, a datagram of another kind, one that is quoted too briefly, nothing.
    assert_eq!(quote(&mut client, at(2), &datagram), []);
    let news = frame(&Message::notify("u", ""));
    assert_eq!(quote(&mut client, at(1), &news), []);
    let len = datagram.len().min(48);
    assert_eq!(quote(&mut client, at(1), &datagram[..len - 1]), []);
    assert_eq!(quote(&mut client, at(1), b""), []);
    assert_eq!(quote(&mut client, at(1), &third), []);

    let error = RequestError::Undelivered("refused".to_string());
    assert!(error.was_surely_not_handled());
    let more = [&again[..], b"what is behind it"].concat();
    assert_eq!(quote(&mut client, at(1), &more), [(same, error.clone())]);
    assert_eq!(quote(&mut client, at(1), &more), []);
    assert_eq!(quote(&mut client, at(1), &datagram), [(one, error)]);
    assert_eq!(client.link.pending_requests(), 1);
    assert_eq!(quote(&mut client, at(2), &elsewhere).len(), 1);
    assert_eq!(
        (client.link.pending_requests(), client.deadline()),
        (0, None)
    );
    assert_eq!(client.link.counters().undelivered, 4);
}
