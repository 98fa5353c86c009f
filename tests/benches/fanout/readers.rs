//! The subscribers of all contenders: one thread that reads, and counts.

use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use mio::{Events, Interest, Poll, Token, Waker};

/// More than comes at once as a rule.
const BUFFER: usize = 256 * 1024;
/// Of the event that ends the thread.
const END: Token = Token(usize::MAX - 1);

/// Streams, and the counter of the bytes that come from them.
pub(crate) type Counted = (Vec<TcpStream>, Arc<AtomicU64>);

/// The thread. It ends, and closes the streams, when this is dropped.
pub(crate) struct Readers {
    thread: Option<thread::JoinHandle<()>>,
    waker: Waker,
}

impl Drop for Readers {
    fn drop(&mut self) {
        let _ = self.waker.wake();
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// Starts the thread.
pub(crate) fn start(all: Vec<Counted>) -> io::Result<Readers> {
    let mut poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), END)?;
    let mut streams = Vec::new();
    for (of_one, counter) in all {
        for stream in of_one {
            stream.set_nonblocking(true)?;
            let mut stream = mio::net::TcpStream::from_std(stream);
            let token = Token(streams.len());
            poll.registry()
                .register(&mut stream, token, Interest::READABLE)?;
            streams.push((stream, counter.clone()));
        }
    }
    let thread = thread::spawn(move || {
        let mut buffer = vec![0; BUFFER];
        let mut events = Events::with_capacity(1024);
        while poll.poll(&mut events, None).is_ok() {
            for event in &events {
                if event.token() == END {
                    return;
                }
                let (stream, counter) = &mut streams[event.token().0];
                // A read that does not fill the buffer has taken all that there is.
                while let Ok(count) = stream.read(&mut buffer) {
                    counter.fetch_add(count as u64, Ordering::Release);
                    if count < BUFFER {
                        break;
                    }
                }
            }
        }
    });
    let thread = Some(thread);
    Ok(Readers { thread, waker })
}
