//! Servers: from their first connection to their stop.

use std::io::{self, Read, Write};
use std::mem;
use std::net::{Shutdown, TcpStream};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;

use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Deframer, Limits, Message, NotHandled, Wire};
use netaio_driver::{
    BuildError, Client, Connection, NoReply, ReadHalf, RequestError, Runtime, Server, ServerEvent,
    WriteHalf,
};

use super::pipe::{Shape, duplex};
use super::raw::{Raw, dial, frame};
use super::support::{
    Counter, Door, GiveUp, assert_message, both, connect, listen, plain_pair, poll_times,
    short_stops, spawn, standstill,
};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// A handler that says that it has begun and waits for a door.
pub(super) fn waits(
    begun: async_channel::Sender<()>,
    door: Door,
) -> impl netaio_driver::Handler<netaio_driver::Deferred<()>> {
    move || {
        let (begun, door) = (begun.clone(), door.clone());
        async move {
            begun.send(()).await.unwrap();
            door.pass().await;
            "done"
        }
    }
}

/// An address that is taken is an error, and says which.
pub async fn an_address_that_is_taken_is_an_error<R: Runtime>() {
    let server = listen(Server::<R>::builder()).await;
    let address = server.local_addr();
    assert_ne!(address.port(), 0);
    let error = Server::<R>::builder().bind(address).await.unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(matches!(error, BuildError::Listen { .. }));
    assert!(Server::<R>::builder().bind("no port").await.is_err());
}

/// A stop lets what is under way come to its end: the answer of a handler that
/// runs still arrives, what was read before it is answered, and nothing new is
/// accepted.
pub async fn a_stop_lets_handlers_finish<R: Runtime>() {
    let (door, begun) = (Door::new(), async_channel::unbounded());
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "slow"), waits(begun.0, door.clone()))
        .on((REQUEST_URI, "fast"), || "fast");
    let pair = plain_pair(server).await;
    let mut raw = dial(&pair.server).await;
    let batch = ["slow", "fast"].map(|uri| frame(REQUEST_URI, uri, ""));
    raw.write(&batch.concat()).await.unwrap();
    begun.1.recv().await.unwrap();
    let stopping = spawn::<R, _>({
        let server = pair.server.clone();
        async move { server.stop_within(NEVER).await }
    });
    // The connection that has nothing under way is closed, but not the other.
    assert_eq!(pair.connection.closed().await, CloseReason::Remote);
    door.open();
    assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "slow", "done");
    assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "fast", "fast");
    assert_eq!(raw.receive().await, None);
    stopping.await;
    assert_eq!(pair.server.connections(), 0);
    let client = Client::<R>::builder().build().unwrap();
    assert!(client.connect(pair.server.local_addr()).await.is_err());
    // A second stop has nothing to do.
    pair.server.stop().await;
}

/// Every answer that a handler has made arrives, although the server stops with
/// requests unread and its answers still on their way.
pub async fn a_stop_delivers_the_answers_that_were_made<R: Runtime>() {
    const REQUESTS: usize = 50_000;
    const SIZE: usize = 500;
    let (handled, begun) = (Counter::default(), async_channel::bounded(1));
    let answer = {
        let handled = handled.clone();
        move || {
            handled.add();
            let _ = begun.0.try_send(());
            vec![0; SIZE]
        }
    };
    let server = listen(Server::<R>::builder().on(REQUEST_URI, answer)).await;
    let other = plain_pair(Server::<R>::builder().on(REQUEST_URI, || "other")).await;
    let (mut receiving, mut sending) = dial(&server).await.split();
    let sender = spawn::<R, _>(async move {
        let requests = frame(REQUEST_URI, "u", "").repeat(REQUESTS);
        // Those that come after the stop are refused, and not taken after that.
        let _ = sending.write(&requests).await;
        sending
    });
    begun.1.recv().await.unwrap();
    let stopping = spawn::<R, _>({
        let server = server.clone();
        async move { server.stop_within(NEVER).await }
    });
    standstill(&other.connection, &handled).await;
    let (answers, refusals): (Vec<_>, Vec<_>) = (receiving.receive_all().await)
        .into_iter()
        .partition(|message| message.message_type == RESPOND_URI);
    assert_eq!(answers.len(), handled.get());
    assert!(refusals.iter().all(|it| it.message_type == ERROR));
    drop((receiving, sender));
    stopping.await;
}

