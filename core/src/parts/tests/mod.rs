use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

mod streams;
mod windows;

use super::words::{Head, Said, Word};
use super::*;
use crate::budget::Budget;
use crate::limits::Limits;
use crate::message::{Message, MessageType, types};
use crate::now::Now;
use crate::place::{LinkId, Place};

const fn at(seconds: u64) -> Now {
    Now::new(Duration::from_secs(seconds), 0)
}

fn link(number: u64) -> Place {
    Place::Link {
        link: LinkId::from_number(number),
        address: None,
    }
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 % 251) as u8).collect()
}

fn long(len: usize, id: u8) -> LongRequest {
    let message = Message::create("u", bytes(len));
    LongRequest::new(message, 1 << 30, [id; ID_LEN])
}

/// The next question, if there is one now.
fn question(request: &mut LongRequest) -> Option<(Asked, Message)> {
    match request.poll() {
        Next::Ask(asked, question) => {
            assert_eq!(question.message_type, types::REQUEST_URI);
            assert!(question.uri.len() + question.content.len() < 60_000);
            Some((asked, question))
        }
        Next::Done(_) | Next::Wait | Next::Later => None,
        other => panic!("{other:?}"),
    }
}

/// What an inbox answers, whose handler has this reply.
fn answer(inbox: &mut Inbox, from: u64, question: Message, reply: &Message) -> Message {
    match inbox.receive(at(0), link(from), question.content) {
        Received::Answer(answer) => answer,
        Received::Begun(ticket, ..) => inbox.accept(ticket),
        Received::Whole(ticket, _) => inbox.replied(at(0), ticket, Some(reply.clone())),
        Received::Waiting(_) => panic!("it does not run"),
    }
}

/// Asks once, and answers with the reply where the message is whole.
fn ask(request: &mut LongRequest, inbox: &mut Inbox, reply: &Message) -> Result<(), PartsError> {
    let Some((asked, question)) = question(request) else {
        return Ok(());
    };
    let answer = answer(inbox, 1, question, reply);
    assert!(answer.uri.len() + answer.content.len() < 60_000);
    request.answered(asked, &answer)
}

/// Takes this for the answer to the first question.
fn first_answered(request: &mut LongRequest, answer: &Message) -> Result<(), PartsError> {
    let (asked, _) = question(request).unwrap();
    request.answered(asked, answer)
}

fn finish(request: &mut LongRequest, inbox: &mut Inbox, reply: &Message) -> Message {
    loop {
        if let Next::Done(answer) = request.clone().poll() {
            return answer;
        }
        ask(request, inbox, reply).unwrap();
    }
}

#[test]
fn contents_and_answers_of_all_lengths_arrive_and_leave_nothing() {
    let mut inbox = Inbox::new(&Limits::default());
    let lengths = [0, 1, PART_LEN - 1, PART_LEN, PART_LEN + 1, 1_000_000];
    for len in lengths {
        for reply_len in lengths {
            let reply = Message::new(types::OK, "u", bytes(reply_len));
            let mut request = long(len, 1);
            let mut whole = None;
            let answer = loop {
                let (asked, question) = match request.poll() {
                    Next::Done(answer) => break answer,
                    Next::Ask(asked, question) => (asked, question),
                    other => panic!("{other:?}"),
                };
                let answer = match inbox.receive(at(0), link(1), question.content) {
                    Received::Answer(answer) => answer,
                    Received::Begun(ticket, told, message) => {
                        assert_eq!((told, message.content.len()), (len as u64, 0));
                        inbox.accept(ticket)
                    }
                    Received::Whole(ticket, message) => {
                        assert!(whole.replace(message).is_none(), "handled twice");
                        assert!(inbox.held() >= len);
                        inbox.replied(at(0), ticket, Some(reply.clone()))
                    }
                    Received::Waiting(_) => panic!("it does not run"),
                };
                request.answered(asked, &answer).unwrap();
            };
            assert_eq!(whole, Some(Message::create("u", bytes(len))));
            assert_eq!(answer, reply);
            assert_eq!(inbox.held(), 0);
        }
    }
}

