// The links between chapters are names of files in the files, and modules here. Of two definitions
// of a link the first one counts.
#![doc = include_str!("guide_links.txt")]
#![doc = include_str!("../guide/README.md")]

macro_rules! chapter {
    ($name:ident, $file:literal) => {
        #[doc = include_str!("guide_links.txt")]
        #[doc = include_str!($file)]
        pub mod $name {}
    };
}

chapter!(from_python, "../guide/from-python.md");
chapter!(handlers, "../guide/handlers.md");
chapter!(clients, "../guide/clients.md");
chapter!(peers, "../guide/peers.md");
chapter!(limits, "../guide/limits.md");
chapter!(security, "../guide/security.md");
chapter!(testing, "../guide/testing.md");
chapter!(observing, "../guide/observing.md");
chapter!(production, "../guide/production.md");
chapter!(troubleshooting, "../guide/troubleshooting.md");
chapter!(formats, "../guide/formats.md");
chapter!(plugins, "../guide/plugins.md");
chapter!(embedding, "../guide/embedding.md");
chapter!(runtimes, "../guide/runtimes.md");
chapter!(fuzzing, "../guide/fuzzing.md");
