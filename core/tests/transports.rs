//! A hub takes bytes by a closure, and the standard library's readers and writers.
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use chacha20::ChaCha8Rng;
use netaio_core::types::REQUEST_URI;
use netaio_core::{CloseReason, Hub, LinkConfig, LinkId, Message, Now, Output, RequestOptions};
use rand_core::SeedableRng;

const NOON: Now = Now::new(Duration::from_secs(1), 1_700_000_000);

#[derive(Debug, PartialEq)]
struct Nothing;

fn hub() -> Hub<()> {
    let mut seeds = ChaCha8Rng::seed_from_u64(1);
    let make_rng = move || ChaCha8Rng::from_rng(&mut seeds);
    Hub::with_config(LinkConfig::new(), make_rng)
}

/// The bytes of a request.
fn request() -> Vec<u8> {
    let mut hub = hub();
    let link = hub.connect(NOON, None);
    let request = Message::request("elsewhere");
    hub.request(NOON, link, &request, &RequestOptions::new())
        .unwrap();
    match hub.poll(NOON) {
        Some(Output::Write { bytes, .. }) => bytes.to_vec(),
        _ => Vec::new(),
    }
}

/// Polls until there is nothing to do; says what was written, and why the link closed.
fn drain(hub: &mut Hub<()>) -> (usize, Option<CloseReason>) {
    let (mut written, mut closed) = (0, None);
    while let Some(output) = hub.poll(NOON) {
        match output {
            Output::Write { link, bytes } => {
                let count = bytes.len();
                written += count;
                hub.written(NOON, link, count);
            }
            Output::Close { reason, .. } => closed = Some(reason),
            _ => {}
        }
    }
    (written, closed)
}

#[test]
fn bytes_errors_and_the_end_are_told_apart() {
    let mut hub = hub();
    let link = hub.accept(NOON, None).unwrap();
    let bytes = request();
    let (first, second) = bytes.split_at(5);
    for part in [first, second] {
        // What a failed read has left in the buffer is not taken.
        let failed = hub.receive_with(NOON, link, |buffer| {
            buffer.fill(0xff);
            Err(Nothing)
        });
        assert_eq!(failed, Err(Nothing));
        assert_eq!(drain(&mut hub), (0, None));
        let read = hub.receive_with(NOON, link, |buffer| {
            buffer[..part.len()].copy_from_slice(part);
            Ok::<_, Nothing>(part.len())
        });
        assert_eq!(read, Ok(()));
    }
    let (written, closed) = drain(&mut hub);
    assert!(written > 0 && closed.is_none(), "it is answered");
    assert_eq!(
        hub.receive_with(NOON, link, |_| Ok::<_, Nothing>(0)),
        Ok(())
    );
    assert_eq!(drain(&mut hub), (0, Some(CloseReason::Remote)));
}

#[test]
fn nothing_is_read_that_is_not_wanted() {
    let mut hub = hub();
    let link = hub.accept(NOON, None).unwrap();
    assert_eq!(LinkId::from_number(link.number()), link);
    hub.handle_eof(NOON, link);
    let mut is_called = false;
    for link in [link, LinkId::from_number(7)] {
        let read = |_: &mut [u8]| {
            is_called = true;
            Err(Nothing)
        };
        assert_eq!(hub.receive_with(NOON, link, read), Ok(()));
    }
    assert!(!is_called);
}

/// A reader that claims more than there was room for brings what there was room for.
#[test]
fn a_count_past_the_buffer_is_cut() {
    let mut hub = hub();
    let link = hub.accept(NOON, None).unwrap();
    let mut room = 0;
    let read = hub.receive_with(NOON, link, |buffer| {
        room = buffer.len();
        Ok::<_, Nothing>(usize::MAX)
    });
    assert_eq!(read, Ok(()));
    assert!(room > 0);
    assert_eq!(hub.link(link).unwrap().unhandled(), room);
}

/// What a stream does, one call after the other. Then it would block.
struct Script(VecDeque<io::Result<usize>>);

impl Script {
    fn new(steps: impl IntoIterator<Item = io::Result<usize>>) -> Self {
        Self(steps.into_iter().collect())
    }