#[test]
fn it_goes_on_where_it_was_lost_and_is_handled_once() {
    let mut inbox = Inbox::new(&Limits::default());
    let reply = Message::new(types::OK, "u", bytes(200_000));
    // Whatever question is the last before the connection ends, with its answer or without.
    for lost_at in 0..12 {
        for answered in [false, true] {
            let mut request = long(200_000, 2);
            let (mut handled, mut asked, mut place) = (0, 0, 1);
            let answer = loop {
                let (to, question) = match request.poll() {
                    Next::Done(answer) => break answer,
                    Next::Ask(to, question) => (to, question),
                    other => panic!("{other:?}"),
                };
                let is_lost = asked == lost_at;
                asked += 1;
                if is_lost && !answered {
                    request.lost();
                    continue;
                }
                let answer = match inbox.receive(at(0), link(place), question.content) {
                    Received::Answer(answer) => answer,
                    Received::Begun(ticket, ..) => inbox.accept(ticket),
                    Received::Whole(ticket, _) => {
                        handled += 1;
                        inbox.replied(at(0), ticket, Some(reply.clone()))
                    }
                    Received::Waiting(_) => panic!("it does not run"),
                };
                if is_lost {
                    request.lost();
                    place = 2;
                    continue;
                }
                request.answered(to, &answer).unwrap();
            };
            assert_eq!((handled, &answer), (1, &reply), "{lost_at}");
            // A farewell that was lost leaves the answer until it was silent for long.
            inbox.receive(at(1000), link(9), Bytes::new());
            assert_eq!(inbox.held(), 0);
        }
    }
}

#[test]
fn a_plain_peer_takes_none_and_the_asker_says_so() {
    let none = PartsError::TooLarge {
        len: 100_000,
        max: None,
    };
    let (_, mut echo) = question(&mut long(100_000, 3)).unwrap();
    echo.message_type = types::RESPOND_URI;
    for answer in [
        Message::not_found("", "not found"),
        Message::new(types::RESPOND_URI, PARTS_URI, "an echo"),
        Message::new(types::OK, "", ""),
        echo,
    ] {
        let refused = first_answered(&mut long(100_000, 3), &answer);
        assert_eq!(refused, Err(none.clone()));
    }
    let limits = Limits::default().with_long_content(1000).unwrap();
    let mut inbox = Inbox::new(&limits);
    let reply = Message::new(types::OK, "u", "");
    let refused = ask(&mut long(1001, 3), &mut inbox, &reply);
    let max = Some(1000);
    assert_eq!(refused, Err(PartsError::TooLarge { len: 1001, max }));
    finish(&mut long(1000, 3), &mut inbox, &reply);
    let too_long = Message::new(types::OK, "u", bytes(1001));
    let answer = finish(&mut long(10, 4), &mut inbox, &too_long);
    assert_eq!(answer.message_type, MessageType::ERROR);
}

#[test]
fn what_fits_a_frame_goes_as_it_is_to_those_who_take_no_parts() {
    let plain = |request: &mut LongRequest| match request.poll() {
        Next::Plain(asked, message) => (asked, message),
        other => panic!("{other:?}"),
    };
    let message = Message::create("u", bytes(5));
    let mut request = long(5, 3);
    let none = Message::not_found("", "not found");
    first_answered(&mut request, &none).unwrap();
    assert_eq!(plain(&mut request).1, message);
    assert_eq!(request.poll(), Next::Wait);
    // It was surely not handled: another one is asked.
    request.not_handled();
    first_answered(&mut request, &none).unwrap();
    let (asked, again) = plain(&mut request);
    assert_eq!(again, message);
    let answer = Message::new(types::OK, "u", bytes(60_000));
    let mut unanswered = request.clone();
    request.answered(asked, &answer).unwrap();
    assert_eq!(request.poll(), Next::Done(answer.clone()));
    assert_eq!(request.sent(), 5);
    // It may have been handled, and is not sent twice.
    unanswered.lost();
    assert_eq!(unanswered.poll(), Next::Failed(PartsError::Forgotten));
    // Nor is one of which another remote has parts.
    let mut inbox = Inbox::new(&Limits::default());
    let mut taken = long(5, 4);
    ask(&mut taken, &mut inbox, &answer).unwrap();
    taken.lost();
    let refused = first_answered(&mut taken, &none);
    assert_eq!(refused, Err(PartsError::Forgotten));
    // Uri and content have to fit together.
    let most = crate::Body::MAX_PAYLOAD - 1;
    assert_eq!(first_answered(&mut long(most, 5), &none), Ok(()));
    let max = None;
    let too_large = PartsError::TooLarge {
        len: most as u64 + 1,
        max,
    };
    let refused = first_answered(&mut long(most + 1, 5), &none);
    assert_eq!(refused, Err(too_large.clone()));
    let text = "a content of 65422 bytes fits no frame, and the remote takes no messages in parts";
    assert_eq!(alloc::format!("{too_large}"), text);
    let mut short = LongRequest::new(Message::create("u", ""), 10, [6; ID_LEN]);
    first_answered(&mut short, &none).unwrap();
    let too_large = PartsError::AnswerTooLarge {
        len: 60_000,
        max: 10,
    };
    let (asked, _) = plain(&mut short);
    assert_eq!(short.answered(asked, &answer), Err(too_large));
}

