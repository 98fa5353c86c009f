//! `smoltcp`, by a client of a socket's own.

use std::time::Duration;

use netaio_core::{LinkConfig, Message};
use smoltcp::socket::tcp::Socket;

use super::raw::{GARBAGE, TOO_LONG, assert_replaced, long_request, messages, request};
use super::smoltcp_example::{End, Machine};

/// What a server sends, and how long it took, to a client that sends these bytes and then
/// closes its sending side, or leaves that to the server.
fn talk(bytes: &[u8], half_close: bool) -> (Vec<Message>, Duration) {
    let mut machine = Machine::new(1);
    let mut server = End::new(LinkConfig::new(), machine.listen().unwrap(), Vec::new(), 1).unwrap();
    let client = machine.connect().unwrap();
    let (mut sent, mut received) = (0, Vec::new());
    let mut is_done = false;
    while !is_done {
        machine.step(&mut [&mut server]).unwrap();
        let now = machine.now.monotonic;
        assert!(now < Duration::from_secs(60), "it ends");
        let socket = machine.sockets.get_mut::<Socket<'_>>(client);
        if sent < bytes.len() && socket.can_send() {
            sent += socket.send_slice(&bytes[sent..]).unwrap();
            if sent == bytes.len() && half_close {
                socket.close();
            }
        }
        while socket.can_recv() {
            socket
                .recv(|bytes| {
                    received.extend_from_slice(bytes);
                    (bytes.len(), ())
                })
                .unwrap();
        }
        // What the server wrote last is still on its way when its link is closed.
        let is_at_end = sent == bytes.len() && !socket.may_recv();
        if is_at_end {
            socket.close();
        }
        is_done = is_at_end && server.is_closed();
    }
    (messages(&received), machine.now.monotonic)
}

#[test]
fn too_long_an_echo_becomes_an_error() {
    for len in TOO_LONG {
        let (answers, _) = talk(&long_request(len), true);
        assert_replaced(&answers);
    }
}

#[test]
fn a_request_before_garbage_is_answered() {
    let bytes = [&request("slow", b"hi")[..], &GARBAGE].concat();
    let (answers, took) = talk(&bytes, false);
    assert_eq!(answers[0], Message::respond_uri("slow", "hi"));
    assert!(answers[1..].iter().all(Message::is_error), "{answers:?}");
    assert!(took >= Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_half_closed_client_gets_its_answer_later() {
    let (answers, took) = talk(&request("slow", b"hi"), true);
    assert_eq!(answers, [Message::respond_uri("slow", "hi")]);
    assert!(took >= Duration::from_secs(2), "{took:?}");
}

/// The sockets hold 2 KiB each way.
#[test]
fn long_answers_arrive_whole() {
    let content = vec![b'.'; 60_000];
    let (answers, _) = talk(&request("echo", &content).repeat(20), true);
    assert_eq!(answers.len(), 20);
    assert!(answers.iter().all(|answer| answer.content == content));
}
