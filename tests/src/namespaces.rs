//! Two hosts with a network between them, on one machine: network namespaces of Linux.
//!
//! A namespace lives as long as a program that is in it, here one that ends with its
//! standard input: nothing is left behind, however a test ends. Where we are not root,
//! both are within a namespace of users.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

use crate::python::{PythonError, Result, Script};

const PATIENCE: Duration = Duration::from_secs(30);

/// The interface that leads to the network, on either host.
pub const INTERFACE: &str = "veth0";

/// The number of the interface, on either host, at first.
pub const INDEX: u32 = 77;

/// A network of two hosts, each of which has the other, a loopback interface and nobody else.
#[derive(Debug)]
pub struct Network {
    /// One of them.
    pub here: Host,
    /// The other one.
    pub there: Host,
}

/// A host: what is started in its namespace sees its interfaces only.
#[derive(Debug)]
pub struct Host {
    /// Its address. netaio takes it for the host's own, as it is on the way to 10.254.254.254.
    pub address: IpAddr,
    /// Its address in the other family.
    pub address_v6: IpAddr,
    /// Its address on the link, at which [`INDEX`] is the scope.
    pub link_address: Ipv6Addr,
    /// Whether it is in a namespace of users of its own.
    users: bool,
    inhabitant: Script,
}

impl Network {
    /// Makes one; `None`, and a sentence on standard error, where this machine does not let us.
    #[must_use]
    pub fn new() -> Option<Self> {
        static SKIPPED: Once = Once::new();
        match Self::make() {
            Ok(network) => Some(network),
            Err(error) => {
                SKIPPED.call_once(|| {
                    // Not `eprintln!`: the test harness would swallow it.
                    let _ = writeln!(
                        io::stderr(),
                        "SKIPPED: tests across a network, because there are no network \
                         namespaces here (they need Linux, iproute2, util-linux, and root or \
                         namespaces of users): {error}"
                    );
                });
                None
            }
        }
    }

    fn make() -> Result<Self> {
        // Root needs no namespace of users, and may not be allowed one.
        let unshare = || Command::new("unshare");
        let here = Host::start(unshare());
        let here = here.or_else(|_| {
            let mut unshare = unshare();
            unshare.arg("--map-root-user");
            let users = true;
            Ok(Host {
                users,
                ..Host::start(unshare)?
            })
        })?;
        let there = match here.users {
            true => Host {
                users: true,
                ..Host::start(here.enter(&unshare()))?
            },
            false => Host::start(unshare())?,
        };
        let mut network = Self { here, there };
        network.lay(INDEX, 1)?;
        Ok(network)
    }

    /// Takes the interfaces away.
    ///
    /// # Errors
    /// They are gone already.
    pub fn cut(&self) -> Result<()> {
        // Its other end goes with it.
        self.here.ip(&format!("link del {INTERFACE}"))
    }

    /// Makes the interfaces anew, with an index, and addresses that end with a number and the
    /// next one.
    ///
    /// # Errors
    /// They are there.
    pub fn lay(&mut self, index: u32, number: u8) -> Result<()> {
        let Self { here, there } = self;
        here.number(number);
        there.number(number.saturating_add(1));
        let other = there.inhabitant.id().to_string();
        here.ip(&format!(
            "link add {INTERFACE} index {index} type veth \
             peer name {INTERFACE} index {index} netns {other}"
        ))?;
        for host in [here, there] {
            let (v4, v6, link) = (host.address, host.address_v6, host.link_address);
            host.ip("link set lo up")?;
            host.ip(&format!("address add {v4}/24 dev {INTERFACE}"))?;
            // Without a search for others that have them, they are usable at once.
            host.ip(&format!("link set {INTERFACE} addrgenmode none"))?;
            host.ip(&format!("address add {v6}/64 dev {INTERFACE} nodad"))?;
            host.ip(&format!("address add {link}/64 dev {INTERFACE} nodad"))?;
            host.ip(&format!("link set {INTERFACE} up"))?;
            host.ip(&format!("route add 224.0.0.0/4 dev {INTERFACE}"))?;
        }
        Ok(())
    }
}

impl Host {
    /// Starts one's inhabitant with `unshare`, the command of that name.
    fn start(mut unshare: Command) -> Result<Self> {
        // It says when it is there, and stays until nobody holds its standard input.
        unshare.args(["--net", "sh", "-c", "echo there; exec cat"]);
        let mut inhabitant = Script::start("unshare", &mut unshare)?;
        inhabitant.read_line(PATIENCE)?;
        Ok(Self {
            address: Ipv4Addr::UNSPECIFIED.into(),
            address_v6: Ipv6Addr::UNSPECIFIED.into(),
            link_address: Ipv6Addr::UNSPECIFIED,
            users: false,
            inhabitant,
        })
    }

    fn number(&mut self, number: u8) {
        self.address = Ipv4Addr::new(10, 254, 254, number).into();
        self.address_v6 = Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, number.into()).into();
        self.link_address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number.into());
    }

    /// The command, to be run on this host.
    #[must_use]
    pub fn enter(&self, command: &Command) -> Command {
        let mut here = Command::new("nsenter");
        here.args(["--target", &self.inhabitant.id().to_string(), "--net"]);
        if self.users {
            here.args(["--user", "--preserve-credentials"]);
        }
        here.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => here.env(name, value),
                None => here.env_remove(name),
            };
        }
        here
    }

    /// Runs `ip` on this host.
    ///
    /// # Errors
    /// It cannot be run, or does not do it.
    pub fn ip(&self, words: &str) -> Result<()> {
        let mut ip = Command::new("ip");
        ip.args(words.split(' '));
        let output = self.enter(&ip).output();
        let problem = match output {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        Err(PythonError::new(format!("ip {words}: {problem}")))
    }
}
