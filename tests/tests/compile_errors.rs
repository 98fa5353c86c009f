//! What the compiler says of functions that are no handlers.
//!
//! The texts are those of one compiler: `TRYBUILD=overwrite` renews them, and another version of
//! it skips them.

/// The version that the texts are of.
const VERSION: &str = "1.95";

/// Each mistake is named where it is, and what to do.
#[test]
fn each_mistake_is_named() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = std::process::Command::new(rustc).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if !version.is_ok_and(|version| version.contains(VERSION)) {
        eprintln!("SKIPPED: the texts are those of Rust {VERSION}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_errors/*.rs");
}
