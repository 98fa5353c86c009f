//! A cipher between two peers, whom their nodes know.

use super::*;
use crate::error::{DecryptFailure, OpenError, SealError, SendError};
use crate::message::types::*;
use crate::plugin::{Peer, X25519Cipher};

fn boxes(seed: u8) -> X25519Cipher {
    X25519Cipher::from_seed([seed; 32])
}

/// The end knows who is at the other.
fn introduce(end: &mut End, remote: &X25519Cipher) {
    let peer = Peer::new("id").with_data(remote.peer_data());
    let known = end.node.update_peer(NOON, peer, end.link.place());
    known.unwrap();
}

/// Links under each one's own outer cipher.
fn strangers() -> Pair {
    let layer = |seed| Layer::new().with_cipher(boxes(seed).with_encrypted_uri());
    Pair::new(
        LinkConfig::new().with_outer(layer(1)),
        LinkConfig::new().with_outer(layer(2)),
    )
}

#[test]
fn peers_talk_in_boxes_at_both_layers() {
    let mut pair = strangers();
    introduce(&mut pair.client, &boxes(2));
    introduce(&mut pair.server, &boxes(1));
    let inner = |seed| Layer::new().with_cipher(boxes(seed));
    pair.server
        .node
        .on((CREATE_URI, "u"), echo, inner(2))
        .unwrap();
    let options = RequestOptions::new().with_inner(inner(1));
    let id = pair.request_with(&Message::create("u", "content"), &options);
    pair.run();
    let (ended, answer) = pair.client.answer();
    assert_eq!((ended, &answer.content[..]), (id, &b"content"[..]));
    for sent in [&pair.client.sent, &pair.server.sent] {
        assert!(!sent.windows(7).any(|part| part == b"content"));
    }
}

#[test]
fn nothing_is_sent_to_a_stranger_and_nothing_taken_from_one() {
    let mut pair = strangers();
    let message = Message::create("u", "content");
    let unknown = SendError::Seal(SealError::NoPeer("X25519Cipher"));
    let sent = pair.client.send(NOON, &message, &SendOptions::new());
    assert_eq!(sent, Err(unknown));
    assert_eq!(pair.client.outbound(), []);

    // The client knows the server, who does not know the client.
    introduce(&mut pair.client, &boxes(2));
    pair.request(&message);
    pair.run();
    let refused = Refusal::Open {
        message_type: CREATE_URI,
        error: OpenError::Decrypt(DecryptFailure::NoPeer),
    };
    assert_eq!(pair.server.seen(), [Seen::Refused(refused)]);
}

#[test]
fn who_has_left_is_still_answered_in_boxes() {
    let mut pair = strangers();
    introduce(&mut pair.client, &boxes(2));
    introduce(&mut pair.server, &boxes(1));
    pair.server
        .node
        .on(CREATE_URI, nothing, Layer::new())
        .unwrap();
    pair.server.node.on(UPDATE_URI, echo, Layer::new()).unwrap();
    pair.request(&Message::create("u", "first"));
    pair.request(&Message::update("v", "second"));
    let asked = pair.client.outbound();
    pair.server.take(NOON, &asked, true);
    pair.server.drain(NOON);
    let left = Seen::HalfClosed(CloseReason::Remote);
    assert!(pair.server.seen().contains(&left));
    assert_eq!(pair.server.node.peers().len(), 0);
    let call = pair.server.unanswered.pop_front().unwrap();
    let answer = Message::ok("u", "done");
    pair.server.reply(NOON, call, answer).unwrap();
    pair.run();
    let answers = pair.client.seen();
    let answers = answers.iter().filter_map(|seen| match seen {
        Seen::Answered(_, answer) => Some(answer.message.content.clone()),
        _ => None,
    });
    assert_eq!(answers.collect::<Vec<_>>(), ["done", "second"]);
}
