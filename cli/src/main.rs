//! The `netaio` command.
//!
//! `netaio serve` serves resources from memory, `netaio request` and its kin ask
//! a server, `netaio bench` measures it, `netaio node` finds peers. `netaio decode` prints a stream of frames, a line each; `netaio
//! encode` makes frames of such lines. `netaio help` says the rest.
#![forbid(unsafe_code)]

mod address;
mod alternatives;
mod args;
mod asked;
mod bench;
mod capture;
mod codec;
mod colours;
mod context;
mod error;
mod examples;
mod exit;
mod feed;
mod identity;
mod json;
mod keygen;
mod lasting;
mod log;
mod meeting;
mod misplaced;
mod node;
mod output;
mod pages;
mod ping;
mod progress;
mod request;
mod reserved;
mod runtime;
mod secret;
mod serve;
mod signals;
mod stdio;
mod store;
mod subscribe;
mod systemd;
mod tally;
mod text;
mod tls;
#[cfg(feature = "top")]
mod top;
mod udp;
mod units;
mod watch;

use std::io::Write;
use std::process::ExitCode;

use clap::FromArgMatches;
use netaio_core::{MessageType, Printable};

use args::{Args, Command};
use error::CliError;
use stdio::error::{fail, flush};

fn main() -> ExitCode {
    let parsed = examples::command().try_get_matches();
    let result = match parsed.and_then(|matches| Args::from_arg_matches(&matches)) {
        Ok(args) => {
            log::start(args.verbose);
            run(args.command)
        }
        Err(error) if error.use_stderr() => {
            let line = std::env::args_os().skip(1);
            let words = line.map(|word| word.to_string_lossy().into_owned());
            let error = misplaced::with_tip(error, words);
            fail(error.render().to_string().trim_end());
            flush();
            return ExitCode::from(exit::USAGE);
        }
        // Help, or the version.
        Err(text) => write!(stdio::Output, "{}", text.render()).map_err(CliError::Output),
    };
    let status = match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has closed it.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            fail(format_args!(
                "netaio: {}",
                Printable::new(&error).with_max(4096)
            ));
            if let Some(advice) = error.advice() {
                fail(format_args!("        {advice}"));
            }
            error.exit_code()
        }
    };
    flush();
    status
}

fn run(mut command: Command) -> Result<(), CliError> {
    command.resolve()?;
    let key = command.public_key();
    run_resolved(command).map_err(|error| error.of_client(key))
}

fn run_resolved(command: Command) -> Result<(), CliError> {
    match command {
        Command::Serve(options) => serve::serve(options),
        Command::Store(command) => store::store(command),
        Command::Request(options) => request::request(MessageType::REQUEST_URI, options),
        Command::Create(options) => request::request(MessageType::CREATE_URI, options),
        Command::Update(options) => request::request(MessageType::UPDATE_URI, options),
        Command::Delete(options) => request::request(MessageType::DELETE_URI, options),
        Command::Publish(options) => request::request(MessageType::PUBLISH_URI, options),
        Command::Subscribe(options) => subscribe::subscribe(options),
        Command::Watch(options) => watch::watch(options),
        Command::Ping(options) => ping::ping(options),
        #[cfg(feature = "top")]
        Command::Top(options) => top::top(options),
        Command::Node(options) => node::node(options),
        Command::Bench(options) => bench::bench(options),
        Command::Decode(options) => codec::decode(&options),
        Command::Encode(options) => codec::encode(&options),
        Command::Context(options) => context::context(&options.what),
        Command::Keygen(options) => keygen::keygen(&options),
        Command::Completions(options) => pages::completions(options.shell),
        Command::Man(options) => pages::man(&options.directory),
    }
}
