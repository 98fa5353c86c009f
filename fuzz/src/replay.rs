//! Inputs that are kept in files, without a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use arbitrary::{Arbitrary, Unstructured};

/// Runs a target over the files that the command line names, and over those in
/// the folders that it names. This is what a program of `fuzz_targets` does that
/// was not built for fuzzing.
///
/// # Panics
///
/// Where the target does, or where a file cannot be read. Before each run
/// standard error names the file.
pub fn replay(target: impl Fn(&[u8])) {
    for argument in std::env::args_os().skip(1) {
        let path = PathBuf::from(argument);
        match path.is_dir() {
            true => inputs(&path).iter().for_each(|path| run(&target, path)),
            false => run(&target, &path),
        }
    }
}

/// What libFuzzer makes of an input for a target that takes values; none where
/// the input is too short for one.
pub fn described<'a, T: Arbitrary<'a>>(input: &'a [u8]) -> Option<T> {
    T::arbitrary_take_rest(Unstructured::new(input)).ok()
}

fn run(target: impl Fn(&[u8]), path: &Path) {
    let input = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    eprintln!("{}", path.display());
    target(&input);
}

/// The files of a folder in a fixed order; none where there is no folder.
fn inputs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use rand_core::TryRng;

    use super::*;
    use crate::input::Dice;

    /// Runs a target over its inputs. A panic names the input on standard error.
    fn replay(target: &str, body: fn(&[u8])) {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (folder, least) in [("corpus", 10), ("regressions", 0)] {
            let inputs = inputs(&fuzz.join(folder).join(target));
            assert!(
                inputs.len() >= least,
                "{target}: {} inputs in {folder}",
                inputs.len()
            );
            inputs.iter().for_each(|path| run(body, path));
        }
    }

    fn values_of(input: &[u8]) {
        if let Some(input) = described(input) {
            crate::values(&input);
        }
    }

    fn messages_of(input: &[u8]) {
        if let Some(input) = described(input) {
            crate::messages(&input);
        }
    }

    #[test]
    fn values() {
        replay("values", values_of);
    }

    #[test]
    fn messages() {
        replay("messages", messages_of);
    }

    #[test]
    fn packify() {
        replay("packify", crate::packify);
    }

    #[test]
    fn frame() {
        replay("frame", crate::frame);
    }

    #[test]
    fn plugins() {
        replay("plugins", crate::plugins);
    }

    #[test]
    fn budget() {
        replay("budget", crate::budget);
    }

    #[test]
    fn datagram() {
        replay("datagram", crate::datagram);
    }

    #[test]
    fn hub() {
        replay("hub", crate::hub);
    }

    #[test]
    fn link() {
        replay("link", crate::link);
    }

    /// The targets take anything: noise of many lengths, without a fuzzer.
    #[test]
    fn noise() {
        let mut dice = Dice(7);
        for round in 0..400usize {
            let mut data = vec![0; round];
            dice.try_fill_bytes(&mut data).expect("it cannot fail");
            for target in [
                crate::packify,
                crate::frame,
                crate::plugins,
                crate::link,
                crate::budget,
                crate::datagram,
                crate::hub,
                values_of,
                messages_of,
            ] {
                target(&data);
            }
        }
    }
}
