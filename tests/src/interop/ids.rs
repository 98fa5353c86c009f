//! Requests with correlation ids, from Python, which knows of none.

use std::future::poll_fn;
use std::task::Poll;

use netaio_driver::Content;
use netaio_driver::core::types::*;

use super::PATIENCE;
use super::exchanges::assert_answer;
use crate::puppet::{Answer, Puppet};
use crate::python::Inner;

/// The uri of [`after_turns`].
pub(super) const TURNS: &str = "turns";

/// Echoes after as many turns as its content has bytes.
pub(super) async fn after_turns(content: Content) -> Content {
    let mut turns = content.len();
    poll_fn(|context| {
        context.waker().wake_by_ref();
        turns = turns.saturating_sub(1);
        match turns {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
    content
}

/// Requests that come one after the other, and need fewer and fewer turns. Those
/// without ids are answered in their order; each of those with ids gets the answer
/// to its own, which repeats the id.
pub(super) fn python_asks_side_by_side(python: &mut Puppet) {
    python.timeout = PATIENCE;
    let (kind, uri) = (REQUEST_URI.value(), TURNS.as_bytes());
    let numbers = || (0..10u64).rev();
    let content = |number| "x".repeat(number as usize * 50);
    for number in numbers() {
        let content = content(number);
        let sent = python.send(kind, uri, content.as_bytes(), &Inner::default());
        sent.unwrap();
    }
    for number in numbers() {
        let answer = python.next().unwrap();
        assert_answer(&answer, "RESPOND_URI", uri, content(number).as_bytes());
        assert!(matches!(answer, Answer::Message { rid: None, .. }));
    }
    for number in numbers() {
        let content = content(number);
        let sent = python.send_with_id(kind, uri, content.as_bytes(), number << 40);
        sent.unwrap();
    }
    let mut answered = Vec::new();
    for _ in numbers() {
        let answer = python.next().unwrap();
        let Answer::Message { rid: Some(id), .. } = answer else {
            panic!("{answer:?} has no id");
        };
        let number = id >> 40;
        assert_answer(&answer, "RESPOND_URI", uri, content(number).as_bytes());
        answered.push(number);
    }
    answered.sort_unstable();
    assert!(answered.into_iter().eq(0..10));
}
