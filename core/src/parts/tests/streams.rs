//! Contents and answers that are taken as they come.

use super::*;

fn begin(inbox: &mut Inbox, request: &mut LongRequest) -> Ticket {
    let (asked, question) = question(request).unwrap();
    let Received::Begun(ticket, ..) = inbox.receive(at(0), link(1), question.content) else {
        panic!("it begins");
    };
    let answer = inbox.stream(ticket);
    request.answered(asked, &answer).unwrap();
    ticket
}

#[test]
fn more_is_sent_as_it_is_taken_and_no_more_is_held_than_the_window() {
    const WINDOW: usize = 3 * PART_LEN;
    let limits = Limits::default().with_long_window(WINDOW).unwrap();
    // That is for whole ones.
    let mut inbox = Inbox::new(&limits.with_long_content(10).unwrap());
    let content = bytes(1_000_000);
    let mut request = long(content.len(), 1);
    let ticket = begin(&mut inbox, &mut request);
    let (mut taken, mut waiting, mut laters) = (Vec::new(), None, 0);
    loop {
        match request.poll() {
            Next::Ask(asked, question) => {
                match inbox.receive(at(0), link(1), question.content) {
                    Received::Answer(answer) => request.answered(asked, &answer).unwrap(),
                    Received::Waiting(_) => waiting = Some(asked),
                    other => panic!("{other:?}"),
                }
                assert!(inbox.held() < WINDOW + 1000, "{}", inbox.held());
                continue;
            }
            Next::Later | Next::Wait => laters += 1,
            other => panic!("{other:?}"),
        }
        // Nothing more comes until something is taken.
        assert!(laters < 100);
        assert_eq!(inbox.poll_stream(), Some(ticket));
        while inbox.poll_stream().is_some() {}
        match inbox.take(ticket) {
            Taken::Bytes(chunk) => taken.extend_from_slice(&chunk),
            other => panic!("{other:?}"),
        }
        if waiting.is_some() {
            break;
        }
        // One chunk makes room for one.
        let (asked, question) = question(&mut request).unwrap();
        match inbox.receive(at(0), link(1), question.content) {
            Received::Answer(answer) => request.answered(asked, &answer).unwrap(),
            Received::Waiting(_) => waiting = Some(asked),
            other => panic!("{other:?}"),
        }
    }
    assert!(laters > 3);
    while let Taken::Bytes(chunk) = inbox.take(ticket) {
        taken.extend_from_slice(&chunk);
    }
    assert_eq!((inbox.take(ticket), taken), (Taken::End, content));
    // It is never silent while its handler runs.
    inbox.handle_timeout(at(1000));
    assert_eq!(inbox.answer(ticket), None);
    let reply = Message::new(types::OK, "u", "done");
    let answer = inbox.replied(at(1000), ticket, Some(reply.clone()));
    request.answered(waiting.unwrap(), &answer).unwrap();
    assert_eq!(finish(&mut request, &mut inbox, &reply), reply);
    assert_eq!(inbox.held(), 0);
}

#[test]
fn a_stream_ends_with_its_sender_and_an_early_answer_ends_the_sending() {
    let mut inbox = Inbox::new(&Limits::default());
    let reply = Message::new(types::OK, "u", "enough");
    let mut request = long(1_000_000, 1);
    let ticket = begin(&mut inbox, &mut request);
    ask(&mut request, &mut inbox, &reply).unwrap();
    assert!(matches!(inbox.take(ticket), Taken::Bytes(_)));
    assert_eq!(inbox.take(ticket), Taken::Nothing);
    while inbox.poll_stream().is_some() {}
    inbox.handle_timeout(at(60));
    assert_eq!(inbox.poll_stream(), Some(ticket));
    assert_eq!((inbox.take(ticket), inbox.held()), (Taken::Lost, 0));
    // The sender comes again, and begins anew.
    ask(&mut request, &mut inbox, &reply).unwrap();
    let ticket = begin(&mut inbox, &mut request);
    inbox.replied(at(60), ticket, Some(reply.clone()));
    assert_eq!(inbox.take(ticket), Taken::End);
    assert_eq!(finish(&mut request, &mut inbox, &reply), reply);
    assert!(request.sent() == 1_000_000 && inbox.held() == 0);
    // One of no bytes ends at once, and is answered when its handler has.
    let mut empty = long(0, 2);
    let ticket = begin(&mut inbox, &mut empty);
    assert_eq!(inbox.take(ticket), Taken::End);
    let (asked, question) = question(&mut empty).unwrap();
    let received = inbox.receive(at(60), link(1), question.content);
    assert_eq!(received, Received::Waiting(ticket));
    assert_eq!((inbox.answer(ticket), empty.poll()), (None, Next::Wait));
    let answer = inbox.replied(at(60), ticket, Some(reply.clone()));
    empty.answered(asked, &answer).unwrap();
    assert_eq!(finish(&mut empty, &mut inbox, &reply), reply);
    // A handler that is dropped leaves nothing.
    let mut request = long(1_000_000, 3);
    let ticket = begin(&mut inbox, &mut request);
    ask(&mut request, &mut inbox, &reply).unwrap();
    inbox.abandoned(ticket);
    assert_eq!((inbox.take(ticket), inbox.held()), (Taken::Lost, 0));
    // Nor does one that is not taken now.
    let (asked, question) = super::question(&mut long(10, 4)).unwrap();
    let Received::Begun(ticket, ..) = inbox.receive(at(60), link(1), question.content) else {
        panic!("it begins");
    };
    let refused = inbox.refuse(ticket);
    let mut request = long(10, 4);
    assert!(matches!(request.poll(), Next::Ask(first, _) if first == asked));
    assert_eq!(request.answered(asked, &refused), Err(PartsError::NoRoom));
    assert_eq!(inbox.held(), 0);
}

#[test]
fn an_answer_is_fetched_as_it_is_taken() {
    let mut inbox = Inbox::new(&Limits::default());
    let reply = Message::new(types::OK, "u", bytes(1_000_000));
    let mut request = long(10, 1);
    request.set_streamed(true);
    request.set_window(2 * PART_LEN);
    let mut taken = Vec::new();
    while request.head().is_none() {
        ask(&mut request, &mut inbox, &reply).unwrap();
    }
    let (head, len) = request.head().unwrap();
    assert_eq!((head.message_type, len), (types::OK, 1_000_000));
    loop {
        let mut asked = 0;
        while let Some((to, question)) = question(&mut request) {
            let answer = answer(&mut inbox, 1, question, &reply);
            request.answered(to, &answer).unwrap();
            asked += 1;
        }
        assert!(asked <= 2);
        // It goes on behind what was taken, over another connection too.
        request.lost();
        match request.take() {
            Some(chunk) => taken.extend_from_slice(&chunk),
            None => break,
        }
    }
    assert!(request.is_done());
    assert_eq!((taken, inbox.held()), (bytes(1_000_000), 0));
}
