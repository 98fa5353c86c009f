//! Remotes that are broken or mean: what they send harms nobody else.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use netaio_driver::core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, FrameError, FrameErrorKind, Limits};
use netaio_driver::{Client, Content, NoReply, ReadHalf, RequestError, Runtime, Server, WriteHalf};

use super::pipe::{Shape, duplex};
use super::raw::{Raw, dial, frame, frame_of, frame_with_bad_checksum};
use super::support::{Counter, assert_message, listen, plain_pair, spawn, standstill};
use super::watched::{Watched, turn};

/// Bytes that are no frame close the connection without an answer; others go
/// on.
pub async fn garbage_closes_the_connection<R: Runtime>() {
    let pair = plain_pair(Server::<R>::builder().on(REQUEST_URI, || "here")).await;
    let good = frame(REQUEST_URI, "u", "x");
    let unknown_type = frame_of(14, b"u", b"x", 0);
    let changed = |at: usize, bytes: &[u8]| {
        let mut frame = good.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let frames = [
        ("no frame", vec![0xff; 64]),
        (
            "another protocol",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        ),
        ("unknown type", unknown_type),
        ("auth section too long", changed(1, &[0xff, 0xff])),
        ("auth section no packify", changed(9, &[0xff; 3])),
        ("auth section no dict", changed(9, &[0x4a, 0x40, 0x00])),
        ("body too short", changed(3, &[0, 1])),
        ("uri past the body", changed(12, &[0xff, 0xff])),
    ];
    for (what, bytes) in frames {
        let mut raw = dial(&pair.server).await;
        raw.write(&[&good[..], &bytes].concat()).await.unwrap();
        // What came before is answered still.
        let answer = raw.receive().await.expect(what);
        assert_message(&answer, RESPOND_URI, "u", "here");
        assert_eq!(raw.receive().await, None, "{what}");
    }
    let answer = pair.connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
}

/// An auth section of no bytes counts as an empty one.
pub async fn an_absent_auth_section_is_accepted<R: Runtime>() {
    let server = listen(Server::<R>::builder().on(REQUEST_URI, |content: Content| content)).await;
    let mut raw = dial(&server).await;
    let mut bytes = frame(REQUEST_URI, "u", "x");
    bytes[2] = 0;
    bytes.drain(9..12);
    raw.write(&bytes).await.unwrap();
    assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "u", "x");
}

/// A frame longer than the limit closes the connection before its body is
/// there.
pub async fn a_frame_past_the_limit_is_not_waited_for<R: Runtime>() {
    let limits = Limits::default().with_body(100).unwrap();
    let server = Server::<R>::builder()
        .limits(limits)
        .on(REQUEST_URI, || "here");
    let server = listen(server).await;
    let mut raw = dial(&server).await;
    let fits = frame(REQUEST_URI, "u", [0; 97]);
    raw.write(&fits).await.unwrap();
    assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "u", "here");
    let header = &frame(REQUEST_URI, "u", [0; 98])[..9];
    raw.write(header).await.unwrap();
    assert_eq!(raw.receive().await, None);
}

/// A bad checksum is answered with an unsealed ERROR, whatever the server's
/// plugins; the frames after it are handled; too many close the connection.
pub async fn a_bad_checksum_is_answered_unsealed<R: Runtime>() {
    let limits = || Limits::default().with_failures(2).unwrap();
    let plain = Server::<R>::builder()
        .limits(limits())
        .on(REQUEST_URI, || "here");
    let server = listen(plain).await;
    let mut raw = dial(&server).await;
    let bad = frame_with_bad_checksum(REQUEST_URI, "u");
    let good = frame(REQUEST_URI, "u", "");
    raw.write(&[&bad[..], &good, &bad, &good].concat())
        .await
        .unwrap();
    for _ in 0..2 {
        let answer = raw.receive().await.unwrap();
        assert_message(&answer, ERROR, "ERROR", "invalid message");
        assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "u", "here");
    }
    raw.write(&[&bad[..], &good].concat()).await.unwrap();
    let rest = raw.receive_all().await;
    assert!(rest.iter().all(|answer| answer.is_error()), "{rest:?}");

    let sealed = Server::<R>::builder()
        .auth(HmacAuth::new("secret"))
        .cipher(Sha256StreamCipher::new("key"));
    let server = listen(sealed).await;
    let mut raw = dial(&server).await;
    raw.write(&bad).await.unwrap();
    let answer = raw.receive().await.unwrap();
    assert_message(&answer, ERROR, "ERROR", "invalid message");
    assert!(answer.auth.is_empty());
}

