//! What a server or a node allocates for a message: nothing where the handler is done at once, be it a
//! plain function or a future; and no more than once where it goes on. What a turn of many messages
//! takes for its buffers is shared by them. And what tokio allocates for the task of a connection.
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Instant;

use netaio_driver::{DatagramOptions, Keepalive, Runtime};
use netaio_tests::plain::{Answers, Requests, frame};
use netaio_tokio::config::Limits;
use netaio_tokio::handler::Handler;
use netaio_tokio::plugin::{Layer, Peer};
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Client, Content, Server, Tokio, UdpNode};
use tokio::net::UdpSocket;

/// Messages of a turn.
const TURN: usize = 64;

/// Turns that are looked at, behind as many that are not.
const TURNS: usize = 200;

/// Allocations while a server answers so many turns.
fn allocations<M: 'static>(turns: usize, handler: impl Handler<M>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let turn = frame().unwrap().repeat(TURN).into();
    let served = allocation_counter::measure(|| {
        runtime.block_on(async {
            let server = Server::builder();
            let server = server.on((REQUEST_URI, "echo"), handler).build().unwrap();
            let requests = Requests::new(turn, turns);
            let connection = server.serve_halves(requests, Answers, None).unwrap();
            connection.closed().await;
            let handled = server.metrics().sent_messages;
            assert_eq!(handled, (turns * TURN) as u64, "all are answered");
        });
    });
    served.count_total
}

/// Allocations for a turn of messages.
fn of_a_turn<M: 'static>(handler: impl Handler<M> + Clone) -> f64 {
    let few = allocations(TURNS, handler.clone());
    let more = allocations(2 * TURNS, handler);
    more.saturating_sub(few) as f64 / TURNS as f64
}

/// Allocations while a node answers so many turns of datagrams.
fn allocations_of_node<M: 'static>(turns: usize, handler: impl Handler<M>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let request = frame().unwrap();
    // The asker proves no address.
    let limits = Limits::default()
        .with_unvalidated_burst(usize::MAX)
        .and_then(|limits| limits.with_unvalidated_rate(usize::MAX))
        .and_then(|limits| limits.with_unvalidated_total(usize::MAX))
        .unwrap();
    let served = allocation_counter::measure(|| {
        runtime.block_on(async {
            let node = UdpNode::builder().limits(limits).no_group();
            let node = node.bind("127.0.0.1:0").await.unwrap();
            node.on((REQUEST_URI, "echo"), handler, Layer::new())
                .unwrap();
            let asker = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            asker.connect(node.local_addr()).await.unwrap();
            let mut answer = [0; 2 * TURN];
            for _ in 0..turns {
                for _ in 0..TURN {
                    asker.send(&request).await.unwrap();
                }
                for _ in 0..TURN {
                    asker.recv(&mut answer).await.unwrap();
                }
            }
            node.stop().await;
        });
    });
    served.count_total
}

/// Allocations for a turn of datagrams.
fn of_a_turn_of_datagrams<M: 'static>(handler: impl Handler<M> + Clone) -> f64 {
    let few = allocations_of_node(TURNS, handler.clone());
    let more = allocations_of_node(2 * TURNS, handler);
    more.saturating_sub(few) as f64 / TURNS as f64
}

#[test]
fn a_datagram_allocates_nothing_where_its_handler_is_done_at_once() {
    let function = of_a_turn_of_datagrams(|content: Content| content);
    let future = of_a_turn_of_datagrams(|content: Content| async move { content });
    for turn in [function, future] {
        // Each system call takes some, for all of its datagrams.
        assert!(turn <= 32.0, "{turn} allocations for {TURN} datagrams");
    }
}

#[test]
fn a_handler_that_is_done_at_once_allocates_nothing() {
    let function = of_a_turn(|content: Content| content);
    let future = of_a_turn(|content: Content| async move { content });
    let with_a_reply = of_a_turn(|content: Content| async move { Some(content) });
    for turn in [function, future, with_a_reply] {
        // The receive buffer, those to be written (8 in all), and the future's place (3).
        assert!(turn <= 12.0, "{turn} allocations for {TURN} messages");
    }
}

