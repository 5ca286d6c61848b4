//! For authors.
