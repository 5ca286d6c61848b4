//! The control plane over a real store, with upstreams and nodes that do as they are told.

mod apply;
mod config;
mod door;
mod secrets;
mod view;
mod watch;
mod world;
