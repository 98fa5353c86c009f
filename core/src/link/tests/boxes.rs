//! A cipher between two peers, whom the links' directories know.

use super::*;
use crate::error::{DecryptFailure, OpenError, SealError, SendError};
use crate::message::types::*;
use crate::plugin::{KnownPeers, Peer, PeerDirectory, X25519Cipher};

/// Knows one remote peer, wherever it is.
struct Knows(Peer);

impl PeerDirectory for Knows {
    fn look_up(&self, _: Option<SocketAddr>) -> KnownPeers {
        KnownPeers {
            remote: Some(self.0.clone()),
            ..KnownPeers::default()
        }
    }
}

fn boxes(seed: u8) -> X25519Cipher {
    X25519Cipher::from_seed([seed; 32])
}

fn introduce(end: End, remote: &X25519Cipher) -> End {
    let peer = Peer::new("id").with_data(remote.peer_data());
    End {
        link: end.link.with_directory(Arc::new(Knows(peer))),
        ..end
    }
}

/// Links under each one's own outer cipher.
fn strangers() -> Pair {
    let layer = |seed| Layer::new().with_cipher(boxes(seed).with_encrypted_uri());
    Pair::new(
        LinkConfig::new(Role::Client).with_outer(layer(1)),
        LinkConfig::new(Role::Server).with_outer(layer(2)),
    )
}

#[test]
fn peers_talk_in_boxes_at_both_layers() {
    let mut pair = strangers();
    pair.client = introduce(pair.client, &boxes(2));
    pair.server = introduce(pair.server, &boxes(1));
    let inner = |seed| Layer::new().with_cipher(boxes(seed));
    pair.server.node.on((CREATE_URI, "u"), echo, inner(2));
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
    let sent = pair.client.link.send(NOON, &message, &SendOptions::new());
    assert_eq!(sent, Err(unknown));
    assert_eq!(pair.client.outbound(), []);

    // The client knows the server, who does not know the client.
    pair.client = introduce(pair.client, &boxes(2));
    pair.request(&message);
    pair.run();
    let refused = Refusal::Open {
        message_type: CREATE_URI,
        error: OpenError::Decrypt(DecryptFailure::NoPeer),
    };
    assert_eq!(pair.server.seen(), [Seen::Refused(refused)]);
}
