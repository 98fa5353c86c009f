//! UDP nodes as programs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::process::Command;

use super::{Identity, Puppet};
use crate::python::{PATIENCE, Result, Script, ServerOptions};

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Its layers.
    pub layers: ServerOptions,
    /// Where it is bound.
    pub address: IpAddr,
    /// Its port; 0 is a free one.
    pub port: u16,
    /// The groups that it joins, unless it does without; the package's has no
    /// more than one.
    pub groups: Vec<IpAddr>,
    /// Where the groups are joined, where that is not the address's interface;
    /// the package's node knows no such thing.
    pub interface: Option<&'static str>,
    /// Who it is; it has no peers without.
    pub identity: Option<Identity>,
    /// The port that the package's node sends to, over the loopback interface,
    /// where others are in the group.
    pub multicast_port: Option<u16>,
}

impl Default for NodeOptions {
    /// A node without layers at a free port of the loopback interface.
    fn default() -> Self {
        Self {
            layers: ServerOptions::default(),
            address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            groups: Vec::new(),
            interface: None,
            identity: None,
            multicast_port: None,
        }
    }
}

impl NodeOptions {
    fn args(&self) -> Vec<String> {
        let mut args = self.layers.args();
        args.push(format!("--address={}", self.address));
        args.push(format!("--port={}", self.port));
        args.extend(self.groups.iter().map(|group| format!("--group={group}")));
        if let Some(interface) = self.interface {
            args.push(format!("--interface={interface}"));
        }
        if let Some(port) = self.multicast_port {
            args.push(format!("--multicast-port={port}"));
        }
        args.extend(self.identity.iter().flat_map(Identity::args));
        args
    }
}

/// A UDP node with the store: the package's, or ours.
#[derive(Debug)]
pub struct Node {
    /// Where it is bound.
    pub addr: SocketAddr,
    puppet: Puppet,
}

impl Node {
    /// Starts one by a command that lacks the options yet, and waits until it is
    /// bound. `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// When it does not come up: with its standard error.
    pub fn start(name: &str, mut command: Command, options: &NodeOptions) -> Result<Self> {
        let mut script = Script::start(name, command.args(options.args()))?;
        let addr = script.read_place("bound", PATIENCE)?;
        let puppet = Puppet::new(script);
        Ok(Self { addr, puppet })
    }

    /// Takes leave, and ends.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn close(self) -> Result<()> {
        self.puppet.close()
    }

    /// Ends it without a word, as `kill -9` does.
    pub fn kill(self) {
        drop(self);
    }
}

impl Deref for Node {
    type Target = Puppet;

    fn deref(&self) -> &Puppet {
        &self.puppet
    }
}

impl DerefMut for Node {
    fn deref_mut(&mut self) -> &mut Puppet {
        &mut self.puppet
    }
}
