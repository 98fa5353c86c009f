//! The same frames to this implementation and to the real netaio: the same verdict and the
//! same fields, but for the differences that [`exceptions`] lists.
//!
//! The frames are generated from a constant seed. `cargo test -- --nocapture` prints how many
//! ended how. `NETAIO_DIFFERENTIAL=300000` generates that many, for a longer search.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod exceptions;
mod generate;
mod mutate;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use netaio_core::{FrameErrorKind, OpenError, Wire};
use netaio_tests::judge::{self, Accepted, Refused, judge, packed_fields};
use netaio_tests::python::{Inner, Oracle, Outer, Python, PythonError, Question, Verdict, hex};
use netaio_tests::vectors::Hex;

use self::exceptions::Exception;
use self::generate::{Case, Generator, Seeds};

const SEED: u64 = 0x6e65_7461_696f;
const GENERATED: usize = 10_000;

/// How many frames to generate.
fn generated() -> usize {
    let wanted = std::env::var("NETAIO_DIFFERENTIAL").ok();
    let wanted = wanted.and_then(|text| text.parse().ok());
    wanted.unwrap_or(GENERATED).max(GENERATED)
}

#[test]
fn both_judge_alike() -> Result<(), PythonError> {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let mut oracle = Oracle::start(&python)?;
    let seeds = Seeds::load();
    let known = seeds.cases().collect::<Vec<_>>();
    let mut generator = Generator::new(&seeds, SEED);

    let mut tally = Tally::default();
    tally.ask(&mut oracle, &known)?;
    let mut left = generated();
    while left > 0 {
        let cases: Vec<Case> = (0..left.min(500)).map(|_| generator.case()).collect();
        left -= cases.len();
        tally.ask(&mut oracle, &cases)?;
    }
    println!("{}", tally.report());
    assert!(
        tally.wrong.is_empty(),
        "{} differences, of which the first:\n{}",
        tally.wrong.len(),
        tally
            .wrong
            .iter()
            .take(5)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n\n")
    );
    assert_eq!(tally.cases, known.len() + generated());
    // Were the frames all rubbish, or all good, nothing would have been compared.
    assert!(tally.count("both accept") >= 3_000, "{}", tally.report());
    assert!(tally.count("both refuse") >= 3_000, "{}", tally.report());
    for exception in Exception::ALL {
        assert!(
            tally.count(exception.text()) > 0,
            "never seen: {}",
            exception.text()
        );
    }
    Ok(())
}

fn question(case: &Case) -> Question {
    Question {
        frame: case.frame.clone(),
        outer: Outer {
            secret: case.layers.secret.clone(),
            key: case.layers.key.clone(),
            plain_uri: case.layers.plain_uri,
        },
        inner: Inner {
            secret: case.layers.inner_secret.clone(),
            key: case.layers.inner_key.clone(),
        },
        all_types: case.all_types,
    }
}

/// How the cases ended.
#[derive(Default)]
struct Tally {
    cases: usize,
    ends: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

impl Tally {
    /// Asks both about these.
    fn ask(&mut self, oracle: &mut Oracle, cases: &[Case]) -> Result<(), PythonError> {
        let wires = [judge::wire(false), judge::wire(true)];
        for cases in cases.chunks(500) {
            let questions: Vec<Question> = cases.iter().map(question).collect();
            let verdicts = oracle.judge_all(&questions)?;
            for (case, theirs) in cases.iter().zip(&verdicts) {
                self.add(case, theirs, &wires[usize::from(case.all_types)]);
            }
        }
        Ok(())
    }

    fn add(&mut self, case: &Case, theirs: &Verdict, wire: &Arc<Wire>) {
        self.cases += 1;
        let ours = judge(&case.frame, &case.layers, wire);
        let end = match (&ours, theirs) {
            (Ok(ours), Verdict::Accepted(theirs)) if same(ours, theirs) => Some("both accept"),
            (Err(ours), Verdict::Refused(theirs)) if stage(ours) == theirs.stage => {
                self.count_up("both refuse");
                Some("    at the same step")
            }
            (Err(ours), Verdict::Refused(theirs)) => {
                let why = exceptions::other_step(case, ours, theirs);
                why.inspect(|_| self.count_up("both refuse"))
            }
            _ => Exception::of(case, &ours, theirs).map(Exception::text),
        };
        match end {
            Some(end) => self.count_up(end),
            None => self.wrong.push(describe(case, &ours, theirs)),
        }
    }

    fn count_up(&mut self, end: &'static str) {
        *self.ends.entry(end).or_default() += 1;
    }

    fn count(&self, end: &str) -> usize {
        self.ends.get(end).copied().unwrap_or_default()
    }

    fn report(&self) -> String {
        let mut text = format!("{} frames to both:", self.cases);
        for (end, count) in &self.ends {
            text.push_str(&format!("\n{count:>7}  {end}"));
        }
        text
    }
}

fn same(ours: &Accepted, theirs: &netaio_tests::python::Accepted) -> bool {
    let auth = packed_fields(&ours.message.auth);
    let auth = auth.into_iter().map(|(Hex(key), Hex(value))| (key, value));
    ours.message.message_type.value() == theirs.kind
        && ours.message.uri == theirs.uri
        && ours.message.content == theirs.content
        && Some(auth.collect()) == theirs.auth
        && ours.rest == theirs.rest
}

/// The oracle's word for the step at which we refuse.
fn stage(refused: &Refused) -> &'static str {
    match refused {
        Refused::Frame(kind) => match kind {
            FrameErrorKind::Truncated { .. } => "incomplete",
            FrameErrorKind::UnknownType(_) => "header",
            FrameErrorKind::AuthTooLong { .. } => "auth length",
            FrameErrorKind::AuthNotPackify(_) | FrameErrorKind::AuthNotADict => "auth fields",
            FrameErrorKind::BodyTooShort { .. } | FrameErrorKind::UriPastBody { .. } => "body",
            FrameErrorKind::Checksum { .. } => "checksum",
            _ => "?",
        },
        Refused::Outer(OpenError::Auth(_)) => "auth",
        Refused::Outer(_) => "decrypt",
        Refused::Inner(OpenError::Auth(_)) => "inner auth",
        Refused::Inner(_) => "inner decrypt",
    }
}

/// Everything that it takes to look into a difference.
fn describe(case: &Case, ours: &Result<Accepted, Refused>, theirs: &Verdict) -> String {
    format!(
        "{}\nframe {}\nlayers {:?}, all types: {}\nours {ours:?}\ntheirs {theirs:?}",
        case.made,
        hex(&case.frame),
        case.layers,
        case.all_types
    )
}
