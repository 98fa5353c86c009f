//! Clients that leave while their handlers run, and handlers that take too long.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use netaio_driver::core::types::*;
use netaio_driver::core::{CallOptions, CloseReason, Limits, Message, MessageType};
use netaio_driver::{
    AutoReconnect, Client, ClientEvent, Connection, Publisher, Runtime, Server, ServerBuilder,
    ServerEvent, UdpNode, Uri,
};

use super::raw::frame;
use super::raw_node::{bind_node, plain_node};
use super::support::{
    Door, GiveUp, assert_message, connect, listen, poll_times, spawn, yield_times,
};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// A handler that waits at a door, and what is known of its calls.
#[derive(Clone)]
struct Slow {
    door: Door,
    called: (Sender<()>, Receiver<()>),
    /// One for each call that ran to its end.
    done: (Sender<()>, Receiver<()>),
}

impl Slow {
    fn new() -> Self {
        Self {
            door: Door::new(),
            called: async_channel::unbounded(),
            done: async_channel::unbounded(),
        }
    }

    /// What is known is no longer known by `self`, so that `done` ends with the calls.
    fn handler(
        &self,
    ) -> impl Fn() -> std::pin::Pin<Box<dyn Future<Output = &'static str> + Send>> + use<> {
        let (door, called, done) = (
            self.door.clone(),
            self.called.0.clone(),
            self.done.0.clone(),
        );
        move || {
            let (door, called, done) = (door.clone(), called.clone(), done.clone());
            Box::pin(async move {
                called.send(()).await.expect("the test goes on");
                door.pass().await;
                done.send(()).await.expect("the test goes on");
                "done"
            })
        }
    }

    fn serve<R: Runtime>(&self) -> ServerBuilder<R> {
        let subscribe = |uri: Uri, who: Connection, publisher: Publisher| {
            publisher
                .subscribe(uri.0, &who)
                .map(|_| "")
                .map_err(|error| error.to_string())
        };
        Server::<R>::builder()
            .on((REQUEST_URI, "fast"), || "fast")
            .on(SUBSCRIBE_URI, subscribe)
            .on((REQUEST_URI, "slow"), self.handler())
    }
}

/// Where a server or a node is told how long a handler may run.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    OfAll,
    OfRoute,
    /// With a handler that is registered later.
    Later,
}

const TOLD: [Told; 3] = [Told::OfAll, Told::OfRoute, Told::Later];

/// A client that subscribes, leaves a handler running and goes: by a FIN, or with bytes unread,
/// which resets the connection.
struct Leaver(TcpStream);

impl Leaver {
    async fn come<R: Runtime>(server: &Server<R>, slow: &Slow) -> Self {
        let mut stream = TcpStream::connect(server.local_addr()).unwrap();
        let [subscribe, ask] = [(SUBSCRIBE_URI, "news"), (REQUEST_URI, "slow")];
        let asked = [subscribe, ask].map(|(kind, uri)| frame(kind, uri, ""));
        stream.write_all(&asked.concat()).unwrap();
        stream.set_nonblocking(true).unwrap();
        slow.called.1.recv().await.unwrap();
        // What confirms the subscription is there, and unread.
        let confirmed = frame(CONFIRM_SUBSCRIBE, "news", "");
        let mut there = vec![0; confirmed.len()];
        while stream.peek(&mut there).ok() != Some(confirmed.len()) {
            yield_times(1).await;
        }
        Self(stream)
    }

    fn leave(mut self, resets: bool) {
        if !resets {
            let unread = frame(CONFIRM_SUBSCRIBE, "news", "").len();
            self.0.read_exact(&mut vec![0; unread]).unwrap();
        }
    }
}

/// Who leaves while its handler runs is noticed at once, whether by FIN or RST: counted and
/// subscribed no more. The handler runs to its end.
pub async fn who_leaves_while_a_handler_runs_is_noticed_at_once<R: Runtime>() {
    for resets in [false, true] {
        let slow = Slow::new();
        let server = listen(slow.serve::<R>()).await;
        let mut events = server.events();
        let leaver = Leaver::come(&server, &slow).await;
        let known = || (server.connections(), server.publisher().subscribers("news"));
        assert_eq!(known(), (1, 1));
        leaver.leave(resets);
        let mut left = None;
        while left.is_none() {
            left = match events.next().await.unwrap() {
                ServerEvent::Connected(_) => None,
                ServerEvent::HalfClosed { reason, .. } if !resets => Some(reason),
                ServerEvent::Closed { reason, .. } if resets => Some(reason),
                other => panic!("{other:?}"),
            };
        }
        assert_eq!(left, Some(CloseReason::Remote));
        assert_eq!(known(), (0, 0));
        assert!(slow.done.1.is_empty());
        slow.door.open();
        slow.done.1.recv().await.unwrap();
        server.stop_within(NEVER).await;
    }
}

