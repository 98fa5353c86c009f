//! Identities for X25519: servers, and clients, that know one another by their keys.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::fs;
use std::time::Duration;

use common::folder::Folder;
use common::party::{ECHO, OVER, Party, refused, says};
use common::server::Server;
use common::subscriber::Subscriber;
use common::{RUNTIMES, run};
use netaio_tests::puppet::{Identity, Management};
use netaio_tests::python::{Python, PythonError, PythonServer, ServerOptions};

/// All that clients do, under whatever other layers there are.
#[test]
fn everything_is_asked_between_identities() {
    let folder = Folder::new("identities");
    let [alice, bob] = ["alice", "bob"].map(|name| Party::new(&folder, name));
    let aead = folder.path("aead");
    run(&["keygen", "aead", &aead], b"").text();
    let layers: [&[&str]; 3] = [
        &[],
        &["--secret", "s", "--key", "k"],
        &["--aead-file", &aead],
    ];
    for runtime in RUNTIMES {
        let over = OVER
            .iter()
            .flat_map(|over| layers.map(|layer| (over, layer)));
        for ((transport, over), layer) in over {
            let options = [layer, &["--runtime", runtime]].concat();
            let admin = ["--admin-secret", "a", "--admin-publish"];
            let server = alice.serve_over(transport, &[&options[..], &admin].concat());
            let addr = server.addr.to_string();
            let pinned = [&["--server-key", &*alice.key], *over].concat();
            let bobs = |args: &[&str]| bob.run(&addr, &[args, &options, &pinned].concat());
            let may = ["--admin-secret", "a"];
            let admins = |args: &[&str]| bobs(&[args, &may].concat());
            says(&bobs(&ECHO), "hi");
            let own = ["--identity-file", &bob.file, "--server", &addr];
            let feed = [&own[..], &options, &pinned].concat();
            let mut told = Subscriber::start(&[&["a/*"][..], &feed].concat());
            let mut watching = Subscriber::start_with(&[&["watch", "a/b"][..], &feed].concat());
            watching.says("there is no a/b");
            says(&admins(&["create", "a/b", "--content", "1"]), "stored");
            says(&bobs(&["request", "a/b"]), "1");
            says(&admins(&["update", "a/b", "--content", "2"]), "stored");
            says(&admins(&["publish", "a/c", "--content", "news"]), "1");
            for line in ["a/b 1\n", "a/b 2\n", "a/c news\n"] {
                assert_eq!(told.line(), line);
            }
            for line in ["1\n", "2\n"] {
                assert_eq!(watching.line(), line);
            }
            says(&admins(&["delete", "a/b"]), "deleted");
            // By datagrams no refusal is believed that is not behind the outer layer.
            if *transport == "tcp" || layer.is_empty() {
                refused(&bobs(&["delete", "a/b"]), 1, "AUTH_ERROR");
            }
            let pinged = bobs(&["ping", "--count", "2", "--interval", "0.01"]);
            assert_eq!(pinged.status, 0, "{pinged:?}");
        }
    }
}

/// Nobody without a key gets an answer other than that.
#[test]
fn strangers_are_refused_at_once() {
    let folder = Folder::new("strangers");
    let [alice, bob, eve] = ["alice", "bob", "eve"].map(|name| Party::new(&folder, name));
    let known = folder.private("known", format!("# friends\n{} # bob\n\n", bob.key));
    let hint = format!("public key in that file, a line: {}\n", eve.key);
    let commands: [&[&str]; 4] = [
        &ECHO,
        &["subscribe", "a"],
        &["delete", "a"],
        &["ping", "--count", "1"],
    ];
    for (transport, over) in OVER {
        for (layer, command) in [&["--secret", "s"][..], &[]]
            .iter()
            .flat_map(|layer| commands.map(|command| (*layer, command)))
        {
            let server =
                alice.serve_over(transport, &[&["--known-clients", &*known], layer].concat());
            let addr = server.addr.to_string();
            let pinned = [&["--server-key", &*alice.key], over].concat();
            says(&bob.run(&addr, &[&ECHO, &pinned[..], layer].concat()), "hi");
            let ran = eve.run(&addr, &[command, &pinned, layer].concat());
            assert!(ran.stderr.contains("X25519 auth failed"), "{ran:?}");
            assert!(ran.status == 1 && ran.stderr.ends_with(&hint), "{ran:?}");
            // By datagrams nobody is believed who has not the secret.
            let ignored = transport == "udp" && !layer.is_empty();
            let rest = [
                over,
                &["--server", &addr][..],
                match ignored {
                    true => &["--timeout", "0.5"],
                    false => &[],
                },
            ]
            .concat();
            let ran = run(&[command, &rest, layer].concat(), b"");
            assert!(ran.stderr.contains("--identity-file"), "{ran:?}");
            if ignored {
                assert!(
                    ran.status == 3 && ran.stderr.contains("no answer within"),
                    "{ran:?}"
                );
                continue;
            }
            assert!(
                ran.status == 1 && ran.stderr.contains("X25519 auth failed"),
                "{ran:?}"
            );
            if !layer.is_empty() {
                let ran = bob.run(&addr, &[command, &pinned].concat());
                assert!(
                    ran.status == 1 && ran.stderr.contains("HMAC auth failed"),
                    "{ran:?}"
                );
            }
        }
    }
}

