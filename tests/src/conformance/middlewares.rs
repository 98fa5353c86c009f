//! Middleware: functions around handlers, and handlers that are registered together.

use std::future::{IntoFuture, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use netaio_driver::core::plugin::HmacAuth;
use netaio_driver::core::types::*;
use netaio_driver::core::{Key, Layer, Message, Refusal};
use netaio_driver::{
    BuildError, Client, ConcurrencyLimit, Content, Extension, Middleware, Next, NoReply, Path,
    RateLimit, Remote, Reply, Request, RouteOptions, Router, Runtime, Server, Text, Timeout, Trace,
    UdpNode, Uri,
};

use super::raw_node::{bind_node, plain_node};
use super::support::{assert_message, connect, listen, pair, plain_pair, yield_times};

/// Notes what passes it, and what was refused.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Middleware for Notes {
    async fn handle(&self, request: Request, next: Next) -> Option<Message> {
        let uri = String::from_utf8_lossy(&request.message.uri).into_owned();
        let pattern = request.pattern().map(|pattern| pattern.as_str().to_owned());
        let answer = next.run(request).await;
        let kind = answer.as_ref().map(|answer| answer.message_type);
        let note = format!("{uri} {pattern:?} {kind:?}");
        self.0.lock().unwrap().push(note);
        answer
    }

    fn refused(&self, _remote: &Remote, refusal: &Refusal) {
        let Refusal::Open { message_type, .. } = refusal else {
            return;
        };
        self.0
            .lock()
            .unwrap()
            .push(format!("refused {message_type}"));
    }
}

/// What is set for all handlers sees all messages: those that extractors reject, that have no
/// handler, whose handler panics, and that do not pass a layer.
pub async fn all_messages_pass_what_is_set_for_all<R: Runtime>() {
    let notes = Notes::default();
    let inner = || HmacAuth::new("admin").with_hmac_field("camh");
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "direct"), || "fine")
        .on((REQUEST_URI, "late"), || async { "fine" })
        .on((REQUEST_URI, "a/{id}"), |Path(id): Path<u8>| id.to_string())
        .wrap(notes.clone())
        .on((REQUEST_URI, "text"), |_: Text| "never")
        .on((REQUEST_URI, "panics"), |_: Content| -> NoReply {
            panic!("on purpose")
        })
        .on((REQUEST_URI, "closed"), || "never")
        .inner_auth(inner());
    let pair = plain_pair(server).await;
    let added = || async { "added" };
    pair.server
        .on((REQUEST_URI, "added"), added, Layer::new())
        .unwrap();
    for (uri, kind, noted) in [
        ("direct", RESPOND_URI, "direct None Some(RESPOND_URI)"),
        ("late", RESPOND_URI, "late None Some(RESPOND_URI)"),
        ("a/7", RESPOND_URI, "a/7 Some(\"a/{id}\") Some(RESPOND_URI)"),
        ("a/x", ERROR, "a/x Some(\"a/{id}\") Some(ERROR)"),
        ("text", ERROR, "text None Some(ERROR)"),
        ("panics", ERROR, "panics None Some(ERROR)"),
        ("added", RESPOND_URI, "added None Some(RESPOND_URI)"),
        ("nowhere", NOT_FOUND, "nowhere None Some(NOT_FOUND)"),
        ("closed", AUTH_ERROR, "refused REQUEST_URI"),
    ] {
        let answer = pair.connection.request(uri).content(&b"\xff"[..]).await;
        assert_eq!(answer.unwrap().message_type, kind, "{uri}");
        assert_eq!(notes.take(), [noted]);
    }
}

