//! Which answer ends which request.

use super::*;
use crate::message::types::*;
use alloc::vec::Vec;

fn insert(pending: &mut Pending<()>, request: MessageType, uri: &'static str) -> RequestId {
    insert_for(pending, (), request, uri)
}

fn insert_for<A: Copy + Eq + Hash>(
    pending: &mut Pending<A>,
    remote: A,
    request: MessageType,
    uri: &'static str,
) -> RequestId {
    let new = NewRequest {
        remote,
        uri: uri.into(),
        request,
        also: None,
        inner: Layer::new(),
        timeout: Duration::from_secs(10),
        correlated: false,
    };
    let deadline = Duration::from_secs(10 + pending.next_serial);
    pending.insert(new, deadline)
}

#[test]
fn answers_for_one_uri_go_first_in_first_out() {
    let mut pending = Pending::new();
    let ids: Vec<_> = (0..4)
        .map(|_| insert(&mut pending, REQUEST_URI, "u"))
        .collect();
    assert_eq!(pending.find((), RESPOND_URI, b"other", false), None);
    pending.remove(ids[1]);
    for id in [ids[0], ids[2], ids[3]] {
        assert_eq!(pending.find((), RESPOND_URI, b"u", false), Some(id));
        assert!(pending.remove(id).is_some() && pending.remove(id).is_none());
    }
    assert!(pending.queues.is_empty() && pending.len() == 0 && pending.wanted() == 0);
}

#[test]
fn a_type_finds_the_request_that_expects_it() {
    let mut pending = Pending::new();
    let request = insert(&mut pending, REQUEST_URI, "u");
    let create = insert(&mut pending, CREATE_URI, "u");
    assert_eq!(pending.find((), OK, b"u", false), Some(create));
    assert_eq!(pending.find((), RESPOND_URI, b"u", false), Some(request));
    assert_eq!(pending.find((), NOT_PERMITTED, b"u", false), Some(request));
    assert_eq!(
        pending.find((), CONFIRM_SUBSCRIBE, b"u", false),
        Some(request)
    );
    assert_eq!(pending.find((), NOTIFY_URI, b"u", false), None);
    pending.remove(create);
    assert_eq!(pending.find((), OK, b"u", false), Some(request));
}

#[test]
fn an_abandoned_request_still_takes_its_answer() {
    let mut pending = Pending::new();
    let first = insert(&mut pending, REQUEST_URI, "u");
    let second = insert(&mut pending, REQUEST_URI, "u");
    pending.abandon(first);
    assert_eq!((pending.wanted(), pending.only(())), (1, None));
    assert_eq!(pending.find((), RESPOND_URI, b"u", false), Some(first));
    assert!(pending.remove(first).unwrap().abandoned);
    assert_eq!(pending.only(()), Some(second));
}

#[test]
fn deadlines_end_requests_in_order() {
    let mut pending = Pending::new();
    let ids: Vec<_> = (0..3)
        .map(|_| insert(&mut pending, REQUEST_URI, "u"))
        .collect();
    assert_eq!(pending.deadline(), Some(Duration::from_secs(10)));
    assert!(pending.expire(Duration::from_secs(9)).is_none());
    pending.remove(ids[0]);
    assert_eq!(pending.expire(Duration::from_secs(12)).unwrap().id, ids[1]);
    assert_eq!(pending.expire(Duration::from_secs(12)).unwrap().id, ids[2]);
    assert_eq!(pending.deadline(), None);
}

#[test]
fn remotes_answer_for_themselves() {
    let mut pending = Pending::new();
    let first = insert_for(&mut pending, 1, REQUEST_URI, "u");
    let other = insert_for(&mut pending, 2, REQUEST_URI, "u");
    assert_eq!(pending.find(2, RESPOND_URI, b"u", false), Some(other));
    assert_eq!(pending.find(3, RESPOND_URI, b"u", false), None);
    let second = insert_for(&mut pending, 1, REQUEST_URI, "v");
    assert_eq!((pending.only(1), pending.only(2)), (None, Some(other)));
    pending.remove(first);
    assert_eq!(pending.find(1, RESPOND_URI, b"u", false), None);
    assert_eq!((pending.only(1), pending.only(3)), (Some(second), None));
}
