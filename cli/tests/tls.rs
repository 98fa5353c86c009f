//! TLS: whom the command believes, and what it shows.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::ffi::OsStr;
use std::net::SocketAddr;

use common::folder::{Folder, set_mode};
use common::server::Server;
use common::subscriber::Subscriber;
use common::{Ran, run, run_in};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};

#[test]
fn a_certificate_may_vouch_for_itself() {
    let folder = Folder::new("itself");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = folder.private("crt", made.cert.pem());
    let key = folder.private("key", made.signing_key.serialize_pem());
    let server = Server::start(&["--tls-cert", &certificate, "--tls-key", &key]);
    assert!(answered(&ask(server.addr, &["--ca", &certificate])));
    // Both may be in one file.
    let both = [&certificate, &key].map(|path| std::fs::read_to_string(path).unwrap());
    let both = folder.private("both", both.concat());
    let server = Server::start(&["--tls-cert", &both, "--tls-key", &both]);
    assert!(answered(&ask(server.addr, &["--ca", &both])));
}

/// Authorities, and who is of which, in files.
struct Files {
    folder: Folder,
    ca: String,
    server: [String; 2],
    client: [String; 2],
    stranger: [String; 2],
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("authority {name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl Files {
    fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let (known, unknown) = (authority("one"), authority("two"));
        let make = |name: &str, names: &[&str], issuer: &CertifiedIssuer<'static, KeyPair>| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(names).unwrap();
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ClientAuth,
                ExtendedKeyUsagePurpose::ServerAuth,
            ];
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, issuer).unwrap();
            [
                folder.private(&format!("{name}.crt"), certificate.pem()),
                folder.private(&format!("{name}.key"), key.serialize_pem()),
            ]
        };
        let server = make("server", &["127.0.0.1", "netaio.example"], &known);
        let client = make("client", &["client"], &known);
        let stranger = make("stranger", &["127.0.0.1"], &unknown);
        let ca = folder.private("ca.crt", known.pem());
        Self {
            ca,
            server,
            client,
            stranger,
            folder,
        }
    }

    fn serve(&self, options: &[&str]) -> Server {
        let [certificate, key] = &self.server;
        let tls = ["--tls-cert", certificate, "--tls-key", key];
        Server::start(&[&tls[..], options].concat())
    }
}

fn ask(addr: SocketAddr, options: &[&str]) -> Ran {
    let addr = addr.to_string();
    let args = ["request", "echo", "--content", "hi", "--server", &addr];
    run(&[&args[..], options].concat(), b"")
}

fn answered(ran: &Ran) -> bool {
    assert_eq!(ran.status == 0, ran.stdout == b"hi", "{ran:?}");
    ran.status == 0
}

#[test]
fn clients_and_servers_speak_tls() {
    let files = Files::new("speak");
    let server = files.serve(&["--secret", "s"]);
    let tls = ["--ca", &files.ca, "--secret", "s"];
    assert!(answered(&ask(server.addr, &tls)));
    assert!(answered(&ask(
        server.addr,
        &[&tls[..], &["--tls", "--tls-name", "netaio.example"]].concat()
    )));
    // What is inside is netaio, with its layers.
    let wrong = ask(server.addr, &["--ca", &files.ca, "--secret", "t"]);
    assert_eq!(wrong.status, 1, "{wrong:?}");
    // All commands that ask.
    let addr = server.addr.to_string();
    let of = [&["--server", &addr], &tls[..]].concat();
    let mut subscriber = Subscriber::start(&[&["a"][..], &of].concat());
    let created = run(&[&["create", "a", "--content", "1"], &of[..]].concat(), b"");
    assert_eq!(created.status, 0, "{created:?}");
    assert_eq!(subscriber.line(), "1\n");
    let bench = ["bench", "--secs", "0.2", "--connections", "2"];
    let bench = run(&[&bench[..], &of].concat(), b"");
    assert_eq!(bench.status, 0, "{bench:?}");
}

