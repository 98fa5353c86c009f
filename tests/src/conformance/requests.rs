//! Requests and the answers that end them.

use std::time::Duration;

use bytes::Bytes;
use netaio_driver::core::types::*;
use netaio_driver::core::{Limits, Message, MessageType, MessageTypes, SealError, SendError};
use netaio_driver::{Client, Content, NoReply, Reply, RequestError, Runtime, Server, Uri};

use super::pipe::{Shape, duplex};
use super::raw::{RawListener, frame};
use super::support::{Door, GiveUp, assert_message, both, plain_pair, poll_times, spawn};

/// How long a request waits that is not going to be answered.
const SHORT: Duration = Duration::from_millis(20);

/// The four kinds of requests to a resource, each with its usual answer.
pub async fn every_kind_of_request_is_answered<R: Runtime>() {
    let handlers = Server::<R>::builder()
        .on(REQUEST_URI, |uri: Uri| format!("read {uri}"))
        .on(CREATE_URI, |uri: Uri, content: Content| {
            format!("create {uri} {content}")
        })
        .on(UPDATE_URI, |uri: Uri, content: Content| async move {
            format!("update {uri} {content}")
        })
        .on(
            DELETE_URI,
            |uri: Uri| async move { format!("delete {uri}") },
        );
    let pair = plain_pair(handlers).await;
    let (to, client) = (&pair.connection, &pair.client);

    let answer = to.request("a").await.unwrap();
    assert_message(&answer, RESPOND_URI, "a", "read a");
    let answer = to.create("b", "1").await.unwrap();
    assert_message(&answer, OK, "b", "create b 1");
    let answer = to.update("c", "2").await.unwrap();
    assert_message(&answer, OK, "c", "update c 2");
    let answer = to.delete("d").await.unwrap();
    assert_message(&answer, OK, "d", "delete d");

    // The client's own methods go to its only server.
    let answer = client.request("a").await.unwrap();
    assert_message(&answer, RESPOND_URI, "a", "read a");
    let answer = client.create("b", "1").await.unwrap();
    assert_message(&answer, OK, "b", "create b 1");
    let answer = client.update("c", "2").await.unwrap();
    assert_message(&answer, OK, "c", "update c 2");
    let answer = client.delete("d").await.unwrap();
    assert_message(&answer, OK, "d", "delete d");
    assert!(answer.is_verified());
    assert_eq!(answer.into_result().unwrap().message_type, OK);
}

/// Bytes and text answer with the type that the request calls for.
pub async fn plain_replies_take_the_usual_type<R: Runtime>() {
    let mut types = MessageTypes::base();
    let custom = types.register(40, "CUSTOM").unwrap();
    let server = Server::<R>::builder()
        .types(types.clone())
        .on(REQUEST_URI, || vec![1u8])
        .on(CREATE_URI, || "text")
        .on(SUBSCRIBE_URI, || String::from("string"))
        .on(UNSUBSCRIBE_URI, || Bytes::from_static(b"bytes"))
        .on(PUBLISH_URI, || &b"slice"[..])
        .on(custom, |content: Content| content);
    let pair = super::support::pair(server, Client::builder().types(types)).await;
    let to = &pair.connection;

    let answer = to.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", [1]);
    let answer = to.create("u", "").await.unwrap();
    assert_message(&answer, OK, "u", "text");
    let answer = to.subscribe("u").request().await.unwrap();
    assert_message(&answer, CONFIRM_SUBSCRIBE, "u", "string");
    let answer = to.unsubscribe("u").await.unwrap();
    assert_message(&answer, CONFIRM_UNSUBSCRIBE, "u", "bytes");
    let answer = to.request_message(Message::publish("u", "x")).await;
    assert_message(&answer.unwrap(), OK, "u", "slice");
    let answer = to.request_message(Message::new(custom, "u", "c")).await;
    assert_message(&answer.unwrap(), OK, "u", "c");
}

