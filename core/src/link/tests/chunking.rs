//! Where a stream is cut makes no difference.

use super::*;
use crate::message::types::*;

/// A busy stream from client to server: handled, refused and unrouted messages,
/// large and small, up to one that is no frame.
fn stream(outer: &Layer) -> Vec<u8> {
    let mut pair = Pair::sealed(outer.clone());
    let inner = SendOptions::new().with_inner(inner_hmac("inner"));
    let plain = SendOptions::new();
    for n in 0..3u8 {
        for (message, options) in [
            (Message::request("u"), &plain),
            (Message::create("u", [n; 3000].to_vec()), &inner),
            (Message::create("u", "not the admin"), &plain),
            (Message::notify("", ""), &plain),
        ] {
            pair.client.send(NOON, &message, options).unwrap();
        }
    }
    let mut stream = pair.client.outbound();
    stream.extend(broken_frame(&Message::request("u")));
    stream.extend(frame(&Message::request("nobody proved this")));
    stream.extend(b"\xff no frame");
    stream
}

/// What the server sees and says of a stream in these chunks.
fn seen<'a>(outer: &Layer, chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Seen>, Vec<u8>) {
    let mut pair = Pair::sealed(outer.clone());
    pair.server
        .node
        .on((REQUEST_URI, "u"), echo, Layer::new())
        .unwrap();
    pair.server
        .node
        .on(CREATE_URI, echo, inner_hmac("inner"))
        .unwrap();
    for chunk in chunks {
        pair.server.receive(NOON, chunk);
        pair.server.run(NOON);
    }
    (pair.server.seen, pair.server.sent)
}

#[test]
fn one_chunk_and_many_give_the_same_events_and_answers() {
    let both = hmac("secret").with_cipher(Sha256StreamCipher::new("key"));
    for outer in [Layer::new(), hmac("secret"), both] {
        let stream = stream(&outer);
        let whole = seen(&outer, core::iter::once(&stream[..]));
        assert_eq!(whole.0.len(), 3 * 4 + 3);
        assert!(matches!(
            whole.0.last(),
            Some(Seen::Closed(CloseReason::Malformed(_)))
        ));
        for size in [1, 2, 7, 9, 10, 1000] {
            assert_eq!(seen(&outer, stream.chunks(size)), whole, "{size}");
        }
    }
}

#[test]
fn reading_into_the_links_own_buffer_is_the_same_as_handing_it_bytes() {
    let layer = hmac("secret");
    let stream = stream(&layer);
    let expected = seen(&layer, core::iter::once(&stream[..]));
    let mut pair = Pair::sealed(layer);
    pair.server
        .node
        .on((REQUEST_URI, "u"), echo, Layer::new())
        .unwrap();
    pair.server
        .node
        .on(CREATE_URI, echo, inner_hmac("inner"))
        .unwrap();
    let mut rest = &stream[..];
    while !rest.is_empty() {
        let buffer = pair.server.link.receive_buffer();
        let room = buffer.spare_capacity_mut().len();
        assert!(room >= 1024);
        let (chunk, behind) = rest.split_at(room.min(rest.len()));
        buffer.extend_from_slice(chunk);
        pair.server.link.received(NOON, chunk.len());
        pair.server.run(NOON);
        rest = behind;
    }
    assert_eq!((pair.server.seen, pair.server.sent), expected);
    pair.server.link.release_receive_buffer();
}
