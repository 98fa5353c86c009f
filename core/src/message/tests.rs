//! Message types, auth fields and bodies, by their public methods.

use alloc::format;
use alloc::vec::Vec;

use bytes::BytesMut;

use super::*;
use crate::frame::{Frame, encode_plain};
use crate::packify::{DecodeLimits, Value, ValueRef};
use crate::wire::Wire;

fn received(fields: &AuthFields) -> AuthFields {
    let mut section = Vec::new();
    fields.encode(&mut section).unwrap();
    AuthFields::decode(section.into(), &DecodeLimits::DEFAULT).unwrap()
}

fn values(is: impl Fn(MessageType) -> bool) -> Vec<u8> {
    (0..=255)
        .filter(|value| is(MessageType::new(*value)))
        .collect()
}

#[test]
fn errors_and_answers_are_those_of_the_protocol() {
    assert_eq!(values(MessageType::is_error), [20, 23, 24, 25]);
    assert_eq!(
        values(MessageType::is_answer),
        [1, 10, 11, 12, 20, 23, 24, 25]
    );
    let error = Message::new(MessageType::NOT_FOUND, "u", "");
    assert!(error.is_error() && !Message::request("u").is_error());
    assert!(!Message::request("ERROR").is_anonymous_error());
}

#[test]
fn an_owned_message_keeps_no_receive_buffer() {
    let mut sent = Message::new(MessageType::REQUEST_URI, "uri", "content");
    sent.auth.set_bytes("field", b"value").unwrap();
    let (wire, mut frame) = (Wire::default(), Vec::new());
    encode_plain(&wire, &sent, &sent.auth, &mut frame).unwrap();
    let receive = |buffer: &mut BytesMut| {
        buffer.extend_from_slice(&frame);
        let frame = Frame::from_datagram(&wire, buffer.split()).unwrap();
        frame.decode(&wire).unwrap().into_message()
    };
    const ROOM: usize = 4096;
    let mut buffer = BytesMut::with_capacity(ROOM);
    // Each part keeps the buffer, and room in it cannot be used again.
    let message = receive(&mut buffer);
    let Message { uri, content, .. } = message.clone();
    drop(message);
    assert!(!buffer.try_reclaim(ROOM));
    drop(uri);
    assert!(!buffer.try_reclaim(ROOM));
    drop(content);
    assert!(buffer.try_reclaim(ROOM));

    let stored = receive(&mut buffer).into_owned();
    assert!(buffer.try_reclaim(ROOM));
    assert_eq!(stored, sent);
    let (uri, content) = (stored.uri.try_into_mut(), stored.content.try_into_mut());
    assert_eq!(uri.unwrap().capacity(), 3);
    assert_eq!(content.unwrap().capacity(), 7);
    // One that was not received is the same, too.
    assert_eq!(sent.clone().into_owned(), sent);
}

#[test]
fn a_type_is_shown_by_its_name_or_its_number() {
    let (named, unnamed) = (MessageType::NOT_FOUND, MessageType::new(77));
    assert_eq!((u8::from(named), u8::from(unnamed)), (24, 77));
    assert_eq!(
        (format!("{named}"), format!("{named:?}")),
        ("NOT_FOUND".into(), "NOT_FOUND".into())
    );
    assert_eq!(
        (format!("{unnamed}"), format!("{unnamed:?}")),
        ("type 77".into(), "MessageType(77)".into())
    );
}

#[test]
fn a_registry_finds_names_and_types_and_says_why_it_refuses() {
    let mut types = MessageTypes::base();
    let (ping, pong) = (MessageType::new(31), MessageType::new(32));
    assert_eq!(types.register(31, "PING"), Ok(ping));
    assert_eq!(types.register(32, "PONG"), Ok(pong));
    assert_eq!(types.name(pong), Some("PONG"));
    assert_eq!(types.name(MessageType::OK), Some("OK"));
    assert_eq!(types.name(MessageType::new(33)), None);
    assert_eq!(types.by_name("PONG"), Some(pong));
    assert_eq!(types.by_name("OK"), Some(MessageType::OK));
    assert_eq!(types.by_name("PANG"), None);
    let custom: Vec<_> = types.iter().skip(MessageType::BASE.len()).collect();
    assert_eq!(custom, [ping, pong]);

    let refused = [(30, "X"), (33, ""), (31, "X"), (33, "PONG"), (33, "OK")];
    let refused = refused.map(|(value, name)| types.register(value, name).unwrap_err());
    let taken = |name: &str, value| RegisterError::NameTaken {
        name: name.into(),
        value,
    };
    let expected = [
        RegisterError::Reserved(30),
        RegisterError::Unnamed(33),
        RegisterError::ValueTaken {
            value: 31,
            name: "PING".into(),
        },
        taken("PONG", 32),
        taken("OK", 10),
    ];
    assert_eq!(refused, expected);
}

