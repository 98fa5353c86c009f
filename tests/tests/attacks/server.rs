//! The server that is attacked, over TCP and UDP.

use std::io::{BufRead, stdin};
use std::time::{Duration, Instant};

use netaio_tests::process::Process;
use netaio_tokio::config::{Limits, ManagementConfig};
use netaio_tokio::types::{PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI};
use netaio_tokio::{Content, Message, Peer, Publisher, Remote, Server, UdpNode, Uri};

use crate::{Attacked, Error};

/// The limits: the usual ones, or those with short times, of which there are some that are
/// none by default.
fn limits(times: &str) -> Result<Limits, Error> {
    let (limits, second) = (Limits::default(), Duration::from_secs(1));
    if times == "usual" {
        return Ok(limits);
    }
    let limits = limits.with_frame_timeout(second)?;
    let limits = limits.with_auth_timeout(Some(second))?;
    let limits = limits.with_idle_timeout(Some(second))?;
    let limits = limits.with_write_timeout(Some(second))?;
    let limits = limits.with_backlog_time(second)?;
    Ok(limits.with_shutdown_grace(second)?)
}

/// The handlers of both.
macro_rules! handlers {
    ($builder:expr, $ended:expr) => {{
        let ended = $ended.clone();
        $builder
            .on((REQUEST_URI, "echo"), |content: Content| content)
            .on((REQUEST_URI, "end"), || "")
            .on((REQUEST_URI, "long"), || vec![b'x'; 60_000])
            .on((REQUEST_URI, "last"), move |content: Content| {
                // Until the attackers are to be gone, with what was asked.
                let mut ended = ended.clone();
                async move {
                    let _ = ended.wait_for(|ended| *ended).await;
                    drop(content);
                    ""
                }
            })
            .on((REQUEST_URI, "ask me"), |remote: Remote| {
                for _ in 0..1200 {
                    tokio::spawn(remote.request("never answered").into_future());
                }
                "as you wish"
            })
            .on(
                SUBSCRIBE_URI,
                |uri: Uri, who: Remote, publisher: Publisher| {
                    publisher.subscribe(uri.0, who).map_or("refused", |_| "")
                },
            )
            .on(
                PUBLISH_URI,
                |uri: Uri, content: Content, publisher: Publisher| async move {
                    let news = Message::notify(uri.0.clone(), content.0);
                    let delivery = publisher.publish(&uri, &news).await;
                    delivery.map_or("refused", |_| "")
                },
            )
    }};
}

/// Serves until the parent closes its end of the standard input. Each line there is answered
/// once there is no connection: it may say that the handlers are to end, or the server, or
/// neither.
pub(crate) fn serve(times: &str) -> Result<(), Error> {
    let limits = limits(times)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (end, ended) = tokio::sync::watch::channel(false);
        let server = Server::builder().limits(limits.clone()).long_requests();
        let server = handlers!(server, ended);
        let server = server.bind("127.0.0.1:0").await?;
        let node = UdpNode::builder()
            .no_group()
            .ignore_own_ip(false)
            .receive_buffer(8 << 20)
            .limits(limits)
            .local_peer(Peer::new("attacked"))
            .manage_peers(ManagementConfig::new());
        let node = handlers!(node, ended).bind("127.0.0.1:0").await?;
        println!("{} {}", server.local_addr(), node.local_addr());
        let mut events = server.events();
        let (lines, mut line) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for text in stdin().lock().lines().map_while(Result::ok) {
                let _ = lines.send(text);
            }
        });
        while let Some(line) = line.recv().await {
            match line.as_str() {
                "gone" => drop(end.send_replace(true)),
                "stop" => server.stop().await,
                _ => {}
            }
            while server.connections() > 0 {
                events.next().await;
            }
            println!("empty");
        }
        Ok(())
    })
}

/// Starts it.
pub(crate) fn start(times: &str) -> Result<Attacked, Error> {
    let mut process = Process::start(&["server", times])?;
    let line = process.line()?;
    let (address, node) = line.split_once(' ').ok_or("the server has one address")?;
    let before = process.resident()?;
    Ok(Attacked {
        address: address.parse()?,
        node: node.parse()?,
        process: process.into(),
        before,
    })
}

impl Attacked {
    /// The most memory that it ever had, and the least within five seconds of the end of the
    /// last connection, in KiB.
    pub(crate) fn settled(self) -> Result<(u64, u64), Error> {
        let peak = self
            .process
            .lock()
            .map_err(|_| "another thread failed")?
            .peak()?;
        self.ask("gone")?;
        let process = self
            .process
            .into_inner()
            .map_err(|_| "another thread failed")?;
        let (gone, mut least) = (Instant::now(), u64::MAX);
        while gone.elapsed() < Duration::from_secs(5) {
            least = least.min(process.resident()?);
            if least <= self.before {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok((peak, least))
    }
}