/// The uri by which servers are known is nobody's resource.
#[test]
fn no_resource_is_where_servers_are_known() {
    let folder = Folder::new("probe");
    let [alice, bob] = ["alice", "bob"].map(|name| Party::new(&folder, name));
    let uri = "netaio/identity";
    let server = alice.serve(&[]);
    let addr = server.addr.to_string();
    for change in ["create", "update"] {
        let ran = bob.run(&addr, &[change, uri, "--content", "1"]);
        // Whoever sends one by mistake is told at once, and by the server too.
        refused(&ran, 2, "is what a server is asked for");
        let plain = Server::start(&[]);
        let to = ["--server", &*plain.addr.to_string()];
        let ran = run(&[&[change, uri, "--content", "1"], &to[..]].concat(), b"");
        refused(&ran, 1, "are answered by the server itself");
    }
    for ask in ["request", "watch"] {
        refused(
            &bob.run(&addr, &[ask, uri]),
            2,
            "is what a server is asked for",
        );
    }
    for uri in [uri, "echo"] {
        let store = folder.path("store");
        let line = format!("{{\"uri\":\"{uri}\",\"content\":\"1\"}}");
        let ran = run(&["store", "load", &store], line.as_bytes());
        refused(&ran, 1, "are answered by the server itself");
    }
}

#[test]
fn what_does_not_go_together_is_wrong_usage() {
    let folder = Folder::new("usage");
    let bob = Party::new(&folder, "bob");
    let own = ["--identity-file", &*bob.file];
    let wrong = |args: &[&str], text: &str| refused(&run(args, b""), 2, text);
    let missing = folder.path("missing");
    for command in [&["serve"][..], &ECHO] {
        let ran = run(&[command, &["--identity-file", &missing]].concat(), b"");
        refused(&ran, 2, "cannot read the identity from");
        assert!(ran.stderr.contains("netaio keygen x25519"), "{ran:?}");
    }
    let ran = run(
        &[&["serve"], &own[..], &["--known-clients", &missing]].concat(),
        b"",
    );
    refused(&ran, 2, "cannot read the public keys in");
    assert!(ran.stderr.contains("netaio keygen public"), "{ran:?}");
    let known = folder.private("known", "12\n");
    wrong(
        &[&["serve"], &own[..], &["--known-clients", &known]].concat(),
        "line 1 of",
    );
    let file = ["--known-servers", &*known];
    let nowhere = ["--known-servers", "x", "--server", "127.0.0.1:1"];
    wrong(&[&ECHO[..], &file].concat(), "are for a client with");
    wrong(
        &[&ECHO[..], &["--identity-file", "-"]].concat(),
        "an identity from standard input needs",
    );
    wrong(
        &[&ECHO[..], &own, &["--server-key", "12"]].concat(),
        "a public key is 64",
    );
    refused(
        &run(&[&ECHO[..], &own, &nowhere].concat(), b""),
        4,
        "refused",
    );
    // What a file of known servers is not.
    let server = Server::start(&own);
    let addr = server.addr.to_string();
    let to = ["--server", &*addr];
    wrong(&[&ECHO[..], &own, &file, &to].concat(), "line 1 of");
    let nowhere = folder.path("no/where");
    let file = ["--known-servers", &*nowhere];
    wrong(&[&ECHO[..], &own, &file, &to].concat(), "cannot keep");
}

/// How long a script may take for a line: a guard.
const PATIENCE: Duration = Duration::from_secs(60);

