//! What strangers can make a server hold: attacks on one in a process of its own, whose memory
//! `/proc` tells. The limits are the defaults, and so are the bounds that are asserted. Times
//! alone are shorter, where an attack waits for them.
//!
//! Each limit there is names the attacks that press on it, so that one more limit is one more
//! attack.
//!
//! ```sh
//! cargo test --release -p netaio-tests --test attacks                      # all of them
//! cargo test --release -p netaio-tests --test attacks -- small-news 9000   # so many connections
//! ```
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crowd;
mod datagrams;
mod frames;
mod held;
mod parts;
mod server;
mod walk;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;

use netaio_tests::process::Process;
use netaio_tokio::types::REQUEST_URI;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What an attack may cost, in MiB.
struct Bound {
    /// While it goes on.
    peak: u64,
    /// Once all attackers have gone.
    left: u64,
}

/// All queues of what is to be written together, and an eighth.
const OUTBOUND: Bound = Bound {
    peak: 288,
    left: 64,
};

/// All that is received and not answered, and an eighth.
const INBOUND: Bound = Bound { peak: 72, left: 64 };

/// All that is received, contents that are longer than a frame included, and an eighth: half of it may be
/// such contents, which stay when their askers go.
const LONG: Bound = Bound { peak: 72, left: 36 };

/// All subscriptions with their keys, and an eighth.
const KEYS: Bound = Bound { peak: 36, left: 36 };

/// The same, and a UDP node's queue and lists of receivers.
const FAN_OUT: Bound = Bound {
    peak: 108,
    left: 54,
};

/// All peers with their ids and data, and an eighth.
const PEERS: Bound = Bound { peak: 72, left: 72 };

/// What takes no memory but that of connections, or of tables of addresses.
const LITTLE: Bound = Bound { peak: 36, left: 36 };

/// A server under attack, and the memory that it had before.
struct Attacked {
    process: Mutex<Process>,
    /// Its address for TCP.
    address: SocketAddr,
    /// And for UDP.
    node: SocketAddr,
    before: u64,
}

impl Attacked {
    /// Has the server do something, and waits until it is done.
    fn ask(&self, what: &str) -> Result<(), Error> {
        let mut process = self.process.lock().map_err(|_| "another thread failed")?;
        process.ask(what)?;
        Ok(())
    }

    /// Somebody else asks, and is answered.
    fn answered(&self) -> Result<(), Error> {
        let mut stream = TcpStream::connect(self.address)?;
        let ask = frames::frame(REQUEST_URI, "echo", 100)?;
        stream.write_all(&ask)?;
        stream.read_exact(&mut vec![0; ask.len()])?;
        Ok(())
    }
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let count = |text: Option<&&str>| text.map_or(Ok(900), |text| text.parse::<usize>());
    if cfg!(not(target_os = "linux")) {
        println!("SKIPPED: memory is read from /proc");
        return Ok(());
    }
    match arguments.as_slice() {
        ["server", times] => server::serve(times),
        // The flags of cargo's own harness.
        [] | ["--quiet" | "-q" | "--nocapture", ..] => {
            walk::check(ATTACKS.iter().map(|(name, _)| *name));
            all(900)
        }
        [name, rest @ ..] => attack(name, count(rest.first())?),
    }
}

type Attack = fn(&Attacked, usize) -> Result<(), Error>;

const ATTACKS: &[(&str, (Attack, Bound))] = &[
    ("large-news", (held::large_news, OUTBOUND)),
    ("small-news", (held::small_news, OUTBOUND)),
    ("one-slow", (held::one_slow, held::ONE_QUEUE)),
    ("answers", (held::answers, OUTBOUND)),
    ("waiting", (held::waiting, INBOUND)),
    ("deferred", (held::deferred, INBOUND)),
    ("unfinished", (held::unfinished, INBOUND)),
    ("long-contents", (held::long_contents, LONG)),
    ("sections", (parts::sections, INBOUND)),
    ("failures", (parts::failures, LITTLE)),
    ("silent", (parts::silent, LITTLE)),
    ("pipelined", (parts::pipelined, LITTLE)),
    ("keys", (parts::keys, KEYS)),
    ("asked", (parts::asked, LITTLE)),
    ("times", (parts::times, OUTBOUND)),
    ("stop", (parts::stop, OUTBOUND)),
    ("subscribers", (datagrams::subscribers, FAN_OUT)),
    ("peers", (datagrams::peers, PEERS)),
    ("questions", (datagrams::questions, LITTLE)),
];

/// All attacks, some at the same time: each waits for its server as much as it works.
fn all(count: usize) -> Result<(), Error> {
    let left = Mutex::new(ATTACKS.iter());
    let next = || left.lock().map_or(None, |mut left| left.next());
    std::thread::scope(|scope| {
        let workers = [(); 4].map(|()| {
            scope.spawn(|| {
                while let Some((name, _)) = next() {
                    attack(name, count).map_err(|error| format!("{name}: {error}"))?;
                }
                Ok::<_, Error>(())
            })
        });
        for worker in workers {
            worker.join().map_err(|_| "an attack went too far")??;
        }
        Ok(())
    })
}

fn attack(name: &str, count: usize) -> Result<(), Error> {
    let found = ATTACKS.iter().find(|(known, _)| *known == name);
    let (_, (run, bound)) = found.ok_or_else(|| format!("there is no attack {name:?}"))?;
    let attacked = server::start(if walk::waits(name) { "short" } else { "usual" })?;
    run(&attacked, count)?;
    let before = attacked.before;
    let mebibytes = |kibibytes: u64| kibibytes.saturating_sub(before) / 1024;
    let (peak, left) = attacked.settled()?;
    let (peak, left) = (mebibytes(peak), mebibytes(left));
    println!(
        "{name}: {count} connections, {peak} MiB more at most (bound: {}), {left} MiB once they \
         have gone (bound: {})",
        bound.peak, bound.left
    );
    assert!(peak <= bound.peak, "{name}: {peak} MiB");
    assert!(left <= bound.left, "{name}: {left} MiB are left");
    Ok(())
}
