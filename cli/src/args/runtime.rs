//! Which runtime does the work.

use clap::ValueEnum;
use clap::builder::{EnumValueParser, TypedValueParser};

/// Which runtime does the work.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct RuntimeChoice {
    /// The async runtime.
    #[arg(long, value_parser = runtimes(), default_value = "tokio")]
    pub(crate) runtime: RuntimeName,
}

/// All runtimes are listed, but only those can be chosen that were built.
fn runtimes() -> impl TypedValueParser<Value = RuntimeName> {
    EnumValueParser::<RuntimeName>::new().try_map(|name| match name {
        RuntimeName::AsyncStd if !cfg!(feature = "async-std") => {
            Err("this netaio was built without async-std; build it with --features async-std")
        }
        built => Ok(built),
    })
}

/// The name of a runtime.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RuntimeName {
    /// tokio, with as many threads as there are processors.
    Tokio,
    /// smol, with one thread, or as many as the environment's SMOL_THREADS says.
    Smol,
    /// async-std, which is unmaintained; only where it was built with it.
    AsyncStd,
}