#[test]
fn whoever_is_not_the_server_is_not_asked() {
    let files = Files::new("believe");
    let server = files.serve(&[]);
    let refused = |options: &[&str], text: &str, advice: &str| {
        let ran = ask(server.addr, options);
        assert_eq!((ran.status, &*ran.stdout), (4, &b""[..]), "{ran:?}");
        let lines: Vec<_> = ran.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{ran:?}");
        assert!(lines[0].starts_with("netaio: cannot connect"), "{ran:?}");
        assert!(lines[0].contains(text), "{ran:?}");
        assert!(lines[1].contains(advice), "{ran:?}");
    };
    refused(
        &["--ca", &files.stranger[0]],
        "invalid peer certificate: UnknownIssuer",
        "--ca names a file",
    );
    refused(
        &["--ca", &files.ca, "--tls-name", "other.example"],
        "certificate not valid for name \"other.example\"",
        "--tls-name says",
    );
    // The system's authorities are other ones.
    let system = [("SSL_CERT_FILE", OsStr::new(&*files.stranger[0]))];
    let addr = server.addr.to_string();
    let args = ["request", "echo", "--tls", "--server", &addr];
    let ran = run_in(&system, &args, b"");
    assert_eq!(ran.status, 4, "{ran:?}");
    assert!(ran.stderr.contains("UnknownIssuer"), "{ran:?}");
    let system = [("SSL_CERT_FILE", OsStr::new(&*files.ca))];
    assert_eq!(run_in(&system, &args, b"").status, 0);
    // A server without TLS.
    let plain = Server::start(&[]);
    let ran = ask(plain.addr, &["--ca", &files.ca, "--timeout", "5"]);
    assert_eq!(ran.status, 4, "{ran:?}");
    assert!(ran.stderr.contains("netaio: cannot connect"), "{ran:?}");
    assert!(ran.stderr.contains("does the server speak TLS?"), "{ran:?}");
    // And a client without it: the server goes on.
    let ran = ask(server.addr, &["--timeout", "5"]);
    assert_eq!(ran.status, 4, "{ran:?}");
    assert!(ran.stderr.contains("is asked with --tls"), "{ran:?}");
    assert!(answered(&ask(server.addr, &["--ca", &files.ca])));
}

#[test]
fn a_client_shows_its_certificate_where_one_is_wanted() {
    let files = Files::new("client");
    let server = files.serve(&["--tls-client-ca", &files.ca]);
    let ca = ["--ca", &files.ca];
    let shown = |[certificate, key]: &[String; 2]| {
        let own = ["--tls-cert", certificate, "--tls-key", key];
        ask(server.addr, &[&ca[..], &own].concat())
    };
    assert!(answered(&shown(&files.client)));
    let none = ask(server.addr, &ca);
    // A reset may come before the server's reason.
    if none.stderr.contains("CertificateRequired") {
        let advice = "--tls-cert and --tls-key show one";
        assert!(none.stderr.contains(advice), "{none:?}");
    }
    for ran in [shown(&files.stranger), none] {
        assert!(!answered(&ran), "{ran:?}");
        assert_eq!(ran.status, 4, "{ran:?}");
        assert!(ran.stderr.starts_with("netaio: "), "{ran:?}");
    }
}

