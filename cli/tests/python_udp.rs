//! The command and the real Python package, each with the other, over UDP.
//!
//! Python's node binds a port of its own and multicasts to the command's, for two
//! nodes of one machine cannot share one.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::time::Duration;

use common::node::Node;
use common::server::Server;
use common::subscriber::Subscriber;
use common::{RUNTIMES, run};
use netaio_tests::python::{Python, PythonError, Script};

type Result = std::result::Result<(), PythonError>;

/// A limit on what must happen: a guard, no measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// The secret of the node in Python.
const SECRET: [&str; 2] = ["--secret", "test"];

/// A `UDPNode`, and where it is.
struct Theirs {
    script: Script,
    port: String,
}

impl Theirs {
    fn start(python: &Python) -> std::result::Result<Self, PythonError> {
        let mut script = python.spawn::<&str>("documented/udp_node.py", &[])?;
        let port = script.read_line(PATIENCE)?;
        Ok(Self { script, port })
    }

    fn line(&mut self) -> std::result::Result<String, PythonError> {
        self.script.read_line(PATIENCE)
    }

    /// Ends it, and sees that nothing went wrong there.
    fn stop(self) {
        let status = self.script.close();
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
    }
}

#[test]
fn a_python_node_is_served() -> Result {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    for runtime in RUNTIMES {
        let options = [&SECRET[..], &["--runtime", runtime]].concat();
        let server = Server::start_on(&["tcp", "udp"], &options);
        let mut theirs = Theirs::start(&python)?;
        let port = server.udp.unwrap().port();
        theirs.script.write_line(&format!("ask {port}"))?;
        assert_eq!(theirs.line()?, "asked", "{runtime}");
        theirs.script.write_line(&format!("subscribe {port}"))?;
        assert_eq!(theirs.line()?, "subscribed");
        // What happens over TCP is told over UDP.
        let addr = server.addr.to_string();
        let create = ["create", "news", "--content", "1", "--server", &addr];
        assert_eq!(run(&[&create, &SECRET[..]].concat(), b"").stdout, b"stored");
        assert_eq!(theirs.line()?, "told 1");
        theirs.script.write_line(&format!("unsubscribe {port}"))?;
        assert_eq!(theirs.line()?, "unsubscribed");
        theirs.stop();
        assert_eq!(server.stop("-TERM"), Some(0));
    }
    Ok(())
}

#[test]
fn a_python_node_is_asked() -> Result {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    for runtime in RUNTIMES {
        let mut theirs = Theirs::start(&python)?;
        let addr = format!("127.0.0.1:{}", theirs.port);
        let common = ["--udp", "--server", &addr, "--runtime", runtime];
        let common = [&common, &SECRET[..]].concat();
        let script: [(&[&str], &str); 5] = [
            (&["create", "stored", "--content", "1"], "stored"),
            (&["request", "stored"], "1"),
            (&["update", "stored", "--content", "2"], "stored"),
            (&["request", "stored"], "2"),
            (&["delete", "stored"], "deleted"),
        ];
        for (args, answer) in script {
            let ran = run(&[args, &common].concat(), b"");
            let stdout = String::from_utf8_lossy(&ran.stdout);
            assert_eq!((ran.status, &*stdout), (0, answer), "{}", ran.stderr);
        }
        let subscriber = Subscriber::start(&[&["news", "--count", "1"], &common[..]].concat());
        theirs.script.write_line("publish")?;
        assert_eq!(theirs.line()?, "published 1");
        assert_eq!(subscriber.end(), (Some(0), "today\n".into()));
        // It took its leave.
        theirs.script.write_line("publish")?;
        assert_eq!(theirs.line()?, "published 0");
        theirs.stop();
    }
    Ok(())
}

#[test]
fn a_python_node_is_a_peer() -> Result {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    for runtime in RUNTIMES {
        let place = ["--listen", "127.0.0.1:0", "--interface", "127.0.0.1"];
        // "rust", for Python to print.
        let who = ["--id", "72757374", "--data", r#"{"name":"ours"}"#];
        let options = ["--runtime", runtime];
        let ours = Node::start(&[&place[..], &who, &options, &SECRET].concat());
        assert_eq!(ours.group, "224.0.0.1");
        let mut theirs = Theirs::start(&python)?;
        let manage = format!("manage {}", ours.addr.port());
        theirs.script.write_line(&manage)?;
        let peer = format!("707974686f6e 127.0.0.1:{}", theirs.port);
        let came = format!(r#"came {peer} {{"name":"a node in Python"}}"#);
        assert_eq!(ours.line(), came);
        loop {
            // Our answer is on its way.
            theirs.script.write_line("peers")?;
            if theirs.line()? == "peers rust" {
                break;
            }
        }
        theirs.script.write_line("unmanage")?;
        assert_eq!(ours.line(), format!("gone {peer} left"));
        theirs.stop();
        assert_eq!(ours.stop("-INT"), (Some(0), vec![]));
    }
    Ok(())
}
