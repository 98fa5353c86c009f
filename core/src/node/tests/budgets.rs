//! Bounds on all links of a node together.

use super::*;
use crate::calls::Calls;
use crate::error::{SendError, TooManyLinks};
use crate::shared_frame::SharedFrame;

fn node(limits: Limits) -> Node<u8> {
    let mut node = Node::for_streams(limited(limits));
    let replaced = node.on(types::REQUEST_URI, 0, Layer::new());
    assert!(replaced.unwrap().is_none());
    node
}

fn links<const LINKS: usize>(node: &mut Node<u8>) -> [Link; LINKS] {
    [(); LINKS].map(|()| node.accept(NOON, None, generator(1)).unwrap())
}

fn request(len: usize) -> Vec<u8> {
    let content = alloc::vec![0; len];
    frame(&Message::new(types::REQUEST_URI, "u", content))
}

#[test]
fn all_bytes_of_messages_that_wait_for_handlers_of_others_are_counted() {
    let mut node = node(Limits::default().with_handlers(2).unwrap());
    let mut links = links::<5>(&mut node);
    let request = request(1000);
    let beside = Calls::<()>::WAITING_BYTES;
    let mut running = Vec::new();
    for (link, number) in links.iter_mut().zip(1..) {
        // Some look at what comes, for they wait for answers.
        if number % 2 == 0 {
            let (ask, options) = (Message::request("v"), RequestOptions::new());
            link.request(NOON, &mut node, &ask, &options).unwrap();
        }
        link.receive(NOON, &request.repeat(3)).unwrap();
        running.extend(calls(link, &mut node));
        // With copies of those that wait, beside the buffer that they came in.
        let all = number * 3 * request.len();
        let held = node.inbound_bytes();
        assert!(
            (all..=all + number * (request.len() + 2 * beside)).contains(&held),
            "{number}: {held} of {all}"
        );
    }
    assert_eq!(running.len(), 2);
    assert!(links[2..].iter().all(Link::waits_for_budget));
    assert!(!node.may_call());
    // Those that wait go on as others end, until nothing is left.
    let mut answered = 0;
    while let Some(call) = running.pop() {
        let owner = links.iter_mut().find(|link| Some(link.id()) == call.link());
        let owner = owner.unwrap();
        owner.reply(NOON, &mut node, call, None).unwrap();
        answered += 1;
        assert!(node.take_freed() && !node.take_freed());
        assert!(node.may_call());
        for link in &mut links {
            running.extend(calls(link, &mut node));
        }
        assert!(running.len() <= 2);
        assert!(node.inbound_bytes() >= (15 - answered) * request.len());
    }
    assert_eq!((answered, node.inbound_bytes()), (15, 0));
    assert!(links.iter().all(|link| !link.waits_for_budget()));
}

#[test]
fn what_depends_on_others_does_so_whether_or_not_they_hold_it_by_now() {
    let mut node = node(Limits::default().with_handlers(1).unwrap());
    let [mut first, mut second, idle] = links(&mut node);
    first.receive(NOON, &request(10).repeat(2)).unwrap();
    let call = calls(&mut first, &mut node).remove(0);
    second.receive(NOON, &request(10)).unwrap();
    assert!(calls(&mut second, &mut node).is_empty());
    assert!(second.waits_for_budget() && !second.wants_poll());
    // It reads on, to notice the end, and waits for the place besides.
    assert!(second.wants_read() && second.depends_on_others(true));
    // One that waits for the remote alone depends on nobody, nor one whose own handler is first.
    assert!(idle.wants_read() && !idle.depends_on_others(true));
    assert!(!first.depends_on_others(true));
    second.pause();
    assert!(!second.depends_on_others(false));
    second.resume(NOON);
    first.reply(NOON, &mut node, call, None).unwrap();
    let call = calls(&mut first, &mut node).remove(0);
    first.reply(NOON, &mut node, call, None).unwrap();
    assert!(calls(&mut first, &mut node).is_empty());
    // The place came free after it was asked, and may be taken before it is asked again.
    assert!(second.depends_on_others(true) && second.wants_poll());
    assert_eq!(calls(&mut second, &mut node).len(), 1);
    assert!(!second.depends_on_others(true));
}

