//! `netaio bench`.

mod fanout;
mod files;
mod load;
mod pace;
mod prepare;
mod progress;
mod report;
mod resource;
mod text;
mod totals;
mod window;

use std::convert::Infallible;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_channel::Receiver;
use netaio_driver::Runtime;
use smol::future;

use self::fanout::{Publish, Subscribers};
use self::load::{Echo, Load, Server};
use self::pace::Pace;
use self::prepare::Prepared;
use self::progress::Measuring;
use self::report::{Deliveries, Report, Setup};
use self::totals::{Sums, Totals};
use self::window::Window;
use crate::args::{Asking, Bench, RuntimeName};
use crate::error::CliError;
use crate::runtime::{Work, block_on};
use crate::signals::Stop;
use crate::stdio::Printer;

/// How often progress is shown.
const SHOWN: Duration = Duration::from_millis(100);

/// The time that the last answers have after a signal, and that leaving takes at most.
const LEAVE: Duration = Duration::from_secs(1);

/// Measures a server.
pub(crate) fn bench(options: Bench) -> Result<(), CliError> {
    options.check().map_err(CliError::Usage)?;
    files::allow(&options)?;
    let stop = Stop::on_signals()?;
    let printer = Printer::start()?;
    let runtime = options.server.runtime.runtime;
    let benching = Benching {
        // Until the end of the process.
        content: vec![b'x'; options.size.into()].leak(),
        options,
        stop,
        printer,
    };
    block_on(runtime, benching).map_err(CliError::Start)?
}

struct Benching {
    options: Bench,
    stop: Stop,
    printer: Printer,
    /// Of each request.
    content: &'static [u8],
}

/// How the callers have ended.
enum End {
    /// By themselves.
    Done,
    /// A signal came.
    Stopped,
}

impl Work for Benching {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(mut self) -> Self::Output {
        let own = prepare::serve::<R>(&mut self.options).await?;
        let unread = async { Err(self.printer.failed().await) };
        let progress = progress::connecting(self.options.all_connections());
        let connect = Prepared::connect(own, &self.options, self.content, &progress);
        let prepare = future::or(unread, connect);
        let prepared = self.stop.or(prepare).await;
        crate::progress::clear(&progress);
        let Some(prepared) = prepared.transpose()? else {
            return Ok(());
        };
        let result = self.measure(&prepared).await;
        future::or(prepared.close(), R::sleep_until(Instant::now() + LEAVE)).await;
        result
    }
}

impl Benching {
    /// Requests to be given back what they bring.
    fn echo(&self, server: Server) -> Echo {
        let content = self.content;
        Echo { server, content }
    }

