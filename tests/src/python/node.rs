//! Netaio's UDP node.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use super::{PATIENCE, Puppet, Python, Result, ServerOptions};

/// A real netaio `UDPNode` with the store, at a port of its own on the loopback
/// interface.
#[derive(Debug)]
pub struct PythonNode {
    /// Where it is bound.
    pub addr: SocketAddr,
    puppet: Puppet,
}

impl PythonNode {
    /// Starts one and waits until it is bound.
    ///
    /// # Errors
    ///
    /// When it does not come up: with its standard error.
    pub fn start(python: &Python, options: &ServerOptions) -> Result<Self> {
        let mut script = python.spawn("node.py", &options.args())?;
        let addr = script.read_place("bound", PATIENCE)?;
        let puppet = Puppet::new(script);
        Ok(Self { addr, puppet })
    }

    /// Stops it.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn close(self) -> Result<()> {
        self.puppet.close()
    }
}

impl Deref for PythonNode {
    type Target = Puppet;

    fn deref(&self) -> &Puppet {
        &self.puppet
    }
}

impl DerefMut for PythonNode {
    fn deref_mut(&mut self) -> &mut Puppet {
        &mut self.puppet
    }
}
