//! Two people in pseudo-terminals find each other, talk, and leave.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod support;

use support::Meeting;
use support::lines::Lines;
use support::pty::Pty;

#[test]
fn two_people_find_each_other_talk_and_leave() {
    let meeting = Meeting::new("terminals");
    let mut alice = Pty::start(&meeting.arguments("alice", "127.0.0.1", "alice"));
    alice.sees("alice (you)");
    assert!(alice.is_raw());
    let mut bob = Pty::start(&meeting.arguments("bob", "127.0.0.2", "bob"));
    let shown = alice.sees("* bob is here, with a NEW key ");
    bob.sees("* alice is here, with a NEW key ");
    // The one whom Alice sees is the one that Bob says he is.
    let fingerprint = fingerprint(&bob.sees("bob (you)"), "bob (you)");
    assert!(
        shown.contains(&fingerprint),
        "{fingerprint} is not in\n{shown}"
    );

    alice.keys("good morning");
    alice.sees("> good morning");
    alice.keys("\r");
    bob.sees("alice: good morning");
    alice.sees("delivered to bob");
    // The end is changed, and then the beginning: left, delete, home, right, end.
    bob.keys("@alice hello\u{7f}\u{7f}yx\u{1b}[D\u{1b}[3~\u{1b}[H@\u{1b}[C\u{7f}\u{1b}[F!\r");
    alice.sees("bob to you: hely!");
    bob.sees("delivered to alice");
    bob.keys("@carol are you there?\r");
    bob.sees("nobody of that name is here");

    // Both send many at once.
    for number in 0..20 {
        alice.keys(&format!("a{number:02}.\r"));
        bob.keys(&format!("b{number:02}.\r"));
    }
    alice.sees("bob: b19.");
    bob.sees("alice: a19.");

    bob.keys("/quit\r");
    bob.end();
    alice.sees("* bob has left");
    alice.keys("\u{3}");
    alice.end();
}

#[test]
fn nothing_that_others_send_controls_the_terminal() {
    let meeting = Meeting::new("controls");
    let mut alice = Pty::start(&meeting.arguments("alice", "127.0.0.1", "alice"));
    alice.sees("alice (you)");
    let mut carol = Lines::start(&meeting.arguments("carol", "127.0.0.2", "carol"));
    carol.sees("alice is here");
    alice.sees("carol is here");
    carol.enter(b"\x1b[31mred\x1b]0;title\x07\x1b[2J\xc2\x9b2m\x08 end");
    alice.sees(r"carol: \u{1b}[31mred\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}2m\u{8} end");
    carol.sees("delivered to alice");
    carol.end();
    alice.sees("carol has left");
    alice.keys("\u{4}");
    let written = alice.end();
    let contains = |part: &[u8]| written.windows(part.len()).any(|window| window == part);
    assert!(contains(b"carol"));
    for sent in [
        &b"\x1b]0;"[..],
        b"\x07",
        b"\x08",
        b"\xc2\x9b",
        b"\x1b[31mred",
    ] {
        assert!(!contains(sent), "{sent:?} was written");
    }
}

#[test]
fn whose_terminal_is_closed_has_left() {
    let meeting = Meeting::new("closed");
    let mut alice = Pty::start(&meeting.arguments("alice", "127.0.0.1", "alice"));
    alice.sees("alice (you)");
    let bob = Pty::start(&meeting.arguments("bob", "127.0.0.2", "bob"));
    bob.sees("* alice is here");
    alice.sees("* bob is here");
    // It ends by itself, be it told so by the signal or by a write that fails.
    let status = bob.hang_up();
    assert!(status.code().is_some(), "{status}");
    alice.sees("* bob has left");
    alice.keys("\u{3}");
    alice.end();
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    for signal in ["-TERM", "-INT", "-HUP", "-QUIT"] {
        let meeting = Meeting::new("signals");
        let alice = Pty::start(&meeting.arguments("alice", "127.0.0.1", "alice"));
        alice.sees("alice (you)");
        // Nobody could have it go on, who is alone at a terminal.
        alice.kill("-TSTP");
        alice.kill(signal);
        alice.end();
    }
}

/// The shell has the terminal meanwhile, as it was.
#[test]
fn a_shell_has_it_stop_and_go_on() {
    let meeting = Meeting::new("jobs");
    let script = r#"set -m; "$0" "$@"; echo "status $?"; read -r line; fg >/dev/null"#;
    let shell = ["bash", "-c", script, support::PROGRAM].map(str::to_owned);
    let arguments = meeting.arguments("alice", "127.0.0.1", "alice");
    let mut alice = Pty::of(&[&shell[..], &arguments].concat());
    alice.sees("alice (you)");
    assert!(alice.is_raw());
    alice.keys("hel\u{1a}");
    // As 128 and the number of the signal that has stopped it: SIGSTOP.
    let shown = alice.sees("status 147");
    assert!(!alice.is_raw() && !shown.contains("alice (you)"), "{shown}");
    alice.keys("\r");
    alice.sees("> hel");
    alice.keys("lo");
    alice.sees("> hello");
    assert!(alice.is_raw());
    alice.keys("\u{3}");
    alice.end();
}

/// The fingerprint under somebody's name.
fn fingerprint(screen: &str, name: &str) -> String {
    let mut lines = screen.lines().skip_while(|line| !line.contains(name));
    let line = lines.nth(1).unwrap();
    let digits = |c: char| c.is_ascii_hexdigit() || c == ' ';
    let text = line.trim_start_matches(|c| !digits(c)).trim_start();
    text.split(|c| !digits(c)).next().unwrap().trim().to_owned()
}
