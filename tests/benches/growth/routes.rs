//! Requests to a server with many routes, without sockets.

use std::error::Error;

use bytes::Bytes;
use netaio_tests::plain::{Answers, Requests, sealed};
use netaio_tokio::plugin::Layer;
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Content, Message, Server};

use super::{Side, machine, order};

const MESSAGES: usize = 1_000_000;
/// Messages that come at once.
const AT_ONCE: usize = 64;
/// Different messages.
const CYCLE: usize = 128_000;

pub(crate) fn side<'a>(routes: usize) -> Result<Side<'a>, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let uri = |number: usize| format!("route {number:>6}");
    let mut builder = Server::builder();
    for number in 0..routes {
        let echo = |content: Content| content;
        builder = builder.on((REQUEST_URI, uri(number)), echo);
    }
    let server = {
        let _entered = runtime.enter();
        builder.build()?
    };
    // Frames of 64 bytes.
    let mut frames = Vec::new();
    let order = order::shuffled(routes);
    for number in order.iter().cycle().take(CYCLE) {
        let mut message = Message::request(uri(*number));
        message.content = vec![b'x'; 38].into();
        frames.extend(sealed(&Layer::new(), &message)?);
    }
    let (len, frames) = (frames.len() / CYCLE, Bytes::from(frames));
    Ok(Box::new(move || {
        runtime.block_on(async {
            let requests = Requests::cycle(frames.clone(), AT_ONCE * len, MESSAGES / AT_ONCE);
            let begun = machine::of_this_thread();
            let connection = server.serve_halves(requests, Answers, None)?;
            connection.closed().await;
            let time = machine::of_this_thread() - begun;
            Ok(time as f64 / MESSAGES as f64)
        })
    }))
}
