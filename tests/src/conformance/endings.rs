//! How connections end, and what is told of it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use netaio_driver::core::plugin::HmacAuth;
use netaio_driver::core::types::*;
use netaio_driver::core::{
    AuthErrorReply, CloseReason, FrameErrorKind, Limits, Message, SendError,
};
use netaio_driver::{Client, Connection, RequestError, Runtime, Server};

use super::pipe::{Shape, duplex};
use super::raw::{Raw, RawListener, RawTcp, dial, frame};
use super::support::{
    Door, GiveUp, assert_message, connect, listen, plain_pair, poll_times, spawn,
};

/// Longer than any test runs: a request that ends has not timed out.
const NEVER: Duration = Duration::from_secs(3600);

/// What a request that waits is told when the server does something, and the
/// reason that the connection gives.
async fn ending<R: Runtime, F>(then: impl FnOnce(RawTcp<R>) -> F) -> (RequestError, CloseReason)
where
    F: Future<Output = ()>,
{
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder().build().unwrap();
    let to = client.connect(listener.address()).await.unwrap();
    let server = listener.accept().await;
    let waiting = spawn::<R, _>({
        let to = to.clone();
        async move { to.request("u").timeout(NEVER).await.unwrap_err() }
    });
    then(server).await;
    (waiting.await, to.closed().await)
}

/// A server that is gone in the middle of a request is noticed at once, and
/// the reason says how it went.
pub async fn a_server_that_is_gone_fails_requests_at_once<R: Runtime>() {
    let closed = ending::<R, _>(|mut server| async move {
        server.receive().await.unwrap();
    });
    let (error, reason) = closed.await;
    assert_eq!(error, RequestError::Closed(CloseReason::Remote));
    assert_eq!(reason, CloseReason::Remote);

    let finished = ending::<R, _>(|mut server| async move {
        server.receive().await.unwrap();
        server.finish().await;
        // The client closes in turn, although this end is still there.
        assert_eq!(server.receive().await, None);
    });
    assert_eq!(finished.await.0, RequestError::Closed(CloseReason::Remote));

    let truncated = ending::<R, _>(|mut server| async move {
        server.receive().await.unwrap();
        let answer = frame(RESPOND_URI, "u", "x");
        server.write(&answer[..answer.len() - 1]).await.unwrap();
    });
    let (error, reason) = truncated.await;
    let CloseReason::Truncated(frame_error) = &reason else {
        panic!("{reason:?}");
    };
    assert_eq!(frame_error.kind, FrameErrorKind::Truncated { missing: 1 });
    assert_eq!(error, RequestError::Closed(reason));

    let garbage = ending::<R, _>(|mut server| async move {
        server.receive().await.unwrap();
        server.write(&[0xff; 100]).await.unwrap();
        assert_eq!(server.receive().await, None);
    });
    let (error, reason) = garbage.await;
    let CloseReason::Malformed(frame_error) = &reason else {
        panic!("{reason:?}");
    };
    assert_eq!(frame_error.kind, FrameErrorKind::UnknownType(0xff));
    assert_eq!(error, RequestError::Closed(reason));
}