/// Any error type ends any request, and is told from a success.
pub async fn every_error_type_is_an_answer<R: Runtime>() {
    let reply = |content: Content| match &content[..] {
        b"error" => Reply::error("e"),
        b"auth error" => Reply::auth_error("e"),
        b"not found" => Reply::not_found("e"),
        _ => Reply::not_permitted("e"),
    };
    let kinds = [
        REQUEST_URI,
        CREATE_URI,
        UPDATE_URI,
        DELETE_URI,
        SUBSCRIBE_URI,
    ];
    let server = kinds
        .into_iter()
        .fold(Server::<R>::builder(), |server, kind| {
            server.on(kind, reply)
        });
    let pair = plain_pair(server).await;
    let errors = [
        ("error", ERROR),
        ("auth error", AUTH_ERROR),
        ("not found", NOT_FOUND),
        ("not permitted", NOT_PERMITTED),
    ];
    for kind in kinds {
        for (which, expected) in errors {
            let request = Message::new(kind, "u", which);
            let answer = pair.connection.request_message(request).await.unwrap();
            assert_message(&answer, expected, "u", "e");
            assert!(answer.is_verified());
            let error = answer.into_result().unwrap_err();
            assert_eq!(error.to_string(), format!("{expected}: e"));
        }
    }
}

/// What answers a request's uri ends it, be it not the type one expects.
pub async fn an_unusual_answer_ends_a_request<R: Runtime>() {
    let server = Server::<R>::builder()
        .on(REQUEST_URI, || Reply::ok("o"))
        .on(CREATE_URI, || Reply::new(RESPOND_URI, "r"))
        .on(DELETE_URI, || Reply::new(CONFIRM_SUBSCRIBE, "c"));
    let pair = plain_pair(server).await;
    let answer = pair.connection.request("u").await.unwrap();
    assert_message(&answer, OK, "u", "o");
    let answer = pair.connection.create("u", "").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "r");
    let answer = pair.connection.delete("u").await.unwrap();
    assert_message(&answer, CONFIRM_SUBSCRIBE, "u", "c");
}

/// Without a handler the answer is NOT_FOUND with no uri, and it reaches the
/// one who asked.
pub async fn the_default_answer_reaches_the_requester<R: Runtime>() {
    let pair = plain_pair(Server::<R>::builder()).await;
    let to = &pair.connection;
    for request in [
        to.request("u"),
        to.create("u", "x"),
        to.update("u", "x"),
        to.delete("u"),
        to.subscribe("u").request(),
        to.unsubscribe("u"),
    ] {
        let answer = request.await.unwrap();
        assert_message(&answer, NOT_FOUND, "", "not found");
        assert!(answer.is_verified());
    }
}

/// An application's own default handler answers in netaio's place.
pub async fn a_default_handler_of_ones_own_answers<R: Runtime>() {
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "known"), || "k")
        .default_handler(|kind: MessageType, uri: Uri| async move {
            Reply::not_permitted(format!("{kind} {uri}"))
        });
    let pair = plain_pair(server).await;
    let answer = pair.connection.request("known").await.unwrap();
    assert_message(&answer, RESPOND_URI, "known", "k");
    let answer = pair.connection.request("other").await.unwrap();
    assert_message(&answer, NOT_PERMITTED, "other", "REQUEST_URI other");
    let answer = pair.connection.delete("known").await.unwrap();
    assert_message(&answer, NOT_PERMITTED, "known", "DELETE_URI known");
}

/// netaio's own errors have the uri `ERROR`. One ends the only request that
/// waits.
pub async fn an_anonymous_error_ends_the_only_request<R: Runtime>() {
    let server = Server::<R>::builder()
        .on(REQUEST_URI, || {
            Message::error_message("something not found")
        })
        .on(CREATE_URI, || Message::not_permitted("", "no"));
    let pair = plain_pair(server).await;
    let answer = pair.connection.request("u").await.unwrap();
    assert_message(&answer, NOT_FOUND, "ERROR", "something not found");
    let answer = pair.connection.create("u", "").await.unwrap();
    assert_message(&answer, NOT_PERMITTED, "", "no");
}

