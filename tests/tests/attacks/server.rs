//! The server that is attacked.

use std::io::{BufRead, stdin};
use std::time::{Duration, Instant};

use netaio_tests::process::Process;
use netaio_tokio::types::{PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI};
use netaio_tokio::{Content, Message, Publisher, Remote, Server, Uri};

use crate::{Attacked, Error};

/// Serves until the parent closes its end of the standard input. Each line there is answered
/// once there is no connection.
pub(crate) fn serve() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (end, ended) = tokio::sync::watch::channel(false);
        let server = Server::builder()
            .on((REQUEST_URI, "echo"), |content: Content| content)
            .on((REQUEST_URI, "last"), move |content: Content| {
                // Until the attackers are to be gone, with what was asked.
                let mut ended = ended.clone();
                async move {
                    let _ = ended.wait_for(|ended| *ended).await;
                    drop(content);
                    ""
                }
            })
            .on(
                SUBSCRIBE_URI,
                |uri: Uri, who: Remote, publisher: Publisher| {
                    publisher.subscribe(uri.0, who).map_or("refused", |_| "")
                },
            )
            .on(
                PUBLISH_URI,
                |uri: Uri, content: Content, publisher: Publisher| {
                    let news = Message::notify(uri.0.clone(), content.0);
                    publisher.notify(&uri, &news).map_or("refused", |_| "")
                },
            )
            .bind("127.0.0.1:0")
            .await?;
        println!("{}", server.local_addr());
        let mut events = server.events();
        let (lines, mut line) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for text in stdin().lock().lines() {
                let _ = lines.send(text);
            }
        });
        while line.recv().await.is_some() {
            end.send_replace(true);
            while server.connections() > 0 {
                events.next().await;
            }
            println!("empty");
        }
        Ok(())
    })
}

/// Starts it.
pub(crate) fn start() -> Result<Attacked, Error> {
    let mut process = Process::start(&["server"])?;
    let address = process.line()?.parse()?;
    let before = process.resident()?;
    Ok(Attacked {
        process,
        address,
        before,
    })
}

impl Attacked {
    /// The least memory within five seconds of the end of the last connection, in KiB.
    pub(crate) fn settled(mut self) -> Result<u64, Error> {
        self.process.ask("gone")?;
        let (gone, mut least) = (Instant::now(), u64::MAX);
        while gone.elapsed() < Duration::from_secs(5) {
            least = least.min(self.process.resident()?);
            if least <= self.before {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(least)
    }
}
