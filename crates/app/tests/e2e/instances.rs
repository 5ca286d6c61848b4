//! Servers on stdio as instances of their tenants' own, behind the same URL as everything else.

pub(crate) mod boxed;
mod served;
