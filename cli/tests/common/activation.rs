//! Runs the command as systemd does, with sockets that are open already.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use command_fds::{CommandFdExt, FdMapping};

/// What is to be in the environment, with the number of the process to come in place of `$$`.
pub(crate) type Environment<'a> = &'a [(&'a str, &'a str)];

/// Starts it with these descriptors from 3 on.
pub(crate) fn start(environment: Environment<'_>, sockets: Vec<OwnedFd>, args: &[&str]) -> Child {
    let mut command = Command::new("env");
    // The shell becomes the command, and so knows its number.
    let script = environment
        .iter()
        .map(|(name, value)| format!("export {name}={value}; "))
        .collect::<String>()
        + r#"exec "$@""#;
    command
        .args(["--default-signal=INT,TERM", "sh", "-c", &script, "sh"])
        .arg(OsStr::new(env!("CARGO_BIN_EXE_netaio")))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mappings = (3..).zip(sockets).map(|(child_fd, parent_fd)| FdMapping {
        parent_fd,
        child_fd,
    });
    command.fd_mappings(mappings.collect()).unwrap();
    command.spawn().unwrap()
}

/// Starts it with sockets that are for it.
pub(crate) fn activate(names: &str, sockets: Vec<OwnedFd>, args: &[&str]) -> Child {
    let count = sockets.len().to_string();
    let environment = [
        ("LISTEN_FDS", count.as_str()),
        ("LISTEN_PID", "$$"),
        ("LISTEN_FDNAMES", names),
    ];
    start(&environment, sockets, args)
}
