//! Who asks so often that the node's own answers run out, and shows that it receives.

use super::*;

/// What a node answers to one datagram of an address.
fn answer(node: &mut End, from: SocketAddr, message: &Message) -> Option<Message> {
    node.receive(NOON, from, frame(message));
    for event in node.events(NOON) {
        if let DatagramEvent::Call { call, message, .. } = event {
            node.reply(NOON, call, Message::respond_uri(message.uri, ""));
        }
    }
    let (_, datagram) = node.sent().pop()?;
    unopened(&datagram).pop()
}

#[test]
fn who_shows_that_it_receives_is_refused_as_often_as_it_asks() {
    let mut node = end(Layer::new());
    let open = (types::REQUEST_URI, "open");
    node.node.on(open, (), Layer::new()).unwrap();
    let closed = (types::REQUEST_URI, "closed");
    node.node.on(closed, (), hmac("secret")).unwrap();
    let refused = |node: &mut End| {
        let answer = answer(node, at(1), &Message::request("closed"));
        answer.is_some_and(|answer| answer.message_type == types::AUTH_ERROR)
    };
    // Of refusals there are ten at once.
    let first = answer(&mut node, at(1), &Message::request("open")).unwrap();
    assert!(first.auth.get("sck").is_none());
    assert_eq!((0..20).filter(|_| refused(&mut node)).count(), 10);
    // From a quarter of them on every other answer has a cookie.
    let given = answer(&mut node, at(1), &Message::request("open")).unwrap();
    let mut cookie = given.auth.get_bytes("sck").unwrap().to_vec();
    cookie[0] = 0;
    let mut repeating = Message::request("closed");
    repeating.auth.set_bytes("ck", &cookie).unwrap();
    let answered = answer(&mut node, at(1), &repeating).unwrap();
    assert_eq!(answered.message_type, types::AUTH_ERROR);
    assert_eq!((0..20).filter(|_| refused(&mut node)).count(), 20);
}
