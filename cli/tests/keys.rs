//! Keys that the command makes, and the AEAD layer.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::ffi::OsStr;
use std::fs;

use common::folder::Folder;
use common::server::Server;
use common::subscriber::Subscriber;
use common::{RUNTIMES, Ran, run, run_in};

/// A file with a new key.
fn key(folder: &Folder, kind: &str, name: &str) -> String {
    let path = folder.path(name);
    run(&["keygen", kind, &path], b"").text();
    path
}

fn refused(ran: &Ran, status: i32, text: &str) {
    assert_eq!((ran.status, &*ran.stdout), (status, &b""[..]), "{ran:?}");
    assert!(ran.stderr.starts_with("netaio: "), "{ran:?}");
    assert!(ran.stderr.contains(text), "{ran:?}");
}

/// The public half of an identity is printed again, and the seed never.
#[test]
fn a_public_key_is_printed_again() {
    let folder = Folder::new("public");
    let path = folder.path("id");
    let made = run(&["keygen", "x25519", &path], b"").text();
    assert_eq!(run(&["keygen", "public", &path], b"").text(), made);
    let seed = fs::read(&path).unwrap();
    assert_eq!(run(&["keygen", "public", "-"], &seed).text(), made);
    let again = run(&["keygen", "x25519", &path], b"");
    refused(&again, 1, "is there already");
    assert!(again.stderr.contains("`netaio keygen public`"), "{again:?}");
    let missing = folder.path("missing");
    refused(
        &run(&["keygen", "public", &missing], b""),
        2,
        "cannot read the identity",
    );
    let none = folder.private("none", &made);
    refused(
        &run(&["keygen", "public", &none], b""),
        2,
        "is not 64 hexadecimal digits",
    );
}

#[test]
fn keys_are_their_owners_and_are_never_overwritten() {
    let folder = Folder::new("keygen");
    for (kind, says) in [
        ("secret", "fingerprint "),
        ("aead", "fingerprint "),
        ("x25519", "public-key "),
    ] {
        let path = folder.path(kind);
        let printed = run(&["keygen", kind, &path], b"").text();
        let public = printed.strip_prefix(says).unwrap().trim_end();
        assert!(public.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let made = fs::read_to_string(&path).unwrap();
        assert_eq!((made.len(), made.lines().count()), (65, 1));
        assert!(!made.contains(public));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        refused(
            &run(&["keygen", kind, &path], b""),
            1,
            &format!("{path} is there already"),
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), made);
        let nowhere = folder.path("no/where");
        let ran = run(&["keygen", kind, &nowhere], b"");
        refused(&ran, 1, &format!("cannot make {nowhere}: No such file"));
        let advice = "the folder above it has to be there";
        assert!(ran.stderr.contains(advice), "{ran:?}");
        refused(
            &run(&["keygen", kind, &folder.path("")], b""),
            1,
            "cannot make",
        );
    }
    // A link to nowhere is something too.
    #[cfg(unix)]
    {
        let link = folder.path("link");
        std::os::unix::fs::symlink(folder.path("target"), &link).unwrap();
        refused(&run(&["keygen", "aead", &link], b""), 1, "is there already");
    }
}

#[test]
fn standard_output_is_no_file_for_a_key() {
    for kind in ["secret", "aead", "x25519"] {
        let ran = run(&["keygen", kind, "-"], b"");
        assert_eq!((ran.status, &*ran.stdout), (2, &b""[..]), "{ran:?}");
        assert!(ran.stderr.contains("not on standard output"), "{ran:?}");
        assert!(!std::path::Path::new("-").exists());
    }
}

#[test]
fn a_secret_that_was_made_is_one() {
    let folder = Folder::new("secret");
    let secret = key(&folder, "secret", "secret");
    let server = Server::start(&["--secret-file", &secret]);
    let addr = server.addr.to_string();
    // As everybody reads it, Python among them.
    let text = fs::read_to_string(&secret).unwrap();
    let ask = ["request", "echo", "--content", "hi", "--server", &addr];
    let ran = run(&[&ask[..], &["--secret", text.trim_end()]].concat(), b"");
    assert_eq!(ran.stdout, b"hi", "{ran:?}");
}

#[test]
fn the_aead_layer_is_spoken_over_tcp_and_udp() {
    let folder = Folder::new("aead");
    let path = key(&folder, "aead", "key");
    let other = key(&folder, "aead", "other");
    for runtime in RUNTIMES {
        let options = ["--aead-file", &path, "--runtime", runtime];
        let server = Server::start_on(&["tcp", "udp"], &options);
        let (tcp, udp) = (server.addr.to_string(), server.udp.unwrap().to_string());
        for to in [&["--server", &*tcp][..], &["--udp", "--server", &udp]] {
            let ask = |args: &[&str], options: &[&str]| run(&[args, to, options].concat(), b"");
            let echo = ["request", "echo", "--content", "hi", "--timeout", "5"];
            let ran = ask(&echo, &options);
            assert_eq!((ran.status, &*ran.stdout), (0, &b"hi"[..]), "{ran:?}");
            let mut told = Subscriber::start(&[&["a"][..], to, &options].concat());
            let ran = ask(&["publish", "a", "--content", "news"], &options);
            assert_eq!(ran.status, 0, "{ran:?}");
            assert_eq!(told.line(), "news\n");
            // Over UDP such an error may be anybody's.
            let quick = ["request", "echo", "--timeout", "0.5"];
            for wrong in [&["--aead-file", &*other][..], &[]] {
                assert_ne!(ask(&quick, wrong).status, 0);
            }
        }
    }
}