#[test]
fn who_waits_for_room_is_told_when_a_link_goes_whose_handlers_run_on() {
    let limits = Limits::default().with_inbound_total(135_000).unwrap();
    let mut node = node(limits);
    let [mut left, mut other, mut waits] = links(&mut node);
    let begin = |(link, len): (&mut Link, _), node: &mut _| {
        link.receive(NOON, &request(len)).unwrap();
        calls(link, node).remove(0)
    };
    let large = [
        (&mut left, 60_000),
        (&mut other, 60_000),
        (&mut waits, 30_000),
    ];
    let _calls = large.map(|link| begin(link, &mut node));
    assert!(!waits.wants_read() && waits.depends_on_others(false));
    left.transport_failed(CloseReason::Remote);
    let events = poll(&mut left, &mut node, NOON);
    assert_eq!(close_reason(&events), Some(&CloseReason::Remote));
    // It leaves its handler's place, and what the handler was called with is held.
    assert!(node.take_freed() && !waits.wants_read());
    left.let_go(&mut node);
    assert!(node.take_freed() && waits.wants_read());
    drop(left);
    assert!(!node.take_freed());
}

#[test]
fn the_link_with_the_most_bytes_to_write_is_closed_where_all_are_too_many() {
    let limits = Limits::default().with_outbound_total(400_000).unwrap();
    let mut node = node(limits);
    let mut links = links::<3>(&mut node);
    let large = Message::notify("u", [0; 50_000].to_vec());
    let mut send = |node: &mut Node<u8>, index: usize| {
        let (link, plain) = (&mut links[index], SendOptions::new());
        link.send(NOON, node, &large, &plain).unwrap();
        assert!(poll(link, node, NOON).is_empty());
    };
    for index in [0, 1, 1, 1, 2] {
        send(&mut node, index);
        assert_eq!(node.poll_link(), None);
    }
    send(&mut node, 2);
    assert_eq!(node.poll_link(), Some(links[1].id()));
    assert_eq!(node.poll_link(), None);
    let queued = links[1].queued();
    let events = poll(&mut links[1], &mut node, NOON);
    let slow = CloseReason::SlowConsumer { queued };
    assert_eq!(close_reason(&events), Some(&slow));
    // In buffers that have some room.
    let queued = links[0].queued() + links[2].queued();
    assert!((queued..queued + 4096).contains(&node.outbound_bytes()));
    for index in [0, 2] {
        assert!(poll(&mut links[index], &mut node, NOON).is_empty());
        assert_eq!(links[index].close_reason(), None);
    }
}

#[test]
fn the_last_frame_of_one_that_gives_way_is_whole_unless_that_is_not_enough() {
    for enough in [true, false] {
        let limits = Limits::default().with_outbound_total(400_000).unwrap();
        let mut node = node(limits);
        let [mut most, mut other] = links(&mut node);
        let large = Message::notify("u", [0; 50_000].to_vec());
        let plain = SendOptions::new();
        let mut writing = Vec::new();
        for number in 0..5 {
            most.send(NOON, &mut node, &large, &plain).unwrap();
            assert!(poll(&mut most, &mut node, NOON).is_empty());
            if number == 0 {
                // Half of it has gone out.
                assert!(most.poll_outbound(&mut writing));
                most.written(writing.len() / 2);
            }
        }
        for _ in 0..2 {
            other.send(NOON, &mut node, &large, &plain).unwrap();
            assert!(poll(&mut other, &mut node, NOON).is_empty());
        }
        assert_eq!(node.poll_link(), Some(most.id()));
        let queued = most.queued();
        let slow = CloseReason::SlowConsumer { queued };
        assert!(poll(&mut most, &mut node, NOON).is_empty());
        let rest = writing.len() - writing.len() / 2;
        assert_eq!((most.close_reason(), most.queued()), (Some(&slow), rest));
        assert!(!most.wants_write());
        if enough {
            most.written(rest);
            let events = poll(&mut most, &mut node, NOON);
            assert!(matches!(events[..], [LinkEvent::Shutdown]), "{events:?}");
            most.handle_eof(NOON);
        } else {
            // What it still has to write is too much as well, and nobody else has more.
            other.transport_failed(CloseReason::Remote);
            let events = poll(&mut other, &mut node, NOON);
            let unwritten = matches!(
                events[..],
                [
                    LinkEvent::Unwritten { bytes: 100_000.. },
                    LinkEvent::Closed(_)
                ]
            );
            assert!(unwritten, "{events:?}");
            let small = Message::notify("u", [0; 10_000].to_vec());
            let mut others = links::<30>(&mut node);
            let cut = others.iter_mut().find_map(|link| {
                link.send(NOON, &mut node, &small, &plain).unwrap();
                assert!(poll(link, &mut node, NOON).is_empty());
                node.poll_link()
            });
            assert_eq!(cut, Some(most.id()));
        }
        let events = poll(&mut most, &mut node, NOON);
        assert_eq!(close_reason(&events), Some(&slow));
        assert_eq!(most.queued(), 0);
    }
}

