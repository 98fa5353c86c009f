//! Work for whichever runtime was chosen.

use std::io;

use netaio_driver::Runtime;
use netaio_smol::Smol;
use netaio_tokio::Tokio;

use crate::args::RuntimeName;

/// Something to be done on a runtime.
pub(crate) trait Work {
    /// What comes of it.
    type Output;

    /// Does it on the runtime `R`.
    fn on<R: Runtime>(self) -> impl Future<Output = Self::Output>;
}

/// Does the work on the runtime of this name.
pub(crate) fn block_on<W: Work>(name: RuntimeName, work: W) -> io::Result<W::Output> {
    match name {
        RuntimeName::Tokio => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            Ok(runtime.block_on(work.on::<Tokio>()))
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
