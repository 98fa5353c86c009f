//! Whom those with an identity believe: servers by a key that is named or kept, and clients in a file.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::fs;
use std::net::TcpListener;
use std::thread;

use common::folder::Folder;
use common::party::{ECHO, OVER, Party, refused, says};
use common::run;
use common::server::Server;
use common::subscriber::Subscriber;

/// A server is trusted at first use, and another one in its place is not.
#[cfg(target_os = "linux")]
#[test]
fn a_server_with_another_key_is_refused() {
    for (transport, over) in OVER {
        another_key_is_refused(transport, over);
    }
}

#[cfg(target_os = "linux")]
fn another_key_is_refused(transport: &str, over: &[&str]) {
    let folder = Folder::new("changed");
    let [alice, bob, eve] = ["alice", "bob", "eve"].map(|name| Party::new(&folder, name));
    // On an address that no other process binds to, so that others can have its port.
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = format!("127.80.{high}.{low}:0");
    let server = Server::start_at(&host, &[transport], &["--identity-file", &alice.file]);
    let addr = server.addr.to_string();
    let ask = |command: &[&str]| bob.run(&addr, &[command, over].concat());
    let ran = ask(&ECHO);
    says(&ran, "hi");
    let trusted = format!("{addr} is trusted from now on, with the key {}", alice.key);
    assert!(ran.stderr.contains(&trusted), "{ran:?}");
    let servers = format!("{}.servers", bob.file);
    let line = format!("{addr} {}\n", alice.key);
    assert_eq!(fs::read_to_string(&servers).unwrap(), line);
    let again = ask(&ECHO);
    says(&again, "hi");
    assert!(!again.stderr.contains("trusted"), "{again:?}");
    let own = [
        "a",
        "--identity-file",
        &bob.file,
        "--server",
        &addr,
        "--renew",
        "0.2",
    ];
    let mut subscriber = Subscriber::start(&[&own[..], over].concat());
    server.stop("-KILL");

    let mallory = Server::start_at(&addr, &[transport], &["--identity-file", &eve.file]);
    // Whoever was subscribed connects again, and sees that it is another one.
    subscriber.says(&format!(
        "netaio: the server at {addr} has the key {}",
        eve.key
    ));
    assert_eq!(subscriber.end(), (Some(1), String::new()));
    for command in [&ECHO[..], &["subscribe", "a"], &["ping"]] {
        let ran = ask(command);
        refused(&ran, 1, "another one by line 1");
        assert!(ran.stderr.contains(&eve.key) && ran.stderr.contains("remove that line"));
    }
    let pinned = ["--server-key", &alice.key];
    let ran = ask(&[&ECHO[..], &pinned].concat());
    refused(&ran, 1, "which --server-key does not name");
    assert_eq!(fs::read_to_string(&servers).unwrap(), line);
    // Either may be meant.
    let both = ["--server-key", &alice.key, "--server-key", &eve.key];
    says(&ask(&[&ECHO[..], &both].concat()), "hi");
    // It has a new key, and an editor has left a line without its end.
    fs::write(&servers, format!("# mine\nelsewhere:1 {}", alice.key)).unwrap();
    says(&ask(&ECHO), "hi");
    let lines = format!("# mine\nelsewhere:1 {}\n{addr} {}\n", alice.key, eve.key);
    assert_eq!(fs::read_to_string(&servers).unwrap(), lines);
    drop(mallory);
}

#[test]
fn a_server_without_an_identity_is_none() {
    let folder = Folder::new("none");
    let [alice, bob] = ["alice", "bob"].map(|name| Party::new(&folder, name));
    let layers = [&[][..], &["--secret", "s"]];
    for ((transport, over), layer) in OVER.iter().flat_map(|over| layers.map(|it| (over, it))) {
        let server = Server::start_on(&[transport], layer);
        let addr = server.addr.to_string();
        let options = &[layer, over].concat()[..];
        let ran = bob.run(&addr, &[&ECHO[..], options].concat());
        refused(&ran, 1, "has no identity for X25519");
        assert!(ran.stderr.contains("asked without X25519"), "{ran:?}");
        assert!(fs::metadata(format!("{}.servers", bob.file)).is_err());
        // Where its key is known, nobody is told to do without.
        let line = format!("{addr} {}\n", alice.key);
        let known = folder.private("known", line);
        for (trust, source) in [
            (["--known-servers", &*known], "line 1 of"),
            (["--server-key", &*alice.key], "--server-key names"),
        ] {
            for command in [&ECHO[..], &["subscribe", "a"], &["watch", "a"], &["ping"]] {
                let ran = bob.run(&addr, &[command, options, &trust].concat());
                refused(&ran, 1, "has no identity for X25519, though");
                assert!(ran.stderr.contains(source), "{ran:?}");
                assert!(ran.stderr.contains("may pose as the server"), "{ran:?}");
                assert!(!ran.stderr.contains("asked without"), "{ran:?}");
            }
        }
    }
}