#[test]
fn what_is_held_is_bounded_and_shared() {
    let limits = Limits::default().with_long_total(400_000).unwrap();
    let limits = limits.with_long_requests(8).unwrap();
    let mut inbox = Inbox::new(&limits);
    let reply = Message::new(types::OK, "u", "");
    // One may have as much as is left for others.
    let mut greedy: Vec<_> = (0..8).map(|id| long(900_000, id)).collect();
    let mut refused = 0;
    for _ in 0..20 {
        for request in &mut greedy {
            if ask(request, &mut inbox, &reply).is_err() {
                refused += 1;
                request.lost();
            }
            assert!(inbox.held() <= 200_000 + 2 * PART_LEN, "{}", inbox.held());
        }
    }
    assert!(refused > 0);
    let mut modest = LongRequest::new(Message::create("u", bytes(70_000)), 1000, [99; ID_LEN]);
    while let Some((asked, question)) = question(&mut modest) {
        let answer = answer(&mut inbox, 2, question, &reply);
        modest.answered(asked, &answer).unwrap();
    }
    assert!(modest.is_done());
    // Those who are silent are forgotten.
    inbox.receive(at(60), link(3), Bytes::new());
    assert_eq!(inbox.held(), 0);
}

#[test]
fn what_is_silent_is_forgotten_at_the_deadline() {
    let mut inbox = Inbox::new(&Limits::default());
    assert_eq!(inbox.deadline(), None);
    let begin = |inbox: &mut Inbox, at: Now, request: &mut LongRequest| {
        let (asked, question) = question(request).unwrap();
        let answer = match inbox.receive(at, link(1), question.content) {
            Received::Begun(ticket, ..) => inbox.accept(ticket),
            Received::Answer(answer) => answer,
            other => panic!("{other:?}"),
        };
        request.answered(asked, &answer).unwrap();
    };
    let second = Duration::from_secs(1);
    for (id, begun) in [(1, 0), (2, 10)] {
        let mut request = long(100_000, id);
        begin(&mut inbox, at(begun), &mut request);
        begin(&mut inbox, at(begun + 5), &mut request);
    }
    // Nothing is due before what came last, and a call then does no harm.
    let before = inbox.held();
    assert!(before > 2 * PART_LEN);
    assert_eq!(inbox.deadline(), Some(60 * second));
    inbox.handle_timeout(at(60));
    assert_eq!(
        (inbox.held(), inbox.deadline()),
        (before, Some(65 * second))
    );
    inbox.handle_timeout(at(65));
    assert_eq!(
        (inbox.held(), inbox.deadline()),
        (before / 2, Some(75 * second))
    );
    inbox.handle_timeout(at(75));
    assert_eq!((inbox.held(), inbox.deadline()), (0, None));
    // One that runs has no deadline, and its answer has.
    begin(&mut inbox, at(80), &mut long(3, 3));
    let part = Word::Part {
        id: [3; ID_LEN],
        offset: 0,
        bytes: Bytes::from_static(b"abc"),
    };
    let whole = inbox.receive(at(81), link(1), part.encode().into());
    let Received::Whole(ticket, message) = whole else {
        panic!("it is whole");
    };
    inbox.handle_timeout(at(1000));
    assert_eq!(inbox.deadline(), None);
    // An answer that is a slice of what was asked keeps all of that.
    let answer = Message::new(types::OK, "u", message.content.slice(1..2));
    let before = inbox.held();
    inbox.replied(at(1000), ticket, Some(answer));
    assert_eq!(
        (inbox.held(), inbox.deadline()),
        (before, Some(1060 * second))
    );
    inbox.handle_timeout(at(1060));
    assert_eq!((inbox.held(), inbox.deadline()), (0, None));
}

