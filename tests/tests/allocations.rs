//! What a server or a node allocates for a message: nothing where the handler is done at once, be it a
//! plain function or a future; and no more than once where it goes on. What a turn of many messages
//! takes for its buffers is shared by them.
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use netaio_tests::plain::{Answers, Requests, frame};
use netaio_tokio::config::Limits;
use netaio_tokio::handler::Handler;
use netaio_tokio::plugin::Layer;
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Content, Server, UdpNode};
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