#[test]
fn files_that_are_not_what_they_are_to_be_are_refused() {
    let files = Files::new("files");
    let folder = &files.folder;
    let [certificate, key] = &files.server;
    let refused = |args: &[&str], text: &str| {
        let ran = run(args, b"");
        assert_eq!((ran.status, &*ran.stdout), (2, &b""[..]), "{ran:?}");
        let line = ran.stderr.strip_suffix('\n').unwrap();
        assert!(
            line.starts_with("netaio: ") && !line.contains('\n'),
            "{line}"
        );
        assert!(line.contains(text), "{line}");
    };
    let serve = |certificate: &str, key: &str, text: &str| {
        let pair = ["--tls-cert", certificate, "--tls-key", key];
        refused(
            &[&["serve", "--tcp", "127.0.0.1:0"], &pair[..]].concat(),
            text,
        );
    };
    let missing = folder.path("missing");
    serve(
        &missing,
        key,
        &format!("cannot read the server's certificate from {missing}: No such file"),
    );
    serve(
        certificate,
        &folder.path(""),
        "cannot read the server's key",
    );
    serve(key, key, "there is no line -----BEGIN CERTIFICATE-----");
    serve(
        certificate,
        certificate,
        "there is no line -----BEGIN PRIVATE KEY-----",
    );
    let empty = folder.private("empty", "");
    serve(&empty, key, "there is no line -----BEGIN CERTIFICATE-----");
    let binary = folder.private("binary", [0xff, 0, b'\n', 0x80]);
    serve(&binary, key, "there is no line -----BEGIN CERTIFICATE-----");
    let cut = std::fs::read_to_string(certificate).unwrap();
    let cut = folder.private("cut", &cut[..cut.len() / 2]);
    serve(
        &cut,
        key,
        &format!("{cut} has not the server's certificate: "),
    );
    let no_base64 = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let no_base64 = folder.private("no-base64", no_base64);
    serve(&no_base64, key, "has not the server's certificate: ");
    let no_der = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
    let no_der = folder.private("no-der", no_der);
    serve(&no_der, key, &format!("{no_der}: "));
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nQUJD\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = folder.private("encrypted", encrypted);
    serve(certificate, &encrypted, "the key is encrypted");
    let other = format!("{certificate}: --tls-key names the key of another certificate");
    serve(certificate, &files.client[1], &other);
    serve("/dev/zero", key, "is longer than 1 MiB");
    let request = |options: &[&str], text: &str| {
        refused(&[&["request", "u"], options].concat(), text);
    };
    request(
        &["--ca", &empty],
        "there is no line -----BEGIN CERTIFICATE-----",
    );
    request(
        &["--ca", &no_der],
        "has not the certificates of authorities",
    );
    let ca = ["--ca", &files.ca];
    request(&[&ca[..], &["--tls-name", "a b"]].concat(), "and not 'a b'");
    request(&[&ca[..], &["--udp"]].concat(), "TLS is for TCP");
    request(
        &[&ca[..], &["--runtime", "smol"]].concat(),
        "--runtime tokio",
    );
    let nowhere = folder.path("nowhere");
    std::fs::create_dir(&nowhere).unwrap();
    let system = [
        ("SSL_CERT_FILE", OsStr::new(&*empty)),
        ("SSL_CERT_DIR", OsStr::new(&*nowhere)),
    ];
    let ran = run_in(&system, &["request", "u", "--tls"], b"");
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.stderr.contains("--ca names a file"), "{ran:?}");
    for (args, text) in [
        (&["serve", "--tls-cert", certificate][..], "--tls-key"),
        (&["serve", "--tls-client-ca", certificate], "--tls-cert"),
        (&["request", "u", "--tls-key", key], "--tls-cert"),
        (&["bench", "--self", "--tls"], "--self has no TLS"),
        (
            &[
                "serve",
                "--udp",
                "127.0.0.1:0",
                "--tls-cert",
                certificate,
                "--tls-key",
                key,
            ],
            "TLS is for TCP",
        ),
    ] {
        let ran = run(args, b"");
        assert_eq!(ran.status, 2, "{args:?} {ran:?}");
        assert!(ran.stderr.contains(text), "{args:?} {ran:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_is_warned_of() {
    let files = Files::new("warned");
    let [certificate, key] = &files.client;
    set_mode(key, 0o644);
    // Nobody listens there.
    let args = ["request", "u", "--server", "127.0.0.1:1", "--ca", &files.ca];
    let own = ["--tls-cert", certificate, "--tls-key", key];
    let ran = run(&[&args[..], &own].concat(), b"");
    let text = "netaio: warning: others may read or change the certificate's key in ";
    assert!(ran.stderr.starts_with(text), "{ran:?}");
}
