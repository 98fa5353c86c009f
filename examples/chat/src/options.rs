//! What the program is told when it is started.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Parser;
use netaio_tokio::config::Interface;

use crate::Failure;
use crate::chat::Place;
use crate::name::Name;

const EXAMPLES: &str = "\
Examples:
  netaio-chat --name alice
        everybody in the local network who runs it is found
  netaio-chat --name alice --address 127.0.0.1
  netaio-chat --name bob --address 127.0.0.2
        two on one machine, each with an address of its own
  (sleep 5; echo dinner is ready) | netaio-chat --name kitchen
        without a terminal: lines in, lines out";

/// An end-to-end encrypted chat: whoever runs it in the local network is found, and each message is
/// sealed for its receiver.
#[derive(Debug, Parser)]
#[command(name = "netaio-chat", version, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// What others call you
    #[arg(long)]
    pub(crate) name: Name,
    /// The UDP port, the same for all
    #[arg(long, default_value_t = 8786)]
    port: u16,
    /// The multicast group where all meet
    #[arg(long, default_value = "239.255.77.78", value_name = "IP")]
    group: IpAddr,
    /// The address to be at; all of this machine unless given
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// The network interface: its name, its number or its address; the system's choice unless given
    #[arg(long)]
    interface: Option<String>,
    /// The file with your secret key, made if there is none; the keys of others are in another one,
    /// with `.peers` behind the name [default: ~/.netaio-chat/NAME]
    #[arg(long, value_name = "PATH")]
    key_file: Option<PathBuf>,
}

impl Options {
    pub(crate) fn place(&self) -> Place {
        Place {
            address: self.address,
            port: self.port,
            group: self.group,
            interface: self.interface.as_deref().map(Interface::from),
        }
    }

    /// # Errors
    /// There is none, and no home.
    pub(crate) fn key_file(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.key_file {
            return Ok(path.clone());
        }
        let home = std::env::home_dir();
        let home = home.ok_or("there is no home directory: say --key-file PATH")?;
        Ok(home.join(".netaio-chat").join(self.name.as_str()))
    }
}
