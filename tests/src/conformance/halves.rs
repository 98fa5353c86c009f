//! What comes at once is handled in two halves, so that two ends need not wait for one another in turns.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use bytes::BytesMut;
use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Correlation};
use netaio_driver::{Connection, ReadHalf, Runtime, Server, WriteHalf};

use super::hostile::Batch;
use super::raw::frame;

/// What a connection has written: the length of each write, and who waits for more.
#[derive(Default)]
struct Written {
    writes: Vec<usize>,
    reader: Option<Waker>,
}

/// A stream that takes everything at once.
struct Writes(Arc<Mutex<Written>>);

impl WriteHalf for Writes {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut written = self.0.lock().unwrap();
        written.writes.push(bytes.len());
        if let Some(reader) = written.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Of requests that come at once one half is answered while the other is handled, so that whoever
/// waits goes on; few are answered with one write, and very many too.
pub async fn one_half_is_answered_while_the_other_is_handled<R: Runtime>() {
    let server = Server::<R>::builder().on(REQUEST_URI, || "");
    let server = server.build().unwrap();
    let (asked, answer) = (frame(REQUEST_URI, "u", ""), frame(RESPOND_URI, "u", ""));
    for (requests, answered) in [
        (1, &[1][..]),
        (16, &[16]),
        (17, &[16, 1]),
        (64, &[32, 32]),
        (200, &[100, 100]),
        (1000, &[1000]),
    ] {
        let batch = Batch(asked.repeat(requests).into(), usize::MAX);
        let written = Arc::new(Mutex::new(Written::default()));
        let connection = server.serve_halves(batch, Writes(written.clone()), None);
        assert_eq!(connection.unwrap().closed().await, CloseReason::Remote);
        assert_eq!(messages(&written, answer.len()), answered);
    }
}

/// How many messages of one length each write had.
fn messages(written: &Mutex<Written>, len: usize) -> Vec<usize> {
    let written = written.lock().unwrap();
    written.writes.iter().map(|bytes| bytes / len).collect()
}

/// Answers that come at once, when all that was asked is written, and then the end, when it all was
/// asked once more.
struct Answers {
    written: Arc<Mutex<Written>>,
    answers: Vec<u8>,
    /// Bytes that are written before there is something to read.
    awaited: usize,
    reads: usize,
}

impl ReadHalf for Answers {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        let mut written = self.written.lock().unwrap();
        if written.writes.iter().sum::<usize>() < self.awaited * (self.reads + 1) {
            written.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        self.reads += 1;
        let answers = match self.reads {
            1 => &self.answers[..],
            _ => &[],
        };
        buffer.extend_from_slice(answers);
        Poll::Ready(Ok(answers.len()))
    }
}

type Request = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A caller who has an answer when it is woken, and asks again in that moment, whatever the runtime
/// does meanwhile.
struct Caller {
    connection: Connection,
    again: Mutex<Option<Request>>,
}

impl Caller {
    /// What it waits for from now on.
    fn ask(&self, waker: &Waker) -> Request {
        let asked = self.connection.request("u");
        let mut asked: Request = Box::pin(async { drop(asked.await) });
        assert!(
            asked
                .as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
        asked
    }
}

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        let asked = self.ask(Waker::noop());
        *self.again.lock().unwrap() = Some(asked);
    }
}

/// Of answers that come at once one half is handed out, and what their callers ask next is written
/// while the other half is handled.
pub async fn one_half_asks_again_while_the_other_is_answered<R: Runtime>() {
    let server = Server::<R>::builder().correlation(Correlation::default().with_requests(false));
    let server = server.build().unwrap();
    let (asked, answer) = (frame(REQUEST_URI, "u", ""), frame(RESPOND_URI, "u", ""));
    for (callers, again) in [
        (1, &[1][..]),
        (32, &[32]),
        (33, &[32, 1]),
        (64, &[32, 32]),
        (120, &[60, 60]),
    ] {
        let written = Arc::new(Mutex::new(Written::default()));
        let answers = Answers {
            written: written.clone(),
            answers: answer.repeat(callers),
            awaited: callers * asked.len(),
            reads: 0,
        };
        let connection = server.serve_halves(answers, Writes(written.clone()), None);
        let connection = connection.unwrap();
        let waiting: Vec<_> = (0..callers)
            .map(|_| {
                let caller = Arc::new(Caller {
                    connection: connection.clone(),
                    again: Mutex::default(),
                });
                let asked = caller.ask(&caller.clone().into());
                (caller, asked)
            })
            .collect();
        assert_eq!(connection.closed().await, CloseReason::Remote);
        drop(waiting);
        // The first ones may be written while others are still to ask.
        let mut messages = messages(&written, asked.len()).into_iter();
        let mut first = 0;
        while first < callers {
            first += messages.next().unwrap();
        }
        assert_eq!(messages.collect::<Vec<_>>(), again, "{callers} callers");
    }
}
