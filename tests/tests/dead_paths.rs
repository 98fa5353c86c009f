//! Paths that die under a TCP connection: across a network, as no packet comes back any more.
#![cfg(target_os = "linux")]

use std::process::Command;
use std::time::Duration;

use netaio_tests::namespaces::{INTERFACE, Network};
use netaio_tests::python::{Result, Script};

const PATIENCE: Duration = Duration::from_secs(60);

/// Of two connections one is idle, and one waits for the answer to a request that nobody
/// acknowledges: both end though nothing closes them, the requests with them.
#[test]
fn a_dead_path_is_noticed() -> Result<()> {
    let Some(network) = Network::new() else {
        return Ok(());
    };
    let (here, there) = (&network.here, &network.there);
    let address = format!("{}:8888", there.address);
    let start = |host: &netaio_tests::namespaces::Host, what: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dead_path"));
        command.args([what, &address]);
        Script::start("dead_path", &mut host.enter(&command))
    };
    let mut server = start(there, "serve")?;
    assert_eq!(server.read_line(PATIENCE)?, "listens");
    let mut client = start(here, "ask")?;
    assert_eq!(client.read_line(PATIENCE)?, "connected");
    // Nobody has it any more: what is sent there is dropped without a word.
    there.ip(&format!("address del {}/24 dev {INTERFACE}", there.address))?;
    client.write_line("now")?;
    for ended in ["busy: ", "idle: "] {
        let line = client.read_line(PATIENCE)?;
        assert!(
            line.starts_with(ended) && line.contains("transport error: "),
            "{line}"
        );
    }
    Ok(())
}
