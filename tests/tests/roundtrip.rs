//! Random messages through random layers and back, and bytes that are no messages: nothing
//! panics, and how the bytes are cut into chunks makes no difference.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

use std::sync::Arc;

use bytes::BytesMut;
use chacha20::ChaCha8Rng;
use netaio_core::packify::{Decimal, Dict, Set, Value};
use netaio_core::plugin::{OpenContext, PeerContext, SealContext};
use netaio_core::{
    Body, Deframer, Frame, FrameError, Message, MessageType, Now, OpenError, Sealer, Wire,
};
use netaio_tests::judge::{self, packed_fields};
use netaio_tests::vectors::{Layers, PackedField};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rand_core::SeedableRng;

/// Names of auth fields, those that plugins write among them.
const NAMES: [&str; 9] = ["hmac", "nonce", "ts", "iv", "camh", "vi", "a", "name", ""];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u32>().prop_map(|number| Value::Float(number.into())),
        vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        vec(any::<u8>(), 250..260).prop_map(Value::ByteArray),
        "\\PC{0,12}".prop_map(Value::Str),
        any::<i32>().prop_map(|n| Value::Decimal(Decimal::parse(&format!("{n}e-3")).unwrap())),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let hashable = |items: Vec<Value>| items.into_iter().filter(Value::is_hashable);
    scalar().prop_recursive(3, 20, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::List),
            vec(inner.clone(), 0..4).prop_map(Value::Tuple),
            vec(inner.clone(), 0..5)
                .prop_map(move |items| Value::Set(Set::from_values(hashable(items)).unwrap())),
            vec((inner.clone(), inner), 0..4).prop_map(|pairs| {
                let pairs = pairs.into_iter().filter(|(key, _)| key.is_hashable());
                Value::Dict(Dict::from_pairs(pairs).unwrap())
            }),
        ]
    })
}

fn kind() -> impl Strategy<Value = MessageType> {
    let custom = (MessageType::FIRST_CUSTOM..=255).prop_map(MessageType::new);
    prop_oneof![select(MessageType::BASE.to_vec()), custom]
}

fn message() -> impl Strategy<Value = Message> {
    let fields = vec((select(NAMES.to_vec()), value()), 0..5);
    let content = prop_oneof![
        9 => vec(any::<u8>(), 0..300),
        1 => (any::<u8>(), 60_000..65_000usize).prop_map(|(byte, len)| vec![byte; len]),
    ];
    (kind(), vec(any::<u8>(), 0..40), content, fields).prop_map(|(kind, uri, content, fields)| {
        let mut message = Message::new(kind, uri, content);
        for (name, value) in fields {
            message.auth.set(name, &value).unwrap();
        }
        message
    })
}

fn layers() -> impl Strategy<Value = Layers> {
    let text = || option::of("[a-z]{1,8}");
    (text(), text(), any::<bool>(), text(), text()).prop_map(
        |(secret, key, plain_uri, inner_secret, inner_key)| Layers {
            secret,
            key,
            plain_uri,
            inner_secret,
            inner_key,
            names: None,
        },
    )
}

fn seal(wire: &Wire, layers: &Layers, messages: &[Message], seed: u64) -> Vec<u8> {
    let (mut sealer, mut rng) = (Sealer::new(), ChaCha8Rng::seed_from_u64(seed));
    let mut out = Vec::new();
    for message in messages {
        let mut context = SealContext {
            now: Now {
                unix: seed,
                ..Now::default()
            },
            rng: &mut rng,
            peers: PeerContext::default(),
        };
        let (outer, inner) = (layers.outer(), layers.inner());
        sealer
            .seal(wire, &outer, &inner, message, &mut context, &mut out)
            .unwrap();
    }
    out
}

/// `bytes` in pieces that end at the given places.
fn chunks<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let starts = [0].into_iter().chain(ends.clone());
    starts
        .zip(ends)
        .map(|(from, to)| &bytes[from..to])
        .collect()
}

/// What a receiver sees.
#[derive(Debug, PartialEq)]
enum Event {
    Message {
        offset: u64,
        kind: MessageType,
        checksum: Option<u32>,
        uri: Vec<u8>,
        content: Vec<u8>,
        auth: Vec<PackedField>,
    },
    Malformed(FrameError),
    Refused(OpenError),
}

