//! nats-server, spoken to by hand.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use crate::contenders::{CONTENT, KEY};

/// A server of its own, which ends with this.
pub(crate) struct Nats {
    child: Child,
    address: SocketAddr,
    config: PathBuf,
    publisher: TcpStream,
}

impl Nats {
    /// `MSG news 1 64`, the content, and the ends of the lines.
    pub(crate) const WIRE_LEN: usize = 15 + CONTENT + 2;
    /// The bytes of its question whether a client is there.
    pub(crate) const PING: u64 = 6;
    /// Messages that are written at once.
    const AT_ONCE: usize = 64;
    /// Messages that may be on their way: it disconnects subscribers that are far behind, and
    /// does not slow publishers down.
    const WINDOW: u64 = 2048;

    /// Starts one, if there is one to start.
    pub(crate) fn start() -> io::Result<Option<Self>> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = std::env::temp_dir().join(format!("netaio-fanout-{}.conf", address.port()));
        // It asks once whether clients are there, and then not for a while.
        fs::write(
            &config,
            format!("listen: \"{address}\"\nping_interval: \"1h\"\n"),
        )?;
        let mut command = Command::new("nats-server");
        command.arg("--config").arg(&config);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::remove_file(&config)?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut tries = 0;
        let publisher = loop {
            match connect(address) {
                Ok(stream) => break stream,
                Err(error) if tries > 1000 => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
            tries += 1;
        };
        Ok(Some(Self {
            child,
            address,
            config,
            publisher,
        }))
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Subscribes so many connections.
    pub(crate) fn subscribe(&self, subscribers: usize) -> io::Result<Vec<TcpStream>> {
        let mut streams = Vec::new();
        for _ in 0..subscribers {
            let mut stream = connect(self.address)?;
            stream.write_all(format!("SUB {KEY} 1\r\nPING\r\n").as_bytes())?;
            read_until(&mut stream, b"PONG\r\n")?;
            streams.push(stream);
        }
        Ok(streams)
    }

    /// Publishes until it is told to stop, never more than a window ahead of what was
    /// `delivered`, of which `before` were published earlier.
    pub(crate) fn publish(
        &self,
        before: u64,
        delivered: impl Fn() -> u64 + Send + 'static,
        stop: Arc<AtomicBool>,
        done: Sender<Result<u64, String>>,
    ) -> io::Result<()> {
        let mut publisher = self.publisher.try_clone()?;
        let message = format!("PUB {KEY} {CONTENT}\r\n{}\r\n", "x".repeat(CONTENT));
        let messages = message.repeat(Self::AT_ONCE);
        thread::spawn(move || {
            let mut published = 0;
            while !stop.load(Ordering::Acquire) {
                if before + published >= delivered() + Self::WINDOW {
                    thread::sleep(Duration::from_micros(50));
                    continue;
                }
                if let Err(error) = publisher.write_all(messages.as_bytes()) {
                    let _ = done.send(Err(error.to_string()));
                    return;
                }
                published += Self::AT_ONCE as u64;
            }
            let _ = done.send(Ok(published));
        });
        Ok(())
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.config);
    }
}

/// Connects, and says who it is.
fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    read_until(&mut stream, b"\r\n")?;
    stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\n")?;
    Ok(stream)
}

/// Reads until these bytes, and nothing behind them.
fn read_until(stream: &mut TcpStream, end: &[u8]) -> io::Result<()> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end) {
        stream.read_exact(&mut byte)?;
        text.push(byte[0]);
    }
    Ok(())
}
