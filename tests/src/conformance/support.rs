//! What the behaviours share.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_channel::Receiver;
use futures_channel::oneshot;
use netaio_driver::core::types::RESPOND_URI;
use netaio_driver::core::{Layer, Limits, Message, MessageType};
use netaio_driver::{
    Client, ClientBuilder, Connection, Content, Deferred, Handler, Runtime, Server, ServerBuilder,
};

/// A server, a client and the connection between them.
pub(super) struct Pair<R: Runtime> {
    pub(super) server: Server<R>,
    pub(super) client: Client<R>,
    pub(super) connection: Connection,
}

/// Lets a server listen on a free port of the loopback interface.
pub(super) async fn listen<R: Runtime>(server: ServerBuilder<R>) -> Server<R> {
    server
        .bind("127.0.0.1:0")
        .await
        .expect("the server listens")
}

/// Connects a client to a server.
pub(super) async fn connect<R: Runtime>(
    client: ClientBuilder<R>,
    server: &Server<R>,
) -> (Client<R>, Connection) {
    let client = client.build().expect("the client is configured well");
    let connection = client.connect(server.local_addr()).await;
    (client, connection.expect("the client connects"))
}

/// A server with a client that is connected to it.
pub(super) async fn pair<R: Runtime>(
    server: ServerBuilder<R>,
    client: ClientBuilder<R>,
) -> Pair<R> {
    let server = listen(server).await;
    let (client, connection) = connect(client, &server).await;
    Pair {
        server,
        client,
        connection,
    }
}

/// A server with a client that has no settings.
pub(super) async fn plain_pair<R: Runtime>(server: ServerBuilder<R>) -> Pair<R> {
    pair(server, Client::builder()).await
}

/// No inner layer.
pub(super) fn none() -> Layer {
    Layer::new()
}

/// Sees that what was sealed, once or more often, shows neither uri nor content, has
/// the fields of its plugins, and is never the same.
#[track_caller]
pub(super) fn assert_hidden(sealed: &[Message], uri: &str, content: &str) {
    let mut bodies = Vec::new();
    for message in sealed {
        let body = [&message.uri[..], &message.content[..]].concat();
        for part in [uri, content] {
            let mut windows = body.windows(part.len());
            assert!(!windows.any(|window| window == part.as_bytes()), "{part}");
        }
        for field in ["hmac", "nonce", "ts", "iv"] {
            assert!(message.auth.get_bytes(field).is_some(), "{field}");
        }
        assert!(!bodies.contains(&body));
        bodies.push(body);
    }
}

/// Sees that a message is as expected, its auth fields aside.
#[track_caller]
pub(super) fn assert_message(
    message: &Message,
    message_type: MessageType,
    uri: impl AsRef<[u8]>,
    content: impl AsRef<[u8]>,
) {
    let expected = Message::new(
        message_type,
        uri.as_ref().to_vec(),
        content.as_ref().to_vec(),
    );
    let found = Message::new(
        message.message_type,
        message.uri.clone(),
        message.content.clone(),
    );
    assert_eq!(found, expected);
}

/// Runs a future as a task of its own. What it returns is its value.
pub(super) fn spawn<R: Runtime, T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Send + 'static {
    let (done, value) = oneshot::channel();
    R::spawn(async move {
        // A test that no longer waits has failed already.
        let _ = done.send(future.await);
    });
    async { value.await.expect("a task of the test failed") }
}

/// Runs futures as tasks, all at once, and returns their values in order.
pub(super) async fn spawn_all<R: Runtime, F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let tasks: Vec<_> = futures
        .into_iter()
        .map(|future| spawn::<R, _>(future))
        .collect();
    let mut values = Vec::with_capacity(tasks.len());
    for task in tasks {
        values.push(task.await);
    }
    values
}