/// The one that is set last is called first; each may answer itself, and change what comes and
/// goes.
pub async fn middleware_stands_in_its_order<R: Runtime>() {
    fn marks(mark: &'static str) -> impl Middleware {
        move |mut request: Request, next: Next| async move {
            let content = [&request.message.content[..], mark.as_bytes()].concat();
            request.message.content = content.into();
            let mut answer = next.run(request).await?;
            answer.content = [&answer.content[..], mark.as_bytes()].concat().into();
            Some(answer)
        }
    }
    async fn doorkeeper(mut request: Request, next: Next) -> Result<Option<Message>, Reply> {
        if request.message.uri.starts_with(b"secret") {
            return Err(Reply::not_permitted("no"));
        }
        request.set_extension(String::from("guest"));
        Ok(next.run(request).await)
    }
    let router = Router::new()
        .on((REQUEST_URI, "inner"), |content: Content| content)
        .wrap(marks("r"))
        .on(
            (REQUEST_URI, "{id}"),
            |Path(id): Path<u8>, who: Extension<String>| format!("{id} {}", who.0),
        );
    let server = Server::<R>::builder()
        .wrap(marks("1"))
        .on((REQUEST_URI, "own"), |content: Content| async { content })
        .wrap_route(marks("o"))
        .wrap(marks("2"))
        .nest("rooms/", router)
        .wrap(doorkeeper);
    let pair = plain_pair(server).await;
    let options = RouteOptions::new().with_middleware(marks("l"));
    let echo = |content: Content| content;
    pair.server
        .on((REQUEST_URI, "later"), echo, options)
        .unwrap();
    for (uri, kind, expected) in [
        ("own", RESPOND_URI, "21oo12"),
        ("rooms/inner", RESPOND_URI, "21rr12"),
        ("rooms/7", RESPOND_URI, "7 guest12"),
        ("later", RESPOND_URI, "21ll12"),
        ("secret", NOT_PERMITTED, "no"),
    ] {
        let answer = pair.connection.request(uri).await.unwrap();
        assert_message(&answer, kind, uri, expected);
    }
}

/// Whatever uri it hands on, the answer has the one that was asked for, of a handler that panics
/// too. One that the handler says itself stays.
pub async fn an_answer_has_the_uri_that_was_asked_for<R: Runtime>() {
    async fn shortens(mut request: Request, next: Next) -> Option<Message> {
        let uri = request.message.uri.slice(2..);
        request.message.uri = uri;
        next.run(request).await
    }
    async fn panics() -> &'static str {
        panic!("a panic of the test")
    }
    macro_rules! with_handlers {
        ($builder:expr) => {
            $builder
                .on((REQUEST_URI, "a/b/now"), |uri: Uri| uri.to_string())
                .wrap_route(shortens)
                .on((REQUEST_URI, "a/b/later"), |uri: Uri| async move {
                    yield_times(3).await;
                    uri.to_string()
                })
                .wrap_route(shortens)
                .on((REQUEST_URI, "a/b/panics"), || -> NoReply {
                    panic!("a panic of the test")
                })
                .wrap_route(shortens)
                .on((REQUEST_URI, "a/b/panics later"), panics)
                .wrap_route(shortens)
                .on((REQUEST_URI, "a/b/own"), || {
                    Message::ok("a/b/own", "its own")
                })
                .wrap_route(shortens)
                .wrap(shortens)
        };
    }
    let pair = plain_pair(with_handlers!(Server::<R>::builder())).await;
    let node = bind_node(with_handlers!(UdpNode::<R>::builder())).await;
    let asking = plain_node::<R>().await;
    for (uri, kind, expected) in [
        ("a/b/now", RESPOND_URI, "now"),
        ("a/b/later", RESPOND_URI, "later"),
        ("a/b/panics", ERROR, "the handler failed"),
        ("a/b/panics later", ERROR, "the handler failed"),
        ("a/b/own", OK, "its own"),
    ] {
        let answer = pair.connection.request(uri).await.unwrap();
        assert_message(&answer, kind, uri, expected);
        let answer = asking.request(node.local_addr(), uri).await.unwrap();
        assert_message(&answer, kind, uri, expected);
    }
}

