use alloc::vec::Vec;

use super::*;
use crate::error::SealError;
use crate::message::Message;
use crate::place::LinkId;
use crate::small_bytes::SmallBytes;
use crate::types::REQUEST_URI;

const PLACE: Place = Place::Link {
    link: LinkId(0),
    address: None,
};

fn new() -> Calls<()> {
    Calls::new(CallOptions::new(), Arc::new(AtomicBool::new(false)))
}

fn address(id: &'static [u8]) -> Box<InFlight<()>> {
    let mut address = new().spare(());
    address.request = REQUEST_URI;
    address.id.set_copy(id);
    address
}

#[test]
fn a_call_ends_once_and_only_where_it_began() {
    let (mut calls, mut others) = (new(), new());
    let first = calls.begin(Duration::ZERO, PLACE, address(b"1"), Buffer::own(10));
    let second = calls.begin(Duration::ZERO, PLACE, address(b"2"), Buffer::own(20));
    let other = others.begin(Duration::ZERO, PLACE, address(b"3"), Buffer::own(0));
    assert!(calls.owns(&first) && !calls.owns(&other));
    assert_eq!((calls.len(), calls.held_with(Buffer::default())), (2, 30));
    assert_eq!(&calls.end(first).unwrap().id[..], b"1");
    assert_eq!(&calls.end(second).unwrap().id[..], b"2");
    assert!(
        calls.is_idle()
            && calls.held_with(Buffer::default()) == 0
            && calls.take_dropped().is_none()
    );
}

#[test]
fn a_call_of_a_link_that_has_ended_has_nobody_to_reply_to() {
    let mut calls = new();
    let call = calls.begin(Duration::ZERO, PLACE, address(b""), Buffer::own(10));
    calls.clear();
    // The place of one may be taken by another.
    let later = calls.begin(Duration::ZERO, PLACE, address(b"later"), Buffer::own(10));
    assert!(calls.end(call).is_none());
    assert_eq!(&calls.end(later).unwrap().id[..], b"later");
}

#[test]
fn a_call_has_the_token_of_the_one_before_it() {
    let mut calls = new();
    let elsewhere = Place::Datagram(([192, 0, 2, 1], 9).into());
    let mut spare = address(b"");
    let mut tokens = Vec::new();
    for place in [PLACE, PLACE, elsewhere, elsewhere] {
        let call = calls.begin(Duration::ZERO, place, spare, Buffer::own(0));
        assert_eq!((call.place(), call.id()), (place, CallId(tokens.len() + 1)));
        assert_eq!(Arc::strong_count(&call.token.0), 2);
        tokens.push(Arc::as_ptr(&call.token.0));
        spare = calls.end(call).unwrap();
        // Kept for the next one, and no call that was dropped.
        assert!(spare.spare.is_some() && calls.take_dropped().is_none());
    }
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    // One that somebody still has is nobody else's.
    let cancelled = calls.begin(Duration::ZERO, PLACE, spare, Buffer::own(0));
    let ended = calls.remove(cancelled.slot).unwrap();
    let next = calls.begin(Duration::ZERO, PLACE, ended, Buffer::own(0));
    assert!(!Arc::ptr_eq(&next.token.0, &cancelled.token.0));
    assert!(calls.end(cancelled).is_none() && calls.take_dropped().is_none());
    drop(next);
    assert!(calls.take_dropped().is_some() && calls.take_dropped().is_none());
}

#[test]
fn every_call_that_is_dropped_is_found() {
    let mut calls = new();
    let ids: [&'static [u8]; 4] = [b"0", b"1", b"2", b"3"];
    let mut begun: Vec<_> = ids
        .iter()
        .map(|id| calls.begin(Duration::ZERO, PLACE, address(id), Buffer::own(1)))
        .collect();
    assert!(calls.take_dropped().is_none());
    drop(begun.remove(3));
    drop(begun.remove(1));
    assert_eq!(&calls.take_dropped().unwrap().id[..], b"1");
    assert_eq!(&calls.take_dropped().unwrap().id[..], b"3");
    assert!(calls.take_dropped().is_none());
    let token_of_another = begun.remove(0);
    assert!(calls.end(token_of_another).is_some());
    drop(begun);
    assert_eq!(&calls.take_dropped().unwrap().id[..], b"2");
    assert!(calls.take_dropped().is_none() && calls.is_idle());
}

#[test]
fn one_without_an_id_is_alone() {
    let mut calls = new();
    let call = calls.begin(Duration::ZERO, PLACE, address(b""), Buffer::own(0));
    assert!(!calls.has_room(10));
    calls.end(call);
    let first = calls.begin(Duration::ZERO, PLACE, address(b"1"), Buffer::own(0));
    assert!(calls.has_room(2) && !calls.has_room(1));
    let second = calls.begin(Duration::ZERO, PLACE, address(b"2"), Buffer::own(0));
    assert!(!calls.has_room(2));
    calls.end(first);
    calls.end(second);
    assert!(calls.has_room(1));
}

#[test]
fn an_error_in_a_replys_place_says_as_much_as_fits() {
    let mut asked = address(b"");
    asked.uri = SmallBytes::few(b"a uri").unwrap();
    // What is sent where there is room for so many bytes of uri and content.
    let sent = |max: usize| {
        let mut last = None;
        let answer = Message::respond_uri(asked.uri.to_bytes(), Bytes::from(alloc::vec![0; 1000]));
        let result = send_or_replace(&asked, &answer, |message| {
            let len = message.uri.len() + message.content.len();
            if len > max {
                return Err(SealError::BodyTooLong { len, max }.into());
            }
            last = Some(message.clone());
            Ok(())
        });
        assert!(matches!(result, Err(ReplyError::Replaced(_))), "{result:?}");
        let Message { uri, content, .. } = last.unwrap();
        (uri, content)
    };
    let (uri, content) = sent(500);
    assert_eq!(uri, "a uri");
    assert!(
        content.starts_with(b"the reply could not be sent: "),
        "{content:?}"
    );
    assert_eq!(sent(13), ("a uri".into(), "too long".into()));
    assert_eq!(sent(12), ("a uri".into(), Bytes::new()));
}
