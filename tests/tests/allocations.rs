//! What a server allocates for a message: nothing where the handler is done at once, be it a
//! plain function or a future; and no more than once where it goes on. What a turn of many messages
//! takes for its buffers is shared by them.
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use netaio_tests::plain::{Answers, Requests, frame};
use netaio_tokio::handler::Handler;
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Content, Server};

/// Messages of a turn.
const TURN: usize = 64;

/// Turns that are looked at, behind as many that are not.
const TURNS: usize = 200;

/// Allocations while a server answers so many turns.
fn allocations<M: 'static>(turns: usize, handler: impl Handler<M>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
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

#[test]
fn a_handler_that_is_done_at_once_allocates_nothing() {
    let function = of_a_turn(|content: Content| content);
    let future = of_a_turn(|content: Content| async move { content });
    let with_a_reply = of_a_turn(|content: Content| async move { Some(content) });
    for turn in [function, future, with_a_reply] {
        // The receive buffer, those to be written, and the future's place.
        assert!(turn <= 8.0, "{turn} allocations for {TURN} messages");
    }
}

#[test]
fn a_handler_that_goes_on_allocates_once_at_most() {
    let turn = of_a_turn(|content: Content| async move {
        tokio::task::yield_now().await;
        content
    });
    assert!(
        turn <= 8.0 + TURN as f64,
        "{turn} allocations for {TURN} messages"
    );
}