/// Both values, of futures that run side by side.
pub(super) async fn both<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (Box::pin(first), Box::pin(second));
    let (mut one, mut two) = (None, None);
    poll_fn(|context| {
        if one.is_none()
            && let Poll::Ready(value) = first.as_mut().poll(context)
        {
            one = Some(value);
        }
        if two.is_none()
            && let Poll::Ready(value) = second.as_mut().poll(context)
        {
            two = Some(value);
        }
        match one.is_some() && two.is_some() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    (one.expect("it is ready"), two.expect("it is ready"))
}

/// Lets other tasks go first, a number of times.
pub(super) async fn yield_times(times: usize) {
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// When a future that is not ready is given up.
#[derive(Clone, Copy, Debug)]
pub(super) enum GiveUp {
    /// As soon as it has been polled for the last time.
    AtOnce,
    /// When it has been woken after that, so that what it waited for is there.
    Woken,
}

/// Polls a future so many times, then gives it up. Its value, if it was ready.
pub(super) async fn poll_times<T>(
    mut future: Pin<&mut (impl Future<Output = T> + ?Sized)>,
    polls: usize,
    give_up: GiveUp,
) -> Option<T> {
    let mut polled = 0;
    poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if polled == polls && matches!(give_up, GiveUp::AtOnce) => {
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Drops a request at its first poll, its second, and so on, until one is
/// answered before that. Those before and after it, for the same uri, get their
/// own answers from a server that echoes.
pub(super) async fn drop_at_every_poll(to: &Connection) {
    let request = |content: String| to.request("same").content(content);
    for give_up in [GiveUp::AtOnce, GiveUp::Woken] {
        for polls in 0.. {
            let kept = |which: &str| format!("{which} {polls} {give_up:?}");
            let earlier = request(kept("earlier")).into_future();
            let (answer, finished) = both(earlier, async {
                let dropped = request(kept("dropped")).into_future();
                let finished = poll_times(pin!(dropped), polls, give_up).await;
                let later = request(kept("later")).await.unwrap();
                assert_message(&later, RESPOND_URI, "same", kept("later"));
                finished
            })
            .await;
            assert_message(&answer.unwrap(), RESPOND_URI, "same", kept("earlier"));
            if let Some(answer) = finished {
                assert_message(&answer.unwrap(), RESPOND_URI, "same", kept("dropped"));
                break;
            }
        }
    }
}

/// A door that is shut until it is opened, for good.
#[derive(Clone, Debug)]
pub(super) struct Door {
    shut: Arc<async_channel::Sender<()>>,
    opened: async_channel::Receiver<()>,
}

impl Door {
    pub(super) fn new() -> Self {
        let (shut, opened) = async_channel::bounded(1);
        Self {
            shut: Arc::new(shut),
            opened,
        }
    }

    /// Lets everybody through.
    pub(super) fn open(&self) {
        self.shut.close();
    }

    /// Is ready once the door is open.
    pub(super) async fn pass(&self) {
        let _ = self.opened.recv().await;
    }
}

/// Waits until a number stands still while another connection makes round
/// trips to the uri `other`.
pub(super) async fn standstill(connection: &Connection, count: &Counter) -> usize {
    let (mut last, mut still) = (count.get(), 0);
    while still < 200 {
        let answer = connection.request("other").await.unwrap();
        assert_message(&answer, RESPOND_URI, "other", "other");
        let now = count.get();
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
    last
}

/// Stops whose time is up at once or soon: the time, limits, and whether these
/// say so or the call does.
pub(super) fn short_stops() -> impl Iterator<Item = (Duration, Limits, bool)> {
    let stops = |grace| [(grace, true), (grace, false)];
    let graces = [Duration::ZERO, Duration::from_millis(5)].into_iter();
    graces.flat_map(stops).map(|(grace, by_limit)| {
        let limits = Limits::default();
        let limits = match by_limit {
            true => limits.with_shutdown_grace(grace).unwrap(),
            false => limits,
        };
        (grace, limits, by_limit)
    })
}

/// A handler that echoes, but each time waits at a door first: it and the content
/// are sent on as it is called.
pub(super) fn echo_behind_doors() -> (impl Handler<Deferred<(Content,)>>, Receiver<(String, Door)>)
{
    let (announce, called) = async_channel::unbounded();
    let handler = move |content: Content| {
        let (announce, door) = (announce.clone(), Door::new());
        async move {
            let named = (content.to_string(), door.clone());
            announce.send(named).await.expect("the test goes on");
            door.pass().await;
            content
        }
    };
    (handler, called)
}

/// Counts what happens.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter(Arc<AtomicUsize>);

impl Counter {
    pub(super) fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
