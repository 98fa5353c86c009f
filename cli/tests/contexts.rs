//! Contexts: what is kept of servers.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::ffi::OsStr;
use std::fs;

use common::folder::{Folder, set_mode};
use common::server::Server;
use common::{Ran, run_in};

/// Somebody with a folder of their own.
struct User {
    folder: Folder,
    config: String,
}

impl User {
    fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let config = folder.path("config");
        Self { folder, config }
    }

    fn run_with(&self, environment: &[(&str, &str)], args: &[&str]) -> Ran {
        let config = [("XDG_CONFIG_HOME", &*self.config)];
        let all = config.iter().chain(environment);
        let all: Vec<_> = all
            .map(|(name, value)| (*name, OsStr::new(*value)))
            .collect();
        run_in(&all, args, b"")
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.run_with(&[], args)
    }

    fn save(&self, name: &str, options: &[&str]) {
        let ran = self.run(&[&["context", "save", name], options].concat());
        let path = self.file(name);
        assert_eq!(ran.text(), format!("saved {path}\n"));
    }

    fn file(&self, name: &str) -> String {
        format!("{}/netaio/contexts/{name}.json", self.config)
    }

    fn list(&self) -> String {
        self.run(&["context", "list"]).text()
    }
}

fn refused(ran: &Ran, text: &str) {
    assert_eq!((ran.status, &*ran.stdout), (2, &b""[..]), "{ran:?}");
    assert!(ran.stderr.starts_with("netaio: "), "{ran:?}");
    assert!(ran.stderr.contains(text), "{ran:?}");
}

const ECHO: [&str; 4] = ["request", "echo", "--content", "hi"];

fn answered(ran: &Ran) -> bool {
    ran.status == 0 && ran.stdout == b"hi"
}

#[test]
fn a_context_has_the_server_and_its_secrets() {
    let user = User::new("context");
    let server = Server::start(&["--secret", "s", "--key", "k", "--admin-secret", "a"]);
    let addr = server.addr.to_string();
    let key = user.folder.private("key", "k\n");
    let secrets = ["--secret", "s", "--key-file", &key, "--admin-secret", "a"];
    user.save("lab", &[&["--server", &addr], &secrets[..]].concat());
    let lab = ["--context", "lab"];
    assert!(answered(&user.run(&[&ECHO[..], &lab].concat())));
    let created = user.run(&["create", "a", "--content", "1", "--context", "lab"]);
    assert_eq!(created.status, 0, "{created:?}");
    // By the environment.
    let named = [("NETAIO_CONTEXT", "lab")];
    assert!(answered(&user.run_with(&named, &ECHO)));
    // Options and other variables go first.
    let wrong = [&ECHO[..], &lab, &["--secret", "t"]].concat();
    assert_eq!(user.run(&wrong).status, 1);
    let wrong = [("NETAIO_SECRET", "t")];
    let ran = user.run_with(&wrong, &[&ECHO[..], &lab].concat());
    assert_eq!(ran.status, 1, "{ran:?}");
    user.save(
        "nowhere",
        &["--server", "127.0.0.1:1", "--secret", "s", "--key", "k"],
    );
    let there = [&ECHO[..], &["--context", "nowhere", "--server", &addr]].concat();
    assert!(answered(&user.run_with(&named, &there)));
    // What is shown is no secret.
    let shown = user.run(&["context", "show", "lab"]).text();
    let lines = [
        format!("server {addr}"),
        "secret hidden".into(),
        format!("key-file {key}"),
        "admin-secret hidden".into(),
    ];
    assert_eq!(shown, lines.join("\n") + "\n");
}