/// The application may word that error itself.
pub async fn the_error_for_a_bad_checksum_can_be_reworded<R: Runtime>() {
    let reword = |text: &str| netaio_driver::core::Message::error("here", text.to_uppercase());
    let server = listen(Server::<R>::builder().error_message(reword)).await;
    let mut raw = dial(&server).await;
    raw.write(&frame_with_bad_checksum(REQUEST_URI, "u"))
        .await
        .unwrap();
    assert_message(
        &raw.receive().await.unwrap(),
        ERROR,
        "here",
        "INVALID MESSAGE",
    );
}

/// A client tells a server nothing of a bad checksum, and takes no answer from
/// it.
pub async fn a_client_ignores_a_bad_checksum<R: Runtime>() {
    let listener = super::raw::RawListener::<R>::new().await;
    let client = Client::<R>::builder().build().unwrap();
    let to = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let waiting = spawn::<R, _>(async move { to.request("u").await });
    server.receive().await.unwrap();
    server
        .write(&frame_with_bad_checksum(RESPOND_URI, "u"))
        .await
        .unwrap();
    server
        .write(&frame(RESPOND_URI, "u", "good"))
        .await
        .unwrap();
    assert_message(&waiting.await.unwrap(), RESPOND_URI, "u", "good");
    drop(client);
    assert_eq!(server.receive().await, None);
}

/// Frames may come one byte at a time.
pub async fn bytes_may_come_one_by_one<R: Runtime>() {
    let server = listen(Server::<R>::builder().on(REQUEST_URI, |content: Content| content)).await;
    let mut raw = dial(&server).await;
    for content in ["", "x", "longer"] {
        for byte in frame(REQUEST_URI, "uri", content) {
            raw.write(&[byte]).await.unwrap();
        }
        assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "uri", content);
    }
}

/// Half-sent frames on many connections keep nobody else waiting.
pub async fn half_sent_frames_harm_nobody<R: Runtime>() {
    let pair = plain_pair(Server::<R>::builder().on(REQUEST_URI, || "here")).await;
    let request = frame(REQUEST_URI, "u", [0; 60_000]);
    let mut raws = Vec::new();
    for number in 0..50 {
        let mut raw = dial(&pair.server).await;
        raw.write(&request[..1 + number]).await.unwrap();
        raws.push((raw, 1 + number));
    }
    let answer = pair.connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    for (raw, sent) in &mut raws {
        raw.write(&request[*sent..]).await.unwrap();
        assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "u", "here");
    }
}

