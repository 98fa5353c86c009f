//! Whether colours are wanted.

/// See <https://no-color.org>.
pub(crate) fn are_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
