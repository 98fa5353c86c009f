//! The `netaio` command.
//!
//! `netaio decode` prints a stream of frames, a line each; `netaio encode`
//! makes frames of such lines. `netaio help` says the rest.

mod args;
mod codec;
mod error;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.command {
        Command::Decode(options) => codec::decode(options),
        Command::Encode(options) => codec::encode(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("netaio: {error}");
            error.exit_code()
        }
    }
}
