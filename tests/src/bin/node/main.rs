//! A UDP node of ours that does what a test says: the twin of
//! `tests/python/node.py`.
//!
//! It prints `bound HOST PORT`, then answers each order, a line of JSON, by
//! another. It ends with its standard input.

mod obey;
mod options;

use std::error::Error;
use std::io::{self, BufRead, Write};

use netaio_tests::puppet::{Order, Said};

use self::obey::Obedient;
use self::options::Options;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build()?;
    let mut node = runtime.block_on(Obedient::start(&options))?;
    let bound = node.local_addr();
    say(&format!("bound {} {}", bound.ip(), bound.port()))?;
    for line in io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&line?)?;
        let said = runtime.block_on(node.obey(&order));
        let said = said.unwrap_or_else(|error| Said {
            error: Some(error.to_string()),
            ..Said::default()
        });
        say(&serde_json::to_string(&said)?)?;
        if order.op == "close" {
            break;
        }
    }
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}