/// Where several requests wait, an error that names none of them ends none.
pub async fn an_anonymous_error_ends_none_of_several<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder().build().unwrap();
    let mut messages = client.messages();
    let to = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let requests = spawn::<R, _>(async move {
        both(to.request("a").into_future(), to.request("b").into_future()).await
    });
    for uri in ["a", "b"] {
        let request = server.receive().await.unwrap();
        assert_message(&request, REQUEST_URI, uri, "");
    }
    server.write(&frame(NOT_FOUND, "", "who?")).await.unwrap();
    let unsolicited = messages.next().await.unwrap();
    assert_message(&unsolicited.message, NOT_FOUND, "", "who?");
    server.write(&frame(RESPOND_URI, "b", "2")).await.unwrap();
    server.write(&frame(RESPOND_URI, "a", "1")).await.unwrap();
    let (first, second) = requests.await;
    assert_message(&first.unwrap(), RESPOND_URI, "a", "1");
    assert_message(&second.unwrap(), RESPOND_URI, "b", "2");
}

/// Uris and contents are bytes, from none to as many as fit.
pub async fn uris_and_contents_are_any_bytes<R: Runtime>() {
    const MOST: usize = netaio_driver::core::Body::MAX_PAYLOAD;
    let server = Server::<R>::builder().on(REQUEST_URI, |content: Content| content);
    let pair = plain_pair(server).await;
    let all: Vec<u8> = (0..=255).collect();
    let long = vec![0xa5; MOST];
    let cases: [(&[u8], &[u8]); 6] = [
        (b"", b""),
        (b"", &all),
        (&all, b""),
        (b"\0\xff", &all),
        (b"", &long),
        (&long[..300], &long[300..]),
    ];
    for (uri, content) in cases {
        let request = pair.connection.request(uri.to_vec());
        let answer = request.content(content.to_vec()).await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, content);
    }
    let answer = pair.connection.request(long.clone()).await.unwrap();
    assert_message(&answer, RESPOND_URI, &long, "");
}

/// A message that does not fit is the caller's error, at once; others go on.
pub async fn a_message_that_cannot_be_sent_is_an_error_at_once<R: Runtime>() {
    let pair = plain_pair(Server::<R>::builder().on(REQUEST_URI, || "fine")).await;
    let to = &pair.connection;
    let max = netaio_driver::core::Body::MAX_PAYLOAD;
    let too_long = to.create("u", vec![0; max]).await.unwrap_err();
    let expected = SealError::BodyTooLong { len: max + 1, max };
    assert_eq!(too_long, RequestError::Send(SendError::Seal(expected)));

    let unknown = Message::new(MessageType::new(99), "u", "");
    let error = to.send(unknown).await.unwrap_err();
    let expected = SealError::UnknownType(99);
    assert_eq!(error, SendError::Seal(expected));

    let answer = to.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "fine");
}