    fn next(&mut self) -> io::Result<usize> {
        let next = self.0.pop_front();
        next.unwrap_or_else(|| Err(ErrorKind::WouldBlock.into()))
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.next()?.min(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.next()?.min(buffer.len()))
    }
}

/// A hub that has a request to write.
fn asking() -> (Hub<()>, LinkId) {
    let mut hub = hub();
    let link = hub.connect(NOON, None);
    let request = Message::request("elsewhere");
    hub.request(NOON, link, &request, &RequestOptions::new())
        .unwrap();
    (hub, link)
}

/// How many bytes the hub wants written, if it is asked now.
fn wants_written(hub: &mut Hub<()>) -> Option<usize> {
    match hub.poll(NOON) {
        Some(Output::Write { bytes, .. }) => Some(bytes.len()),
        _ => None,
    }
}

#[test]
fn a_writer_takes_what_it_can() {
    let (mut hub, link) = asking();
    // Nothing is to be written before the hub says so.
    hub.write_to(NOON, link, &mut Script::new([Ok(1000)]));
    let all = wants_written(&mut hub).unwrap();
    let mut stream = Script::new([Ok(3), Err(ErrorKind::Interrupted.into()), Ok(4)]);
    hub.write_to(NOON, link, &mut stream);
    assert!(hub.wants_write(link));
    assert_eq!(wants_written(&mut hub), None, "the stream is full");
    hub.writable(NOON, link);
    assert_eq!(wants_written(&mut hub), Some(all - 7));
    hub.write_to(NOON, link, &mut Script::new([Ok(1000)]));
    assert!(!hub.wants_write(link));
    assert_eq!(hub.link(link).unwrap().queued(), 0);
}

#[test]
fn a_stream_that_fails_closes_its_link() {
    let reset = || Err(ErrorKind::ConnectionReset.into());
    for step in [Ok(0), reset()] {
        let (mut hub, link) = asking();
        wants_written(&mut hub).unwrap();
        hub.write_to(NOON, link, &mut Script::new([step]));
        let (_, closed) = drain(&mut hub);
        assert!(
            matches!(closed, Some(CloseReason::Transport(_))),
            "{closed:?}"
        );
    }
    let mut hub = hub();
    let link = hub.accept(NOON, None).unwrap();
    assert!(!hub.read_from(NOON, link, &mut Script::new([reset()])));
    let (_, closed) = drain(&mut hub);
    assert!(
        matches!(closed, Some(CloseReason::Transport(_))),
        "{closed:?}"
    );
}

#[test]
fn a_reader_is_tried_again_until_it_would_block() {
    let mut hub = hub();
    let link = hub.accept(NOON, None).unwrap();
    let mut stream = Script::new([Ok(1), Err(ErrorKind::Interrupted.into())]);
    let tries = [(); 3].map(|()| hub.read_from(NOON, link, &mut stream));
    assert_eq!(tries, [true, true, false]);
    assert_eq!(hub.link(link).unwrap().unhandled(), 1);
}

#[test]
fn a_reader_that_is_not_wanted_keeps_its_place_and_is_not_read_from() {
    let mut hub = hub();
    hub.on(REQUEST_URI, (), None).unwrap();
    let link = hub.accept(NOON, None).unwrap();
    hub.receive(NOON, link, &request()).unwrap();
    let Some(Output::Call { call, .. }) = hub.poll(NOON) else {
        panic!("no call")
    };
    assert!(hub.poll(NOON).is_none());
    hub.pause(link);
    // An answer may pass now that waited behind messages; then there is nothing to do but to
    // wait.
    assert!(hub.poll(NOON).is_none());
    let mut stream = Script::new([Ok(1)]);
    for _ in 0..3 {
        assert!(hub.read_from(NOON, link, &mut stream) && !hub.wants_read(link));
        assert_eq!(hub.deadline(), None);
    }
    hub.reply(NOON, call, None).unwrap();
    hub.resume(NOON, link);
    assert!(hub.poll(NOON).is_none() && hub.wants_read(link));
    let tries = [(); 2].map(|()| hub.read_from(NOON, link, &mut stream));
    assert_eq!(tries, [true, false]);
}