#[test]
fn it_counts_with_what_links_hold_and_never_takes_their_room() {
    let limits = Limits::default().with_inbound_total(400_000).unwrap();
    let budget = Arc::new(Budget::new(&limits));
    let mut inbox = Inbox::with_budget(&limits, budget.clone());
    let reply = Message::new(types::OK, "u", "");
    let fill = |inbox: &mut Inbox, id| {
        let mut request = long(150_000, id);
        while ask(&mut request, inbox, &reply).is_ok() && request.sent() < 2 * PART_LEN as u64 {}
    };
    // Half of it is the most, whatever `long_total` says.
    for id in 0..10 {
        fill(&mut inbox, id);
        assert!(inbox.held() <= 200_000);
        assert_eq!(budget.held().inbound, inbox.held());
    }
    assert!(inbox.held() > 100_000);
    // What links hold leaves less.
    let held = inbox.held();
    budget.change_inbound(0, 300_000 - held);
    for id in 10..20 {
        fill(&mut inbox, id);
        assert!(budget.held().inbound <= 300_000);
    }
    // What is let go is told, once, for links that wait.
    budget.change_inbound(0, 50_000);
    inbox.handle_timeout(at(60));
    let pressure = inbox.take_pressure();
    assert!(pressure.room && inbox.take_pressure().is_none());
    assert_eq!(budget.held().inbound, 350_000 - held);
    // Uris count, though no content has come.
    let head = Message::create(bytes(30_000), "");
    for id in 0..10 {
        let mut request = LongRequest::new(head.clone(), 0, [id; ID_LEN]);
        let _ = ask(&mut request, &mut inbox, &reply);
    }
    assert!(budget.held().inbound <= 300_000 && inbox.held() > 60_000);
    drop(inbox);
    assert_eq!(budget.held().inbound, 350_000 - held);
}

#[test]
fn one_that_runs_is_not_handled_again_and_may_be_abandoned() {
    let mut inbox = Inbox::new(&Limits::default());
    let id = [5; ID_LEN];
    let open = || {
        let head = Head {
            kind: types::CREATE_URI,
            len: 3,
            uri: Bytes::from_static(b"u"),
        };
        Bytes::from(Word::Open { head, id }.encode())
    };
    let part = || {
        let bytes = Bytes::from_static(b"abc");
        Bytes::from(
            Word::Part {
                id,
                offset: 0,
                bytes,
            }
            .encode(),
        )
    };
    inbox.receive(at(0), link(1), open());
    let Received::Whole(ticket, _) = inbox.receive(at(0), link(1), part()) else {
        panic!("it is whole");
    };
    for again in [open(), part()] {
        let received = inbox.receive(at(100), link(2), again);
        assert_eq!(received, Received::Waiting(ticket));
    }
    assert_eq!(inbox.answer(ticket), None);
    inbox.abandoned(ticket);
    assert!(inbox.answer(ticket).is_some());
    assert_eq!(inbox.held(), 0);
    let received = inbox.receive(at(100), link(2), open());
    assert!(matches!(received, Received::Begun(again, 3, _) if again == ticket));
    let said = Said::decode(inbox.accept(ticket).content);
    let (offset, until) = (0, 3);
    assert_eq!(said, Some(Said::GoOn { offset, until }));
}

#[test]
fn neither_side_minds_what_makes_no_sense() {
    let mut inbox = Inbox::new(&Limits::default());
    let reply = Message::new(types::OK, "u", "");
    for len in 0..80 {
        for first in [0, 1, 2, 3, 4, 5, 127, 128, 129, 130, 131, 132, 133] {
            let mut content = bytes(len);
            if let Some(byte) = content.first_mut() {
                *byte = first;
            }
            let content = Bytes::from(content);
            if let Received::Whole(ticket, _) = inbox.receive(at(0), link(1), content.clone()) {
                inbox.replied(at(0), ticket, None);
            }
            let mut request = long(100, 6);
            ask(&mut request, &mut Inbox::new(&Limits::default()), &reply).unwrap();
            let answer = Message::new(types::RESPOND_URI, PARTS_URI, content);
            let _ = first_answered(&mut request, &answer);
        }
    }
    let subscribe = Message::new(types::SUBSCRIBE_URI, "u", "");
    let mut request = LongRequest::new(subscribe, 10, [7; ID_LEN]);
    let refused = ask(&mut request, &mut inbox, &reply);
    assert_eq!(refused, Err(PartsError::NotPermitted));
}