/// A handler that hangs hides no end from those who wait for answers on the same
/// connection, however many there are, and from those who come later. What a
/// remote says that breaks the protocol ends the handler, too.
pub async fn a_handler_that_hangs_hides_no_end<R: Runtime>() {
    const REQUESTS: usize = 10;
    let truncated = frame(RESPOND_URI, "u", "x")[..5].to_vec();
    let endings = [
        (vec![], "Remote"),
        (truncated, "Truncated"),
        (vec![0xff; 100], "Malformed"),
    ];
    for (last_words, expected) in endings {
        let (called, calls) = async_channel::bounded(1);
        let (alive, is_gone) = async_channel::bounded::<()>(1);
        let door = Door::new();
        let hang = {
            let door = door.clone();
            move || {
                let (called, alive, door) = (called.clone(), alive.clone(), door.clone());
                async move {
                    let _alive = alive;
                    called.send(()).await.unwrap();
                    door.pass().await;
                }
            }
        };
        let listener = RawListener::<R>::new().await;
        let client = Client::<R>::builder().on(NOTIFY_URI, hang).build().unwrap();
        let to = client.connect(listener.address()).await.unwrap();
        let mut server = listener.accept().await;
        server.write(&frame(NOTIFY_URI, "u", "")).await.unwrap();
        calls.recv().await.unwrap();
        let ask = || {
            let to = to.clone();
            spawn::<R, _>(async move { to.request("u").timeout(NEVER).await.unwrap_err() })
        };
        let waiting: Vec<_> = (0..REQUESTS).map(|_| ask()).collect();
        for _ in 0..REQUESTS {
            server.receive().await.unwrap();
        }
        server.write(&last_words).await.unwrap();
        drop(server);
        for error in waiting {
            let RequestError::Closed(reason) = error.await else {
                panic!("the connection ended");
            };
            assert!(format!("{reason:?}").starts_with(expected), "{reason:?}");
        }
        let late = ask().await;
        let (RequestError::Closed(_) | RequestError::Send(SendError::Closed(_))) = late else {
            panic!("{late:?}");
        };
        // What was asked before is answered first.
        door.open();
        let reason = to.closed().await;
        assert!(format!("{reason:?}").starts_with(expected), "{reason:?}");
        // The function holds the last sender but the handler's, and the client the
        // function.
        drop(client);
        assert!(is_gone.recv().await.is_err());
    }
}

/// A reset is the remote's going, too.
pub async fn a_reset_is_the_remotes_going<R: Runtime>() {
    let reset = ending::<R, _>(|mut server| async move {
        // Closing a socket with unread bytes resets the connection.
        assert_eq!(server.skip(1).await, 1);
    });
    let (error, reason) = reset.await;
    assert_eq!(error, RequestError::Closed(CloseReason::Remote));
    assert_eq!(reason, CloseReason::Remote);
}

/// A stream that fails says why.
pub async fn a_stream_that_fails_says_why<R: Runtime>() {
    let client = Client::<R>::builder().build().unwrap();
    let [(reader, writer), (far_reader, far_writer)] = duplex(Shape::PLAIN);
    let hammer = far_writer.hammer();
    let mut server = Raw::new(far_reader, far_writer);
    let to = client.connect_halves(reader, writer, None, "pipe").unwrap();
    let waiting = spawn::<R, _>({
        let to = to.clone();
        async move { to.request("u").timeout(NEVER).await.unwrap_err() }
    });
    server.receive().await.unwrap();
    hammer.strike();
    let reason = CloseReason::Transport("struck by the test".into());
    assert_eq!(waiting.await, RequestError::Closed(reason.clone()));
    assert_eq!(to.closed().await, reason);
}

/// A connection that has ended refuses at once, whatever is asked of it, also
/// while its last bytes wait for a remote that does not read them.
pub async fn an_ended_connection_refuses_at_once<R: Runtime>() {
    let small = Shape {
        capacity: 16,
        ..Shape::PLAIN
    };
    let client = Client::<R>::builder().build().unwrap();
    let [(reader, writer), (far_reader, far_writer)] = duplex(small);
    let to = client.connect_halves(reader, writer, None, "pipe").unwrap();
    to.send(Message::publish("u", vec![0; 1000])).await.unwrap();
    // The remote ends its side and never reads: the client's last bytes wait.
    drop(far_writer);
    let ended = RequestError::Closed(CloseReason::Remote);
    loop {
        match to.request("u").timeout(NEVER).await {
            Err(RequestError::Send(error)) => {
                let expected = SendError::Closed(CloseReason::Remote);
                assert_eq!(error, expected);
                break;
            }
            // It came before the end was noticed.
            Err(error) => assert_eq!(error, ended),
            Ok(answer) => panic!("nobody can have answered {answer:?}"),
        }
    }
    assert!(client.connections().is_empty());
    // Dropping the client cuts it off, with the bytes unwritten.
    let closing = to.closed();
    drop(client);
    assert_eq!(closing.await, CloseReason::Remote);
    drop(far_reader);
}