/// A handler that asks its client gets its answer although the server stops.
pub async fn a_stop_lets_handlers_ask_their_clients<R: Runtime>() {
    let (door, begun) = (Door::new(), async_channel::unbounded());
    let asks = {
        let (door, begun) = (door.clone(), begun.0);
        move |client: Connection| {
            let (door, begun) = (door.clone(), begun.clone());
            async move {
                begun.send(()).await.unwrap();
                door.pass().await;
                let answer = client.request("name").timeout(NEVER).await.unwrap();
                answer.content.clone()
            }
        }
    };
    let server = Server::<R>::builder().on(REQUEST_URI, asks);
    let client = Client::builder().on(REQUEST_URI, || "client");
    let pair = super::support::pair(server, client).await;
    let waiting = spawn::<R, _>({
        let to = pair.connection.clone();
        async move { to.request("u").await }
    });
    begun.1.recv().await.unwrap();
    let mut stopping = Box::pin(pair.server.stop_within(NEVER));
    assert_eq!(poll_times(stopping.as_mut(), 1, GiveUp::AtOnce).await, None);
    door.open();
    assert_message(&waiting.await.unwrap(), RESPOND_URI, "u", "client");
    stopping.await;
}

/// A stop whose time is up cuts off what is not done.
pub async fn a_stop_whose_time_is_up_cuts<R: Runtime>() {
    for (grace, limits, by_limit) in short_stops() {
        let begun = async_channel::unbounded();
        let server = Server::<R>::builder()
            .limits(limits)
            .on(REQUEST_URI, waits(begun.0, Door::new()));
        let pair = plain_pair(server).await;
        let waiting = spawn::<R, _>({
            let to = pair.connection.clone();
            async move { to.request("u").timeout(NEVER).await }
        });
        begun.1.recv().await.unwrap();
        match by_limit {
            true => pair.server.stop().await,
            false => pair.server.stop_within(grace).await,
        }
        assert_eq!(pair.server.connections(), 0);
        let error = waiting.await.unwrap_err();
        assert_eq!(error, RequestError::Closed(CloseReason::Remote));
    }
}

/// A stop does not wait beyond its time for a remote that does not read, nor
/// for one that has been told to go and does not read that.
pub async fn a_stop_does_not_wait_for_those_who_do_not_read<R: Runtime>() {
    let small = Shape {
        capacity: 16,
        ..Shape::PLAIN
    };
    let limits = Limits::default().with_shutdown_grace(NEVER).unwrap();
    let server = Server::<R>::builder()
        .limits(limits)
        .on(REQUEST_URI, || vec![0; 1000]);
    let server = listen(server).await;
    let request = frame(REQUEST_URI, "u", "");
    let mut peers = Vec::new();
    for after in [Vec::new(), vec![0xff; 20]] {
        let [(reader, writer), (far_reader, far_writer)] = duplex(small);
        let connection = server.serve_halves(reader, writer, None).unwrap();
        let mut raw = Raw::new(far_reader, far_writer);
        raw.write(&request).await.unwrap();
        // The first bytes of the answer: the rest does not fit.
        assert_ne!(raw.skip(4).await, 0);
        raw.write(&after).await.unwrap();
        peers.push((connection, raw));
    }
    let mut events = server.events();
    server.stop_within(Duration::from_millis(5)).await;
    assert_eq!(server.connections(), 0);
    for (connection, _) in peers {
        connection.closed().await;
    }
    // What they did not read is told.
    let mut unwritten = Vec::new();
    while let Some(event) = events.next().await {
        if let ServerEvent::Unwritten { bytes, .. } = event {
            assert!(bytes > 900, "{bytes}");
            unwritten.push(bytes as u64);
        }
    }
    assert_eq!(unwritten.len(), 2);
    let counted = server.metrics().unwritten_bytes;
    assert_eq!(counted, unwritten.iter().sum::<u64>());
}

/// A stream with a request, and another that comes late, before its end, which follows that of the
/// other side.
struct Late {
    now: Vec<u8>,
    late: Vec<u8>,
    has_come: Arc<AtomicBool>,
    has_ended: Arc<AtomicBool>,
}

impl ReadHalf for Late {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let mut bytes = mem::take(&mut self.now);
        if bytes.is_empty() {
            if !self.has_come.load(Ordering::SeqCst) {
                return Poll::Pending;
            }
            bytes = mem::take(&mut self.late);
            if bytes.is_empty() && !self.has_ended.load(Ordering::SeqCst) {
                return Poll::Pending;
            }
        }
        buffer.extend_from_slice(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }
}

/// A stream that takes all bytes, which are kept, and whether it has ended.
struct Taken(Arc<Mutex<BytesMut>>, Arc<AtomicBool>);

impl WriteHalf for Taken {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.1.store(true, Ordering::SeqCst);
        Poll::Ready(Ok(()))
    }
}

