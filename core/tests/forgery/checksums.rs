//! A bad checksum proves nothing about its sender: what is answered is sealed by no
//! plugin, or it would hand out keystream, and there is little of it.

use std::time::Duration;

use netaio_core::plugin::Sha256StreamCipher;
use netaio_core::types::REQUEST_URI;
use netaio_core::{FrameErrorKind, Layer, LinkConfig, Message, Now, Refusal};

use crate::forger::end::{End, Outcome};
use crate::forger::{NOON, frame, hmac};

fn broken() -> Vec<u8> {
    let mut bytes = frame(&Message::new(REQUEST_URI, "u", [0; 100].to_vec()));
    bytes[8] ^= 1;
    bytes
}

fn refused(outcome: &Outcome) -> bool {
    let expected = |kind: &_| matches!(kind, FrameErrorKind::Checksum { .. });
    matches!(outcome, Outcome::Refused(Refusal::Frame(kind)) if expected(kind))
}

#[test]
fn the_answer_to_a_bad_checksum_is_the_same_whatever_the_keys_are() {
    let expected = frame(&Message::error("ERROR", "invalid message"));
    let cipher = |key: &str| Layer::new().with_cipher(Sha256StreamCipher::new(key));
    let outers = [
        Layer::new(),
        hmac(),
        cipher("key"),
        cipher("another key"),
        hmac().with_cipher(Sha256StreamCipher::new("key")),
    ];
    for outer in outers {
        for mut end in End::both(&outer) {
            let outcomes = end.receive(NOON, &broken());
            assert!(matches!(&outcomes[..], [outcome] if refused(outcome)));
            assert_eq!(end.sent(), expected);
        }
    }
}

/// As many as a connection may fail, and then its end.
#[test]
fn a_connection_is_told_nine_times_and_closed() {
    let config = LinkConfig::new().with_outer(hmac());
    let mut end = End::stream(config);
    let mut outcomes = Vec::new();
    for _ in 0..1000 {
        outcomes.extend(end.receive(NOON, &broken()));
    }
    let (last, refusals) = outcomes.split_last().unwrap();
    assert!(refusals.iter().all(refused));
    assert_eq!(refusals.len(), 9);
    assert!(matches!(last, Outcome::Closed(_)));
    assert_eq!(end.told().len(), 9);
}

/// To an address that anybody can write into a datagram.
#[test]
fn an_address_is_told_ten_times_a_second_and_three_times_its_bytes_at_most() {
    let mut end = End::datagrams(LinkConfig::new().with_outer(hmac()));
    let (mut received, mut sent, mut told, mut suppressed) = (0, 0, 0, 0);
    for n in 0..1000 {
        let time = Duration::from_millis(10 * n);
        let now = Now::new(NOON.monotonic + time, NOON.unix);
        let outcomes = end.receive(now, &broken());
        assert!(outcomes.iter().any(refused));
        suppressed += outcomes.len() - 1;
        received += broken().len();
        let bytes = end.sent();
        sent += bytes.len();
        told += usize::from(!bytes.is_empty());
    }
    assert_eq!(told + suppressed, 1000);
    // Ten at once, and ten for each of ten seconds.
    assert!((100..=110).contains(&told), "{told}");
    assert!(sent <= 3 * received, "{sent} bytes for {received}");
}