#[tokio::test]
async fn a_list_of_peers_is_copied_once() {
    const PEERS: u16 = 100;
    let node = UdpNode::builder().no_group();
    let node = node.bind("127.0.0.1:0").await.unwrap();
    for port in 1..=PEERS {
        let at = node.remote(([10, 0, 0, 1], port).into());
        node.peers().add(Peer::new(port.to_string()), at).unwrap();
    }
    let mut known = Vec::new();
    let copied = allocation_counter::measure(|| known = node.peers().list());
    assert_eq!(known.len(), usize::from(PEERS));
    // The addresses of each, and the two lists of all: in order, and as they are given.
    let most = u64::from(PEERS) + 2;
    assert!(
        copied.count_total <= most,
        "{} allocations",
        copied.count_total
    );
    node.stop().await;
}

#[test]
fn a_handler_that_goes_on_allocates_once_at_most() {
    let turn = of_a_turn(|content: Content| async move {
        tokio::task::yield_now().await;
        content
    });
    assert!(
        turn <= 12.0 + TURN as f64,
        "{turn} allocations for {TURN} messages"
    );
}

/// What tokio allocated for each task that was spawned on [`Measured`], in bytes, and how much of
/// that is its future.
static TASKS: Mutex<Vec<(u64, usize)>> = Mutex::new(Vec::new());

/// Tokio, with a note of what each task takes.
struct Measured;

impl Runtime for Measured {
    type Listener = <Tokio as Runtime>::Listener;
    type Reader = <Tokio as Runtime>::Reader;
    type Writer = <Tokio as Runtime>::Writer;
    type Datagrams = <Tokio as Runtime>::Datagrams;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        let size = size_of_val(&future);
        let cell = allocation_counter::measure(|| Tokio::spawn(future));
        TASKS.lock().unwrap().push((cell.bytes_max, size));
    }

    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static {
        Tokio::sleep_until(deadline)
    }

    async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
        Tokio::resolve(address).await
    }

    async fn connect(
        address: SocketAddr,
        keepalive: Option<Keepalive>,
    ) -> io::Result<(Self::Reader, Self::Writer)> {
        Tokio::connect(address, keepalive).await
    }

    async fn listen(address: SocketAddr) -> io::Result<Self::Listener> {
        Tokio::listen(address).await
    }

    fn local_address(listener: &Self::Listener) -> io::Result<SocketAddr> {
        Tokio::local_address(listener)
    }

    async fn accept(
        listener: &Self::Listener,
        keepalive: Option<Keepalive>,
    ) -> io::Result<(Self::Reader, Self::Writer, SocketAddr)> {
        Tokio::accept(listener, keepalive).await
    }

    async fn bind_datagrams(options: &DatagramOptions) -> io::Result<Self::Datagrams> {
        Tokio::bind_datagrams(options).await
    }
}

/// Tokio allocates the cell of a task in steps of 128 bytes, as its alignment is, and that of a
/// connection is within the eighth by nothing: 8 bytes more and each connection takes another 128.
/// Of the 1,024, 104 are tokio's: 32 of the header, 16 of the scheduler and the id, 8 that say how
/// far the future is, 48 of the trailer. The other 920 are the future, and 8 of them are of the
/// feature `testing`, which is on here. Optimized or not, it is the same. Whoever needs room: what
/// few connections have can be on the heap, see [`netaio_core::Link`]'s test too.
#[cfg(target_pointer_width = "64")]
#[tokio::test]
async fn the_task_of_a_connection_is_within_a_step_of_tokio() {
    let server = netaio_driver::Server::<Measured>::builder();
    let server = server.on((REQUEST_URI, "echo"), |content: Content| content);
    let server = server.bind("127.0.0.1:0").await.unwrap();
    // That which accepts.
    TASKS.lock().unwrap().clear();
    let client = Client::builder().build().unwrap();
    client.connect(server.local_addr()).await.unwrap();
    client.request("echo").await.unwrap();
    let tasks = std::mem::take(&mut *TASKS.lock().unwrap());
    let [(cell, future)] = tasks[..] else {
        panic!("one task for a connection: {tasks:?}");
    };
    assert!(cell <= 1024, "{cell} bytes, {future} of them the future");
    server.stop().await;
}