fn receive(wire: &Arc<Wire>, layers: &Layers, chunks: &[&[u8]]) -> Vec<Event> {
    let mut deframer = Deframer::new(wire.clone());
    let (mut input, mut events) = (BytesMut::new(), Vec::new());
    for chunk in chunks {
        input.extend_from_slice(chunk);
        loop {
            match deframer.next(&mut input) {
                Ok(Some(frame)) => events.push(open(frame, wire, layers)),
                Ok(None) => break,
                Err(error) => {
                    // Out of step for good.
                    assert_eq!(deframer.next(&mut input).unwrap_err(), error);
                    events.push(Event::Malformed(error));
                    return events;
                }
            }
        }
    }
    events.extend(deframer.finish(&input).err().map(Event::Malformed));
    events
}

fn open(frame: Frame, wire: &Wire, layers: &Layers) -> Event {
    let offset = frame.offset();
    let mut sealed = match frame.decode(wire) {
        Ok(sealed) => sealed,
        Err(kind) => return Event::Malformed(FrameError { offset, kind }),
    };
    let context = OpenContext {
        now: Now::default(),
        peers: PeerContext::default(),
    };
    let opened = sealed
        .open(&layers.outer(), wire, &context)
        .and_then(|()| sealed.open_within(&layers.outer(), &layers.inner(), wire, &context));
    if let Err(error) = opened {
        return Event::Refused(error);
    }
    let checksum = sealed.checksum();
    let message = sealed.into_message();
    Event::Message {
        offset,
        kind: message.message_type,
        checksum,
        uri: message.uri.to_vec(),
        content: message.content.to_vec(),
        auth: packed_fields(&message.auth),
    }
}

