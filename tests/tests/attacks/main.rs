//! What strangers can make a server hold: attacks on one in a process of its own, whose memory
//! `/proc` tells. The limits are the defaults, and so are the bounds that are asserted.
//!
//! ```sh
//! cargo test --release -p netaio-tests --test attacks                      # all of them
//! cargo test --release -p netaio-tests --test attacks -- small-news 9000   # so many connections
//! ```
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crowd;
mod frames;
mod held;
mod server;

use netaio_tests::process::Process;

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

/// A server under attack, and the memory that it had before.
struct Attacked {
    process: Process,
    address: std::net::SocketAddr,
    before: u64,
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
        ["server"] => server::serve(),
        // The flags of cargo's own harness.
        [] | ["--quiet" | "-q" | "--nocapture", ..] => {
            for (name, _) in ATTACKS {
                attack(name, 900)?;
            }
            Ok(())
        }
        [name, rest @ ..] => attack(name, count(rest.first())?),
    }
}

type Attack = fn(&Attacked, usize) -> Result<(), Error>;

const ATTACKS: &[(&str, (Attack, Bound))] = &[
    ("large-news", (held::large_news, OUTBOUND)),
    ("small-news", (held::small_news, OUTBOUND)),
    ("answers", (held::answers, OUTBOUND)),
    ("waiting", (held::waiting, INBOUND)),
    ("deferred", (held::deferred, INBOUND)),
    ("unfinished", (held::unfinished, INBOUND)),
];

fn attack(name: &str, count: usize) -> Result<(), Error> {
    let found = ATTACKS.iter().find(|(known, _)| *known == name);
    let (_, (run, bound)) = found.ok_or_else(|| format!("there is no attack {name:?}"))?;
    let attacked = server::start()?;
    run(&attacked, count)?;
    let before = attacked.before;
    let mebibytes = |kibibytes: u64| kibibytes.saturating_sub(before) / 1024;
    let peak = mebibytes(attacked.process.peak()?);
    let left = mebibytes(attacked.settled()?);
    println!(
        "{name}: {count} connections, {peak} MiB more at most (bound: {}), {left} MiB once they \
         have gone (bound: {})",
        bound.peak, bound.left
    );
    assert!(peak <= bound.peak, "{name}: {peak} MiB");
    assert!(left <= bound.left, "{name}: {left} MiB are left");
    Ok(())
}