/// A handler that returns nothing answers what asks for an answer: with the usual one,
/// without a content. Nobody answers a notification.
pub async fn who_returns_nothing_has_answered<R: Runtime>() {
    let custom = MessageType::new(31);
    let mut types = MessageTypes::base();
    types.register(31, "PING").unwrap();
    let checked = |content: Content| match content.is_empty() {
        true => Err(Reply::error("there is no content")),
        false => Ok(()),
    };
    let server = Server::<R>::builder()
        .types(types.clone())
        .on(REQUEST_URI, || ())
        .on(CREATE_URI, || async {})
        .on(UPDATE_URI, checked)
        .on(DELETE_URI, |_: Content| async { Ok::<(), Reply>(()) })
        .on(SUBSCRIBE_URI, || Some(()))
        .on(UNSUBSCRIBE_URI, || ())
        .on(PUBLISH_URI, || ())
        .on(NOTIFY_URI, || ())
        .on(custom, || ());
    let pair = super::support::pair(server, Client::builder().types(types)).await;
    let to = &pair.connection;
    let message = |kind, content: &'static str| Message::new(kind, "u", content);
    // Would be the first answer, were there one.
    to.send(message(NOTIFY_URI, "")).await.unwrap();
    for (asked, answered) in [
        (REQUEST_URI, RESPOND_URI),
        (CREATE_URI, OK),
        (UPDATE_URI, OK),
        (DELETE_URI, OK),
        (SUBSCRIBE_URI, CONFIRM_SUBSCRIBE),
        (UNSUBSCRIBE_URI, CONFIRM_UNSUBSCRIBE),
        (PUBLISH_URI, OK),
        (custom, OK),
    ] {
        let answer = to.request_message(message(asked, "content")).await.unwrap();
        assert_message(&answer, answered, "u", "");
    }
    let refused = to.update("u", "").await.unwrap();
    assert_message(&refused, ERROR, "u", "there is no content");
}

/// A request that nobody answers ends with its timeout, and says how long that
/// was.
pub async fn a_request_without_an_answer_times_out<R: Runtime>() {
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "silent"), || NoReply)
        .on((REQUEST_URI, "async"), || async { NoReply })
        .on((REQUEST_URI, "none"), || None::<String>)
        .on((REQUEST_URI, "loud"), || "here");
    let pair = plain_pair(server).await;
    for uri in ["silent", "async", "none"] {
        let error = pair.connection.request(uri).timeout(SHORT).await;
        assert_eq!(error.unwrap_err(), RequestError::TimedOut(SHORT));
    }
    let answer = pair.connection.request("loud").await.unwrap();
    assert_message(&answer, RESPOND_URI, "loud", "here");
}

/// A request's time is that of its sending, too: it ends although the remote reads
/// nothing, whether it is half written or behind one that is.
pub async fn a_request_that_cannot_be_written_times_out<R: Runtime>() {
    let shape = Shape {
        capacity: 16,
        ..Shape::PLAIN
    };
    let [(reader, writer), _far] = duplex(shape);
    let client = Client::<R>::builder().build().unwrap();
    let to = client.connect_halves(reader, writer, None, "deaf").unwrap();
    for size in [100, 100, 60_000] {
        let request = to.request("u").content(vec![0; size]).timeout(SHORT);
        assert_eq!(request.await.unwrap_err(), RequestError::TimedOut(SHORT));
    }
}

/// Each of many requests has a deadline of its own.
pub async fn timeouts_end_the_requests_they_belong_to<R: Runtime>() {
    let door = Door::new();
    let handler = {
        let door = door.clone();
        move |uri: Uri| {
            let door = door.clone();
            async move {
                door.pass().await;
                uri
            }
        }
    };
    let pair = plain_pair(Server::<R>::builder().on(REQUEST_URI, handler)).await;
    let (one, two) = (pair.connection.clone(), pair.connection.clone());
    let patient = spawn::<R, _>(async move { one.request("patient").await });
    let error = two.request("hasty").timeout(SHORT).await.unwrap_err();
    assert_eq!(error, RequestError::TimedOut(SHORT));
    door.open();
    let answer = patient.await.unwrap();
    assert_message(&answer, RESPOND_URI, "patient", "patient");
    let answer = pair.connection.request("later").await.unwrap();
    assert_message(&answer, RESPOND_URI, "later", "later");
}