/// As many clients leave as there are places for handlers, and the next one is served.
pub async fn as_many_leave_as_there_are_places_and_the_next_is_served<R: Runtime>() {
    const PLACES: usize = 64;
    for resets in [false, true] {
        let slow = Slow::new();
        let limits = Limits::default().with_handlers(PLACES).unwrap();
        let server = listen(slow.serve::<R>().limits(limits)).await;
        let mut leavers = Vec::new();
        for _ in 0..PLACES {
            leavers.push(Leaver::come(&server, &slow).await);
        }
        leavers.into_iter().for_each(|leaver| leaver.leave(resets));
        let (_client, connection) = connect(Client::builder(), &server).await;
        let answer = connection.request("fast").timeout(NEVER).await.unwrap();
        assert_message(&answer, RESPOND_URI, "fast", "fast");
        slow.door.open();
        for _ in 0..PLACES {
            slow.done.1.recv().await.unwrap();
        }
    }
}

/// A handler ends with its asker where the server or the route says so.
pub async fn a_handler_is_cancelled_with_its_asker_where_wanted<R: Runtime>() {
    let cancel = CallOptions::new().with_cancel_on_disconnect(true);
    for (resets, told) in TOLD
        .into_iter()
        .flat_map(|told| [(false, told), (true, told)])
    {
        let slow = Slow::new();
        let server = match told {
            Told::OfAll => slow.serve::<R>().call_options(cancel),
            Told::OfRoute => slow.serve::<R>().route_options(cancel),
            Told::Later => slow.serve::<R>(),
        };
        let server = listen(server).await;
        if told == Told::Later {
            let key = (REQUEST_URI, "slow");
            server.on(key, slow.handler(), cancel).unwrap();
        }
        let mut events = server.events();
        Leaver::come(&server, &slow).await.leave(resets);
        while !matches!(events.next().await, Some(ServerEvent::Closed { .. })) {}
        // It is dropped at the door, before that is open.
        slow.door.open();
        server.stop_within(NEVER).await;
        assert!(slow.done.1.is_empty());
    }
    // A route may say otherwise.
    let slow = Slow::new();
    let server = slow.serve::<R>().route_options(CallOptions::new());
    let server = listen(server.call_options(cancel)).await;
    Leaver::come(&server, &slow).await.leave(true);
    slow.door.open();
    slow.done.1.recv().await.unwrap();
}

/// Who leaves during a stop is noticed at once, too. The stop waits for its handler, unless
/// that is to end with its asker.
pub async fn who_leaves_during_a_stop_is_noticed<R: Runtime>() {
    for (resets, cancel) in [(false, false), (false, true), (true, false), (true, true)] {
        let slow = Slow::new();
        let options = CallOptions::new().with_cancel_on_disconnect(cancel);
        let server = listen(slow.serve::<R>().call_options(options)).await;
        let leaver = Leaver::come(&server, &slow).await;
        let mut events = server.events();
        let mut stop = pin!(server.stop_within(NEVER));
        assert!(poll_times(stop.as_mut(), 1, GiveUp::AtOnce).await.is_none());
        leaver.leave(resets);
        let reason = match events.next().await.unwrap() {
            ServerEvent::HalfClosed { reason, .. } if !resets => reason,
            ServerEvent::Closed { reason, .. } if resets => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason, CloseReason::Remote);
        if !cancel {
            assert!(slow.done.1.is_empty());
            slow.door.open();
        }
        stop.await;
        assert_eq!(slow.done.1.len(), usize::from(!cancel));
    }
}