#[test]
fn one_is_selected_and_no_more() {
    let user = User::new("select");
    assert_eq!(user.list(), "");
    let server = Server::start(&["--secret", "s"]);
    let addr = server.addr.to_string();
    user.save("b", &["--server", &addr, "--secret", "s"]);
    user.save("a", &["--server", "127.0.0.1:1"]);
    assert_eq!(user.list(), "  a\n  b\n");
    assert_eq!(user.run(&["context", "select", "b"]).text(), "");
    assert_eq!(user.list(), "  a\n* b\n");
    assert!(answered(&user.run(&ECHO)));
    // A command that asks nobody has nothing of it.
    assert_eq!(user.run(&["decode"]).text(), "");
    // Neither has a server of one's own.
    let own = ["bench", "--self", "--secs", "0.1"];
    assert_eq!(user.run(&own).status, 0);
    refused(
        &user.run(&["bench", "--self", "--context", "b"]),
        "--self has no context",
    );
    refused(
        &user.run(&["context", "select", "c"]),
        "there is no context 'c'",
    );
    assert_eq!(user.list(), "  a\n* b\n");
    let removed = user.run(&["context", "remove", "b"]);
    assert_eq!((removed.status, removed.stdout.len()), (0, 0));
    let said = "netaio: b was selected: the commands use no context now\n";
    assert_eq!(removed.stderr, said);
    assert_eq!(user.list(), "  a\n");
    assert_eq!(user.run(&["context", "select", "a"]).text(), "");
    assert_eq!(user.run(&["context", "select"]).text(), "");
    assert_eq!(user.run(&["context", "select"]).text(), "");
    assert_eq!(user.list(), "  a\n");
}

#[test]
fn files_are_their_owners_and_replaced_as_a_whole() {
    let user = User::new("files");
    user.save("a", &["--secret", "hunter2", "--udp"]);
    user.save("a", &["--server", "h:1"]);
    assert_eq!(user.run(&["context", "show", "a"]).text(), "server h:1\n");
    let folder = format!("{}/netaio/contexts", user.config);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&user.file("a")), mode(&folder)), (0o600, 0o700));
        set_mode(&user.file("a"), 0o644);
        let ran = user.run(&["context", "show", "a"]);
        assert!(
            ran.stderr.contains("others may read or change the context"),
            "{ran:?}"
        );
    }
    // Another folder.
    let there = user.folder.path("there");
    let dir = ["--config-dir", &*there];
    let saved = user.run(&[&["context", "save", "x"], &dir[..]].concat());
    assert_eq!(saved.text(), format!("saved {there}/contexts/x.json\n"));
    assert_eq!(
        user.run(&[&["context", "list"], &dir[..]].concat()).text(),
        "  x\n"
    );
    assert_eq!(user.list(), "  a\n");
}

#[test]
fn what_is_no_context_is_refused() {
    let user = User::new("broken");
    let asks = |name: &str| user.run(&["request", "u", "--context", name]);
    refused(&asks("missing"), "there is no context 'missing' in ");
    let missing = [("NETAIO_CONTEXT", "missing")];
    refused(
        &user.run_with(&missing, &["request", "u"]),
        "there is no context 'missing'",
    );
    for args in [
        ["context", "show", "missing"],
        ["context", "remove", "missing"],
    ] {
        refused(&user.run(&args), "there is no context 'missing'");
    }
    for name in ["", "..", "../x", "a/b", ".a", "a b", "é"] {
        for args in [
            &["request", "u", "--context", name][..],
            &["context", "save", name],
            &["context", "remove", name],
        ] {
            let ran = user.run(args);
            assert_eq!(ran.status, 2, "{ran:?}");
            assert!(ran.stderr.contains("1 to 64 letters and digits"), "{ran:?}");
        }
        let named = [("NETAIO_CONTEXT", name)];
        refused(&user.run_with(&named, &["request", "u"]), "NETAIO_CONTEXT");
    }
    user.save("x", &[]);
    for (content, problem) in [
        ("", "line 1, column 0: it is no JSON"),
        ("{", "it is no JSON"),
        ("[]", "that is not what a context has"),
        ("{\"hunter2\": 1}", "that is not what a context has"),
        (
            "{\"secret\": \"hunter2\"}",
            "that is not what a context has",
        ),
        ("{\"udp\": \"hunter2\"}", "that is not what a context has"),
        (
            "{\"secret\": {\"text\": \"\"}}",
            "that is not what a context has",
        ),
        ("{\"server\": \"nonsense\"}", "an address is HOST:PORT"),
        ("{\"tls_cert\": \"/x\"}", "tls_cert and tls_key go together"),
        (&"x".repeat(300_000), "it is longer than"),
    ] {
        fs::write(user.file("x"), content).unwrap();
        let ran = asks("x");
        refused(&ran, problem);
        assert!(ran.stderr.contains("the context in "), "{ran:?}");
        assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
    }
    fs::write(user.file("x"), [0xff, 0]).unwrap();
    refused(&asks("x"), "it is no JSON");
    fs::remove_file(user.file("x")).unwrap();
    fs::create_dir(user.file("x")).unwrap();
    let ran = asks("x");
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("cannot read "), "{ran:?}");
    refused(
        &user.run(&["context", "save", "y", "--secret-file", "-"]),
        "a context cannot keep what comes from standard input",
    );
    // Nowhere to look.
    let nowhere = [("XDG_CONFIG_HOME", ""), ("HOME", "")];
    refused(
        &user.run_with(&nowhere, &["context", "list"]),
        "--config-dir does",
    );
    // Who has no folder has selected nothing.
    let null = [("XDG_CONFIG_HOME", "/dev/null")];
    for environment in [&nowhere[..], &null] {
        let ran = user.run_with(environment, &["request", "u", "--server", "127.0.0.1:1"]);
        assert_eq!(ran.status, 4, "{ran:?}");
    }
    // One that was selected, and is gone.
    user.save("z", &[]);
    user.run(&["context", "select", "z"]).output();
    fs::remove_file(user.file("z")).unwrap();
    let ran = user.run(&["request", "u"]);
    refused(&ran, "there is no context 'z'");
    assert!(
        ran.stderr.contains("`select` chooses another or none"),
        "{ran:?}"
    );
}

