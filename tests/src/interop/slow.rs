//! A client of the package that reads too slowly for our server.

use netaio_driver::core::{CloseReason, Limits, Message};
use netaio_driver::{Runtime, Server};

use super::{PATIENCE, blocking};
use crate::python::Python;

/// It is cut off behind a whole frame: for the package the stream has ended, and not in the
/// middle of something.
pub async fn the_last_frame_that_python_gets_is_whole<R: Runtime>(python: &Python) {
    let limits = Limits::default().with_outbound_queue(200_000).unwrap();
    let server = Server::<R>::builder().limits(limits);
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let (python, address) = (python.clone(), server.local_addr());
    let slow = blocking(move || {
        let host = format!("--host={}", address.ip());
        let port = format!("--port={}", address.port());
        let mut slow = python.spawn("slow.py", &[host, port]).unwrap();
        assert_eq!(slow.read_line(PATIENCE).unwrap(), "connected");
        slow
    });
    let mut slow = slow.await;
    let connection = loop {
        match server.publisher().connections().pop() {
            Some(connection) => break connection,
            None => turn().await,
        }
    };
    let news = Message::notify("news", vec![0; 10_000]);
    // What is written before it is cut: the system keeps it for it.
    assert_eq!(server.publisher().broadcast(&news).unwrap().accepted(), 1);
    while server.metrics().outbound_bytes > 0 {
        turn().await;
    }
    let mut told = 1;
    while server.publisher().broadcast(&news).unwrap().cut == 0 {
        told += 1;
        turn().await;
    }
    let end = blocking(move || {
        slow.write_line("").unwrap();
        slow.read_line(PATIENCE).unwrap()
    });
    let end = end.await;
    let words: Vec<_> = end.split(' ').collect();
    let ["IncompleteReadError", messages, "0"] = words[..] else {
        panic!("{end}");
    };
    let messages: usize = messages.parse().unwrap();
    assert!((1..=told).contains(&messages), "{messages} of {told}");
    let reason = connection.closed().await;
    let is_slow = matches!(reason, CloseReason::SlowConsumer { .. });
    assert!(is_slow, "{reason:?}");
}

/// Lets other tasks have their turn.
async fn turn() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        match std::mem::replace(&mut waited, true) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}