#[test]
fn keys_change_while_nodes_run() {
    let folder = Folder::new("rotation");
    let [old, new] = ["old", "new"].map(|name| key(&folder, "aead", name));
    let server = Server::start(&["--aead-file", &old, "--aead-file", &new]);
    let addr = server.addr.to_string();
    let ask = |files: &[&str]| {
        let mut args = vec!["request", "echo", "--timeout", "1", "--server", &addr];
        for file in files {
            args.extend(["--aead-file", file]);
        }
        run(&args, b"").status
    };
    assert_eq!(ask(&[&old]), 0);
    // It seals with the old one, which this client does not open yet.
    assert_ne!(ask(&[&new]), 0);
    assert_eq!(ask(&[&new, &old]), 0);
}

#[test]
fn frames_are_sealed_and_opened_by_hand() {
    let folder = Folder::new("frames");
    let path = key(&folder, "aead", "key");
    let line = br#"{"type": 3, "uri": "u", "content": "hi"}"#;
    for to in ["server", "client", "node"] {
        let encode = ["encode", "--to", to, "--aead-file", &path];
        let frame = run(&encode, line).output();
        assert!(!frame.windows(2).any(|part| part == b"hi"));
        // Twice the same one.
        let frames = [&frame[..], &frame].concat();
        let shown = run(&["decode", "--aead-file", &path], &frames).text();
        assert_eq!(shown.matches(r#"u 2 bytes "hi""#).count(), 2, "{shown}");
        let other = key(&folder, "aead", &format!("not-{to}"));
        let ran = run(&["decode", "--aead-file", &other], &frames);
        refused(&ran, 1, "frame at byte 0: ");
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let folder = Folder::new("no-keys");
    let path = key(&folder, "aead", "key");
    let decode = |options: &[&str]| run(&[&["decode"], options].concat(), b"");
    for content in ["key", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64)] {
        let wrong = folder.private("wrong", content);
        let ran = decode(&["--aead-file", &wrong]);
        refused(&ran, 2, "is not 64 hexadecimal digits");
        assert!(!ran.stderr.contains("000") && !ran.stderr.contains("ggg"));
    }
    let text = fs::read_to_string(&path).unwrap();
    let given = [("NETAIO_AEAD", OsStr::new(text.trim_end()))];
    run_in(&given, &["decode"], b"").output();
    for (environment, args) in [
        (("NETAIO_SECRET", "s"), ["--aead-file", &path]),
        (("NETAIO_AEAD", text.trim_end()), ["--key", "k"]),
    ] {
        let environment = [(environment.0, OsStr::new(environment.1))];
        let ran = run_in(&environment, &[&["decode"], &args[..]].concat(), b"");
        refused(&ran, 2, "the AEAD layer stands in the place of");
    }
    let both = decode(&["--aead-file", &path, "--secret", "s"]);
    assert_eq!(both.status, 2, "{both:?}");
    assert!(both.stderr.contains("cannot be used with"), "{both:?}");
    let ran = run(&["request", "u", "--aead-file=-", "--aead-file=-"], b"");
    refused(&ran, 2, "standard input");
}

#[cfg(feature = "tls")]
#[test]
fn an_authority_of_ones_own_is_believed() {
    let folder = Folder::new("authority");
    let made = folder.path("tls");
    let printed = run(&["keygen", "tls", &made, "127.0.0.1", "a.example"], b"").text();
    assert_eq!(printed.lines().count(), 3, "{printed}");
    let file = |name: &str| format!("{made}/{name}");
    let before = fs::read(file("ca.key")).unwrap();
    #[cfg(unix)]
    for entry in fs::read_dir(&made).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        let is_key = entry.path().extension().is_some_and(|end| end == "key");
        assert!(!is_key || mode & 0o777 == 0o600, "{entry:?}");
    }
    let [ca, crt, key] = ["ca.crt", "server.crt", "server.key"].map(file);
    let serve = [
        "--tls-cert",
        &crt,
        "--tls-key",
        &key,
        "--tls-client-ca",
        &ca,
    ];
    let server = Server::start(&serve);
    let addr = server.addr.to_string();
    let [crt, key] = ["client.crt", "client.key"].map(file);
    let ask = ["request", "echo", "--content", "hi", "--server", &addr];
    let own = ["--ca", &ca, "--tls-cert", &crt, "--tls-key", &key];
    for name in [&["--tls-name", "a.example"][..], &[]] {
        let ran = run(&[&ask[..], &own, name].concat(), b"");
        assert_eq!((ran.status, &*ran.stdout), (0, &b"hi"[..]), "{ran:?}");
    }
    // Nothing is made anew, even where one file alone is there.
    fs::remove_file(file("ca.crt")).unwrap();
    let again = run(&["keygen", "tls", &made], b"");
    refused(&again, 1, &format!("{} is there already", file("ca.key")));
    assert!(fs::metadata(file("ca.crt")).is_err());
    assert_eq!(fs::read(file("ca.key")).unwrap(), before);
    for name in ["", "a b", "é", "a..b", "h:8888", "*.1.2.3.4"] {
        let ran = run(&["keygen", "tls", &folder.path("other"), name], b"");
        refused(&ran, 1, &format!("no certificate can be for '{name}'"));
        assert!(fs::metadata(folder.path("other")).is_err());
    }
}
