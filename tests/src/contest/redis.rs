//! Redis, where it is installed.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Result;

/// A Redis without persistence, on a port of its own.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    /// Where it is.
    pub address: SocketAddr,
}

impl Redis {
    /// Starts it, if `redis-server` is on the PATH; else says on standard error that it is left out.
    #[must_use]
    pub fn start_or_say() -> Option<Self> {
        let started = Self::start().inspect_err(|error| {
            eprintln!("left out: Redis ({error}; redis-server has to be on the PATH)");
        });
        started.ok()
    }

    fn start() -> Result<Self> {
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let port = address.port().to_string();
        let child = Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--port",
                &port,
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .stdout(Stdio::null())
            .spawn()?;
        let mut redis = Self { child, address };
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            if redis.child.try_wait()?.is_some() || Instant::now() > patience {
                return Err("it does not come up".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(redis)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // One that is gone need not be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
