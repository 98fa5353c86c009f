//! A run can be repeated to the byte.

use super::*;
use crate::message::types::*;

/// Many requests under two layers, some cancelled, some timed out; all bytes
/// and events of both ends.
fn run(seed: u64) -> (Vec<u8>, Vec<u8>, Vec<Seen>, Vec<Seen>) {
    let layer = hmac("secret").with_cipher(Sha256StreamCipher::new("key"));
    let inner = inner_hmac("inner").with_cipher(inner_cipher("key"));
    let config = LinkConfig::new().with_outer(layer);
    let mut pair = Pair {
        client: End::client(config.clone(), seed),
        server: End::server(config, seed + 1),
        now: NOON,
    };
    pair.server
        .node
        .on(REQUEST_URI, echo, Layer::new())
        .unwrap();
    pair.server
        .node
        .on(CREATE_URI, echo, inner.clone())
        .unwrap();
    pair.server
        .node
        .on(UPDATE_URI, nothing, Layer::new())
        .unwrap();
    for n in 0..30u8 {
        let uri = [b'a' + n % 7].to_vec();
        let id = match n % 3 {
            0 => pair.request(&Message::request(uri)),
            1 => {
                let options = RequestOptions::new().with_inner(inner.clone());
                pair.request_with(&Message::create(uri, [n].to_vec()), &options)
            }
            _ => pair.request(&Message::update(uri, "")),
        };
        if n % 5 == 0 {
            pair.client.link.cancel(id);
        }
        pair.run();
        pair.server.dismiss(pair.now);
        pair.pass(SECOND);
    }
    pair.request(&Message::update("last", ""));
    pair.client.close(pair.now);
    pair.run();
    let Pair { client, server, .. } = pair;
    (client.sent, server.sent, client.seen, server.seen)
}

#[test]
fn the_same_seed_and_inputs_give_the_same_bytes_and_events() {
    let first = run(1);
    // 25 of 31 requests were not cancelled, and the late answers of four others are told of;
    // the end is an event too, and two where a handler runs.
    assert_eq!((first.2.len(), first.3.len()), (25 + 4 + 1, 30 + 2));
    assert_eq!(run(1), first);
    let other = run(2);
    assert_ne!(other.0, first.0);
    // Nonces are all that the seed decides.
    assert_eq!(other.2.len(), first.2.len());
}
