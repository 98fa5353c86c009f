//! Every input under `fuzz/corpus` and `fuzz/regressions`, as a test on any
//! toolchain.

use std::path::{Path, PathBuf};
use std::vec::Vec;

use arbitrary::{Arbitrary, Unstructured};

/// Runs a target over its inputs. A panic names the input on standard error.
fn replay(target: &str, run: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    for (folder, least) in [("corpus", 10), ("regressions", 0)] {
        let inputs = inputs(&fuzz.join(folder).join(target));
        assert!(
            inputs.len() >= least,
            "{target}: {} inputs in {folder}",
            inputs.len()
        );
        for path in inputs {
            let input = std::fs::read(&path).unwrap();
            std::eprintln!("{}", path.display());
            run(&input);
        }
    }
}

/// The files of a folder in a fixed order; none where there is no folder.
fn inputs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What libFuzzer makes of an input for a target that takes values.
fn described<'a, T: Arbitrary<'a>>(input: &'a [u8]) -> Option<T> {
    T::arbitrary_take_rest(Unstructured::new(input)).ok()
}

fn run_values(input: &[u8]) {
    if let Some(input) = described(input) {
        super::values(&input);
    }
}

fn run_messages(input: &[u8]) {
    if let Some(input) = described(input) {
        super::messages(&input);
    }
}

#[test]
fn values() {
    replay("values", run_values);
}

#[test]
fn messages() {
    replay("messages", run_messages);
}

#[test]
fn packify() {
    replay("packify", super::packify);
}

#[test]
fn frame() {
    replay("frame", super::frame);
}

#[test]
fn plugins() {
    replay("plugins", super::plugins);
}

#[test]
fn link() {
    replay("link", super::link);
}

/// The targets take anything: noise of many lengths, without a fuzzer.
#[test]
fn noise() {
    let mut dice = super::input::Dice(7);
    for round in 0..400usize {
        let mut data = std::vec![0; round];
        rand_core::TryRng::try_fill_bytes(&mut dice, &mut data).unwrap();
        for target in [
            super::packify,
            super::frame,
            super::plugins,
            super::link,
            run_values,
            run_messages,
        ] {
            target(&data);
        }
    }
}