#[test]
fn fields_of_any_type_are_set_read_and_removed() {
    let mut own = AuthFields::new();
    assert!(own.is_empty() && own.get("n").is_none() && !own.remove("n"));
    own.set_u64("n", 1 << 40).unwrap();
    own.set("t", &"text".into()).unwrap();
    own.insert(&7.into(), &"seven".into()).unwrap();
    own.insert(&Value::Bytes(b"t".into()), &8.into()).unwrap();
    own.set_bytes("b", b"bytes").unwrap();
    for fields in [&own, &received(&own)] {
        let number = fields.get("n").and_then(|value| value.as_int()?.to_u64());
        assert_eq!(number, Some(1 << 40));
        assert_eq!(
            fields.get("t").and_then(|value| value.as_str()),
            Some("text")
        );
        assert_eq!(fields.get_bytes("b"), Some(&b"bytes"[..]));
        assert_eq!(fields.get_bytes("t"), None);
        assert!(fields.get("7").is_none());
        assert_eq!(fields.len(), 5);
        assert!(!fields.is_empty());
        let packed = fields.view().get_packed("t").unwrap();
        assert_eq!(packed, Value::from("text").to_vec().unwrap());
        assert_eq!(fields.view().get_packed("7"), None);
    }
    for mut fields in [received(&own), own] {
        assert!(fields.remove("t") && fields.get("t").is_none());
        assert_eq!(fields.len(), 4);
        assert!(fields.get("n").is_some() && fields.get("b").is_some());
        fields.clear();
        assert!(fields.is_empty());
        assert_eq!(fields, AuthFields::new());
    }
}

#[test]
fn fields_are_equal_if_they_are_sent_alike() {
    let fields = |pairs: &[(&str, u64)]| {
        let mut fields = AuthFields::new();
        for (name, number) in pairs {
            fields.set_u64(name, *number).unwrap();
        }
        fields
    };
    let one = fields(&[("a", 1), ("b", 2)]);
    assert_eq!(one, fields(&[("b", 2), ("a", 1)]));
    assert_eq!(one, received(&one));
    for other in [
        &[("a", 1)][..],
        &[("a", 1), ("b", 3)],
        &[("a", 1), ("c", 2)],
    ] {
        assert_ne!(one, fields(other));
    }
}

#[test]
fn a_field_that_is_set_again_is_there_once_and_a_longer_name_is_another() {
    let mut fields = AuthFields::new();
    fields.set_u64("name", 1).unwrap();
    fields.set_u64("nam", 2).unwrap();
    fields.insert(&"name".into(), &3.into()).unwrap();
    let read: Vec<_> = fields
        .view()
        .iter()
        .filter_map(|(key, value)| Some((key.as_str()?, value.as_int()?.to_u64()?)))
        .collect();
    assert_eq!(read, [("nam", 2), ("name", 3)]);
    let packed: Vec<_> = fields.view().packed().collect();
    assert_eq!(packed[1], (&b"\x43\x04name"[..], &b"\x44\x03"[..]));
}

#[test]
fn a_section_is_a_dict_and_what_stands_behind_it_is_ignored() {
    let view = |section: &'static [u8]| {
        AuthView::decode(section, &DecodeLimits::DEFAULT).map(|view| view.iter().count())
    };
    assert_eq!(view(b""), Ok(0));
    assert_eq!(view(b"\x4d\x40\0"), Ok(0));
    assert_eq!(view(b"\x4d\x40\0tail"), Ok(0));
    assert_eq!(
        view(b"\x4d\x40\x01\x09\x4c\x40\x02\x03\x01\x43\x01f\0tail"),
        Ok(1)
    );
    assert!(view(b"\x4a\x40\0").is_err() && view(b"\0").is_err() && view(b"\x4d").is_err());
    let some = AuthView::decode(
        b"\x4d\x40\x01\x09\x4c\x40\x02\x03\x01\x43\x01f\0",
        &DecodeLimits::DEFAULT,
    );
    assert!(matches!(some.unwrap().get("f"), Some(ValueRef::None)));
}

#[test]
fn what_is_shown_of_a_message_is_bounded() {
    let shown = format!(
        "{:?}",
        Message::notify(alloc::vec![0; 30_000], alloc::vec![0; 30_000])
    );
    assert_eq!(shown.matches(".. (30000 bytes)").count(), 2, "{shown}");
    assert!(shown.len() < 1000, "{shown}");
    let small = format!("{:?}", Message::ok("u", "c"));
    assert!(small.contains(r#"uri: b"u", content: b"c""#), "{small}");
}
