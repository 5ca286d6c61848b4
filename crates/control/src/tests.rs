//! The control plane over a real store, with upstreams and nodes that do as they are told.

mod apply;
mod door;
mod view;
mod world;
