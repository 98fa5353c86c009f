//! What the core alone costs a message: instructions, allocations and time, with no socket,
//! runtime or thread around it.
//!
//!     cargo bench -p netaio-core --bench cost [-- --hold] [WORK..]
//!
//! Instructions are counted by valgrind's callgrind, where it is installed: the same for the
//! same compiler, whatever else the machine does. With `--hold`, more instructions or
//! allocations than [`Work::max`] says are an error; time never is one.
#![allow(clippy::unwrap_used, reason = "what fails here fails as a whole")]

mod datagrams;
mod given;
mod work;

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use self::given::Turn;
use self::work::Work;

/// Messages of a turn.
const TURN: usize = 64;

/// Turns that are not counted: buffers have grown by then.
const WARM: usize = 20;

/// The argument with which this program starts itself under valgrind.
const COUNTED: &str = "--counted-turns";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let hold = arguments.iter().any(|argument| argument == "--hold");
    let turns = arguments
        .iter()
        .position(|argument| argument == COUNTED)
        .and_then(|at| arguments.get(at + 1)?.parse::<usize>().ok());
    let named = |work: &Work| arguments.iter().any(|argument| argument == work.name);
    let all = Work::ALL.iter().any(named);
    let chosen = Work::ALL.iter().filter(|work| !all || named(work));
    if let Some(turns) = turns {
        chosen.for_each(|work| repeat(&mut (work.make)(), WARM + turns));
        return ExitCode::SUCCESS;
    }
    println!(
        "{:<26} {:>20} {:>19} {:>6}",
        "a message", "instructions (max)", "allocations (max)", "ns"
    );
    let mut failed = false;
    let mut counted = true;
    for work in chosen {
        let instructions = instructions(work);
        let allocations = allocations(work);
        counted &= instructions.is_some();
        let shown = instructions.map_or("-".into(), |count| format!("{count:.0}"));
        println!(
            "{:<26} {:>20} {:>19} {:>6.0}",
            work.name,
            format!("{shown} ({})", work.max.instructions),
            format!("{allocations:.2} ({})", work.max.allocations),
            nanoseconds(work),
        );
        failed |= instructions.is_some_and(|count| count > work.max.instructions as f64);
        failed |= allocations > work.max.allocations;
    }
    if !counted {
        println!("SKIPPED: instructions are counted where valgrind is installed");
    }
    match failed {
        true => println!("more than may be"),
        false => println!("no more than may be"),
    }
    match failed && hold {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

fn repeat(turn: &mut Turn, times: usize) {
    (0..times).for_each(|_| turn());
}

/// Instructions of a message: those of twice as many turns less those of as many.
fn instructions(work: &Work) -> Option<f64> {
    const TURNS: usize = 100;
    let few = instructions_of(work, TURNS)?;
    let more = instructions_of(work, 2 * TURNS)?;
    Some((more - few) / (TURNS * TURN) as f64)
}

fn instructions_of(work: &Work, turns: usize) -> Option<f64> {
    let program = std::env::current_exe().unwrap();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([work.name, COUNTED, &turns.to_string()])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let (_, count) = said.rsplit_once("Collected : ")?;
    count.split_whitespace().next()?.parse().ok()
}

/// Allocations of a message, once all buffers have grown.
fn allocations(work: &Work) -> f64 {
    const TURNS: usize = 100;
    let mut turn = (work.make)();
    repeat(&mut turn, WARM);
    let counted = allocation_counter::measure(|| repeat(&mut turn, TURNS));
    counted.count_total as f64 / (TURNS * TURN) as f64
}

/// The least time of a message in some rounds, in nanoseconds.
fn nanoseconds(work: &Work) -> f64 {
    const TURNS: usize = 500;
    let mut turn = (work.make)();
    repeat(&mut turn, WARM);
    let round = |_| {
        let begun = Instant::now();
        repeat(&mut turn, TURNS);
        begun.elapsed().as_nanos() as f64 / (TURNS * TURN) as f64
    };
    (0..20).map(round).fold(f64::INFINITY, f64::min)
}
