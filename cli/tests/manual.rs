//! `netaio completions`, `netaio man`, the examples in the help, and the statuses.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::server::Server;
use common::{kill, run, start};

/// The first examples, in the order in which each needs what those before it have done.
const NAMES: &[&str] = &[
    "serve",
    "create",
    "request",
    "update",
    "watch",
    "publish",
    "subscribe",
    "delete",
    "ping",
    #[cfg(feature = "top")]
    "top",
    "bench",
    "encode",
    "decode",
    "node",
    "store",
    "context",
    "keygen",
    "completions",
    "man",
];

/// A directory that is removed at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("netaio-{name}-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        Self(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The examples of a subcommand, as its help has them.
fn examples(name: &str) -> Vec<String> {
    let help = run(&[name, "--help"], b"").text();
    let (_, examples) = help
        .split_once("\nExample")
        .unwrap_or_else(|| panic!("{help}"));
    let lines = examples
        .lines()
        .filter_map(|line| line.strip_prefix("    "));
    lines.map(str::to_owned).collect()
}

/// Starts an example, with the server where it is.
fn start_example(line: &str, server: &Server, place: &Path) -> Child {
    let script = format!(
        r#"netaio() {{
            case "$1" in
                create|request|update|watch|publish|subscribe|delete|ping)
                    exec "$NETAIO" "$@" --server "$SERVER" ;;
                node) exec "$NETAIO" "$@" ;;
                *) "$NETAIO" "$@" ;;
            esac
        }}
        {line}"#
    );
    Command::new("bash")
        .args(["-c", &script])
        .current_dir(place)
        .env("NETAIO", env!("CARGO_BIN_EXE_netaio"))
        .env("SERVER", server.addr.to_string())
        // No context of whoever runs the tests, and none for them.
        .env("XDG_CONFIG_HOME", place)
        .env_remove("NETAIO_CONTEXT")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Each subcommand's first example works, as a reader of the help would try it.