/// A client that ends its sending side still gets every answer, also those of
/// handlers that take their time.
pub async fn a_half_closed_client_gets_all_its_answers<R: Runtime>() {
    let door = Door::new();
    let slow = {
        let door = door.clone();
        move || {
            let door = door.clone();
            async move {
                door.pass().await;
                "slow"
            }
        }
    };
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "slow"), slow)
        .on((REQUEST_URI, "fast"), || "fast")
        .on((REQUEST_URI, "big"), || vec![1; 60_000]);
    let server = listen(server).await;
    let mut raw = dial(&server).await;
    let uris = ["fast", "slow", "fast", "big", "slow", "big", "fast"];
    let requests: Vec<u8> = uris
        .iter()
        .flat_map(|uri| frame(REQUEST_URI, uri, ""))
        .collect();
    raw.write(&requests).await.unwrap();
    raw.finish().await;
    assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "fast", "fast");
    door.open();
    let answers = raw.receive_all().await;
    let answered: Vec<_> = answers.iter().map(|answer| &answer.uri[..]).collect();
    let expected: Vec<_> = uris[1..].iter().map(|uri| uri.as_bytes()).collect();
    assert_eq!(answered, expected);
}

/// A handler that asks a client which sends no more learns so at once, and what
/// it answers still arrives.
pub async fn a_half_closed_client_that_is_asked_gets_its_answer<R: Runtime>() {
    let (door, begun) = (Door::new(), async_channel::unbounded());
    let asks = {
        let (door, begun) = (door.clone(), begun.0);
        move |client: Connection| {
            let (door, begun) = (door.clone(), begun.clone());
            async move {
                let before = client.request("before").timeout(NEVER).await;
                begun.send(()).await.unwrap();
                door.pass().await;
                let after = client.request("after").timeout(NEVER).await;
                let gone = |answer: &Result<_, RequestError>| match answer {
                    // It was sent before the end.
                    Err(RequestError::Closed(CloseReason::Remote)) => true,
                    Err(RequestError::Send(SendError::Closed(CloseReason::Remote))) => true,
                    _ => false,
                };
                let unsent = after.as_ref().unwrap_err().was_surely_not_handled();
                format!("{} {}", gone(&before), gone(&after) && unsent)
            }
        }
    };
    let server = listen(Server::<R>::builder().on(REQUEST_URI, asks)).await;
    let mut raw = dial(&server).await;
    let requests = frame(REQUEST_URI, "u", "").repeat(2);
    raw.write(&requests).await.unwrap();
    let asked = raw.receive().await.unwrap();
    assert_message(&asked, REQUEST_URI, "before", "");
    raw.finish().await;
    begun.1.recv().await.unwrap();
    door.open();
    let answers = raw.receive_all().await;
    assert_eq!(answers.len(), 2);
    for answer in answers {
        assert_message(&answer, RESPOND_URI, "u", "true true");
    }
}

/// A connection that is closed from within its own handler closes.
pub async fn a_handler_may_close_its_connection<R: Runtime>() {
    let server = Server::<R>::builder()
        .on(REQUEST_URI, |connection: Connection| async move {
            connection.close().await;
            "never sent"
        })
        .on(CREATE_URI, |connection: Connection| {
            // Never awaited beyond its first poll, which says it all.
            let mut closing = Box::pin(async move { connection.close().await });
            let waker = std::task::Waker::noop();
            let _ = closing
                .as_mut()
                .poll(&mut std::task::Context::from_waker(waker));
            "sent before it closes"
        });
    let pair = plain_pair(server).await;
    let error = pair
        .connection
        .request("u")
        .timeout(NEVER)
        .await
        .unwrap_err();
    assert_eq!(error, RequestError::Closed(CloseReason::Remote));
    let again = pair.client.connect(pair.server.local_addr()).await.unwrap();
    let answer = again.create("u", "").timeout(NEVER).await.unwrap();
    assert_message(&answer, OK, "u", "sent before it closes");
    assert_eq!(again.closed().await, CloseReason::Remote);
}