#[test]
fn a_link_that_flushes_its_queue_is_closed_where_all_are_too_many() {
    let limits = Limits::default().with_outbound_total(400_000).unwrap();
    let mut node = node(limits);
    let [mut flushes, mut other] = links(&mut node);
    let large = Message::notify("u", [0; 50_000].to_vec());
    let plain = SendOptions::new();
    for _ in 0..4 {
        flushes.send(NOON, &mut node, &large, &plain).unwrap();
    }
    flushes.close(NOON, &mut node);
    assert!(poll(&mut flushes, &mut node, NOON).is_empty());
    for _ in 0..3 {
        other.send(NOON, &mut node, &large, &plain).unwrap();
        assert!(poll(&mut other, &mut node, NOON).is_empty());
    }
    assert_eq!(node.poll_link(), Some(flushes.id()));
    let events = poll(&mut flushes, &mut node, NOON);
    assert_eq!(close_reason(&events), Some(&CloseReason::Local));
    let held = other.queued()..other.queued() + 4096;
    assert!(held.contains(&node.outbound_bytes()));
}

#[test]
fn past_three_quarters_of_what_may_be_held_those_who_hold_much_are_not_read_from() {
    let limits = Limits::default()
        .with_inbound_total(135_000)
        .and_then(|limits| limits.with_handlers(1))
        .unwrap();
    let mut node = node(limits);
    let mut links = links::<4>(&mut node);
    // The first one has the handler's place; the others wait for it.
    links[0].receive(NOON, &request(10)).unwrap();
    let call = calls(&mut links[0], &mut node).remove(0);
    for link in &mut links[1..3] {
        assert_eq!(link.read_room(), usize::MAX);
        link.receive(NOON, &request(60_000)).unwrap();
        assert!(calls(link, &mut node).is_empty());
    }
    // Held by the frame's own header, one who has little finds room still.
    assert_eq!(links[1].read_room(), 0);
    let room = links[3].read_room();
    assert!(room > 0 && room < 10_000, "{room}");
    links[3].receive(NOON, &request(10)).unwrap();
    assert!(calls(&mut links[3], &mut node).is_empty());
    // As it ends, one after the other goes on.
    links[0].reply(NOON, &mut node, call, None).unwrap();
    for index in [1, 2, 3] {
        let call = calls(&mut links[index], &mut node).remove(0);
        links[index].reply(NOON, &mut node, call, None).unwrap();
        assert!(calls(&mut links[index], &mut node).is_empty());
    }
    assert_eq!(node.inbound_bytes(), 0);
    assert!(links.iter().all(|link| link.read_room() == usize::MAX));
}

#[test]
fn the_end_of_one_that_has_ended_is_waited_for_whatever_others_hold() {
    let limits = Limits::default().with_inbound_total(135_000).unwrap();
    let mut node = node(limits);
    let [mut ended, mut first, mut second] = links(&mut node);
    ended.close(NOON, &mut node);
    let events = poll(&mut ended, &mut node, NOON);
    assert!(matches!(events[..], [LinkEvent::Shutdown]));
    let [_first, _second] = [&mut first, &mut second].map(|link| {
        link.receive(NOON, &request(60_000)).unwrap();
        calls(link, &mut node).remove(0)
    });
    assert_eq!(first.read_room(), 0);
    assert!(ended.wants_read() && ended.read_room() == usize::MAX);
    let some = |buffer: &mut [u8]| Ok::<_, ()>(buffer.len().min(1));
    ended.receive_with(NOON, some).unwrap();
    assert!(poll(&mut ended, &mut node, NOON).is_empty());
    assert_eq!(ended.unhandled(), 0);
    ended.receive_with(NOON, |_| Ok::<_, ()>(0)).unwrap();
    let events = poll(&mut ended, &mut node, NOON);
    assert_eq!(close_reason(&events), Some(&CloseReason::Local));
}

