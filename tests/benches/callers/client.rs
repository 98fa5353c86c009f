//! The process of a runtime's clients, which does what the benchmark orders.

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netaio_driver::core::{Correlation, Limits};
use netaio_driver::{Client, Connection};
use netaio_tests::contest::{Question, Rate, Result, Sockets, Work, on, threads};
use netaio_tests::plain::FRAME;
use netaio_tests::process::{self, Process};

use super::Ask;
use super::floor::Floor;
#[cfg(feature = "rpc")]
use super::rpc::Framework;

/// The first argument of a process that asks.
const ROLE: &str = "call";

/// The content of a request of 64 bytes.
pub(super) static CONTENT: [u8; FRAME - 18] = [b'x'; FRAME - 18];

/// Clients in a process of their own.
pub(super) struct Clients {
    process: Process,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contender {
    /// The floor.
    Minimal,
    /// A `Client` whose requests have no ids.
    Fifo,
    /// A `Client` whose requests have ids.
    Correlated,
    /// The floor, which asks Redis.
    Redis,
    /// Another framework's client, on tokio only.
    #[cfg(feature = "rpc")]
    Framework(Framework),
}

impl Contender {
    const ALL: &[Self] = &[
        Self::Minimal,
        Self::Fifo,
        Self::Correlated,
        Self::Redis,
        #[cfg(feature = "rpc")]
        Self::Framework(Framework::Tarpc),
        #[cfg(feature = "rpc")]
        Self::Framework(Framework::Tonic),
    ];
}

impl Clients {
    /// Starts them, with so many threads.
    pub(super) fn start(runtime: &str, count: usize) -> io::Result<Self> {
        let arguments = [ROLE, runtime, &count.to_string()];
        let process = Process::start_with(&arguments, &threads(count))?;
        Ok(Self { process })
    }

    /// Lets so many callers ask a server.
    pub(super) fn ask(
        &mut self,
        contender: Contender,
        server: SocketAddr,
        callers: usize,
        span: Duration,
    ) -> Result<Rate> {
        let kind = Contender::ALL.iter().position(|it| *it == contender);
        let (kind, span) = (kind.unwrap_or_default(), span.as_millis());
        let said = self
            .process
            .ask(&format!("{kind} {server} {callers} {span}"))?;
        let (rate, time) = said.split_once(' ').ok_or("no answer")?;
        let per_second = rate.parse().map_err(|_| said.clone())?;
        Ok(Rate {
            per_second,
            processor: time.parse().ok(),
        })
    }
}

/// Obeys, if the program was started for that. Returns whether it did.
pub(super) fn obey_if_asked() -> Result<bool> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [ROLE, runtime, threads] = arguments[..] else {
        return Ok(false);
    };
    let threads = threads.parse()?;
    on(runtime, Obey { threads })??;
    Ok(true)
}

struct Obey {
    threads: usize,
}

impl Work for Obey {
    type Output = Result<()>;

    fn on<R: Sockets>(self) -> Result<()> {
        R::block_on(self.threads, async {
            // It blocks this thread, so that the others have all to do.
            for order in io::stdin().lock().lines() {
                match obey::<R>(&order?).await {
                    Ok((rate, time)) => println!("{rate} {time}"),
                    Err(error) => println!("error: {error}"),
                }
                io::stdout().flush()?;
            }
            Ok(())
        })?
    }
}

async fn obey<R: Sockets>(order: &str) -> Result<(f64, f64)> {
    let [kind, server, callers, span] = order.split(' ').collect::<Vec<_>>()[..] else {
        return Err("no order".into());
    };
    let contender = Contender::ALL.get(kind.parse::<usize>()?);
    let contender = *contender.ok_or("nobody of that number")?;
    let (server, callers) = (server.parse()?, callers.parse()?);
    let span = Duration::from_millis(span.parse()?);
    let question = match contender {
        Contender::Minimal => Question::netaio()?,
        Contender::Redis => Question::redis(),
        Contender::Fifo | Contender::Correlated => {
            let ids = contender == Contender::Correlated;
            let limits = Limits::default();
            let pending = limits.pending_requests().max(callers);
            let client = Client::<R>::builder()
                .limits(limits.with_pending_requests(pending)?)
                .correlation(Correlation::default().with_requests(ids))
                .build()?;
            let connection = client.connect(server).await?;
            let ours = (0..callers).map(|_| Ours(connection.clone()));
            return measure::<R, _>(ours.collect(), span);
        }
        #[cfg(feature = "rpc")]
        Contender::Framework(framework) => return framework.ask::<R>(server, callers, span).await,
    };
    let floor = Floor::connect::<R>(server, question).await?;
    measure::<R, _>((0..callers).map(|_| floor.caller()).collect(), span)
}

struct Ours(Connection);

impl Ask for Ours {
    async fn ask(&mut self) -> std::result::Result<(), String> {
        let request = self.0.request("echo").content(&CONTENT[..]);
        let answer = request.await.map_err(|error| error.to_string())?;
        let answer = answer.into_result().map_err(|error| error.to_string())?;
        match answer.content.len() == CONTENT.len() {
            true => Ok(()),
            false => Err("an answer to something else".to_owned()),
        }
    }
}

/// What callers share.
#[derive(Default)]
struct Tally {
    is_over: AtomicBool,
    error: Mutex<Option<String>>,
}

/// Answers a second, and nanoseconds of this process for each.
pub(super) fn measure<R: Sockets, A: Ask>(callers: Vec<A>, span: Duration) -> Result<(f64, f64)> {
    let tally = Arc::new(Tally::default());
    let (running, ended) = async_channel::bounded::<()>(1);
    // One for each caller: a common one would be fought for.
    let counts: Vec<_> = callers
        .iter()
        .map(|_| Arc::new(AtomicU64::new(0)))
        .collect();
    for (caller, count) in callers.into_iter().zip(&counts) {
        R::spawn(call(caller, count.clone(), tally.clone(), running.clone()));
    }
    drop(running);
    let now = || {
        let answered = counts.iter().map(|count| count.load(Ordering::Relaxed));
        (
            Instant::now(),
            answered.sum::<u64>(),
            process::busy("self").ok(),
        )
    };
    std::thread::sleep(span / 4);
    let before = now();
    std::thread::sleep(span);
    let after = now();
    tally.is_over.store(true, Ordering::Relaxed);
    // All of them have ended when it closes.
    let _ = ended.recv_blocking();
    if let Ok(mut error) = tally.error.lock()
        && let Some(error) = error.take()
    {
        return Err(error.into());
    }
    let answers = (after.1 - before.1) as f64;
    let time = after.2.zip(before.2).map(|(after, before)| after - before);
    let time = time.map_or(f64::NAN, |time| time.as_nanos() as f64 / answers);
    Ok((answers / (after.0 - before.0).as_secs_f64(), time))
}

async fn call(
    mut caller: impl Ask,
    count: Arc<AtomicU64>,
    tally: Arc<Tally>,
    running: async_channel::Sender<()>,
) {
    let mut answered = 0;
    while !tally.is_over.load(Ordering::Relaxed) {
        if let Err(error) = caller.ask().await {
            if let Ok(mut first) = tally.error.lock() {
                first.get_or_insert(error);
            }
            break;
        }
        answered += 1;
        count.store(answered, Ordering::Relaxed);
    }
    drop(running);
}
