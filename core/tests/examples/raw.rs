//! Frames by hand: the core refuses to send some that it receives.

use std::sync::Arc;

use bytes::BytesMut;
use netaio_core::{AuthFields, Deframer, Header, Message, MessageType, Wire};

/// What no frame begins with.
pub(crate) const GARBAGE: [u8; 20] = [0xff; 20];

/// Uris and contents of these lengths together are received, but can no longer be sent.
pub(crate) const TOO_LONG: [usize; 2] = [65_423, 65_533];

pub(crate) fn request(uri: &str, content: &[u8]) -> Vec<u8> {
    let mut body = (uri.len() as u16).to_be_bytes().to_vec();
    body.extend_from_slice(uri.as_bytes());
    body.extend_from_slice(content);
    let mut auth = Vec::new();
    AuthFields::new().encode(&mut auth).unwrap();
    let header = Header {
        message_type: MessageType::REQUEST_URI,
        auth_len: auth.len(),
        body_len: body.len(),
        checksum: Some(crc32fast::hash(&body)),
    };
    let mut frame = vec![0; Header::LEN];
    header.encode(&mut frame).unwrap();
    frame.extend_from_slice(&auth);
    frame.extend_from_slice(&body);
    frame
}

/// A request whose echo is `len` bytes of uri and content.
pub(crate) fn long_request(len: usize) -> Vec<u8> {
    request("echo", &vec![b'.'; len - "echo".len()])
}

/// The messages in some bytes, all of which are frames.
pub(crate) fn messages(bytes: &[u8]) -> Vec<Message> {
    let wire = Arc::new(Wire::default());
    let mut deframer = Deframer::new(wire.clone());
    let mut bytes = BytesMut::from(bytes);
    let mut messages = Vec::new();
    while let Some(frame) = deframer.next(&mut bytes).unwrap() {
        messages.push(frame.decode(&wire).unwrap().into_message());
    }
    deframer.finish(&bytes).unwrap();
    messages
}

/// Sees that an `ERROR` came in the place of what could not be sent.
pub(crate) fn assert_replaced(answers: &[Message]) {
    let [answer] = answers else {
        panic!("{} answers", answers.len());
    };
    assert_eq!(answer.message_type, MessageType::ERROR);
    assert_eq!(answer.uri, "echo");
    let text = String::from_utf8_lossy(&answer.content);
    assert!(text.contains("at most 65422"), "{text}");
}