#[test]
fn one_that_reads_no_answers_is_closed_where_too_much_is_received() {
    let limits = Limits::default()
        .with_inbound_total(140_000)
        .and_then(|limits| limits.with_handlers(10))
        .unwrap();
    let mut node = node(limits);
    let [mut reads, mut reads_not] = links(&mut node);
    let large = Message::notify("u", [0; 50_000].to_vec());
    for _ in 0..2 {
        let plain = SendOptions::new();
        reads_not.send(NOON, &mut node, &large, &plain).unwrap();
    }
    reads_not.receive(NOON, &request(30_000)).unwrap();
    assert!(poll(&mut reads_not, &mut node, NOON).is_empty());
    assert_eq!(node.poll_link(), None);
    reads.receive(NOON, &request(50_000)).unwrap();
    assert_eq!(calls(&mut reads, &mut node).len(), 1);
    assert_eq!(node.poll_link(), Some(reads_not.id()));
    let events = poll(&mut reads_not, &mut node, NOON);
    let slow = close_reason(&events);
    assert!(matches!(slow, Some(CloseReason::SlowConsumer { .. })));
    assert_eq!(reads.close_reason(), None);
}

#[test]
fn no_more_links_are_accepted_than_may_be_until_one_is_closed() {
    let mut node = node(Limits::default().with_connections(2).unwrap());
    let [mut first, mut second] = links(&mut node);
    for link in [&mut first, &mut second] {
        // One that has brought no message closes for a newcomer.
        link.receive(NOON, &request(1)).unwrap();
        assert_eq!(calls(link, &mut node).len(), 1);
    }
    let refused = node.accept(NOON, None, generator(1)).unwrap_err();
    assert_eq!(refused, TooManyLinks::InAll { max: 2 });
    let ids: Vec<_> = node.links().collect();
    assert_eq!(ids, [first.id(), second.id()]);
    first.abort(CloseReason::Local);
    let events = poll(&mut first, &mut node, NOON);
    assert_eq!(close_reason(&events), Some(&CloseReason::Local));
    let third = node.accept(NOON, None, generator(1)).unwrap();
    assert!(third.id() > second.id());
    assert_eq!(node.links().len(), 2);
}

#[test]
fn a_link_that_is_closed_holds_nothing() {
    let mut node = node(Limits::default().with_handlers(1).unwrap());
    let [mut first, mut second] = links(&mut node);
    for link in [&mut first, &mut second] {
        link.receive(NOON, &request(1000)).unwrap();
    }
    let call = calls(&mut first, &mut node).remove(0);
    assert!(calls(&mut second, &mut node).is_empty());
    first.abort(CloseReason::Local);
    poll(&mut first, &mut node, NOON);
    assert!(node.take_freed());
    let waiting = request(1000).len() + Calls::<()>::WAITING_BYTES;
    assert_eq!(node.inbound_bytes(), waiting);
    // The other goes on, though the handler of the first still runs.
    assert_eq!(calls(&mut second, &mut node).len(), 1);
    drop(call);
}

/// A frame of so many bytes but the last one.
fn unfinished(len: usize) -> Vec<u8> {
    let mut frame = request(len);
    frame.pop();
    frame
}

#[test]
fn unfinished_frames_of_strangers_give_way_the_oldest_first() {
    let mut node = node(Limits::default().with_inbound_total(400_000).unwrap());
    let mut links = links::<8>(&mut node);
    let mut room_needed = Vec::new();
    for index in 0..8 {
        let link = &mut links[index];
        // The first two have shown themselves.
        if index < 2 {
            link.receive(NOON, &request(10)).unwrap();
            for call in calls(link, &mut node) {
                link.reply(NOON, &mut node, call, None).unwrap();
            }
        }
        link.receive(NOON, &unfinished(45_000)).unwrap();
        assert!(poll(link, &mut node, NOON).is_empty());
        while let Some(cut) = node.poll_link() {
            let link = links.iter_mut().find(|link| link.id() == cut).unwrap();
            let events = poll(link, &mut node, NOON);
            assert!(matches!(events[..], [LinkEvent::Shutdown]));
            assert_eq!(link.close_reason(), Some(&CloseReason::NoRoom));
            assert_eq!(link.unhandled(), 0);
            room_needed.push(cut.number());
        }
        assert!(node.inbound_bytes() <= 200_000);
    }
    // Each newcomer has taken the place of the stranger that had waited longest.
    assert_eq!(room_needed, [2, 3, 4, 5]);
    assert!(links[..2].iter().all(|link| link.read_room() == usize::MAX));
    // The rest of a frame that was left alone is read and handled.
    let whole = request(45_000);
    links[0].receive(NOON, &whole[whole.len() - 1..]).unwrap();
    assert_eq!(calls(&mut links[0], &mut node).len(), 1);
}

