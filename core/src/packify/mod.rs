//! packify
