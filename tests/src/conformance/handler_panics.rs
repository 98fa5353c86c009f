//! Handlers may panic, and more than once: each costs its own answer.

use std::future::{pending, poll_fn};
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Instant;

use netaio_driver::core::types::{ERROR, REQUEST_URI, RESPOND_URI};
use netaio_driver::core::{CloseReason, Message};
use netaio_driver::{
    Client, Connection, Handler, IntoReply, LongRequest, Next, Outcome, Request, RequestError,
    Runtime, Server, ServerEvent, Spares, UdpNode,
};

use super::panics::Broken;
use super::raw_node::{bind_node, plain_node};
use super::support::{assert_message, both, connect, listen, yield_times};

/// What panics when it is dropped, but where another panic is on its way.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a panic of the test: of what is dropped")
        }
    }
}

/// A handler of one's own, whose future panics in its second poll, and when it is dropped after
/// that.
struct Placed;

impl Handler<()> for Placed {
    fn call(&self, _: &mut Option<Request>, spares: &mut Spares) -> Outcome {
        let (bomb, mut polled) = (Bomb, false);
        let future = poll_fn(move |context| {
            let _held = &bomb;
            assert!(!polled, "a handler of a test");
            polled = true;
            context.waker().wake_by_ref();
            Poll::Pending
        });
        Outcome::Running(spares.place(future))
    }
}

async fn passes(request: Request, next: Next) -> Option<Message> {
    next.run(request).await
}

/// It is answered for as all handlers are, and the connection or the node lives; so is one in
/// middleware, one whose times are measured, and one of a message that comes in parts.
pub async fn a_future_of_ones_own_may_panic<R: Runtime>() {
    macro_rules! with_handlers {
        ($builder:expr) => {
            $builder
                .measure_times()
                .long_requests()
                .on((REQUEST_URI, "placed"), Placed)
                .on((REQUEST_URI, "in middleware"), Placed)
                .wrap_route(passes)
                .on(REQUEST_URI, || async {
                    yield_times(3).await;
                    "here"
                })
        };
    }
    let server = listen(with_handlers!(Server::<R>::builder())).await;
    let (_client, connection) = connect(Client::builder(), &server).await;
    let node = bind_node(with_handlers!(UdpNode::<R>::builder())).await;
    let asker = plain_node::<R>().await;
    let address = node.local_addr();
    for uri in ["placed", "in middleware"] {
        let (answer, other) = both(async { connection.request(uri).await.unwrap() }, async {
            connection.request("u").await.unwrap()
        })
        .await;
        assert_message(&answer, ERROR, uri, "the handler failed");
        assert_message(&other, RESPOND_URI, "u", "here");
        let answer = asker.request(address, uri).await.unwrap();
        assert_message(&answer, ERROR, uri, "the handler failed");
    }
    let long = || LongRequest::new(Message::new(REQUEST_URI, "placed", vec![0; 70_000]));
    let answer = long().send(&connection).await.unwrap();
    assert_message(&answer, ERROR, "placed", "the handler failed");
    let answer = long().send(asker.remote(address)).await.unwrap();
    assert_message(&answer, ERROR, "placed", "the handler failed");
    // Its connection is the same.
    let answer = connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    assert!(server.metrics().handler_times.count() >= 5);
}

/// What panics whenever it is dropped.
struct Mine;

impl Drop for Mine {
    fn drop(&mut self) {
        panic!("a panic of the test: of what is dropped at last")
    }
}

/// A handler of one's own, which panics in its second poll with what panics in turn, and has the
/// clock panic next.
struct BreaksTheClock(Arc<AtomicBool>);

impl Handler<()> for BreaksTheClock {
    fn call(&self, _: &mut Option<Request>, spares: &mut Spares) -> Outcome {
        let panics = self.0.clone();
        Outcome::Running(spares.place(async move {
            yield_times(1).await;
            panics.store(true, Ordering::SeqCst);
            panic_any(Mine)
        }))
    }
}

/// The clock is read when a handler whose time is measured has panicked, and may panic then.
pub async fn a_clock_may_panic_after_a_handler<R: Runtime>() {
    let panics = Arc::new(AtomicBool::new(false));
    let clock = Broken {
        start: Instant::now(),
        panics: panics.clone(),
    };
    let server = Server::<R>::builder().measure_times().clock(clock);
    let server = server.on((REQUEST_URI, "both"), BreaksTheClock(panics));
    let server = listen(server.on(REQUEST_URI, || "here")).await;
    let (_client, connection) = connect(Client::builder(), &server).await;
    let answer = connection.request("both").await.unwrap();
    assert_message(&answer, ERROR, "both", "the handler failed");
    let answer = connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
}