/// A server that leaves while a handler of its client runs is noticed at once, whether by FIN
/// or RST: it is asked nothing more, and reconnected. The handler runs to its end.
pub async fn a_server_that_leaves_while_a_handler_runs_is_reconnected<R: Runtime>() {
    for (resets, reconnects) in [(false, false), (false, true), (true, false), (true, true)] {
        let slow = Slow::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::<R>::builder().on(REQUEST_URI, slow.handler());
        let policy = AutoReconnect::new().delay(Duration::from_millis(5));
        let client = client.auto_reconnect(policy.on_loss(reconnects));
        let client = client.build().unwrap();
        let mut events = client.events();
        let connection = client.connect(listener.local_addr().unwrap()).await;
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(&frame(REQUEST_URI, "slow", "")).unwrap();
        slow.called.1.recv().await.unwrap();
        if resets {
            // What it has not read resets the connection.
            let unread = Message::publish("u", "");
            connection.unwrap().send(unread).await.unwrap();
            server.set_nonblocking(true).unwrap();
            while server.peek(&mut [0]).is_err() {
                yield_times(1).await;
            }
        }
        drop(server);
        let connected = events.next().await;
        assert!(matches!(connected, Some(ClientEvent::Connected(_))));
        let reason = match events.next().await.unwrap() {
            ClientEvent::HalfClosed { reason, .. } if !resets => reason,
            ClientEvent::Closed { reason, .. } if resets => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason, CloseReason::Remote);
        if reconnects {
            while !matches!(events.next().await, Some(ClientEvent::Reconnected { .. })) {}
        }
        assert_eq!(client.connections().len(), usize::from(reconnects));
        assert!(slow.done.1.is_empty());
        slow.door.open();
        slow.done.1.recv().await.unwrap();
        if !resets {
            let reason = loop {
                if let Some(ClientEvent::Closed { reason, .. }) = events.next().await {
                    break reason;
                }
            };
            assert_eq!(reason, CloseReason::Remote);
        }
        assert_eq!(client.connections().len(), usize::from(reconnects));
    }
}

/// A stop waits for the handlers of those who left, for as long as it may.
pub async fn a_stop_waits_for_the_handlers_of_those_who_left<R: Runtime>() {
    for in_time in [true, false] {
        let slow = Slow::new();
        let server = listen(slow.serve::<R>()).await;
        let mut events = server.events();
        Leaver::come(&server, &slow).await.leave(true);
        while !matches!(events.next().await, Some(ServerEvent::Closed { .. })) {}
        if in_time {
            let mut stop = pin!(server.stop_within(NEVER));
            assert!(poll_times(stop.as_mut(), 1, GiveUp::AtOnce).await.is_none());
            slow.door.open();
            stop.await;
            assert_eq!(slow.done.1.len(), 1);
        } else {
            server.stop_within(Duration::ZERO).await;
            slow.door.open();
            assert!(slow.done.1.is_empty());
        }
    }
}

/// The asker of a handler that takes too long is told, over TCP and UDP, and the handler is
/// dropped.
pub async fn a_handler_that_takes_too_long_is_answered_for<R: Runtime>() {
    const TOO_LONG: &str = "the handler took too long";
    let short = CallOptions::new().with_timeout(Some(Duration::from_millis(20)));
    for told in TOLD {
        let slow = Slow::new();
        let server = match told {
            Told::OfAll => slow.serve::<R>().call_options(short),
            Told::OfRoute => slow.serve::<R>().route_options(short),
            Told::Later => slow.serve::<R>(),
        };
        let server = listen(server).await;
        if told == Told::Later {
            let key = (REQUEST_URI, "slow");
            server.on(key, slow.handler(), short).unwrap();
        }
        let (_client, connection) = connect(Client::builder(), &server).await;
        let asked = connection.request("slow").timeout(NEVER).await.unwrap();
        assert_message(&asked, MessageType::ERROR, "slow", TOO_LONG);
        let answer = connection.request("fast").timeout(NEVER).await.unwrap();
        assert_message(&answer, RESPOND_URI, "fast", "fast");
        slow.door.open();
        server.stop_within(NEVER).await;
        assert!(slow.done.1.is_empty());

        let slow = Slow::new();
        let node = UdpNode::<R>::builder().on(REQUEST_URI, slow.handler());
        let node = match told {
            Told::OfAll => node.call_options(short),
            Told::OfRoute => node.route_options(short),
            Told::Later => node,
        };
        let (node, asking) = (bind_node(node).await, plain_node::<R>().await);
        if told == Told::Later {
            node.on(REQUEST_URI, slow.handler(), short).unwrap();
        }
        let asked = asking.request(node.local_addr(), "slow").timeout(NEVER);
        let asked = spawn::<R, _>(async move { asked.await.unwrap() }).await;
        assert_message(&asked, MessageType::ERROR, "slow", TOO_LONG);
        drop(node);
        let Slow {
            door,
            done: (sender, done),
            ..
        } = slow;
        drop(sender);
        // The last sender is gone with the handler, which stands before the door.
        assert!(done.recv().await.is_err());
        door.open();
    }
}
