//! What the command says where systemd's journal reads it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::io::{BufRead, BufReader, PipeReader};
use std::process::{Child, Command, Stdio};

use common::folder::{Folder, set_mode};
use common::{run, stop};

/// Starts the command with standard error in a pipe that is the journal's, or is another one.
fn start(args: &[&str], is_journal: bool) -> (Child, BufReader<PipeReader>) {
    let (reader, writer) = std::io::pipe().unwrap();
    let about = rustix::fs::fstat(&writer).unwrap();
    let (device, number) = (about.st_dev, about.st_ino + u64::from(!is_journal));
    let child = Command::new("env")
        .args(["--default-signal=TERM", env!("CARGO_BIN_EXE_netaio")])
        .args(args)
        .env("JOURNAL_STREAM", format!("{device}:{number}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(writer)
        .spawn()
        .unwrap();
    (child, BufReader::new(reader))
}

fn lines(said: BufReader<PipeReader>) -> Vec<String> {
    said.lines().map(Result::unwrap).collect()
}

#[test]
fn the_journal_hears_how_grave_a_line_is_and_no_time() {
    let folder = Folder::new("journal");
    let secret = folder.private("secret", "s");
    set_mode(&secret, 0o644);
    for is_journal in [true, false] {
        let args = [
            "serve",
            "--tcp",
            "127.0.0.1:0",
            "--secret-file",
            &secret,
            "-vv",
        ];
        let (mut child, said) = start(&args, is_journal);
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let address = line.trim_end().rsplit_once(' ').unwrap().1;
        // Its connection is logged.
        let options = ["--server", address, "--secret-file", &secret];
        let asked = run(
            &[&["request", "echo", "--content", "hi"], &options[..]].concat(),
            b"",
        );
        assert_eq!(asked.stdout, b"hi", "{asked:?}");
        assert_eq!(stop(&mut child, "-TERM"), Some(0));
        let lines = lines(said);
        let warning = if is_journal {
            "<4>netaio: warning: "
        } else {
            "netaio: warning: "
        };
        assert!(lines[0].starts_with(warning), "{lines:?}");
        for line in &lines[1..] {
            let has_level = line.starts_with("<6>INFO ") || line.starts_with("<7>DEBUG ");
            let has_time = line.starts_with("20") && line.contains("Z ");
            assert_eq!((has_level, has_time), (is_journal, !is_journal), "{line}");
        }
        assert!(lines.iter().any(|line| line.contains("DEBUG")), "{lines:?}");
    }
}

#[test]
fn each_line_of_an_error_is_one_in_the_journal() {
    for (args, status, wanted) in [
        (
            &["serve", "--no-such"][..],
            2,
            "<3>error: unexpected argument",
        ),
        (
            &["serve", "--tcp", "127.0.0.1:0", "--store", "/"],
            1,
            "<3>netaio: the store /: ",
        ),
    ] {
        let (mut child, said) = start(args, true);
        assert_eq!(child.wait().unwrap().code(), Some(status));
        let lines = lines(said);
        assert!(lines[0].starts_with(wanted), "{lines:?}");
        assert!(lines.len() > 1, "{lines:?}");
        assert!(
            lines.iter().all(|line| line.starts_with("<3>")),
            "{lines:?}"
        );
    }
}
