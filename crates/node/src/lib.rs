//! This node's errands.