    /// Measures, and reports.
    async fn measure<R: Runtime>(&self, prepared: &Prepared<R>) -> Result<(), CliError> {
        let options = &self.options;
        let totals = Arc::new(Totals::new()?);
        let window = Arc::new(Window::begin(options.secs));
        let callers = u64::from(options.connections).saturating_mul(options.in_flight.into());
        let pace = match options.rate {
            Some(rate) => Some(Pace::start(rate, callers, window.clone())?),
            None => None,
        };
        let load = Load {
            window: window.clone(),
            totals: totals.clone(),
            tickets: pace.as_ref().map(|pace| pace.tickets.clone()),
        };
        let told = Arc::new(AtomicU64::new(0));
        let delivered = Arc::new(Totals::new()?);
        let timeout = options.server.timeout;
        let servers = prepared.connections.iter();
        let servers = servers.map(|asked| Server::of(asked, timeout));
        let ended = match &prepared.subscribers {
            None if options.ask != Asking::Echo => {
                load.start::<R>(&prepared.resources, options.in_flight)
            }
            None => {
                let echo = servers.map(|server| self.echo(server));
                load.start::<R>(&echo.collect::<Vec<_>>(), options.in_flight)
            }
            Some(subscribers) => {
                subscribers.measure(&window, &delivered);
                let publish = servers.map(|server| Publish {
                    server,
                    uri: prepared.uri.clone(),
                    size: options.size.into(),
                    window: window.clone(),
                    told: told.clone(),
                });
                load.start::<R>(&publish.collect::<Vec<_>>(), options.in_flight)
            }
        };
        let watched = match &prepared.subscribers {
            None => &totals,
            Some(_) => &delivered,
        };
        let progress = Measuring::new(&window, watched);
        let mut end = self.watch::<R>(&window, &progress, &ended).await?;
        // Nobody is left who asks.
        let lost = matches!(end, End::Done) && Instant::now() < window.end();
        window.close();
        if matches!(end, End::Stopped) {
            let late = R::sleep_until(Instant::now() + LEAVE);
            let last = async {
                let _closed = ended.recv().await;
            };
            future::or(last, late).await;
        }
        let mut fanout = None;
        if let Some(subscribers) = &prepared.subscribers {
            let told = told.load(Ordering::Relaxed);
            if !self.wait_for(subscribers, told, &end).await {
                end = End::Stopped;
            }
            subscribers.finish(&delivered);
            fanout = Some(Deliveries {
                lost: told.saturating_sub(subscribers.delivered()),
                sums: take(&delivered)?,
            });
        }
        progress.clear();
        let is_stopped = matches!(end, End::Stopped);
        let mut report = Report {
            setup: self.setup(prepared.subscribers.as_ref().map(Subscribers::len)),
            time: window.measured(),
            ended_early: lost || is_stopped,
            requests: take(&totals)?,
            not_begun: pace.map(|pace| pace.not_begun()),
            fanout,
        };
        self.print(&report, is_stopped).await?;
        match report.requests.error.take() {
            Some(error) if lost || (report.requests.latency.is_empty() && !is_stopped) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Shows progress until the callers have ended, or a signal came.
    ///
    /// # Errors
    /// Nobody reads the output any more.
    async fn watch<R: Runtime>(
        &self,
        window: &Window,
        progress: &Measuring,
        ended: &Receiver<Infallible>,
    ) -> Result<End, CliError> {
        let mut is_warm = false;
        loop {
            let done = async {
                let _closed = ended.recv().await;
                Ok(Some(End::Done))
            };
            let stopped = async {
                self.stop.requested().await;
                Ok(Some(End::Stopped))
            };
            let unread = async { Err(self.printer.failed().await) };
            let later = async {
                R::sleep_until(Instant::now() + SHOWN).await;
                Ok(None)
            };
            let event = future::or(future::or(done, stopped), future::or(unread, later));
            match event.await? {
                Some(end) => return Ok(end),
                None => progress.show(),
            }
            if !is_warm && Instant::now() >= window.start() {
                is_warm = true;
                tracing::info!(server = self.options.server.address, "measuring");
            }
        }
    }

    /// Waits for what the server has told of, as long as for an answer. Returns whether no
    /// signal came meanwhile.
    async fn wait_for<R: Runtime>(
        &self,
        subscribers: &Subscribers<R>,
        told: u64,
        end: &End,
    ) -> bool {
        let timeout = match end {
            End::Done => self.options.server.timeout,
            End::Stopped => LEAVE.min(self.options.server.timeout),
        };
        let until = Instant::now().checked_add(timeout);
        let late = async {
            match until {
                Some(until) => R::sleep_until(until).await,
                None => future::pending().await,
            }
        };
        let all = future::or(subscribers.all_delivered(told), late);
        match end {
            End::Done => self.stop.or(all).await.is_some(),
            End::Stopped => {
                all.await;
                true
            }
        }
    }

    fn setup(&self, subscribers: Option<usize>) -> Setup {
        let options = &self.options;
        Setup {
            server: options.server.address.clone(),
            own: options.own,
            transport: if options.server.udp { "udp" } else { "tcp" },
            runtime: match options.server.runtime.runtime {
                RuntimeName::Tokio => "tokio",
                RuntimeName::Smol => "smol",
                RuntimeName::AsyncStd => "async-std",
            },
            x25519: options.server.identity.own().is_some(),
            asking: options.ask.name(),
            connections: options.connections,
            in_flight: options.in_flight,
            subscribers,
            size: options.size,
            rate: options.rate,
        }
    }

    /// Prints the report. A signal ends that where none has come yet; else a second one ends the
    /// command anyway.
    async fn print(&self, report: &Report, is_stopped: bool) -> Result<(), CliError> {
        let text = match self.options.json {
            true => report.json().map_err(CliError::Output)?,
            false => report.text(),
        };
        let print = async {
            self.printer.print(text.into_bytes()).await?;
            self.printer.finish().await
        };
        match is_stopped {
            true => print.await,
            false => self.stop.or(print).await.unwrap_or(Ok(())),
        }
    }
}

/// The sums until now.
fn take(totals: &Totals) -> Result<Sums, CliError> {
    Ok(mem::replace(&mut *totals.lock(), Sums::new()?))
}