/// What has come by the time that a stop has nothing left to do is not lost but refused, though
/// the last answer is not written by then.
pub async fn what_has_come_at_the_end_of_a_stop_is_refused<R: Runtime>() {
    let late = frame(REQUEST_URI, "b", "");
    // A part of a frame behind it holds nothing up.
    let longer = [&late[..], &late[..5]].concat();
    for (more, late) in [(0, &late), (40_000, &late), (0, &longer)] {
        let (door, begun) = (Door::new(), async_channel::unbounded());
        let handler = {
            let (begun, door) = (begun.0, door.clone());
            move || {
                let (begun, door) = (begun.clone(), door.clone());
                async move {
                    begun.send(()).await.unwrap();
                    door.pass().await;
                    vec![0; more]
                }
            }
        };
        let server = Server::<R>::builder().on(REQUEST_URI, handler);
        let server = server.build().unwrap();
        let (has_come, taken) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let has_ended = Arc::default();
        let late = Late {
            now: frame(REQUEST_URI, "a", ""),
            late: late.clone(),
            has_come: has_come.clone(),
            has_ended: Arc::clone(&has_ended),
        };
        let served = server.serve_halves(late, Taken(Arc::clone(&taken), has_ended), None);
        let connection = served.unwrap();
        begun.1.recv().await.unwrap();
        let mut stop = pin!(server.stop_within(NEVER));
        let stopped = poll_times(stop.as_mut(), 1, GiveUp::AtOnce).await;
        assert_eq!(stopped, None);
        has_come.store(true, Ordering::SeqCst);
        door.open();
        stop.await;
        connection.closed().await;
        let wire = Wire::default();
        let mut frames = Deframer::new(Arc::new(wire.clone()));
        let mut next = || frames.next(&mut taken.lock().unwrap()).unwrap();
        let mut message = || Some(next()?.decode(&wire).unwrap().into_message());
        assert_message(&message().unwrap(), RESPOND_URI, "a", vec![0; more]);
        let last = message().unwrap();
        // Threads run side by side: the stop may reach the connection after that has come.
        let is_answered = last.message_type == RESPOND_URI || NotHandled::is_said_by(&last);
        assert!(is_answered && last.uri == "b", "{last:?}");
        assert_eq!(message(), None);
    }
}

/// So is what has come as far as the system's socket by then, and what the runtime was not told of.
pub async fn what_is_in_the_socket_at_the_end_of_a_stop_is_refused<R: Runtime>() {
    let (door, (begun, began)) = (Door::new(), async_channel::unbounded());
    let server = Server::<R>::builder().on(REQUEST_URI, waits(begun, door.clone()));
    let server = listen(server).await;
    // A socket that waits, so that nothing else happens between these steps on a runtime of one thread.
    let mut raw = TcpStream::connect(server.local_addr()).unwrap();
    raw.write_all(&frame(REQUEST_URI, "a", "")).unwrap();
    began.recv().await.unwrap();
    let mut stop = pin!(server.stop_within(NEVER));
    let stopped = poll_times(stop.as_mut(), 1, GiveUp::AtOnce).await;
    assert_eq!(stopped, None);
    raw.write_all(&frame(REQUEST_URI, "b", "")).unwrap();
    raw.shutdown(Shutdown::Write).unwrap();
    door.open();
    stop.await;
    let (mut taken, wire) = (Vec::new(), Wire::default());
    raw.read_to_end(&mut taken).unwrap();
    let mut taken = BytesMut::from(&taken[..]);
    let mut frames = Deframer::new(Arc::new(wire.clone()));
    let mut message = || {
        let frame = frames.next(&mut taken).unwrap()?;
        Some(frame.decode(&wire).unwrap().into_message())
    };
    assert_message(&message().unwrap(), RESPOND_URI, "a", "done");
    let last = message().unwrap();
    // As above.
    let is_answered = last.message_type == RESPOND_URI || NotHandled::is_said_by(&last);
    assert!(is_answered && last.uri == "b", "{last:?}");
    assert_eq!(message(), None);
}

/// When its stop is over, a server's address is free for the next one.
pub async fn a_stopped_servers_address_is_free<R: Runtime>() {
    let mut address = "127.0.0.1:0".parse().unwrap();
    for round in 0..5 {
        let server = Server::<R>::builder().on(REQUEST_URI, move || round.to_string());
        let server = server.bind(address).await.unwrap();
        address = server.local_addr();
        let (_client, connection) = connect(Client::builder(), &server).await;
        let answer = connection.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", round.to_string());
        server.stop().await;
    }
}

