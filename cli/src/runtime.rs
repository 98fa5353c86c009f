//! Running a command on the runtime that was chosen.

use std::io;

use netaio_driver::Runtime;
use netaio_smol::Smol;
use netaio_tokio::Tokio;

use crate::args::RuntimeName;

/// The work of a command, for any runtime.
pub(crate) trait Work {
    /// Its result.
    type Output;

    /// Runs it on the runtime `R`.
    fn on<R: Runtime>(self) -> impl Future<Output = Self::Output>;
}

/// Runs the work on the runtime of this name.
pub(crate) fn block_on<W: Work>(name: RuntimeName, work: W) -> io::Result<W::Output> {
    match name {
        RuntimeName::Tokio => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            let output = runtime.block_on(work.on::<Tokio>());
            // Whatever is wanted has ended. A resolver that still waits in a thread of its own
            // cannot be stopped, and is not waited for.
            runtime.shutdown_background();
            Ok(output)
        }
        RuntimeName::Smol => Ok(smol::block_on(work.on::<Smol>())),
        #[cfg(feature = "async-std")]
        RuntimeName::AsyncStd => {
            let work = work.on::<netaio_async_std::AsyncStd>();
            Ok(async_std::task::block_on(work))
        }
        // The command line was refused already.
        #[cfg(not(feature = "async-std"))]
        RuntimeName::AsyncStd => Err(io::ErrorKind::Unsupported.into()),
    }
}