#[test]
fn the_first_examples_do_what_they_say() {
    let help = run(&["--help"], b"").text();
    let listed = help.split_once("Commands:").unwrap().1;
    let listed = listed.split_once("Options:").unwrap().0;
    let listed = listed.lines().filter_map(|line| line.strip_prefix("  "));
    let mut listed: Vec<_> = listed
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    let mut names = NAMES.to_vec();
    listed.sort_unstable();
    names.sort_unstable();
    // Whoever adds a subcommand says here what its example needs.
    listed.retain(|name| !ELSEWHERE.contains(name));
    assert_eq!(listed, names);
    let place = Place::new("examples");
    let server = Server::start_on(&["tcp", "metrics"], &[]);
    let metrics = server.metrics.unwrap().to_string();
    let server_at = server.addr.to_string();
    for name in NAMES {
        let line = &examples(name)[0];
        if *name == "serve" {
            // It goes on, as the one that is asked here does, which has another port.
            assert_eq!(line, "netaio serve");
            continue;
        }
        let line = &match *name {
            // The server here has another address for it.
            "top" => line.replace("127.0.0.1:9100", &metrics) + " --once",
            _ => line.clone(),
        };
        let mut child = start_example(line, &server, &place.0);
        if *name == "subscribe" {
            let publish = ["publish", "news", "--server", &server_at];
            while run(&publish, b"").stdout != b"1" {}
        }
        if *name == "node" {
            let mut said = child.stderr.take().unwrap();
            said.read_exact(&mut [0; 5]).unwrap();
            kill(&child, "-TERM");
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {said}");
        let printed = String::from_utf8_lossy(&output.stdout);
        let wanted = match *name {
            "create" | "update" => "stored",
            "request" => "hello",
            "watch" => "good morning\n",
            "publish" => "0",
            "subscribe" => "\n",
            "delete" => "deleted",
            "decode" => "REQUEST_URI echo 2 bytes \"hi\"\n",
            _ => continue,
        };
        assert_eq!(printed, wanted, "{line}");
    }
    assert!(place.0.join("man1/netaio-decode.1").exists());
}

/// Subcommands whose examples are tried by tests of their own.
const ELSEWHERE: &[&str] = &[];

#[test]
fn shells_understand_their_completions() {
    let place = Place::new("completions");
    for (shell, check) in [
        ("bash", &["bash", "-n"][..]),
        ("zsh", &["zsh", "-n"]),
        ("fish", &["fish", "--no-execute"]),
        ("elvish", &[]),
        ("powershell", &[]),
    ] {
        let script = run(&["completions", shell], b"").text();
        for word in ["subscribe", "no-reconnect"] {
            assert!(script.contains(word), "{shell} does not know of {word}");
        }
        let path = place.0.join(shell);
        fs::write(&path, script).unwrap();
        let [program, args @ ..] = check else {
            continue;
        };
        // Not every machine has every shell.
        if let Ok(output) = Command::new(program).args(args).arg(&path).output() {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{shell}: {said}");
        }
    }
    assert_eq!(run(&["completions", "csh"], b"").status, 2);
}

/// What stands under a heading of the help is of that.
#[test]
fn options_stand_under_their_headings() {
    let headings: [(&str, &[&str]); 5] = [
        (
            "Secrets and keys:",
            &["secret", "key", "admin", "aead", "plain-uri"],
        ),
        ("X25519:", &["identity", "server-key", "known-"]),
        ("TLS:", &["tls", "ca "]),
        ("Contexts:", &["context", "config-dir"]),
        ("NATS:", &["nats"]),
    ];
    let mut seen = 0;
    for name in NAMES {
        let help = run(&[name, "--help"], b"").text();
        let mut known = None;
        for line in help.lines() {
            if !line.is_empty() && !line.starts_with(' ') {
                let mut headings = headings.iter();
                known = headings.find(|(heading, _)| *heading == line);
            }
            // Its name stands at the left, behind the short one.
            let item = line.strip_prefix("      --");
            let item = item.or_else(|| line.strip_prefix("  [").map(|_| line));
            if let (Some((heading, names)), Some(item)) = (known, item) {
                seen += 1;
                let is_known = names.iter().any(|name| item.starts_with(name));
                assert!(is_known, "{name}: {line} under {heading}");
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn each_subcommand_has_a_page_of_the_manual() {
    let place = Place::new("manual");
    let directory = place.0.join("share/man1");
    let ran = run(&["man", directory.to_str().unwrap()], b"");
    assert_eq!((ran.status, ran.stdout.len()), (0, 0), "{}", ran.stderr);
    let pages = fs::read_dir(&directory).unwrap().count();
    assert!(pages > NAMES.len() + ELSEWHERE.len(), "{pages}");
    assert!(directory.join("netaio-keygen-secret.1").exists());
    for name in NAMES {
        let path = directory.join(format!("netaio-{name}.1"));
        let page = fs::read_to_string(&path).unwrap();
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES"] {
            let heading = page.lines().any(|line| {
                line.strip_prefix(".SH ").map(|text| text.trim_matches('"')) == Some(section)
            });
            assert!(heading, "{name} has no {section}: {page}");
        }
        assert!(
            page.contains(&format!("netaio {name}").replace('-', "\\-")),
            "{page}"
        );
        // As it is read, where there is a reader.
        let mut read = Command::new("man");
        let read = read.args(["--warnings", "-l"]).arg(&path);
        if let Ok(output) = read_page(read) {
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(said, "", "{name}");
        }
    }
    // A file is no directory.
    fs::write(place.0.join("file"), "").unwrap();
    let file = place.0.join("file/man1");
    let ran = run(&["man", file.to_str().unwrap()], b"");
    assert!(ran.error().starts_with("cannot write "), "{ran:?}");
}

fn read_page(command: &mut Command) -> std::io::Result<std::process::Output> {
    command
        .env("MANPAGER", "cat")
        .env("LC_ALL", "C.UTF-8")
        .output()
}

/// The table of the manual is what the command does.
#[test]
fn the_statuses_are_those_of_the_manual() {
    let place = Place::new("statuses");
    run(&["man", place.0.to_str().unwrap()], b"");
    let page = fs::read_to_string(place.0.join("netaio.1")).unwrap();
    let (_, table) = page.split_once(".SH \"EXIT STATUS\"").unwrap();
    let table = table.split(".SH").next().unwrap();
    let statuses = table.lines().filter_map(|line| line.strip_prefix("\\fB"));
    let statuses: Vec<_> = statuses
        .filter_map(|line| line.split('\\').next())
        .collect();
    assert_eq!(statuses, ["0", "1", "2", "3", "4", "128+N"]);

    let server = Server::start(&[]);
    let server = server.addr.to_string();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let nowhere = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let hung_up = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs_up = hung_up.local_addr().unwrap().to_string();
    std::thread::spawn(move || hung_up.accept().map(drop));
    for (status, args) in [
        (0, &["decode"][..]),
        (0, &["request", "echo", "--server", &server]),
        (1, &["request", "missing", "--server", &server]),
        (1, &["decode", "/nowhere/at/all"]),
        (1, &["serve", "--tcp", &server]),
        (2, &["request"]),
        (
            2,
            &["request", "a", "--file", "/nowhere", "--server", &server],
        ),
        (
            3,
            &[
                "request",
                "a",
                "--udp",
                "--timeout",
                "0.1",
                "--server",
                &silent,
            ],
        ),
        (4, &["request", "a", "--udp", "--server", &nowhere]),
        (4, &["request", "a", "--server", &nowhere]),
        (4, &["request", "a", "--server", &hangs_up]),
    ] {
        let ran = run(args, b"");
        assert_eq!(ran.status, status, "{args:?}: {}", ran.stderr);
    }
    // A signal ends those that take no leave, which a shell says as 128 and its number.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut child = start(&["request", "a", "--server", &address]);
    let _connection = listener.accept().unwrap();
    kill(&child, "-TERM");
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}
