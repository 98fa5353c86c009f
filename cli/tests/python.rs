//! The command and the real Python package, each with the other.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use common::folder::Folder;
use common::server::Server;
use common::{RUNTIMES, json_lines, run};
use netaio_tests::python::{
    Inner, Op, Outer, Python, PythonClient, PythonError, PythonServer, ServerOptions,
};

type Result = std::result::Result<(), PythonError>;

/// Both sides' plugins in every combination, on every runtime, with what the
/// command is told.
fn combinations() -> Vec<(Outer, Vec<&'static str>)> {
    let (secret, key) = (Some("s e c r e t".to_owned()), Some("key".to_owned()));
    let outer = |secret: &Option<String>, key: &Option<String>, plain_uri| Outer {
        secret: secret.clone(),
        key: key.clone(),
        plain_uri,
    };
    let layers = [
        (outer(&None, &None, false), vec![]),
        (
            outer(&secret, &None, false),
            vec!["--secret", "s e c r e t"],
        ),
        (outer(&None, &key, false), vec!["--key", "key"]),
        (
            outer(&None, &key, true),
            vec!["--key", "key", "--plain-uri"],
        ),
        (
            outer(&secret, &key, false),
            vec!["--secret", "s e c r e t", "--key", "key"],
        ),
    ];
    let on = |runtime: &&'static str| {
        let runtime = ["--runtime", runtime];
        let told = |(outer, options): (_, Vec<_>)| (outer, [&options[..], &runtime].concat());
        layers.clone().map(told)
    };
    RUNTIMES.iter().flat_map(on).collect()
}

#[test]
fn a_python_client_is_served() -> Result {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    for (outer, options) in combinations() {
        let server = Server::start(&[&options[..], &["--admin-secret", "admin"]].concat());
        let mut client = PythonClient::connect(&python, server.addr, &outer)?;
        let admin = Inner {
            secret: Some("admin".into()),
            key: None,
        };
        let none = Inner::default();
        let script = [
            (Op::Request, "echo", "hi", &none, ("RESPOND_URI", "hi")),
            (Op::Request, "a", "", &none, ("NOT_FOUND", "not found")),
            (Op::Create, "a", "1", &admin, ("OK", "stored")),
            (Op::Create, "a", "2", &admin, ("ERROR", "cannot overwrite")),
            (Op::Update, "a", "3", &admin, ("OK", "stored")),
            (Op::Request, "a", "", &none, ("RESPOND_URI", "3")),
            (Op::Delete, "a", "", &admin, ("OK", "deleted")),
            (Op::Delete, "a", "", &admin, ("NOT_FOUND", "not found")),
        ];
        for (op, uri, content, inner, (name, text)) in script {
            let answer = client.request_with(op, uri.as_bytes(), content.as_bytes(), inner)?;
            assert_eq!(
                answer.message()?,
                (name, text.as_bytes()),
                "{op:?} {uri} {options:?}"
            );
        }
        client.close()?;
    }
    Ok(())
}

#[test]
fn a_python_server_is_asked() -> Result {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    for (outer, options) in combinations() {
        let server = PythonServer::start(
            &python,
            &ServerOptions {
                outer,
                admin_secret: Some("admin".into()),
                inner: Inner::default(),
            },
        )?;
        let addr = server.addr.to_string();
        let ask = |args: &[&str]| {
            let common = ["--server", &addr, "--admin-secret", "admin"];
            run(&[args, &common, &options].concat(), b"")
        };
        let echo = ask(&["request", "echo", "--content", "hi"]);
        assert_eq!(
            (echo.status, &echo.stdout[..]),
            (0, &b"hi"[..]),
            "{}",
            echo.stderr
        );
        let script: [(&[&str], i32, &str); 7] = [
            (&["request", "a"], 1, "NOT_FOUND"),
            (&["create", "a", "--content", "1"], 0, "OK"),
            (&["create", "a", "--content", "2"], 1, "ERROR"),
            (&["update", "a", "--content", "3"], 0, "OK"),
            (&["request", "a"], 0, "RESPOND_URI"),
            (&["delete", "a"], 0, "OK"),
            (&["delete", "a"], 1, "NOT_FOUND"),
        ];
        for (args, status, name) in script {
            let ran = ask(&[args, &["--json"]].concat());
            assert_eq!(ran.status, status, "{args:?} {options:?}: {}", ran.stderr);
            let answer = &json_lines(&ran.stdout)[0];
            assert_eq!(
                (&answer["name"], &answer["uri"]),
                (&name.into(), &"a".into())
            );
            assert_eq!(answer["verified"], true);
        }
        server.stop();
    }
    Ok(())
}

/// Its secrets, here in files that an editor has written.
#[test]
fn files_have_pythons_secrets() -> Result {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let folder = Folder::new("python");
    let [secret, key, admin] = ["s e c r e t", "kéy", "admin"]
        .map(|text| (text, folder.private(text, format!("{text}\n"))));
    let outer = Outer {
        secret: Some(secret.0.into()),
        key: Some(key.0.into()),
        plain_uri: false,
    };
    let files = ["--secret-file", &secret.1, "--key-file", &key.1];
    let files = [&files[..], &["--admin-secret-file", &admin.1]].concat();
    let server = Server::start(&files);
    let mut client = PythonClient::connect(&python, server.addr, &outer)?;
    let inner = Inner {
        secret: Some(admin.0.into()),
        key: None,
    };
    let answer = client.request_with(Op::Create, b"a", b"1", &inner)?;
    assert_eq!(answer.message()?, ("OK", &b"stored"[..]));
    client.close()?;
    let server = PythonServer::start(
        &python,
        &ServerOptions {
            outer,
            admin_secret: Some(admin.0.into()),
            inner: Inner::default(),
        },
    )?;
    let addr = server.addr.to_string();
    let create = ["create", "a", "--content", "1", "--server", &addr];
    let created = run(&[&create[..], &files].concat(), b"");
    assert_eq!(created.status, 0, "{created:?}");
    server.stop();
    Ok(())
}
