//! Secrets and keys: from options, files, standard input and the environment.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::ffi::OsStr;

use common::folder::{Folder, set_mode};
use common::server::Server;
use common::{Ran, run, run_in};

/// What is sealed, and shown where it opens.
const LINE: &[u8] = br#"{"type": 3, "uri": "echo", "content": "hi"}"#;
const SHOWN: &str = r#"echo 2 bytes "hi""#;

/// A frame that is sealed with these options.
fn sealed(options: &[&str]) -> Vec<u8> {
    run(&[&["encode"], options].concat(), LINE).output()
}

/// Whether it opens with these options and this environment.
fn opens(frame: &[u8], environment: &[(&str, &str)], options: &[&str]) -> bool {
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| (*name, OsStr::new(*value)))
        .collect();
    let ran = run_in(&environment, &[&["decode"], options].concat(), frame);
    // The wrong key makes something else of it, or nothing.
    String::from_utf8_lossy(&ran.stdout).contains(SHOWN)
}

/// Checks a command that is refused: with the status of wrong usage, and one line that has this.
fn refused(ran: &Ran, text: &str) {
    assert_eq!((ran.status, &*ran.stdout), (2, &b""[..]), "{ran:?}");
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{ran:?}");
    assert!(lines[0].starts_with("netaio: "), "{ran:?}");
    assert!(lines[0].contains(text), "{ran:?}");
}

#[test]
fn a_secret_comes_from_its_option_else_its_file_else_the_environment() {
    let folder = Folder::new("precedence");
    for (what, variable) in [("secret", "NETAIO_SECRET"), ("key", "NETAIO_KEY")] {
        let option = format!("--{what}");
        let frame = sealed(&[&option, "right"]);
        let named = format!("--{what}-file");
        let right = folder.private("right", "right\n");
        let wrong = folder.private("wrong", "wrong\n");
        let opens = |value, options: &[&str]| opens(&frame, &[(variable, value)], options);
        assert!(opens("right", &[]));
        assert!(!opens("wrong", &[]));
        assert!(opens("wrong", &[&named, &right]));
        assert!(!opens("right", &[&named, &wrong]));
        assert!(opens("wrong", &[&option, "right"]));
        assert!(!opens("right", &[&option, "wrong"]));
        let both = run(&["decode", &option, "right", &named, &right], &frame);
        assert_eq!(both.status, 2, "{both:?}");
        assert!(both.stderr.contains("cannot be used with"), "{both:?}");
    }
}

#[test]
fn one_end_of_a_line_is_no_part_of_a_secret() {
    let folder = Folder::new("ends");
    let frame = sealed(&["--secret", "s"]);
    for (content, fits) in [
        (&b"s"[..], true),
        (b"s\n", true),
        (b"s\r\n", true),
        (b"s\n\n", false),
        (b" s\n", false),
    ] {
        let path = folder.private("secret", content);
        assert_eq!(opens(&frame, &[], &["--secret-file", &path]), fits);
    }
    // Any bytes are a secret.
    let bytes = [0, 0xff, b'\n', 0x80];
    let path = folder.private("bytes", bytes);
    let frame = sealed(&["--secret-file", &path]);
    assert!(opens(&frame, &[], &["--secret-file", &path]));
    assert!(!opens(&frame, &[], &["--secret", "s"]));
}

#[test]
fn standard_input_is_read_once() {
    let folder = Folder::new("stdin");
    let server = Server::start(&["--secret", "s", "--admin-secret", "a"]);
    let addr = server.addr.to_string();
    let ask = |args: &[&str], input: &str| {
        let ran = run(&[args, &["--server", &addr]].concat(), input.as_bytes());
        (ran.status, String::from_utf8(ran.stdout).unwrap())
    };
    let hi = ["request", "echo", "--content", "hi"];
    let asked = ask(&[&hi[..], &["--secret-file", "-"]].concat(), "s\n");
    assert_eq!(asked, (0, "hi".to_owned()));
    // The content is another file's then.
    let content = folder.private("content", "from a file");
    let secret = folder.private("secret", "s");
    let create = ["create", "a", "--secret-file", &secret];
    let options = ["--file", &content, "--admin-secret-file", "-"];
    let created = ask(&[&create[..], &options].concat(), "a");
    assert_eq!(created, (0, "stored".to_owned()));
    for (args, both) in [
        (
            &["request", "u", "--secret-file=-", "--key-file=-"][..],
            "the secret and the key",
        ),
        (
            &["create", "u", "--file=-", "--admin-secret-file=-"],
            "the content and the admin's secret",
        ),
        (
            &["decode", "--secret-file", "-"],
            "the frames and the secret",
        ),
        (&["encode", "--key-file", "-"], "the lines and the key"),
    ] {
        let text = format!("standard input is read once, and both {both} are to come from it");
        refused(&run(args, b"s"), &text);
    }
}

