//! What the node is started with.

use std::error::Error;
use std::net::IpAddr;

use netaio_tests::python::ServerOptions;

/// What the command line says.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) layers: ServerOptions,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) groups: Vec<IpAddr>,
    pub(crate) interface: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) seed: Option<String>,
}

impl Options {
    /// Reads `--option=value` and `--option`, as `node.py` does.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            layers: ServerOptions::default(),
            address: IpAddr::from([127, 0, 0, 1]),
            port: 0,
            groups: Vec::new(),
            interface: None,
            id: None,
            seed: None,
        };
        for arg in args {
            let (name, value) = arg.split_once('=').unwrap_or((&arg, ""));
            let text = || Some(value.to_owned());
            let layers = &mut options.layers;
            match name {
                "--address" => options.address = value.parse()?,
                "--port" => options.port = value.parse()?,
                "--group" => options.groups.push(value.parse()?),
                "--interface" => options.interface = text(),
                "--id" => options.id = text(),
                "--seed" => options.seed = text(),
                "--secret" => layers.outer.secret = text(),
                "--key" => layers.outer.key = text(),
                "--plain-uri" => layers.outer.plain_uri = true,
                "--admin-secret" => layers.admin_secret = text(),
                "--inner-secret" => layers.inner.secret = text(),
                "--inner-key" => layers.inner.key = text(),
                _ => return Err(format!("there is no option {arg}").into()),
            }
        }
        Ok(options)
    }
}