/// Those that stay connect again, and have the key in mind that they have spoken with: whatever
/// becomes of the file.
#[cfg(target_os = "linux")]
#[test]
fn a_command_that_runs_keeps_the_key() {
    let folder = Folder::new("keeps");
    let [alice, bob, eve] = ["alice", "bob", "eve"].map(|name| Party::new(&folder, name));
    // On an address that no other process binds to, so that others can have its port.
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = format!("127.81.{high}.{low}:0");
    let servers = format!("{}.servers", bob.file);
    let others = [
        (
            vec!["--identity-file", &*eve.file],
            format!("the key {}, and had {} before", eve.key, alice.key),
        ),
        (
            vec![],
            "no identity for X25519, though it had one before".into(),
        ),
    ];
    for ((transport, over), (options, text)) in OVER
        .iter()
        .flat_map(|over| others.iter().map(move |other| (over, other)))
    {
        let server = Server::start_at(&host, &[transport], &["--identity-file", &alice.file]);
        let addr = server.addr.to_string();
        let own = ["a", "--identity-file", &bob.file, "--server", &addr];
        let own = [&own[..], over].concat();
        let pings = [&["ping", "--interval", "0.01"], &own[1..]].concat();
        let feed = [&own[..], &["--renew", "0.2"]].concat();
        let mut subscriber = Subscriber::start_with(&[&["subscribe"], &feed[..]].concat());
        subscriber.says("subscribed to a");
        let mut watching = Subscriber::start_with(&[&["watch"], &feed[..]].concat());
        watching.says("there is no a");
        let mut pinging = Subscriber::start_with(&pings);
        assert!(!pinging.line().is_empty());
        server.stop("-KILL");
        fs::remove_file(&servers).unwrap();
        let mallory = Server::start_at(&addr, &[transport], options);
        for mut running in [subscriber, watching, pinging] {
            running.says(&format!("netaio: the server at {addr} has {text}"));
            let advice = running.said();
            assert!(advice.contains("may pose as the server"), "{advice}");
            assert_eq!(running.end().0, Some(1));
        }
        assert!(fs::metadata(&servers).is_err());
        drop(mallory);
    }
}

/// Of several servers the one is named that is not believed.
#[test]
fn the_one_of_several_is_named() {
    let folder = Folder::new("several");
    let [alice, bob, eve] = ["alice", "bob", "eve"].map(|name| Party::new(&folder, name));
    let server = eve.serve(&[]);
    let both = format!("{0},{0}", server.addr);
    let keys = |first: &str| {
        let keys = ["--server-key", first, "--server-key", &bob.key];
        bob.run(&both, &[&ECHO[..], &keys].concat())
    };
    let text = format!("the server at {} has the key {}", server.addr, eve.key);
    refused(&keys(&alice.key), 1, &text);
    says(&keys(&eve.key), "hi");
}

/// Of several servers the first is asked that there is, wherever the keys are from: nobody listens at one,
/// another hangs up before it has said who it is.
#[test]
fn the_first_of_several_is_asked_that_there_is() {
    let folder = Folder::new("first");
    let [alice, bob] = ["alice", "bob"].map(|name| Party::new(&folder, name));
    let server = alice.serve(&[]);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs_up = gone.local_addr().unwrap();
    thread::spawn(move || gone.incoming().for_each(drop));
    let none = format!("127.0.0.1:1,{hangs_up}");
    let list = format!("{none}, {}", server.addr);
    // Their order is drawn by chance.
    for _ in 0..5 {
        // They may all have one key.
        let pinned = ["--server-key", &*alice.key];
        says(&bob.run(&list, &[&ECHO[..], &pinned].concat()), "hi");
        says(&bob.run(&list, &ECHO), "hi");
    }
    let servers = format!("{}.servers", bob.file);
    let line = format!("{} {}\n", server.addr, alice.key);
    assert_eq!(fs::read_to_string(&servers).unwrap(), line);
    let ran = bob.run(&none, &ECHO);
    refused(&ran, 4, "127.0.0.1:1: ");
    assert!(ran.stderr.contains(&format!("{hangs_up}: ")), "{ran:?}");
    // One that has another key is told of, whatever others there are.
    let eve = Party::new(&folder, "eve");
    let list = format!("127.0.0.1:1,{}", server.addr);
    let ran = bob.run(&list, &[&ECHO[..], &["--server-key", &eve.key]].concat());
    refused(&ran, 1, "which --server-key does not name");
}

/// Whoever is subscribed goes on at another one, and knows both by their keys.
#[test]
fn another_of_several_is_known_by_its_own_key() {
    let folder = Folder::new("another");
    let [alice, carol, bob] = ["alice", "carol", "bob"].map(|name| Party::new(&folder, name));
    let mut servers = vec![(alice.serve(&[]), &alice), (carol.serve(&[]), &carol)];
    let list = format!("{},{}", servers[0].0.addr, servers[1].0.addr);
    let own = ["a", "--identity-file", &*bob.file, "--server", &*list];
    let mut subscriber = Subscriber::start_with(&[&["subscribe"], &own[..]].concat());
    let trusted = |said: &str, (server, party): &(Server, &Party)| {
        let text = format!(
            "{} is trusted from now on, with the key {}",
            server.addr, party.key
        );
        said.contains(&text)
    };
    let said = subscriber.said();
    let first = servers.iter().position(|server| trusted(&said, server));
    let (first, _) = servers.remove(first.unwrap());
    subscriber.says("subscribed to a");
    first.stop("-KILL");
    subscriber.says("the connection ended");
    let said = subscriber.said();
    assert!(trusted(&said, &servers[0]), "{said}");
    subscriber.says("subscribed again");
    let kept = fs::read_to_string(format!("{}.servers", bob.file)).unwrap();
    assert_eq!(kept.lines().count(), 2, "{kept}");
}