#[test]
fn what_is_no_secret_is_refused() {
    let folder = Folder::new("refused");
    let decode = |path: &str| run(&["decode", "--secret-file", path], b"");
    let long = folder.private("long", "x".repeat(4097));
    refused(&decode(&long), "longer than 4096 bytes");
    let longest = folder.private("longest", "x".repeat(4096) + "\r\n");
    assert_eq!(decode(&longest).output(), b"");
    for content in ["", "\n", "\r\n"] {
        let empty = folder.private("empty", content);
        refused(&decode(&empty), &format!("{empty} is empty"));
    }
    let missing = folder.path("missing");
    for (option, what, kind) in [
        ("--secret-file", "the secret", "secret"),
        ("--aead-file", "the AEAD key", "aead"),
    ] {
        let ran = run(&["decode", option, &missing], b"");
        let said = format!("netaio: cannot read {what} from {missing}: No such file");
        let advice = format!("\n        `netaio keygen {kind}` makes such a file");
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.starts_with(&said), "{ran:?}");
        assert!(ran.stderr.contains(&advice), "{ran:?}");
    }
    let here = folder.path("");
    refused(
        &decode(&here),
        &format!("cannot read the secret from {here}"),
    );
    refused(
        &run(&["request", "u", "--key-file", "-"], b""),
        "the key in standard input is empty",
    );
    // What was typed is not shown.
    let typed = "x".repeat(4097);
    let ran = run(&["decode", "--secret", &typed], b"");
    refused(&ran, "the secret in --secret is longer than 4096 bytes");
    assert!(!ran.stderr.contains("xxx"));
    let empty = [("NETAIO_SECRET", OsStr::new(""))];
    refused(
        &run_in(&empty, &["decode"], b""),
        "the secret in the environment's NETAIO_SECRET is empty",
    );
    let long = [("NETAIO_ADMIN_SECRET", OsStr::new(&*typed))];
    let ran = run_in(&long, &["create", "u", "--content", "c"], b"");
    refused(&ran, "NETAIO_ADMIN_SECRET is longer");
    assert!(!ran.stderr.contains("xxx"));
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_is_warned_of() {
    let folder = Folder::new("others");
    let frame = sealed(&["--secret", "s"]);
    for (mode, is_warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        let path = folder.private("secret", "s\n");
        set_mode(&path, mode);
        let ran = run(&["decode", "--secret-file", &path], &frame);
        assert_eq!(ran.status, 0, "{ran:?}");
        let warning = format!(
            "netaio: warning: others may read or change the secret in {path} (mode {mode:o}): chmod 600\n"
        );
        let expected = if is_warned { &*warning } else { "" };
        assert_eq!(ran.stderr, expected);
    }
}

/// A pipe is nobody else's, and is read to its end.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_may_have_the_secret() {
    let folder = Folder::new("pipe");
    let frame = sealed(&["--secret", "s"]);
    let path = folder.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    set_mode(&path, 0o644);
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, "s\n").unwrap()
    });
    assert!(opens(&frame, &[], &["--secret-file", &path]));
    writer.join().unwrap();
    // One without an end.
    let ran = run(&["decode", "--secret-file", "/dev/zero"], &frame);
    refused(&ran, "the secret in /dev/zero is longer than 4096 bytes");
}

/// One that waits for a secret ends as any other command does.
#[cfg(target_os = "linux")]
#[test]
fn a_command_that_waits_for_a_secret_can_be_interrupted() {
    let mut child = common::start(&["subscribe", "u", "--secret-file", "-"]);
    let stdin = child.stdin.take();
    common::kill(&child, "-INT");
    let status = child.wait().unwrap();
    assert!(!status.success());
    drop(stdin);
}

#[test]
fn no_log_has_a_secret() {
    let folder = Folder::new("log");
    let path = folder.private("secret", "hunter2");
    let server = Server::start(&["--secret-file", &path, "--admin-secret", "hunter3"]);
    let addr = server.addr.to_string();
    let args = [
        "create",
        "u",
        "--content=c",
        "-vv",
        "--server",
        &addr,
        "--secret-file",
    ];
    for admin in ["hunter3", "hunter4"] {
        let ran = run(
            &[&args[..], &[&path, "--admin-secret", admin]].concat(),
            b"",
        );
        assert_eq!(ran.status == 0, admin == "hunter3", "{ran:?}");
        assert!(!ran.stderr.contains("hunter"), "{ran:?}");
    }
}
