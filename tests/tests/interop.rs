//! The real Python netaio and ours, over sockets, on every runtime.
//!
//! `cargo test -p netaio-tests --test interop -- --nocapture` prints a table of
//! what ran; with `--features async-std` on that runtime too.
#![allow(clippy::expect_used, reason = "the helpers of tests fail as tests do")]

use netaio_driver::Runtime;
use netaio_tests::interop::{self, Passed};
use netaio_tests::python::{Python, Result};

macro_rules! on {
    ($name:ident, $runtime:ty, $block_on:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn python_asks_our_server() -> Result<()> {
                $block_on(super::python_asks_our_server::<$runtime>(stringify!($name)))
            }

            #[test]
            fn our_client_asks_python() -> Result<()> {
                $block_on(super::our_client_asks_python::<$runtime>(stringify!($name)))
            }

            #[test]
            fn wrong_secrets_are_refused_by_python() -> Result<()> {
                $block_on(super::wrong_secrets_are_refused_by_python::<$runtime>())
            }

            #[test]
            fn wrong_secrets_are_refused_by_us() -> Result<()> {
                $block_on(super::wrong_secrets_are_refused_by_us::<$runtime>())
            }
        }
    };
}

on!(tokio, netaio_tokio::Tokio, on_tokio);
on!(smol, netaio_smol::Smol, ::smol::block_on);
#[cfg(feature = "async-std")]
on!(
    async_std,
    netaio_async_std::AsyncStd,
    ::async_std::task::block_on
);

/// On one thread, where whatever blocks would be noticed.
fn on_tokio<T>(test: impl Future<Output = T>) -> T {
    let mut builder = ::tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build();
    runtime.expect("tokio starts").block_on(test)
}

async fn python_asks_our_server<R: Runtime>(runtime: &str) -> Result<()> {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let mut table = Vec::new();
    for case in interop::cases() {
        table.push(interop::python_asks_ours::<R>(&python, &case).await);
    }
    print(runtime, &table);
    Ok(())
}

async fn our_client_asks_python<R: Runtime>(runtime: &str) -> Result<()> {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let mut table = Vec::new();
    for case in interop::cases() {
        table.push(interop::ours_asks_python::<R>(&python, &case).await);
    }
    print(runtime, &table);
    Ok(())
}

async fn wrong_secrets_are_refused_by_python<R: Runtime>() -> Result<()> {
    match Python::get()? {
        Some(python) => interop::python_refuses_ours::<R>(&python).await,
        None => return Ok(()),
    }
    Ok(())
}

async fn wrong_secrets_are_refused_by_us<R: Runtime>() -> Result<()> {
    match Python::get()? {
        Some(python) => interop::ours_refuses_python::<R>(&python).await,
        None => return Ok(()),
    }
    Ok(())
}

fn print(runtime: &str, table: &[Passed]) {
    let lines = table.iter().map(|passed| format!("{passed}\n"));
    println!(
        "on {runtime}\n{}\n{}",
        Passed::HEAD,
        lines.collect::<String>()
    );
}
