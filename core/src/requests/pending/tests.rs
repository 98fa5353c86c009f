//! Which answer ends which request.

use super::*;
use crate::message::types::*;
use alloc::vec::Vec;

fn insert(pending: &mut Table<()>, request: MessageType, uri: &'static str) -> RequestId {
    insert_for(pending, (), request, uri)
}

fn insert_for<A: Copy + Eq + Hash>(
    pending: &mut Table<A>,
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
    let mut pending = Table::new(Doubt::Minute);
    let ids: Vec<_> = (0..4)
        .map(|_| insert(&mut pending, REQUEST_URI, "u"))
        .collect();
    assert_eq!(pending.find((), RESPOND_URI, b"other", false), None);
    pending.remove(ids[1]);
    for id in [ids[0], ids[2], ids[3]] {
        assert_eq!(pending.find((), RESPOND_URI, b"u", false), Some(id));
        assert!(pending.remove(id).is_some() && pending.remove(id).is_none());
    }
    assert!(pending.queues.is_empty() && pending.waiting.is_empty() && pending.wanted() == 0);
}

#[test]
fn a_type_finds_the_request_that_expects_it() {
    let mut pending = Table::new(Doubt::Minute);
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

const SECOND: Duration = Duration::from_secs(1);

/// The next request that is due ends, and leaves a placeholder.
fn time_out(pending: &mut Table<()>, now: Duration) -> Option<RequestId> {
    let (id, timeout) = pending.timed_out(now)?;
    assert_eq!(timeout, 10 * SECOND);
    pending.leave_placeholder(now, id, 100);
    Some(id)
}

#[test]
fn a_placeholder_takes_the_answer() {
    let mut pending = Table::new(Doubt::Minute);
    let first = insert(&mut pending, REQUEST_URI, "u");
    let second = insert(&mut pending, REQUEST_URI, "u");
    pending.leave_placeholder(SECOND, first, 100);
    pending.leave_placeholder(SECOND, first, 100);
    assert_eq!((pending.wanted(), pending.placeholders()), (1, 1));
    // An error without a uri is that of the oldest.
    assert_eq!(pending.anonymous(()), Some(first));
    assert_eq!(pending.find((), RESPOND_URI, b"u", false), Some(first));
    assert!(pending.remove(first).unwrap().abandoned);
    assert_eq!(pending.anonymous(()), Some(second));
    assert_eq!((pending.placeholders(), pending.placeholder_bytes), (0, 0));
}

#[test]
fn a_placeholder_stays_as_long_again_within_bounds() {
    for (timeout, stays) in [(1, 10), (10, 10), (25, 25), (3600, 60)] {
        let timeout = timeout * SECOND;
        for doubt in [Doubt::First, Doubt::Minute] {
            let mut pending = Table::new(doubt);
            let new = NewRequest {
                remote: (),
                uri: "u".into(),
                request: REQUEST_URI,
                also: None,
                inner: Layer::new(),
                timeout,
                correlated: false,
            };
            let id = pending.insert(new, timeout);
            pending.leave_placeholder(timeout, id, 100);
            let ends = timeout + stays * SECOND;
            assert_eq!(pending.deadline(), Some(ends));
            assert_eq!(pending.timed_out(ends - Duration::from_nanos(1)), None);
            assert_eq!(pending.placeholders(), 1);
            assert_eq!(pending.timed_out(ends), None);
            assert_eq!((pending.placeholders(), pending.deadline()), (0, None));
        }
    }
}

/// The first answer never comes; each of the others goes to the placeholder before its own
/// request, which times out.
#[test]
fn requests_leave_placeholders_because_of_one_another_for_a_bounded_time() {
    for (doubt, rounds) in [(Doubt::First, 2), (Doubt::Minute, 7)] {
        let mut pending = Table::new(doubt);
        for round in 0..20 {
            let now = round * 10 * SECOND;
            let new = NewRequest {
                remote: (),
                uri: "u".into(),
                request: REQUEST_URI,
                also: None,
                inner: Layer::new(),
                timeout: 10 * SECOND,
                correlated: false,
            };
            let id = pending.insert(new, now + 10 * SECOND);
            if round > 0 {
                let ends = pending.find((), RESPOND_URI, b"u", false).unwrap();
                assert_eq!(ends == id, round >= rounds, "{doubt:?}, {round}");
                pending.pass_doubt(ends);
                pending.remove(ends);
            }
            time_out(&mut pending, now + 10 * SECOND);
        }
    }
}

#[test]
fn placeholders_are_bounded_by_number_and_bytes() {
    let mut pending = Table::new(Doubt::Minute);
    let ids: Vec<_> = (0..10)
        .map(|_| insert(&mut pending, REQUEST_URI, "u"))
        .collect();
    for id in &ids {
        pending.leave_placeholder(SECOND, *id, 3);
    }
    assert_eq!((pending.wanted(), pending.placeholders()), (0, 3));
    // The oldest have given way.
    assert_eq!(pending.find((), RESPOND_URI, b"u", false), Some(ids[7]));
    for length in [60_000, 60_000, 200_000, 1_000_000] {
        let uri = alloc::vec![b'u'; length].leak();
        let new = NewRequest {
            remote: (),
            uri: Bytes::from_static(uri),
            request: REQUEST_URI,
            also: None,
            inner: Layer::new(),
            timeout: SECOND,
            correlated: false,
        };
        let id = pending.insert(new, SECOND);
        pending.leave_placeholder(SECOND, id, 100);
        let few = pending.placeholder_bytes <= Table::<()>::BYTES;
        assert!(few || pending.placeholders() == 1);
        let found = pending.find((), RESPOND_URI, uri, false);
        assert!(found.is_some());
    }
    assert_eq!(pending.placeholders(), 1);
}

#[test]
fn deadlines_end_requests_in_order() {
    let mut pending = Table::new(Doubt::Minute);
    let ids: Vec<_> = (0..3)
        .map(|_| insert(&mut pending, REQUEST_URI, "u"))
        .collect();
    assert_eq!(pending.deadline(), Some(Duration::from_secs(10)));
    assert_eq!(pending.timed_out(9 * SECOND), None);
    pending.remove(ids[0]);
    assert_eq!(time_out(&mut pending, 12 * SECOND), Some(ids[1]));
    assert_eq!(time_out(&mut pending, 12 * SECOND), Some(ids[2]));
    assert_eq!(time_out(&mut pending, 12 * SECOND), None);
    assert_eq!(pending.deadline(), Some(21 * SECOND));
}

#[test]
fn remotes_answer_for_themselves() {
    let mut pending = Table::new(Doubt::Minute);
    let first = insert_for(&mut pending, 1, REQUEST_URI, "u");
    let other = insert_for(&mut pending, 2, REQUEST_URI, "u");
    assert_eq!(pending.find(2, RESPOND_URI, b"u", false), Some(other));
    assert_eq!(pending.find(3, RESPOND_URI, b"u", false), None);
    let second = insert_for(&mut pending, 1, REQUEST_URI, "v");
    assert_eq!(
        (pending.anonymous(1), pending.anonymous(2)),
        (None, Some(other))
    );
    pending.remove(first);
    assert_eq!(pending.find(1, RESPOND_URI, b"u", false), None);
    assert_eq!(
        (pending.anonymous(1), pending.anonymous(3)),
        (Some(second), None)
    );
}