/// The fields that a message's own plugins write.
fn written(layers: &Layers) -> Vec<Value> {
    let mut names = Vec::new();
    if layers.secret.is_some() || layers.inner_secret.is_some() {
        names.extend(["nonce", "ts"]);
    }
    names.extend(layers.secret.as_ref().map(|_| "hmac"));
    names.extend(layers.inner_secret.as_ref().map(|_| Layers::INNER_HMAC));
    names.extend(layers.key.as_ref().map(|_| "iv"));
    names.extend(layers.inner_key.as_ref().map(|_| Layers::INNER_IV));
    names.into_iter().map(Value::from).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn sealed_messages_open_to_the_same(
        messages in vec(message(), 1..4),
        layers in layers(),
        seed in any::<u64>(),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let wire = judge::wire(true);
        let stream = seal(&wire, &layers, &messages, seed);
        let events = receive(&wire, &layers, &chunks(&stream, &cuts));
        prop_assert_eq!(events.len(), messages.len());
        let written = written(&layers);
        let packed: Vec<Vec<u8>> = written.iter().map(|name| name.to_vec().unwrap()).collect();
        let mut next = 0;
        for (event, message) in events.iter().zip(&messages) {
            let Event::Message { offset, kind, uri, content, auth, .. } = event else {
                return Err(TestCaseError::fail(format!("{event:?}")));
            };
            prop_assert_eq!(*kind, message.message_type);
            prop_assert!(message.uri == *uri && message.content == *content);
            prop_assert!(*offset >= next, "the offset goes back");
            next = *offset + 1;
            // The plugins' fields are theirs; the others come through.
            let own = |fields: Vec<PackedField>| -> Vec<PackedField> {
                fields.into_iter().filter(|(name, _)| !packed.contains(&name.0)).collect()
            };
            prop_assert_eq!(own(auth.clone()), own(packed_fields(&message.auth)));
            prop_assert_eq!(auth.len(), own(auth.clone()).len() + packed.len());
        }
    }

    #[test]
    fn no_two_sends_are_alike(message in message(), layers in layers(), seed in any::<u64>()) {
        let wire = judge::wire(true);
        let stream = seal(&wire, &layers, &[message.clone(), message], seed);
        let (first, second) = stream.split_at(stream.len() / 2);
        prop_assert_eq!(first == second, written(&layers).is_empty());
    }

    #[test]
    fn chunks_make_no_difference_to_damaged_streams(
        messages in vec(message(), 1..4),
        layers in layers(),
        damage in vec((any::<Index>(), any::<u8>()), 0..4),
        cut_off in option::of(any::<Index>()),
        cuts in vec(any::<Index>(), 1..20),
    ) {
        let wire = judge::wire(true);
        let mut stream = seal(&wire, &layers, &messages, 1);
        for (place, byte) in damage {
            let place = place.index(stream.len());
            stream[place] ^= byte;
        }
        if let Some(end) = cut_off {
            stream.truncate(end.index(stream.len()));
        }
        let whole = receive(&wire, &layers, &[&stream]);
        prop_assert_eq!(&receive(&wire, &layers, &chunks(&stream, &cuts)), &whole);
        if stream.len() < 2_000 {
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(&receive(&wire, &layers, &bytes), &whole);
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(
        bytes in vec(any::<u8>(), 0..200),
        layers in layers(),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let wire = judge::wire(true);
        let whole = receive(&wire, &layers, &[&bytes]);
        prop_assert_eq!(receive(&wire, &layers, &chunks(&bytes, &cuts)), whole);
    }

    /// Sections of random bytes behind a header that fits them.
    #[test]
    fn arbitrary_sections_do_not_panic(
        kind in kind(),
        auth in vec(any::<u8>(), 0..60),
        body in vec(any::<u8>(), 0..60),
        layers in layers(),
    ) {
        let wire = judge::wire(true);
        let mut frame = vec![kind.value(), 0, auth.len() as u8, 0, body.len() as u8, 0, 0, 0, 0];
        frame.extend(auth);
        frame.extend(body);
        // The first look tells the checksum that is wanted.
        let look = receive(&wire, &layers, &[&frame]);
        if let [Event::Malformed(FrameError { kind, .. })] = &look[..]
            && let netaio_core::FrameErrorKind::Checksum { computed, .. } = kind
        {
            frame[5..9].copy_from_slice(&computed.to_be_bytes());
        }
        prop_assert_eq!(receive(&wire, &layers, &[&frame]).len(), 1);
    }

    #[test]
    fn a_datagram_is_read_like_a_stream(
        message in message(),
        damage in option::of((any::<Index>(), any::<u8>())),
        behind in vec(any::<u8>(), 0..10),
        cut_off in option::of(any::<Index>()),
    ) {
        let wire = judge::wire(true);
        let plain = Layers::default();
        let mut datagram = seal(&wire, &plain, &[message], 1);
        if let Some((place, byte)) = damage {
            let place = place.index(datagram.len());
            datagram[place] ^= byte;
        }
        match cut_off {
            Some(end) => datagram.truncate(end.index(datagram.len())),
            None => datagram.extend(behind),
        }
        let event = match Frame::from_datagram(&wire, BytesMut::from(&datagram[..])) {
            Ok(frame) => open(frame, &wire, &plain),
            Err(kind) => Event::Malformed(FrameError { offset: 0, kind }),
        };
        let first = receive(&wire, &plain, &[&datagram]).into_iter().next();
        match first {
            Some(first) => prop_assert_eq!(event, first),
            // A stream may end between two frames; no datagram is empty.
            None => prop_assert!(datagram.is_empty() && matches!(event, Event::Malformed(_))),
        }
    }
}

/// The sizes at which lengths change their width and limits are met.
#[test]
fn every_size_up_to_the_limit_goes_through() {
    let wire = judge::wire(true);
    let both = Layers {
        secret: Some("s".to_owned()),
        key: Some("k".to_owned()),
        ..Layers::default()
    };
    // An encrypted uri takes its length along.
    for (layers, most) in [
        (Layers::default(), Body::MAX_PAYLOAD),
        (both, Body::MAX_PAYLOAD - 2),
    ] {
        for uri in [0, 1, 255, 256, 65_000, most] {
            for content in [0, 1, 255, 256, most - uri] {
                if uri + content > most {
                    continue;
                }
                let message = Message::new(MessageType::OK, vec![1; uri], vec![2; content]);
                let stream = seal(&wire, &layers, std::slice::from_ref(&message), 1);
                let events = receive(&wire, &layers, &[&stream]);
                let [Event::Message { uri, content, .. }] = &events[..] else {
                    panic!("{} and {} bytes", message.uri.len(), message.content.len());
                };
                assert!(message.uri == *uri && message.content == *content);
            }
        }
    }
}
