//! The process of a runtime's servers.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use netaio_core::types::REQUEST_URI;
use netaio_driver::{Content, Handler, Server};
use sha2::{Digest, Sha256};

use super::{ROOM, Result, Sockets, Work, bare, minimal, on, threads};
use crate::process::Process;

/// The first argument of a process that serves.
const ROLE: &str = "serve-contenders";

/// What a busy handler hashes for each message: some 10 microseconds.
const HASHED: [u8; 16 * 1024] = [1; 16 * 1024];

/// All servers of a runtime, in a process of their own.
#[derive(Debug)]
pub struct Servers {
    process: Process,
    addresses: BTreeMap<String, SocketAddr>,
}

impl Servers {
    /// Starts them, with so many threads, on the processors that this thread may run on. The
    /// program's `main` has to [serve](serve_if_asked) then.
    ///
    /// # Errors
    /// They do not come up.
    pub fn start(runtime: &str, count: usize) -> Result<Self> {
        let arguments = [ROLE, runtime, &count.to_string()];
        let mut process = Process::start_with(&arguments, &threads(count))?;
        let line = process.line()?;
        let mut words = line.split(' ');
        let mut addresses = BTreeMap::new();
        while let (Some(name), Some(address)) = (words.next(), words.next()) {
            addresses.insert(name.to_owned(), address.parse()?);
        }
        Ok(Self { process, addresses })
    }

    /// Where one of them is: `bare`, `minimal` and `ours` give an echo, `minimal-busy` and
    /// `ours-busy` with some 10 microseconds of work for each message; `idle` is as `bare`, with a
    /// buffer of 128 bytes.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn address(&self, name: &str) -> io::Result<SocketAddr> {
        let address = self.addresses.get(name).copied();
        address.ok_or_else(|| io::Error::other(format!("nobody serves {name}")))
    }

    /// How long its threads have run, where the system says so.
    #[must_use]
    pub fn busy(&self) -> Option<Duration> {
        self.process.busy().ok()
    }

    /// Their process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// Serves, if the program was started for that, until its standard input ends. To be called first
/// by programs that start [`Servers`]. Returns whether it did.
///
/// # Errors
/// They cannot be started.
pub fn serve_if_asked() -> Result<bool> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [ROLE, runtime, threads] = arguments[..] else {
        return Ok(false);
    };
    let threads = threads.parse()?;
    on(runtime, Serve { threads })??;
    Ok(true)
}

struct Serve {
    threads: usize,
}

impl Work for Serve {
    type Output = Result<()>;

    fn on<R: Sockets>(self) -> Result<()> {
        R::block_on(self.threads, async {
            let ours = echo::<R, _>(|content: Content| async move { content }).await?;
            let ours_busy = echo::<R, _>(|content: Content| async move {
                work(&content);
                content
            });
            let ours_busy = ours_busy.await?;
            let addresses = [
                ("bare", listen::<R, _>(|socket| bare(socket, ROOM)).await?),
                (
                    "minimal",
                    listen::<R, _>(|socket| minimal(socket, |_| ())).await?,
                ),
                (
                    "minimal-busy",
                    listen::<R, _>(|socket| minimal(socket, work)).await?,
                ),
                ("idle", listen::<R, _>(|socket| bare(socket, 128)).await?),
                ("ours", ours.local_addr()),
                ("ours-busy", ours_busy.local_addr()),
            ];
            let words = addresses.map(|(name, address)| format!("{name} {address}"));
            println!("{}", words.join(" "));
            io::stdout().flush()?;
            // It blocks this thread, so that the others have all to do.
            io::copy(&mut io::stdin(), &mut io::sink())?;
            Ok(())
        })?
    }
}

async fn echo<R: Sockets, M: 'static>(handler: impl Handler<M>) -> Result<Server<R>> {
    let server = Server::<R>::builder().on((REQUEST_URI, "echo"), handler);
    Ok(server.bind("127.0.0.1:0").await?)
}

/// What busy handlers do.
fn work(_: &[u8]) {
    black_box(Sha256::digest(black_box(&HASHED)));
}

/// Listens, and serves each connection with `serve`.
async fn listen<R: Sockets, F>(serve: fn(R::Socket) -> F) -> io::Result<SocketAddr>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let (bound, address) = R::bind().await?;
    R::spawn(async move {
        while let Ok(socket) = R::take(&bound).await {
            R::spawn(async move {
                // Whoever asked sees the connection end.
                let _ = serve(socket).await;
            });
        }
    });
    Ok(address)
}
