//! What all connections of a server hold together.

use std::time::Duration;

use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Limits, Message};
use netaio_driver::{Connection, Content, Runtime, Server};

use super::pipe::{PipeReader, PipeWriter, Shape, duplex};
use super::raw::{Raw, frame};
use super::support::{Pair, assert_message, plain_pair, spawn};

/// The least that a server may be allowed to hold.
const LEAST: usize = 132_096;

type Piped = (Connection, Raw<PipeReader, PipeWriter>);

/// A server with these limits, that echoes, and somebody who is well-behaved.
async fn serving<R: Runtime>(limits: Limits) -> Pair<R> {
    let server = Server::<R>::builder().limits(limits);
    plain_pair(server.on(REQUEST_URI, |content: Content| content)).await
}

/// Connections over pipes, which do as the test says.
fn piped<R: Runtime>(server: &Server<R>, count: usize, shape: Shape) -> Vec<Piped> {
    let dial = || {
        let [(reader, writer), (far_reader, far_writer)] = duplex(shape);
        let connection = server.serve_halves(reader, writer, None).unwrap();
        (connection, Raw::new(far_reader, far_writer))
    };
    (0..count).map(|_| dial()).collect()
}

/// Goes on until something is so, while others are served.
async fn until<R: Runtime>(pair: &Pair<R>, mut so: impl FnMut() -> bool) {
    while !so() {
        let answer = pair.connection.request("u").content("small").await;
        assert_message(&answer.unwrap(), RESPOND_URI, "u", "small");
    }
}

fn is_slow(reason: &CloseReason) -> bool {
    matches!(reason, CloseReason::SlowConsumer { .. })
}

/// Where more waits for all together than may, it is the one that most waits for
/// who is cut off.
pub async fn the_connection_that_most_waits_for_is_cut<R: Runtime>() {
    let limits = Limits::default().with_outbound_total(200_000).unwrap();
    let pair = serving::<R>(limits).await;
    let narrow = Shape {
        capacity: 1024,
        ..Shape::PLAIN
    };
    let mut remotes = piped(&pair.server, 3, narrow);
    let waiting = [150_000, 40_000, 40_000];
    for ((connection, _), bytes) in remotes.iter().zip(waiting) {
        for _ in 0..bytes / 10_000 {
            let news = Message::notify("news", vec![0; 10_000]);
            // The one with the most may be cut before it has all of it.
            let sent = connection.send(news).await;
            assert!(sent.is_ok() || bytes == waiting[0], "{sent:?}");
        }
    }
    // It reads on, and gets its last frame whole.
    let mut wire = Vec::new();
    while let Some(bytes) = remotes[0].1.read_some().await {
        wire.extend_from_slice(&bytes);
    }
    let frame = frame(NOTIFY_URI, "news", vec![0; 10_000]).len();
    assert_eq!((wire.len() % frame, wire.is_empty()), (0, false));
    let reason = remotes[0].0.closed().await;
    assert!(is_slow(&reason), "{reason:?}");
    for (connection, remote) in &mut remotes[1..] {
        for _ in 0..4 {
            let told = remote.receive().await.unwrap();
            assert_message(&told, NOTIFY_URI, "news", vec![0; 10_000]);
        }
        assert!(connection.close_reason().is_none());
    }
    // What they held is given back.
    drop(remotes);
    let server = &pair.server;
    until(&pair, || {
        server.connections() == 1 && server.metrics().outbound_bytes == 0
    })
    .await;
}

/// Half-sent frames of strangers fill no more than half of what may be held: then the
/// oldest are closed, and others do not notice.
pub async fn half_sent_frames_of_strangers_give_way<R: Runtime>() {
    let limits = Limits::default().with_inbound_total(8 * LEAST).unwrap();
    let pair = serving::<R>(limits).await;
    let server = &pair.server;
    // From here on it is no stranger.
    let answer = pair.connection.request("u").content("small").await;
    assert_message(&answer.unwrap(), RESPOND_URI, "u", "small");
    let mut remotes = piped(server, 60, Shape::PLAIN);
    let large = frame(REQUEST_URI, "u", [7; 60_000]);
    for (_, remote) in &mut remotes {
        // The pipe takes it, whether or not the server does.
        remote.write(&large[..20_000]).await.unwrap();
    }
    for _ in 0..10 {
        let answer = pair.connection.request("u").content(vec![7; 60_000]).await;
        assert_message(&answer.unwrap(), RESPOND_URI, "u", [7; 60_000]);
    }
    until(&pair, || server.connections() < 1 + 50).await;
    let (mut open, closed): (Vec<_>, Vec<_>) = remotes
        .into_iter()
        .partition(|(connection, _)| connection.close_reason().is_none());
    for (connection, _) in &closed {
        assert_eq!(connection.close_reason(), Some(CloseReason::NoRoom));
    }
    // One that was left alone goes on where it was. More of them may be on their way out.
    let mut goes_on = false;
    for (connection, remote) in open.iter_mut().rev() {
        let _ = remote.write(&large[20_000..]).await;
        if let Some(answer) = remote.receive().await {
            assert_message(&answer, RESPOND_URI, "u", [7; 60_000]);
            goes_on = true;
            break;
        }
        assert_eq!(connection.closed().await, CloseReason::NoRoom);
    }
    assert!(goes_on, "nobody was left alone");
    drop((open, closed));
    until(&pair, || server.metrics().inbound_bytes == 0).await;
}

/// Who is not read from for what others hold is not waited for either: the time
/// for a frame goes on, and so there is room again.
pub async fn half_sent_frames_end_in_time<R: Runtime>() {
    let after = Duration::from_millis(50);
    let limits = Limits::default().with_inbound_total(LEAST).unwrap();
    let limits = limits.with_frame_timeout(after).unwrap();
    let pair = serving::<R>(limits).await;
    let mut remotes = piped(&pair.server, 10, Shape::PLAIN);
    let large = frame(REQUEST_URI, "u", [7; 60_000]);
    for (_, remote) in &mut remotes {
        remote.write(&large[..20_000]).await.unwrap();
    }
    let mut late = 0;
    for (connection, _) in &remotes {
        match connection.closed().await {
            CloseReason::FrameTimeout(timeout) if timeout == after => late += 1,
            reason => assert_eq!(reason, CloseReason::NoRoom),
        }
    }
    assert!(late > 0);
    let server = &pair.server;
    until(&pair, || server.metrics().inbound_bytes == 0).await;
}

/// Who asks and never reads the answers has to give way where memory is short.
pub async fn requests_of_who_does_not_read_are_let_go<R: Runtime>() {
    const MAX: usize = 8 * LEAST;
    let limits = Limits::default().with_inbound_total(MAX).unwrap();
    let pair = serving::<R>(limits).await;
    let requests = frame(REQUEST_URI, "u", [7; 1000]).repeat(1000);
    let mut connections = Vec::new();
    for (connection, mut remote) in piped(&pair.server, 10, Shape::PLAIN) {
        connections.push(connection);
        let requests = requests.clone();
        let sending = spawn::<R, _>(async move {
            // It is not read to the end.
            let _ = remote.write(&requests).await;
            remote
        });
        drop(sending);
    }
    let closed = || connections.iter().filter_map(Connection::close_reason);
    until(&pair, || closed().next().is_some()).await;
    for reason in closed() {
        // Or its last request has come in part.
        let no_room = reason == CloseReason::NoRoom;
        assert!(is_slow(&reason) || no_room, "{reason:?}");
    }
    until(&pair, || pair.server.metrics().inbound_bytes <= MAX / 2).await;
    assert!(closed().count() < 10);
}
