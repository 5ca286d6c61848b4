//! Servers on stdio as instances of their tenants' own, behind the same URL as everything else.

mod beside;
pub(crate) mod boxed;
mod cold;
mod costs;
mod crash;
mod crowd;
mod fidelity;
mod life;
mod listening;
mod owners;
mod served;
mod walls;
