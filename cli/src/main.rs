//! The `netaio` command.
//!
//! `netaio serve` serves resources from memory, `netaio request` and its kin ask
//! a server, `netaio node` finds peers. `netaio decode` prints a stream of frames, a line each; `netaio
//! encode` makes frames of such lines. `netaio help` says the rest.
#![forbid(unsafe_code)]

mod args;
mod asked;
mod codec;
mod error;
mod node;
mod output;
mod request;
mod runtime;
mod serve;
mod signals;
mod subscribe;
mod tally;
mod udp;

use std::process::ExitCode;

use clap::Parser;
use netaio_core::MessageType;
use tracing::Level;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    log(args.verbose);
    let result = match args.command {
        Command::Serve(options) => serve::serve(options),
        Command::Request(options) => request::request(MessageType::REQUEST_URI, options),
        Command::Create(options) => request::request(MessageType::CREATE_URI, options),
        Command::Update(options) => request::request(MessageType::UPDATE_URI, options),
        Command::Delete(options) => request::request(MessageType::DELETE_URI, options),
        Command::Publish(options) => request::request(MessageType::PUBLISH_URI, options),
        Command::Subscribe(options) => subscribe::subscribe(options),
        Command::Node(options) => node::node(options),
        Command::Decode(options) => codec::decode(&options),
        Command::Encode(options) => codec::encode(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has closed it.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("netaio: {error}");
            if let Some(advice) = error.advice() {
                eprintln!("        {advice}");
            }
            error.exit_code()
        }
    }
}

/// Sends the drivers' log to standard error.
fn log(verbose: u8) {
    let level = match verbose {
        0 => Level::WARN,
        1 => Level::INFO,
        _ => Level::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}