/// Giving a stop up does not take it back.
pub async fn a_stop_that_is_given_up_goes_on<R: Runtime>() {
    let (door, begun) = (Door::new(), async_channel::unbounded());
    let server = Server::<R>::builder().on(REQUEST_URI, waits(begun.0, door.clone()));
    let pair = plain_pair(server).await;
    let waiting = spawn::<R, _>({
        let to = pair.connection.clone();
        async move { to.request("u").await }
    });
    begun.1.recv().await.unwrap();
    let stopped = poll_times(pin!(pair.server.stop_within(NEVER)), 1, GiveUp::AtOnce).await;
    assert_eq!(stopped, None);
    door.open();
    assert_message(&waiting.await.unwrap(), RESPOND_URI, "u", "done");
    assert_eq!(pair.connection.closed().await, CloseReason::Remote);
}

/// Dropping the last handle cuts a server off; dropping another does nothing.
pub async fn dropping_the_last_handle_cuts<R: Runtime>() {
    let begun = async_channel::unbounded();
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "slow"), waits(begun.0, Door::new()))
        .on((REQUEST_URI, "fast"), || "fast");
    let pair = plain_pair(server).await;
    drop(pair.server.clone());
    let answer = pair.connection.request("fast").await.unwrap();
    assert_message(&answer, RESPOND_URI, "fast", "fast");
    let waiting = spawn::<R, _>({
        let to = pair.connection.clone();
        async move { to.request("slow").timeout(NEVER).await }
    });
    begun.1.recv().await.unwrap();
    drop(pair.server);
    let error = waiting.await.unwrap_err();
    assert_eq!(error, RequestError::Closed(CloseReason::Remote));
}

/// Dropping a client's last handle cuts its connections off.
pub async fn dropping_a_client_cuts_its_connections<R: Runtime>() {
    let pair = plain_pair(Server::<R>::builder().on(REQUEST_URI, || NoReply)).await;
    let other = pair.client.clone();
    drop(pair.client);
    assert_eq!(pair.connection.close_reason(), None);
    let waiting = spawn::<R, _>({
        let to = pair.connection.clone();
        async move { to.request("u").timeout(NEVER).await }
    });
    drop(other);
    let error = waiting.await.unwrap_err();
    let ended = [
        RequestError::Closed(CloseReason::Local),
        // The request came after the end.
        RequestError::Send(netaio_driver::core::SendError::Closed(CloseReason::Local)),
    ];
    assert!(ended.contains(&error), "{error:?}");
    assert_eq!(pair.connection.closed().await, CloseReason::Local);
}

/// One connection more than a server may have is closed at once; when another
/// ends, there is room again.
pub async fn no_more_connections_than_may_be<R: Runtime>() {
    let limits = Limits::default().with_connections(2).unwrap();
    let server = Server::<R>::builder()
        .limits(limits)
        .on(REQUEST_URI, || "here");
    let server = listen(server).await;
    let (_one, first) = connect(Client::builder(), &server).await;
    let (_two, second) = connect(Client::builder(), &server).await;
    for connection in [&first, &second] {
        let answer = connection.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
    }
    let (_three, third) = connect(Client::builder(), &server).await;
    assert_eq!(third.closed().await, CloseReason::Remote);
    assert_eq!(server.connections(), 2);
    first.close().await;
    // The server notices in its own time.
    loop {
        let (_four, fourth) = connect(Client::builder(), &server).await;
        match fourth.request("u").await {
            Ok(answer) => break assert_message(&answer, RESPOND_URI, "u", "here"),
            Err(error) => drop(error),
        }
    }
    let answer = second.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
}

/// A server that stops takes no more streams.
pub async fn a_server_that_stops_takes_no_more_streams<R: Runtime>() {
    let server = listen(Server::<R>::builder()).await;
    server.stop().await;
    let [(reader, writer), _far] = duplex(Shape::PLAIN);
    assert!(server.serve_halves(reader, writer, None).is_err());
}

/// A server may speak first, over any connection that it has a handle of.
pub async fn a_server_speaks_first<R: Runtime>() {
    let server = listen(Server::<R>::builder()).await;
    let [(reader, writer), (far_reader, far_writer)] = duplex(Shape::PLAIN);
    let connection = server.serve_halves(reader, writer, None).unwrap();
    assert_eq!(connection.remote(), None);
    let mut raw = Raw::new(far_reader, far_writer);
    connection
        .send(Message::notify("u", "hello"))
        .await
        .unwrap();
    assert_message(&raw.receive().await.unwrap(), NOTIFY_URI, "u", "hello");
    let told = async move { assert_eq!(raw.receive().await, None) };
    both(connection.close(), told).await;
}
