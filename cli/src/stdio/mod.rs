//! Standard input, output and error, whatever they are: pipes, files, terminals, slow,
//! non-blocking, full, or nobody's.
//!
//! Those that are closed when the command starts are `/dev/null`: the standard library opens it
//! in their place. For output that is as good; [`Input`] tells.

pub(crate) mod error;
mod input;
pub(crate) mod journal;
mod output;
mod poll;
mod printer;

pub(crate) use input::{Input, NoInput};
pub(crate) use output::Output;
pub(crate) use printer::Printer;
