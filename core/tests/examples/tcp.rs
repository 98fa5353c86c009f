//! `mio` and `threads`, by a client of a socket's own.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use mio::Events;
use netaio_core::types::REQUEST_URI;
use netaio_core::{
    Layer, Limits, LinkConfig, LockNode, Message, MessageType, Node, Now, RequestOptions,
};

use super::mio_example::EventLoop;
use super::raw::{GARBAGE, TOO_LONG, assert_replaced, long_request, messages, request};
use super::threads_example::{Handler, Shared, drive, generator, serve};

/// A connection that waits for nothing longer than a test may take.
fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    let longest = Some(Duration::from_secs(30));
    stream.set_read_timeout(longest).unwrap();
    stream.set_write_timeout(longest).unwrap();
    stream
}

/// All that comes until the server closes the connection.
fn rest(stream: &mut TcpStream) -> Vec<Message> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    messages(&bytes)
}

fn too_long_an_echo_becomes_an_error(address: SocketAddr) {
    for len in TOO_LONG {
        let mut stream = connect(address);
        stream.write_all(&long_request(len)).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_replaced(&rest(&mut stream));
    }
}

fn a_request_before_garbage_is_answered(address: SocketAddr) {
    let mut stream = connect(address);
    let bytes = [&request("echo", b"hi")[..], &GARBAGE].concat();
    stream.write_all(&bytes).unwrap();
    // The sending side stays open: it is the server who ends the connection.
    let answers = rest(&mut stream);
    assert_eq!(answers[0], Message::respond_uri("echo", "hi"));
    assert!(answers[1..].iter().all(Message::is_error), "{answers:?}");
}

/// Answers that no buffers of sockets hold: one client reads its own only when another,
/// which asked later, has all of its.
fn long_answers_arrive_whole(address: SocketAddr) {
    const REQUESTS: usize = 400;
    let uris: Vec<_> = (0..REQUESTS).map(uri).collect();
    let requests: Vec<_> = uris.iter().flat_map(|uri| request(uri, b"")).collect();
    let mut slow = connect(address);
    let mut fast = connect(address);
    for stream in [&mut slow, &mut fast] {
        stream.write_all(&requests).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
    }
    for stream in [&mut fast, &mut slow] {
        let answers = rest(stream);
        assert_eq!(answers.len(), REQUESTS);
        for (answer, uri) in answers.iter().zip(&uris) {
            assert_eq!(answer.uri, uri);
            assert!(answer.content == uri.repeat(4096), "the answer to {uri}");
        }
    }
}

fn uri(number: usize) -> String {
    format!("repeat {number:6}")
}

fn mio_server() -> SocketAddr {
    let mut server = EventLoop::new(([127, 0, 0, 1], 0).into()).unwrap();
    let address = server.address().unwrap();
    thread::spawn(move || {
        let mut events = Events::with_capacity(64);
        loop {
            server.turn(&mut events).unwrap();
        }
    });
    address
}

#[test]
fn mio() {
    let address = mio_server();
    too_long_an_echo_becomes_an_error(address);
    a_request_before_garbage_is_answered(address);
    long_answers_arrive_whole(address);
}

/// The handlers are on the worker's thread, and the end of the stream comes with the
/// requests.
#[test]
fn mio_answers_a_half_closed_client_later() {
    let mut stream = connect(mio_server());
    let requests = ["one", "two", "three"].map(|content| request("echo", content.as_bytes()));
    stream.write_all(&requests.concat()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let expected = ["one", "two", "three"].map(|content| Message::respond_uri("echo", content));
    assert_eq!(rest(&mut stream), expected);
}

fn thread_server() -> SocketAddr {
    let mut node = Node::<Handler>::for_streams(LinkConfig::new());
    let echo: Handler = |request| Message::respond_uri(request.uri, request.content);
    node.on((REQUEST_URI, "echo"), echo, Layer::new()).unwrap();
    let repeat: Handler = |request| {
        let content = request.uri.repeat(4096);
        Message::respond_uri(request.uri, content)
    };
    node.on(REQUEST_URI, repeat, Layer::new()).unwrap();
    let slow: Handler = |request| {
        HALF_CLOSED.wait();
        Message::respond_uri(request.uri, "late")
    };
    node.on((REQUEST_URI, "slow"), slow, Layer::new()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(&listener, &Shared::new(node), Instant::now()));
    address
}

/// The slow handler answers when its client has closed its sending side.
static HALF_CLOSED: Barrier = Barrier::new(2);

#[test]
fn threads() {
    let address = thread_server();
    too_long_an_echo_becomes_an_error(address);
    a_request_before_garbage_is_answered(address);
    long_answers_arrive_whole(address);
}

#[test]
fn threads_answer_a_half_closed_client_later() {
    let mut stream = connect(thread_server());
    stream.write_all(&request("slow", b"")).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    HALF_CLOSED.wait();
    assert_eq!(rest(&mut stream), [Message::respond_uri("slow", "late")]);
}

/// Both sides send more than all buffers hold, and neither waits for the other forever.
#[test]
fn threads_read_while_they_cannot_write() {
    const REQUESTS: usize = 250;
    let start = Instant::now();
    let mut stream = connect(thread_server());
    let limits = Limits::default().with_outbound_queue(64 * 1024 * 1024);
    let config = LinkConfig::new().with_limits(limits.unwrap());
    let mut node = Shared::new(Node::for_streams(config));
    let mut link = node.with(|node| node.connect(Now::since(start), None, generator(1)));
    let content = vec![b'.'; 60_000];
    let mut request = Message::request("echo");
    request.content = content.clone().into();
    for _ in 0..REQUESTS {
        let options = RequestOptions::new();
        link.request(Now::since(start), &mut node, &request, &options)
            .unwrap();
    }
    let answers = drive(&mut link, &mut node, &mut stream, start, REQUESTS);
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.len(), REQUESTS);
    let is_whole = |answer: &Message| {
        answer.message_type == MessageType::RESPOND_URI && answer.content == content
    };
    assert!(answers.iter().all(is_whole));
}
