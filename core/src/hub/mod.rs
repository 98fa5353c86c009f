//! A node and its links behind one `poll`, for loops with one thread.

mod datagrams;
mod delivery;
mod node_commands;
mod output;
#[cfg(feature = "std")]
mod std_io;
mod streams;
#[cfg(test)]
mod tests;

pub use self::datagrams::DatagramHub;
pub use self::output::{DatagramHubEvent, DatagramOutput, HubEvent, Output};
pub use self::streams::Hub;
