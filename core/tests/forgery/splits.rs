//! netaio's MAC covers the timestamp and the body as if they were one, so that bytes
//! can be moved from one to the other: what an honest content says becomes a uri.

use netaio_core::plugin::{AuthPlugin, HmacAuth, OpenContext, PeerContext};
use netaio_core::{AuthFields, Layer, Message};

use crate::forger::end::{End, Outcome};
use crate::forger::{NOON, SECRET, body, frame, generator, hmac, netaio, overheard};

/// An honest message whose content is a message of its own: another uri, and what
/// is to be done there.
fn honest() -> Message {
    let content = body(b"accounts", b"delete all of them");
    overheard(&Message::create("notes/1", content), &mut generator(7))
}

fn section(message: &Message) -> Vec<u8> {
    body(&message.uri, &message.content)
}

/// The message with this body section, if it is one.
fn with_section(message: &Message, section: &[u8]) -> Option<Message> {
    let (len, rest) = section.split_first_chunk::<2>()?;
    let (uri, content) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
    let mut message = message.clone();
    (message.uri, message.content) = (uri.to_vec().into(), content.to_vec().into());
    Some(message)
}

fn passes(fields: &AuthFields, body: &[u8]) -> bool {
    let (now, peers) = (NOON, PeerContext::default());
    let context = OpenContext { now, peers };
    let check = HmacAuth::new(SECRET).check(fields.view(), body, &context);
    check.is_ok()
}

/// Hands it to a link of each kind, and says whether all outcomes are as `expected`.
fn each_link(message: &Message, expected: impl Fn(&Outcome) -> bool) -> bool {
    End::both(&hmac()).into_iter().all(|mut end| {
        end.node.on(message.message_type, (), Layer::new()).unwrap();
        let outcomes = end.receive(NOON, &frame(message));
        matches!(&outcomes[..], [outcome] if expected(outcome))
    })
}

#[test]
fn bytes_moved_between_timestamp_and_body_do_not_pass() {
    let honest = honest();
    let ts = honest.auth.get_bytes("ts").unwrap().to_vec();
    let covered = [ts.clone(), section(&honest)].concat();
    let mut uris = Vec::new();
    for at in 0..=covered.len() {
        let (moved_ts, moved_body) = covered.split_at(at);
        let mut forged = honest.clone();
        forged.auth.set_bytes("ts", moved_ts).unwrap();
        let is_honest = at == ts.len();
        assert_eq!(passes(&forged.auth, moved_body), is_honest, "split at {at}");
        // All the same to netaio.
        assert_eq!(netaio::check(SECRET, &forged.auth, moved_body), Ok(true));
        let Some(message) = with_section(&forged, moved_body) else {
            continue;
        };
        uris.push(message.uri.clone());
        let right = |outcome: &Outcome| match outcome {
            Outcome::Called(_) => is_honest,
            Outcome::Refused(_) => !is_honest,
            _ => false,
        };
        assert!(each_link(&message, right), "split at {at}");
    }
    // Among them the one that is in the content.
    assert!(uris.contains(&"notes/1".into()) && uris.contains(&"accounts".into()));
}

/// Every way to cut nonce, timestamp and body anew.
#[test]
fn no_other_split_of_nonce_timestamp_and_body_passes() {
    let honest = honest();
    let [nonce, ts] = ["nonce", "ts"].map(|name| honest.auth.get_bytes(name).unwrap().to_vec());
    let all = [nonce.clone(), ts.clone(), section(&honest)].concat();
    let mut passed = Vec::new();
    for first in 0..=all.len() {
        for second in first..=all.len() {
            let mut fields = honest.auth.clone();
            fields.set_bytes("nonce", &all[..first]).unwrap();
            fields.set_bytes("ts", &all[first..second]).unwrap();
            if passes(&fields, &all[second..]) {
                passed.push((first, second));
            }
        }
    }
    assert_eq!(passed, [(nonce.len(), nonce.len() + ts.len())]);
}

/// The same with a timestamp that is a number, which has no length to tell it by.
#[test]
fn a_timestamp_as_a_number_takes_no_bytes_from_the_body() {
    let honest = honest();
    let ts = honest.auth.get_bytes("ts").unwrap();
    let number = u32::from_be_bytes(ts.try_into().unwrap());
    let mut fields = honest.auth.clone();
    fields.set_u64("ts", number.into()).unwrap();
    // As netaio has it: a sender may put it there as a number.
    assert!(passes(&fields, &section(&honest)));
    let covered = [ts, &section(&honest)].concat();
    for at in (0..=8).filter(|at| *at != ts.len()) {
        let (moved, body) = covered.split_at(at);
        let number = moved
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        fields.set_u64("ts", number).unwrap();
        assert!(!passes(&fields, body), "split at {at}");
    }
}