/// The package's client, and its own X25519 cipher.
#[test]
fn a_python_client_with_an_identity_is_served() -> Result<(), PythonError> {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let folder = Folder::new("python-client");
    let [alice, bob] = ["alice", "bob"].map(|name| Party::new(&folder, name));
    let seed = fs::read_to_string(&bob.file).unwrap();
    let known = folder.private("known", format!("{}\n", bob.key));
    for layer in [&["--secret", "s"][..], &[]] {
        let server = alice.serve(&[layer, &["--known-clients", &known]].concat());
        let port = server.addr.port().to_string();
        let mut args = vec![&*port, seed.trim_end()];
        args.extend(layer.get(1));
        let mut client = python.spawn("identity.py", &args)?;
        let mut lines = Vec::new();
        for _ in 0..6 {
            lines.push(client.read_line(PATIENCE)?);
        }
        // A change is told before it is answered, and a confirmation may come behind an answer.
        lines[1..].sort();
        let expected = [
            &*format!("server {0} {0}", alice.key),
            "CONFIRM_SUBSCRIBE a ",
            "NOTIFY_URI a 1",
            "OK a stored",
            "RESPOND_URI a 1",
            "RESPOND_URI echo hi",
        ];
        assert_eq!(lines, expected);
        assert!(client.close().is_some_and(|status| status.success()));
    }
    Ok(())
}

/// The package's server, which answers `boxed` behind its own X25519 cipher.
#[test]
fn a_python_server_with_an_identity_is_asked() -> Result<(), PythonError> {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let folder = Folder::new("python-server");
    let bob = Party::new(&folder, "bob");
    let theirs = Identity::with_seed("python", 7);
    let mut server = PythonServer::start_as(&python, &ServerOptions::default(), &theirs)?;
    server.manage_peers(&Management::default())?;
    let addr = server.addr.to_string();
    let ran = bob.run(&addr, &["request", "boxed", "--content", "hi"]);
    says(&ran, "hi");
    let key = theirs.cipher().unwrap();
    let key: String = key
        .public_key()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(ran.stderr.contains(&key), "{ran:?}");
    server.stop();
    Ok(())
}

/// A context has the identity, and whom it believes.
#[test]
fn a_context_has_the_identity() {
    let folder = Folder::new("context");
    let [alice, bob] = ["alice", "bob"].map(|name| Party::new(&folder, name));
    let server = alice.serve(&[]);
    let addr = server.addr.to_string();
    let config = folder.path("config");
    let there = ["--config-dir", &*config];
    let options = ["--server", &addr, "--identity-file", &bob.file];
    let pinned = ["--server-key", &alice.key];
    let save = |name: &str, more: &[&str]| {
        run(
            &[&["context", "save", name], &options[..], more, &there].concat(),
            b"",
        )
        .text();
    };
    save("pinned", &pinned);
    let wrong = ["context", "save", "no", "--known-servers", "x"];
    let ran = run(&[&wrong[..], &there].concat(), b"");
    refused(&ran, 2, "are for a client with");
    let ask = |name: &str, more: &[&str]| {
        let named = ["--context", name];
        run(&[&ECHO[..], &named, &there, more].concat(), b"")
    };
    says(&ask("pinned", &[]), "hi");
    refused(
        &ask("pinned", &["--server-key", &bob.key]),
        1,
        "does not name",
    );
    let shown = run(&[&["context", "show", "pinned"], &there[..]].concat(), b"").text();
    for (name, value) in [("identity-file", &bob.file), ("server-key", &alice.key)] {
        assert!(shown.contains(&format!("{name} {value}\n")), "{shown}");
    }
    let servers = folder.path("servers");
    save("trusting", &["--known-servers", &servers]);
    says(&ask("trusting", &[]), "hi");
    let line = format!("{addr} {}\n", alice.key);
    assert_eq!(fs::read_to_string(&servers).unwrap(), line);
}

/// Under TLS nothing of it is readable, and the server is known twice.
#[cfg(feature = "tls")]
#[test]
fn identities_are_known_over_tls_too() {
    let folder = Folder::new("over-tls");
    let [alice, bob] = ["alice", "bob"].map(|name| Party::new(&folder, name));
    let made = folder.path("tls");
    run(&["keygen", "tls", &made, "127.0.0.1"], b"").text();
    let [ca, crt, key] = ["ca.crt", "server.crt", "server.key"].map(|it| format!("{made}/{it}"));
    let server = alice.serve(&["--tls-cert", &crt, "--tls-key", &key]);
    let addr = server.addr.to_string();
    says(&bob.run(&addr, &[&ECHO[..], &["--ca", &ca]].concat()), "hi");
    let own = ["a", "--identity-file", &bob.file, "--server", &addr];
    let mut told = Subscriber::start(&[&own[..], &["--ca", &ca]].concat());
    let publish = ["publish", "a", "--content", "news", "--ca", &ca];
    says(&bob.run(&addr, &publish), "1");
    assert_eq!(told.line(), "news\n");
}