/// Behind several a handler is polled once when it is called, as it is behind none: the poll whose
/// waker wakes nobody.
pub async fn a_handler_behind_many_is_polled_once_in_its_turn<R: Runtime>() {
    async fn passes(request: Request, next: Next) -> Option<Message> {
        next.run(request).await
    }
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    let handler = move || {
        let polls = counted.clone();
        poll_fn(move |context| {
            if context.waker().will_wake(Waker::noop()) {
                polls.fetch_add(1, Ordering::SeqCst);
                return Poll::Pending;
            }
            Poll::Ready("done")
        })
    };
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "none"), handler.clone())
        .on((REQUEST_URI, "three"), handler)
        .wrap_route(passes)
        .wrap_route(passes)
        .wrap_route(passes);
    let pair = plain_pair(server).await;
    for (uri, count) in [("none", 1), ("three", 2)] {
        let answer = pair.connection.request(uri).await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, "done");
        assert_eq!(polls.load(Ordering::SeqCst), count, "{uri}");
    }
}

/// A router's keys get the text before them, whatever their kind and whatever stands around their
/// handlers, also where that makes a request of its own.
pub async fn a_router_is_nested_under_a_text<R: Runtime>() {
    async fn renews(request: Request, next: Next) -> Option<Message> {
        let Request {
            message, remote, ..
        } = request;
        next.run(Request::new(message, remote)).await
    }
    let pattern = |request: Request| request.pattern().unwrap().as_str().to_owned();
    let router = move || {
        Router::new()
            .on((REQUEST_URI, "exact"), || "exact")
            .on(Key::exact(REQUEST_URI, "{braces}"), || "braces")
            .on((REQUEST_URI, "p/{id}"), pattern)
            .on((REQUEST_URI, "w/{id}"), pattern)
            .wrap_route(Trace::new())
            .on((REQUEST_URI, "r/{id}"), pattern)
            .wrap_route(renews)
            .on(REQUEST_URI, || "the rest")
    };
    let server = Server::<R>::builder()
        .nest("a/", router())
        .nest("b/{x}/", router())
        .on((REQUEST_URI, "a/exact"), || "replaced");
    let pair = plain_pair(server).await;
    for (uri, kind, expected) in [
        ("a/exact", RESPOND_URI, "replaced"),
        ("a/{braces}", RESPOND_URI, "braces"),
        ("a/p/7", RESPOND_URI, "a/p/{id}"),
        ("a/w/7", RESPOND_URI, "a/w/{id}"),
        ("a/r/7", RESPOND_URI, "a/r/{id}"),
        ("b/1/exact", RESPOND_URI, "exact"),
        ("b/1/{braces}", RESPOND_URI, "braces"),
        ("b/1/p/7", RESPOND_URI, "b/{x}/p/{id}"),
        ("b/1/w/7", RESPOND_URI, "b/{x}/w/{id}"),
        ("b/1/r/7", RESPOND_URI, "b/{x}/r/{id}"),
    ] {
        let answer = pair.connection.request(uri).await.unwrap();
        assert_message(&answer, kind, uri, expected);
    }
    let builder = Server::<R>::builder().wrap_route(Trace::new());
    let error = builder.bind("127.0.0.1:0").await.unwrap_err();
    assert!(matches!(error, BuildError::MiddlewareBeforeHandler));
    // Below a text that does not end with a slash there are no whole segments.
    let all = || Router::new().on(REQUEST_URI, || "all");
    let text = "nest(\"a\", ..): the handler of all REQUEST_URI messages needs a prefix that \
                ends with `/`";
    let error = Server::<R>::builder().nest("a", all()).build().unwrap_err();
    assert_eq!(error.to_string(), text);
    let inside = Router::new().nest("a", all());
    let node = UdpNode::<R>::builder().nest("b/", inside);
    let error = node.bind("127.0.0.1:0").await.unwrap_err();
    assert_eq!(error.to_string(), text);
    // A uri goes on behind any text.
    let rest = Router::new()
        .on((REQUEST_URI, "/x"), || "x")
        .nest("/", all());
    let server = Server::<R>::builder().nest("a", rest).build().unwrap();
    for (uri, expected) in [("a/x", "x"), ("a/y", "all")] {
        let answer = server.call(Message::request(uri)).await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, expected);
    }
}