/// A remote that asks and does not read is not asked what else it wants: the
/// server holds a bounded number of its answers, serves others meanwhile, and
/// answers everything once it is read.
pub async fn who_does_not_read_is_not_read_from<R: Runtime>() {
    const REQUESTS: usize = 5_000;
    const SIZE: usize = 1_000;
    let handled = Counter::default();
    let answer = {
        let handled = handled.clone();
        move || {
            let mut content = handled.add().to_string().into_bytes();
            content.resize(SIZE, b' ');
            content
        }
    };
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "u"), answer)
        .on((REQUEST_URI, "other"), || "other");
    let pair = plain_pair(server).await;
    let shape = Shape {
        capacity: 4096,
        ..Shape::PLAIN
    };
    let [(reader, writer), (far_reader, far_writer)] = duplex(shape);
    pair.server.serve_halves(reader, writer, None).unwrap();
    let (mut receiving, mut sending) = Raw::new(far_reader, far_writer).split();
    let sender = spawn::<R, _>(async move {
        sending
            .write(&frame(REQUEST_URI, "u", "").repeat(REQUESTS))
            .await
            .unwrap();
        sending
    });
    let unread = standstill(&pair.connection, &handled).await;
    assert!(
        unread * SIZE < 256 * 1024,
        "{unread} answers of {SIZE} bytes"
    );
    for number in 0..REQUESTS {
        let answer = receiving.receive().await.unwrap();
        let text = String::from_utf8_lossy(&answer.content);
        assert_eq!(text.trim_end(), number.to_string());
    }
    drop(sender.await);
}

/// The same over TCP, with all that a system buffers.
pub async fn who_does_not_read_gets_its_answers_later<R: Runtime>() {
    const REQUESTS: usize = 300;
    let handled = Counter::default();
    let answer = {
        let handled = handled.clone();
        move || vec![handled.add() as u8; 60_000]
    };
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "u"), answer)
        .on((REQUEST_URI, "other"), || "other");
    let pair = plain_pair(server).await;
    let mut raw = dial(&pair.server).await;
    raw.write(&frame(REQUEST_URI, "u", "").repeat(REQUESTS))
        .await
        .unwrap();
    standstill(&pair.connection, &handled).await;
    assert_eq!(pair.server.connections(), 2);
    for number in 0..REQUESTS {
        let answer = raw.receive().await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", vec![number as u8; 60_000]);
    }
}

/// A stream that always has one more frame.
struct Endless(Vec<u8>);

impl ReadHalf for Endless {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        buffer.extend_from_slice(&self.0);
        Poll::Ready(Ok(self.0.len()))
    }
}

/// A stream that takes everything at once.
struct Sink;

impl WriteHalf for Sink {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Limits that let an end wait for nobody.
fn at_once() -> Limits {
    Limits::default()
        .with_shutdown_grace(Duration::ZERO)
        .unwrap()
}

/// Many bytes, and how many of them come at once.
pub(super) struct Batch(pub(super) Bytes, pub(super) usize);

impl ReadHalf for Batch {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let some = self.0.split_to(self.1.min(self.0.len()));
        buffer.extend_from_slice(&some);
        Poll::Ready(Ok(some.len()))
    }
}

/// However many frames are there, and however fast their answers are taken, others
/// have their turn after so many.
pub async fn a_turn_is_of_so_many_frames<R: Runtime>() {
    const FRAMES: usize = 1000;
    let configured = Limits::default().with_frames_per_turn(5).unwrap();
    for limits in [Limits::default(), configured] {
        let most = limits.frames_per_turn();
        for (kind, at_once) in [
            (PUBLISH_URI, FRAMES),
            (REQUEST_URI, FRAMES),
            (PUBLISH_URI, 40),
            (REQUEST_URI, 40),
            (REQUEST_URI, 1),
        ] {
            let handled = Arc::new(Mutex::new(BTreeMap::new()));
            let count = {
                let handled = handled.clone();
                move || *handled.lock().unwrap().entry(turn()).or_insert(0) += 1
            };
            let answer = {
                let count = count.clone();
                move || {
                    count();
                    vec![0; 700]
                }
            };
            let server = Server::<Watched<R>>::builder()
                .limits(limits.clone())
                .on(PUBLISH_URI, count)
                .on(REQUEST_URI, answer)
                .build()
                .unwrap();
            let one = frame(kind, "u", "");
            let batch = Batch(one.repeat(FRAMES).into(), one.len() * at_once);
            let connection = server.serve_halves(batch, Sink, None).unwrap();
            assert_eq!(connection.closed().await, CloseReason::Remote);
            let turns: Vec<usize> = handled.lock().unwrap().values().copied().collect();
            assert_eq!(turns.iter().sum::<usize>(), FRAMES);
            let largest = turns.iter().max().copied().unwrap();
            assert!(largest <= most, "{kind:?}, {at_once} at once: {turns:?}");
            assert!(at_once < FRAMES || largest == most, "{kind:?}: {turns:?}");
        }
    }
}