/// The log has the key of whoever is refused, in words.
#[test]
fn the_log_has_the_key_of_a_client_that_is_not_known() {
    let folder = Folder::new("log");
    let [alice, bob, eve] = ["alice", "bob", "eve"].map(|name| Party::new(&folder, name));
    let known = folder.private("known", &bob.key);
    let own = ["--identity-file", &*alice.file, "--known-clients", &known];
    let mut server =
        Subscriber::start_with(&[&["-v", "serve", "--tcp", "127.0.0.1:0"], &own[..]].concat());
    let line = server.line();
    let addr = line.trim_end().rsplit(' ').next().unwrap();
    refused(&eve.run(addr, &ECHO), 1, "X25519 auth failed");
    loop {
        let line = server.said();
        assert!(!line.is_empty());
        if line.contains("not among those of --known-clients") {
            assert!(line.contains(&format!("key={}", eve.key)), "{line}");
            break;
        }
    }
}

/// What is nearly a line of a file is not passed over.
#[test]
fn files_of_keys_are_read_as_they_are_meant() {
    let folder = Folder::new("files");
    let [alice, bob, eve] = ["alice", "bob", "eve"].map(|name| Party::new(&folder, name));
    let known = format!("\u{feff}public-key {}\r\n{}\n", bob.key, eve.key);
    let known = folder.private("clients", known);
    let server = alice.serve(&["--known-clients", &known]);
    let port = server.addr.port();
    let ask = |content: &str, address: &str| {
        let servers = folder.private("servers", content);
        let args = ["--known-servers", &*servers];
        let ran = bob.run(address, &[&ECHO[..], &args].concat());
        (ran, fs::read_to_string(servers).unwrap())
    };
    let addr = format!("127.0.0.1:{port}");
    // A mark of the order of bytes is no part of the address.
    let (ran, _) = ask(&format!("\u{feff}{addr} {}\n", eve.key), &addr);
    refused(&ran, 1, "another one by line 1");
    // Nor is the case of a name, or a zero.
    let (ran, _) = ask(
        &format!("LOCALHOST:0{port} {}\n", eve.key),
        &format!("LocalHost:{port}"),
    );
    refused(&ran, 1, "another one by line 1");
    // What is written is the form by which it is compared.
    let (ran, written) = ask("", &format!("LocalHost:0{port}"));
    says(&ran, "hi");
    assert_eq!(written, format!("localhost:{port} {}\n", alice.key));
    for (content, text) in [
        (format!("127.0.0.1 {}\n", alice.key), "line 1 of"),
        (format!("# x\n{addr} {} x\n", alice.key), "line 2 of"),
        (
            format!(
                "{addr} {}\nelsewhere:1 {0}\n{addr} {}\n",
                alice.key, eve.key
            ),
            "another key for the address of line 1",
        ),
    ] {
        let (ran, written) = ask(&content, &addr);
        refused(&ran, 2, text);
        assert_eq!(written, content);
    }
    // The same once more is no harm.
    let line = format!("{addr} {}\n", alice.key);
    says(&ask(&line.repeat(2), &addr).0, "hi");
    let ran = run(
        &[
            "serve",
            "--identity-file",
            &alice.file,
            "--known-clients",
            &{ folder.private("two", format!("public-key {} {}\n", bob.key, eve.key)) },
        ],
        b"",
    );
    refused(&ran, 2, "line 1 of");
}

/// Whoever can write there says who is believed.
#[cfg(unix)]
#[test]
fn files_that_others_may_change_are_warned_of() {
    use common::folder::set_mode;

    let folder = Folder::new("writers");
    let [alice, bob] = ["alice", "bob"].map(|name| Party::new(&folder, name));
    let server = alice.serve(&[]);
    let addr = server.addr.to_string();
    let servers = folder.private("servers", "");
    let args = [&ECHO[..], &["--known-servers", &servers]].concat();
    for (mode, warned) in [(0o644, false), (0o666, true), (0o620, true)] {
        set_mode(&servers, mode);
        let ran = bob.run(&addr, &args);
        says(&ran, "hi");
        let warning = ran
            .stderr
            .contains("others may change the servers that are trusted");
        assert_eq!(warning, warned, "{ran:?}");
    }
    // It is no key.
    let clients = folder.private("clients", "12");
    set_mode(&clients, 0o602);
    let own = ["serve", "--identity-file", &alice.file];
    let ran = run(&[&own[..], &["--known-clients", &clients]].concat(), b"");
    refused(&ran, 2, "others may change the clients that are known");
}
