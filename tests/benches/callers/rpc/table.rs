//! Ours and the frameworks in turns: a whole client and a whole server each.

use std::net::SocketAddr;
use std::time::Duration;

use netaio_tests::contest::{Result, Servers, round};

use super::{Framework, Server};
use crate::client::{Clients, Contender};
use crate::row::Row;
use crate::{CALLERS, RuntimeClients};

/// Ours without and with ids beside tarpc and tonic, which follow.
const PAIRS: &[(usize, usize)] = &[(0, 2), (1, 2), (0, 3), (1, 3)];

/// All servers, on tokio's executor for one thread.
pub(crate) struct Table {
    ours: Servers,
    tarpc: Server,
    tonic: Server,
}

impl Table {
    /// Starts them, on the processors that this thread may run on.
    pub(crate) fn start() -> Result<Self> {
        Ok(Self {
            ours: Servers::start("tokio", 0)?,
            tarpc: Framework::Tarpc.start()?,
            tonic: Framework::Tonic.start()?,
        })
    }

    /// Prints what clients reach, of each number of threads. Those with one thread are measured on
    /// tokio's executor for one, too: on the other one tarpc's connection has its turn after each
    /// caller that asks, and writes hardly more than one request at a time.
    pub(crate) fn print(
        &self,
        clients: Vec<(u64, RuntimeClients)>,
        rounds: usize,
        span: Duration,
    ) -> Result<()> {
        println!(
            "\n| tokio, callers | FIFO/s | correlated/s | tarpc/s | tonic/s | FIFO of tarpc | \
             correlated of tarpc | FIFO of tonic | correlated of tonic | ns of the client's \
             processor: FIFO, correlated, tarpc, tonic |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        );
        for (threads, clients) in clients {
            if threads == 1 {
                let clients = Clients::start("tokio", 0)?;
                self.print_rows("`current_thread`", clients, rounds, span)?;
            }
            for (_, clients) in clients.into_iter().filter(|(name, _)| *name == "tokio") {
                let name = format!("`multi_thread` of {threads}");
                self.print_rows(&name, clients, rounds, span)?;
            }
        }
        Ok(())
    }

    fn print_rows(
        &self,
        name: &str,
        mut clients: Clients,
        rounds: usize,
        span: Duration,
    ) -> Result<()> {
        let contenders = self.contenders()?;
        for callers in CALLERS {
            let row = Row::measure(rounds, PAIRS, || {
                round(contenders.len(), span, |at, span| {
                    let (contender, server) = contenders[at];
                    clients.ask(contender, server, callers, span)
                })
            })?;
            let cells = row.cells(contenders.len(), &[0, 1, 2, 3]);
            println!("| {name}, {callers} {cells}");
        }
        Ok(())
    }

    /// Who takes turns, and whom it asks.
    fn contenders(&self) -> Result<[(Contender, SocketAddr); 4]> {
        let ours = self.ours.address("ours")?;
        Ok([
            (Contender::Fifo, ours),
            (Contender::Correlated, ours),
            (Contender::Framework(Framework::Tarpc), self.tarpc.address),
            (Contender::Framework(Framework::Tonic), self.tonic.address),
        ])
    }
}