/// A handler whose future holds what panics when it is dropped, and is ready or panics, in its
/// first poll or later, with what panics when it is dropped too.
#[derive(Clone, Copy)]
struct Twice {
    polls: u32,
    answers: bool,
}

impl Twice {
    fn future(self) -> impl Future<Output = Mine> + Send {
        let (held, mut polled) = (Mine, 0);
        // Of an async block what it holds would be dropped by its own panic.
        poll_fn(move |context| {
            let _held = &held;
            polled += 1;
            match polled < self.polls {
                true => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                false if self.answers => Poll::Ready(Mine),
                false => panic_any(Mine),
            }
        })
    }
}

impl IntoReply for Mine {
    fn into_reply(self, request: &mut Request) -> Option<Message> {
        std::mem::forget(self);
        let uri = request.message.uri.clone();
        Some(Message::respond_uri(uri, "never"))
    }
}

/// What a request has set that panics when it is dropped, two of them.
struct TwoExtensions;

impl Handler<()> for TwoExtensions {
    fn call(&self, request: &mut Option<Request>, _: &mut Spares) -> Outcome {
        struct Another(Mine);
        let request = request.as_mut().unwrap();
        request.set_extension(Mine);
        request.set_extension(Another(Mine));
        let uri = request.message.uri.clone();
        Outcome::Done(Some(Message::respond_uri(uri, "both are dropped")))
    }
}

/// Two panics of one handler are answered as one is, whichever the second comes of: what the first
/// one says, what the future holds, or its reply.
pub async fn a_handler_may_panic_twice<R: Runtime>() {
    macro_rules! with_handlers {
        ($builder:expr) => {{
            let mut builder = $builder.long_requests();
            for (uri, polls, answers) in TWICE {
                let twice = Twice { polls, answers };
                builder = builder.on((REQUEST_URI, uri), move || twice.future());
                let in_middleware = format!("{uri} in middleware");
                builder = builder.on((REQUEST_URI, in_middleware), move || twice.future());
                builder = builder.wrap_route(passes);
            }
            builder
                .on((REQUEST_URI, "two extensions"), TwoExtensions)
                .on(REQUEST_URI, || "here")
        }};
    }
    const TWICE: [(&str, u32, bool); 4] = [
        ("panics at once", 1, false),
        ("panics later", 3, false),
        ("answers at once", 1, true),
        ("answers later", 3, true),
    ];
    let server = listen(with_handlers!(Server::<R>::builder())).await;
    let (_client, connection) = connect(Client::builder(), &server).await;
    let node = bind_node(with_handlers!(UdpNode::<R>::builder())).await;
    let asker = plain_node::<R>().await;
    let address = node.local_addr();
    for (uri, ..) in TWICE {
        for uri in [uri.to_owned(), format!("{uri} in middleware")] {
            let answer = connection.request(uri.clone()).await.unwrap();
            assert_message(&answer, ERROR, &uri, "the handler failed");
            let answer = asker.request(address, uri.clone()).await.unwrap();
            assert_message(&answer, ERROR, &uri, "the handler failed");
            let mut long =
                LongRequest::new(Message::new(REQUEST_URI, uri.clone(), vec![0; 70_000]));
            let answer = long.send(&connection).await.unwrap();
            assert_message(&answer, ERROR, &uri, "the handler failed");
        }
    }
    let answer = connection.request("two extensions").await.unwrap();
    assert_message(&answer, RESPOND_URI, "two extensions", "both are dropped");
    let answer = connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
}

/// What handlers hold that a close drops may panic by that, of several of them: the connection is
/// closed as it was to be, and others go on.
pub async fn what_a_close_drops_may_panic<R: Runtime>() {
    let (told, tell) = async_channel::bounded(2);
    let holds = move |who: Connection| {
        let told = told.clone();
        async move {
            let _mine = Mine;
            told.send(who).await.unwrap();
            pending::<()>().await;
        }
    };
    let server = Server::<R>::builder()
        .concurrent_handlers(2)
        .on((REQUEST_URI, "holds"), holds)
        .on(REQUEST_URI, || "here");
    let server = listen(server).await;
    let mut events = server.events();
    let (_client, connection) = connect(Client::builder().correlate(), &server).await;
    let (_other, other) = connect(Client::builder(), &server).await;
    let ask = || async { connection.request("holds").await.unwrap_err() };
    let close = async {
        tell.recv().await.unwrap();
        tell.recv().await.unwrap().close().await;
    };
    let ((first, second), ()) = both(both(ask(), ask()), close).await;
    let closed = RequestError::Closed(CloseReason::Remote);
    assert_eq!((first, second), (closed.clone(), closed));
    let reason = loop {
        if let ServerEvent::Closed { reason, .. } = events.next().await.unwrap() {
            break reason;
        }
    };
    assert_eq!(reason, CloseReason::Local);
    let answer = other.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
}