/// A frame that is begun and not ended closes the connection in time; one that
/// was not begun leaves it open.
pub async fn a_frame_that_does_not_end_closes_the_connection<R: Runtime>() {
    let limits = Limits::default()
        .with_frame_timeout(Duration::from_millis(20))
        .unwrap();
    let server = Server::<R>::builder()
        .limits(limits)
        .on(REQUEST_URI, || "here");
    let pair = plain_pair(server).await;
    let request = frame(REQUEST_URI, "u", "x");
    for cut in [1, 9, request.len() - 1] {
        let mut raw = dial(&pair.server).await;
        raw.write(&request).await.unwrap();
        assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "u", "here");
        raw.write(&request[..cut]).await.unwrap();
        assert_eq!(raw.receive().await, None);
    }
    // This one has been idle all the while.
    let answer = pair.connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
}

/// A connection on which nothing comes is closed, where the limit says so.
pub async fn an_idle_connection_is_closed_where_wanted<R: Runtime>() {
    let after = Duration::from_millis(20);
    let limits = Limits::default().with_idle_timeout(Some(after)).unwrap();
    let server = listen(Server::<R>::builder().limits(limits)).await;
    assert_eq!(dial(&server).await.receive().await, None);
    let limits = Limits::default().with_auth_timeout(Some(after)).unwrap();
    let server = listen(Server::<R>::builder().limits(limits)).await;
    assert_eq!(dial(&server).await.receive().await, None);
}

/// A connection is not idle while its handler runs, nor is it blamed for the
/// rest of a frame that is not read meanwhile.
pub async fn a_running_handler_keeps_a_connection<R: Runtime>() {
    let after = Duration::from_millis(20);
    let limits = Limits::default().with_frame_timeout(after).unwrap();
    let limits = limits.with_idle_timeout(Some(after)).unwrap();
    let door = Door::new();
    let slow = {
        let door = door.clone();
        move || {
            let door = door.clone();
            async move {
                door.pass().await;
                "slow"
            }
        }
    };
    let server = Server::<R>::builder()
        .limits(limits)
        .on((REQUEST_URI, "slow"), slow)
        .on((REQUEST_URI, "fast"), || "fast");
    let server = listen(server).await;
    let mut raw = dial(&server).await;
    let [slow, fast] = ["slow", "fast"].map(|uri| frame(REQUEST_URI, uri, ""));
    raw.write(&[&slow[..], &fast[..5]].concat()).await.unwrap();
    for _ in 0..3 {
        // Others are idle, and cut, one after the other.
        assert_eq!(dial(&server).await.receive().await, None);
    }
    door.open();
    raw.write(&fast[5..]).await.unwrap();
    assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "slow", "slow");
    assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "fast", "fast");
    assert_eq!(raw.receive().await, None);
}

/// What a plugin or another part of the application does wrong, outside of
/// handlers, ends one connection and tells those who wait.
pub async fn a_panic_outside_of_handlers_ends_one_connection<R: Runtime>() {
    let panics = |_| panic!("a panic of the test");
    let server = Server::<R>::builder()
        .auth(HmacAuth::new("right"))
        .auth_error(AuthErrorReply::Handler(Arc::new(panics)))
        .on(REQUEST_URI, || "here");
    let server = listen(server).await;
    let client = |secret| Client::<R>::builder().auth(HmacAuth::new(secret));
    let (_good_client, good) = connect(client("right"), &server).await;
    let (_bad_client, bad) = connect(client("wrong"), &server).await;
    let error = bad.request("u").timeout(NEVER).await.unwrap_err();
    assert_eq!(error, RequestError::Closed(CloseReason::Remote));
    let answer = good.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    server.stop_within(NEVER).await;
}

/// Waiting for the end can be given up and taken up again.
pub async fn waiting_for_the_end_can_be_given_up<R: Runtime>() {
    let pair = plain_pair(Server::<R>::builder()).await;
    for polls in [0, 1, 1] {
        let closed = pin!(pair.connection.closed());
        assert_eq!(poll_times(closed, polls, GiveUp::AtOnce).await, None);
    }
    let waiting = spawn::<R, _>({
        let connection = pair.connection.clone();
        async move { connection.closed().await }
    });
    drop(pair.server);
    assert_eq!(waiting.await, CloseReason::Remote);
    assert_eq!(pair.connection.closed().await, CloseReason::Remote);
}