/// Types of one's own carry requests and answers; a type that nobody
/// registered closes the connection.
pub async fn custom_message_types_work_once_registered<R: Runtime>() {
    let mut types = MessageTypes::base();
    let ping = types.register(31, "PING").unwrap();
    let pong = types.register(255, "PONG").unwrap();
    let server = Server::<R>::builder()
        .types(types.clone())
        .on(ping, move |content: Content| Reply::new(pong, content));
    let pair = super::support::pair(server, Client::builder().types(types)).await;
    let request = Message::new(ping, "u", "x");
    let answer = pair.connection.request_message(request).accept(pong).await;
    assert_message(&answer.unwrap(), pong, "u", "x");

    // Without `accept` a custom message answers nothing: it is unsolicited.
    let mut messages = pair.client.messages();
    pair.connection
        .send(Message::new(ping, "u", "y"))
        .await
        .unwrap();
    let unsolicited = messages.next().await.unwrap();
    assert_message(&unsolicited.message, pong, "u", "y");

    let mut ignorant = super::raw::dial(&plain_pair(Server::<R>::builder()).await.server).await;
    ignorant.write(&frame(ping, "u", "x")).await.unwrap();
    assert_eq!(ignorant.receive().await, None);
}

/// One request more than may wait for answers waits for a place, and is an error at once
/// where that is wanted.
pub async fn one_request_too_many_waits_for_a_place<R: Runtime>() {
    const MAX: usize = 3;
    let listener = RawListener::<R>::new().await;
    let limits = Limits::default().with_pending_requests(MAX).unwrap();
    let client = Client::<R>::builder().limits(limits).build().unwrap();
    let to = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let mut waiting = Vec::new();
    for number in 0..MAX {
        let to = to.clone();
        waiting.push(spawn::<R, _>(async move {
            to.request(format!("{number}")).await
        }));
        server.receive().await.unwrap();
    }
    let refused = to.request("one more").fail_fast().await.unwrap_err();
    let expected = RequestError::Send(SendError::TooManyRequests { max: MAX });
    assert_eq!(refused, expected);
    // Its time is up before there is a place, and it was not sent.
    let short = Duration::from_millis(20);
    let late = to.request("late").timeout(short).await.unwrap_err();
    assert_eq!(late, expected);
    assert!(late.was_surely_not_handled());
    let patient = spawn::<R, _>(to.request("patient").into_future());
    for (number, request) in waiting.into_iter().enumerate() {
        let answer = frame(RESPOND_URI, number.to_string(), "a");
        server.write(&answer).await.unwrap();
        assert_message(
            &request.await.unwrap(),
            RESPOND_URI,
            number.to_string(),
            "a",
        );
    }
    let sent = server.receive().await.unwrap();
    assert_message(&sent, REQUEST_URI, "patient", "");
    let answer = frame(RESPOND_URI, "patient", "");
    server.write(&answer).await.unwrap();
    assert_message(&patient.await.unwrap(), RESPOND_URI, "patient", "");
}

/// A request that waits for a place gets that of one whose future is dropped.
pub async fn a_dropped_request_makes_room_for_one_that_waits<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let limits = Limits::default().with_pending_requests(1).unwrap();
    let client = Client::<R>::builder().limits(limits).build().unwrap();
    let to = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let mut first = to.request("first").into_future();
    assert_eq!(poll_times(first.as_mut(), 1, GiveUp::AtOnce).await, None);
    server.receive().await.unwrap();
    let waiting = spawn::<R, _>(to.request("next").into_future());
    // It is behind this one, which finds no place.
    let fast = to.request("fast").fail_fast().await.unwrap_err();
    assert!(fast.was_surely_not_handled());
    drop(first);
    let next = server.receive().await.unwrap();
    assert_message(&next, REQUEST_URI, "next", "");
    let answer = frame(RESPOND_URI, "next", "");
    server.write(&answer).await.unwrap();
    assert_message(&waiting.await.unwrap(), RESPOND_URI, "next", "");
}

/// A client that is connected to nobody says so.
pub async fn a_client_without_a_server_says_so<R: Runtime>() {
    let client = Client::<R>::builder().build().unwrap();
    assert_eq!(
        client.request("u").await.unwrap_err(),
        RequestError::NotConnected
    );
    assert!(client.send(Message::request("u")).await.is_err());
    assert!(client.connections().is_empty() && client.connection("x").is_none());
    client.close().await;
}
