//! The programs in Python that our own pages show, against a server of ours.

use std::process::Command;

use netaio_core::plugin::HmacAuth;
use netaio_core::types::REQUEST_URI;
use netaio_tests::python::{Python, Result, Script};
use netaio_tokio::{Content, Server};
use tokio::task::spawn_blocking;

const README: &str = include_str!("../../../README.md");
const FROM_PYTHON: &str = include_str!("../../../driver-tokio/guide/from-python.md");

/// The only program in Python of a page.
fn program(page: &str) -> &str {
    let (_, rest) = page.split_once("```python\n").unwrap();
    let (program, rest) = rest.split_once("```").unwrap();
    assert!(!rest.contains("```python"), "there are two");
    program
}

/// Runs the program of a page against an echo with this secret, and returns what it prints.
async fn run(page: &str, secret: &str) -> Result<Option<Vec<String>>> {
    let Some(python) = Python::get()? else {
        return Ok(None);
    };
    let server = Server::builder()
        .auth(HmacAuth::new(secret))
        .on((REQUEST_URI, "echo"), |content: Content| content)
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let port = server.local_addr().port().to_string();
    let program = program(page).replace("8888", &port);
    let mut command = Command::new(python.interpreter());
    command.args(["-c", &program]);
    let printed = spawn_blocking(move || Script::start("a page", &mut command)?.finish());
    let printed = printed.await.unwrap()?;
    server.stop().await;
    Ok(Some(printed))
}

#[tokio::test]
async fn the_readmes_python_asks_our_server() -> Result<()> {
    let printed = run(README, "secret").await?;
    assert!(printed.is_none_or(|printed| printed == ["hi"]));
    Ok(())
}

#[tokio::test]
async fn the_guides_python_asks_our_server() -> Result<()> {
    let printed = run(FROM_PYTHON, "test").await?;
    assert!(printed.is_none_or(|printed| printed == ["RESPOND_URI hello"]));
    Ok(())
}
