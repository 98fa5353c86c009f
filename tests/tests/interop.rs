//! The real Python netaio and ours, over sockets, on tokio.
//!
//! `cargo test -p netaio-tests --test interop -- --nocapture` prints a table of
//! what ran.

use netaio_tests::interop::{self, Passed};
use netaio_tests::python::{Python, Result};
use netaio_tokio::Tokio;

#[tokio::test]
async fn python_asks_our_server() -> Result<()> {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let mut table = Vec::new();
    for case in interop::cases() {
        table.push(interop::python_asks_ours::<Tokio>(&python, &case).await);
    }
    print(&table);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_client_asks_python() -> Result<()> {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let mut table = Vec::new();
    for case in interop::cases() {
        table.push(interop::ours_asks_python::<Tokio>(&python, &case).await);
    }
    print(&table);
    Ok(())
}

#[tokio::test]
async fn wrong_secrets_are_refused_by_python() -> Result<()> {
    match Python::get()? {
        Some(python) => interop::python_refuses_ours::<Tokio>(&python).await,
        None => return Ok(()),
    }
    Ok(())
}

#[tokio::test]
async fn wrong_secrets_are_refused_by_us() -> Result<()> {
    match Python::get()? {
        Some(python) => interop::ours_refuses_python::<Tokio>(&python).await,
        None => return Ok(()),
    }
    Ok(())
}

fn print(table: &[Passed]) {
    let lines = table.iter().map(|passed| format!("{passed}\n"));
    println!("{}\n{}", Passed::HEAD, lines.collect::<String>());
}
