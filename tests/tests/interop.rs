//! The real Python netaio and ours, over sockets, on every runtime.
//!
//! `cargo test -p netaio-tests --test interop -- --nocapture` prints what
//! ran; with `--features async-std` on that runtime too.
#![allow(clippy::expect_used, reason = "the helpers of tests fail as tests do")]

use netaio_driver::Runtime;
use netaio_tests::interop::{self, covers, packed, peers, services, slow, stops, table, tcp, udp};
use netaio_tests::python::{Python, Result};

macro_rules! on {
    ($name:ident, $runtime:ty, $block_on:expr) => {
        mod $name {
            use super::*;

            const NAME: &str = stringify!($name);

            #[test]
            fn python_asks_our_server() -> Result<()> {
                $block_on(super::python_asks_our_server::<$runtime>(NAME))
            }

            #[test]
            fn our_client_asks_python() -> Result<()> {
                $block_on(super::our_client_asks_python::<$runtime>(NAME))
            }

            #[test]
            fn python_asks_our_node() -> Result<()> {
                $block_on(super::python_asks_our_node::<$runtime>(NAME))
            }

            #[test]
            fn our_node_asks_python() -> Result<()> {
                $block_on(super::our_node_asks_python::<$runtime>(NAME))
            }

            #[test]
            fn python_ignores_covers() -> Result<()> {
                $block_on(super::python_ignores_covers::<$runtime>())
            }

            #[test]
            fn pythons_values_are_structs() -> Result<()> {
                $block_on(super::python_packs::<$runtime>())?;
                $block_on(super::ours_packs::<$runtime>())
            }

            #[test]
            fn python_asks_a_service() -> Result<()> {
                $block_on(super::client_asks_a_service::<$runtime>())?;
                $block_on(super::node_asks_a_service::<$runtime>())
            }

            #[test]
            fn python_subscribes_to_patterns() -> Result<()> {
                $block_on(super::client_subscribes_to_patterns::<$runtime>())?;
                $block_on(super::node_subscribes_to_patterns::<$runtime>())
            }

            #[test]
            fn python_survives_our_heartbeat() -> Result<()> {
                $block_on(super::survives_heartbeats::<$runtime>())
            }

            #[test]
            fn wrong_secrets_are_refused_by_python() -> Result<()> {
                $block_on(super::refused_by_python::<$runtime>())
            }

            #[test]
            fn wrong_secrets_are_refused_by_us() -> Result<()> {
                $block_on(super::refused_by_us::<$runtime>())
            }

            #[test]
            fn wrong_secrets_are_refused_by_a_node_in_python() -> Result<()> {
                $block_on(super::refused_by_a_node_in_python::<$runtime>())
            }

            #[test]
            fn wrong_secrets_are_refused_by_our_node() -> Result<()> {
                $block_on(super::refused_by_our_node::<$runtime>())
            }

            #[test]
            fn a_python_client_is_a_peer_of_our_server() -> Result<()> {
                $block_on(super::python_client_and_our_server::<$runtime>())
            }

            #[test]
            fn our_client_is_a_peer_of_a_python_server() -> Result<()> {
                $block_on(super::our_client_and_python_server::<$runtime>())
            }

            #[test]
            fn a_python_node_and_ours_are_peers() -> Result<()> {
                $block_on(super::nodes_meet::<$runtime>())
            }

            #[test]
            fn python_is_refused_by_a_server_that_stops() -> Result<()> {
                $block_on(super::refused_by_one_that_stops::<$runtime>())
            }

            #[test]
            fn the_last_frame_that_python_gets_is_whole() -> Result<()> {
                $block_on(super::whole_last_frame::<$runtime>())
            }

            #[test]
            fn a_silent_python_node_is_dropped() -> Result<()> {
                $block_on(super::a_silent_node_is_dropped::<$runtime>())
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

#[test]
fn the_page_has_a_row_for_every_run() {
    table::assert_whole();
}

/// On one thread, where whatever blocks would be noticed.
fn on_tokio<T>(test: impl Future<Output = T>) -> T {
    let mut builder = ::tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build();
    runtime.expect("tokio starts").block_on(test)
}

/// A run for each combination of layers, as the page says.
macro_rules! runs {
    ($($name:ident: $run:path;)*) => {$(
        async fn $name<R: Runtime>(runtime: &str) -> Result<()> {
            let Some(python) = Python::get()? else {
                return Ok(());
            };
            let mut passed = Vec::new();
            for case in interop::cases() {
                passed.push($run(&python, &case).await);
            }
            table::check(runtime, &passed);
            Ok(())
        }
    )*};
}

runs! {
    python_asks_our_server: tcp::python_asks_ours::<R>;
    our_client_asks_python: tcp::ours_asks_python::<R>;
    python_asks_our_node: udp::python_asks_ours::<R>;
    our_node_asks_python: udp::ours_asks_python::<R>;
}

/// A run that is no row of the page.
macro_rules! others {
    ($($name:ident: $run:path;)*) => {$(
        async fn $name<R: Runtime>() -> Result<()> {
            if let Some(python) = Python::get()? {
                $run(&python).await;
            }
            Ok(())
        }
    )*};
}

others! {
    python_ignores_covers: covers::python_ignores_covers::<R>;
    python_packs: packed::python_packs_for_ours::<R>;
    ours_packs: packed::ours_packs_for_python::<R>;
    client_asks_a_service: services::python_asks_a_service::<R>;
    node_asks_a_service: services::a_python_node_asks_a_service::<R>;
    client_subscribes_to_patterns: services::python_subscribes_to_patterns::<R>;
    node_subscribes_to_patterns: services::a_python_node_subscribes_to_patterns::<R>;
    survives_heartbeats: services::python_survives_our_heartbeat::<R>;
    refused_by_python: tcp::python_refuses_ours::<R>;
    refused_by_us: tcp::ours_refuses_python::<R>;
    refused_by_a_node_in_python: udp::python_refuses_ours::<R>;
    refused_by_one_that_stops: stops::python_is_refused_by_a_server_that_stops::<R>;
    whole_last_frame: slow::the_last_frame_that_python_gets_is_whole::<R>;
    refused_by_our_node: udp::ours_refuses_python::<R>;
    a_silent_node_is_dropped: peers::a_silent_node_is_dropped::<R>;
}

/// Peers, for the combinations of layers that they are tried with.
macro_rules! acquaintances {
    ($($name:ident: $run:path;)*) => {$(
        async fn $name<R: Runtime>() -> Result<()> {
            if let Some(python) = Python::get()? {
                for case in peers::cases() {
                    $run(&python, &case).await;
                }
            }
            Ok(())
        }
    )*};
}

acquaintances! {
    python_client_and_our_server: peers::python_client_and_our_server::<R>;
    our_client_and_python_server: peers::our_client_and_python_server::<R>;
    nodes_meet: peers::nodes_meet::<R>;
}
