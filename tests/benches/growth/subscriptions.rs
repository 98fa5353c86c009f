//! Publications to one of many keys, each with one subscriber of ten, without sockets.

use std::error::Error;
use std::io;
use std::task::{Context, Poll};

use bytes::BytesMut;
use netaio_driver::ReadHalf;
use netaio_tests::plain::Answers;
use netaio_tokio::config::Limits;
use netaio_tokio::{Message, Server};

use super::{Side, machine, order};

const MESSAGES: usize = 1_000_000;
/// Messages that are published between two turns of the connections.
const AT_ONCE: usize = 640;
const CONNECTIONS: usize = 10;

pub(crate) fn side<'a>(subscriptions: usize) -> Result<Side<'a>, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let limits = Limits::default()
        .with_subscriptions(subscriptions)?
        .with_subscription_keys(subscriptions)?
        .with_subscriber_key_bytes(usize::MAX)?
        .with_subscription_key_bytes(usize::MAX)?
        .with_subscription_bytes(usize::MAX)?;
    let key = |number: usize| format!("news {number:>7}");
    let server = {
        let _entered = runtime.enter();
        let server = Server::builder().limits(limits).build()?;
        let connections = (0..CONNECTIONS).map(|_| server.serve_halves(Silence, Answers, None));
        let connections = connections.collect::<Result<Vec<_>, _>>()?;
        for number in 0..subscriptions {
            let who = &connections[number % CONNECTIONS];
            server.publisher().subscribe(key(number), who)?;
        }
        server
    };
    let order = order::shuffled(subscriptions);
    // The bytes of the keys are at hand as those of a received message are.
    let keys: Vec<_> = order.iter().map(|number| key(*number)).collect();
    let message = Message::notify("news", vec![b'x'; 38]);
    let mut at = 0;
    Ok(Box::new(move || {
        runtime.block_on(async {
            let begun = machine::of_this_thread();
            for number in 0..MESSAGES {
                let delivery = server.publisher().publish(&keys[at], &message).await?;
                if delivery.accepted() != 1 {
                    return Err(format!("{delivery:?}").into());
                }
                at = (at + 1) % keys.len();
                if number % AT_ONCE == 0 {
                    tokio::task::yield_now().await;
                }
            }
            let time = machine::of_this_thread() - begun;
            Ok(time as f64 / MESSAGES as f64)
        })
    }))
}

/// A stream on which nothing comes.
struct Silence;

impl ReadHalf for Silence {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut BytesMut) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}