/// A remote whose bytes never run dry leaves others their turn, and the server
/// can stop.
pub async fn an_endless_stream_starves_nobody<R: Runtime>() {
    let server = Server::<R>::builder()
        .limits(at_once())
        .on(PUBLISH_URI, || NoReply)
        .on((REQUEST_URI, "u"), || "u")
        .on((REQUEST_URI, "other"), || async { "other" });
    let pair = plain_pair(server).await;
    for (kind, repeat) in [(PUBLISH_URI, 1), (PUBLISH_URI, 200), (REQUEST_URI, 1)] {
        let endless = Endless(frame(kind, "u", "").repeat(repeat));
        pair.server.serve_halves(endless, Sink, None).unwrap();
    }
    for _ in 0..20 {
        let answer = pair.connection.request("other").await.unwrap();
        assert_message(&answer, RESPOND_URI, "other", "other");
    }
    assert_eq!(pair.server.connections(), 4);
    pair.server.stop_within(Duration::from_secs(3600)).await;
}

/// While a server's messages never run dry, a client's request still times
/// out, and the client can close.
pub async fn an_endless_stream_starves_no_timeout<R: Runtime>() {
    let short = Duration::from_millis(20);
    let client = Client::<R>::builder().limits(at_once()).build().unwrap();
    for repeat in [1, 200] {
        let endless = Endless(frame(NOTIFY_URI, "u", "").repeat(repeat));
        let to = client
            .connect_halves(endless, Sink, None, "endless")
            .unwrap();
        let error = to.request("u").timeout(short).await.unwrap_err();
        assert_eq!(error, RequestError::TimedOut(short));
        to.close().await;
    }
}

/// The handle of a connection tells why it ended.
pub async fn the_reason_of_an_end_is_told<R: Runtime>() {
    let after = Duration::from_millis(20);
    let limits = at_once().with_frame_timeout(after).unwrap();
    let server = listen(Server::<R>::builder().limits(limits)).await;
    let good = frame(PUBLISH_URI, "u", "");
    let unknown_type = FrameError {
        offset: good.len() as u64,
        kind: FrameErrorKind::UnknownType(0xff),
    };
    let cases: [(&[u8], _); 3] = [
        (&[0xff; 9], CloseReason::Malformed(unknown_type)),
        (&[0x00], CloseReason::FrameTimeout(after)),
        (&[], CloseReason::Remote),
    ];
    for (bytes, reason) in cases {
        let [(reader, writer), (far_reader, far_writer)] = duplex(Shape::PLAIN);
        let connection = server.serve_halves(reader, writer, None).unwrap();
        let mut raw = Raw::new(far_reader, far_writer);
        raw.write(&[&good, bytes].concat()).await.unwrap();
        if bytes.is_empty() {
            raw.finish().await;
        }
        assert_eq!(connection.closed().await, reason);
    }
}

/// Connections that come and go at once leave nothing behind.
pub async fn connections_that_come_and_go_leave_nothing<R: Runtime>() {
    let pair = plain_pair(Server::<R>::builder().on(REQUEST_URI, || "here")).await;
    for number in 0..100 {
        let mut raw = dial(&pair.server).await;
        if number % 2 == 0 {
            raw.write(&frame(REQUEST_URI, "u", "")[..number % 16])
                .await
                .unwrap();
        }
    }
    while pair.server.connections() > 1 {
        let answer = pair.connection.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
    }
}
