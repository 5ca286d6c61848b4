//! End to end: the real binary, real servers behind it, real HTTP in front. One test binary, one module a subject.

mod http;
mod world;

mod smoke;
