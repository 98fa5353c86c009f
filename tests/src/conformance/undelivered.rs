//! What the network says of datagrams that nobody receives, where the system passes it on.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use netaio_driver::core::types::*;
use netaio_driver::core::{Layer, Message};
use netaio_driver::{RequestError, Runtime, UdpNode};

use super::support::spawn;

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// A port that no test and hardly anybody else has.
const NOBODY: u16 = 9;

async fn node<R: Runtime>(at: SocketAddr) -> UdpNode<R> {
    let node = UdpNode::<R>::builder().no_group().ignore_own_ip(false);
    node.bind(at).await.unwrap()
}

/// A node with a handler that answers when something is sent here.
async fn slow<R: Runtime>() -> (UdpNode<R>, async_channel::Sender<()>) {
    let (go_on, waits) = async_channel::bounded(1);
    let slow = node::<R>((Ipv4Addr::LOCALHOST, 0).into()).await;
    let handler = move || {
        let waits = waits.clone();
        async move {
            waits.recv().await.unwrap();
            "at last"
        }
    };
    slow.on((REQUEST_URI, "slow"), handler, Layer::new())
        .unwrap();
    slow.on((REQUEST_URI, "quick"), || "here", Layer::new())
        .unwrap();
    (slow, go_on)
}

/// A request that nobody receives fails at once, and no other one with it.
pub async fn what_nobody_receives_fails_at_once<R: Runtime>() {
    if !cfg!(any(target_os = "android", target_os = "linux")) {
        return;
    }
    let has_v6 = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let mut places = vec![("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1")];
    if has_v6 {
        places.extend([
            ("[::1]:0", "::1"),
            ("[::]:0", "::1"),
            ("[::]:0", "127.0.0.1"),
        ]);
    }
    let (slow, go_on) = slow::<R>().await;
    let other = slow.local_addr();
    for (at, nobody) in places {
        let asker = node::<R>(at.parse().unwrap()).await;
        let nobody = SocketAddr::new(nobody.parse().unwrap(), NOBODY);
        // Whom a socket of one address does not reach.
        let reaches_other = at != "[::1]:0";
        let waiting = reaches_other.then(|| {
            let asker = asker.clone();
            let ask = async move { asker.request(other, "slow").timeout(NEVER).await };
            spawn::<R, _>(ask)
        });
        for _ in 0..20 {
            let error = asker.request(nobody, "u").timeout(NEVER).await.unwrap_err();
            assert!(matches!(&error, RequestError::Undelivered(_)), "{error}");
            assert!(error.was_surely_not_handled());
            if reaches_other {
                // What is sent meanwhile is sent again, if an earlier datagram had it refused.
                let sent = asker.send(nobody, Message::notify("u", "")).await;
                sent.unwrap();
                let answer = asker.request(other, "quick").timeout(NEVER).await.unwrap();
                assert_eq!(answer.content, "here");
            }
        }
        assert_eq!(asker.metrics().datagrams.undelivered, 20);
        assert_eq!(asker.metrics().datagrams.not_sent, 0);
        if let Some(waiting) = waiting {
            go_on.send(()).await.unwrap();
            let answer = waiting.await.unwrap();
            assert_eq!(answer.content, "at last");
        }
    }
}

/// Who does not listen to it waits.
pub async fn who_does_not_listen_waits<R: Runtime>() {
    let deaf = UdpNode::<R>::builder().no_group().notice_undelivered(false);
    let deaf = deaf.bind("127.0.0.1:0").await.unwrap();
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, NOBODY));
    let short = Duration::from_millis(5);
    let error = deaf.request(nobody, "u").timeout(short).await.unwrap_err();
    assert_eq!(error, RequestError::TimedOut(short));
}