/// It may come later: the context is saved all the same.
#[test]
fn a_file_that_cannot_be_read_is_warned_of_when_its_context_is_saved() {
    let user = User::new("unread");
    let (missing, key) = (user.folder.path("missing"), user.folder.private("key", "k"));
    let folder = user.folder.path("");
    for (options, wanted) in [
        (
            &["--secret-file", &*missing, "--key-file", &key][..],
            Some(&missing),
        ),
        (&["--admin-secret-file", &missing], Some(&missing)),
        (&["--aead-file", &missing], Some(&missing)),
        (&["--identity-file", &missing], Some(&missing)),
        (&["--secret-file", &folder], Some(&folder)),
        // The one is made when a server is asked.
        (
            &["--identity-file", &key, "--known-servers", &missing],
            None,
        ),
        (&["--secret", "s"], None),
    ] {
        let ran = user.run(&[&["context", "save", "lab"], options].concat());
        let saved = format!("saved {}\n", user.file("lab"));
        assert_eq!((ran.status, &*ran.stdout), (0, saved.as_bytes()), "{ran:?}");
        match wanted {
            None => assert_eq!(ran.stderr, ""),
            Some(path) => {
                let warning = format!(
                    "netaio: warning: whoever uses the context needs {path}, which cannot be read: "
                );
                assert!(ran.stderr.starts_with(&warning), "{ran:?}");
                assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
            }
        }
    }
}

#[test]
fn who_names_no_context_hears_which_there_are() {
    let user = User::new("nameless");
    for what in ["show", "remove"] {
        let ran = user.run(&["context", what]);
        refused(
            &ran,
            "which context? there is none yet: `netaio context save NAME` makes one\n",
        );
    }
    user.save("lab", &[]);
    user.save("home", &[]);
    for what in ["show", "remove"] {
        let ran = user.run(&["context", what]);
        refused(&ran, "which context? there are: home, lab\n");
        assert!(
            ran.stderr.contains("`netaio context show NAME` prints one"),
            "{ran:?}"
        );
    }
    assert_eq!(user.list(), "  home\n  lab\n");
}

#[cfg(feature = "tls")]
#[test]
fn a_context_has_tls() {
    let user = User::new("tls");
    let made = user.folder.path("made");
    assert_eq!(user.run(&["keygen", "tls", &made]).status, 0);
    let [crt, key, ca] =
        ["server.crt", "server.key", "ca.crt"].map(|name| format!("{made}/{name}"));
    let server = Server::start(&["--tls-cert", &crt, "--tls-key", &key]);
    let addr = server.addr.to_string();
    user.save("tls", &["--server", &addr, "--ca", &ca]);
    assert!(answered(
        &user.run(&[&ECHO[..], &["--context", "tls"]].concat())
    ));
    let shown = user.run(&["context", "show", "tls"]).text();
    assert_eq!(shown, format!("server {addr}\ntls yes\nca {ca}\n"));
}