/// A handler that takes too long is dropped, and those that are too many wait or are rejected.
pub async fn the_ready_ones_limit_time_and_number<R: Runtime>() {
    let (open, gate) = async_channel::bounded::<()>(1);
    let (enter, entered) = async_channel::bounded::<()>(1);
    let few = move || {
        let (gate, enter) = (gate.clone(), enter.clone());
        async move {
            enter.send(()).await.unwrap();
            gate.recv().await.unwrap();
            "through"
        }
    };
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "never"), std::future::pending::<&str>)
        .wrap_route(Timeout::new(Duration::from_millis(5)))
        .on((REQUEST_URI, "few"), few)
        .wrap_route(ConcurrencyLimit::new(1).rejecting())
        .on((REQUEST_URI, "in turn"), || async { "fine" })
        .wrap_route(ConcurrencyLimit::new(1))
        .wrap(Trace::new());
    let one = plain_pair(server).await;
    let (_client, two) = connect(Client::builder(), &one.server).await;
    let answer = one.connection.request("never").await.unwrap();
    assert_message(&answer, ERROR, "never", "the handler took too long");
    let first = one.connection.request("few").into_future();
    let second = async {
        entered.recv().await.unwrap();
        let rejected = two.request("few").await.unwrap();
        open.send(()).await.unwrap();
        rejected
    };
    let (first, second) = futures_lite::future::zip(first, second).await;
    assert_message(&first.unwrap(), RESPOND_URI, "few", "through");
    assert_message(&second, ERROR, "few", "too much at a time, try again");
    for connection in [&one.connection, &two] {
        let answer = connection.request("in turn").await.unwrap();
        assert_message(&answer, RESPOND_URI, "in turn", "fine");
    }
}

/// A sender that sends too much is rejected, over connections and by datagrams.
pub async fn the_ready_one_limits_the_rate<R: Runtime>() {
    let limit = || RateLimit::new(3, Duration::from_secs(3600));
    let server = Server::<R>::builder()
        .on(REQUEST_URI, || "fine")
        .wrap(limit());
    let server = listen(server).await;
    let node = bind_node(
        UdpNode::<R>::builder()
            .on(REQUEST_URI, || "fine")
            .wrap(limit()),
    )
    .await;
    let (_client, one) = connect(Client::builder(), &server).await;
    // Of the same address.
    let (_other, two) = connect(Client::builder(), &server).await;
    let asking = plain_node::<R>().await;
    for number in 0..5 {
        let connection = if number == 1 { &two } else { &one };
        for answer in [
            connection.request("u").await.unwrap(),
            asking.request(node.local_addr(), "u").await.unwrap(),
        ] {
            match number < 3 {
                true => assert_message(&answer, RESPOND_URI, "u", "fine"),
                false => {
                    let told = "too many messages, try again later";
                    assert_message(&answer, ERROR, "u", told);
                }
            }
        }
    }
}

/// Middleware of a client stands around its handlers, and a node's is told what it refused.
pub async fn clients_and_nodes_have_middleware<R: Runtime>() {
    let (told, tell) = async_channel::bounded(1);
    let notes = Notes::default();
    let server =
        Server::<R>::builder().on(REQUEST_URI, |who: netaio_driver::Connection| async move {
            who.send(Message::notify("news", "x")).await.unwrap();
            "told"
        });
    let client = Client::builder()
        .on((NOTIFY_URI, "news"), move |_: Content| {
            told.try_send(()).unwrap();
            NoReply
        })
        .wrap(notes.clone());
    let pair = pair(server, client).await;
    pair.connection.request("u").await.unwrap();
    tell.recv().await.unwrap();
    while notes.0.lock().unwrap().is_empty() {
        futures_lite::future::yield_now().await;
    }
    assert_eq!(notes.take(), ["news None None"]);

    let node = UdpNode::<R>::builder()
        .auth(HmacAuth::new("secret"))
        .on(REQUEST_URI, || "never")
        .wrap(notes.clone());
    let node = bind_node(node).await;
    let asking = plain_node::<R>().await;
    let answer = asking.request(node.local_addr(), "u").await;
    assert!(
        answer.is_ok_and(|answer| answer.is_error()) && notes.take() == ["refused REQUEST_URI"]
    );
}
