//! Two RPC frameworks for Rust beside ours, on tokio. Each has a server that gives an echo, in a
//! process of its own, and a client with one connection that all callers share. Limits that would
//! hold a thousand callers back are raised; all else is as they have it.

mod table;
mod tarpc;
mod tonic;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use netaio_tests::contest::{Result, Sockets};
use netaio_tests::process::Process;
use netaio_tokio::Tokio;

use super::client::measure;

pub(super) use table::Table;

/// The first argument of a process that serves.
const ROLE: &str = "serve-framework";

/// More than all callers: as many requests at once.
const MOST: usize = 1024;

/// A port of its own on the loopback interface.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// One of the frameworks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framework {
    Tarpc,
    Tonic,
}

/// A server of a framework.
pub(super) struct Server {
    address: SocketAddr,
    _process: Process,
}

impl Framework {
    pub(super) const ALL: [Self; 2] = [Self::Tarpc, Self::Tonic];

    const fn name(self) -> &'static str {
        match self {
            Self::Tarpc => "tarpc",
            Self::Tonic => "tonic",
        }
    }

    /// Starts its server, on the processors that this thread may run on.
    pub(super) fn start(self) -> Result<Server> {
        let mut process = Process::start(&[ROLE, self.name()])?;
        let address = process.line()?.parse()?;
        Ok(Server {
            address,
            _process: process,
        })
    }

    /// Lets so many callers ask its server, from within tokio.
    pub(super) async fn ask<R: Sockets>(
        self,
        server: SocketAddr,
        callers: usize,
        span: Duration,
    ) -> Result<(f64, f64)> {
        match self {
            Self::Tarpc => {
                let caller = tarpc::connect(server).await?;
                measure::<R, _>(vec![caller; callers], span)
            }
            Self::Tonic => {
                let caller = tonic::connect(server).await?;
                measure::<R, _>(vec![caller; callers], span)
            }
        }
    }
}

/// Serves, if the program was started for that, until its standard input ends. Returns whether it
/// did.
pub(super) fn serve_if_asked() -> Result<bool> {
    let mut arguments = std::env::args().skip(1);
    let (role, name) = (arguments.next(), arguments.next());
    if role.as_deref() != Some(ROLE) {
        return Ok(false);
    }
    let mut frameworks = Framework::ALL.into_iter();
    let framework = frameworks.find(|it| Some(it.name()) == name.as_deref());
    let framework = framework.ok_or("no framework of that name")?;
    Tokio::block_on(0, async {
        let address = match framework {
            Framework::Tarpc => tarpc::serve().await?,
            Framework::Tonic => tonic::serve()?,
        };
        println!("{address}");
        io::stdout().flush()?;
        io::copy(&mut io::stdin(), &mut io::sink())?;
        Ok(true)
    })?
}