#[test]
fn strangers_leave_room_for_those_who_have_shown_themselves() {
    let limits = Limits::default()
        .with_inbound_total(400_000)
        .and_then(|limits| limits.with_handlers(1))
        .unwrap();
    let mut node = node(limits);
    let [mut busy, mut known, mut stranger, mut other] = links(&mut node);
    known.receive(NOON, &request(10)).unwrap();
    let call = calls(&mut known, &mut node).remove(0);
    known.reply(NOON, &mut node, call, None).unwrap();
    assert!(poll(&mut known, &mut node, NOON).is_empty());
    // Most of what may be held is whole messages, which give way to nothing.
    busy.receive(NOON, &request(60_000)).unwrap();
    let _call = calls(&mut busy, &mut node).remove(0);
    for (link, count) in [(&mut busy, 1), (&mut stranger, 3)] {
        link.receive(NOON, &request(50_000).repeat(count)).unwrap();
        assert!(poll(link, &mut node, NOON).is_empty());
    }
    let held = node.inbound_bytes();
    assert!(held > 300_000 && held < 350_000, "{held}");
    assert!(other.read_room() < 10_000);
    assert_eq!(known.read_room(), usize::MAX);
    assert!(poll(&mut other, &mut node, NOON).is_empty());
}

#[test]
fn a_long_frame_for_many_counts_once_until_the_last_has_written_it() {
    let mut node = node(Limits::default());
    let mut links = links::<10>(&mut node);
    for (len, shared) in [(SharedFrame::SHARED_FROM, true), (500, false)] {
        let before = node.outbound_bytes();
        let frame = node.share(alloc::vec![0; len]);
        for link in &mut links {
            link.forward(NOON, &frame).unwrap();
            assert!(poll(link, &mut node, NOON).is_empty());
            assert_eq!(link.queued(), len);
        }
        drop(frame);
        let held = node.outbound_bytes() - before;
        match shared {
            true => assert!((len..2 * len).contains(&held), "{held}"),
            false => assert!(held >= 10 * len, "{held}"),
        }
        for link in &mut links {
            while link.poll_outbound(&mut Vec::new()) {}
            assert!(poll(link, &mut node, NOON).is_empty());
        }
        assert_eq!(node.outbound_bytes(), 0);
    }
}

#[test]
fn several_who_hold_the_same_frames_are_cut_until_those_are_gone() {
    let limits = Limits::default().with_outbound_total(400_000).unwrap();
    let mut node = node(limits);
    let mut links = links::<20>(&mut node);
    let mut cut = 0;
    // One that has little to write is cut with none of them.
    let [mut quick] = self::links::<1>(&mut node);
    quick
        .forward(NOON, &node.share(alloc::vec![0; 500]))
        .unwrap();
    assert!(poll(&mut quick, &mut node, NOON).is_empty());
    let little = node.outbound_bytes();
    for _ in 0..100 {
        let frame = node.share(alloc::vec![0; 50_000]);
        for link in &mut links {
            match link.forward(NOON, &frame) {
                Ok(_) => cut += poll(link, &mut node, NOON).len(),
                Err(SendError::Closed(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        drop(frame);
        while let Some(id) = node.poll_link() {
            let link = links.iter_mut().find(|link| link.id() == id);
            let link = link.expect("it is one of those with much to write");
            cut += poll(link, &mut node, NOON).len();
        }
        // Each time that it was not enough, more are cut: a few times at most.
        assert!(node.outbound_bytes() < 520_000, "{}", node.outbound_bytes());
    }
    assert_eq!((cut, node.outbound_bytes()), (20, little));
    assert!(poll(&mut quick, &mut node, NOON).is_empty());
}
